"""The snapshot bucket: an import's working files, and the snapshot of what was last applied."""

from __future__ import annotations

import io
import json
from collections.abc import Container, Iterable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from itertools import batched
from pathlib import Path
from typing import TYPE_CHECKING, cast

from botocore.exceptions import BotoCoreError, ClientError

from shared.stores.keys import FEEDS
from shared.stores.uploads import GONE

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef, ObjectIdentifierTypeDef

KEPT_UNNEEDED = timedelta(days=7)
"""How long a snapshot is kept that no import needs: a preview or a held import may still work on it."""
_PEOPLE_FILES = ("people-", "aside-")
"""How the names of a snapshot's files begin that say who somebody is; the others have ids alone."""
_NAMES_FILE = "/names.jsonl"
"""How the name of a snapshot's file ends in which names are sorted (``shared.stores.sorted_names``)."""
_ROWS_FILE = "/rows-0.jsonl"
"""How the name of a snapshot's file ends by which the next night reads only the rows that differ."""

type Extent = tuple[int, int]
"""Where a part of a file lies: (offset, length) in bytes."""
type Extents = list[Extent]
"""Where each part of a file lies that several readers share."""


class ImportFiles:
    """Files of bytes, most of them with a record in each line. What the records are is the import's own business."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def write(self, key: str, body: bytes | bytearray) -> None:
        """Write a whole file."""
        # boto3 takes a bytearray, too, of which its types do not know; a copy would take the memory once more.
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=cast("bytes", body))

    def write_file(self, key: str, path: Path) -> None:
        """Write a file that was written on disk."""
        self._s3.upload_file(str(path), self._bucket, key)

    def write_shared(self, key: str, parts: Iterable[bytes | bytearray]) -> Extents:
        """Write one file of several parts, each for a reader of its own. Return where each lies, for ``lines``."""
        extents: Extents = []
        body = bytearray()
        for part in parts:
            extents.append((len(body), len(part)))
            body += part
        if body:
            self.write(key, body)
        return extents

    def read(self, key: str, extent: Extent | None = None) -> bytes:
        """A file, or a part of it; nothing when it was never written."""
        if extent and not extent[1]:
            return b""
        request: GetObjectRequestTypeDef = {"Bucket": self._bucket, "Key": key}
        if extent:
            offset, length = extent
            request["Range"] = f"bytes={offset}-{offset + length - 1}"
        try:
            with closing(self._s3.get_object(**request)["Body"]) as body:
                return bytes(body.read())
        except ClientError as error:
            if error.response["Error"]["Code"] in GONE:
                return b""
            raise

    def lines(self, key: str, extent: Extent | None = None) -> Iterator[bytes]:
        """The lines of a file, or of a part of it, with their ends; none when it was never written."""
        return iter(io.BytesIO(self.read(key, extent)))

    def delete_unneeded_snapshots(self, district_id: str, needed: Container[str], now: datetime) -> int | None:
        """Delete the snapshots of a district but those that are ``needed`` (by their ids) or newer than ``KEPT_UNNEEDED``.

        Return how many files were deleted; None where S3 refused: the next import deletes them.
        """
        deleted = 0
        try:
            for batch in batched(self._unneeded(district_id, needed, now - KEPT_UNNEEDED), 1000, strict=False):
                objects: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in batch]
                self._s3.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})
                deleted += len(batch)
        except (ClientError, BotoCoreError):
            return None
        return deleted

    def _unneeded(self, district_id: str, needed: Container[str], before: datetime) -> Iterator[str]:
        for key, changed_at in self._files_of_snapshots(district_id):
            if key.split("/")[2] not in needed and changed_at < before:
                yield key

    def has_snapshot(self, district_id: str, snapshot_id: str, names: Iterable[str]) -> bool:
        """Whether a snapshot has all of these files; one request."""
        folder = snapshot_folder(district_id, snapshot_id)
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=folder)
        found = {item["Key"].removeprefix(folder) for page in pages for item in page.get("Contents", ())}
        return found.issuperset(f"{name}.jsonl" for name in names)

    def bring_back(self, district_id: str, snapshot_id: str) -> int:
        """Bring files of a snapshot back that were deleted, as long as the bucket keeps them. Return how many. May be run again."""
        number = 0
        folder = snapshot_folder(district_id, snapshot_id)
        for page in self._s3.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=folder):
            for mark in page.get("DeleteMarkers", ()):
                if mark["IsLatest"]:
                    self._s3.delete_object(Bucket=self._bucket, Key=mark["Key"], VersionId=mark["VersionId"])
                    number += 1
        return number

    def _files_of_snapshots(self, district_id: str) -> Iterator[tuple[str, datetime]]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=f"snapshots/{district_id}/"
        )
        for page in pages:
            yield from ((found["Key"], found["LastModified"]) for found in page.get("Contents", ()))

    def forget_person(self, district_id: str, person_id: str) -> int:
        """Take a person out of all snapshots of a district. Return how many lines that were.

        Whoever is on the roster still comes back with the next upload that differs.
        """
        line_begins = b"[" + json.dumps(person_id, ensure_ascii=False).encode() + b","
        taken = 0
        for key, _ in self._files_of_snapshots(district_id):
            if not key.rpartition("/")[2].startswith(_PEOPLE_FILES):
                continue
            lines = list(self.lines(key))
            kept = [line for line in lines if not line.startswith(line_begins)]
            if len(kept) < len(lines):
                self.write(key, b"".join(kept))
                taken += len(lines) - len(kept)
        for key, _ in self._files_of_snapshots(district_id) if taken else ():
            if key.endswith(_ROWS_FILE):
                # Else whoever is on the roster still would pass as somebody who stands.
                self.write(key, b"")
            elif key.endswith(_NAMES_FILE):
                self.write(key, _blanked(self.read(key), person_id))
        return taken


def _blanked(names: bytes, person_id: str) -> bytearray:
    """Sorted names without somebody's lines, whose places stay, so that all others lie where the table says."""
    changed, at = bytearray(names), -1
    wanted = b"," + json.dumps(person_id, ensure_ascii=False).encode() + b","
    while (at := names.find(wanted, at + 1)) >= 0:
        start = names.rfind(b"\n", 0, at) + 1
        if names.find(b",", start) == at:
            end = names.index(b"\n", at)
            changed[start:end] = b" " * (end - start)
    return changed


def work_key(district_id: str, run_id: str, name: str) -> str:
    """Where a working file of an import lies."""
    return f"work/{district_id}/{run_id}/{name}.jsonl"


def feed_snapshot_key(name: str) -> str:
    """Where a file of the snapshot of the accounts feeds lies."""
    return f"snapshots/{FEEDS}/{name}"


def snapshot_folder(district_id: str, snapshot_id: str) -> str:
    """What the keys of a snapshot's files begin with."""
    return f"snapshots/{district_id}/{snapshot_id}/"


def snapshot_key(district_id: str, snapshot_id: str, name: str) -> str:
    """Where a file of a snapshot lies."""
    return f"{snapshot_folder(district_id, snapshot_id)}{name}.jsonl"
