"""The local stack's DynamoDB behaves like the fake of the tests: what holds in one holds in the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.stack import LocalStack
from simulation import dynamodb_contract as contract
from simulation.dynamodb_contract import TRANSACTION_WRITES, WRITES
from tests.depth import depth


@pytest.fixture(scope="module")
def table(stack: LocalStack) -> Iterator[Any]:
    made = stack.resource("dynamodb").create_table(
        TableName="contract",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK")],
    )
    yield made
    made.delete()


@settings(max_examples=depth(10, 60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes=st.lists(WRITES, max_size=6), in_transaction=TRANSACTION_WRITES)
def test_the_same_writes_have_the_same_outcomes_and_leave_the_same_items(
    table: Any, writes: Any, in_transaction: Any
) -> None:
    contract.answers_alike(table, writes, in_transaction)


@pytest.mark.parametrize(
    "rule",
    [contract.counts_a_token_once, contract.bounds_transactions, contract.bounds_items, contract.returns_the_old_item],
)
def test_it_keeps_the_rules_of_the_developer_guide(table: Any, rule: Any) -> None:
    rule(table)
