"""The activation: one teacher's email, its token, and its states (M8, B5).

``pending → sending → sent → delivered | bounced | complained``, and ``expired``, ``withdrawn``. The state is the ledger
that makes the mail go out once: only ``pending`` may be sent, and only one worker can take it from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from shared.domain.district import District
from shared.domain.roster import RosterUser, RosterUserKey
from shared.domain.school_calendar import moment_of, next_allowed


class ActivationState(StrEnum):
    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Activation:
    """A roster user's activation. ``activation_id`` is random and opaque; it is the only id in the mail's address.

    ``token_version`` is in the token's MAC: raising it makes every earlier address dead. ``used_at`` is set when the
    link was made through it: single use is the activation's state, not the token's absence. ``follow_up_at`` is when a
    mail that is out is looked at next: for a reminder, and at last because it expires. ``reminders`` counts those sent.
    ``trouble`` is what SES told of a mail that may yet arrive (``delayed``, ``soft_bounce``).
    """

    activation_id: str
    user: RosterUserKey
    official_email: str
    state: ActivationState = ActivationState.PENDING
    token_version: int = 1
    attempts: int = 0
    message_id: str | None = None
    created_at: str | None = None
    lease_until: str | None = None
    sent_at: str | None = None
    expires_at: str | None = None
    opened_at: str | None = None
    used_at: str | None = None
    follow_up_at: str | None = None
    follow_up_under_way: bool = False
    reminders: int = 0
    reminders_stopped: bool = False
    trouble: str | None = None


_WAITS = "activation_waits"


def _valid_for(district: District) -> timedelta:
    return timedelta(days=district.activations.valid_days)


def _is_to_begin_anew(present: Activation, address: str) -> bool:
    """Nothing ever reached this teacher: it was withdrawn unsent for a match that is gone, or bounced at an address that
    the district has corrected since."""
    if present.used_at:
        return False
    if present.state is ActivationState.WITHDRAWN:
        return present.sent_at is None
    return present.state is ActivationState.BOUNCED and present.official_email != address


def _waits(district: District, user: RosterUser, now: datetime) -> str | None:
    return None if _starts(district, user, now) is None else _WAITS


_FAR = datetime(9999, 1, 1, tzinfo=UTC)


def _starts(district: District, user: RosterUser, now: datetime) -> datetime | None:
    """When this teacher may be mailed; None is at once. Outside of a pilot it is for the district to say when."""
    if district.schools and not set(district.schools) & set(user.school_ids):
        return _FAR
    starts = now
    if district.activations_from:
        starts = max(now, moment_of(district, district.activations_from))
    if district.activations.in_school_hours:
        starts = next_allowed(district, starts)
    return starts if starts > now else None
