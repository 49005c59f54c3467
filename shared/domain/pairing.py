"""A teacher's grassroots and district classes, paired by who is in them (B3): which grassroots classes are obsolete.

Nothing of it is stored, because links and rosters change (docs/decisions/0018-classes-are-paired-on-demand.md).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from shared.domain.account import GrassrootsClass
from shared.domain.clock import from_iso
from shared.domain.roster import DistrictClass

ENOUGH_STUDENTS = 5
"""How many students of a class must be linked before they decide; with fewer, its name and term do."""
MOST_MOVED = 0.6
"""A class is obsolete if this part of its linked students are in at most two of the teacher's district classes. A class that
split has two; the students of a club are in many."""
SOME_MOVED = 0.3
"""From this part on, wherever they are, the teacher is asked."""
WORTH_NAMING = 0.25
"""A district class is named if it has this part of the students who moved."""
_A_SCHOOL_YEAR = timedelta(days=365)

_WORD = re.compile(r"[^\W\d_]+")
_SAYS_NOTHING = frozenset(
    {
        "a", "and", "block", "class", "classroom", "course", "for", "grade", "group", "hour", "my", "nd", "of", "per",
        "period", "rd", "room", "section", "semester", "st", "students", "th", "the", "year",
        "bloque", "clase", "curso", "de", "del", "el", "grado", "grupo", "hora", "la", "los", "mi", "para", "periodo",
        "sección", "semestre", "y",
    }
)  # fmt: skip


class Verdict(StrEnum):
    """What a nudge says of an old class: it is obsolete, is it?, or nothing."""

    OBSOLETE = "obsolete"
    ASK = "ask"
    LEFT_ALONE = "left_alone"


@dataclass(frozen=True, slots=True)
class Moved:
    """How many students of a grassroots class are in this district class."""

    into: DistrictClass
    students: int


@dataclass(frozen=True, slots=True)
class Pairing:
    """A grassroots class, and where its students are now.

    ``into`` names the teacher's district classes that it pairs with, the one with the most of its students first; ``moved``
    of its students are in those, ``linked`` in all are linked to somebody of the district.
    """

    grassroots: GrassrootsClass
    verdict: Verdict
    into: tuple[Moved, ...] = ()
    moved: int = 0
    linked: int = 0
    names: int = 0
    """Of its students' names, how many are likely in the district class, too, where too few are linked to say more (B13)."""
    is_offered: bool = False
    """Whether so many are that the pair is offered; else it is asked about."""

    @property
    def size(self) -> int:
        return len(self.grassroots.student_account_ids)


def pair(
    old: Iterable[GrassrootsClass], district: Iterable[DistrictClass], linked: Mapping[str, str], today: date
) -> list[Pairing]:
    """Pair each class of ``old``; ``linked`` has the sourcedId of an account's roster user.

    The steps grow with the enrollments of both sides.
    """
    classes = list(district)
    attended: dict[str, list[int]] = {}
    for number, district_class in enumerate(classes):
        for student in district_class.student_ids:
            attended.setdefault(student, []).append(number)
    named = [_Named.of(district_class, today) for district_class in classes]
    return [_of_class(grassroots, classes, attended, named, linked) for grassroots in old]


@dataclass(frozen=True, slots=True)
class _Named:
    """The name and the term of a district class."""

    words: frozenset[str]
    latest: date
    """Its last day, or today while it goes on."""

    @classmethod
    def of(cls, district_class: DistrictClass, today: date) -> _Named:
        latest = min(today, date.fromisoformat(district_class.ends_on)) if district_class.ends_on else today
        return cls(words_of(f"{district_class.title} {district_class.course_title or ''}"), latest)


def _of_class(
    old: GrassrootsClass,
    classes: list[DistrictClass],
    attended: Mapping[str, list[int]],
    named: list[_Named],
    linked: Mapping[str, str],
) -> Pairing:
    people = [linked[account] for account in old.student_account_ids if account in linked]
    theirs = [attended[person] for person in people if person in attended]
    students = Counter(number for numbers in theirs for number in numbers)
    if len(people) >= ENOUGH_STUDENTS:
        verdict = _by_students(theirs, students, len(people))
        worth_naming = {number for number in students if students[number] >= WORTH_NAMING * len(theirs)}
    else:
        verdict, worth_naming = _by_name(old, named)
    into = (Moved(classes[number], students[number]) for number in worth_naming)
    most_first = sorted(into, key=lambda part: (-part.students, part.into.title, part.into.sourced_id))
    moved = sum(not worth_naming.isdisjoint(numbers) for numbers in theirs)
    return Pairing(old, verdict, tuple(most_first), moved, len(people))


def _by_students(theirs: list[list[int]], students: Counter[int], linked: int) -> Verdict:
    two = {number for number, _ in students.most_common(2)}
    if sum(not two.isdisjoint(numbers) for numbers in theirs) >= MOST_MOVED * linked:
        return Verdict.OBSOLETE
    return Verdict.ASK if len(theirs) >= SOME_MOVED * linked else Verdict.LEFT_ALONE


def _by_name(old: GrassrootsClass, named: list[_Named]) -> tuple[Verdict, set[int]]:
    """Ask about a class that shares half of its words with a district class of the year after its last use, or whose name
    says nothing."""
    words = words_of(old.name)
    used = from_iso(old.last_activity_at).date() if old.last_activity_at else None
    in_time = {n for n, each in enumerate(named) if used is None or each.latest - used <= _A_SCHOOL_YEAR}
    alike = {n for n in in_time if _are_alike(words, named[n].words)}
    return (Verdict.ASK, alike) if alike or (in_time and not words) else (Verdict.LEFT_ALONE, set())


def _are_alike(first: frozenset[str], second: frozenset[str]) -> bool:
    return bool(first & second) and 2 * len(first & second) >= len(first | second)


def words_of(name: str) -> frozenset[str]:
    """The words of a class's name that say something."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return frozenset(_WORD.findall(plain)) - _SAYS_NOTHING
