"""SQS: events of the SES configuration set, with partial batch failures; or one of them from EventBridge."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.mail_feedback.record_feedback import KINDS, RecordFeedback
from shared.domain.clock import utc_now
from shared.runtime import aws
from shared.runtime.events import Record, body_of, failed_ones
from shared.runtime.observability import about, logger, metric, observed
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


def _record(detail: Mapping[str, Any]) -> bool:
    kind = str(detail.get("eventType", ""))
    metric(f"Mail{kind}" if kind in KINDS else "MailOther")
    with about(activation_id=_tag_of(detail, "activation_id", "reminder_of"), import_id=_tag_of(detail, "import_id")):
        is_new = record_feedback().record(detail)
        logger.info("mail feedback", extra={"event_type": kind if kind in KINDS else "other", "is_new": is_new})
    return is_new


def _tag_of(detail: Mapping[str, Any], *names: str) -> str | None:
    """What a mail's tags say under the first of these names that they have."""
    tags = detail.get("mail", {}).get("tags", {})
    return next((str(tags[name][0]) for name in names if tags.get(name)), None)


def record_handler(record: Record) -> None:
    """Whatever it raises, the queue brings the event again."""
    _record(body_of(record))


@observed
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """A message of the queue is an event as SES tells it; on the bus it is the detail of one."""
    if "Records" not in event:
        return {"is_new": _record(event["detail"])}
    return failed_ones(event["Records"], record_handler)
