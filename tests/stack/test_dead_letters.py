"""What lies in the dead-letter queues for two weeks can be sent on its way again: nothing happens twice."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.demo_steps import Journey, until
from local.proxy import sent_mail
from local.sample_district import DISTRICT_ID
from local.stack import LocalStack
from operations.redrive import Redrive
from operations.stack import local_stack

TWO_WEEKS_AGO = datetime.now(UTC) - timedelta(days=14)


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.fixture
def redrive(stack: LocalStack, journey: Journey) -> Redrive:
    return Redrive(local_stack(stack.description()))


class Letters:
    """The dead-letter queues, and all that an old letter could change."""

    def __init__(self, stack: LocalStack) -> None:
        self._stack = stack
        self._sqs = stack.client("sqs")
        self._table = stack.resource("dynamodb").Table(stack.outputs["TableName"])

    def put(self, output: str, body: dict[str, Any]) -> None:
        self._sqs.send_message(QueueUrl=self._stack.outputs[output], MessageBody=json.dumps(body))

    def waiting(self, output: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._sqs.get_queue_attributes(QueueUrl=self._stack.outputs[output], AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def items(self, prefix: str = "") -> dict[tuple[str, str], Any]:
        """Everything in the table but limit counters, and nudges, which the schedule sends when they are due."""
        found: dict[tuple[str, str], Any] = {}
        request: dict[str, Any] = {}
        while True:
            page = self._table.scan(**request)
            found |= {
                (i["PK"], i["SK"]): {name: value for name, value in i.items() if not name.startswith("nudge")}
                for i in page["Items"]
                if not i["PK"].startswith(("LIMIT#", "DUE#nudge#"))
            }
            if "LastEvaluatedKey" not in page:
                return {key: item for key, item in found.items() if key[0].startswith(prefix)}
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def mails(self) -> Counter[tuple[str, str]]:
        """How often which mail went to whom."""
        return Counter((mail["to"], mail["subject"]) for mail in sent_mail(self._stack.endpoint_url))


@pytest.fixture
def letters(stack: LocalStack, journey: Journey) -> Letters:
    return Letters(stack)


def of_s3(key: str, etag: str) -> dict[str, Any]:
    """S3's notification of two weeks ago."""
    return {
        "Records": [
            {
                "eventSource": "aws:s3",
                "eventName": "ObjectCreated:Put",
                "eventTime": iso(TWO_WEEKS_AGO),
                "s3": {
                    "bucket": {"name": "rosters"},
                    "object": {"key": key, "size": 1, "eTag": etag, "sequencer": "0A"},
                },
            }
        ]
    }


