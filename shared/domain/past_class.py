"""The end of a class: when an id names another class than before, which classes are of a past year, and who looks back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from shared.domain.district import District
from shared.domain.matching import Person, is_somebody_else
from shared.domain.roster import DistrictClass

KEPT_DAYS = 760
"""How long a past class can be looked at, from the day on which it was noted: through the next two school years."""
_MOVES_BY = timedelta(days=35)
"""By how much the end of a class moves while it is of the same term: by some weeks."""
_SAME_TERM_MOVES_BY = timedelta(days=180)
"""The same where the term has the same id or title: the next year's is most of a year later."""
_USUAL_START = (7, 1)
"""Month and day between two school years where the district's settings say nothing."""

_MOST_OF_PLACES, _ROOM_OF_A_PLACE = 250_000, 100
"""Bytes of all places of a person, and of one beside the id of its class: a person's are one item of the table."""


@dataclass(frozen=True, slots=True)
class ClassInTerm:
    """What tells whether an id names the same class: its course, its term and who teaches it. Empty is what is not known."""

    title: str = ""
    course_id: str = ""
    course_title: str = ""
    terms: frozenset[str] = frozenset()
    """Ids of its terms."""
    term_title: str = ""
    school_year: str = ""
    """The year in which it ends, such as 2027."""
    ends_on: str = ""
    """The day after its last one, YYYY-MM-DD."""
    teachers: frozenset[str] = frozenset()

    @property
    def tells_a_term(self) -> bool:
        return bool(self.terms or self.term_title or self.ends_on or self.school_year)


def is_another_class(before: ClassInTerm, now: ClassInTerm, *, today: str) -> bool:
    """Whether an id that stays, or comes again, names another class: in a later term with another course or other teachers, or
    with them once its term is over. ``today`` is YYYY-MM-DD.

    Somebody else who teaches in the same term is a substitute. Where nothing says of which term a class is, it is another
    one when course and teachers both are.
    """
    has_other_course, has_other_teachers = _has_other_course(before, now), _has_other_teachers(before, now)
    was_over = bool(before.ends_on) and before.ends_on <= today and now.ends_on >= before.ends_on
    match was_over or is_of_later_term(before, now):
        case True:
            return has_other_course or has_other_teachers
        case None:
            return has_other_course and has_other_teachers
    return False


def has_others(before: ClassInTerm, now: ClassInTerm) -> bool:
    """Whether it has another course or other teachers than before."""
    return _has_other_course(before, now) or _has_other_teachers(before, now)


def is_of_later_term(before: ClassInTerm, now: ClassInTerm) -> bool | None:
    """Whether a class is of a later term or school year than it was; None where nothing says so.

    The end of one term moves by some weeks: then it is the same term.
    """
    knows_years = bool(before.school_year and now.school_year)
    if knows_years and before.school_year != now.school_year:
        return now.school_year > before.school_year
    has_common_term = bool(before.terms & now.terms) or _is_same(before.term_title, now.term_title)
    if knows_years and has_common_term:
        return False
    if before.ends_on and now.ends_on:
        later_by = date.fromisoformat(now.ends_on) - date.fromisoformat(before.ends_on)
        return later_by > (_SAME_TERM_MOVES_BY if has_common_term else _MOVES_BY)
    if has_common_term or not (before.tells_a_term and now.tells_a_term):
        return None
    return _have_different_terms(before, now) or None


def _have_different_terms(before: ClassInTerm, now: ClassInTerm) -> bool:
    """Whether two terms without dates are different ones; ids come again, so what an id names now is the later one."""
    have_titles = bool(before.term_title and now.term_title)
    return have_titles or bool(before.terms and now.terms)


def _has_other_course(before: ClassInTerm, now: ClassInTerm) -> bool:
    """By the courses' titles, because their ids change with the year; where no course is told, by those of the classes."""
    if before.course_title and now.course_title:
        return not _is_same(before.course_title, now.course_title)
    if before.course_id and now.course_id:
        return before.course_id != now.course_id
    if any((before.course_title, now.course_title, before.course_id, now.course_id)):
        return False
    return bool(before.title and now.title) and not _is_same(before.title, now.title)


