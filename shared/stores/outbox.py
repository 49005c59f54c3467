"""The outbox: an event for the platform is written with its fact, and published from the table's stream."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from shared.domain.clock import to_iso
from shared.stores.keys import Item, event_key

KEPT_DAYS = 30


def event_item(event_id: str, detail_type: str, detail: Mapping[str, object], now: datetime) -> Item:
    """The item of one event. It goes into the transaction that makes the fact true; ids only, no personal data."""
    return {
        **event_key(event_id),
        "detail_type": detail_type,
        "detail": json.dumps({"event_id": event_id, "occurred_at": to_iso(now), **detail}, sort_keys=True),
        "ttl": int((now + timedelta(days=KEPT_DAYS)).timestamp()),
    }
