"""A call for which a person waits is given up before the page's function is: what is full says so itself, and soon."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from shared.runtime import aws
from shared.runtime.throttling import is_throttled

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def cached(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in (
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "b"),
    ):
        monkeypatch.setenv(name, value)
    made = (aws.client, aws.table, aws.session)
    for each in made:
        each.cache_clear()
    yield
    for each in made:
        each.cache_clear()


class Full:
    """AWS, which refuses every call. ``slept`` are seconds between tries."""

    def __init__(self, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tries = 0
        self.slept: list[float] = []
        self._body = json.dumps({"__type": code, "message": ""}).encode()
        monkeypatch.setattr("botocore.endpoint.time.sleep", self.slept.append)
        aws.session().register("before-send", self._refuse)

    def _refuse(self, **_request: object) -> AWSResponse:
        self.tries += 1
        answer = AWSResponse("https://aws.example", 400, {"Content-Type": "application/x-amz-json-1.0"}, None)
        answer._content = self._body  # as botocore has it after reading
        return answer


CALLS: dict[str, Callable[[int], object]] = {
    "table": lambda tries: aws.table("t", tries=tries).get_item(Key={"PK": "a", "SK": "b"}),
    "passwords": lambda tries: aws.client("cognito-idp", tries=tries).admin_get_user(UserPoolId="us_1", Username="a"),
    "queue": lambda tries: aws.client("sqs", tries=tries).send_message(
        QueueUrl="https://q.example/1/q", MessageBody="b"
    ),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_refused_call_is_given_up_soon_where_a_person_waits(
    call: Callable[[int], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Full("ThrottlingException", monkeypatch)
    with pytest.raises(ClientError) as refused:
        call(aws.FOR_A_PERSON)
    assert is_throttled(refused.value)
    assert (full.tries, full.slept) == (2, [aws.SOON])


def test_what_nobody_waits_for_is_tried_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    full = Full("ThrottlingException", monkeypatch)
    with pytest.raises(ClientError):
        CALLS["table"](aws.MOST_PATIENT)
    assert full.tries == aws.MOST_PATIENT


def test_what_is_wrong_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    full = Full("ValidationException", monkeypatch)
    with pytest.raises(ClientError):
        CALLS["table"](aws.FOR_A_PERSON)
    assert (full.tries, full.slept) == (1, [])


@pytest.mark.parametrize("function", ["pages", "user_migration"])
def test_where_people_wait_no_call_is_made_with_more_patience(function: str) -> None:
    sources = [path.read_text() for path in (ROOT / "functions" / function).rglob("*.py")]
    made = [call for source in sources for call in re.findall(r"aws\.(?:client|table)\(.*", source)]
    assert made
    assert [call for call in made if "tries=aws.FOR_A_PERSON" not in call] == []
