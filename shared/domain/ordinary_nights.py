"""What is ordinary for a district: how much its imports hurt, by its size, the time of its year, and its own nights (M3, B15).

An import *hurts* people whom it removes, whose name, address or role it makes another, or who stay and lose classes without
getting others. How many it may hurt unasked is what its district's nights come to at this time of the year, by chance and by
a busy office; nothing is asked about additions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from math import sqrt
from typing import Final

from shared.domain.district import District
from shared.domain.harm import Harm


class Measure(StrEnum):
    """What is counted of an import."""

    STUDENTS = "students"
    """Students who are removed."""
    STAFF = "staff"
    """Teachers and administrators who are removed."""
    ALTERED = "altered"
    """People whose address, role or whole name is another."""
    RENAMED = "renamed"
    """People of whose two names one is another: who marries, or whose name an office corrects."""
    THINNED = "thinned"
    """People who stay and lose classes that are not over, without getting as many others."""
    CLASSES = "classes"
    """Classes that are gone before they are over, beyond those that come."""
    REPLACED = "replaced"
    """Classes that are gone before they are over, whatever comes: another year's file has other classes."""
    HURT = "hurt"
    """People whom any of this hits."""
    GRADE = "grade"
    """Students of a grade that is left out."""


class Season(StrEnum):
    """A time of the school year."""

    OPENING = "opening"
    """From the new year's first roster to the fifth week of school or so."""
    SEMESTER = "semester"
    SUMMER = "summer"
    """When contracts end."""
    BETWEEN = "between"


class Hurt(StrEnum):
    """How an import hurts a person."""

    REMOVED = "removed"
    ALTERED = "altered"
    RENAMED = "renamed"
    FEWER_CLASSES = "fewer_classes"


@dataclass(frozen=True, slots=True)
class Classes:
    """How many classes stood; how many of them are gone before they are over; how many are new."""

    stood: int
    gone: int
    came: int


@dataclass(frozen=True, slots=True)
class OfSchool:
    """How many people of a school stood, and how many of them are hurt."""

    stood: int
    hurt: int
    renamed: int = 0


@dataclass(frozen=True, slots=True)
class OfGrade:
    """How many students of a grade a whole roster had, and how many it has now."""

    stood: int
    now: int

    @property
    def lost(self) -> int:
        return max(0, self.stood - self.now)


@dataclass(frozen=True, slots=True)
class Night:
    """What one import would do to a district.

    ``stood`` and ``numbers`` are by measure; ``day`` is the district's day, ``since`` the one of the import before.
    """

    day: date
    since: date | None
    stood: Mapping[Measure, int]
    numbers: Mapping[Measure, int]
    schools: Mapping[str, OfSchool]
    swapped: int = 0
    """People who get other classes for those that they lose: it hurts nobody, and says that classes are being changed."""
    came: int = 0
    """Students who are new: where as many come as go, offices are at work."""
    grades: Mapping[str, OfGrade] = field(default_factory=dict)
    """By grade, as the roster calls it; empty where it names none."""

    @classmethod
    def of(
        cls,
        harm: Harm,
        classes: Classes,
        schools: Mapping[str, OfSchool],
        *,
        day: date,
        since: date | None,
        grades: Mapping[str, OfGrade] | None = None,
    ) -> Night:
        """The night of an import."""
        students = harm.stood - harm.staff_stood
        counted = {
            Measure.STUDENTS: (students, harm.students_removed),
            Measure.STAFF: (harm.staff_stood, harm.staff_removed),
            Measure.ALTERED: (harm.stood, harm.altered),
            Measure.RENAMED: (harm.stood, harm.renamed),
            Measure.THINNED: (harm.stood, harm.thinned),
            Measure.CLASSES: (classes.stood, max(0, classes.gone - classes.came)),
            Measure.REPLACED: (classes.stood, classes.gone),
            Measure.HURT: (harm.stood, harm.hurt),
        }
        return cls(
            day,
            since,
            {measure: stood for measure, (stood, _) in counted.items()},
            {measure: number for measure, (_, number) in counted.items()},
            schools,
            harm.swapped,
            harm.students_came,
            grades or {},
        )


