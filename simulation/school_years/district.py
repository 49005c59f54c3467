"""A district as the simulation knows it: how many people of which school, grade and role; its calendar and its habits."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import accumulate
from random import Random

from simulation.school_years.rates import Rates

GRADES = 13
LEVELS = (range(6), range(6, 9), range(9, GRADES))
"""The grades of elementary, middle and high schools."""
FIRST_SECONDARY = 6
_PUPILS = (420, 650, 1_100)
_PEOPLE_PER_TEACHER = 15
_SECTIONS_PER_TEACHER = (1.5, 4, 5)
CLASSES_OF_A_STUDENT = (2, 7, 7)


@dataclass(slots=True)
class School:
    """How many people there are in a school."""

    name: str
    level: int
    students: list[int]
    """By grade, of all grades."""
    staff: int
    sections: int

    @property
    def pupils(self) -> int:
        return sum(self.students)

    @property
    def people(self) -> int:
        return sum(self.students) + self.staff


@dataclass(slots=True)
class Tally:
    """What a night does to the people and sections of a school."""

    students_left: int = 0
    staff_left: int = 0
    altered: int = 0
    """People whose address, role or whole name is another."""
    renamed: int = 0
    """People of whose two names one is another."""
    thinned: int = 0
    """People who stay, and lose classes without getting others."""
    sections_gone: int = 0
    """Beyond those that come."""
    swapped: int = 0
    """People who get other classes for those that they lose: it hurts nobody."""
    students_came: int = 0
    sections_replaced: int = 0

    def add(self, other: Tally) -> None:
        self.students_left += other.students_left
        self.staff_left += other.staff_left
        self.altered += other.altered
        self.renamed += other.renamed
        self.thinned += other.thinned
        self.sections_gone += other.sections_gone
        self.swapped += other.swapped
        self.students_came += other.students_came
        self.sections_replaced += other.sections_replaced

    @property
    def hurt(self) -> int:
        """People, each once: what hits one person twice is not modelled."""
        return self.students_left + self.staff_left + self.altered + self.renamed + self.thinned


@dataclass(slots=True)
class Night:
    """What has changed since the upload before."""

    day: date
    tallies: dict[int, Tally] = field(default_factory=dict)
    """By the school's place."""
    to_be_asked: str = ""
    """What a person ought to be asked about: ``rollover``, ``ids_changed``."""
    begins_year: bool = False
    something: bool = False
    """Whether anything has changed at all."""

    def of(self, place: int) -> Tally:
        self.something = True
        tally = self.tallies.get(place)
        if tally is None:
            tally = self.tallies[place] = Tally()
        return tally


@dataclass(frozen=True, slots=True)
class Calendar:
    """One school year."""

    rollover: date
    starts: date
    semester: date
    ends: date
    holidays: tuple[tuple[date, date], ...]

    def is_school_day(self, day: date) -> bool:
        return (
            day.weekday() < 5
            and self.starts <= day <= self.ends
            and not any(first <= day <= last for first, last in self.holidays)
        )

    def school_days(self, first: date, number: int) -> list[date]:
        """So many school days from this one on."""
        found: list[date] = []
        day = first
        while len(found) < number:
            if self.is_school_day(day):
                found.append(day)
            day += timedelta(days=1)
        return found


