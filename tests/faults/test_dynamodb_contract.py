"""The laboratory's DynamoDB gives the answers that moto's gives, for any sequence of writes the stores could make."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from tests.faults.dynamodb import MemoryTable

KEYS = st.builds(lambda pk, sk: {"PK": pk, "SK": sk}, st.sampled_from("AB"), st.sampled_from(["X", "XY", "Z"]))
NUMBERS = st.integers(0, 3)
CONDITIONS = st.sampled_from(
    [
        None,
        "attribute_not_exists(PK)",
        "attribute_exists(PK)",
        "version = :one",
        "attribute_not_exists(#s) OR #s = :text",
        "attribute_exists(PK) AND NOT version > :one",
        "#s IN (:text, :other)",
        "version BETWEEN :zero AND :one",
        "begins_with(#s, :t)",
        "(version = :zero OR version = :one) AND attribute_not_exists(gone)",
    ]
)
UPDATES = st.sampled_from(
    [
        "SET version = if_not_exists(version, :zero) + :one",
        "SET #s = :text, extra = :other REMOVE gone",
        "REMOVE #s",
        "ADD version :one",
        "ADD tags :tags",
        "DELETE tags :tags",
        "SET gone = :one",
        "SET nested = if_not_exists(nested, :map)",
    ]
)
VALUES = {
    ":one": 1,
    ":zero": 0,
    ":text": "text",
    ":other": "other",
    ":t": "te",
    ":tags": {"a", "b"},
    ":map": {"a": [1, "x"]},
}
WRITES = st.one_of(
    st.tuples(
        st.just("Put"),
        KEYS,
        CONDITIONS,
        st.fixed_dictionaries({"version": NUMBERS, "state": st.sampled_from(["text", "else"])}),
    ),
    st.tuples(st.just("Update"), KEYS, CONDITIONS, UPDATES),
    st.tuples(st.just("Delete"), KEYS, CONDITIONS, st.none()),
)


def _request(write: tuple[str, dict[str, str], str | None, Any]) -> tuple[str, dict[str, Any]]:
    kind, key, rule, body = write
    request: dict[str, Any] = {"Item": {**key, **body}} if kind == "Put" else {"Key": key}
    texts = " ".join(filter(None, [rule, body if kind == "Update" else None]))
    if kind == "Update":
        request["UpdateExpression"] = body
    if rule:
        request["ConditionExpression"] = rule
    words = set(texts.replace("(", " ").replace(")", " ").replace(",", " ").split())
    if values := {name: VALUES[name] for name in VALUES if name in words}:
        request["ExpressionAttributeValues"] = values
    if "#s" in words:
        request["ExpressionAttributeNames"] = {"#s": "state"}
    return kind, request


def _outcome(call: Any, **request: Any) -> str:
    try:
        call(**request)
    except ClientError as refused:
        return str(refused.response["Error"]["Code"])
    return "done"


@pytest.fixture(scope="module")
def moto_table() -> Any:
    with mock_aws():
        resource = boto3.resource("dynamodb", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        yield resource.create_table(
            TableName="table",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("PK", "SK")],
        )


def _empty(table: Any) -> None:
    for item in table.scan()["Items"]:
        table.delete_item(Key={"PK": item["PK"], "SK": item["SK"]})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    writes=st.lists(WRITES, max_size=8),
    together=st.lists(WRITES, min_size=1, max_size=3, unique_by=lambda w: tuple(w[1].values())),
)
def test_the_same_writes_have_the_same_outcomes_and_leave_the_same_items(
    moto_table: Any, writes: Any, together: Any
) -> None:
    _empty(moto_table)
    memory = MemoryTable("table")
    for write in writes:
        kind, request = _request(write)
        name = f"{kind.lower()}_item"
        assert _outcome(getattr(memory, name), **request) == _outcome(getattr(moto_table, name), **request)
    transaction = [{kind: {"TableName": "table", **request}} for kind, request in map(_request, together)]
    outcomes = {_outcome(t.meta.client.transact_write_items, TransactItems=transaction) for t in (memory, moto_table)}
    assert len(outcomes) == 1
    assert sorted(memory.items) == sorted((i["PK"], i["SK"]) for i in moto_table.scan()["Items"])
    for item in moto_table.scan()["Items"]:
        assert memory.items[item["PK"], item["SK"]] == item


def test_a_transaction_with_the_same_token_is_applied_once_within_ten_minutes() -> None:
    now = 0.0
    table = MemoryTable("table", now=lambda: now)
    add = {
        "TableName": "table",
        "Key": {"PK": "A", "SK": "X"},
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": 1},
    }
    for _ in range(3):
        table.meta.client.transact_write_items(TransactItems=[{"Update": add}], ClientRequestToken="token")
    assert table.items["A", "X"]["n"] == 1
    now = 601.0
    table.meta.client.transact_write_items(TransactItems=[{"Update": add}], ClientRequestToken="token")
    assert table.items["A", "X"]["n"] == 2
