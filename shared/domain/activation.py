"""The activation: one teacher's email, its token, and its states (M8, B5).

``pending → sending → sent → delivered | bounced | complained``, and ``expired``, ``withdrawn``. The state is why
the mail goes out once: only ``pending`` may be sent, and only one worker can claim it from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
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

    ``token_version`` is signed into the token: raising it makes every earlier link dead. ``used_at`` is set when the link
    between roster user and account is made: the activation remembers that it was used, the token does not.
    ``follow_up_at`` is when the mail is followed up next: by a reminder, and at last by its end. ``reminders`` counts
    those sent. ``trouble`` is what SES reported of a mail that may yet arrive (``delayed``, ``soft_bounce``), or ``untold``
    where it reported nothing in time.
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
    signed_number: str | None = None
    signed_kind: str = ""
    """The number, and its kind, for which the link in its mails was signed, where the person has another one since."""
    signed_email: str | None = None
    """The address for which it was signed, where the address has another domain since."""
    from_before_kinds: bool = False
    """Whether it was made when its person's number had no kind, as an earlier version noted it."""
    stands_as: str = ""
    """As whom its person is counted (``shared.domain.funnel``)."""

    @property
    def signed_for(self) -> RosterUserKey:
        """Whom the link in its mails names."""
        if self.signed_number is not None:
            return RosterUserKey(self.user.district_id, self.signed_number, self.signed_kind)
        if self.from_before_kinds:
            return RosterUserKey(self.user.district_id, self.user.sourced_id)
        return self.user

    @property
    def signed_address(self) -> str:
        """The address that the link in its mails names."""
        return self.signed_email or self.official_email

    settle_by: str | None = None
    """By when SES says what became of its mail; None where no mail of it was handed over, or by an earlier version."""
    import_id: str | None = None
    """The import that invited its person; None where no import did, or an earlier version."""
    is_asked_for: bool = False
    """Whether a person asked for this mail, and waits for it: it waits for no day and no hour."""
    is_called_back: bool = False
    """Whether a person withdrew it: nobody but a person sends another one."""
    instead_of: str | None = None
    """The roster's address in whose place the mail goes to ``official_email``, by a correction of the district's that counts
    until the roster has another one; empty where the roster has none, None where nothing was corrected."""
    stuck_before: str = ""
    """As what the person was stuck when the address was corrected; empty for not at all."""

    def is_made_for(self, address: str | None) -> bool:
        """Whether it is the activation of somebody whose address on the roster is this one."""
        return address == self.official_email or self.is_corrected_for(address)

    def is_corrected_for(self, address: str | None) -> bool:
        """Whether its mail goes elsewhere as long as this is the address on the roster."""
        return self.instead_of is not None and self.instead_of == (address or "")


SETTLED_WITHIN = timedelta(hours=24)
"""Within so long after the claim SES says what became of a mail: it tries for 14 hours to deliver one."""
UNTOLD = "untold"
"""The trouble of a mail of which SES said nothing in time."""


def is_unsettled(activation: Activation) -> bool:
    """Whether nobody knows what became of its mail: no answer, or neither a delivery nor a bounce; and its link was not used."""
    is_open = activation.state in (ActivationState.SENDING, ActivationState.SENT)
    return is_open and activation.used_at is None and activation.trouble in (None, "delayed")


def was_handed_over(activation: Activation) -> bool:
    """Whether its mail was handed to SES, whatever became of it."""
    return activation.state not in (ActivationState.PENDING, ActivationState.WITHDRAWN)


_HOW_FAR = {
    ActivationState.WITHDRAWN: 0,
    ActivationState.PENDING: 0,
    ActivationState.SENDING: 1,
    ActivationState.SENT: 2,
    ActivationState.DELIVERED: 3,
    ActivationState.BOUNCED: 4,
    ActivationState.COMPLAINED: 4,
    ActivationState.EXPIRED: 4,
}


def is_further(one: Activation, other: Activation) -> bool:
    """Whether one has come further than another of the same person: it came after it, or more was sent of it."""
    if one.activation_id != other.activation_id:
        return (one.created_at or "") > (other.created_at or "")
    return (_HOW_FAR[one.state], one.reminders) > (_HOW_FAR[other.state], other.reminders)


class NotMailed(StrEnum):
    """Why a roster user gets no mail from here; the values are codes of reports and errors where they are shown."""

    AWAY = "not_on_roster"
    """Off the roster; the activation works again on return (M8)."""
    NOT_A_TEACHER = "not_a_teacher"
    LINKED = "matched_or_linked"
    NO_ADDRESS = "teacher_without_email"
    SHARED_ADDRESS = "shared_address"
    """Several people have this address (M7)."""
    OTHER_ADDRESS = "other_address"
    """The official address is not the one that the mail was made for."""


