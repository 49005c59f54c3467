"""What the console's overview shows first, in one read: what stands of the roster, and how its source is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.stores.fetches import SourceState, state_of
from shared.stores.imports import standing_of
from shared.stores.keys import pair, snapshot_key, source_key
from shared.stores.table import DynamoTable, Table


@dataclass(frozen=True, slots=True)
class Overview:
    """A district's roster and its source; nothing of the roster before the first one."""

    standing: Mapping[str, int]
    """How many people, classes and enrollments stand."""
    on: str
    """The district's day on which they were read."""
    lists_begin: str
    """Where lists of people begin (``people_search.FilePlace``)."""
    source: SourceState


class OverviewStore:
    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def of(self, district_id: str) -> Overview:
        snapshot, source = snapshot_key(district_id), source_key(district_id)
        found = self._table.batch_get([snapshot, source], consistent=False)
        state = state_of(found.get(pair(source), {}))
        item = found.get(pair(snapshot))
        if not item:
            return Overview({}, "", "", state)
        return Overview(*standing_of(item), f"{item['snapshot_id']}.{item['shards']}.0.0", state)
