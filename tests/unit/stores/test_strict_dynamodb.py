"""The DynamoDB of the tests refuses what AWS refuses; docs/aws-behaviour.md has the sources."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError

from shared.stores.table import Table
from tests.fakes.dynamodb import MemoryTable

KEY = {"PK": "A", "SK": "1"}


@pytest.fixture
def dynamo() -> MemoryTable:
    return MemoryTable()


def refused(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as found:
        call(**request)
    return str(found.value.response["Error"]["Code"])


@pytest.mark.parametrize(
    "key",
    [
        {"PK": "", "SK": "1"},
        {"PK": "A", "SK": ""},
        {"PK": "é" * 1025, "SK": "1"},
        {"PK": "A", "SK": "é" * 513},
        {"PK": "A", "SK": 1},
    ],
    ids=["no partition key", "no sort key", "2,050 bytes", "1,026 bytes", "a number"],
)
def test_a_key_that_is_none_is_refused_in_writes_and_reads(dynamo: MemoryTable, key: dict[str, Any]) -> None:
    for call, request in (
        (dynamo.put_item, {"Item": key}),
        (dynamo.get_item, {"Key": key}),
        (dynamo.update_item, {"Key": key, "UpdateExpression": "REMOVE a"}),
        (dynamo.meta.client.batch_get_item, {"RequestItems": {"table": {"Keys": [key]}}}),
    ):
        assert refused(call, **request) == "ValidationException"


@pytest.mark.parametrize(
    "value",
    [set(), Decimal("1." + "1" * 38), int("1" * 39), {"a": {"b": set()}}, "x" * (400 * 1024)],
    ids=["empty set", "39 digits", "a long integer", "an empty set within", "400 KB"],
)
def test_a_value_that_no_attribute_may_have_is_refused(dynamo: MemoryTable, value: Any) -> None:
    assert refused(dynamo.put_item, Item={**KEY, "a": value}) == "ValidationException"
    update = {"Key": KEY, "UpdateExpression": "SET a = :a", "ExpressionAttributeValues": {":a": value}}
    assert refused(dynamo.update_item, **update) == "ValidationException"


def test_values_nest_32_levels_deep_and_no_deeper(dynamo: MemoryTable) -> None:
    deep: Any = "x"
    for _ in range(32):
        deep = [deep]
    dynamo.put_item(Item={**KEY, "a": deep})
    assert refused(dynamo.put_item, Item={**KEY, "a": [deep]}) == "ValidationException"


@pytest.mark.parametrize(
    "expressions",
    [
        {"ConditionExpression": "state = :a", "ExpressionAttributeValues": {":a": 1}},
        {"ConditionExpression": "a = :a", "ExpressionAttributeValues": {":a": 1, ":b": 1}},
        {"ConditionExpression": "a = :a", "ExpressionAttributeValues": {":b": 1}},
        {"ConditionExpression": "attribute_exists(a)", "ExpressionAttributeNames": {"#a": "a"}},
        {"ConditionExpression": "#a = :a", "ExpressionAttributeValues": {":a": 1}},
        {"ConditionExpression": "attribute_exists(a)", "ExpressionAttributeValues": {}},
        {"ConditionExpression": ""},
        {"ConditionExpression": " OR ".join(f"attribute_exists(a{n})" for n in range(160))},
        {"ConditionExpression": f"attribute_exists({'a' * 4096})"},
    ],
    ids=["reserved word", "unused value", "unknown value", "unused name", "unknown name", "no values", "empty", "many", "4 KB"],
)  # fmt: skip
def test_an_expression_that_dynamodb_cannot_read_is_refused(dynamo: MemoryTable, expressions: dict[str, Any]) -> None:
    assert refused(dynamo.put_item, Item=KEY, **expressions) == "ValidationException"
    writes = [{"Put": {"TableName": "table", "Item": KEY, **expressions}}]
    assert refused(dynamo.meta.client.transact_write_items, TransactItems=writes) == "ValidationException"


@pytest.mark.parametrize(
    "expression", ["SET PK = :a", "SET a = :a, a = :a", "SET a = :a, a.b = :a", "SET a = :a SET b = :a"]
)
def test_an_update_of_a_key_or_of_a_path_twice_is_refused(dynamo: MemoryTable, expression: str) -> None:
    update = {"Key": KEY, "UpdateExpression": expression, "ExpressionAttributeValues": {":a": 1}}
    assert refused(dynamo.update_item, **update) == "ValidationException"


def test_a_filter_on_a_key_and_a_page_of_nothing_are_refused(dynamo: MemoryTable) -> None:
    query: dict[str, Any] = {"KeyConditionExpression": "PK = :pk", "ExpressionAttributeValues": {":pk": "A"}}
    assert refused(dynamo.query, **query, Limit=0) == "ValidationException"
    query["ExpressionAttributeValues"] = {":pk": "A", ":sk": "1"}
    assert refused(dynamo.query, **query, FilterExpression="SK = :sk") == "ValidationException"


def test_a_page_of_a_query_ends_after_a_megabyte_and_the_next_goes_on(dynamo: MemoryTable) -> None:
    for n in range(5):
        dynamo.put_item(Item={"PK": "A", "SK": str(n), "text": "x" * (390 * 1024)})
    page = dynamo.query(KeyConditionExpression="PK = :pk", ExpressionAttributeValues={":pk": "A"})
    assert ([item["SK"] for item in page["Items"]], page["LastEvaluatedKey"]) == (
        ["0", "1", "2"],
        {"PK": "A", "SK": "2"},
    )
    assert [item["SK"] for item in Table(dynamo).query("A")] == ["0", "1", "2", "3", "4"]


def test_a_batch_has_so_many_items_each_once(dynamo: MemoryTable) -> None:
    client = dynamo.meta.client
    keys = [{"PK": "A", "SK": str(n)} for n in range(101)]
    for batch in ([], keys, [KEY, KEY]):
        assert refused(client.batch_get_item, RequestItems={"table": {"Keys": batch}}) == "ValidationException"
    for batch in ([], keys[:26], [KEY, KEY]):
        writes = [{"PutRequest": {"Item": key}} for key in batch]
        assert refused(client.batch_write_item, RequestItems={"table": writes}) == "ValidationException"


def test_a_read_of_more_than_16_megabytes_hands_keys_back(dynamo: MemoryTable) -> None:
    keys = [{"PK": "A", "SK": f"{n:03}"} for n in range(60)]
    for key in keys:
        dynamo.put_item(Item={**key, "text": "x" * (390 * 1024)})
    page = dynamo.meta.client.batch_get_item(RequestItems={"table": {"Keys": keys}})
    assert 40 < len(page["Responses"]["table"]) < 50
    assert len(Table(dynamo).batch_get(keys)) == 60


def test_a_parameter_that_the_double_does_not_obey_is_refused_by_name(dynamo: MemoryTable) -> None:
    with pytest.raises(AssertionError, match="ProjectionExpression"):
        dynamo.get_item(Key=KEY, ProjectionExpression="a")
