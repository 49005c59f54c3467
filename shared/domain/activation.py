"""The activation: one teacher's email, its token, and its states (M8, B5).

``pending → sending → sent → delivered | bounced | complained``, and ``expired``, ``withdrawn``. The state is the ledger
that makes the mail go out once: only ``pending`` may be sent, and only one worker can take it from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.domain.roster import RosterUserKey


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
