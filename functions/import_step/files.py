"""An import's files in S3: the upload it reads, its working files, and the snapshot of what was last applied."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from functions.import_step.opening import RosterFile, open_loose, open_zip
from shared.errors import UploadRejected
from shared.report import Upload


class ImportFiles:
    """Reads the roster bucket; writes and reads the snapshot bucket, where everything is gzipped JSON, line by line."""

    def __init__(self, s3: Any, roster_bucket: str, snapshot_bucket: str) -> None:
        self._s3 = s3
        self._rosters = roster_bucket
        self._bucket = snapshot_bucket

    def open_upload(self, upload: Upload, folder: Path) -> list[RosterFile]:
        """Bring the upload into ``folder`` and open it. Raises UploadRejected."""
        if upload.key.endswith("/_complete"):
            return open_loose(self._download_loose(upload.key.removesuffix("_complete"), folder))
        path = folder / "upload.zip"
        version = {"VersionId": upload.version_id} if upload.version_id else {}
        self._download(upload.key, path, **version)
        return open_zip(path)

    def _download_loose(self, prefix: str, folder: Path) -> Iterator[tuple[str, Path]]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._rosters, Prefix=prefix)
        keys = [o["Key"] for page in pages for o in page.get("Contents", ())]
        for number, key in enumerate(keys):
            name = key.removeprefix(prefix)
            if "/" not in name and name.lower().endswith(".csv"):
                path = folder / f"{number}.csv"
                self._download(key, path)
                yield name, path

    def _download(self, key: str, path: Path, **more: str) -> None:
        try:
            with path.open("wb") as target:
                self._s3.download_fileobj(self._rosters, key, target, ExtraArgs=more or None)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NoSuchVersion"):
                raise UploadRejected(
                    "upload_gone", "The upload was taken away before it was read. Upload it again."
                ) from None
            raise

    def district_settings(self, district_id: str) -> bytes | None:
        """The district.json as it lies in the bucket, if it does."""
        try:
            answer = self._s3.get_object(Bucket=self._rosters, Key=f"districts/{district_id}/district.json")
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise
        return bytes(answer["Body"].read())

    def write_lines(self, key: str, records: Iterable[Any]) -> None:
        buffer = io.BytesIO()
        with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1, mtime=0) as packed:
            for record in records:
                packed.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=buffer.getvalue())

    def write_packed(self, key: str, path: Path) -> None:
        """A file that was written line by line and packed on the way."""
        self._s3.upload_file(str(path), self._bucket, key)

    def lines(self, key: str) -> Iterator[Any]:
        """The records of a file; none when it was never written."""
        try:
            body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return
            raise
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as packed:
            for line in packed:
                yield json.loads(line)

    def write_json(self, key: str, value: Any) -> None:
        self.write_lines(key, [value])

    def read_json(self, key: str) -> Any:
        """The one record of a file, or None."""
        return next(self.lines(key), None)


def work_key(district_id: str, import_id: str, name: str) -> str:
    return f"work/{district_id}/{import_id}/{name}.jsonl.gz"


def snapshot_key(district_id: str, snapshot_id: str, name: str) -> str:
    return f"snapshots/{district_id}/{snapshot_id}/{name}.jsonl.gz"
