"""Puts fetched rosters where uploads are put, so that they go the way of every upload."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from shared.stores.uploads import GONE

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_COMPLETE = "_complete"


class FetchedRosters:
    """``rosters/{district_id}/{name}/`` of the roster bucket."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def put(self, district_id: str, name: str, file: str, path: Path) -> None:
        self._s3.upload_file(str(path), self._bucket, f"rosters/{district_id}/{name}/{file}")

    def complete(self, district_id: str, name: str) -> None:
        """Say that all files are there. Once it was said, it is not said again: it would be another upload."""
        key = f"rosters/{district_id}/{name}/{_COMPLETE}"
        try:
            self._s3.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in GONE:
                raise
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=b"")
