"""The snapshot bucket: an import's working files, and the snapshot of what was last applied."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from shared.stores.keys import FEEDS
from shared.stores.uploads import GONE

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef

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


def work_key(district_id: str, run_id: str, name: str) -> str:
    """Where a working file of an import lies."""
    return f"work/{district_id}/{run_id}/{name}.jsonl"


def feed_snapshot_key(name: str) -> str:
    """Where a file of the snapshot of the accounts feeds lies."""
    return f"snapshots/{FEEDS}/{name}"


def snapshot_key(district_id: str, snapshot_id: str, name: str) -> str:
    """Where a file of a snapshot lies."""
    return f"snapshots/{district_id}/{snapshot_id}/{name}.jsonl"
