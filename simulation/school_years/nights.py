"""The ordinary nights of a school year: what each one changes, as the rates have it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from simulation.school_years.district import FIRST_SECONDARY, GRADES, LEVELS, Calendar, District, Night, School

_TURNOVER_DAYS, _SEMESTER_DAYS, _OPENING_DAYS = 15, 10, 10
_DAYS_OF_THE_YEAR_BETWEEN = 150
_JUNE_DAYS = 20


def nights_of(district: District, year: int) -> Iterator[Night]:
    """The uploads of a school year that change something, in order; the district changes with them."""
    plan = _Plan.drawn(district, district.calendar(year))
    night: Night | None = None
    day = date(year, 7, 1)
    while day < date(year + 1, 7, 1):
        night = night or Night(day)
        if _is_weekday(day):
            _Day(district, plan, day, night).happen()
        comes = day.weekday() == 0 if district.uploads_weekly else district.rng.random() >= district.rates.missed_nights
        if comes and night.something:
            night.day = day
            yield night
            night = None
        day += timedelta(days=1)


def _is_weekday(day: date) -> bool:
    return day.weekday() < 5


@dataclass(slots=True)
class _Plan:
    """On which days of the year what happens."""

    calendar: Calendar
    turnover: set[date]
    opening: set[date]
    no_shows: date
    no_show_share: float
    semester: set[date]
    contracts_end: date
    staff_days: set[date]
    graduates: date
    tidyings: dict[date, list[int]] = field(default_factory=dict)
    merger: date | None = None
    new_system: date | None = None
    new_domain: date | None = None

    @classmethod
    def drawn(cls, district: District, calendar: Calendar) -> _Plan:
        rng, rates = district.rng, district.rates
        before = (calendar.starts - calendar.rollover).days
        after_end = [calendar.ends + timedelta(days=days) for days in range(1, 30)]
        june = [*filter(_is_weekday, after_end)][:_JUNE_DAYS]
        made = cls(
            calendar,
            turnover={
                *filter(_is_weekday, (calendar.rollover + timedelta(days=days) for days in range(1, before))),
                *calendar.school_days(calendar.starts, _TURNOVER_DAYS),
            },
            opening=set(calendar.school_days(calendar.starts, _OPENING_DAYS)),
            no_shows=calendar.school_days(calendar.starts, round(rng.uniform(*rates.no_shows_after_days)))[-1],
            no_show_share=rng.uniform(*rates.no_shows),
            semester=set(calendar.school_days(calendar.semester, _SEMESTER_DAYS)),
            contracts_end=rng.choice(june),
            staff_days=set(june),
            graduates=rng.choice(june),
        )
        school_days = calendar.school_days(calendar.starts, 160)
        for _ in range(district.draws(len(district.schools), rates.tidyings_for_each_school)):
            made.tidyings.setdefault(rng.choice(school_days), []).append(rng.randrange(len(district.schools)))
        if rng.random() < 1 / rng.uniform(*rates.years_between_mergers):
            in_summer = rng.random() < rates.mergers_in_summer
            made.merger = calendar.rollover if in_summer else rng.choice(school_days)
        if rng.random() < 1 / rates.years_between_new_systems:
            made.new_system = rng.choice(school_days)
        if rng.random() < 1 / rates.years_between_mail_domains:
            made.new_domain = rng.choice(school_days)
        return made


class _Day:
    """What happens on one weekday."""

    def __init__(self, district: District, plan: _Plan, day: date, night: Night) -> None:
        self._district = district
        self._plan = plan
        self._day = day
        self._night = night
        nights, times = zip(*district.rates.registrars_nights, strict=True)
        self._batch = district.rng.choices(times, nights)[0]

    def happen(self) -> None:
        plan, day, calendar = self._plan, self._day, self._plan.calendar
        if day == calendar.rollover:
            self._roll_over()
        if day == plan.merger:
            self._merge_schools()
        if day in plan.turnover:
            self._students_leave(self._district.rates.leave_in_august / len(plan.turnover))
        if day in plan.staff_days or (day in (plan.contracts_end, plan.graduates)):
            self._in_june()
        if calendar.is_school_day(day):
            self._on_a_school_day()
        if day in (plan.new_system, plan.new_domain):
            self._renumber()

    def _on_a_school_day(self) -> None:
        plan, day, district, rates = self._plan, self._day, self._district, self._district.rates
        if day in plan.semester:
            self._students_leave(rates.leave_at_semester / _SEMESTER_DAYS)
        elif day not in plan.turnover:
            share = 1 - rates.leave_in_august - rates.leave_at_semester
            self._students_leave(share / _DAYS_OF_THE_YEAR_BETWEEN)
        if day == plan.no_shows:
            self._take_students(round(district.pupils * plan.no_show_share))
        if day == plan.calendar.semester:
            self._second_semester()
        self._change_classes()
        self._split_and_merge()
        self._staff_leave(rates.staff_leave_later / _DAYS_OF_THE_YEAR_BETWEEN * self._batch)
        people = district.people * self._batch / _DAYS_OF_THE_YEAR_BETWEEN
        sizes = [school.people for school in district.schools]
        altered = district.draws(round(people * 100), rates.addresses_are_corrected / 100)
        for place, number in district.spread(altered, sizes).items():
            self._night.of(place).altered += number
        renamed = district.draws(round(people * 100), rates.names_change / 100)
        for place, number in district.spread(renamed, sizes).items():
            self._night.of(place).renamed += number
        for place in plan.tidyings.get(day, ()):
            share = district.rng.uniform(*rates.tidied)
            self._night.of(place).renamed += round(district.schools[place].people * share)

    # Students.

    def _students_leave(self, share_of_leavers: float) -> None:
        leavers = self._district.in_families(self._district.leave * share_of_leavers * self._batch)
        self._take_students(leavers)
        self._add_students(self._district.in_families(self._district.leave * share_of_leavers * self._batch))

    def _take_students(self, number: int) -> None:
        district = self._district
        for place, leavers in district.spread(number, [school.pupils for school in district.schools]).items():
            school = district.schools[place]
            leavers = min(leavers, school.pupils)
            if leavers:
                self._night.of(place).students_left += leavers
                _move_grades(district, school, -leavers)

    def _add_students(self, number: int) -> None:
        district = self._district
        district.joined += number
        for place, comers in district.spread(number, [school.pupils for school in district.schools]).items():
            if comers:
                self._night.of(place).students_came += comers
                _move_grades(district, district.schools[place], comers)

    def _change_classes(self) -> None:
        district, rates = self._district, self._district.rates
        if self._day in self._plan.opening:
            share = district.change_classes / _OPENING_DAYS
        else:
            share = rates.change_classes_later / _DAYS_OF_THE_YEAR_BETWEEN
        changed = district.draws(district.pupils, share * self._batch)
        for place, number in district.spread(changed, [school.pupils for school in district.schools]).items():
            if number:
                tally, number = self._night.of(place), min(number, district.schools[place].pupils)
                thinned = district.draws(number, rates.drop_only)
                tally.thinned += thinned
                tally.swapped += number - thinned

    def _second_semester(self) -> None:
        """Half of the sections of secondary schools make way for others."""
        district = self._district
        self._night.something = True
        for place, school in enumerate(district.schools):
            if school.level and not district.has_term_dates:
                tally = self._night.of(place)
                thinned = district.draws(school.pupils, district.rates.semester_schedule_shrinks)
                tally.thinned += thinned
                tally.swapped += school.pupils - thinned
                tally.sections_gone += max(0, round(school.sections / 2 * district.rng.gauss(0, 0.03)))
                tally.sections_replaced += school.sections // 2

    # Sections and staff.

    def _split_and_merge(self) -> None:
        district = self._district
        merged = district.draws(district.sections, district.rates.sections_in_a_month / 3 / 20 * self._batch)
        for place, number in district.spread(merged, [school.sections for school in district.schools]).items():
            self._night.of(place).sections_gone += number

    def _staff_leave(self, share: float) -> None:
        district = self._district
        for place, number in district.spread(
            district.draws(district.staff, share), [school.staff for school in district.schools]
        ).items():
            leavers = min(number, district.schools[place].staff)
            if leavers:
                # Somebody takes the place, at once or in August.
                self._night.of(place).staff_left += leavers

    def _in_june(self) -> None:
        district, rates, day = self._district, self._district.rates, self._day
        if day == self._plan.contracts_end:
            self._staff_leave(district.staff_leave * rates.staff_leave_in_one_night)
        else:
            self._staff_leave(district.staff_leave * (1 - rates.staff_leave_in_one_night) / _JUNE_DAYS)
        if day == self._plan.graduates and district.graduates_leave_in_june:
            self._graduate()

    def _merge_schools(self) -> None:
        """Everybody of the school is in the roster still, with another school's id, and in sections with other ids."""
        place = self._district.rng.randrange(len(self._district.schools))
        tally = self._night.of(place)
        tally.sections_replaced += self._district.schools[place].sections
        tally.swapped += self._district.schools[place].pupils

    # What a person ought to be asked about.

    def _graduate(self) -> None:
        self._night.to_be_asked = "rollover"
        for place, school in enumerate(self._district.schools):
            if leavers := school.students[GRADES - 1]:
                self._night.of(place).students_left += leavers
                school.students[GRADES - 1] = 0

    def _roll_over(self) -> None:
        """Everybody is promoted, the graduates leave, and all sections are others."""
        district, night = self._district, self._night
        night.begins_year = True
        self._graduate()
        night.to_be_asked = "rollover"
        district.joined = 0
        of_grade = [sum(school.students[grade] for school in district.schools) for grade in range(GRADES)]
        for grade in range(GRADES - 1, -1, -1):
            new = of_grade[grade - 1] if grade else round(district.people * 0.94 / GRADES)
            _hand_on(district, grade, new)
        without_schedule = not district.has_term_dates and district.rng.random() < 0.5
        for place, school in enumerate(district.schools):
            if not district.has_term_dates:
                night.of(place).sections_replaced += school.sections
                night.of(place).sections_gone += max(0, round(school.sections * district.rng.gauss(0, 0.05)))
            if without_schedule:
                night.of(place).thinned += school.pupils
        self._staff_leave(0.01)

    def _renumber(self) -> None:
        """Everybody has another number, or another address."""
        self._night.to_be_asked = "ids_changed"
        for place, school in enumerate(self._district.schools):
            tally = self._night.of(place)
            if self._day == self._plan.new_system:
                tally.students_left += school.pupils
                tally.staff_left += school.staff
            else:
                tally.altered += school.people


def _move_grades(district: District, school: School, number: int) -> None:
    """So many students more, or fewer, in random grades of a school."""
    grades = LEVELS[school.level]
    step = 1 if number > 0 else -1
    for _ in range(abs(number)):
        grade = district.rng.choice(grades)
        if step < 0 and not school.students[grade]:
            grade = max(grades, key=school.students.__getitem__)
        school.students[grade] = max(0, school.students[grade] + step)


def _hand_on(district: District, grade: int, number: int) -> None:
    """Put so many students into a grade, over the schools that have it, in proportion to what they had."""
    level = 2 if grade >= LEVELS[2].start else int(grade >= FIRST_SECONDARY)
    schools = [school for school in district.schools if school.level == level]
    weights = [max(1, school.pupils) for school in schools]
    for school, weight in zip(schools, weights, strict=True):
        school.students[grade] = max(1, round(number * weight / sum(weights)))
