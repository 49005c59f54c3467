"""Send what lies in the dead-letter queues, and imports, feeds and fetches that broke off, on their way again.

Handling any of it twice, at any age, does no harm.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from operations.stack import Stack
from shared.domain.report import Status
from shared.stores import keys, outbox
from shared.stores.reports import upload_of

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageAttributeValueOutputTypeDef, MessageTypeDef
    from mypy_boto3_stepfunctions.literals import ExecutionStatusType

POLL_SECONDS = 1
"""How long to wait for a message: without a wait, SQS may ask servers that hold none."""
_OUTBOX_SECONDS = outbox.KEPT_DAYS * 86_400
_QUEUES = {
    "Activation": "mail requests",
    "Export": "exports",
    "LinkNotice": "notices of links",
    "MailEvent": "events of mails",
}
"""What the dead letters of each queue are called."""
_AROUND = 3_600
"""Seconds before and after the batch in which its events are looked for: clocks differ."""
_FUNCTIONS_OF_SCHEDULES = {
    "-nudges": "CleanupNudgesFunctionName",
    "-digests": "CleanupDigestFunctionName",
    "-pauses": "ImportPausesFunctionName",
    "-activations": "ActivationScheduleFunctionName",
    "-fetches": "RosterFetchFunctionName",
    "-receipts": "ReceiptCheckFunctionName",
}
"""The output that names a schedule's function, by the end of the schedule's name."""


class Redrive:
    """Requests for mails and exports go back into their queue, and so do events of links; other events are handed to the
    function that they were meant for.
    """

    def __init__(self, stack: Stack) -> None:
        self._outputs = stack.outputs
        self._sqs = stack.sqs()
        self._functions = stack.functions()
        self._dynamodb = stack.dynamodb()
        self._table = stack.table()
        self._step_functions = stack.step_functions()

    def run(self) -> Counter[str]:
        """Return how many messages were sent on, by their kind, and under ``failed`` how many are still there."""
        done: Counter[str] = Counter()
        for queue, kind in _QUEUES.items():
            dead_letters = self._outputs[f"{queue}DeadLetterQueueUrl"]
            for message in self._messages(dead_letters):
                self._sqs.send_message(QueueUrl=self._outputs[f"{queue}QueueUrl"], MessageBody=message["Body"])
                self._delete(dead_letters, message)
                done[kind] += 1
        for message in self._messages(self._outputs["FailedEventsQueueUrl"]):
            handled = self._hand_on(message)
            if handled:
                self._delete(self._outputs["FailedEventsQueueUrl"], message)
            done[handled or "failed"] += 1
        done["imports"] += self._restart("ImportStateMachineArn", self._import_has_not_ended)
        done["feeds of accounts"] += self._restart("AccountsFeedStateMachineArn", self._feed_has_not_ended)
        done["fetches of rosters"] += self._restart("RosterFetchStateMachineArn", self._fetch_has_not_ended)
        return +done

    def _restart(self, machine: str, has_not_ended: Callable[[dict[str, Any]], bool]) -> int:
        """Start executions that broke off again: each of their steps may run again, and a newer upload takes precedence.

        ``has_not_ended`` is asked of an execution's input. Return how many were started.
        """
        arn = self._outputs[machine]
        known: set[str] = set()
        broken: dict[str, str] = {}
        paginator = self._step_functions.get_paginator("list_executions")
        statuses: tuple[ExecutionStatusType, ...] = ("RUNNING", "SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT")
        for status in statuses:
            pages = paginator.paginate(stateMachineArn=arn, statusFilter=status)
            for execution in (execution for page in pages for execution in page["executions"]):
                known.add(execution["name"])
                if status not in ("RUNNING", "SUCCEEDED"):
                    broken[execution["name"]] = execution["executionArn"]
        started = 0
        for name, execution_arn in broken.items():
            next_name = _next_name(name)
            execution_input = self._step_functions.describe_execution(executionArn=execution_arn)["input"]
            if next_name not in known and has_not_ended(json.loads(execution_input)):
                self._step_functions.start_execution(stateMachineArn=arn, name=next_name, input=execution_input)
                started += 1
        return started

    def _feed_has_not_ended(self, execution: dict[str, Any]) -> bool:
        """Whether neither this file was loaded nor a later one of its name."""
        loaded = self._table.get_item(Key=keys.feed_key(execution["feed"]["name"]), ConsistentRead=True).get("Item")
        return loaded is None or upload_of(execution["feed"]).is_newer_than(upload_of(loaded))

    def _fetch_has_not_ended(self, execution: dict[str, Any]) -> bool:
        """Whether this is the district's last fetch, and it was not good."""
        fetch = execution["fetch"]
        state = self._table.get_item(Key=keys.source_key(fetch["district_id"]), ConsistentRead=True).get("Item") or {}
        return state.get("run_id") == fetch["run_id"] and state.get("status") in ("fetching", "failed")

    def _import_has_not_ended(self, execution: dict[str, Any]) -> bool:
        ids = execution["import"]
        key = keys.import_key(ids["district_id"], ids["import_id"])
        record = self._table.get_item(Key=key, ConsistentRead=True).get("Item")
        return record is None or record["status"] == Status.FAILED

    def _messages(self, queue_url: str) -> Iterator[MessageTypeDef]:
        """Every message once; those that are not deleted come back into sight after two minutes."""
        seen: set[str] = set()
        while True:
            found = self._sqs.receive_message(
                QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=120, WaitTimeSeconds=POLL_SECONDS,
                MessageAttributeNames=["All"],
            ).get("Messages", [])  # fmt: skip
            fresh = [message for message in found if message["MessageId"] not in seen]
            if not fresh:
                return
            seen |= {message["MessageId"] for message in fresh}
            yield from fresh

    def _delete(self, queue_url: str, message: MessageTypeDef) -> None:
        self._sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])

    def _hand_on(self, message: MessageTypeDef) -> str | None:
        """Return the kind of the message; None when it is none of ours, or its function failed again."""
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

    def _function_of(
        self, event: dict[str, Any], attributes: Mapping[str, MessageAttributeValueOutputTypeDef]
    ) -> str | None:
        """The output that names the function which an event was meant for."""
        target = attributes["TARGET_ARN"].get("StringValue", "") if "TARGET_ARN" in attributes else ""
        for output, name in self._outputs.items():
            if output.endswith("FunctionName") and target.endswith(f":{name}"):
                return output
        if records := event.get("Records"):
            return _function_of_upload(records[0].get("s3", {}).get("object", {}).get("key", ""))
        if event.get("source") == "aws.ses":
            return "MailFeedbackFunctionName"
        if event.get("detail-type") == "ImportHeld":
            return "HeldImportMailFunctionName"
        schedules = event.get("resources", [])
        return next(
            (function for end, function in _FUNCTIONS_OF_SCHEDULES.items() for name in schedules if name.endswith(end)),
            None,
        )

    def _invoke(self, function: str, event: dict[str, Any]) -> bool:
        response = self._functions.invoke(FunctionName=self._outputs[function], Payload=json.dumps(event).encode())
        return "FunctionError" not in response

    def _outbox(self, batch: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The outbox items of a batch that the stream gave up. The message says only when they came; the stream itself keeps
        them for a day."""
        first, last = (_epoch(batch[f"approximateArrivalOf{which}Record"]) for which in ("First", "Last"))
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._outputs["TableName"],
            FilterExpression="begins_with(PK, :outbox) AND #ttl BETWEEN :first AND :last",
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues={
                ":outbox": {"S": keys.EVENTS},
                ":first": {"N": str(int(first) + _OUTBOX_SECONDS - _AROUND)},
                ":last": {"N": str(int(last) + _OUTBOX_SECONDS + _AROUND)},
            },
        )
        for page in pages:
            yield from page["Items"]

    def _publish(self, item: dict[str, Any]) -> bool:
        item_key = {"PK": item["PK"], "SK": item["SK"]}
        record = {
            "eventID": item["PK"]["S"],
            "eventName": "INSERT",
            "eventSource": "aws:dynamodb",
            "dynamodb": {"Keys": item_key, "NewImage": item, "SequenceNumber": "1"},
        }
        return self._invoke("EventPublisherFunctionName", {"Records": [record]})


def _function_of_upload(key: str) -> str | None:
    if not key:
        return None
    folders = {"accounts": "AccountsFeedFunctionName", "skills": "AccountsFeedFunctionName"}
    folders |= dict.fromkeys(("sources", "fetches", "deliveries"), "RosterFetchFunctionName")
    return folders.get(key.partition("/")[0], "RosterImportFunctionName")


def _next_name(name: str) -> str:
    """An execution's name for another try: ``x``, ``x-again1``, ``x-again2``."""
    import_id, _, tries = name.partition("-again")
    return f"{import_id}-again{int(tries or 0) + 1}"


def _epoch(moment: str) -> float:
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()


def run(stack: Stack, _: Namespace) -> int:
    """Print how many were sent on; return 1 when any could not be."""
    done = Redrive(stack).run()
    for kind, number in sorted(done.items()):
        sys.stdout.write(f"{number:>6}  {kind}\n")
    if not done:
        sys.stdout.write("Nothing lies in the dead-letter queues.\n")
    return 1 if done["failed"] else 0
