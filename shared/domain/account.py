"""An account on the platform, its mastery, and the grassroots classes of its teacher (docs/uploads.md)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.domain.clock import from_iso
from shared.domain.federated_identity import FederatedIdentity


@dataclass(frozen=True, slots=True)
class Account:
    """Who an account is. ``email`` is normalised; whether it is verified decides what it can prove (M6, M7)."""

    account_id: str
    role: str
    display_name: str
    username: str
    email: str | None = None
    email_verified: bool = False
    google_sub: str | None = None
    clever_id: str | None = None
    created_at: str | None = None
    last_login_at: str | None = None
    joined_into: str | None = None
    """The account that this one was joined into: every login of this one leads there (M16)."""
    joined: tuple[str, ...] = ()
    """The accounts that were joined into this one."""
    closed_at: str | None = None
    """When the platform closed it; nothing leads to it then."""
    is_operators: bool = False
    """Whether an operator of the platform has it: nothing leads to it then, either."""
    identities: tuple[FederatedIdentity, ...] = ()
    """Further (issuer, subject) whose logins open it, in their order, each once: of ClassLink and Microsoft, say."""

    @property
    def is_found(self) -> bool:
        """Whether a match, a link or a hub may lead to it."""
        return self.closed_at is None and not self.is_operators


@dataclass(frozen=True, slots=True)
class SkillMastery:
    """Progress in one skill: ``points`` 0..100, and when they were earned (ISO 8601, UTC)."""

    points: int
    updated_at: str


type Mastery = dict[str, SkillMastery]
"""An account's progress by skill id."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A mastery goal of a class: its percentage for a student is the mean of the points of its skills (M14)."""

    goal_id: str
    title: str
    skill_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Assignment:
    """An assignment of a class. ``scores`` are by account id, 0..100, and stay where they were earned (M15)."""

    assignment_id: str
    title: str
    content_id: str
    scores: dict[str, int] = field(default_factory=dict)
    created_at: str | None = None
    drift: int | None = field(default=None, compare=False)
    """How far the print of its scores has moved since they were first stored, by what the platform and their owners said. None
    where they are not stored, or were not read."""


@dataclass(frozen=True, slots=True)
class GrassrootsClass:
    """A class that a teacher made without the district. ``deleted_at`` is set while it is in the class trash (M17), ``kept_at``
    when its teacher decided to keep it: no nudge names it any more."""

    class_id: str
    owner_account_id: str
    name: str
    created_at: str | None = None
    last_activity_at: str | None = None
    student_account_ids: tuple[str, ...] = ()
    goals: tuple[Goal, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    deleted_at: str | None = None
    kept_at: str | None = None
    drift: int = field(default=0, compare=False)
    """How far the print of its students, goals and assignments has moved, in the same way."""

    @property
    def class_print(self) -> int:
        """One number for who is in the class, and what was set."""
        goals = (f"g{goal.goal_id}:{','.join(goal.skill_ids)}" for goal in self.goals)
        work = (f"a{assignment.assignment_id}" for assignment in self.assignments)
        return print_of([*(f"s{student}" for student in self.student_account_ids), *goals, *work])


_PRINTS = 2**40


def print_of(parts: Iterable[str]) -> int:
    """One number for these texts, whatever their order; of two lists that differ it is the same once in 2⁴⁰."""
    digest = hashlib.blake2b("\n".join(sorted(parts)).encode(), digest_size=5)
    return int.from_bytes(digest.digest())


def scores_print(scores: Mapping[str, int]) -> int:
    """One number for the scores of an assignment."""
    return print_of(f"{student}={score}" for student, score in scores.items())


def drifted(drift: int, before: int, now: int) -> int:
    """The drift once a print was changed by whoever may: what is left of the print without it stays the same for ever."""
    return (drift + now - before) % _PRINTS


def settled(print_: int, drift: int) -> int:
    """What is left of a print without its drift: it changes only where something was lost (docs/receipts.md)."""
    return (print_ - drift) % _PRINTS


RESTORE_DAYS = 30


def is_restorable(deleted: GrassrootsClass, now: datetime) -> bool:
    """Whether a deleted class can still be restored (M17)."""
    return deleted.deleted_at is not None and from_iso(deleted.deleted_at) >= now - timedelta(days=RESTORE_DAYS)