@dataclass(frozen=True, slots=True)
class Unusual:
    """More than is ordinary: how many of how many, how many there may be, and in which school or grade; "" for the district."""

    measure: Measure
    number: int
    stood: int
    limit: int
    school: str = ""
    grade: str = ""
    graduates: bool = False
    """Whether it is the highest grade, at the end of a school year: its students have graduated, if nothing else is wrong."""


_RATES: Final[Mapping[Season, Mapping[Measure, float]]] = {
    Season.OPENING: {
        Measure.STUDENTS: 0.0008,
        Measure.STAFF: 0.003,
        Measure.ALTERED: 0.00008,
        Measure.RENAMED: 0.00008,
        Measure.THINNED: 0.0003,
        Measure.CLASSES: 0.0003,
    },
    Season.SEMESTER: {
        Measure.STUDENTS: 0.0005,
        Measure.STAFF: 0.0003,
        Measure.ALTERED: 0.00008,
        Measure.RENAMED: 0.00008,
        Measure.THINNED: 0.0003,
        Measure.CLASSES: 0.0002,
    },
    Season.SUMMER: {
        Measure.STUDENTS: 0.0003,
        Measure.STAFF: 0.003,
        Measure.ALTERED: 0.00008,
        Measure.RENAMED: 0.00008,
        Measure.THINNED: 0.0003,
        Measure.CLASSES: 0.0002,
    },
    Season.BETWEEN: {
        Measure.STUDENTS: 0.00025,
        Measure.STAFF: 0.0002,
        Measure.ALTERED: 0.00008,
        Measure.RENAMED: 0.00008,
        Measure.THINNED: 0.0002,
        Measure.CLASSES: 0.0002,
    },
}
"""Shares on an ordinary weekday, where a district's own nights say nothing yet."""
_NEVER_ASKED: Final[Mapping[Measure, float]] = {
    Measure.STUDENTS: 0.005,
    Measure.STAFF: 0.05,
    Measure.ALTERED: 0.005,
    Measure.RENAMED: 0.025,
    Measure.THINNED: 0.005,
    Measure.CLASSES: 0.01,
}
"""Shares that are too small to wait for, whatever the district's nights say."""
_FEWEST = 3
"""So many are too few to wait for, in a district or a school of any size."""
_TINY, _OF_TINY, _SMALLEST = 100, 0.1, 20
"""Of fewer than a hundred a tenth is too few to wait for; with fewer than twenty people nothing is unusual."""
_ONCE_STUDENTS, _ONCE_STAFF, _ONCE_CLASSES = 0.042, 0.11, 0.06
"""Shares that come in one night and once: who did not turn up, whose contract ended, classes of
the other semester."""
_GO_FOR_EACH_WHO_COMES = 1.2
"""Students who are removed for each who is new in the same night."""
_THINNED_OF_SWAPPED = 0.25
"""People who lose classes for each who gets others in the same night."""
_TIDIED = 0.05
"""Share of a school's people whose names an office corrects in one night."""
_OPENED, _LESSONS_BEGAN = "opened", 0.008
"""What a history calls the day from which many students change classes; their share on such a day."""
_ONCE_AGAIN_AFTER, _OPENED_AGAIN_AFTER = timedelta(days=120), timedelta(days=250)
_BUSY = 4
"""How many further days' work a busy office may enter in one day."""
_DEVIATIONS, _BESIDES = 3.0, 0.5
"""Standard deviations above the mean that are chance still, and people besides."""
_DEVIATIONS_OF_STUDENTS, _FAMILY = 2.0, 3
"""The same for students: they move with siblings, which counts most where few move."""
_PRIOR_DAYS, _MOST_DAYS, _MOST_SINCE = 40, 60, 5
"""Days that the rates above weigh; that a district's own nights weigh at most; that may lie between two imports."""
_OF_PEOPLE, _FEWEST_OF_PEOPLE = 0.05, 29
"""More people than this are never hurt unasked, until it is what a district's nights often do."""
_OF_SMALL_SCHOOL, _OF_SCHOOL, _MORE_OF_SCHOOL, _SMALLEST_SCHOOL = 0.4, 0.15, 10, 6
"""Of a small school 40 %, of a large one 15 % and ten more; fewer than six people are no school."""
_OF_GRADE, _SMALLEST_GRADE, _EXPLAINS = 0.5, 10, 0.7
"""Of a grade of ten or more half is left out, where that is most of those who are removed."""
_REPLACED, _REPLACED_AT_SEMESTER, _MOST_REPLACED_OF_FEW = 0.4, 0.6, 9
"""Shares of the classes that others replace in one night; up to nine may be a small school's."""
_PEAKS, _ABOVE_PEAK, _PEAK_FADES = 5, 1.5, 0.95
"""What came so often lately is usual, and half as much again; a night counts a little less with each that follows."""
_USUAL_START, _UNSURE_BY = (8, 20), 18
"""When school starts where the settings do not say, and by how many days that may be wrong."""
_DAYS_BEFORE_START = 60


