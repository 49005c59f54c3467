"""EventBridge: an event of the SES configuration set."""

from __future__ import annotations

from functools import cache

from aws_lambda_powertools.utilities.data_classes import EventBridgeEvent, event_source
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.mail_feedback.record_feedback import KINDS, RecordFeedback
from shared.domain.clock import utc_now
from shared.runtime import aws
from shared.runtime.observability import logger, metric, observed
from shared.runtime.settings import MailFeedbackSettings
from shared.stores.activations import ActivationStore
from shared.stores.districts import DistrictStore
from shared.stores.send_state import SendStateStore


@cache
def record_feedback() -> RecordFeedback:
    """The use case, wired to the services that the environment names."""
    settings = MailFeedbackSettings.from_environment()
    table = aws.table(settings.table_name)
    return RecordFeedback(
        ActivationStore(table),
        DistrictStore(table),
        SendStateStore(table),
        clock=utc_now,
        configuration_set=settings.configuration_set,
        on_stopped=_count_stop,
    )


def _count_stop(district_id: str, reason: str) -> None:
    metric("DistrictMailStopped" if district_id else "MailStopped")
    logger.error("sending has stopped", extra={"district_id": district_id or "all", "reason": reason})


@observed
@event_source(data_class=EventBridgeEvent)
def lambda_handler(event: EventBridgeEvent, _context: LambdaContext) -> dict[str, bool]:
    kind = str(event.detail.get("eventType", ""))
    metric(f"Mail{kind}" if kind in KINDS else "MailOther")
    is_new = record_feedback().record(event.detail)
    logger.info("mail feedback", extra={"event_type": kind if kind in KINDS else "other", "is_new": is_new})
    return {"is_new": is_new}
