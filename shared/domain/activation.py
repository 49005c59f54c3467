"""The activation: one teacher's email, its token, and its states (M8, B5).

``pending → sending → sent → delivered | bounced | complained``, and ``expired``, ``withdrawn``. The state
makes the mail go out once: only ``pending`` may be sent, and only one worker can take it from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from shared.domain.district import District
from shared.domain.link import Link, LinkState
from shared.domain.roster import Role, RosterUser, RosterUserKey
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

    ``token_version`` is signed with the token: raising it makes every earlier address dead. ``used_at`` is set when the
    link was made through it: single use is the activation's state, not the token's absence. ``follow_up_at`` is when a
    mail that is out is looked at next: for a reminder, and at last because it expires. ``reminders`` counts those sent.
    ``trouble`` is what SES reports of a mail that may yet arrive (``delayed``, ``soft_bounce``).
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


class NotMailed(StrEnum):
    """Why a roster user gets no mail from here; the values are codes of reports and errors where they are shown."""

    AWAY = "not_on_roster"
    """Off the roster: works again on return (M8)."""
    NOT_A_TEACHER = "not_a_teacher"
    LINKED = "matched_or_linked"
    NO_ADDRESS = "teacher_without_email"
    SHARED_ADDRESS = "shared_address"
    """Several people have it (M7)."""
    OTHER_ADDRESS = "other_address"
    """The official address is not the one that the mail was made for."""


def why_not_mailed(
    user: RosterUser | None,
    *,
    link: Link | None = None,
    address_is_shared: bool = False,
    mailed_address: str | None = None,
) -> NotMailed | None:
    """The one rule of who is mailed: teachers on the roster with an address of their own (M7, M8, M12, B5); None: may be mailed.

    ``link`` counts for mails that ask for a link: whoever is matched or linked needs none. ``mailed_address`` is the address
    that a mail was made for.
    """
    if user is None or not user.active:
        return NotMailed.AWAY
    if user.role is not Role.TEACHER:
        return NotMailed.NOT_A_TEACHER
    if needs_no_link(link):
        return NotMailed.LINKED
    if not user.official_email:
        return NotMailed.NO_ADDRESS
    if address_is_shared:
        return NotMailed.SHARED_ADDRESS
    if mailed_address is not None and user.official_email != mailed_address:
        return NotMailed.OTHER_ADDRESS
    return None


def may_be_mailed(user: RosterUser | None) -> bool:
    """Whether this person may be mailed at all: a teacher on the roster with an address."""
    return why_not_mailed(user) is None


def needs_no_link(link: Link | None) -> bool:
    """Whether an account was found for this person or linked already: no mail is to ask for one (M8)."""
    return link is not None and link.state in (LinkState.MATCHED, LinkState.LINKED)


def valid_for(district: District) -> timedelta:
    """How long the link of an activation mail works."""
    return timedelta(days=district.activations.valid_days)


def begins_anew(present: Activation, address: str) -> bool:
    """Whether nothing ever reached this teacher, so that the invitation begins anew: it was withdrawn unsent for a match that
    is gone, or bounced at an address that the district has corrected since."""
    if present.used_at:
        return False
    if present.state is ActivationState.WITHDRAWN:
        return present.sent_at is None
    return present.state is ActivationState.BOUNCED and present.official_email != address


_NOT_YET = datetime(9999, 1, 1, tzinfo=UTC)


def starts_at(district: District, user: RosterUser, now: datetime) -> datetime | None:
    """From when on this teacher may be mailed; None: at once. Outside of a pilot it is for the district to say when."""
    if district.schools and not set(district.schools) & set(user.school_ids):
        return _NOT_YET
    starts = now
    if district.activations_from:
        starts = max(now, moment_of(district, district.activations_from))
    if district.activations.in_school_hours:
        starts = next_allowed(district, starts)
    return starts if starts > now else None
