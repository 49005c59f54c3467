"""The kit that every store reads and writes with: what it asks of DynamoDB, and what it makes of a refusal."""

from __future__ import annotations

import pytest

from shared.domain.errors import Conflict, RefusedTransition
from shared.stores.table import ABSENT, PRESENT, Delete, Put, Request, Table, Update, Write
from tests.fakes.dynamodb import Effect, MemoryTable

KEY = {"PK": "A", "SK": "1"}
OTHER = {"PK": "A", "SK": "2"}


@pytest.fixture
def dynamo() -> MemoryTable:
    return MemoryTable()


@pytest.fixture
def table(dynamo: MemoryTable) -> Table:
    return Table(dynamo)


def test_an_attribute_that_is_none_is_not_stored(table: Table) -> None:
    table.write(Put({**KEY, "name": "Kim", "email": None}))
    assert table.get(KEY) == {**KEY, "name": "Kim"}


def test_setting_none_removes_an_attribute(table: Table) -> None:
    table.write(Put({**KEY, "due_at": "monday", "state": "pending"}))
    table.write(Update(KEY).set(due_at=None, state="sent"))
    assert table.get(KEY) == {**KEY, "state": "sent"}


def test_an_update_sets_adds_discards_and_removes_at_once(table: Table) -> None:
    table.write(Put({**KEY, "hits": 2, "names": {"a", "b"}, "old": 1, "scores": {"x#y": 1, "z": 2}, "first": "now"}))
    update = Update(KEY).set(state="sent").set_first(first="later", second="later").add(hits=1)
    table.write(update.discard(names={"a"}).remove("old").remove_entry("scores", "x#y"))
    assert table.get(KEY) == {
        **KEY, "state": "sent", "first": "now", "second": "later", "hits": 3, "names": {"b"}, "scores": {"z": 2},
    }  # fmt: skip


def test_an_update_returns_the_item_as_it_is_then(table: Table) -> None:
    assert [table.updated(Update(KEY).add(hits=1))["hits"] for _ in range(2)] == [1, 2]


@pytest.mark.parametrize(
    "write",
    [
        Put(KEY).when(ABSENT),
        Update(KEY).set(state="b").when("#state = :before", before="z"),
        Delete(KEY).when("version = :version", version=2),
        Put(KEY).when(PRESENT).when("version = :version", version=2),
    ],
)
def test_a_write_whose_condition_does_not_hold_changes_nothing(table: Table, write: Write) -> None:
    present = {**KEY, "state": "a", "version": 1}
    table.write(Put(present))
    assert not table.attempt(write)
    assert table.get(KEY) == present
    with pytest.raises(RefusedTransition, match="too_late"):
        table.write(write, otherwise=RefusedTransition("too_late", "Too late."))


def test_several_writes_are_made_together_or_not_at_all(table: Table, dynamo: MemoryTable) -> None:
    assert table.attempt(Put(KEY).when(ABSENT), Update(OTHER).set(state="a"))
    assert not table.attempt(Put(KEY).when(ABSENT), Delete(OTHER))
    assert [item["SK"] for item in table.query("A")] == ["1", "2"]
    assert dynamo.meter.requests["TransactWriteItems"] == 2


def test_one_write_is_no_transaction(table: Table, dynamo: MemoryTable) -> None:
    table.write(Put(KEY))
    table.write(Update(KEY).set(state="a"))
    table.write(Delete(KEY))
    assert dynamo.meter.requests == {"PutItem": 1, "UpdateItem": 1, "DeleteItem": 1}
    assert sum(dynamo.meter.write_units.values()) == 3


def test_one_name_for_two_values_is_refused() -> None:
    with pytest.raises(ValueError, match=":state"):
        Update(KEY).set(state="sent").when("#state = :state", state="pending")


def test_a_query_reads_page_after_page(table: Table, dynamo: MemoryTable) -> None:
    table.write_many({"PK": "A", "SK": f"{kind}#{n}"} for kind in "ab" for n in range(5))
    assert [item["SK"] for item in table.query("A", page_size=3)] == [f"{k}#{n}" for k in "ab" for n in range(5)]
    assert dynamo.meter.requests["Query"] == 4


def test_a_query_reads_a_part_of_a_partition(table: Table) -> None:
    table.write_many({"PK": "A", "SK": sk} for sk in "abcd")

    def read(**part: object) -> str:
        return "".join(item["SK"] for item in table.query("A", **part))  # type: ignore[arg-type]

    assert (read(prefix="b"), read(between=("b", "c")), read(until="b")) == ("b", "bc", "ab")
    assert read(after={"PK": "A", "SK": "b"}) == "cd"


def test_a_page_says_where_it_ends(table: Table) -> None:
    table.write_many([KEY, OTHER])
    assert table.page("A", most=1) == ([KEY], KEY)
    assert table.page("A", most=3) == ([KEY, OTHER], None)


def test_a_read_of_many_asks_for_each_key_once_and_a_hundred_at_a_time(table: Table, dynamo: MemoryTable) -> None:
    keys = [{"PK": "A", "SK": f"{n:03}"} for n in range(150)]
    table.write_many(keys[:120])
    assert len(table.batch_get([*keys, *keys])) == 120
    assert dynamo.meter.requests["BatchGetItem"] == 2


def test_what_dynamodb_hands_back_is_asked_for_and_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """DynamoDB takes three keys or items of a batch, and hands back the others."""
    pauses: list[float] = []
    monkeypatch.setattr("shared.stores.table.sleep", pauses.append)

    def takes_three(_service: str, operation: str, request: Request, effect: Effect) -> Request:
        if not operation.startswith("Batch"):
            return effect()
        ((name, batch),) = request["RequestItems"].items()
        if operation == "BatchWriteItem":
            request["RequestItems"][name], left = batch[:3], batch[3:]
            return {**effect(), "UnprocessedItems": {name: left} if left else {}}
        batch["Keys"], keys = batch["Keys"][:3], batch["Keys"][3:]
        return {**effect(), "UnprocessedKeys": {name: {**batch, "Keys": keys}} if keys else {}}

    table = Table(MemoryTable(gate=takes_three))
    keys = [{"PK": "A", "SK": str(n)} for n in range(7)]
    assert table.write_many(keys) == 7
    assert list(table.batch_get(keys)) == [("A", str(n)) for n in range(7)]
    assert pauses == [0.05, 0.1, 0.05, 0.1]


def test_of_several_writes_to_one_key_the_last_put_wins(table: Table) -> None:
    assert table.write_many([{**KEY, "name": "first"}, {**KEY, "name": "last"}], deletes=[KEY, OTHER]) == 2
    assert table.get(KEY) == {**KEY, "name": "last"}


def test_without_an_error_of_the_callers_a_refusal_is_not_hidden(table: Table) -> None:
    with pytest.raises(Exception, match="ConditionalCheckFailed"):
        table.write(Delete(KEY).when(PRESENT))
    with pytest.raises(Conflict):
        table.write(Delete(KEY).when(PRESENT), otherwise=Conflict("gone", "It is gone."))
