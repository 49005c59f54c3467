"""The other services in memory refuse what AWS refuses (docs/aws-behaviour.md)."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.event_publisher.publish_events import PublishEvents
from tests.account import STACK_ARN
from tests.fakes.aws import MESSAGE_LIMIT, MemoryEvents, MemoryQueue, MemoryStates
from tests.fakes.dynamodb import Effect
from tests.state_machine import STATE_LIMIT


def refused(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as found:
        call(**request)
    return str(found.value.response["Error"]["Code"]).rpartition(".")[2]


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([], "EmptyBatchRequest"),
        ([(str(n), "x") for n in range(11)], "TooManyEntriesInBatchRequest"),
        ([("1", "x"), ("1", "y")], "BatchEntryIdsNotDistinct"),
        ([("1", "x" * MESSAGE_LIMIT), ("2", "y")], "InvalidParameterValue"),
    ],
    ids=["none", "eleven", "an id twice", "256 KB"],
)
def test_a_batch_of_messages_is_bounded(messages: list[tuple[str, str]], code: str) -> None:
    entries = [{"Id": name, "MessageBody": body} for name, body in messages]
    queue = MemoryQueue()
    assert refused(queue.send_message_batch, QueueUrl="queue", Entries=entries) == code
    assert queue.messages == []


def test_events_are_bounded_and_one_that_is_not_taken_is_told() -> None:
    entry = {"Source": "account-linking", "DetailType": "AccountLinked", "Detail": "{}"}
    bus = MemoryEvents()
    assert refused(bus.put_events, Entries=[entry] * 11) == "ValidationException"
    assert refused(bus.put_events, Entries=[{**entry, "Detail": "x" * MESSAGE_LIMIT}]) == "ValidationException"

    def gate(_service: str, _operation: str, _request: dict[str, Any], _effect: Effect) -> dict[str, Any]:
        return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]}

    item = {"PK": "OUTBOX#1", "detail_type": "AccountLinked", "detail": "{}"}
    with pytest.raises(OSError, match="did not take"):
        PublishEvents(MemoryEvents(gate=gate), "default", STACK_ARN).publish(item)


def test_an_execution_has_a_name_that_is_free_and_an_input_that_fits() -> None:
    now = 0.0
    states = MemoryStates(now=lambda: now)
    states.start_execution(stateMachineArn="arn", name="one", input="{}")
    assert refused(states.start_execution, stateMachineArn="arn", name="one", input="{}") == "ExecutionAlreadyExists"
    assert refused(states.start_execution, stateMachineArn="arn", name="o.ne", input="{}") == "InvalidName"
    assert (
        refused(states.start_execution, stateMachineArn="arn", name="two", input="x" * (STATE_LIMIT + 1))
        == "InvalidExecutionInput"
    )
    now = 91 * 86_400.0
    states.start_execution(stateMachineArn="arn", name="one", input="{}")
