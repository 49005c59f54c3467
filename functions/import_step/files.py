"""An import's files in S3: the upload it reads, its working files, and the snapshot of what was last applied."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import IO, Any

import orjson
from botocore.exceptions import ClientError

from functions.import_step.archive import RosterFile, open_loose, open_zip
from shared.domain.errors import UploadRejected
from shared.domain.report import Upload

_GONE = ("404", "NoSuchKey", "NoSuchVersion")
_CHUNK = 1 << 20
type Extents = list[tuple[int, int]]
"""Where each part of a file lies that several readers share: (offset, length) in bytes."""


class ImportFiles:
    """Reads the roster bucket; writes and reads the snapshot bucket, where everything is JSON, line by line."""

    def __init__(self, s3: Any, roster_bucket: str, snapshot_bucket: str) -> None:
        self._s3 = s3
        self._rosters = roster_bucket
        self._bucket = snapshot_bucket

    # The upload.

    def open_upload(self, upload: Upload, folder: Path, etags: dict[str, str] | None = None) -> list[RosterFile]:
        """The upload's files; a zip is brought into ``folder`` first. Raises UploadRejected.

        ``etags`` of loose files, by name, hold it to what was seen at first: an upload does not change while it is read.
        """
        if upload.key.endswith("/_complete"):
            return open_loose(self._loose(upload.key.removesuffix("_complete"), etags))
        path = folder / "upload.zip"
        version = {"VersionId": upload.version_id} if upload.version_id else {}
        with path.open("wb") as target, self._object(upload.key, **version) as body:
            shutil.copyfileobj(body, target, _CHUNK)
        return open_zip(path)

    def etags(self, upload: Upload) -> dict[str, str] | None:
        """The loose files of an upload and what they hold, by name; None for a zip, which is one object."""
        if not upload.key.endswith("/_complete"):
            return None
        return {name: etag for name, _, etag in self._listed(upload.key.removesuffix("_complete"))}

    def _loose(self, prefix: str, etags: dict[str, str] | None) -> Iterator[RosterFile]:
        for name, size, etag in self._listed(prefix):
            if etags is None or name in etags:
                held_to = {"IfMatch": etag if etags is None else etags[name]}
                yield RosterFile(name, size, partial(self._open_loose, prefix + name, held_to))

    def _listed(self, prefix: str) -> Iterator[tuple[str, int, str]]:
        """(name, size, etag) of the CSV files that lie directly under a prefix."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._rosters, Prefix=prefix)
        for found in (o for page in pages for o in page.get("Contents", ())):
            name = found["Key"].removeprefix(prefix)
            if "/" not in name and name.lower().endswith(".csv"):
                yield name, int(found["Size"]), str(found["ETag"])

    def _open_loose(self, key: str, held_to: dict[str, str], start: int, end: int | None) -> IO[bytes]:
        is_part = start or end is not None
        span = {"Range": f"bytes={start}-{'' if end is None else end - 1}"} if is_part and end != start else {}
        return self._object(key, **held_to, **span)

    def _object(self, key: str, **more: str) -> IO[bytes]:
        """Raises UploadRejected when the object is not there any more, or not the one that was seen at first."""
        try:
            body = self._s3.get_object(Bucket=self._rosters, Key=key, **more)["Body"]
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _GONE:
                raise UploadRejected(
                    "upload_gone", "The upload was taken away before it was read. Upload it again."
                ) from None
            if code in ("PreconditionFailed", "412"):
                raise UploadRejected(
                    "upload_changed",
                    "A file of the upload was replaced while it was read. Put _complete beside the files once more.",
                    file=key.rpartition("/")[2],
                ) from None
            raise
        return io.BufferedReader(_Body(body), _CHUNK)

    def district_settings(self, district_id: str) -> bytes | None:
        """The district.json as it lies in the bucket, if it does."""
        try:
            answer = self._s3.get_object(Bucket=self._rosters, Key=f"districts/{district_id}/district.json")
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return None
            raise
        return bytes(answer["Body"].read())

    # Working files and snapshots.

    def write_lines(self, key: str, records: Iterable[Any]) -> None:
        body = bytearray()  # Packed lines are born larger than they are: none of them is kept.
        for record in records:
            body += packed(record)
        self.write(key, body)

    def write(self, key: str, lines: bytes | bytearray) -> None:
        """Records that are packed already."""
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=lines)

    def write_file(self, key: str, path: Path) -> None:
        """A file that was written line by line on disk."""
        self._s3.upload_file(str(path), self._bucket, key)

    def write_shared(self, key: str, parts: Iterable[bytes | bytearray]) -> Extents:
        """One file of several parts, each for a reader of its own; answers where each lies, for ``lines``."""
        extents: Extents = []
        body = bytearray()
        for part in parts:
            extents.append((len(body), len(part)))
            body += part
        if body:
            self.write(key, body)
        return extents

    def lines(self, key: str, extent: tuple[int, int] | None = None) -> Iterator[Any]:
        """The records of a file, or of a part of it; none when it was never written."""
        if extent and not extent[1]:
            return
        yield from map(orjson.loads, io.BytesIO(self._read(key, extent)))

    def packed_lines(self, key: str) -> Iterator[bytes]:
        """The records of a file as they lie there, with their line ends."""
        return iter(io.BytesIO(self._read(key)))

    def texts(self, key: str) -> list[str]:
        """The lines of a file of plain text."""
        return self._read(key).decode().split("\n")[:-1]

    def _read(self, key: str, extent: tuple[int, int] | None = None) -> bytes:
        span = {"Range": f"bytes={extent[0]}-{extent[0] + extent[1] - 1}"} if extent else {}
        try:
            with closing(self._s3.get_object(Bucket=self._bucket, Key=key, **span)["Body"]) as body:
                return bytes(body.read())
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return b""
            raise

    def write_json(self, key: str, value: Any) -> None:
        self.write(key, orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))

    def read_json(self, key: str) -> Any:
        """The one record of a file, or None."""
        return next(self.lines(key), None)


class _Body(io.RawIOBase):
    """The body of an answer of S3 as a stream that can be buffered."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._body.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._body.close()
        super().close()


def packed(record: Any) -> bytes:
    """A record as a line of a file."""
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def unpacked(line: bytes) -> Any:
    return orjson.loads(line)


def sourced_id_of(line: bytes) -> str:
    """The first text of a packed list; the rest is not read."""
    text = line[2 : line.index(b'"', 2)]
    return str(orjson.loads(line)[0]) if b"\\" in text else text.decode()


def work_key(district_id: str, import_id: str, name: str) -> str:
    return f"work/{district_id}/{import_id}/{name}.jsonl"


def snapshot_key(district_id: str, snapshot_id: str, name: str) -> str:
    return f"snapshots/{district_id}/{snapshot_id}/{name}.jsonl"
