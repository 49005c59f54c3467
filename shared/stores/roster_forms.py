"""The form by which a browser puts a roster straight into the roster bucket, to be looked at before it does anything (B1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LARGEST = 2 << 30
"""Bytes of a roster that a browser sends."""
_SIGNED_FOR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class UploadForm:
    """Where a form is posted, and the fields that go before its file."""

    address: str
    fields: Mapping[str, str]

    @property
    def origin(self) -> str:
        """Where it is posted, without the path, for the page's content policy."""
        found = urlsplit(self.address)
        return f"{found.scheme}://{found.netloc}"


class RosterForms:
    """Signs forms; makes no call."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def of(self, district_id: str, name: str, back_to: str) -> UploadForm:
        """The form of a preview of this name. After the upload S3 sends the browser ``back_to`` a page of ours."""
        made = self._s3.generate_presigned_post(
            self._bucket,
            preview_key(district_id, name),
            Fields={"success_action_redirect": back_to},
            Conditions=[{"success_action_redirect": back_to}, ["content-length-range", 1, LARGEST]],
            ExpiresIn=int(_SIGNED_FOR.total_seconds()),
        )
        return UploadForm(made["url"], made["fields"])


def preview_key(district_id: str, name: str) -> str:
    return f"previews/{district_id}/{name}.zip"
