"""An import's files in the snapshot bucket: its working files, and the snapshot of what was last applied."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
from botocore.exceptions import ClientError

from shared.stores.uploads import GONE

type Extents = list[tuple[int, int]]
"""Where each part of a file lies that several readers share: (offset, length) in bytes."""


class ImportFiles:
    """The snapshot bucket, where everything is JSON, line by line."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

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
            if error.response["Error"]["Code"] in GONE:
                return b""
            raise

    def write_json(self, key: str, value: Any) -> None:
        self.write(key, orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))

    def read_json(self, key: str) -> Any:
        """The one record of a file, or None."""
        return next(self.lines(key), None)


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
