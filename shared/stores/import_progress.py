"""How far imports have come, for people who watch. Nothing is decided by it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.stores.keys import PROGRESS, district_pk, progress_key
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
        self._table.write(update.add(**{f"done_{stage}": 1, "rows": rows}))

    def end(self, district_id: str, import_id: str) -> None:
        self._table.write(Delete(progress_key(district_id, import_id)))

    def at_work(self, district_id: str) -> list[Progress]:
        """The district's imports that are at work, the oldest first."""
        items = self._table.query(district_pk(district_id), PROGRESS, consistent=False)
        return [
            Progress(
                item["SK"].removeprefix(PROGRESS),
                item["upload_key"],
                item["stage"],
                min(int(item.get(f"done_{item['stage']}", 0)), int(item["parts"])),
                int(item["parts"]),
                int(item["rows"]),
            )
            for item in items
            if "upload_key" in item
        ]
