"""Parts of an uploaded object: from a byte, up to a byte, and no byte more."""

from __future__ import annotations

from typing import cast

import pytest
from mypy_boto3_s3 import S3Client

from shared.stores.uploads import Uploads
from tests.fakes.aws import MemoryS3

BODY = b"0123456789"


@pytest.fixture
def uploads() -> Uploads:
    s3 = MemoryS3()
    s3.objects["rosters", "r.csv"] = BODY
    return Uploads(cast(S3Client, s3), "rosters")


@pytest.mark.parametrize(("start", "end"), [(0, None), (4, None), (0, 1), (0, 4), (4, 7), (4, 10), (9, 10)])
def test_a_part_ends_before_the_byte_that_it_names(uploads: Uploads, start: int, end: int | None) -> None:
    assert uploads.open("r.csv", start=start, end=end).read() == BODY[start:end]