@dataclass(slots=True)
class District:
    """A district, drawn once."""

    people: int
    schools: list[School]
    rng: Random
    rates: Rates
    has_term_dates: bool
    uploads_weekly: bool
    graduates_leave_in_june: bool
    leave: float
    staff_leave: float
    change_classes: float
    sorted_by_school: bool
    """Whether its files list people school by school."""
    start_day: int
    """Days after the first of August."""
    joined: int = 0
    """Students who came since the year before."""

    @classmethod
    def drawn(cls, people: int, rng: Random, rates: Rates) -> District:
        """A district of so many people."""
        uniform = rng.uniform
        return cls(
            people,
            _schools(people, rng),
            rng,
            rates,
            has_term_dates=rng.random() >= rates.without_term_dates,
            uploads_weekly=rng.random() < rates.uploads_weekly,
            graduates_leave_in_june=rng.random() < rates.graduates_leave_in_june,
            leave=uniform(*rates.leave_in_a_year),
            staff_leave=uniform(*rates.staff_leave_in_summer),
            change_classes=uniform(*rates.change_classes_in_opening),
            sorted_by_school=rng.random() < 0.6,
            start_day=rng.randint(2, 37),
        )

    @property
    def pupils(self) -> int:
        return sum(school.pupils for school in self.schools)

    @property
    def of_grades(self) -> list[int]:
        """How many students each grade has."""
        return [sum(school.students[grade] for school in self.schools) for grade in range(GRADES)]

    @property
    def staff(self) -> int:
        return sum(school.staff for school in self.schools)

    @property
    def sections(self) -> int:
        return sum(school.sections for school in self.schools)

    def calendar(self, year: int) -> Calendar:
        """The school year that begins in this calendar year."""
        rng = self.rng
        starts = _weekday(date(year, 8, 1) + timedelta(days=self.start_day + rng.randint(-1, 1)))
        return Calendar(
            rollover=_weekday(starts - timedelta(days=rng.randint(5, 35))),
            starts=starts,
            semester=_weekday(date(year + 1, 1, rng.randint(5, 28))),
            ends=_weekday(starts + timedelta(days=291)),
            holidays=(
                (date(year, 11, 23), date(year, 11, 27)),
                (date(year, 12, 20), date(year + 1, 1, 3)),
                (date(year + 1, 4, 5), date(year + 1, 4, 11)),
            ),
        )

    # Who is drawn.

    def spread(self, number: int, weights: Sequence[int]) -> dict[int, int]:
        """So many people or sections over the schools, by weight: place → how many."""
        if number <= 0:
            return {}
        if number < 4 * len(weights):
            together = list(accumulate(weights))
            if not together[-1]:
                return {}
            return Counter(self.rng.choices(range(len(weights)), cum_weights=together, k=number))
        total = sum(weights)
        return {place: self.draws(number, weight / total) for place, weight in enumerate(weights) if weight}

    def draws(self, number: int, share: float) -> int:
        """How many of so many are drawn, each with this chance."""
        return self.rng.binomialvariate(number, min(1.0, share)) if number > 0 and share > 0 else 0

    def in_families(self, share: float) -> int:
        """How many students of families move, where this share of the students does on average."""
        sizes = self.rates.children_of_a_family
        mean = sum(size * chance for size, chance in enumerate(sizes, 1))
        families = self.draws(self.pupils, share / mean)
        if families > 200:
            return round(families * mean)
        return sum(self.rng.choices(range(1, len(sizes) + 1), sizes, k=families))


def _schools(people: int, rng: Random) -> list[School]:
    """Schools of all levels, among them a small programme in most districts with more than one."""
    per_grade = people * _PEOPLE_PER_TEACHER / (_PEOPLE_PER_TEACHER + 1) / GRADES
    found: list[School] = []
    for level, grades in enumerate(LEVELS):
        pupils = per_grade * len(grades)
        number = max(1, round(pupils / _PUPILS[level]))
        sizes = [rng.uniform(0.6, 1.4) for _ in range(number)]
        for place, size in enumerate(sizes):
            own = pupils * size / sum(sizes) / len(grades)
            found.append(_school(f"{level}-{place}", level, own, rng))
    for place in range(len(found) // 8 if len(found) >= 8 else int(people > 2_000)):
        found.append(_school(f"small-{place}", 2, rng.uniform(3, 12), rng))
    return found


def _school(name: str, level: int, of_a_grade: float, rng: Random) -> School:
    students = [0] * GRADES
    for grade in LEVELS[level]:
        students[grade] = max(1, round(of_a_grade * rng.uniform(0.9, 1.1)))
    staff = max(2, math.ceil(sum(students) / _PEOPLE_PER_TEACHER))
    return School(name, level, students, staff, max(2, round(staff * _SECTIONS_PER_TEACHER[level])))


def _weekday(day: date) -> date:
    return day + timedelta(days=max(0, 7 - day.weekday()) if day.weekday() > 4 else 0)
