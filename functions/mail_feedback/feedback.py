"""What an event of SES says about an activation's mail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.activation import ActivationState
from shared.clock import Clock
from shared.stores.activations import ActivationStore

STATES = {
    "Send": ActivationState.SENT,
    "Delivery": ActivationState.DELIVERED,
    "Bounce": ActivationState.BOUNCED,
    "Reject": ActivationState.BOUNCED,
    "Complaint": ActivationState.COMPLAINED,
}


class MailFeedback:
    """Events may come late, twice and in any order: an activation's state only moves forward."""

    def __init__(self, activations: ActivationStore, *, clock: Clock) -> None:
        self._activations = activations
        self._clock = clock

    def take(self, detail: Mapping[str, Any]) -> bool:
        """Note an event's ``detail``; the activation is told by its tag. False when it told nothing new."""
        kind = str(detail.get("eventType", ""))
        state = STATES.get(kind)
        if kind == "Bounce" and detail.get("bounce", {}).get("bounceType") != "Permanent":
            state = None
        mail = detail.get("mail", {})
        activation_id = next(iter(mail.get("tags", {}).get("activation_id", [])), None)
        if state is None or activation_id is None:
            return False
        activation = self._activations.by_id(activation_id)
        return activation is not None and self._activations.mark_feedback(
            activation, state, str(mail["messageId"]), now=self._clock()
        )
