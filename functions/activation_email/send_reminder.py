"""Looks again at a mail that is out: a reminder, or its end. Each reminder is taken for one send, as a nudge is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from functions.activation_email.invitation import InvitationMails
from shared.domain.activation import Activation
from shared.domain.clock import Clock, from_iso, to_iso
from shared.domain.district import District
from shared.domain.errors import OutcomeUnknown
from shared.domain.link import LinkState
from shared.domain.reminder import IS_OUT, follow_up_at
from shared.domain.roster import Role, RosterUser, RosterUserKey
from shared.domain.school_calendar import next_allowed
from shared.mail.ses import Mailer, MailRefused
from shared.stores.activations import ActivationStore
from shared.stores.districts import DistrictStore
from shared.stores.due import FOLLOW_UP, DueStore
from shared.stores.links import LinkStore
from shared.stores.roster_users import RosterUserStore

LEASE = timedelta(minutes=10)
PAUSE = timedelta(hours=1)
AWAY = timedelta(days=7)
"""How long a teacher who is off the roster is left alone before it is looked again."""


class FollowUp(StrEnum):
    """What became of it."""

    REMINDED = "reminded"
    MOVED = "moved"
    EXPIRED = "expired"
    STOPPED = "stopped"
    REFUSED = "refused"
    OPEN = "open"


class SendReminder:
    """At most one accepted mail for each reminder; one of which nobody can say whether it went out counts as sent."""

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
        clock: Clock,
    ) -> None:
        self._activations = activations
        self._users = users
        self._links = links
        self._districts = districts
        self._due = due
        self._mailer = mailer
        self._invitations = invitations
        self._clock = clock

    def look(self, key: RosterUserKey, due_at: str) -> FollowUp:
        """Deal with what is due for this teacher since ``due_at`` (ISO 8601, UTC). May be asked again."""
        now = self._clock()
        activation = self._activations.of_user(key)
        if activation is None or activation.follow_up_at != due_at or self._is_settled(activation):
            # Somebody else dealt with it, or there is nothing left to do: what it left in the index goes.
            self._due.remove(FOLLOW_UP, key, due_at)
            return FollowUp.STOPPED
        if due_at > to_iso(now):
            return FollowUp.MOVED
        user = self._users.get(key)
        district = self._districts.get(key.district_id)
        if _is_over(activation, user, now):
            self._activations.expire(activation, due_at, now=now)
            return FollowUp.EXPIRED
        if activation.follow_up_under_way:
            return self._reminded(activation, district, due_at, FollowUp.OPEN)
        if user is None or not user.active:
            return self._move(activation, due_at, _no_later(activation, now + AWAY))
        if activation.reminders_stopped:
            return self._move(activation, due_at, follow_up_at(district, activation, now))
        allowed = next_allowed(district, now)
        if allowed > now:
            return self._move(activation, due_at, _no_later(activation, allowed))
        return self._remind(activation, user, district, due_at)

    def _is_settled(self, activation: Activation) -> bool:
        link = self._links.of_user(activation.user)
        is_linked = link is not None and link.state in (LinkState.MATCHED, LinkState.LINKED)
        return is_linked or activation.used_at is not None or activation.state not in IS_OUT

    def _move(self, activation: Activation, due_at: str, next_at: datetime | None) -> FollowUp:
        self._activations.follow_up(activation, due_at, next_at)
        return FollowUp.MOVED

    def _remind(self, activation: Activation, user: RosterUser, district: District, due_at: str) -> FollowUp:
        message = self._invitations.reminder(activation, user, district)
        now = self._clock()
        try:
            slot = self._mailer.slot()
        except MailRefused as later:
            again = _no_later(activation, next_allowed(district, later.until or now + PAUSE))
            self._activations.follow_up(activation, due_at, again)
            return FollowUp.REFUSED
        lease_until = now + LEASE
        if not self._activations.follow_up(activation, due_at, lease_until, under_way=True):
            return FollowUp.STOPPED
        # From here on it may have gone out: only SES' answer may say that it did not.
        try:
            self._mailer.send(message, slot)
        except MailRefused:
            pause_ends = _no_later(activation, next_allowed(district, now + PAUSE))
            self._activations.follow_up(activation, to_iso(lease_until), pause_ends)
            return FollowUp.REFUSED
        except OutcomeUnknown:
            return FollowUp.OPEN
        return self._reminded(activation, district, to_iso(lease_until), FollowUp.REMINDED)

    def _reminded(self, activation: Activation, district: District, due_at: str, outcome: FollowUp) -> FollowUp:
        after = replace(activation, reminders=activation.reminders + 1)
        next_at = follow_up_at(district, after, self._clock())
        self._activations.follow_up(activation, due_at, next_at, reminded=True)
        return outcome


def _is_over(activation: Activation, user: RosterUser | None, now: datetime) -> bool:
    """Whether the mailed link leads nowhere for good: too old, or its teacher has another address or role by now."""
    if activation.expires_at and activation.expires_at <= to_iso(now):
        return True
    if user is None or not user.active:
        return False
    return user.role is not Role.TEACHER or user.official_email != activation.official_email


def _no_later(activation: Activation, moment: datetime) -> datetime:
    """This moment, or the end of the activation if that comes first."""
    return min(moment, from_iso(activation.expires_at)) if activation.expires_at else moment
