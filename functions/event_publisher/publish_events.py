"""From the outbox to the event bus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Publisher:
    """Publishes facts. One that is published again carries the same id."""

    def __init__(self, events: Any, event_bus_name: str) -> None:
        self._events = events
        self._event_bus_name = event_bus_name

    def publish(self, item: Mapping[str, Any]) -> str:
        """Publish one outbox item; answers its event id. Raises OSError when EventBridge did not take it."""
        entry = {
            "Source": "account-linking",
            "DetailType": item["detail_type"],
            "Detail": item["detail"],
            "EventBusName": self._event_bus_name,
        }
        if self._events.put_events(Entries=[entry]).get("FailedEntryCount"):
            raise OSError("EventBridge did not take an event")
        return str(item["PK"]).removeprefix("OUTBOX#")
