"""S3 on disk, as far as an import calls it: what several processes share without a server's time in the figures."""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from tests.fakes.aws import body_of
from tests.fakes.dynamodb import error

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_STREAMED = 1 << 20
"""Objects larger than this are not read at once."""


class FolderS3:
    """Buckets are folders; each object is one file in them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.requests = 0

    def path(self, bucket: str, key: str) -> Path:
        folder = self.root / bucket
        folder.mkdir(parents=True, exist_ok=True)
        return folder / quote(key, safe="")

    def put_object(self, *, Bucket: str, Key: str, Body: bytes | str | IO[bytes], **_: Any) -> dict[str, Any]:
        self.requests += 1
        self.path(Bucket, Key).write_bytes(body_of(Body))
        return {}

    def upload_file(self, path: str, bucket: str, key: str) -> None:
        self.requests += 1
        target = self.path(bucket, key)
        target.unlink(missing_ok=True)
        shutil.copyfile(path, target)

    def get_object(self, *, Bucket: str, Key: str, Range: str = "", **_: Any) -> dict[str, Any]:
        self.requests += 1
        path = self.path(Bucket, Key)
        if not path.exists():
            raise error("NoSuchKey", "GetObject")
        start, _dash, end = Range.removeprefix("bytes=").partition("-")
        first, after = int(start or 0), int(end) + 1 if end else path.stat().st_size
        stream = path.open("rb")
        stream.seek(first)
        if after - first > _STREAMED:
            return {"Body": io.BufferedReader(_Body(stream, after - first), _STREAMED)}
        with stream:
            return {"Body": io.BytesIO(stream.read(after - first))}

    def get_paginator(self, _name: str) -> Any:
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:
        self.requests += 1
        found = sorted(unquote(path.name) for path in (self.root / Bucket).iterdir())
        yield {
            "Contents": [
                {
                    "Key": key,
                    "Size": self.path(Bucket, key).stat().st_size,
                    "LastModified": datetime.fromtimestamp(self.path(Bucket, key).stat().st_mtime, UTC),
                    "ETag": hashlib.sha256(key.encode()).hexdigest(),
                }
                for key in found
                if key.startswith(Prefix)
            ]
        }


class _Body(io.RawIOBase):
    """So many bytes of a file. At their end the file is closed, as a connection is given back."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        read = self._file.readinto(memoryview(buffer)[: self._left]) if self._left else 0
        self._left -= read
        if not self._left:
            self._file.close()
        return read

    def readall(self) -> bytes:
        """The rest at once, as urllib3 reads it."""
        read = self._file.read(self._left)
        self._left = 0
        self._file.close()
        return read

    def close(self) -> None:
        self._file.close()
        super().close()
