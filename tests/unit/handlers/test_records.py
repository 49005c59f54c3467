"""What functions read of AWS' events, and which records come again."""

from __future__ import annotations

from aws_lambda_powertools.utilities.data_classes import S3Event

from shared.runtime.events import Record, failed_ones, s3_objects
from tests.deployment import event


def test_a_record_that_fails_comes_again_and_the_others_do_not() -> None:
    def handle(record: Record) -> None:
        if record["body"] == "bad":
            raise KeyError("ada@lakeside.example")

    records = [{"messageId": str(n), "body": "bad" if n % 2 else "good"} for n in range(4)]
    assert failed_ones(records, handle) == {"batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "3"}]}


def test_a_record_of_a_stream_comes_again_by_its_place_there() -> None:
    (record,) = event("stream-outbox")["Records"]
    number = record["dynamodb"]["SequenceNumber"]
    assert failed_ones([record], lambda record: record["nothing"]) == {
        "batchItemFailures": [{"itemIdentifier": number}]
    }


def test_an_object_is_told_of_as_powertools_tells() -> None:
    for name in ("s3-roster", "s3-accounts", "s3-district"):
        (found,), (record,) = s3_objects(event(name)), S3Event(event(name)).records
        told = record.s3.get_object
        assert found[:3] == (told.key, told.etag, told.size)
        assert found[3:] == (told.get("sequencer", ""), told.version_id, record.event_time)
