"""Send a reminder of an activation mail that is out, or end the activation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from functions.activation_email.invitation import InvitationMails
from shared.domain.activation import SETTLED_WITHIN, Activation, NotMailed, needs_no_link, why_not_mailed
from shared.domain.clock import Clock, from_iso, to_iso
from shared.domain.district import District
from shared.domain.reminder import IS_OUT, follow_up_at
from shared.domain.roster import RosterUserKey
from shared.domain.school_calendar import next_allowed
from shared.mail.delivery import Delivery, Outcome
from shared.mail.recipient_cap import RecipientCap
from shared.mail.ses import Mailer, MailRefused
from shared.runtime.observability import also_about
from shared.stores.activations import ActivationStore
from shared.stores.districts import DistrictStore
from shared.stores.due_items import FOLLOW_UP, UNTOLD, DueStore
from shared.stores.links import LinkStore
from shared.stores.roster_users import RosterUserStore

LEASE = timedelta(minutes=10)
PAUSE = timedelta(hours=1)
AWAY = timedelta(days=7)
"""How long a teacher who is off the roster is left alone before it is looked again."""


class SendReminder:
    """At most one accepted mail for each reminder; one whose delivery is unknown counts as sent."""

    def __init__(
        self,
        activations: ActivationStore,
        users: RosterUserStore,
        links: LinkStore,
        districts: DistrictStore,
        due: DueStore,
        mailer: Mailer,
        invitations: InvitationMails,
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
        self._delivery = Delivery(mailer, resend_unknown=False)
        self._invitations = invitations
        self._clock = clock

    def send(self, key: RosterUserKey, due_at: str) -> Outcome:
        """Deal with what is due for this teacher since ``due_at`` (ISO 8601, UTC). May be asked again."""
        now = self._clock()
        activation = self._activations.of_user(key)
        if activation:
            also_about(activation_id=activation.activation_id, import_id=activation.import_id)
        if activation is None or activation.follow_up_at != due_at or self._is_settled(activation):
            # Somebody else dealt with it, or there is nothing left to do: what it left in the index goes.
            self._due.remove(FOLLOW_UP, key, due_at)
            return Outcome.SETTLED
        if due_at > to_iso(now):
            return Outcome.POSTPONED
        user = self._users.get(key)
        district = self._districts.get(key.district_id)
        why_not = why_not_mailed(user, mail=activation)
        is_too_old = bool(activation.expires_at) and (activation.expires_at or "") <= to_iso(now)
        if is_too_old or why_not not in (None, NotMailed.AWAY):
            # The mailed link leads nowhere for good: it is too old, or its teacher has another address or role by now.
            self._activations.expire(activation, due_at, now=now)
            return Outcome.EXPIRED
        claim = _ReminderClaim(
            activation, district, self._activations, self._due, self._recipients, self._clock, due_at, now
        )
        if activation.follow_up_under_way and not self._delivery.resend_unknown:
            claim.complete()
            return Outcome.UNANSWERED
        if user is None or why_not:
            return claim.postpone(now + AWAY)
        if activation.reminders_stopped:
            self._activations.follow_up(activation, due_at, follow_up_at(district, activation, now))
            return Outcome.POSTPONED
        allowed = next_allowed(district, now)
        if allowed > now:
            return claim.postpone(allowed)
        return self._delivery.send(self._invitations.reminder(activation, user, district), claim)

    def _is_settled(self, activation: Activation) -> bool:
        is_linked = needs_no_link(self._links.of_user(activation.user))
        return is_linked or activation.used_at is not None or activation.state not in IS_OUT


@dataclass(slots=True)
class _ReminderClaim:
    """While a reminder is under way, the activation is due again at the end of its lease."""

    activation: Activation
    district: District
    activations: ActivationStore
    due: DueStore
    recipients: RecipientCap
    clock: Clock
    due_at: str
    now: datetime

    def take(self) -> Outcome | None:
        """As ``Claim``. Raises MailRefused where its address had its mails for today."""
        self.recipients.count(self.district.district_id, self.activation.official_email)
        lease_until = self.now + LEASE
        if not self.activations.follow_up(self.activation, self.due_at, lease_until, under_way=True):
            return Outcome.SETTLED
        self.due_at = to_iso(lease_until)
        return None

    def release(self, refused: MailRefused) -> None:
        self.postpone(next_allowed(self.district, refused.until or self.now + PAUSE))

    def complete(self, message_id: str = "", /) -> None:
        if message_id:
            self.due.add(UNTOLD, self.activation.user, self.clock() + SETTLED_WITHIN, message_id=message_id)
        after = replace(self.activation, reminders=self.activation.reminders + 1)
        next_at = follow_up_at(self.district, after, self.clock())
        self.activations.follow_up(self.activation, self.due_at, next_at, reminded=True)

    def postpone(self, moment: datetime) -> Outcome:
        """Look again at this moment, or at the end of the activation if that comes first."""
        expires_at = self.activation.expires_at
        next_at = min(moment, from_iso(expires_at)) if expires_at else moment
        self.activations.follow_up(self.activation, self.due_at, next_at)
        return Outcome.POSTPONED