@dataclass(slots=True)
class _Usual:
    """What a season's nights came to: weekdays, and by measure the sum of shares and the largest shares."""

    days: float = 0
    sums: dict[str, float] = field(default_factory=dict)
    peaks: dict[str, list[float]] = field(default_factory=dict)

    def note_peak(self, measure: Measure, share: float) -> None:
        """Keep this night's share among the largest ones."""
        known = [peak * _PEAK_FADES for peak in self.peaks.get(measure.value, ())]
        if share or known:
            self.peaks[measure.value] = sorted([*known, share], reverse=True)[:_PEAKS]

    def grow_older(self, days: int) -> None:
        """Count these days, and let those weigh less that are long past."""
        self.days += days
        if self.days > _MOST_DAYS:
            self.sums = {name: share * _MOST_DAYS / self.days for name, share in self.sums.items()}
            self.days = _MOST_DAYS


@dataclass(slots=True)
class History:
    """What a district's applied nights came to, by season; it stays small."""

    seasons: dict[Season, _Usual] = field(default_factory=dict)
    once: dict[str, str] = field(default_factory=dict)
    """By measure, when what comes once a year came last, YYYY-MM-DD; and when lessons began."""

    @classmethod
    def from_text(cls, text: str) -> History:
        """Read what ``to_text`` wrote; nothing yet for ""."""
        if not text:
            return cls()
        seasons, once = json.loads(text)
        return cls({Season(name): _Usual(*usual) for name, usual in seasons.items()}, dict(once))

    def to_text(self) -> str:
        """A few hundred characters; "" where nothing was noted."""
        if not self.seasons:
            return ""
        seasons = {
            season.value: [
                round(usual.days, 1),
                {name: round(share, 6) for name, share in usual.sums.items() if share},
                {name: [round(share, 6) for share in shares if share] for name, shares in usual.peaks.items()},
            ]
            for season, usual in self.seasons.items()
        }
        return json.dumps([seasons, self.once], separators=(",", ":"))

    def note(self, night: Night, district: District) -> None:
        """Take over a night that was applied; a rollover says nothing about other nights, and is none.

        What was more than usual counts as the most that is.
        """
        year = SchoolYear.of(district, night.day)
        usual = self.seasons.setdefault(year.season, _Usual())
        for measure in Measure:
            stood, number = night.stood.get(measure, 0), night.numbers.get(measure, 0)
            if not stood:
                continue
            usual.note_peak(measure, number / stood)
            if measure in _RATES[year.season]:
                chance = _by_chance(measure, night, year, usual)
                once = year.once(measure, self)
                if once and number > max(chance, once * stood / 2):
                    self.once[measure.value] = night.day.isoformat()
                usual.sums[measure.value] = usual.sums.get(measure.value, 0) + min(number, chance) / stood
        self._note_opening(night, year)
        usual.grow_older(_days(night))

    def _note_opening(self, night: Night, year: SchoolYear) -> None:
        classes_are_changed = night.swapped > _LESSONS_BEGAN * night.stood.get(Measure.STUDENTS, 0)
        is_known = _came_lately(self.once.get(_OPENED), night.day, _OPENED_AGAIN_AFTER)
        if year.season is Season.OPENING and classes_are_changed and not is_known:
            self.once[_OPENED] = night.day.isoformat()


