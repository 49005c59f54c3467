"""How far imports have come, for people who watch. Nothing is decided by it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.stores.keys import district_pk
from shared.stores.table import every_page

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

    def __init__(self, table: Any) -> None:
        self._table = table

    def begin(
        self, district_id: str, import_id: str, upload_key: str, stage: str, *, parts: int, now: datetime, rows: int = 0
    ) -> None:
        """From now on the parts of this stage are worked on."""
        self._table.put_item(
            Item={
                **_key(district_id, import_id),
                "upload_key": upload_key,
                "stage": stage,
                "parts": parts,
                "rows": rows,
                "ttl": int((now + _KEPT).timestamp()),
            }
        )

    def part_done(
        self, district_id: str, import_id: str, stage: str, now: datetime, *, parts: int, rows: int = 0
    ) -> None:
        """One of the parts of a stage is done. A part that is done again counts again: it is for watching only."""
        self._table.update_item(
            Key=_key(district_id, import_id),
            UpdateExpression="SET #stage = :stage, #ttl = :ttl, #parts = :parts ADD #done :one, #rows :rows",
            ExpressionAttributeNames={
                "#stage": "stage", "#ttl": "ttl", "#done": f"done_{stage}", "#parts": "parts", "#rows": "rows",
            },
            ExpressionAttributeValues={
                ":stage": stage, ":ttl": int((now + _KEPT).timestamp()), ":one": 1, ":parts": parts, ":rows": rows,
            },
        )  # fmt: skip

    def end(self, district_id: str, import_id: str) -> None:
        self._table.delete_item(Key=_key(district_id, import_id))

    def at_work(self, district_id: str) -> list[Progress]:
        """The district's imports that are at work, the oldest first."""
        items = every_page(
            self._table.query,
            KeyConditionExpression="PK = :pk AND begins_with(SK, :prefix)",
            ExpressionAttributeValues={":pk": district_pk(district_id), ":prefix": "PROGRESS#"},
        )
        return [
            Progress(
                item["SK"].removeprefix("PROGRESS#"),
                item["upload_key"],
                item["stage"],
                min(int(item.get(f"done_{item['stage']}", 0)), int(item["parts"])),
                int(item["parts"]),
                int(item["rows"]),
            )
            for item in items
            if "upload_key" in item
        ]


def _key(district_id: str, import_id: str) -> dict[str, str]:
    return {"PK": district_pk(district_id), "SK": f"PROGRESS#{import_id}"}
