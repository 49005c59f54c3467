"""Counts of browsers that went to a hub for a district, and that came back. They are nobody's: no person, no item per try."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta

from botocore.exceptions import BotoCoreError, ClientError

from shared.domain.clock import Clock
from shared.domain.district import AnyProvider
from shared.domain.hub_returns import Returns
from shared.stores.keys import Key, limit_key, pair
from shared.stores.table import DynamoTable, Table, Update

DAYS = 3
"""That are looked back on, today among them (UTC)."""
_PARTS = 4
"""Counters of a day that share the writes: all of a district log in within half an hour."""
_ALL_UP_TO = 100
"""Browsers of a part that are all counted, by each worker for itself."""
_ONE_IN = 10


class HubReturnStore:
    """Counters by day, in parts. A counter that cannot be written keeps nobody from a login."""

    def __init__(self, table: DynamoTable, clock: Clock) -> None:
        self._table = Table(table)
        self._clock = clock
        self._busy: set[tuple[str, str, int]] = set()
        """District, hub and day of which many were counted: from then on one in ``_ONE_IN`` stands for as many."""

    def began(self, district_id: str, provider: AnyProvider, login: str) -> int:
        """A browser goes to a hub. Return for how many it stands: what ``returned`` is given when it comes back.

        ``login`` is a secret of its login, by which it counts in one of the parts. All count in a small district; of many on
        one day one in ten does, so that a large district's morning costs no writes to speak of.
        """
        digest, day = hashlib.sha256(login.encode()).digest(), self._day()
        weight = _ONE_IN if (district_id, provider, day) in self._busy else 1
        if digest[1] % weight:
            return 0
        counted = self._add("begun", weight, district_id, provider, digest)
        if counted >= _ALL_UP_TO:
            self._busy = {each for each in self._busy if each[2] == day} | {(district_id, provider, day)}
        return weight

    def returned(self, district_id: str, provider: AnyProvider, login: str, weight: int) -> None:
        """It comes back, and stands for so many."""
        if weight:
            self._add("returned", weight, district_id, provider, hashlib.sha256(login.encode()).digest())

    def _add(self, what: str, weight: int, district_id: str, provider: AnyProvider, digest: bytes) -> int:
        now = self._clock()
        update = Update(_key(district_id, provider, digest[0] % _PARTS, self._day()))
        expires = int((now + timedelta(days=DAYS + 1)).timestamp())
        with suppress(ClientError, BotoCoreError):
            return int(self._table.updated(update.add(**{what: weight}).set(ttl=expires)).get(what, 0))
        return 0

    def _day(self) -> int:
        return int(self._clock().timestamp()) // 86_400

    def of(self, district_id: str, providers: Collection[AnyProvider]) -> dict[AnyProvider, Returns]:
        """What was counted for each of these hubs in the last days; one request."""
        last = self._day()
        keys: dict[AnyProvider, list[Key]] = {
            provider: [
                _key(district_id, provider, part, day)
                for day in range(last - DAYS + 1, last + 1)
                for part in range(_PARTS)
            ]
            for provider in providers
        }
        found = self._table.batch_get((key for of_hub in keys.values() for key in of_hub), consistent=False)
        counted = {p: [found[pair(key)] for key in of_hub if pair(key) in found] for p, of_hub in keys.items()}
        return {
            provider: Returns(
                sum(int(item.get("begun", 0)) for item in items), sum(int(item.get("returned", 0)) for item in items)
            )
            for provider, items in counted.items()
        }


def _key(district_id: str, provider: AnyProvider, part: int, day: int) -> Key:
    return limit_key("hub_returns", f"{district_id} {provider} {part}", day)
