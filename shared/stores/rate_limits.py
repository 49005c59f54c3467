"""Counters that limit how often something is tried."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from shared.domain.clock import Clock
from shared.domain.errors import Throttled
from shared.stores.keys import limit_key
from shared.stores.table import DynamoTable, Table, Update


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many tries within a window of this length; ``kind`` is part of the counter's key.

    Where thousands a second are counted together, they share ``parts`` counters: one takes a thousand writes a second.
    """

    kind: str
    most: int
    within: timedelta
    parts: int = 1


class RateLimiter:
    """Counts in fixed windows that hold across instances. Keys are hashed; a success does not reset them."""

    def __init__(self, table: DynamoTable, clock: Clock) -> None:
        self._table = Table(table)
        self._clock = clock

    def hit(self, limit: Limit, key: str, by: str = "") -> None:
        """Count a try for this key, whatever its case. Raises Throttled once there are too many in the present window.

        ``by`` says who tries, where the limit has parts: each person counts in one of them.
        """
        if limit.parts > 1:
            key = f"{key} {hashlib.sha256(by.encode()).digest()[0] % limit.parts}"
        update, wait = self._counting(limit, key, "hits")
        if int(self._table.updated(update)["hits"]) * limit.parts > limit.most:
            raise _throttled(wait)

    def take(self, limit: Limit, key: str, times: int) -> int:
        """Count so many tries for this key at once. Return how many of them the present window still lets through."""
        update, _ = self._counting(limit, key, "hits", times=times)
        before = int(self._table.updated(update)["hits"]) - times
        return max(0, min(times, limit.most - before))

    def hit_account(self, at_place: Limit, anywhere: Limit, username: str, place: str) -> None:
        """Count a try at an account, from a place; both limits have one kind and one window, and are one write.

        A place that has used up its tries adds nothing to those from anywhere. Places share 256 counters, so that no number
        of them makes the item large. Raises Throttled.
        """
        name = account_name(username)
        counter = f"p{hashlib.sha256(f'{name} {place}'.encode()).digest()[0]}"
        update, wait = self._counting(anywhere, name, "hits", counter)
        is_below = "(attribute_not_exists(#{0}) OR #{0} < :{1})"
        update = update.when(is_below.format("hits", "anywhere"), anywhere=anywhere.most)
        if not self._table.attempt(update.when(is_below.format(counter, "at_place"), at_place=at_place.most)):
            raise _throttled(wait)

    def _counting(self, limit: Limit, key: str, *counters: str, times: int = 1) -> tuple[Update, int]:
        """The write that counts one more, or so many, and in how many seconds the window ends."""
        now = self._clock()
        seconds = int(limit.within.total_seconds())
        window = int(now.timestamp()) // seconds
        ends = datetime.fromtimestamp((window + 1) * seconds, tz=now.tzinfo)
        counter = limit_key(limit.kind, key.casefold(), window)
        update = Update(counter).add(**dict.fromkeys(counters, times)).set(ttl=int(ends.timestamp()) + 3600)
        return update, ceil((ends - now).total_seconds())


def account_name(username: str) -> str:
    """A username as limits count it: one spelling for all that the user pool takes for the same."""
    return unicodedata.normalize("NFKC", username).strip().casefold()


def _throttled(wait: int) -> Throttled:
    return Throttled("too_many_tries", "There were too many tries. Wait a little, then try again.", retry_after=wait)
