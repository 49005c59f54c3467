"""Exports of class data (B4): asked for by a teacher, made by a worker, fetched from S3 for a day."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from shared.domain.clock import to_iso
from shared.stores.keys import EXPORTS, GATHERED, Item, account_of_pk, account_pk, export_key, gathered_key
from shared.stores.table import PRESENT, DynamoTable, Put, Table, Update, without_none

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

KEPT = timedelta(days=1)
"""How long an export can be fetched; the bucket keeps its file no longer (template.yaml)."""
_ADDRESS_WORKS = timedelta(minutes=5)
_ASCII = re.compile(r"[^A-Za-z0-9 _-]+")


@dataclass(frozen=True, slots=True)
class ExportedClass:
    """A class by its id; ``district_id`` is None for a grassroots class."""

    class_id: str
    district_id: str | None = None


@dataclass(frozen=True, slots=True)
class ClassExport:
    """The data of some classes in one zip. ``made_at`` and ``fetched_at`` are set once it was, ``failed_at`` when none of the
    classes is the account's to take."""

    account_id: str
    export_id: str
    classes: tuple[ExportedClass, ...]
    language: str
    asked_at: str
    made_at: str | None = None
    failed_at: str | None = None
    fetched_at: str | None = None


class ClassExportStore:
    """``EXPORT#id`` beside the account, for a day, and ``GATHERED#class`` for each grassroots class that was fetched."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def ask(self, export: ClassExport, now: datetime) -> None:
        classes = [without_none({"class_id": c.class_id, "district_id": c.district_id}) for c in export.classes]
        item = {
            **export_key(export.account_id, export.export_id),
            "classes": classes,
            "language": export.language,
            "asked_at": export.asked_at,
            "ttl": int((now + KEPT).timestamp()),
        }
        self._table.write(Put(item))

    def get(self, account_id: str, export_id: str, now: datetime) -> ClassExport | None:
        """The export, until a day after it was asked for."""
        item = self._table.get(export_key(account_id, export_id))
        if item is None or int(item["ttl"]) < now.timestamp():
            return None
        return _export(item)

    def settle(self, export: ClassExport, now: datetime, *, is_made: bool) -> None:
        """Note that it is made, or never will be. May be run again."""
        self._update(export, "made_at" if is_made else "failed_at", now)

    def fetched(self, export: ClassExport, now: datetime) -> None:
        """Note that it was fetched, and its grassroots classes with it. May be run again."""
        ticks = (
            {**gathered_key(export.account_id, exported.class_id), "fetched_at": to_iso(now)}
            for exported in export.classes
            if exported.district_id is None
        )
        self._table.write_many(ticks)
        self._update(export, "fetched_at", now)

    def _update(self, export: ClassExport, fact: str, now: datetime) -> None:
        """Note when something became true of an export, unless it has expired."""
        update = Update(export_key(export.account_id, export.export_id)).set(**{fact: to_iso(now)})
        self._table.attempt(update.when(PRESENT))

    def gathered(self, account_id: str) -> dict[str, str]:
        """When the data of each grassroots class was last fetched, by class id."""
        items = self._table.query(account_pk(account_id), GATHERED)
        return {item["SK"].removeprefix(GATHERED): item["fetched_at"] for item in items}


class ClassExportQueue:
    """Asks the worker for an export. Asking twice is harmless: one that is made is not made again."""

    def __init__(self, sqs: SQSClient, url: str) -> None:
        self._sqs = sqs
        self._url = url

    def request(self, export: ClassExport) -> None:
        body = json.dumps({"account_id": export.account_id, "export_id": export.export_id})
        self._sqs.send_message(QueueUrl=self._url, MessageBody=body)


class ClassExportFiles:
    """The zips in S3, under ids that nobody guesses."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def put(self, export: ClassExport, file: Path, name: str) -> None:
        """Store the zip; ``name`` is what a browser saves it as, without ``.zip``."""
        plain = " ".join(_ASCII.sub(" ", name).split()) or "classes"
        disposition = f"attachment; filename=\"{plain}.zip\"; filename*=UTF-8''{quote(name)}.zip"
        headers = {"ContentType": "application/zip", "ContentDisposition": disposition}
        self._s3.upload_file(str(file), self._bucket, _file_key(export), ExtraArgs=headers)

    def address(self, export: ClassExport) -> str:
        """Return an address at which anybody can fetch it, for five minutes."""
        return str(
            self._s3.generate_presigned_url(
                "get_object",
                Params={"Bucket": self._bucket, "Key": _file_key(export)},
                ExpiresIn=int(_ADDRESS_WORKS.total_seconds()),
            )
        )


def file_key_of(item: Item) -> str:
    """Where the file of an export lies, by its item."""
    return _key_of_file(str(item["SK"]).removeprefix(EXPORTS))


def _file_key(export: ClassExport) -> str:
    return _key_of_file(export.export_id)


def _key_of_file(export_id: str) -> str:
    return f"exports/{export_id}.zip"


def _export(item: Item) -> ClassExport:
    return ClassExport(
        account_of_pk(item["PK"]),
        item["SK"].removeprefix(EXPORTS),
        tuple(ExportedClass(c["class_id"], c.get("district_id")) for c in item["classes"]),
        item["language"],
        item["asked_at"],
        item.get("made_at"),
        item.get("failed_at"),
        item.get("fetched_at"),
    )