@dataclass(frozen=True, slots=True)
class SchoolYear:
    """Where a day lies in a district's school year: so many days after its first day of school, or before it."""

    day: date
    since_start: int
    unsure_by: int
    """Days by which the first day of school may be another."""

    @classmethod
    def of(cls, district: District, day: date) -> SchoolYear:
        """By the district's settings, as far as they say when school starts."""
        start = district.school_year_starts or min((term.first for term in district.nudges.terms), default=None)
        month, day_of_month = (start.month, min(start.day, 28)) if start else _USUAL_START
        starts = (date(year, month, day_of_month) for year in (day.year - 1, day.year, day.year + 1))
        since = ((day - each).days for each in starts)
        return cls(day, min(days for days in since if days >= -_DAYS_BEFORE_START), 0 if start else _UNSURE_BY)

    def _is_within(self, first: int, last: int) -> bool:
        return first - self.unsure_by <= self.since_start <= last + self.unsure_by

    @property
    def season(self) -> Season:
        if self._is_within(-35, 25):
            return Season.OPENING
        if self._is_contract_end:
            return Season.SUMMER
        return Season.SEMESTER if self.is_semester else Season.BETWEEN

    @property
    def _is_contract_end(self) -> bool:
        return self.since_start >= 290 - self.unsure_by or self.since_start <= -40 + self.unsure_by

    @property
    def is_between_years(self) -> bool:
        """Whether a school year ends about now, or has ended and the next one has not begun."""
        return self._is_within(-_DAYS_BEFORE_START, -1) or self.since_start >= 270

    @property
    def is_semester(self) -> bool:
        """Whether the second semester begins about now."""
        return self._is_within(135, 170)

    def _after_ten_days(self, history: History) -> bool:
        """Whether those who did not turn up are dropped about now: around the tenth day of school.

        Where lessons were seen to begin in another year, they are seen this year, too, before anybody is dropped.
        """
        if opened := history.once.get(_OPENED):
            return 8 <= (self.day - date.fromisoformat(opened)).days <= 24
        return self._is_within(9, 24)

    def once(self, measure: Measure, history: History) -> float:
        """The share that may come in one night at this time of the year, once."""
        match measure:
            case Measure.STUDENTS if self._after_ten_days(history):
                return _ONCE_STUDENTS
            case Measure.STAFF if self._is_contract_end:
                return _ONCE_STAFF
            case Measure.CLASSES if self.is_semester or self.season is Season.OPENING:
                return _ONCE_CLASSES
        return 0


def unusual(night: Night, history: History, district: District) -> Unusual | None:
    """What about this import is more than its district's nights come to; None where nothing is."""
    return next(_unusual(night, history, SchoolYear.of(district, night.day)), None)


def _unusual(night: Night, history: History, year: SchoolYear) -> Iterator[Unusual]:
    usual = history.seasons.get(year.season, _Usual())
    if night.stood.get(Measure.HURT, 0) < _SMALLEST:
        return
    yield from _unusual_grades(night, year)
    schools = list(_unusual_schools(night))
    if len(schools) == 1 and 2 * schools[0].stood < night.stood[Measure.HURT]:
        yield from schools
    for measure in Measure:
        stood, number = night.stood.get(measure, 0), night.numbers.get(measure, 0)
        if number and number > (limit := _limit(measure, night, year, usual, history)):
            yield Unusual(measure, number, stood, int(limit))
    yield from schools


def _unusual_schools(night: Night) -> Iterator[Unusual]:
    for school, of_school in sorted(night.schools.items()):
        limit = max(_FEWEST, min(_OF_SMALL_SCHOOL * of_school.stood, _OF_SCHOOL * of_school.stood + _MORE_OF_SCHOOL))
        if of_school.stood >= _SMALLEST_SCHOOL and of_school.hurt > limit:
            yield Unusual(Measure.HURT, of_school.hurt, of_school.stood, int(limit), school)


