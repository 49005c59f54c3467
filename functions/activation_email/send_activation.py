"""Send one activation mail: at most once, however often and in whatever order it is asked for (M8, B5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta

from functions.activation_email.invitation import InvitationMails
from shared.domain.activation import Activation, ActivationState, NotMailed, valid_for, waits_until, why_not_mailed
from shared.domain.clock import Clock, to_iso
from shared.domain.district import District
from shared.domain.errors import RefusedTransition
from shared.domain.first_wave import holds_back
from shared.domain.reminder import follow_up_at
from shared.domain.roster import RosterUserKey
from shared.mail.delivery import Delivery, Outcome, delivery_unknown
from shared.mail.recipient_cap import RecipientCap
from shared.mail.ses import Mailer, MailRefused
from shared.runtime.observability import also_about
from shared.stores.activations import ActivationStore
from shared.stores.districts import DistrictStore
from shared.stores.due_items import PARKED, DueStore
from shared.stores.links import LinkStore
from shared.stores.roster_users import RosterUserStore
from shared.stores.stuck_people import StuckCode, StuckStore
from shared.stores.waiting import WaitingStore
from shared.use_cases.match_by_rule import MatchByRule

LEASE = timedelta(minutes=10)
PARKED_FOR = timedelta(minutes=5)
"""How long a mail rests that was refused because of the send rate, when nobody says for how long it should."""


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
        waiting: WaitingStore,
        matches: MatchByRule,
        *,
        recipients: RecipientCap,
        clock: Clock,
    ) -> None:
        self._recipients = recipients
        self._activations = activations
        self._users = users
        self._links = links
        self._districts = districts
        self._due = due
        self._waiting = waiting
        self._matches = matches
        self._delivery = Delivery(mailer, resend_unknown=False)
        self._invitations = invitations
        self._stuck = stuck
        self._clock = clock
        self._released: set[str] = set()

    def send(self, user_key: RosterUserKey, activation_id: str) -> Outcome:
        """Send it, if it is still needed, and its district lets it go out now.

        Whether it is and may was asked when it was queued; accounts, other holders of the address, the day, the hours and the
        pilot may be others by now. What may not go out yet waits for its district again (POSTPONED), unless a person asked
        for it.
        Where it is only not the time for it (rate, quota, sending stopped), the mail stays pending, is parked as due later, and
        the request has done its part (REFUSED): waiting uses up none of the times that it may come.
        Whoever comes while the mail is under way waits for the lease to pass. By then SES' own event has settled what
        became of it (``mail_feedback``); where none came, the outcome is UNANSWERED and a person is told.

        Raises MailRefused when SES refused it for good, OutcomeUnknown while its delivery is unknown: the request is to
        come again.
        """
        activation = self._activations.of_user(user_key)
        if activation is None and (activation := self._activations.by_id(activation_id)):
            # The person has got another number, or its kind, since the request was made.
            user_key = activation.user
        if not activation or activation.activation_id != activation_id:
            return Outcome.SETTLED
        also_about(import_id=activation.import_id)
        if activation.state is ActivationState.SENDING:
            return self._under_way(activation)
        if activation.state is not ActivationState.PENDING:
            return Outcome.SETTLED
        user = self._users.get(user_key)
        if user is None or not user.active:
            return Outcome.NOT_NEEDED
        if why_not_mailed(user, link=self._links.of_user(user_key), mail=activation):
            self._activations.withdraw(activation)
            return Outcome.NOT_NEEDED
        district, now = self._districts.get(user_key.district_id), self._clock()
        why_not = self._matches.keeps_from_mail(district, user)
        if why_not is NotMailed.SHARED_ADDRESS and activation.is_corrected_for(user.official_email):
            why_not = None
        if why_not:
            self._activations.withdraw(activation)
            if why_not is NotMailed.SHARED_ADDRESS:
                self._stuck.note_by_roster([user_key], StuckCode.SHARED_ADDRESS, to_iso(now))
            return Outcome.NOT_NEEDED
        look_at = waits_until(district, user, now, after_first_wave=self._is_held_back(district, activation_id))
        if look_at and not activation.is_asked_for:
            self._waiting.add([(user_key, activation_id)])
            self._waiting.note(user_key.district_id, look_at)
            return Outcome.POSTPONED
        activation = replace(activation, expires_at=to_iso(now + valid_for(district)))
        message = self._invitations.activation(activation, user, district)
        outcome = self._delivery.send(message, self._claim(activation, district), is_urgent=activation.is_asked_for)
        if outcome is Outcome.UNKNOWN:
            raise delivery_unknown()
        # Where somebody else was faster, what is to be done depends on what they did.
        return self.send(user_key, activation_id) if outcome is Outcome.SETTLED else outcome

    def _is_held_back(self, district: District, activation_id: str) -> bool:
        """Whether this mail waits for what comes of the district's first ones, and is none of these."""
        district_id = district.district_id
        if district.first_wave is None or district_id in self._released:
            return False
        wave = self._waiting.first_wave.of(district_id)
        if wave and wave.released_at:
            # That is never taken back.
            self._released.add(district_id)
        return holds_back(district, wave) and not self._waiting.first_wave.has(district_id, activation_id)

    def expect(self, number: int, district_ids: Iterable[str] = ()) -> None:
        """So many requests of these districts are about to come: the slots of their mails are leased together."""
        self._delivery.expect(number, district_ids)

    def _under_way(self, activation: Activation) -> Outcome:
        if (activation.lease_until or "") > to_iso(self._clock()):
            raise delivery_unknown()
        self._stuck.note(activation.user, StuckCode.UNANSWERED, to_iso(self._clock()))
        return Outcome.UNANSWERED

    def _claim(self, activation: Activation, district: District) -> _ActivationClaim:
        return _ActivationClaim(activation, district, self._activations, self._due, self._recipients, self._clock)


@dataclass(slots=True)
class _ActivationClaim:
    """``pending → sending → sent``; there is no way back from a lost answer, so such a mail is never sent again (B5)."""

    activation: Activation
    district: District
    activations: ActivationStore
    due: DueStore
    recipients: RecipientCap
    clock: Clock
    is_taken: bool = False

    def take(self) -> Outcome | None:
        """As ``Claim``. Raises MailRefused where its address had its mails for today."""
        self.recipients.count(self.district.district_id, self.activation.official_email)
        try:
            self.activation = self.activations.claim(self.activation, now=self.clock(), lease=LEASE)
        except RefusedTransition:
            return Outcome.SETTLED
        self.is_taken = True
        return None

    def release(self, refused: MailRefused) -> None:
        if self.is_taken:
            self.activations.release(self.activation)
        if not refused.may_try_later:
            raise refused
        due_at = refused.until or self.clock() + PARKED_FOR
        self.due.add(PARKED, self.activation.user, due_at, activation_id=self.activation.activation_id)

    def complete(self, message_id: str = "", /) -> None:
        now = self.clock()
        due_at = follow_up_at(self.district, self.activation, now)
        self.activations.mark_sent(self.activation, message_id, now=now, follow_up_at=due_at)
