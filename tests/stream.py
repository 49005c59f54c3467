"""The table's stream, as Lambda brings it: a record for each change, in batches that may come again, in halves, or late."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from functions.table_stream.keep_counters import KeepCounters
from shared.domain.clock import Clock
from shared.domain.funnel import Counts
from shared.runtime.dynamodb import typed
from shared.stores.counted_items import facts_of
from shared.stores.counts import CountStore
from shared.stores.districts import DistrictStore
from shared.stores.people_counted import PeopleCounted
from tests.fakes.dynamodb import MemoryTable
from tests.fakes.expressions import Item, copied

CHICAGO = ZoneInfo("America/Chicago")
_COUNTED = ("ROSTER", "LINK", "ACTIVATION", "SETTINGS")


def is_followed(item: Item) -> bool:
    """Whether the event source's filter lets a change of this item through."""
    return is_counted(item) or item["SK"].startswith(("TRAIL#", "AUDIT#"))


def is_counted(item: Item) -> bool:
    """Whether it says how far somebody is, or that a district is new."""
    return item["SK"] in _COUNTED or item["PK"].startswith("STUCK#")


class Stream:
    """Listens to a table; ``records`` are those that nobody took yet."""

    def __init__(self, table: MemoryTable, clock: Clock) -> None:
        self.records: list[dict[str, Any]] = []
        self.clock, self._number = clock, 0
        table.listeners.append(self._note)

    def _note(self, before: Item | None, after: Item | None) -> None:
        item = after or before or {}
        if is_followed(item):
            self._number += 1
            self.records.append(_record(self._number, self.clock(), before, after))

    def take(self) -> list[dict[str, Any]]:
        taken, self.records = self.records, []
        return taken


def _record(number: int, now: datetime, before: Item | None, after: Item | None) -> dict[str, Any]:
    name = "INSERT" if before is None else "REMOVE" if after is None else "MODIFY"
    told: dict[str, Any] = {"ApproximateCreationDateTime": float(int(now.timestamp())), "SequenceNumber": str(number)}
    for image, item in (("OldImage", before), ("NewImage", after)):
        if item is not None:
            told[image] = {key: typed(value) for key, value in copied(item).items() if value is not None}
    return {"eventID": f"{number:032x}", "eventName": name, "dynamodb": told}


def keeper(table: MemoryTable, clock: Clock) -> KeepCounters:
    districts = DistrictStore(table)

    def zone_of(district_id: str) -> ZoneInfo | None:
        district = districts.find(district_id, consistent=False)
        return district.zone if district else None

    return KeepCounters(CountStore(table), PeopleCounted(table), zone_of, clock=clock)


def keep_up(stream: Stream, table: MemoryTable) -> None:
    """Count all that there is, and what comes of it."""
    while stream.records:
        keeper(table, stream.clock).run(stream.take())


def recounted(table: MemoryTable, district_id: str) -> Counts:
    """What the items say, each by itself."""
    total = Counts({})
    for item in table.items.values():
        is_of = item["PK"].split("#")[1:2] == [district_id]
        if is_of and is_counted(item):
            total += Counts(facts_of(item).counts)
    return total
