"""What districts put by SFTP, in the roster bucket, and the uploads that it becomes."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING
from zlib import crc32

from botocore.exceptions import ClientError

from shared.domain.delivery import MOST_FILES, DeliveredFile, Reader, Set
from shared.stores.fetched_rosters import FetchedRosters

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX = "deliveries"
_CHANGED = ("PreconditionFailed", "412", "NoSuchKey", "404")
_LONGEST_MANIFEST = 1 << 16


class DeliveredFiles:
    """``deliveries/{district_id}/`` of the roster bucket."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._rosters = FetchedRosters(s3, bucket)

    def list(self, district_id: str) -> list[DeliveredFile]:
        """The files that lie there; of more than a roster can have, one too many."""
        prefix = f"{PREFIX}/{district_id}/"
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        found = (found for page in pages for found in page.get("Contents", ()) if not found["Key"].endswith("/"))
        return [
            DeliveredFile(each["Key"].removeprefix(prefix), int(each["Size"]), str(each["ETag"]), each["LastModified"])
            for each in islice(found, MOST_FILES + 1)
        ]

    def reader(self, district_id: str) -> Reader:
        """What reads a little of a file. Of one that is replaced meanwhile it reads nothing: the next look finds it changed."""

        def read(file: DeliveredFile, part: str) -> bytes:
            key = f"{PREFIX}/{district_id}/{file.path}"
            try:
                body = self._s3.get_object(Bucket=self._bucket, Key=key, IfMatch=file.etag, Range=part)["Body"].read()
            except ClientError as error:
                if error.response["Error"]["Code"] in _CHANGED:
                    return b""
                raise
            return bytes(body)

        return Reader(
            lambda file: read(file, f"bytes=0-{_LONGEST_MANIFEST}").decode("utf-8-sig", "replace"),
            lambda file: read(file, f"bytes={file.size - 1}-{file.size - 1}"),
        )

    def take(self, district_id: str, files: Set) -> bool:
        """Put the files where uploads are put. False where one was replaced or deleted meanwhile: then it is no upload.

        May be run again: the same files are the same upload.
        """
        moment = files.newest.version.partition(" ")[0].replace("-", "").replace(":", "").replace(".", "")
        is_zip = files.newest.is_zip
        # Two sets may have come within one second.
        place = files.newest.path if is_zip else files.newest.folder
        name = f"delivered-{moment}-{crc32(place.encode()):08x}"
        for file in files.files:
            key = f"rosters/{district_id}/{name}.zip" if is_zip else f"rosters/{district_id}/{name}/{file.name}"
            if not self._copy(f"{PREFIX}/{district_id}/{file.path}", file.etag, key):
                return False
        if not is_zip:
            self._rosters.complete(district_id, name)
        return True

    def _copy(self, source: str, etag: str, key: str) -> bool:
        try:
            self._s3.copy_object(
                Bucket=self._bucket,
                Key=key,
                CopySource={"Bucket": self._bucket, "Key": source},
                CopySourceIfMatch=etag,
                TaggingDirective="REPLACE",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _CHANGED:
                return False
            raise
        return True
