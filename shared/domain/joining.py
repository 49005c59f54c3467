"""Joining: what comes together when a roster user gets an account, and what stays where it is (M13–M16, B2).

*Attach*: the roster user did nothing yet; the account gets the district's classes. *Merge*: the district login was used
before the older account was found; the account that was made then is joined into the older one. Joining moves nothing: each
account keeps what is its own, and while they are joined each of them shows the progress of all
(docs/decisions/0017-joined-accounts-keep-their-own.md). So undoing gives each side exactly what it had, and what was earned since
where it was earned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce

from shared.domain import mastery as mastery_rules
from shared.domain.account import GrassrootsClass, Mastery, SkillMastery


class Shape(StrEnum):
    ATTACH = "attach"
    MERGE = "merge"


@dataclass(frozen=True, slots=True)
class Joined:
    """How an account is joined with others: the one that it was joined into, and those that were joined into it."""

    into: str | None = None
    accounts: frozenset[str] = frozenset()


def family(account_id: str, joins: Mapping[str, Joined]) -> tuple[str, ...]:
    """Return this account and all that are joined with it; the one that all their logins lead to comes first."""
    first = account_id
    while into := joins.get(first, Joined()).into:
        first = into
    found = [first]
    for joined in found:
        found += sorted(joins.get(joined, Joined()).accounts)
    return tuple(found)


def together(masteries: Iterable[Mastery]) -> Mastery:
    """Return the progress that each of the joined accounts shows: nobody goes down (M16)."""
    return reduce(mastery_rules.merge, masteries, {})


def earned_here(fed: Mastery, elsewhere: Mastery) -> Mastery:
    """Return the progress in an account's feed, without what is only repeated from an account that it is joined with.

    A platform that copies progress between the accounts feeds the same points with the same time for both. They belong to
    the account on which they were earned, and stay there after an undo (B2).
    """
    return {skill: progress for skill, progress in fed.items() if elsewhere.get(skill) != progress}


@dataclass(frozen=True, slots=True)
class SkillPlan:
    """One skill that either side has progress in; ``winner`` is what both show once they are joined (M16)."""

    skill_id: str
    existing: SkillMastery | None
    made: SkillMastery | None
    winner: SkillMastery

    @property
    def is_raised(self) -> bool:
        """Whether the existing account shows more than before."""
        return self.existing is None or self.winner.points > self.existing.points


@dataclass(frozen=True, slots=True)
class JoinPlan:
    """What a link will do, before anything is written: what is joined, kept and left."""

    shape: Shape
    account_id: str
    made_account_id: str | None
    district_class_ids: tuple[str, ...]
    """Joined: the district's classes, which the account shows from now on."""
    made_class_ids: tuple[str, ...]
    """Joined: classes of the account that was made at the district login; they stay its own, and are shown here, too."""
    skills: tuple[SkillPlan, ...]
    """Joined: progress, skill by skill."""
    kept_class_ids: tuple[str, ...]
    """Kept: the account's grassroots classes, to look back at (M13)."""
    left_assignment_ids: tuple[str, ...]
    """Left: assignments stay in their grassroots classes with their scores (M15)."""

    @property
    def raised(self) -> int:
        """In how many skills the existing account shows more than before."""
        return sum(skill.is_raised for skill in self.skills)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two accounts of a plan."""

    account_id: str
    mastery: Mastery
    classes: tuple[GrassrootsClass, ...] = ()


def plan(existing: Side, made: Side | None, district_class_ids: Iterable[str]) -> JoinPlan:
    """What linking would do. ``made`` is the account of the district login, where there is one."""
    here, there = existing.mastery, made.mastery if made else {}
    own = {each.class_id for each in existing.classes}
    return JoinPlan(
        Shape.MERGE if made else Shape.ATTACH,
        existing.account_id,
        made.account_id if made else None,
        tuple(sorted(set(district_class_ids))),
        tuple(each.class_id for each in made.classes if each.class_id not in own) if made else (),
        tuple(
            SkillPlan(skill, here.get(skill), there.get(skill), winner)
            for skill, winner in mastery_rules.merge(here, there).items()
        ),
        tuple(each.class_id for each in existing.classes),
        tuple(a.assignment_id for each in existing.classes for a in each.assignments),
    )
