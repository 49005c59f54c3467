"""Somebody else's transaction is in the way of a write: nothing was made, and the SDK's own retries leave that to us.

API reference: "TransactionConflictException"; developer guide: "Transaction conflict handling in DynamoDB".
"""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from shared.domain.errors import Conflict
from shared.stores import table as table_module
from shared.stores.table import ABSENT, PRESENT, Delete, Put, Table, Update, Write
from tests.builders import account, enrolled, roster, user
from tests.fakes.dynamodb import Effect, Gate, MemoryTable, error, ungated
from tests.pages_harness import Website, in_a_made_account, lakeside, linked_teacher, log_in

KEY, OTHER = {"PK": "A", "SK": "1"}, {"PK": "A", "SK": "2"}
_PLAIN = {"PutItem", "UpdateItem", "DeleteItem"}


@pytest.fixture
def dynamo() -> MemoryTable:
    return MemoryTable()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch, dynamo: MemoryTable) -> list[float]:
    """The other transaction is over after the second pause."""
    found: list[float] = []

    def sleep(seconds: float) -> None:
        found.append(seconds)
        if len(found) == 2:
            dynamo.held.clear()

    monkeypatch.setattr(table_module, "sleep", sleep)
    return found


@pytest.mark.parametrize(
    "writes",
    [
        [Put(KEY)],
        [Update(KEY).set(state="a")],
        [Delete(KEY)],
        [Put(KEY), Put(OTHER)],
        [Put(OTHER), Delete(KEY).when(ABSENT)],
    ],
    ids=["put", "update", "delete", "transaction", "transaction with a condition"],
)
def test_a_write_waits_for_the_transaction_that_is_in_its_way(
    dynamo: MemoryTable, pauses: list[float], writes: list[Write]
) -> None:
    dynamo.held = {("A", "1")}
    assert Table(dynamo).attempt(*writes)
    assert pauses == [0.02, 0.05]


def test_an_update_that_returns_the_item_waits_too(dynamo: MemoryTable, pauses: list[float]) -> None:
    dynamo.held = {("A", "1")}
    assert Table(dynamo).updated(Update(KEY).add(hits=1))["hits"] == 1
    assert len(pauses) == 2


def test_a_batch_sends_again_what_was_in_somebodys_transaction(dynamo: MemoryTable, pauses: list[float]) -> None:
    dynamo.held = {("A", "1")}
    assert Table(dynamo).write_many([KEY, OTHER]) == 2
    assert sorted(dynamo.items) == [("A", "1"), ("A", "2")]
    assert len(pauses) == 2


@pytest.mark.parametrize("writes", [[Put(KEY).when(ABSENT)], [Put(KEY), Put(OTHER)]], ids=["write", "transaction"])
def test_a_conflict_without_an_end_is_no_refused_condition(
    dynamo: MemoryTable, monkeypatch: pytest.MonkeyPatch, writes: list[Write]
) -> None:
    """Whoever took it for one would leave a mail unsent because "somebody else has it"."""
    monkeypatch.setattr(table_module, "sleep", lambda _seconds: None)
    dynamo.held = {("A", "1")}
    with pytest.raises(ClientError, match="Transaction"):
        Table(dynamo).attempt(*writes)


def test_a_condition_that_does_not_hold_is_told_at_once_beside_a_conflict() -> None:
    def gate(_service: str, operation: str, _request: dict[str, Any], _effect: Effect) -> dict[str, Any]:
        reasons = [{"Code": "TransactionConflict"}, {"Code": "ConditionalCheckFailed"}, {"Code": "None"}]
        raise error("TransactionCanceledException", operation, CancellationReasons=reasons)

    with pytest.raises(Conflict):
        Table(MemoryTable(gate=gate)).write(
            Put(KEY).when(PRESENT), Put(OTHER), otherwise=Conflict("gone", "It is gone.")
        )


class ConflictsFirst:
    """The gate: each write first meets a transaction of somebody else's."""

    def __init__(self) -> None:
        self.met = 0
        self._is_second = False

    def __call__(self, service: str, operation: str, request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        if service != "dynamodb" or operation not in _PLAIN | {"TransactWriteItems"}:
            return effect()
        self._is_second = not self._is_second
        if not self._is_second:
            return effect()
        self.met += 1
        if operation in _PLAIN:
            raise error("TransactionConflictException", operation)
        reasons = [{"Code": "TransactionConflict"} for _ in request["TransactItems"]]
        raise error("TransactionCanceledException", operation, CancellationReasons=reasons)


def _journey(gate: Gate) -> Website:
    """A district is imported, mailed, linked, exported and changed."""
    web = lakeside(gate=gate)
    teacher = linked_teacher(web)
    teacher.open("/cleaning").press("Download class data", "Period 3")
    web.world.make_exports()
    in_a_made_account(web)
    web.world.feed(account("ada", "ada@mail.example"), account("new", "t2@lakeside.example"))
    web.world.upload(roster(user("t1", "teacher", given="Ada"), user("s1"), enrollments=enrolled("t1", "teacher")))
    web.world.pass_time(days=20)
    web.world.queue_due_activations().run()
    web.world.send_mail()
    web.world.send_nudge().run()
    again = web.visitor().open("/login")
    log_in(again).open("/home").press("Undo the link with Lakeside Schools").press("Undo the link")
    web.world.notify_of_links()
    return web


def _without_zips(web: Website) -> dict[tuple[str, str], bytes]:
    """All objects; a zip of class data says at which second it was made."""
    return {key: b"" if key[1].endswith(".zip") else body for key, body in web.world.s3.objects.items()}


def test_a_journey_whose_every_write_meets_a_conflict_ends_as_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_module, "sleep", lambda _seconds: None)
    conflicts = ConflictsFirst()
    disturbed, calm = _journey(conflicts), _journey(ungated)
    assert disturbed.world.table.items == calm.world.table.items
    assert _without_zips(disturbed) == _without_zips(calm)
    assert disturbed.world.ses.sent == calm.world.ses.sent
    assert conflicts.met > 50
