"""Bad uploads: whom each would hurt, on top of what an ordinary night does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from simulation.school_years.district import (
    CLASSES_OF_A_STUDENT,
    FIRST_SECONDARY,
    GRADES,
    District,
    School,
    Tally,
)

_LARGE_SHARE, _LARGE_NUMBER, _SMALL_SHARE = 0.05, 30, 0.01


@dataclass(frozen=True, slots=True)
class Disaster:
    """A bad upload, and what it would do to each school (by its place)."""

    kind: str
    tallies: Mapping[int, Tally] = field(default_factory=dict)
    grade: int | None = None
    """The one grade whose students are missing; None where they are of all grades."""

    def lost_of_grades(self, district: District) -> list[int]:
        """How many students of each grade are missing."""
        lost = [0.0] * GRADES
        for place, tally in self.tallies.items():
            school = district.schools[place]
            for grade in range(GRADES) if self.grade is None else (self.grade,):
                share = school.students[grade] / max(1, school.pupils) if self.grade is None else 1
                lost[grade] += tally.students_left * share
        return [round(number) for number in lost]

    def size(self, district: District) -> str:
        """``large`` where it hurts more than 5 % of the people, and 30 of them, or half of a school; ``small`` from 1 % on;
        else ``tiny``."""
        hurt = sum(tally.hurt for tally in self.tallies.values())
        people = sum(school.people for school in district.schools)
        half = any(2 * tally.hurt >= district.schools[place].people for place, tally in self.tallies.items())
        if half or (hurt >= _LARGE_NUMBER and hurt > _LARGE_SHARE * people):
            return "large"
        return "small" if hurt >= _SMALL_SHARE * people else "tiny"


type _Made = dict[int, Tally]
type _Maker = Callable[[District, float, Random], _Made]


def disaster(district: District, share: float, rng: Random) -> Disaster:
    """A bad upload of any kind; where the kind has a size, aimed at this share of the people."""
    kind = rng.choice([*_KINDS, *_OF_A_GRADE])
    if kind in _OF_A_GRADE:
        grade = rng.randrange(GRADES)
        return Disaster(kind, _a_grade_is_left_out(district, _OF_A_GRADE[kind] or share, rng, grade), grade)
    return Disaster(kind, _KINDS[kind](district, share, rng))


def _people_of(district: District, share: float, rng: Random, *, in_order: bool) -> dict[int, int]:
    """A share of the people: school by school from the end, or anywhere. place → how many."""
    wanted = max(1, round(share * sum(school.people for school in district.schools)))
    if not in_order:
        drawn = district.spread(wanted, [school.people for school in district.schools])
        return {place: min(number, district.schools[place].people) for place, number in drawn.items()}
    found: dict[int, int] = {}
    places = list(range(len(district.schools)))
    rng.shuffle(places)
    for place in places:
        taken = min(wanted, district.schools[place].people)
        if taken:
            found[place] = taken
            wanted -= taken
    return found


def _left(school: School, number: int) -> Tally:
    staff = min(school.staff, round(number * school.staff / max(1, school.people)))
    return Tally(students_left=min(school.pupils, number - staff), staff_left=staff)


def _each(district: District, make: Callable[[School], Tally]) -> _Made:
    return {place: made for place, school in enumerate(district.schools) if (made := make(school)) != Tally()}


def _rows_are_cut(district: District, share: float, rng: Random) -> _Made:
    drawn = _people_of(district, share, rng, in_order=district.sorted_by_school)
    return {place: _left(district.schools[place], number) for place, number in drawn.items()}


def _ids_are_rounded(district: District, share: float, rng: Random) -> _Made:
    drawn = _people_of(district, share, rng, in_order=False)
    return {place: _left(district.schools[place], number) for place, number in drawn.items()}


def _schools_are_left_out(district: District, share: float, rng: Random) -> _Made:
    places = list(range(len(district.schools)))
    rng.shuffle(places)
    wanted = share * district.people
    made: _Made = {}
    while places and (not made or wanted > 0):
        school = district.schools[place := places.pop()]
        made[place] = Tally(students_left=school.pupils, staff_left=school.staff)
        wanted -= school.people
    return made


def _half_of_a_school(district: District, _share: float, rng: Random) -> _Made:
    place = rng.randrange(len(district.schools))
    school = district.schools[place]
    return {place: _left(school, (school.people + 1) // 2)}


def _a_grade_is_left_out(district: District, share: float, rng: Random, grade: int) -> _Made:
    wanted = share * district.people
    made: _Made = {}
    for place, school in sorted(enumerate(district.schools), key=lambda _: rng.random()):
        if school.students[grade] and (not made or wanted > 0):
            made[place] = Tally(students_left=school.students[grade])
            wanted -= school.students[grade]
    return made


def _staff_is_missing(district: District, share: float, rng: Random) -> _Made:
    of_staff = min(1.0, share * district.people / max(1, district.staff))
    return _each(district, lambda school: Tally(staff_left=district.draws(school.staff, of_staff)))


def _enrollments_are_cut(district: District, share: float, rng: Random) -> _Made:
    drawn = _people_of(district, share, rng, in_order=rng.random() < 0.5)
    return {place: Tally(thinned=number) for place, number in drawn.items()}


def _enrollments_of_one_term(district: District, _share: float, rng: Random) -> _Made:
    return _each(district, lambda school: Tally(thinned=sum(school.students[FIRST_SECONDARY:])))


def _classes_are_left_out(district: District, share: float, rng: Random) -> _Made:
    def of(school: School) -> Tally:
        gone = district.draws(school.sections, share)
        hit = 1 - (1 - gone / max(1, school.sections)) ** CLASSES_OF_A_STUDENT[school.level]
        return Tally(thinned=district.draws(school.pupils, hit), sections_gone=gone)

    return _each(district, of)


def _columns_are_shifted(district: District, share: float, rng: Random) -> _Made:
    drawn = _people_of(district, share, rng, in_order=district.sorted_by_school)
    return {place: Tally(altered=number) for place, number in drawn.items()}


def _encoding_is_broken(district: District, _share: float, rng: Random) -> _Made:
    share = rng.uniform(0.03, 0.15)
    return _each(district, lambda school: Tally(renamed=district.draws(school.people, share)))


def _addresses_are_blank(district: District, _share: float, rng: Random) -> _Made:
    return _each(district, lambda school: Tally(altered=school.people))


def _everybody_has_one_role(district: District, _share: float, rng: Random) -> _Made:
    as_teachers = rng.random() < 0.5
    return _each(district, lambda school: Tally(altered=school.pupils if as_teachers else school.staff))


def _everybody_left(district: District, _share: float, rng: Random) -> _Made:
    return _each(district, lambda school: Tally(students_left=school.pupils, staff_left=school.staff))


def _last_years(district: District, _share: float, rng: Random) -> _Made:
    """The export of a year ago lacks those who came since, and the lowest grade."""
    of_others = min(1.0, max(district.joined, 0.04 * district.pupils) / max(1, district.pupils))

    def of(school: School) -> Tally:
        lowest = school.students[0]
        joined = district.draws(school.pupils - lowest, of_others)
        staff = district.draws(school.staff, district.staff_leave)
        return Tally(students_left=lowest + joined, staff_left=staff, sections_replaced=school.sections)

    return _each(district, of)


def _a_part_is_empty(district: District, _share: float, rng: Random) -> _Made:
    part = rng.choice(("students", "staff", "enrollments", "classes"))
    made = {
        "students": lambda school: Tally(students_left=school.pupils),
        "staff": lambda school: Tally(staff_left=school.staff),
        "enrollments": lambda school: Tally(thinned=school.people),
        "classes": lambda school: Tally(thinned=school.people, sections_gone=school.sections),
    }
    return _each(district, made[part])


_KINDS: dict[str, _Maker] = {
    "rows are cut": _rows_are_cut,
    "ids are rounded": _ids_are_rounded,
    "schools are left out": _schools_are_left_out,
    "half of a school is missing": _half_of_a_school,
    "staff is missing": _staff_is_missing,
    "enrollments are cut": _enrollments_are_cut,
    "enrollments of one term": _enrollments_of_one_term,
    "classes are left out": _classes_are_left_out,
    "columns are shifted": _columns_are_shifted,
    "the encoding is broken": _encoding_is_broken,
    "addresses are blank": _addresses_are_blank,
    "everybody has one role": _everybody_has_one_role,
    "another district's file": _everybody_left,
    "all numbers are new": _everybody_left,
    "last year's file": _last_years,
    "a part is empty": _a_part_is_empty,
}
_OF_A_GRADE = {"a grade is left out": 0.0, "a grade of all schools is left out": 1.0}
"""At which share of the people they aim; 0 for whatever share is wanted."""
KINDS = (*_KINDS, *_OF_A_GRADE)
