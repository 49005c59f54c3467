"""Counters that limit how often something is tried."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.clock import Clock
from shared.domain.errors import Throttled
from shared.stores.keys import limit_key
from shared.stores.table import DynamoTable, Table, Update


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many tries within a window of this length; ``kind`` is part of the counter's key."""

    kind: str
    most: int
    within: timedelta


class RateLimiter:
    """Counts in fixed windows that hold across instances. Keys are hashed; a success does not reset them."""

    def __init__(self, table: DynamoTable, clock: Clock) -> None:
        self._table = Table(table)
        self._clock = clock

    def hit(self, limit: Limit, key: str) -> None:
        """Count a try for this key, whatever its case. Raises Throttled once there are too many in the present window."""
        now = self._clock()
        seconds = int(limit.within.total_seconds())
        window = int(now.timestamp()) // seconds
        ends = datetime.fromtimestamp((window + 1) * seconds, tz=now.tzinfo)
        counter = limit_key(limit.kind, key.casefold(), window)
        update = Update(counter).add(hits=1).set(ttl=int(ends.timestamp()) + 3600)
        if int(self._table.updated(update)["hits"]) > limit.most:
            raise Throttled(
                "too_many_tries",
                "There were too many tries. Wait a little, then try again.",
                retry_after=max(1, int((ends - now).total_seconds())),
            )
