"""The send rate: how fast and how much the mail service lets this account send, shared by all workers.

Time is cut into slots, one mail each, a little slower than the account's rate. A worker leases as many of the next free
slots as it has mails to send, in one write, and sends each mail in its slot. This module does not know
how a state is stored; see docs/decisions/0015-send-slots-are-leased-ahead.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

SHARE = 0.97
"""The part of the account's rate that is used. What is left lets a mail be 30 ms late on its way without there being one
too many in any second: ``(1 + 0.03) * SHARE <= 1``."""
LIMITS_KEPT = timedelta(minutes=1)
"""How long the limits that the service gave are used before they are read again."""
DAY = timedelta(hours=24)
"""The daily quota is about the last 24 hours at any moment."""
PAUSE = timedelta(seconds=1)
"""How long sending rests after the service asked to slow down. Mails refused within it were on their way already."""
SLOWER = 0.8
"""The rate is multiplied by it each time the service asks to slow down, ten times at most (a tenth of the rate is left)."""
CALM_AFTER = timedelta(minutes=5)
"""After so long without being asked to slow down, the whole rate is used again."""
UNTIL_ASKED_AGAIN = timedelta(hours=1)
"""How long mails rest when it is not known when sending goes on."""

_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What the account may send. ``rate`` is in mails per second; ``per_day`` in mails per 24 hours, None without a limit.

    ``sent`` is how many went out in the last 24 hours, whoever of the account sent them. ``may_send`` is False while the
    service has paused the account.
    """

    rate: float
    per_day: int | None
    sent: int = 0
    may_send: bool = True


CAUTIOUS = Limits(rate=1.0, per_day=200)
"""The limits of a new account: used until the service has given the real ones."""


@dataclass(frozen=True, slots=True)
class SendRateState:
    """What the workers share. Moments are microseconds since 1970 (UTC).

    ``next_free``: the first slot that nobody has. ``since``: slots leased since the limits were read. ``used``: slots
    leased by the hour (``2026-09-01T15``), of the last 24 hours. ``pauses``: how often in a row the service asked to
    slow down, the last time at ``paused_at``.
    """

    next_free: int = 0
    limits: Limits | None = None
    limits_at: int = 0
    since: int = 0
    used: Mapping[str, int] = field(default_factory=dict)
    pauses: int = 0
    paused_at: int = 0
    version: int = 0


class HoldReason(StrEnum):
    """HoldReason nothing may be sent now."""

    QUOTA_USED_UP = "quota_used_up"
    ACCOUNT_PAUSED = "account_paused"
    NO_SLOT_SOON = "no_slot_soon"


@dataclass(frozen=True, slots=True)
class Held:
    """Nothing may be sent before ``until``, as far as that is known."""

    reason: HoldReason
    until: datetime


def wants_limits(state: SendRateState, now: datetime) -> bool:
    """Whether the account's limits should be read before the next lease."""
    return state.limits is None or micros(now) - state.limits_at >= _span(LIMITS_KEPT)


def with_limits(state: SendRateState, limits: Limits | None, now: datetime) -> SendRateState:
    """The limits as they were just read; None when the service did not answer: then the last ones are kept.

    What is leased and lies ahead is not in ``limits.sent`` yet, so it goes on counting.
    """
    if limits is None:
        return replace(state, limits=state.limits or CAUTIOUS, limits_at=micros(now))
    ahead = max(0, state.next_free - micros(now)) / _SECOND * _rate(limits)
    return replace(state, limits=limits, limits_at=micros(now), since=min(state.since, math.ceil(ahead)))


def lease(
    state: SendRateState, now: datetime, number: int, *, within: timedelta, is_urgent: bool = False
) -> tuple[SendRateState, tuple[datetime, ...]] | Held:
    """Take up to ``number`` slots, none later than ``within`` from now; return the state after it and the slots.

    The last hundredth of the daily quota is for mails that somebody waits for (``is_urgent``).
    """
    limits = state.limits or CAUTIOUS
    if not limits.may_send:
        return Held(HoldReason.ACCOUNT_PAUSED, now + UNTIL_ASKED_AGAIN)
    left = _left_today(state, limits, is_urgent=is_urgent)
    if left < 1:
        return Held(HoldReason.QUOTA_USED_UP, frees_at(state, now))
    step = _SECOND / (_rate(limits) * _slowdown(state, now))
    first = max(state.next_free, micros(now))
    soon = math.floor((micros(now + within) - first) / step) + 1
    if soon < 1:
        return Held(HoldReason.NO_SLOT_SOON, moment_of(first))
    taken = min(number, left, soon)
    slots = tuple(moment_of(first + math.ceil(number * step)) for number in range(taken))
    hour = _hour(now)
    oldest = _hour(now - DAY)
    used = {past: count for past, count in state.used.items() if past >= oldest}
    after = replace(
        state,
        next_free=first + math.ceil(taken * step),
        since=state.since + taken,
        used={**used, hour: used.get(hour, 0) + taken},
        version=state.version + 1,
    )
    return after, slots


def slowed(state: SendRateState, now: datetime) -> SendRateState:
    """The service asked to slow down: no slots for a second, wider ones for a while, and the limits are read again."""
    since = micros(now) - state.paused_at
    if since < _span(PAUSE):
        return replace(state, limits_at=0, version=state.version + 1)
    return replace(
        state,
        next_free=max(state.next_free, micros(now) + _span(PAUSE)),
        limits_at=0,
        pauses=1 if since > _span(CALM_AFTER) else state.pauses + 1,
        paused_at=micros(now),
        version=state.version + 1,
    )


def reserve_of(per_day: int) -> int:
    """How much of a daily quota is kept for mails that somebody waits for."""
    return math.ceil(per_day / 100)


def frees_at(state: SendRateState, now: datetime) -> datetime:
    """When a part of the used-up daily quota is free again: a day after the oldest hour in which this service sent.

    When that is not ahead, others of the account used the quota up: then it is looked at again after a while.
    """
    sent = min((hour for hour, count in state.used.items() if count and hour >= _hour(now - DAY)), default=None)
    if sent is None:
        return now + UNTIL_ASKED_AGAIN
    freed = datetime.fromisoformat(f"{sent}:00:00+00:00") + timedelta(hours=1) + DAY
    return freed if freed > now else now + UNTIL_ASKED_AGAIN


def micros(moment: datetime) -> int:
    """A moment as microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment_of(microseconds: int) -> datetime:
    """The moment so many microseconds after 1970 began."""
    return _EPOCH + timedelta(microseconds=microseconds)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _rate(limits: Limits) -> float:
    return limits.rate * SHARE


def _slowdown(state: SendRateState, now: datetime) -> float:
    is_calm = micros(now) - state.paused_at > _span(CALM_AFTER)
    return 1.0 if is_calm else SLOWER ** min(state.pauses, 10)


def _left_today(state: SendRateState, limits: Limits, *, is_urgent: bool) -> int:
    if limits.per_day is None:
        return 10**9
    reserve = 0 if is_urgent else reserve_of(limits.per_day)
    return limits.per_day - reserve - limits.sent - state.since


def _hour(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="hours")[:13]


def _span(length: timedelta) -> int:
    return length // timedelta(microseconds=1)
