"""Counters that limit how often something is tried."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.domain.clock import Clock
from shared.domain.errors import Throttled
from shared.stores.sessions import _key


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many tries within a window of this length; ``kind`` is part of the counter's key."""

    kind: str
    most: int
    within: timedelta


class RateLimiter:
    """Counts in fixed windows that hold across instances. Keys are hashed; a success does not reset them."""

    def __init__(self, table: Any, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    def hit(self, limit: Limit, key: str) -> None:
        """Count a try for this key, whatever its case. Raises Throttled once there are too many in the present window."""
        now = self._clock()
        seconds = int(limit.within.total_seconds())
        window = int(now.timestamp()) // seconds
        ends = datetime.fromtimestamp((window + 1) * seconds, tz=now.tzinfo)
        item_key = _key(f"LIMIT#{limit.kind}", key.casefold())
        count = self._table.update_item(
            Key={"PK": item_key["PK"], "SK": str(window)},
            UpdateExpression="ADD hits :one SET #ttl = :ttl",
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues={":one": 1, ":ttl": int(ends.timestamp()) + 3600},
            ReturnValues="ALL_NEW",
        )["Attributes"]["hits"]
        if int(count) > limit.most:
            raise Throttled(
                "too_many_tries",
                "There were too many tries. Wait a little, then try again.",
                retry_after=max(1, int((ends - now).total_seconds())),
            )
