"""Exports of class data (B4): asked for by a teacher, made by a worker, fetched from S3 for a short while."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from shared.domain.clock import to_iso
from shared.domain.errors import Conflict
from shared.stores.keys import Item, Key, account_pk
from shared.stores.table import conflicts, every_page, without_none, write_many

KEPT = timedelta(days=1)
"""How long an export can be fetched; the bucket keeps its file no longer (template.yaml)."""
_ADDRESS_WORKS = timedelta(minutes=5)
_HEADERS = {"ContentType": "application/zip", "ContentDisposition": 'attachment; filename="class-data.zip"'}


@dataclass(frozen=True, slots=True)
class ClassNamed:
    """A class by its id; ``district_id`` is None for one from before."""

    class_id: str
    district_id: str | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """The data of some classes in one zip. ``made_at`` and ``fetched_at`` are set once it was, ``failed_at`` when none of the
    classes is the account's to take."""

    account_id: str
    export_id: str
    classes: tuple[ClassNamed, ...]
    language: str
    asked_at: str
    made_at: str | None = None
    failed_at: str | None = None
    fetched_at: str | None = None


class ExportStore:
    """``EXPORT#id`` beside the account, for a day, and ``GATHERED#class`` for each class from before that was fetched."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def ask(self, export: Export, now: datetime) -> None:
        classes = [without_none({"class_id": c.class_id, "district_id": c.district_id}) for c in export.classes]
        item = {
            **_key(export.account_id, export.export_id),
            "classes": classes,
            "language": export.language,
            "asked_at": export.asked_at,
            "ttl": int((now + KEPT).timestamp()),
        }
        self._table.put_item(Item=item)

    def get(self, account_id: str, export_id: str, now: datetime) -> Export | None:
        """The export, until a day after it was asked for."""
        item = self._table.get_item(Key=_key(account_id, export_id), ConsistentRead=True).get("Item")
        if item is None or int(item["ttl"]) < now.timestamp():
            return None
        return _export(item)

    def settle(self, export: Export, now: datetime, *, is_made: bool) -> None:
        """It is made, or it never will be. May be run again."""
        self._update(export, "made_at" if is_made else "failed_at", now)

    def fetched(self, export: Export, now: datetime) -> None:
        """Its classes are ticked off as gathered. May be run again."""
        ticks = (
            {"PK": account_pk(export.account_id), "SK": f"GATHERED#{one.class_id}", "fetched_at": to_iso(now)}
            for one in export.classes
            if one.district_id is None
        )
        write_many(self._table, ticks)
        self._update(export, "fetched_at", now)

    def _update(self, export: Export, fact: str, now: datetime) -> None:
        """Note when something became true of an export; of one that has expired nothing is noted."""
        with suppress(Conflict), conflicts("expired", "This export is not kept any more."):
            self._table.update_item(
                Key=_key(export.account_id, export.export_id),
                UpdateExpression=f"SET {fact} = :now",
                ConditionExpression="attribute_exists(PK)",
                ExpressionAttributeValues={":now": to_iso(now)},
            )

    def gathered(self, account_id: str) -> dict[str, str]:
        """When the data of each class from before was last fetched, by class id."""
        items = every_page(
            self._table.query,
            KeyConditionExpression="PK = :pk AND begins_with(SK, :prefix)",
            ExpressionAttributeValues={":pk": account_pk(account_id), ":prefix": "GATHERED#"},
            ConsistentRead=True,
        )
        return {item["SK"].removeprefix("GATHERED#"): item["fetched_at"] for item in items}


class ExportQueue:
    """Asks the worker for an export. Twice does no harm: what is made is not made again."""

    def __init__(self, sqs: Any, url: str) -> None:
        self._sqs = sqs
        self._url = url

    def request(self, export: Export) -> None:
        body = json.dumps({"account_id": export.account_id, "export_id": export.export_id})
        self._sqs.send_message(QueueUrl=self._url, MessageBody=body)


class ExportFiles:
    """The zips, under ids that nobody guesses."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def put(self, export: Export, file: Path) -> None:
        self._s3.upload_file(str(file), self._bucket, _file_key(export), ExtraArgs=_HEADERS)

    def address(self, export: Export) -> str:
        """Where it can be fetched for some minutes, by whoever has the address."""
        return str(
            self._s3.generate_presigned_url(
                "get_object",
                Params={"Bucket": self._bucket, "Key": _file_key(export)},
                ExpiresIn=int(_ADDRESS_WORKS.total_seconds()),
            )
        )


def _file_key(export: Export) -> str:
    return f"exports/{export.export_id}.zip"


def _key(account_id: str, export_id: str) -> Key:
    return {"PK": account_pk(account_id), "SK": f"EXPORT#{export_id}"}


def _export(item: Item) -> Export:
    return Export(
        item["PK"].removeprefix("ACCOUNT#"),
        item["SK"].removeprefix("EXPORT#"),
        tuple(ClassNamed(c["class_id"], c.get("district_id")) for c in item["classes"]),
        item["language"],
        item["asked_at"],
        item.get("made_at"),
        item.get("failed_at"),
        item.get("fetched_at"),
    )