def why_not_mailed(
    user: RosterUser | None,
    *,
    link: Link | None = None,
    address_is_shared: bool = False,
    mail: Activation | None = None,
) -> NotMailed | None:
    """Return why this person may not be mailed; None for teachers on the roster with an address of their own (M7, M8, M12, B5).

    ``link`` is for mails that ask for a link: a person who is matched or linked needs none. ``mail`` is one that was made: where
    its address was corrected, the one on the roster keeps nobody from it.
    """
    if user is None or not user.active:
        return NotMailed.AWAY
    if user.role is not Role.TEACHER:
        return NotMailed.NOT_A_TEACHER
    if needs_no_link(link):
        return NotMailed.LINKED
    return None if mail and mail.is_corrected_for(user.official_email) else _why_not_at(user, address_is_shared, mail)


def _why_not_at(user: RosterUser, address_is_shared: bool, mail: Activation | None) -> NotMailed | None:
    """Why nobody is mailed at the address on the roster."""
    if not user.official_email:
        return NotMailed.NO_ADDRESS
    if address_is_shared:
        return NotMailed.SHARED_ADDRESS
    return NotMailed.OTHER_ADDRESS if mail and not mail.is_made_for(user.official_email) else None


def may_be_mailed(user: RosterUser | None) -> bool:
    """Whether this person may be mailed at all: a teacher on the roster with an address."""
    return why_not_mailed(user) is None


def needs_no_link(link: Link | None) -> bool:
    """Whether this person is matched or linked already, so that no mail asks for a link (M8)."""
    return link is not None and link.state in (LinkState.MATCHED, LinkState.LINKED)


def valid_for(district: District) -> timedelta:
    """How long the link of an activation email works."""
    return timedelta(days=district.activations.valid_days)


class Step(StrEnum):
    """What becomes of the activation of a teacher who is to be invited."""

    CREATE = "create"
    BEGIN_ANEW = "begin_anew"
    GO_ON = "go_on"
    """It waits for its mail already."""


def next_step(present: Activation | None, address: str) -> Step | None:
    """What is to be done so that a teacher is invited at this address; None where the one mail went there (M8)."""
    if present is None:
        return Step.CREATE
    if present.state is ActivationState.PENDING:
        return Step.GO_ON
    return Step.BEGIN_ANEW if begins_anew(present, address) else None


_IS_GOOD_FOR_ONE_ADDRESS = (
    ActivationState.SENDING,
    ActivationState.SENT,
    ActivationState.DELIVERED,
    ActivationState.BOUNCED,
    ActivationState.EXPIRED,
)


def begins_anew(present: Activation, address: str) -> bool:
    """Whether an activation that was not used begins anew: it was withdrawn unsent for a reason that is gone, or its mail
    went to an address that the district has corrected since. Whoever complained of it is left alone."""
    if present.used_at:
        return False
    if present.state is ActivationState.WITHDRAWN:
        return present.sent_at is None and not present.is_called_back
    return present.state in _IS_GOOD_FOR_ONE_ADDRESS and not present.is_made_for(address)


def follows_address(present: Activation) -> bool:
    """Whether an activation goes on at its person's address in another domain: not one that was used, and not one whose mail
    came back, so that the new address has none yet (B11)."""
    return not present.used_at and present.state is not ActivationState.BOUNCED


def starts_at(district: District, now: datetime) -> datetime:
    """When the district lets activation mails go out: now, or from its day and in its hours on."""
    starts = now
    if district.activations_from:
        starts = max(now, moment_of(district, district.activations_from))
    if district.activations.in_school_hours:
        starts = next_allowed(district, starts)
    return starts


def is_in_pilot(district: District, user: RosterUser) -> bool:
    """Whether this person may be mailed in a pilot: at one of its schools, or where there is none."""
    return not district.schools or not set(district.schools).isdisjoint(user.school_ids)


NOBODY_KNOWS = timedelta(days=366)
"""After so long it is looked again at those whom a pilot leaves out; settings that change lead to them before."""


def waits_until(
    district: District, user: RosterUser, now: datetime, *, after_first_wave: bool = False
) -> datetime | None:
    """When it is looked at again whether this person's activation mail may go out; None where it may now (M8).

    What it rests on may change: it is asked when the mail is queued, and again when it is sent. ``after_first_wave`` says that
    it has to wait for what comes of the district's first mails, which is looked at from the district's day on.
    """
    if not is_in_pilot(district, user):
        return now + NOBODY_KNOWS
    starts = starts_at(district, now)
    return starts if after_first_wave or starts > now else None
