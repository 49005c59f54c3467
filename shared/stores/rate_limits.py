"""Counters that limit how often something is tried."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from shared.domain.clock import Clock
from shared.domain.errors import Throttled
from shared.stores.sessions import _key


class RateLimiter:
    """Counts in fixed windows that hold across instances. Keys are hashed; a success does not reset them."""

    def __init__(self, table: Any, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    def hit_from(self, source: str, kind: str, key: str) -> None:
        """Count a try of an address that the person has to know: five a day from one place, fifty from anywhere.

        So a robot that presses buttons does not use up the tries of the mail's owner. Raises Throttled.
        """
        self.hit(f"{kind}_from", f"{key} {source}", most=5, within=timedelta(days=1))
        self.hit(kind, key, most=50, within=timedelta(days=1))

    def hit(self, kind: str, key: str, *, most: int, within: timedelta) -> None:
        """Count one. Raises Throttled once there were more than ``most`` within the present window."""
        now = self._clock()
        seconds = int(within.total_seconds())
        window = int(now.timestamp()) // seconds
        ends = datetime.fromtimestamp((window + 1) * seconds, tz=now.tzinfo)
        item_key = _key(f"LIMIT#{kind}", f"{key.casefold()}")
        count = self._table.update_item(
            Key={"PK": item_key["PK"], "SK": str(window)},
            UpdateExpression="ADD hits :one SET #ttl = :ttl",
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues={":one": 1, ":ttl": int(ends.timestamp()) + 3600},
            ReturnValues="ALL_NEW",
        )["Attributes"]["hits"]
        if int(count) > most:
            raise Throttled(
                "too_many_tries",
                "There were too many tries. Wait a little, then try again.",
                retry_after=max(1, int((ends - now).total_seconds())),
            )
