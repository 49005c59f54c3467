"""Receipts: what was there before a link, so that it can be shown, and proved, that nothing of it is lost (M13–M16, B2).

A link moves nothing (docs/decisions/0017-joined-accounts-keep-their-own.md). So whatever an account had before is there after,
and after an undo. What comes later never lowers it: points only rise (M16), and what the platform takes out of a class, or its
teacher, is told apart from a loss by the drift of its print (``shared.domain.account``).
"""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import zip_longest
from typing import Any

from shared.domain.account import Assignment, GrassrootsClass, Mastery, SkillMastery, print_of, scores_print, settled

_FORM = 1
_POINT_BITS, _SKILL_BITS = 7, 25
_WORD = 4
"""Bytes of a skill: 25 bits of a hash of its id, 7 of its points."""


class Loss(StrEnum):
    """What may be found to be missing. Its value stands in logs and in what the reconciler prints."""

    SKILL_GONE = "skill_gone"
    POINTS_LOWERED = "points_lowered"
    CLASS_GONE = "class_gone"
    CLASS_CHANGED = "class_changed"
    """Students, goals or assignments of a class are others than anybody who may change them made them."""
    SCORES_CHANGED = "scores_changed"
    WORK_GONE = "work_gone"
    """A goal or an assignment that was recreated in a district class is not there."""
    ACCOUNT_GONE = "account_gone"
    LINK_GONE = "link_gone"
    """The account says that it is linked, and the roster user's link does not."""
    JOIN_GONE = "join_gone"
    """The link joins two accounts, and one of these does not know of the other."""
    UNREADABLE = "unreadable"
    """The receipt itself cannot be read."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A loss, and the id of what is lost; a skill by the hash of its id, where it is gone altogether."""

    loss: Loss
    what: str = ""


@dataclass(frozen=True, slots=True)
class ClassBefore:
    """A grassroots class before the link. ``scores`` and ``points`` are all scores of a class that the account owns, and its
    own scores in one that it is in."""

    class_id: str
    is_owned: bool
    students: int
    goals: int
    assignments: int
    scores: int
    points: int
    settled: int
    settled_scores: Mapping[str, int] = field(default_factory=dict)
    """By a short hash of the assignment's id."""


@dataclass(frozen=True, slots=True)
class Before:
    """What an account had before a link. ``at`` is the moment (ISO 8601, UTC)."""

    at: str
    skills: tuple[int, ...] = ()
    """A number for each skill, of its hash and its points, in order."""
    classes: tuple[ClassBefore, ...] = ()

    @property
    def points(self) -> int:
        return sum(_points(word) for word in self.skills)

    @property
    def points_by_hash(self) -> list[tuple[str, int]]:
        """The points of each skill, by the hash of its id as differences tell it."""
        return [(f"{word >> _POINT_BITS:07x}", _points(word)) for word in self.skills]


@dataclass(frozen=True, slots=True)
class RecreatedWork:
    """What was recreated of a grassroots class in a district class. ``made`` names it there; empty for what an earlier version
    recreated."""

    class_id: str
    work_id: str
    district_id: str
    into: str
    made: str = ""


@dataclass(frozen=True, slots=True)
class Holdings:
    """What an account holds at this moment."""

    account_id: str
    is_there: bool = True
    mastery: Mastery = field(default_factory=dict)
    owned: Mapping[str, GrassrootsClass] = field(default_factory=dict)
    """Its classes by id with their scores, those in the trash too."""
    attended: Mapping[str, GrassrootsClass] = field(default_factory=dict)
    left: frozenset[str] = frozenset()
    """Classes that it is in no more, as the platform or their owner wanted."""
    handed_over: frozenset[str] = frozenset()
    """Classes that the platform made a colleague's."""
    recreated: tuple[RecreatedWork, ...] = ()
    work_there: frozenset[RecreatedWork] | None = None
    """What of it is there; None where nobody looked."""
    joined_into: str | None = None
    joined: frozenset[str] = frozenset()


def before_of(holdings: Holdings, at: str) -> Before:
    """What is to be remembered of an account before it is linked."""
    owned = [_class_before(each, None) for each in holdings.owned.values()]
    attended = [_class_before(each, holdings.account_id) for each in holdings.attended.values()]
    return Before(at, _skills_of(holdings.mastery), (*owned, *attended))


def score_figures(grassroots: GrassrootsClass, student: str | None) -> tuple[int, int]:
    """How many scores there are in a class and their sum: of a student, or of all."""
    found = [
        score
        for assignment in grassroots.assignments
        for account_id, score in assignment.scores.items()
        if student in (None, account_id)
    ]
    return len(found), sum(found)


def points_before(before: Before, skills: Iterable[str]) -> Mastery:
    """What an account had of these skills; those of which it had nothing are left out."""
    had = _by_hash(before.skills)
    return {skill: SkillMastery(points[0], before.at) for skill in skills if (points := had.get(skill_hash(skill)))}


