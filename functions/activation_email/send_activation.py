"""Sends one activation mail: takes it, builds it, sends it once, and notes what came of it."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from functions.activation_email.invitation import InvitationMails
from shared.domain.activation import Activation, ActivationState
from shared.domain.clock import Clock, to_iso
from shared.domain.errors import OutcomeUnknown, RefusedTransition
from shared.domain.link import LinkState
from shared.domain.reminder import follow_up_at
from shared.domain.roster import Role, RosterUserKey
from shared.mail.ses import Mailer, MailRefused
from shared.stores.activations import ActivationStore
from shared.stores.districts import DistrictStore
from shared.stores.due import ACTIVATION, DueStore
from shared.stores.links import LinkStore
from shared.stores.roster_users import RosterUserStore
from shared.stores.stuck import StuckCode, StuckStore

LEASE = timedelta(minutes=10)
PARKED_FOR = timedelta(minutes=5)
"""How long a mail rests that was refused because of pace, when nobody says for how long it should."""


class Outcome(StrEnum):
    """What became of a request to mail."""

    SENT = "sent"
    NOT_PENDING = "not_pending"
    NOT_NEEDED = "not_needed"
    UNANSWERED = "unanswered"
    PARKED = "parked"


class SendActivation:
    """Any number of requests for one activation, at any time, lead to at most one accepted mail."""

    def __init__(
        self,
        activations: ActivationStore,
        users: RosterUserStore,
        links: LinkStore,
        districts: DistrictStore,
        mailer: Mailer,
        invitations: InvitationMails,
        stuck: StuckStore,
        due: DueStore,
        *,
        clock: Clock,
    ) -> None:
        self._activations = activations
        self._users = users
        self._links = links
        self._districts = districts
        self._due = due
        self._mailer = mailer
        self._invitations = invitations
        self._stuck = stuck
        self._clock = clock

    def send(self, user_key: RosterUserKey, activation_id: str) -> Outcome:
        """Raises MailRefused when SES said no, OutcomeUnknown while it is open what it did: the request is to come again.

        Where it is only not the time for it (pace, quota, sending stopped), the mail stays pending, is parked as due
        later, and the request has done its part: waiting uses up none of the times that it may come.
        Whoever comes while the mail is under way waits for the lease to pass. By then SES' own event has settled what
        became of it (``mail_feedback``); where none came, the outcome is UNANSWERED and a person is told.
        """
        activation = self._activations.of_user(user_key)
        if not activation or activation.activation_id != activation_id:
            return Outcome.NOT_PENDING
        if activation.state is ActivationState.SENDING:
            if (activation.lease_until or "") > to_iso(self._clock()):
                raise OutcomeUnknown("still_sending", "It is not known yet whether this mail went out.")
            self._stuck.note(user_key, StuckCode.UNANSWERED, to_iso(self._clock()))
            return Outcome.UNANSWERED
        if activation.state is not ActivationState.PENDING:
            return Outcome.NOT_PENDING
        user = self._users.get(user_key)
        if user is None or not user.active:
            return Outcome.NOT_NEEDED
        if (
            user.role is not Role.TEACHER
            or user.official_email != activation.official_email
            or self._needs_no_mail(user_key)
        ):
            self._activations.withdraw(activation)
            return Outcome.NOT_NEEDED
        district = self._districts.get(user_key.district_id)
        message = self._invitations.first(activation, user, district)
        try:
            slot = self._mailer.slot(is_urgent=_is_awaited(activation))
        except MailRefused as later:
            return self._park(activation, later)
        try:
            self._activations.begin_sending(activation, now=self._clock(), lease=LEASE)
        except RefusedTransition:
            return self.send(user_key, activation_id)
        # From here on the mail may have gone out: only SES' answer or its tagged event may say that it did not.
        try:
            message_id = self._mailer.send(message, slot, is_urgent=_is_awaited(activation))
        except MailRefused as refused:
            self._activations.give_back(activation)
            if not refused.may_try_later:
                raise
            return self._park(activation, refused)
        now = self._clock()
        self._activations.mark_sent(
            activation, message_id, now=now, follow_up_at=follow_up_at(district, activation, now)
        )
        return Outcome.SENT

    def expect(self, number: int) -> None:
        """So many requests are about to come: the turns of their mails are had together."""
        self._mailer.expect(number)

    def _park(self, activation: Activation, refused: MailRefused) -> Outcome:
        due_at = refused.until or self._clock() + PARKED_FOR
        self._due.add(ACTIVATION, activation.user, due_at, activation_id=activation.activation_id)
        return Outcome.PARKED

    def _needs_no_mail(self, user_key: RosterUserKey) -> bool:
        link = self._links.of_user(user_key)
        return link is not None and link.state in (LinkState.MATCHED, LinkState.LINKED)


def _is_awaited(activation: Activation) -> bool:
    """A person asked for this mail, and waits for it: it is not the first one."""
    return activation.token_version > 1
