"""Reads the roster bucket: what districts put there."""

from __future__ import annotations

import io
from collections.abc import Buffer, Iterable, Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from shared.domain.errors import UploadRejected

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef

GONE = ("404", "NoSuchKey", "NoSuchVersion")
"""What S3 calls an object that is not there."""
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Listed:
    """An object directly under a prefix: its name there, its size in bytes, its etag."""

    name: str
    size: int
    etag: str


class Uploads:
    """The roster bucket."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def read(self, key: str) -> bytes:
        """The whole object; of one that is larger than a megabyte only so much, which is more than any settings have."""
        return bytes(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read(_CHUNK))

    def find(self, key: str) -> bytes | None:
        """``read``, or None if there is no such object."""
        try:
            return self.read(key)
        except ClientError as error:
            if error.response["Error"]["Code"] in GONE:
                return None
            raise

    def part(
        self, key: str, longest: int, *, version_id: str | None, etag: str, start: int, end: int
    ) -> Iterator[bytes]:
        """The lines of an object that begin between two bytes (the second excluded), as ``lines_of`` has them.

        Raises UploadRejected as ``open`` does.
        """
        # From the byte before: whether it ends a line says whether one begins here.
        before = start - 1 if start else 0
        with self.open(key, version_id=version_id, etag=etag, start=before) as body:
            chunks = iter(lambda: body.read(_CHUNK), b"")
            for place, line in lines_with_places(chunks, longest):
                if before + place >= end:
                    return
                if before + place >= start:
                    yield line

    def csv_files(self, prefix: str) -> Iterator[Listed]:
        """The CSV files that lie directly under a prefix."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        for found in (o for page in pages for o in page.get("Contents", ())):
            name = found["Key"].removeprefix(prefix)
            if "/" not in name and name.lower().endswith(".csv"):
                yield Listed(name, int(found["Size"]), str(found["ETag"]))

    def open(
        self,
        key: str,
        *,
        version_id: str | None = None,
        etag: str | None = None,
        start: int = 0,
        end: int | None = None,
    ) -> IO[bytes]:
        """The object as a stream, from byte ``start`` up to ``end`` (None: to its end).

        Raises UploadRejected ``upload_gone`` when it, or this version of it, is not there any more, and ``upload_changed``
        when its etag is another.
        """
        request: GetObjectRequestTypeDef = {"Bucket": self._bucket, "Key": key}
        if version_id:
            request["VersionId"] = version_id
        if etag:
            request["IfMatch"] = etag
        is_part = start or end is not None
        if is_part and end != start:
            request["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        try:
            body = self._s3.get_object(**request)["Body"]
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in GONE:
                raise _gone() from None
            if code in ("PreconditionFailed", "412"):
                raise UploadRejected(
                    "upload_changed",
                    "A file of the upload was replaced while it was read. Put _complete beside the files once more.",
                    file=key.rpartition("/")[2],
                ) from None
            raise
        return io.BufferedReader(_Body(body), _CHUNK)


def _gone() -> UploadRejected:
    return UploadRejected("upload_gone", "The upload was taken away before it was read. Upload it again.")


def lines_of(chunks: Iterable[bytes], longest: int) -> Iterator[bytes]:
    """The lines of a text that comes in chunks, without their ends. Of a line that is longer than ``longest`` bytes come the
    first ones, one more than that. Each byte is looked at once.

    >>> list(lines_of([b"ab", b"c\\r", b"\\n", b"de", b"fgh\\n\\ni"], 4))
    [b'abc', b'defgh', b'', b'i']
    """
    return (line for _, line in lines_with_places(chunks, longest))


def lines_with_places(chunks: Iterable[bytes], longest: int) -> Iterator[tuple[int, bytes]]:
    """``lines_of``, each with the place of its first byte."""
    held = bytearray()
    ended_in_return = False
    begins = here = 0
    for chunk in chunks:
        rest = chunk
        if ended_in_return and chunk.startswith(b"\n"):
            rest = chunk[1:]
            here += 1
            begins = here
        ended_in_return = chunk.endswith(b"\r")
        for line in rest.splitlines(keepends=True):
            text = line.rstrip(b"\r\n")
            held += text[: longest + 1 - len(held)]
            here += len(line)
            if len(text) < len(line):
                yield begins, bytes(held)
                held.clear()
                begins = here
    if held:
        yield begins, bytes(held)


class _Body(io.RawIOBase):
    """The body of an S3 response as a stream that can be buffered."""

    def __init__(self, body: StreamingBody) -> None:
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        # The types name a file here, where bytes are written into memory.
        return self._body.readinto(cast("IO[bytes]", buffer))

    def close(self) -> None:
        self._body.close()
        super().close()
