"""SQS: the events of links that were made and undone, as the bus hands them on, with partial batch failures."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.link_notice.notify_link_change import NotifyLinkChange
from shared.domain.clock import utc_now
from shared.mail.ses import wired_mailer
from shared.runtime import aws
from shared.runtime.observability import logger, metric, observed
from shared.runtime.secrets import Secrets
from shared.runtime.settings import LinkNoticeSettings
from shared.stores.accounts import AccountStore
from shared.stores.districts import DistrictStore
from shared.stores.links import LinkStore
from shared.stores.notices import NoticeStore
from shared.stores.roster_users import RosterUserStore

processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


@cache
def notify_link_change() -> NotifyLinkChange:
    """The use case, wired to the services that the environment names."""
    settings = LinkNoticeSettings.from_environment()
    table = aws.table(settings.table_name)
    secrets = Secrets(aws.client("secretsmanager"), utc_now)
    mailer = wired_mailer(settings)
    return NotifyLinkChange(
        NoticeStore(table),
        LinkStore(table),
        RosterUserStore(table),
        AccountStore(table, settings.google_issuer),
        DistrictStore(table),
        mailer,
        token_key=lambda: secrets.token_keys(settings.token_secret_arn).current,
        brand=settings,
        clock=utc_now,
        count=metric,
    )


def record_handler(record: SQSRecord) -> None:
    """Whatever it raises, the queue brings the event again."""
    event = record.json_body
    notified = notify_link_change().notify(event["detail-type"], event["detail"])
    logger.info("link change", extra={"event_id": event["detail"]["event_id"], "notified": notified})


@observed
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return dict(
        process_partial_response(event=event, record_handler=record_handler, processor=processor, context=context)
    )
