"""How far imports have come, for people who watch. Nothing is decided by it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.clock import from_iso, to_iso
from shared.stores.keys import PROGRESS, Item, district_pk, progress_key
from shared.stores.table import Delete, DynamoTable, Put, Table, Update

_KEPT = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Progress:
    """An import at work: its stage, how many of its parts are done in that stage, and how many rows were read."""

    import_id: str
    upload_key: str
    stage: str
    done: int
    parts: int
    rows: int
    seconds_left: int | None = None
    """About how long this stage still takes, at the pace of its parts until now; None before that can be told."""


class ProgressStore:
    """One item for each import that is at work."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def begin(
        self, district_id: str, import_id: str, upload_key: str, stage: str, *, parts: int, now: datetime, rows: int = 0
    ) -> None:
        """From now on the parts of this stage are worked on."""
        self._table.write(
            Put(
                {
                    **progress_key(district_id, import_id),
                    "upload_key": upload_key,
                    "stage": stage,
                    "parts": parts,
                    "rows": rows,
                    f"since_{stage}": to_iso(now),
                    "ttl": int((now + _KEPT).timestamp()),
                }
            )
        )

    def part_done(
        self, district_id: str, import_id: str, stage: str, now: datetime, *, parts: int, rows: int = 0
    ) -> None:
        """One of the parts of a stage is done. A part that is done again counts again: it is for watching only."""
        update = Update(progress_key(district_id, import_id)).set(
            stage=stage, ttl=int((now + _KEPT).timestamp()), parts=parts
        )
        first = {f"since_{stage}": to_iso(now)}
        self._table.write(update.set_first(**first).add(**{f"done_{stage}": 1, "rows": rows}))

    def end(self, district_id: str, import_id: str) -> None:
        self._table.write(Delete(progress_key(district_id, import_id)))

    def at_work(self, district_id: str, now: datetime | None = None) -> list[Progress]:
        """The district's imports that are at work, the oldest first. ``now`` lets the time be told that is left."""
        items = self._table.query(district_pk(district_id), PROGRESS, consistent=False)
        return [_progress_of(item, now) for item in items if "upload_key" in item]


def _progress_of(item: Item, now: datetime | None) -> Progress:
    stage, parts = item["stage"], int(item["parts"])
    done = min(int(item.get(f"done_{stage}", 0)), parts)
    since = item.get(f"since_{stage}")
    left = _seconds_left(now - from_iso(since), done, parts) if now and since else None
    return Progress(item["SK"].removeprefix(PROGRESS), item["upload_key"], stage, done, parts, int(item["rows"]), left)


def _seconds_left(passed: timedelta, done: int, parts: int) -> int | None:
    """A stage begins to count with its first part where nobody noted its beginning, so that one part says nothing."""
    return round(passed.total_seconds() / (done - 1) * (parts - done)) if done > 1 else None
