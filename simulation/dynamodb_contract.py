"""Rules that every DynamoDB must keep: the fake of the tests, moto's, and that of the local stack."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import strategies as st

from tests.fakes.dynamodb import MemoryTable

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


TRANSACTION_WRITES = st.lists(WRITES, min_size=1, max_size=3, unique_by=lambda w: tuple(w[1].values()))


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


def _empty(table: Any) -> None:
    if isinstance(table, MemoryTable):
        table.take_over(MemoryTable())
        return
    for item in table.scan()["Items"]:
        table.delete_item(Key={"PK": item["PK"], "SK": item["SK"]})


def answers_alike(table: Any, writes: Any, in_transaction: Any) -> None:
    """Check that the same single writes, then the same transaction, have the same outcomes and leave the same items."""
    _empty(table)
    memory = MemoryTable(table.name)
    for write in writes:
        kind, request = _request(write)
        name = f"{kind.lower()}_item"
        assert _outcome(getattr(memory, name), **request) == _outcome(getattr(table, name), **request)
    transaction = [{kind: {"TableName": table.name, **request}} for kind, request in map(_request, in_transaction)]
    outcomes = {_outcome(t.meta.client.transact_write_items, TransactItems=transaction) for t in (memory, table)}
    assert len(outcomes) == 1
    assert sorted(memory.items) == sorted((i["PK"], i["SK"]) for i in table.scan()["Items"])
    for item in table.scan()["Items"]:
        assert memory.items[item["PK"], item["SK"]] == item


def counts_a_token_once(table: Any) -> None:
    """Check that within ten minutes a transaction with the same token is applied once."""
    _empty(table)
    add = {
        "TableName": table.name,
        "Key": {"PK": "A", "SK": "X"},
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": 1},
    }
    for _ in range(3):
        table.meta.client.transact_write_items(
            TransactItems=[{"Update": add}], ClientRequestToken="a-token-of-ten-minutes"
        )
    assert table.get_item(Key={"PK": "A", "SK": "X"}, ConsistentRead=True)["Item"]["n"] == 1


def bounds_transactions(table: Any) -> None:
    """Check the bounds of a transaction: at most 100 items, none of them twice."""
    _empty(table)

    def puts(keys: Any) -> list[dict[str, Any]]:
        return [{"Put": {"TableName": table.name, "Item": {"PK": "A", "SK": str(key)}}} for key in keys]

    write = table.meta.client.transact_write_items
    assert _outcome(write, TransactItems=puts(range(101))) == "ValidationException"
    assert _outcome(write, TransactItems=puts([1, 1])) == "ValidationException"
    assert _outcome(write, TransactItems=puts(range(100))) == "done"


def bounds_items(table: Any) -> None:
    """Check that no item is over 400 KB."""
    _empty(table)
    big = {"PK": "A", "SK": "X", "text": "x" * (400 * 1024)}
    assert _outcome(table.put_item, Item=big) == "ValidationException"
    assert _outcome(table.put_item, Item={**big, "text": "x" * (399 * 1024)}) == "done"


def bounds_keys(table: Any) -> None:
    """Check the bounds of keys: a partition key has up to 2,048 bytes, a sort key up to 1,024."""
    _empty(table)
    for longest in ({"PK": "x" * 2048, "SK": "X"}, {"PK": "A", "SK": "x" * 1024}):
        assert _outcome(table.put_item, Item=longest) == "done"
    for too_long in ({"PK": "é" * 1025, "SK": "X"}, {"PK": "A", "SK": "x" * 1025}):
        assert _outcome(table.put_item, Item=too_long) == "ValidationException"


def returns_the_old_item(table: Any) -> None:
    """Check that a refused condition returns the item that refused it, when asked to."""
    _empty(table)
    table.put_item(Item={"PK": "A", "SK": "X", "n": 1})
    with pytest.raises(ClientError) as refused:
        table.put_item(
            Item={"PK": "A", "SK": "X"}, ConditionExpression="attribute_not_exists(PK)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )  # fmt: skip
    response = refused.value.response
    assert response["Error"]["Code"] == "ConditionalCheckFailedException"
    plain, typed = {"PK": "A", "SK": "X", "n": 1}, {"PK": {"S": "A"}, "SK": {"S": "X"}, "n": {"N": "1"}}
    assert response["Item"] in (plain, typed)
