"""What AWS hands to a function, as far as functions read it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

type Record = Mapping[str, Any]


def body_of(record: Record) -> dict[str, Any]:
    """What a message of SQS says."""
    body: dict[str, Any] = json.loads(record["body"])
    return body


def failed_ones(records: list[Record], handle: Callable[[Record], object]) -> dict[str, Any]:
    """Handle each record of a batch, and return those that have to come again: whatever one raises, the others do not matter."""
    failed = []
    for record in records:
        try:
            handle(record)
        except Exception:  # noqa: BLE001 - it comes again, and ends in the dead-letter queue
            failed.append(record)
    return again(failed)


def again(records: list[Record]) -> dict[str, Any]:
    """The answer that has these records of SQS or of a stream come again."""
    return {"batchItemFailures": [{"itemIdentifier": _id_of(record)} for record in records]}


def _id_of(record: Record) -> str:
    return str(record["messageId"] if "messageId" in record else record["dynamodb"]["SequenceNumber"])


class S3Object(NamedTuple):
    """An object of which S3 tells. ``key`` is as in the event: spaces are ``+``."""

    key: str
    etag: str
    size: int
    sequencer: str
    version_id: str | None
    event_time: str


def s3_objects(event: Mapping[str, Any]) -> Iterator[S3Object]:
    """The objects of an event of S3."""
    for record in event["Records"]:
        found = record["s3"]["object"]
        yield S3Object(
            found["key"],
            found.get("eTag") or "",
            int(found.get("size", 0)),
            str(found.get("sequencer", "")),
            found.get("versionId"),
            record["eventTime"],
        )
