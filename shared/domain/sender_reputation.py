"""The sender's reputation: when so many mails bounce, or are complained of, that sending must stop (circuit breaker).

The mail service reviews an account at 5 % bounces or 0.1 % complaints. Sending stops before, and only a person starts it
again, because the cause is a list of bad addresses or a mail that people did not want; waiting cures neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

BOUNCES = 0.04
COMPLAINTS = 0.0008
FEWEST_BOUNCES = 5
"""So many bounces stop sending at the earliest. Of 100 mails one bounces as a rule; that four do by chance happens every
fifty days, that five do and are 4 % every three hundred. A bad list is still noticed at its fifth address."""
FEWEST_COMPLAINTS = 3
"""So many complaints stop sending at the earliest: one alone is above 0.08 % of any day under 1,250 mails."""
FEWEST_BOUNCES_OF_ALL = 25
FEWEST_COMPLAINTS_OF_ALL = 10
"""The same for all districts together. One district's bad list stops that district, long before it stops the others (M21)."""
BOUNCES_OVER = timedelta(hours=24)
"""A hard bounce comes within minutes: a day of mails is compared with its own bounces, and a bad list of today is not
hidden by the good ones of last week."""
COMPLAINTS_OVER = timedelta(days=7)
"""A complaint comes days later: it is compared with a week of mails, so that a quiet day after a busy one stops nothing."""


class DeliveryEvent(StrEnum):
    """What SES reports of a mail that counts for the reputation. ``BOUNCED`` is about hard bounces only."""

    ACCEPTED = "accepted"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many mails of a span of time."""

    accepted: int = 0
    bounced: int = 0
    complained: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.accepted + other.accepted, self.bounced + other.bounced, self.complained + other.complained)

    def __sub__(self, other: Counts) -> Counts:
        return Counts(self.accepted - other.accepted, self.bounced - other.bounced, self.complained - other.complained)


@dataclass(frozen=True, slots=True)
class Breaker:
    """Whether sending has stopped, and why. After a person resumed it, counting starts anew at that moment:

    ``counts_from`` is the hour of it, and ``before`` what had been counted in that hour already.
    """

    has_stopped: bool = False
    reason: str = ""
    opened_at: str | None = None
    counts_from: str = ""
    before: Counts = Counts()


def hour_of(moment: datetime) -> str:
    """The hour of a moment, as counts are kept by: ``2026-09-01T15``; such texts sort by time."""
    return moment.astimezone(UTC).isoformat(timespec="hours")[:13]


def stop_reason(hours: Mapping[str, Counts], breaker: Breaker, now: datetime, *, of_all: bool = False) -> str | None:
    """Return why sending must stop, in words for an operator; None when all is well.

    It is about one district's mail, or that ``of_all``: then it takes more to stop it.

    ``hours`` are the counts by hour of the last week. Hours count whole, so the window is up to an hour longer.
    """
    fewest_bounces, fewest_complaints = (
        (FEWEST_BOUNCES_OF_ALL, FEWEST_COMPLAINTS_OF_ALL) if of_all else (FEWEST_BOUNCES, FEWEST_COMPLAINTS)
    )
    day = _total(hours, breaker, now - BOUNCES_OVER)
    if day.bounced >= fewest_bounces and day.bounced >= BOUNCES * day.accepted:
        return f"{day.bounced} of {day.accepted} mails bounced in 24 hours"
    week = _total(hours, breaker, now - COMPLAINTS_OVER)
    if week.complained >= fewest_complaints and week.complained >= COMPLAINTS * week.accepted:
        return f"{week.complained} of {week.accepted} mails were complained of in 7 days"
    return None


def _total(hours: Mapping[str, Counts], breaker: Breaker, since: datetime) -> Counts:
    first = max(hour_of(since), breaker.counts_from)
    total = sum((counts for hour, counts in hours.items() if hour >= first), Counts())
    return total - breaker.before if first == breaker.counts_from else total
