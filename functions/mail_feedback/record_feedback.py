"""What an event of SES says about a mail to a teacher."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shared.domain.activation import Activation, ActivationState
from shared.domain.clock import Clock, from_iso, to_iso
from shared.domain.reminder import IS_OUT, follow_up_at
from shared.domain.sender_reputation import COMPLAINTS_OVER, Noted
from shared.stores.activations import ActivationStore
from shared.stores.districts import DistrictStore
from shared.stores.send_state import SendStateStore
from shared.stores.stuck import StuckCode

STATES = {
    "Send": ActivationState.SENT,
    "Delivery": ActivationState.DELIVERED,
    "Bounce": ActivationState.BOUNCED,
    "Reject": ActivationState.BOUNCED,
    "Complaint": ActivationState.COMPLAINED,
}
SEEN = {"Open": "mail_opened_at", "Click": "mail_clicked_at"}
KINDS = frozenset({*STATES, *SEEN, "DeliveryDelay"})
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
        on_stopped: Callable[[str], None] = lambda _reason: None,
    ) -> None:
        """``on_stopped`` is told why, when what came back stops all sending."""
        self._activations = activations
        self._districts = districts
        self._sending = sending
        self._clock = clock
        self._on_stopped = on_stopped

    def take(self, detail: Mapping[str, Any]) -> bool:
        """Note an event's ``detail``; the activation is told by its tag. False when it told nothing new.

        What comes of a reminder matters where it says that the person cannot be reached, or does not want to be.
        """
        kind = str(detail.get("eventType", ""))
        mail = detail.get("mail", {})
        self._count(kind, detail, mail)
        tags = mail.get("tags", {})
        activation_id, reminder_of = (next(iter(tags.get(name, [])), None) for name in ("activation_id", "reminder_of"))
        known = activation_id or reminder_of
        activation = self._activations.by_id(known) if known and kind in KINDS else None
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
            # SES has given this mail up, but the address may well take the next one: a reminder, or one by hand.
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

        SES counts no bounce of an address that was on its suppression list: that mail never left. What happened before
        the week that is looked back on tells nothing of how sending goes now.
        """
        message_id, now = str(mail.get("messageId", "")), self._clock()
        bounce = detail.get("bounce", {})
        noted = {"Send": Noted.ACCEPTED, "Complaint": Noted.COMPLAINED}.get(kind)
        if kind == "Bounce" and bounce.get("bounceType") == "Permanent":
            noted = None if bounce.get("bounceSubType") == "OnAccountSuppressionList" else Noted.BOUNCED
        if noted is None or not message_id:
            return
        happened = detail.get(kind.lower(), {}).get("timestamp") or mail.get("timestamp")
        at = min(from_iso(happened), now) if happened else now
        if at >= now - COMPLAINTS_OVER and (stopped := self._sending.note(noted, message_id, at)):
            self._on_stopped(stopped.reason)

    @staticmethod
    def _is_still_out(activation: Activation) -> bool:
        return activation.state is ActivationState.SENDING or activation.state in IS_OUT

    def _follow_up_at(self, activation: Activation) -> Any:
        """Only where SES' own answer was lost: else whoever got it has seen to that."""
        if activation.state is not ActivationState.SENDING:
            return None
        district = self._districts.find(activation.user.district_id)
        return follow_up_at(district, activation, self._clock()) if district else None
