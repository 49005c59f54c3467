"""The files of events/ look as AWS sends them: the fields of its documented examples, and ids in their form."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.account import ACCOUNT, REGION
from tests.deployment import EVENTS, event

NAMES = sorted(path.stem for path in EVENTS.glob("*.json"))
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SECOND = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
MILLISECOND = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

SES = {
    "Send": ("Email Sent", set()),
    "Delivery": (
        "Email Delivered",
        {"timestamp", "processingTimeMillis", "recipients", "smtpResponse", "reportingMTA"},
    ),
    "Bounce": ("Email Bounced", {"feedbackId", "bounceType", "bounceSubType", "bouncedRecipients", "timestamp"}),
    "Complaint": ("Email Complaint Received", {"feedbackId", "complainedRecipients", "timestamp"}),
    "Reject": ("Email Rejected", {"reason"}),
    "Open": ("Email Opened", {"timestamp", "userAgent", "ipAddress"}),
    "Click": ("Email Clicked", {"timestamp", "userAgent", "ipAddress", "link", "linkTags"}),
    "DeliveryDelay": ("Email Delivery Delayed", {"timestamp", "delayType", "expirationTime", "delayedRecipients"}),
}
"""By the kind of an event: what EventBridge calls it, and the fields of its own part."""


def test_every_kind_of_trigger_has_its_fixtures() -> None:
    kinds = {name.partition("-")[0] for name in NAMES}
    assert kinds == {"bus", "cognito", "http", "s3", "schedule", "ses", "sqs", "states", "stream"}


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("s3-")])
def test_an_object_that_was_put_is_told_as_s3_tells_it(name: str) -> None:
    (record,) = event(name)["Records"]
    assert set(record) == {
        "eventVersion", "eventSource", "awsRegion", "eventTime", "eventName", "userIdentity", "requestParameters",
        "responseElements", "s3",
    }  # fmt: skip
    assert (record["eventSource"], record["eventName"]) == ("aws:s3", "ObjectCreated:Put")
    assert MILLISECOND.fullmatch(record["eventTime"])
    bucket, stored = record["s3"]["bucket"], record["s3"]["object"]
    assert set(bucket) == {"name", "ownerIdentity", "arn"}
    assert bucket["arn"] == f"arn:aws:s3:::{bucket['name']}"
    assert set(stored) == {"key", "size", "eTag", "versionId", "sequencer"}
    assert re.fullmatch(r"[0-9a-f]{32}", stored["eTag"])
    assert re.fullmatch(r"[0-9A-F]{16,}", stored["sequencer"])
    assert " " not in stored["key"], "keys come encoded as in a form"


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("sqs-")])
def test_a_message_is_told_as_sqs_tells_it(name: str) -> None:
    for record in event(name)["Records"]:
        assert set(record) == {
            "messageId", "receiptHandle", "body", "attributes", "messageAttributes", "md5OfBody", "eventSource",
            "eventSourceARN", "awsRegion",
        }  # fmt: skip
        assert UUID.fullmatch(record["messageId"])
        assert record["md5OfBody"] == hashlib.md5(record["body"].encode()).hexdigest()
        assert record["eventSourceARN"].startswith(f"arn:aws:sqs:{REGION}:{ACCOUNT}:account-linking-")
        assert set(record["attributes"]) == {
            "ApproximateReceiveCount", "SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp",
        }  # fmt: skip
        assert all(isinstance(value, str) for value in record["attributes"].values())


def of_the_bus() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every event of EventBridge, the one inside a message among them."""
    yield from ((name, event(name)) for name in NAMES if name.startswith(("bus-", "schedule", "ses-")))
    yield "sqs-link-notice", json.loads(event("sqs-link-notice")["Records"][0]["body"])


@pytest.mark.parametrize(
    ("name", "found"), list(of_the_bus()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_an_event_of_the_bus_has_the_envelope_of_eventbridge(name: str, found: dict[str, Any]) -> None:
    assert list(found) == [
        "version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail",
    ]  # fmt: skip
    assert (found["version"], found["account"], found["region"]) == ("0", ACCOUNT, REGION)
    assert UUID.fullmatch(found["id"])
    assert SECOND.fullmatch(found["time"])
    assert all(arn.startswith("arn:aws:") for arn in found["resources"])


def test_a_schedule_sends_an_empty_detail_as_text() -> None:
    found = event("schedule")
    assert (found["source"], found["detail-type"], found["detail"]) == ("aws.scheduler", "Scheduled Event", "{}")
    assert found["resources"][0].startswith(f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/")


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("ses-")])
def test_what_became_of_a_mail_is_told_as_ses_tells_it(name: str) -> None:
    found = event(name)
    kind = found["detail"]["eventType"]
    detail_type, fields = SES[kind]
    assert (found["source"], found["detail-type"]) == ("aws.ses", detail_type)
    assert set(found["detail"]) == {"eventType", "mail", kind[0].lower() + kind[1:]}
    assert set(found["detail"][kind[0].lower() + kind[1:]]) >= fields
    mail = found["detail"]["mail"]
    assert set(mail) == {
        "timestamp", "source", "sourceArn", "sendingAccountId", "messageId", "destination", "headersTruncated", "headers",
        "commonHeaders", "tags",
    }  # fmt: skip
    assert mail["tags"]["ses:configuration-set"] == ["account-linking-mail"]
    assert all(isinstance(values, list) for values in mail["tags"].values())


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("http-")])
def test_a_request_is_told_as_the_http_api_tells_it(name: str) -> None:
    found = event(name)
    context = found["requestContext"]
    assert (found["version"], found["routeKey"], context["routeKey"]) == ("2.0", "$default", "$default")
    assert set(found) - {"cookies", "body"} == {
        "version", "routeKey", "rawPath", "rawQueryString", "headers", "requestContext", "isBase64Encoded",
    }  # fmt: skip
    assert set(context) == {
        "accountId", "apiId", "domainName", "domainPrefix", "http", "requestId", "routeKey", "stage", "time", "timeEpoch",
    }  # fmt: skip
    assert context["http"]["path"] == found["rawPath"]
    assert [header for header in found["headers"] if header != header.lower()] == []
    assert "cookie" not in found["headers"], "cookies have a field of their own"
    if "body" in found:
        assert found["isBase64Encoded"]
        assert len(base64.b64decode(found["body"])) == int(found["headers"]["content-length"])


def test_a_new_item_of_the_outbox_is_told_as_the_stream_tells_it() -> None:
    (record,) = event("stream-outbox")["Records"]
    assert set(record) == {
        "eventID", "eventName", "eventVersion", "eventSource", "awsRegion", "dynamodb", "eventSourceARN",
    }  # fmt: skip
    assert set(record["dynamodb"]) == {
        "ApproximateCreationDateTime", "Keys", "NewImage", "SequenceNumber", "SizeBytes", "StreamViewType",
    }  # fmt: skip
    assert record["dynamodb"]["Keys"].items() <= record["dynamodb"]["NewImage"].items()
    assert record["dynamodb"]["SequenceNumber"].isdigit()


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("cognito-")])
def test_a_user_who_is_not_known_is_told_as_cognito_tells_it(name: str) -> None:
    found = event(name)
    assert list(found) == [
        "version", "region", "userPoolId", "userName", "callerContext", "triggerSource", "request", "response",
    ]  # fmt: skip
    assert re.fullmatch(rf"{REGION}_[0-9A-Za-z]+", found["userPoolId"])
    assert (found["request"]["password"] is None) is (found["triggerSource"] == "UserMigration_ForgotPassword")
