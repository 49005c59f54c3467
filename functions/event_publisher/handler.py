"""DynamoDB stream: new outbox items become EventBridge events."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord, DynamoDBRecordEventName
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.event_publisher.publish_events import PublishEvents
from shared.runtime import aws
from shared.runtime.observability import logger, observed
from shared.runtime.settings import EventPublisherSettings
from shared.stores.keys import is_event

processor = BatchProcessor(event_type=EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)


@cache
def publish_events() -> PublishEvents:
    """The use case, wired to the services that the environment names."""
    settings = EventPublisherSettings.from_environment()
    return PublishEvents(aws.client("events"), settings.event_bus_name, settings.stack_arn)


def record_handler(record: DynamoDBRecord) -> None:
    """Whatever it raises, the stream brings the record again."""
    item = record.dynamodb.new_image if record.dynamodb else None
    if record.event_name != DynamoDBRecordEventName.INSERT or not item or not is_event(item["PK"]):
        return
    event_id = publish_events().publish(item)
    logger.info("event published", extra={"detail_type": item["detail_type"], "event_id": event_id})


@observed
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return dict(
        process_partial_response(event=event, record_handler=record_handler, processor=processor, context=context)
    )
