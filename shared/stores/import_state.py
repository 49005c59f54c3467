"""A district's imports in the table: which upload is the newest, who may work now, what was last applied."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.domain.clock import to_iso
from shared.domain.errors import Conflict
from shared.domain.report import Status, Upload
from shared.stores.keys import Item, district_pk
from shared.stores.reports import upload_attributes, upload_of
from shared.stores.table import conflicts

LEASE = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was last applied to a district. ``standing`` and ``read`` are counts by kind."""

    snapshot_id: str
    shards: int
    content: str
    standing: dict[str, int]
    read: dict[str, int]
    import_id: str = ""
    """The import that made it what it is."""
    school_year: str = ""
    on: str = ""
    """The district's day on which it was read, YYYY-MM-DD."""
    previous: Snapshot | None = None
    """What stood before that import, for rolling it back (B2)."""


class ImportStateStore:
    """The import's own items under ``DISTRICT#d``: NEWEST, LOCK, SNAPSHOT and IMPORT#id."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def newer_than(self, district_id: str, upload: Upload) -> str | None:
        """The import of a valid upload that is newer than this one, if there is one."""
        item = self._get(district_id, "NEWEST")
        return str(item["import_id"]) if item and upload_of(item).is_newer_than(upload) else None

    def has_ended(self, district_id: str, import_id: str) -> bool:
        """Whether this import was carried out before: S3 may tell of one upload several times."""
        item = self._get(district_id, f"IMPORT#{import_id}")
        return item is not None and item["status"] != Status.FAILED

    def note_valid(self, district_id: str, import_id: str, upload: Upload) -> bool:
        """Note that this upload is valid. False when a newer valid one is known: this one is superseded."""
        while True:
            item = self._get(district_id, "NEWEST")
            if item and upload_of(item).is_newer_than(upload):
                return False
            if item and item["import_id"] == import_id:
                return True
            version = int(item["version"]) if item else 0
            try:
                with conflicts("newest_changed", "Another upload became the newest."):
                    self._table.put_item(
                        Item={
                            **_key(district_id, "NEWEST"),
                            "import_id": import_id,
                            "version": version + 1,
                            **upload_attributes(upload),
                        },
                        ConditionExpression="attribute_not_exists(PK) OR version = :version",
                        ExpressionAttributeValues={":version": version},
                    )
            except Conflict:
                continue
            return True

    def lock(self, district_id: str, import_id: str, now: datetime) -> bool:
        """Become the one import that works on this district now. False when another one does."""
        try:
            with conflicts("locked", "Another import of this district is at work."):
                self._table.put_item(
                    Item={**_key(district_id, "LOCK"), "import_id": import_id, "lease_until": to_iso(now + LEASE)},
                    ConditionExpression="attribute_not_exists(PK) OR import_id = :me OR lease_until < :now",
                    ExpressionAttributeValues={":me": import_id, ":now": to_iso(now)},
                )
        except Conflict:
            return False
        return True

    def is_locked_by_another(self, district_id: str, import_id: str, now: datetime) -> bool:
        """Whether another import works on this district, as far as its lease tells."""
        item = self._get(district_id, "LOCK")
        return item is not None and item["import_id"] != import_id and item["lease_until"] >= to_iso(now)

    def unlock(self, district_id: str, import_id: str) -> None:
        """Let the next one work; harmless when the lock is somebody else's."""
        try:
            with conflicts("not_mine", "The lock is not this import's."):
                self._table.delete_item(
                    Key=_key(district_id, "LOCK"),
                    ConditionExpression="attribute_not_exists(PK) OR import_id = :me",
                    ExpressionAttributeValues={":me": import_id},
                )
        except Conflict:
            return

    def snapshot(self, district_id: str) -> Snapshot | None:
        item = self._get(district_id, "SNAPSHOT")
        return _snapshot(item) if item else None

    def advance(self, district_id: str, snapshot: Snapshot, record: Item, event: Item) -> None:
        """Point at the new snapshot, note the import and tell the platform, all at once. May be run again."""
        name = self._table.name
        self._table.meta.client.transact_write_items(
            TransactItems=[
                {
                    "Put": {
                        "TableName": name,
                        "Item": {
                            **_key(district_id, "SNAPSHOT"),
                            **_attributes(snapshot),
                            **({"previous": _attributes(snapshot.previous)} if snapshot.previous else {}),
                        },
                    }
                },
                {"Put": {"TableName": name, "Item": record}},
                {"Put": {"TableName": name, "Item": event}},
            ]
        )

    def note(self, record: Item, event: Item | None = None) -> None:
        """Note how an import stands, with the event that tells of it, if one does."""
        if event is None:
            self._table.put_item(Item=record)
            return
        name = self._table.name
        self._table.meta.client.transact_write_items(
            TransactItems=[{"Put": {"TableName": name, "Item": one}} for one in (record, event)]
        )

    def _get(self, district_id: str, sk: str) -> Item | None:
        item: Item | None = self._table.get_item(Key=_key(district_id, sk), ConsistentRead=True).get("Item")
        return item


def _attributes(snapshot: Snapshot) -> Item:
    return {
        "snapshot_id": snapshot.snapshot_id,
        "shards": snapshot.shards,
        "content": snapshot.content,
        "standing": snapshot.standing,
        "read": snapshot.read,
        "import_id": snapshot.import_id,
        "school_year": snapshot.school_year,
        "on": snapshot.on,
    }


def _snapshot(item: Item) -> Snapshot:
    previous = item.get("previous")
    return Snapshot(
        item["snapshot_id"],
        int(item["shards"]),
        item["content"],
        {k: int(v) for k, v in item["standing"].items()},
        {k: int(v) for k, v in item["read"].items()},
        str(item.get("import_id", item["snapshot_id"])),
        str(item.get("school_year", "")),
        str(item.get("on", "")),
        _snapshot(previous) if previous else None,
    )


def _key(district_id: str, sk: str) -> dict[str, str]:
    return {"PK": district_pk(district_id), "SK": sk}
