"""What an event of SES says about a mail to a teacher."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.activation import Activation, ActivationState
from shared.clock import Clock, to_iso
from shared.reminder import IS_OUT, follow_up_at
from shared.stores.activations import ActivationStore
from shared.stores.districts import DistrictStore
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


class MailFeedback:
    """Events may come late, twice and in any order: an activation's state only moves forward."""

    def __init__(self, activations: ActivationStore, districts: DistrictStore, *, clock: Clock) -> None:
        self._activations = activations
        self._districts = districts
        self._clock = clock

    def take(self, detail: Mapping[str, Any]) -> bool:
        """Note an event's ``detail``; the activation is told by its tag. False when it told nothing new.

        What comes of a reminder matters where it says that the person cannot be reached, or does not want to be.
        """
        kind = str(detail.get("eventType", ""))
        mail = detail.get("mail", {})
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

    @staticmethod
    def _is_still_out(activation: Activation) -> bool:
        return activation.state is ActivationState.SENDING or activation.state in IS_OUT

    def _follow_up_at(self, activation: Activation) -> Any:
        """Only where SES' own answer was lost: else whoever got it has seen to that."""
        if activation.state is not ActivationState.SENDING:
            return None
        district = self._districts.find(activation.user.district_id)
        return follow_up_at(district, activation, self._clock()) if district else None
