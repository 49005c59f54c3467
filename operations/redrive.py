"""Sends what lies in the dead-letter queues, and imports that broke off, on their way again.

Handling any of it twice, at any age, does no harm.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from operations.stack import Deployed, deployed

OUTBOX_KEPT = 30 * 86_400
"""How long after a fact its event lies in the table, in seconds (shared.stores.outbox)."""
_AROUND = 3_600


class Redrive:
    """Requests for mails and exports go back into their queue, and so do events of links; other events are handed to the
    function that they were meant for.
    """

    def __init__(self, stack: Deployed) -> None:
        self._outputs = stack.outputs
        self._sqs = stack.client("sqs")
        self._lambda = stack.client("lambda")
        self._dynamodb = stack.client("dynamodb")
        self._states = stack.client("stepfunctions")

    def run(self) -> Counter[str]:
        """Answers how many messages were sent on, by what they were, and under ``failed`` how many are still there."""
        done: Counter[str] = Counter()
        for queue, what in (("Activation", "mail requests"), ("Export", "exports"), ("LinkNotice", "notices of links")):
            dead_letters = self._outputs[f"{queue}DeadLetterQueueUrl"]
            for message in self._messages(dead_letters):
                self._sqs.send_message(QueueUrl=self._outputs[f"{queue}QueueUrl"], MessageBody=message["Body"])
                self._delete(dead_letters, message)
                done[what] += 1
        for message in self._messages(self._outputs["FailedEventsQueueUrl"]):
            what = self._hand_on(message)
            if what:
                self._delete(self._outputs["FailedEventsQueueUrl"], message)
            done[what or "failed"] += 1
        done += self._imports()
        return done

    def _imports(self) -> Counter[str]:
        """Imports that broke off are begun again: each of their steps may run again, and a newer upload goes before."""
        arn = self._outputs["ImportStateMachineArn"]
        known: set[str] = set()
        broken: dict[str, str] = {}
        for status in ("RUNNING", "SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT"):
            pages = self._states.get_paginator("list_executions").paginate(stateMachineArn=arn, statusFilter=status)
            for execution in (one for page in pages for one in page["executions"]):
                known.add(execution["name"])
                if status not in ("RUNNING", "SUCCEEDED"):
                    broken[execution["name"]] = execution["executionArn"]
        done: Counter[str] = Counter()
        for name, execution_arn in broken.items():
            again = _next_name(name)
            body = self._states.describe_execution(executionArn=execution_arn)["input"]
            if again not in known and self._has_not_ended(json.loads(body)["import"]):
                self._states.start_execution(stateMachineArn=arn, name=again, input=body)
                done["imports"] += 1
        return done

    def _has_not_ended(self, one: dict[str, Any]) -> bool:
        key = {"PK": {"S": f"DISTRICT#{one['district_id']}"}, "SK": {"S": f"IMPORT#{one['import_id']}"}}
        item = self._dynamodb.get_item(TableName=self._outputs["TableName"], Key=key, ConsistentRead=True).get("Item")
        return item is None or item["status"]["S"] == "failed"

    def _messages(self, queue_url: str) -> Iterator[dict[str, Any]]:
        """Every message once; those that are not deleted come back into sight after two minutes."""
        seen: set[str] = set()
        while True:
            found = self._sqs.receive_message(
                QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=120, WaitTimeSeconds=1,
                MessageAttributeNames=["All"],
            ).get("Messages", [])  # fmt: skip
            fresh = [message for message in found if message["MessageId"] not in seen]
            if not fresh:
                return
            seen |= {message["MessageId"] for message in fresh}
            yield from fresh

    def _delete(self, queue_url: str, message: dict[str, Any]) -> None:
        self._sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])

    def _hand_on(self, message: dict[str, Any]) -> str | None:
        """What the message was; None when it is none of ours, or its function failed again."""
        try:
            event = json.loads(message["Body"])
        except ValueError:
            return None
        if batch := event.get("DDBStreamBatchInfo"):
            return "events for the platform" if all(map(self._publish, self._outbox(batch))) else None
        if event.get("detail-type") in ("AccountLinked", "LinkUndone"):
            self._sqs.send_message(QueueUrl=self._outputs["LinkNoticeQueueUrl"], MessageBody=message["Body"])
            return "notices of links"
        function = self._function_of(event, message.get("MessageAttributes", {}))
        if function and self._invoke(function, event):
            return f"events of {function.removesuffix('FunctionName')}"
        return None

    def _function_of(self, event: dict[str, Any], attributes: dict[str, Any]) -> str | None:
        """The output that names the function which an event was meant for."""
        target = attributes.get("TARGET_ARN", {}).get("StringValue", "")
        for output, name in self._outputs.items():
            if output.endswith("FunctionName") and target.endswith(f":{name}"):
                return output
        if records := event.get("Records"):
            key = records[0].get("s3", {}).get("object", {}).get("key", "")
            return (
                "AccountsFeedFunctionName"
                if key.startswith("accounts/")
                else "RosterImportFunctionName"
                if key
                else None
            )
        if event.get("source") == "aws.ses":
            return "MailFeedbackFunctionName"
        if event.get("detail-type") == "ImportHeld":
            return "HeldImportMailFunctionName"
        for schedule in event.get("resources", []):
            if schedule.endswith("-nudges"):
                return "CleanupNudgesFunctionName"
            if schedule.endswith("-digests"):
                return "CleanupDigestFunctionName"
            if schedule.endswith("-activations"):
                return "ActivationScheduleFunctionName"
        return None

    def _invoke(self, function: str, event: dict[str, Any]) -> bool:
        answer = self._lambda.invoke(FunctionName=self._outputs[function], Payload=json.dumps(event).encode())
        return "FunctionError" not in answer

    def _outbox(self, batch: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The outbox items of a batch that the stream gave up: it tells only when they came, and keeps them for a day."""
        first, last = (_epoch(batch[f"approximateArrivalOf{which}Record"]) for which in ("First", "Last"))
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._outputs["TableName"],
            FilterExpression="begins_with(PK, :outbox) AND #ttl BETWEEN :first AND :last",
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues={
                ":outbox": {"S": "OUTBOX#"},
                ":first": TypeSerializer().serialize(int(first) + OUTBOX_KEPT - _AROUND),
                ":last": TypeSerializer().serialize(int(last) + OUTBOX_KEPT + _AROUND),
            },
        )
        for page in pages:
            yield from page["Items"]

    def _publish(self, item: dict[str, Any]) -> bool:
        keys = {"PK": item["PK"], "SK": item["SK"]}
        record = {
            "eventID": item["PK"]["S"],
            "eventName": "INSERT",
            "eventSource": "aws:dynamodb",
            "dynamodb": {"Keys": keys, "NewImage": item, "SequenceNumber": "1"},
        }
        return self._invoke("EventPublisherFunctionName", {"Records": [record]})


def _next_name(name: str) -> str:
    """An execution's name for another try: ``x``, ``x-again1``, ``x-again2``."""
    first, _, number = name.partition("-again")
    return f"{first}-again{int(number or 0) + 1}"


def _epoch(moment: str) -> float:
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()


def main() -> int:
    done = Redrive(deployed()).run()
    for what, number in sorted(done.items()):
        sys.stdout.write(f"{number:>6}  {what}\n")
    if not done:
        sys.stdout.write("Nothing lies in the dead-letter queues.\n")
    return 1 if done["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
