"""From the outbox to the event bus, at least once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.stores.keys import Item, event_of_pk

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef


class PublishEvents:
    """Publishes events. One that is published again carries the same id."""

    def __init__(self, events: EventBridgeClient, event_bus_name: str, stack_arn: str) -> None:
        """``stack_arn`` tells this stack's events from those of another one on the same bus."""
        self._events = events
        self._stack_arn = stack_arn
        self._event_bus_name = event_bus_name

    def publish(self, item: Item) -> str:
        """Publish one outbox item; return its event id. Raises OSError when EventBridge did not take it."""
        entry: PutEventsRequestEntryTypeDef = {
            "Source": "account-linking",
            "DetailType": item["detail_type"],
            "Detail": item["detail"],
            "EventBusName": self._event_bus_name,
            "Resources": [self._stack_arn],
        }
        if self._events.put_events(Entries=[entry]).get("FailedEntryCount"):
            raise OSError("EventBridge did not take an event")
        return event_of_pk(item["PK"])