def _unusual_grades(night: Night, year: SchoolYear) -> Iterator[Unusual]:
    """A grade that is left out, at one school or at all: it says more than that many students are gone.

    Where half of all grades or more are hit, it is not about grades; nor is it where a grade is called otherwise now.
    """
    removed = night.numbers.get(Measure.STUDENTS, 0)
    hit = {
        name: grade
        for name, grade in night.grades.items()
        if grade.stood >= _SMALLEST_GRADE and grade.lost > _OF_GRADE * grade.stood
    }
    lost = sum(grade.lost for grade in hit.values())
    if not hit or 2 * len(hit) >= len(night.grades) or not _EXPLAINS * lost <= removed <= lost / _EXPLAINS:
        return
    highest = max(night.grades, key=lambda name: _rank(name, night.grades[name]))
    for name, grade in sorted(hit.items(), key=lambda each: -each[1].lost):
        left = name == highest and len(hit) == 1 and year.is_between_years
        yield Unusual(Measure.GRADE, grade.lost, grade.stood, int(_OF_GRADE * grade.stood), grade=name, graduates=left)


def _rank(name: str, grade: OfGrade) -> int:
    """A grade's place; one without a number, or of very few, has none."""
    return int(name) if name.isdecimal() and grade.stood >= _SMALLEST_GRADE else -1


def _limit(measure: Measure, night: Night, year: SchoolYear, usual: _Usual, history: History) -> float:
    stood = night.stood[measure]
    peaks = usual.peaks.get(measure.value, [])
    often = peaks[-1] * _ABOVE_PEAK * stood if len(peaks) == _PEAKS else 0
    if measure is Measure.REPLACED:
        return max(_MOST_REPLACED_OF_FEW, (_REPLACED_AT_SEMESTER if year.is_semester else _REPLACED) * stood)
    if measure is Measure.HURT:
        return max(_FEWEST_OF_PEOPLE, _OF_PEOPLE * stood, often)
    limit = _by_chance(measure, night, year, usual)
    if not _came_lately(history.once.get(measure.value), night.day):
        limit += year.once(measure, history) * stood
    if measure is Measure.STUDENTS:
        limit += _GO_FOR_EACH_WHO_COMES * night.came
    if measure is Measure.THINNED:
        limit += _THINNED_OF_SWAPPED * night.swapped
    if measure is Measure.RENAMED and night.schools:
        tidied = max(night.schools.values(), key=lambda school: school.renamed)
        limit += min(tidied.renamed, _TIDIED * tidied.stood)
    return max(limit, often, _never_asked(measure, stood))


def _never_asked(measure: Measure, stood: int) -> float:
    return max(_FEWEST, stood * (_OF_TINY if stood < _TINY else _NEVER_ASKED[measure]))


def _by_chance(measure: Measure, night: Night, year: SchoolYear, usual: _Usual) -> float:
    """The most that this many people's ordinary days come to, with a busy day and a large family."""
    stood, days = night.stood[measure], _days(night)
    expected = _RATES[year.season][measure]
    rate = (expected * _PRIOR_DAYS + usual.sums.get(measure.value, 0)) / (_PRIOR_DAYS + usual.days)
    if year.season is not Season.BETWEEN:
        # A season has quiet days before its busy ones.
        rate = max(rate, expected)
    mean = stood * rate * (days + _BUSY)
    if measure is Measure.STUDENTS:
        return mean + _DEVIATIONS_OF_STUDENTS * sqrt(mean) + _FAMILY
    return mean + _DEVIATIONS * sqrt(mean) + _BESIDES


def _came_lately(when: str | None, day: date, within: timedelta = _ONCE_AGAIN_AFTER) -> bool:
    return when is not None and day - date.fromisoformat(when) < within


def _days(night: Night) -> int:
    """Weekdays since the import before, that one left out; from one to a week."""
    if night.since is None:
        return 1
    days = (night.day - night.since).days
    weekdays = sum((night.since + timedelta(days=n)).weekday() < 5 for n in range(1, min(days, 7) + 1))
    return min(max(1, weekdays), _MOST_SINCE)
