"""EventBridge: an event of the SES configuration set. The activation is told by its tag."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.data_classes import EventBridgeEvent, event_source
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import aws
from shared.activation import ActivationState
from shared.clock import utc_now
from shared.observability import logger, metric
from shared.settings import MailFeedbackSettings
from shared.stores.activations import ActivationStore

STATES = {
    "Send": ActivationState.SENT,
    "Delivery": ActivationState.DELIVERED,
    "Bounce": ActivationState.BOUNCED,
    "Reject": ActivationState.BOUNCED,
    "Complaint": ActivationState.COMPLAINED,
}


@cache
def activations() -> ActivationStore:
    return ActivationStore(aws.table(MailFeedbackSettings.from_environment().table_name))


@logger.inject_lambda_context
@event_source(data_class=EventBridgeEvent)
def lambda_handler(event: EventBridgeEvent, _context: LambdaContext) -> dict[str, Any]:
    detail = event.detail
    kind = str(detail.get("eventType", ""))
    metric(f"Mail{kind}" if kind in STATES else "MailOther")
    state = STATES.get(kind)
    if kind == "Bounce" and detail.get("bounce", {}).get("bounceType") != "Permanent":
        state = None
    tags = detail.get("mail", {}).get("tags", {})
    activation_id = next(iter(tags.get("activation_id", [])), None)
    if state is None or activation_id is None:
        return {"told": False}
    activation = activations().by_id(activation_id)
    told = activation is not None and activations().mark_feedback(
        activation, state, str(detail["mail"]["messageId"]), now=utc_now()
    )
    logger.info("mail feedback", extra={"activation_id": activation_id, "state": state.value, "told": told})
    return {"told": told}
