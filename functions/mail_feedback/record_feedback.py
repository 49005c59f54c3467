"""Record what SES reports about a mail: in its activation, and in the sender's reputation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from shared.domain.activation import Activation, ActivationState
from shared.domain.clock import Clock, from_iso, to_iso
from shared.domain.reminder import IS_OUT, follow_up_at
from shared.domain.sender_reputation import COMPLAINTS_OVER, DeliveryEvent
from shared.mail.rendering import DISTRICT_TAG, Kind
from shared.stores.activations import ActivationStore
from shared.stores.districts import DistrictStore
from shared.stores.send_state import SendStateStore
from shared.stores.stuck_people import StuckCode

STATES = {
    "Send": ActivationState.SENT,
    "Delivery": ActivationState.DELIVERED,
    "Bounce": ActivationState.BOUNCED,
    "Reject": ActivationState.BOUNCED,
    "Complaint": ActivationState.COMPLAINED,
}
SEEN = {"Open": "mail_opened_at", "Click": "mail_clicked_at"}
KINDS = frozenset({*STATES, *SEEN, "DeliveryDelay"})
CONFIGURATION_SET_TAG = "ses:configuration-set"
"""The tag that SES itself gives each mail."""
_SETTLED = STATES.keys() - {"Send"}
"""What says what became of a mail."""
_LOOKED_AT = ([Kind.REMINDER.value], [Kind.NUDGE.value])
"""The kinds of mails that are looked at a day later by their message."""
_ENDS = (ActivationState.BOUNCED, ActivationState.COMPLAINED)


class RecordFeedback:
    """Events may come late, twice and in any order: an activation's state only moves forward."""

    def __init__(
        self,
        activations: ActivationStore,
        districts: DistrictStore,
        sending: SendStateStore,
        *,
        clock: Clock,
        configuration_set: str,
        on_stopped: Callable[[str, str], None] = lambda _district_id, _reason: None,
    ) -> None:
        """``configuration_set`` is the one of our own mails: other applications of the account may have others.

        ``on_stopped`` gets the district and the reason, when what came back stops its mail; ``""`` for that of all.
        """
        self._configuration_set = configuration_set
        self._activations = activations
        self._districts = districts
        self._sending = sending
        self._clock = clock
        self._on_stopped = on_stopped

    def record(self, detail: Mapping[str, Any]) -> bool:
        """Record an event's ``detail``; a tag of the mail names the activation. Return False when it has nothing new.

        Of a reminder, only what says that the person cannot be reached or does not want to be is recorded.
        """
        kind = str(detail.get("eventType", ""))
        mail = detail.get("mail", {})
        tags = mail.get("tags", {})
        if tags.get(CONFIGURATION_SET_TAG) != [self._configuration_set]:
            return False
        self._count(kind, detail, mail)
        if kind in _SETTLED and tags.get("kind") in _LOOKED_AT:
            self._sending.note_told(str(mail["messageId"]), self._clock())
        activation_id, reminder_of = (next(iter(tags.get(name, [])), None) for name in ("activation_id", "reminder_of"))
        named = activation_id or reminder_of
        activation = self._activations.by_id(named) if named and kind in KINDS else None
        if activation is None:
            return False
        now = self._clock()
        if kind in SEEN:
            return self._activations.note_seen(activation, SEEN[kind], to_iso(now))
        if kind == "DeliveryDelay":
            return self._is_still_out(activation) and self._activations.note_trouble(
                activation, "delayed", now=now, stuck=None
            )
        if kind == "Bounce" and detail.get("bounce", {}).get("bounceType") != "Permanent":
            # SES has given up this mail, but the address may well take the next one: a reminder, or one by hand.
            return self._is_still_out(activation) and self._activations.note_trouble(
                activation, "soft_bounce", now=now, stuck=StuckCode.SOFT_BOUNCE
            )
        state = STATES[kind]
        if reminder_of and state not in _ENDS:
            return False
        return self._activations.mark_feedback(
            activation, state, str(mail["messageId"]), now=now, follow_up_at=self._follow_up_at(activation)
        )

    def _count(self, kind: str, detail: Mapping[str, Any], mail: Mapping[str, Any]) -> None:
        """Every mail counts for the sender's reputation, whatever it was about, at the moment when it was sent, came back
        or was complained of.

        SES counts no bounce of an address that was on its suppression list: that mail never left. Events older than the
        window of a week are left out.
        """
        message_id, now = str(mail.get("messageId", "")), self._clock()
        bounce = detail.get("bounce", {})
        counted = {"Send": DeliveryEvent.ACCEPTED, "Complaint": DeliveryEvent.COMPLAINED}.get(kind)
        if kind == "Bounce" and bounce.get("bounceType") == "Permanent":
            counted = None if bounce.get("bounceSubType") == "OnAccountSuppressionList" else DeliveryEvent.BOUNCED
        if counted is None or not message_id:
            return
        happened = detail.get(kind.lower(), {}).get("timestamp") or mail.get("timestamp")
        moment = min(from_iso(happened), now) if happened else now
        if moment < now - COMPLAINTS_OVER:
            return
        district_id = next(iter(mail.get("tags", {}).get(DISTRICT_TAG, [])), "")
        for stopped, breaker in self._sending.note(counted, message_id, moment, district_id).items():
            self._on_stopped(stopped, breaker.reason)

    @staticmethod
    def _is_still_out(activation: Activation) -> bool:
        return activation.state is ActivationState.SENDING or activation.state in IS_OUT

    def _follow_up_at(self, activation: Activation) -> datetime | None:
        """When to look at the mail next, where SES' answer was lost; else whoever got the answer has noted it."""
        if activation.state is not ActivationState.SENDING:
            return None
        district = self._districts.find(activation.user.district_id)
        return follow_up_at(district, activation, self._clock()) if district else None