def _has_other_teachers(before: ClassInTerm, now: ClassInTerm) -> bool:
    return bool(before.teachers and now.teachers) and before.teachers.isdisjoint(now.teachers)


def _is_same(one: str, other: str) -> bool:
    return bool(one) and one.casefold() == other.casefold()


def name_of_next(since: str, before: ClassInTerm, now: ClassInTerm) -> str:
    """What tells a class from the earlier ones of its id: what was made in one is not in another.

    Equal uploads give equal names, so that an import that is rolled back and applied again finds what was made.
    """
    told = [since, *map(_told, (before, now))]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def _told(one: ClassInTerm) -> list[object]:
    texts = (one.course_id, one.course_title, one.title, one.term_title, one.school_year, one.ends_on)
    return [*texts, sorted(one.terms), sorted(one.teachers)]


def to_look_back_at(past: Iterable[DistrictClass], current: Mapping[str, DistrictClass]) -> list[DistrictClass]:
    """Of the past classes of a person those to be shown, the one noted last first: a class that came back, or whose end moved, is
    shown once. ``current`` are the classes that the person has now, by id."""
    shown: list[DistrictClass] = []
    for each in sorted(past, key=lambda each: each.noted_by, reverse=True):
        others = [*shown, *filter(None, [current.get(each.sourced_id)])]
        if not any(_goes_on_in(each, other) for other in others):
            shown.append(each)
    return shown


def _goes_on_in(past: DistrictClass, other: DistrictClass) -> bool:
    """Whether the other one is the same class in the same term."""
    is_one_class = (past.sourced_id, past.since) == (other.sourced_id, other.since)
    return is_one_class and not is_of_later_term(_shown_in_term(past), _shown_in_term(other))


def _shown_in_term(one: DistrictClass) -> ClassInTerm:
    return ClassInTerm(term_title=one.term_title or "", ends_on=one.ends_on or "")


def year_began(district: District, today: date) -> date:
    """When the present school year of a district began: by its settings, or on the first of July."""
    start = district.school_year_starts
    month, day = (start.month, min(start.day, 28)) if start else _USUAL_START
    this_year = date(today.year, month, day)
    return this_year if this_year <= today else date(today.year - 1, month, day)


@dataclass(frozen=True, slots=True)
class PastPlace:
    """Somebody's place in a past class: it is a right to look back at it."""

    class_id: str
    noted_by: str
    """The import that noted the past class; with the id of the class it names it."""
    taught: bool
    """Whether the person taught it, or was a student of it."""
    number: str
    """The number that the person had then."""
    until: str
    """The last day on which it can be looked at, YYYY-MM-DD."""


def places_that_fit(places: Iterable[PastPlace]) -> tuple[PastPlace, ...]:
    """The newest of them that one item of the table has room for."""
    room, kept = _MOST_OF_PLACES, list[PastPlace]()
    for place in sorted(places, key=lambda each: (each.until, each.noted_by), reverse=True):
        room -= len(place.class_id.encode()) + _ROOM_OF_A_PLACE
        if room >= 0:
            kept.append(place)
    return tuple(kept)


@dataclass(frozen=True, slots=True)
class PastPlaces:
    """All past classes of a person, and who that was when the last one was noted."""

    person: Person
    places: tuple[PastPlace, ...]

    def of(self, now: Person, today: date) -> tuple[PastPlace, ...]:
        """Those that can be looked at; none where the number is somebody else's by now (M19)."""
        if is_somebody_else(self.person, now):
            return ()
        return tuple(place for place in self.places if place.until >= today.isoformat())

    def with_places(self, now: Person, more: Iterable[PastPlace], today: date) -> PastPlaces:
        """With more places, without those that are over, or that an earlier holder of the number had."""
        added = {(place.class_id, place.noted_by, place.taught): place for place in more}
        stood = {(place.class_id, place.noted_by, place.taught): place for place in self.of(now, today)}
        return PastPlaces(now, places_that_fit((stood | added).values()))

    def without(self, noted_by: str) -> PastPlaces:
        """Without what one import noted."""
        return PastPlaces(self.person, tuple(place for place in self.places if place.noted_by != noted_by))
