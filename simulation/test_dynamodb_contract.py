"""The fake DynamoDB of the tests behaves like moto's, for any sequence of writes that the stores could make.

Where moto is wrong (it applies a transaction's token again, and has other bounds for transactions) the fake is held to
the developer guide, and the local stack to the same in tests/stack/test_emulator_contract.py.
"""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from simulation import dynamodb_contract as contract
from simulation.dynamodb_contract import TRANSACTION_WRITES, WRITES
from tests.depth import depth
from tests.fakes.dynamodb import MemoryTable


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


@settings(max_examples=depth(40, 300), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes=st.lists(WRITES, max_size=8), in_transaction=TRANSACTION_WRITES)
def test_the_same_writes_have_the_same_outcomes_and_leave_the_same_items(
    moto_table: Any, writes: Any, in_transaction: Any
) -> None:
    contract.answers_alike(moto_table, writes, in_transaction)


@pytest.mark.parametrize("rule", [contract.returns_the_old_item])
def test_moto_and_the_fake_keep_the_same_rules(moto_table: Any, rule: Any) -> None:
    rule(moto_table)
    rule(MemoryTable())


@pytest.mark.parametrize(
    "rule", [contract.counts_a_token_once, contract.bounds_transactions, contract.bounds_items, contract.bounds_keys]
)
def test_the_fake_is_right_where_moto_is_no_evidence(rule: Any) -> None:
    rule(MemoryTable())


def test_after_ten_minutes_a_token_counts_as_a_new_one() -> None:
    now = 0.0
    table = MemoryTable("table", now=lambda: now)
    contract.counts_a_token_once(table)
    now = 601.0
    add = {
        "TableName": "table",
        "Key": {"PK": "A", "SK": "X"},
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": 1},
    }
    table.meta.client.transact_write_items(TransactItems=[{"Update": add}], ClientRequestToken="a-token-of-ten-minutes")
    assert table.items["A", "X"]["n"] == 2


def test_a_token_with_another_request_is_refused() -> None:
    table = MemoryTable("table")
    puts = [{"Put": {"TableName": "table", "Item": {"PK": "A", "SK": key}}} for key in "XY"]
    write = table.meta.client.transact_write_items
    write(TransactItems=puts[:1], ClientRequestToken="one token for two requests")
    with pytest.raises(ClientError) as refused:
        write(TransactItems=puts[1:], ClientRequestToken="one token for two requests")
    assert refused.value.response["Error"]["Code"] == "IdempotentParameterMismatchException"
    assert ("A", "Y") not in table.items