@pytest.mark.slow
def test_letters_of_two_weeks_ago_change_nothing_that_was_done(
    stack: LocalStack, letters: Letters, redrive: Redrive
) -> None:
    """Given a district that was imported, mailed and told of; when each kind of event comes back after 14 days, then
    nothing is done twice."""
    before, mails = letters.items(), letters.mails()
    s3 = stack.client("s3")
    bucket = stack.outputs["RosterBucketName"]
    etags = {
        key: s3.head_object(Bucket=bucket, Key=key)["ETag"].strip('"')
        for key in (
            f"rosters/{DISTRICT_ID}/monday.zip",
            "accounts/existing.jsonl",
            f"districts/{DISTRICT_ID}/district.json",
        )
    }
    of_district = f"USER#{DISTRICT_ID}#"
    activations = [item for (pk, sk), item in before.items() if sk == "ACTIVATION" and pk.startswith(of_district)]
    for activation in activations:
        sourced_id = activation["PK"].split("#", 2)[2]
        body = {"activation_id": activation["activation_id"], "district_id": DISTRICT_ID, "sourced_id": sourced_id}
        letters.put("ActivationDeadLetterQueueUrl", body)
    for key, etag in etags.items():
        letters.put("FailedEventsQueueUrl", of_s3(key, etag))
    sent = {
        "eventType": "Send",
        "mail": {
            "messageId": "m",
            "timestamp": iso(TWO_WEEKS_AGO),
            "tags": {
                "activation_id": [activations[0]["activation_id"]],
                "ses:configuration-set": ["account-linking-mail"],
            },
        },
    }
    letters.put("FailedEventsQueueUrl", {"source": "aws.ses", "detail-type": "Email Sent", "detail": sent})
    for schedule in ("nudges", "activations", "digests"):
        arn = f"arn:aws:scheduler:us-east-1:000000000000:schedule/default/account-linking-{schedule}"
        letters.put(
            "FailedEventsQueueUrl", {"source": "aws.scheduler", "detail-type": "Scheduled Event", "resources": [arn]}
        )
    someone = activations[0]["PK"].split("#", 2)[2]
    link = {"event_id": "e" * 32, "district_id": DISTRICT_ID, "sourced_id": someone, "account_id": "nobody"}
    told = {
        "source": "account-linking",
        "detail-type": "AccountLinked",
        "detail": {**link, "occurred_at": iso(TWO_WEEKS_AGO)},
    }
    letters.put("LinkNoticeDeadLetterQueueUrl", told)
    letters.put("FailedEventsQueueUrl", told)
    ended = next(
        sk.removeprefix("IMPORT#") for pk, sk in before if pk == f"DISTRICT#{DISTRICT_ID}" and sk[:7] == "IMPORT#"
    )
    held = {"event_id": "f" * 32, "district_id": DISTRICT_ID, "import_id": ended, "occurred_at": iso(TWO_WEEKS_AGO)}
    letters.put("FailedEventsQueueUrl", {"source": "account-linking", "detail-type": "ImportHeld", "detail": held})
    letters.put("ExportDeadLetterQueueUrl", {"account_id": "nobody", "export_id": "long-ago"})
    now = datetime.now(UTC)
    batch = {
        "approximateArrivalOfFirstRecord": iso(now - timedelta(hours=1)),
        "approximateArrivalOfLastRecord": iso(now),
    }
    letters.put("FailedEventsQueueUrl", {"DDBStreamBatchInfo": {"shardId": "shard", "batchSize": 1, **batch}})

    done = redrive.run()

    assert dict(done) == {
        "mail requests": len(activations), "events of RosterImport": 2, "events of AccountsFeed": 1, "events of MailFeedback": 1,
        "events of CleanupNudges": 1, "events of ActivationSchedule": 1, "events of CleanupDigest": 1,
        "events of HeldImportMail": 1, "notices of links": 2, "exports": 1, "events for the platform": 1,
    }  # fmt: skip
    queues = ("ActivationQueueUrl", "LinkNoticeQueueUrl", "ExportQueueUrl")
    until(lambda: not any(map(letters.waiting, queues)), seconds=60, name="empty queues")
    until(lambda: superseded(letters), seconds=60, name="the old notification's import")
    after = letters.items()
    changed = {key for key in {*before, *after} if before.get(key) != after.get(key)}
    of_the_old_import = {key for key in changed if key[1].startswith("IMPORT#") or key[0].startswith("OUTBOX#")}
    settings_read_again = {(f"DISTRICT#{DISTRICT_ID}", "SETTINGS"), (f"CLEVER_DISTRICT#{DISTRICT_ID}", "DISTRICT")}
    # A worker that is handed requests has slots for them before it looks at them; they pass unused.
    slots = {("SENDING", "PACE")}
    assert changed - of_the_old_import - settings_read_again - slots == set()
    assert max(letters.mails().values()) == 1, "somebody has the same mail twice"
    assert {one for one in letters.mails() if one[1].startswith("Confirm")} == {
        one for one in mails if one[1].startswith("Confirm")
    }
    for queue in (
        "ActivationDeadLetterQueueUrl",
        "LinkNoticeDeadLetterQueueUrl",
        "ExportDeadLetterQueueUrl",
        "FailedEventsQueueUrl",
    ):
        assert letters.waiting(queue) == 0


def superseded(letters: Letters) -> bool:
    """The notification of two weeks ago is of an upload that is older than what was applied since."""
    records = [item for (_, sk), item in letters.items(f"DISTRICT#{DISTRICT_ID}").items() if sk.startswith("IMPORT#")]
    return any(item["status"] == "superseded" for item in records)


def test_a_letter_that_is_none_of_ours_stays_and_is_counted(letters: Letters, redrive: Redrive) -> None:
    letters.put("FailedEventsQueueUrl", {"what": "is this"})
    assert dict(redrive.run()) == {"failed": 1}
    assert letters.waiting("FailedEventsQueueUrl") == 1
