"""The first wave: the few activation mails of a district that go first, and what has to come of them before the rest go (M8).

A district that sets ``first_wave`` has a first wave, once. The rest go when one of it was opened, or a person says so; they stop
where nobody opens one for a school day.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.domain.activation import Activation, ActivationState
from shared.domain.clock import from_iso
from shared.domain.district import District
from shared.domain.roster import RosterUser, RosterUserKey
from shared.domain.school_calendar import is_school_day, moment_of, next_allowed

MOST_UNOPENED = 50
"""So many mails of a first wave, or all of a smaller one, that nobody opens for a school day stop the rest."""
BY_OPENING = "opened"
"""Who let the rest go where nobody had to: one of the first wave was opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstWave:
    """What stands of a district's first wave. Moments are ISO 8601, UTC.

    ``school``, or ``chosen`` (``person_id``), is whom the contacts want to go first; without either it is the order of the
    roster. ``again_at`` is when the first ones were mailed again.
    """

    released_at: str | None = None
    released_by: str = ""
    stopped_at: str | None = None
    stop_told: str | None = None
    """Of which stop the contacts heard, by its moment."""
    school: str = ""
    chosen: tuple[str, ...] = ()
    again_at: str | None = None


def holds_back(district: District, wave: FirstWave | None) -> bool:
    """Whether whoever is not of the first wave waits. A wave that an earlier version's settings name never began: None."""
    return district.first_wave is not None and wave is not None and wave.released_at is None


@dataclass(frozen=True, slots=True)
class WaveMember:
    """Somebody of a first wave: the activation that goes first, and whose it was then."""

    activation_id: str
    user: RosterUserKey


class Standing(StrEnum):
    """How it stands with the mail of somebody of the first wave."""

    WAITS = "waits"
    OUT = "out"
    FAILED = "failed"
    """It came back, was complained of, or its link is over: nobody opens it any more."""
    OPENED = "opened"
    LEFT = "left"
    """Its person left the roster, needs it no more, or has a newer one: somebody else takes the place."""


_FAILED = (ActivationState.BOUNCED, ActivationState.COMPLAINED, ActivationState.EXPIRED)


def standing_of(activation_id: str, activation: Activation | None, user: RosterUser | None) -> Standing:
    """How it stands with this activation; ``activation`` and ``user`` are what its person has now."""
    if activation is None or activation.activation_id != activation_id:
        return Standing.LEFT
    if activation.opened_at:
        return Standing.OPENED
    if activation.used_at or activation.state is ActivationState.WITHDRAWN or user is None or not user.active:
        return Standing.LEFT
    if activation.state in _FAILED:
        return Standing.FAILED
    return Standing.WAITS if activation.state is ActivationState.PENDING else Standing.OUT


class Verdict(StrEnum):
    """What becomes of the rest."""

    WAIT = "wait"
    RELEASE = "release"
    STOP = "stop"


def verdict(
    district: District, mails: Sequence[tuple[Standing, Activation | None]], now: datetime, *, is_full: bool
) -> Verdict:
    """What the mails of a first wave mean for the rest at this moment.

    Fifty that nobody opened for a school day stop it, or all of a smaller wave; one that is not full is filled up first. It
    stops within the district's school hours alone, so that those who are told can act.
    """
    if any(standing is Standing.OPENED for standing, _ in mails):
        return Verdict.RELEASE
    counted = [(standing, activation) for standing, activation in mails if standing is not Standing.LEFT]
    unopened = sum(_is_unopened(district, standing, activation, now) for standing, activation in counted)
    is_reached = bool(counted) and unopened >= (min(MOST_UNOPENED, len(counted)) if is_full else MOST_UNOPENED)
    return Verdict.STOP if is_reached and next_allowed(district, now) <= now else Verdict.WAIT


def _is_unopened(district: District, standing: Standing, activation: Activation | None, now: datetime) -> bool:
    if standing is Standing.FAILED:
        return True
    # Of a mail whose answer was lost, the lease says when it went out.
    mailed_at = (activation.sent_at or activation.lease_until) if activation else None
    return standing is Standing.OUT and bool(mailed_at) and school_day_after(district, from_iso(mailed_at or "")) <= now


def school_day_after(district: District, mailed_at: datetime) -> datetime:
    """When a school day has passed since a mail: at the same time of the school day after the one on which it could be read."""
    read_from = next_allowed(district, mailed_at).astimezone(district.zone)
    for days in range(1, 367):
        day = read_from.date() + timedelta(days=days)
        if is_school_day(district, day):
            return moment_of(district, day, read_from.time())
    return mailed_at + timedelta(days=366)


_NUMBERS = re.compile(r"(\d+)")


def in_order_of_roster(users: Iterable[RosterUserKey]) -> list[RosterUserKey]:
    """These by their numbers in the district, ``t2`` before ``t10``: the order that every upload of a roster has."""
    return sorted(users, key=lambda user: (_natural(user.sourced_id), user.kind))


def _natural(number: str) -> tuple[tuple[int, int, str], ...]:
    parts = _NUMBERS.split(number.casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)
