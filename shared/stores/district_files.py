"""The files of one district in every bucket, all versions of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

UPLOADS = ("rosters", "previews", "id-maps", "fetches", "deliveries", "districts", "sources", "decisions")
"""Prefixes of the roster bucket that have a folder for each district."""
SNAPSHOTS = ("snapshots", "work")
REPORTS = ("reports",)
_AT_ONCE = 1_000
"""Objects that one request deletes."""


class Version(NamedTuple):
    key: str
    version_id: str


class DistrictFiles:
    """``places`` are the folders of districts by bucket."""

    def __init__(self, s3: S3Client, places: Mapping[str, tuple[str, ...]]) -> None:
        self._s3 = s3
        self._places = places

    def count(self, district_id: str) -> Counter[str]:
        """How many versions of files each folder has, such as ``rosters/``."""
        found = Counter[str]()
        for bucket, folder in self._folders():
            number = sum(1 for _ in self._versions(bucket, f"{folder}/{district_id}/"))
            found += Counter({f"{folder}/": number})
        return found

    def delete(self, district_id: str, only: str = "") -> Counter[str]:
        """Delete every version, in all folders or in ``only`` this one. Return how many, by folder. May be run again."""
        deleted = Counter[str]()
        for bucket, folder in self._folders():
            if only in ("", folder):
                deleted += Counter({f"{folder}/": self._delete(bucket, f"{folder}/{district_id}/")})
        return deleted

    def delete_one(self, bucket: str, key: str) -> int:
        """Delete every version of one file."""
        return self._delete(bucket, key)

    def _folders(self) -> Iterator[tuple[str, str]]:
        return ((bucket, folder) for bucket, folders in self._places.items() for folder in folders)

    def _delete(self, bucket: str, prefix: str) -> int:
        number = 0
        batch: list[Version] = []
        for version in self._versions(bucket, prefix):
            batch.append(version)
            if len(batch) == _AT_ONCE:
                number += self._delete_all(bucket, batch)
                batch = []
        return number + self._delete_all(bucket, batch)

    def _delete_all(self, bucket: str, versions: list[Version]) -> int:
        """Raises OSError with the first key that S3 kept, and why."""
        if not versions:
            return 0
        objects: list[ObjectIdentifierTypeDef] = [{"Key": each.key, "VersionId": each.version_id} for each in versions]
        response = self._s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        if kept := response.get("Errors"):
            raise OSError(f"S3 kept {kept[0].get('Key')}: {kept[0].get('Code')}")
        return len(versions)

    def _versions(self, bucket: str, prefix: str) -> Iterator[Version]:
        """Every version, and every mark that one was deleted."""
        pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            for found in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                yield Version(found["Key"], found["VersionId"])
