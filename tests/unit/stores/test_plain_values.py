"""What stores read and write is what boto3's Table would have read and written."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from shared.runtime.dynamodb import plain, plain_table, typed

NUMBERS = st.integers(-(10**38) + 1, 10**38 - 1) | st.decimals(-(10**6), 10**6, places=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.text() | NUMBERS | st.frozensets(st.text()) | st.frozensets(NUMBERS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_a_value_is_written_and_read_as_boto3_does(value: Any) -> None:
    written = TypeSerializer().serialize(value)
    assert typed(value) == written
    assert plain(written) == TypeDeserializer().deserialize(written)


@pytest.mark.parametrize("value", [1.5, object(), {1, "a"}, Decimal("Infinity"), Decimal("NaN"), 10**39 + 1])
def test_what_dynamodb_cannot_hold_is_refused_as_by_boto3(value: object) -> None:
    raised: list[type[Exception]] = []
    for write in (TypeSerializer().serialize, typed):
        with pytest.raises(Exception) as refused:  # noqa: PT011 - whatever boto3 raises
            write(value)
        raised.append(refused.type)
    assert raised[0] is raised[1]


def table_of(response: dict[str, Any]) -> tuple[Any, list[dict[str, Any]]]:
    """A table whose client gives this response, and the requests that the client is given."""
    requests: list[dict[str, Any]] = []

    class Client:
        def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]:
            return lambda **request: requests.append({"operation": operation, **request}) or response

    return cast(Any, plain_table("table", lambda: cast(Any, Client()))), requests


def test_values_of_a_batch_and_of_what_it_hands_back_are_plain() -> None:
    key, item = {"PK": {"S": "a"}, "SK": {"S": "b"}}, {"PK": {"S": "a"}, "SK": {"S": "b"}, "n": {"N": "1"}}
    table, requests = table_of({"Responses": {"table": [item]}, "UnprocessedKeys": {"table": {"Keys": [key]}}})
    found = table.meta.client.batch_get_item(RequestItems={"table": {"Keys": [{"PK": "a", "SK": "b"}]}})
    assert found["Responses"] == {"table": [{"PK": "a", "SK": "b", "n": Decimal(1)}]}
    table.meta.client.batch_get_item(RequestItems=found["UnprocessedKeys"])
    assert [one["RequestItems"] for one in requests] == [{"table": {"Keys": [key]}}] * 2


def test_values_of_a_transaction_are_typed() -> None:
    table, requests = table_of({})
    update = {"Key": {"PK": "a"}, "UpdateExpression": "SET #n = :n", "ExpressionAttributeNames": {"#n": "Item"}}
    table.meta.client.transact_write_items(
        TransactItems=[{"Update": {**update, "ExpressionAttributeValues": {":n": 1}}}, {"Put": {"Item": {"PK": "b"}}}]
    )
    assert requests[0]["TransactItems"] == [
        {"Update": {**update, "Key": {"PK": {"S": "a"}}, "ExpressionAttributeValues": {":n": {"N": "1"}}}},
        {"Put": {"Item": {"PK": {"S": "b"}}}},
    ]


def test_a_call_names_its_table_and_a_page_begins_where_the_last_one_ended() -> None:
    last = {"PK": {"S": "a"}, "SK": {"S": "b"}}
    table, requests = table_of({"Items": [last], "LastEvaluatedKey": last, "Count": 1})
    page = table.query(KeyConditionExpression="PK = :pk", ExpressionAttributeValues={":pk": "a"})
    assert page == {"Items": [{"PK": "a", "SK": "b"}], "LastEvaluatedKey": {"PK": "a", "SK": "b"}, "Count": 1}
    table.query(ExclusiveStartKey=page["LastEvaluatedKey"])
    assert [one.get("ExclusiveStartKey") for one in requests] == [None, last]
    assert {one["TableName"] for one in requests} == {"table"}


def test_no_client_is_made_before_it_is_used() -> None:
    made = SimpleNamespace(clients=0)

    def client() -> Any:
        made.clients += 1
        return SimpleNamespace(get_item=lambda **_: {})

    table = plain_table("table", client)
    assert (table.name, made.clients) == ("table", 0)
    table.get_item(Key={"PK": "a", "SK": "b"})
    assert made.clients == 1