def differences(before: Before, now: Holdings) -> list[Difference]:
    """What was there and is lost. What the person, a teacher or the platform did since is none."""
    if not now.is_there:
        return [Difference(Loss.ACCOUNT_GONE)]
    found = [*_lost_skills(before, now.mastery)]
    for each in before.classes:
        found += _lost_of_class(each, now)
    if now.work_there is not None:
        found += [
            Difference(Loss.WORK_GONE, work.work_id)
            for work in now.recreated
            if work.made and work not in now.work_there
        ]
    return found


def _lost_skills(before: Before, now: Mastery) -> Iterator[Difference]:
    had, has = _by_hash(before.skills), _by_hash(_skills_of(now))
    names = {skill_hash(skill): skill for skill in now}
    for hashed, points in had.items():
        for was, is_now in zip_longest(points, has.get(hashed, ())):
            if is_now is None:
                yield Difference(Loss.SKILL_GONE, f"{hashed:07x}")
            elif was is not None and is_now < was:
                yield Difference(Loss.POINTS_LOWERED, names[hashed])


def _lost_of_class(before: ClassBefore, now: Holdings) -> list[Difference]:
    elsewhere = now.handed_over if before.is_owned else now.left
    found = (now.owned if before.is_owned else now.attended).get(before.class_id)
    if found is None:
        return [] if before.class_id in elsewhere else [Difference(Loss.CLASS_GONE, before.class_id)]
    if settled(found.class_print, found.drift) != before.settled:
        return [Difference(Loss.CLASS_CHANGED, before.class_id)]
    return [
        Difference(Loss.SCORES_CHANGED, f"{before.class_id}/{each.assignment_id}")
        for each in found.assignments
        if (was := before.settled_scores.get(short_id(each.assignment_id))) is not None and was != _settled_scores(each)
    ]


def _settled_scores(assignment: Assignment) -> int | None:
    """None where none are stored."""
    return None if assignment.drift is None else settled(scores_print(assignment.scores), assignment.drift)


def _class_before(grassroots: GrassrootsClass, student: str | None) -> ClassBefore:
    scores, points = score_figures(grassroots, student)
    return ClassBefore(
        grassroots.class_id,
        student is None,
        len(grassroots.student_account_ids),
        len(grassroots.goals),
        len(grassroots.assignments),
        scores,
        points,
        settled(grassroots.class_print, grassroots.drift),
        {short_id(a.assignment_id): left for a in grassroots.assignments if (left := _settled_scores(a)) is not None},
    )


# How it is kept: some 4 bytes for a skill and 80 for a class.


def packed(before: Before) -> bytes:
    """What was there before, as it is stored."""
    classes = [
        [
            each.class_id, int(each.is_owned), each.students, each.goals, each.assignments, each.scores, each.points,
            each.settled, each.settled_scores,
        ]
        for each in before.classes
    ]  # fmt: skip
    told = zlib.compress(json.dumps([_FORM, before.at, classes], separators=(",", ":")).encode(), 9)
    return b"".join([len(told).to_bytes(_WORD), told, *(word.to_bytes(_WORD) for word in before.skills)])


def unpacked(stored: bytes) -> Before:
    """What ``packed`` was given. Raises ValueError for anything else."""
    ends = _WORD + int.from_bytes(stored[:_WORD])
    try:
        form, at, classes = json.loads(zlib.decompress(stored[_WORD:ends]))
    except (zlib.error, ValueError) as error:
        raise ValueError("This is no receipt.") from error
    if form != _FORM:
        raise ValueError(f"A receipt of form {form} is not known here.")
    words = (int.from_bytes(stored[at : at + _WORD]) for at in range(ends, len(stored), _WORD))
    return Before(at, tuple(words), tuple(_class_of(each) for each in classes))


def _class_of(told: list[Any]) -> ClassBefore:
    class_id, is_owned, students, goals, assignments, scores, points, left, left_of_scores = told
    return ClassBefore(class_id, bool(is_owned), students, goals, assignments, scores, points, left, left_of_scores)


def _skills_of(mastery: Mastery) -> tuple[int, ...]:
    return tuple(sorted(skill_hash(skill) << _POINT_BITS | earned.points for skill, earned in mastery.items()))


def skill_hash(skill_id: str) -> int:
    return print_of([skill_id]) >> 40 - _SKILL_BITS


def _points(word: int) -> int:
    return word & (1 << _POINT_BITS) - 1


def short_id(assignment_id: str) -> str:
    return f"{print_of([assignment_id]) >> 16:06x}"


def _by_hash(words: Iterable[int]) -> dict[int, list[int]]:
    """The points of each hash, the highest first: seldom those of more than one skill."""
    found: dict[int, list[int]] = defaultdict(list)
    for word in sorted(words, reverse=True):
        found[word >> _POINT_BITS].append(_points(word))
    return found
