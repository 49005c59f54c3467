"""DynamoDB stream: new outbox items become EventBridge events."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.event_publisher.publish_events import PublishEvents
from shared.runtime import aws
from shared.runtime.dynamodb import plain
from shared.runtime.events import Record, failed_ones
from shared.runtime.observability import logger, observed
from shared.runtime.settings import EventPublisherSettings
from shared.stores.keys import is_event


@cache
def publish_events() -> PublishEvents:
    """The use case, wired to the services that the environment names."""
    settings = EventPublisherSettings.from_environment()
    return PublishEvents(aws.client("events"), settings.event_bus_name, settings.stack_arn)


def record_handler(record: Record) -> None:
    """Whatever it raises, the stream brings the record again."""
    item = {name: plain(value) for name, value in record["dynamodb"].get("NewImage", {}).items()}
    if record["eventName"] != "INSERT" or not item or not is_event(item["PK"]):
        return
    event_id = publish_events().publish(item)
    logger.info("event published", extra={"detail_type": item["detail_type"], "event_id": event_id})


@observed
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    return failed_ones(event["Records"], record_handler)
