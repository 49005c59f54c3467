"""Mastery: what was earned stays, and a merge never lowers it (M14, M16)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shared.domain.account import Mastery, SkillMastery


def merge(first: Mastery, second: Mastery) -> Mastery:
    """Return the higher points of each skill, with the time at which they were first earned.

    Commutative, associative and idempotent: any order and any repetition of merges gives the same.
    """
    return {skill: _better(first.get(skill), second.get(skill)) for skill in sorted({*first, *second})}


def _better(first: SkillMastery | None, second: SkillMastery | None) -> SkillMastery:
    present = [side for side in (first, second) if side is not None]
    highest = max(side.points for side in present)
    return min((side for side in present if side.points == highest), key=lambda side: side.updated_at)


def goal_percentage(skill_ids: Iterable[str], mastery: Mastery) -> int:
    """A goal's percentage for one student: the mean of the points of its skills, none = 0, rounded half up (M14)."""
    points = [mastery[skill].points if skill in mastery else 0 for skill in skill_ids]
    return (2 * sum(points) + len(points)) // (2 * len(points)) if points else 0


@dataclass(frozen=True, slots=True)
class Credit:
    """What students have earned of a goal before it is made: of ``students``, so many ``mastered`` it, and they start at
    ``start`` per cent on average."""

    students: int
    mastered: int
    start: int


def credit(skill_ids: Iterable[str], masteries: Iterable[Mastery]) -> Credit:
    """Return the credit that a goal of these skills gives to students with this progress (M14)."""
    skills = tuple(skill_ids)
    percentages = [goal_percentage(skills, mastery) for mastery in masteries]
    average = (2 * sum(percentages) + len(percentages)) // (2 * len(percentages)) if percentages else 0
    return Credit(len(percentages), sum(all_of == 100 for all_of in percentages), average)
