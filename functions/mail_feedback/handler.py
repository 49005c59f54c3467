"""EventBridge: an event of the SES configuration set."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.data_classes import EventBridgeEvent, event_source
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.mail_feedback.feedback import STATES, MailFeedback
from shared import aws
from shared.clock import utc_now
from shared.observability import logger, metric
from shared.settings import MailFeedbackSettings
from shared.stores.activations import ActivationStore


@cache
def feedback() -> MailFeedback:
    """The use case, wired to the services that the environment names."""
    return MailFeedback(ActivationStore(aws.table(MailFeedbackSettings.from_environment().table_name)), clock=utc_now)


@logger.inject_lambda_context
@event_source(data_class=EventBridgeEvent)
def lambda_handler(event: EventBridgeEvent, _context: LambdaContext) -> dict[str, Any]:
    kind = str(event.detail.get("eventType", ""))
    metric(f"Mail{kind}" if kind in STATES else "MailOther")
    told = feedback().take(event.detail)
    logger.info("mail feedback", extra={"event_type": kind if kind in STATES else "other", "told": told})
    return {"told": told}
