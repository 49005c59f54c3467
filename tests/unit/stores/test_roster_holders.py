"""Holders of addresses are packed: found by one query, changed beside others, split, and read where they were noted one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from random import Random
from typing import Any
from uuid import UUID

import pytest

from shared.domain.roster import Role, RosterUser, RosterUserKey
from shared.stores.roster_holders import Holding, RosterHolders, task_of
from shared.stores.roster_users import RosterUserStore
from tests.builders import key
from tests.fakes.dynamodb import Effect, MemoryTable, Meter


def holding(address: str, person: str) -> Holding:
    return f"EMAIL#{address}@lakeside.example", key(person)


def holdings(numbers: Iterable[int]) -> list[Holding]:
    """Of people whose names and numbers have nothing in common."""
    dice = {n: Random(n) for n in numbers}
    return [holding(f"{dice[n].getrandbits(64):x}", str(UUID(int=dice[n].getrandbits(128)))) for n in numbers]


def packs(table: MemoryTable) -> int:
    return sum(pk.startswith("HOLDERS#") for pk, _ in table.items)


def held(store: RosterHolders, wanted: Iterable[Holding]) -> list[Holding]:
    return [(each, user) for each, _ in wanted for user in store.of("lakeside", each)]


@pytest.fixture
def table() -> MemoryTable:
    return MemoryTable()


def test_two_dozen_people_of_a_first_import_cost_one_write_unit(table: MemoryTable) -> None:
    table.meter = Meter()
    RosterHolders(table).write("lakeside", holdings(range(2_000)), is_first=True)
    assert sum(table.meter.write_units.values()) <= 2_000 / 20


def test_everybody_is_found_by_one_request_and_nobody_else(table: MemoryTable) -> None:
    store, everybody = RosterHolders(table), holdings(range(500))
    store.write("lakeside", everybody, is_first=True)
    table.meter = Meter()
    assert held(store, everybody) == everybody
    assert table.meter.requests == {"Query": 500}
    assert held(store, holdings(range(500, 600))) == []
    assert store.of("riverbend", everybody[0][0]) == []


@pytest.mark.parametrize("tasks", [1, 2, 16])
def test_tasks_write_what_is_theirs_whatever_their_number(table: MemoryTable, tasks: int) -> None:
    store, everybody = RosterHolders(table), holdings(range(300))
    for task in reversed(range(tasks)):
        own = [each for each in everybody if task_of(each[0], tasks) == task]
        store.write("lakeside", own, is_first=True, task=task, tasks=tasks)
    later = holdings(range(300, 600))
    for task in range(tasks * 2):
        own = [each for each in later if task_of(each[0], tasks * 2) == task]
        store.write("lakeside", own, task=task, tasks=tasks * 2)
    assert held(store, everybody + later) == everybody + later
    table.meter = Meter()
    held(store, everybody + later)
    assert table.meter.requests == {"Query": 600}


def test_packs_say_what_a_table_of_single_items_would(table: MemoryTable) -> None:
    dice, store, expected = Random(5), RosterHolders(table), set[Holding]()
    for night in range(12):
        given = {holding(f"a{dice.randrange(60)}", f"s{dice.randrange(200)}") for _ in range(120)}
        taken = {each for each in expected if dice.random() < 0.4} - given
        for _ in range(dice.choice((1, 2))):
            store.write("lakeside", given, taken, is_first=night == 0)
        expected = expected - taken | given
        for address in range(60):
            identifier = holding(f"a{address}", "s")[0]
            holders = {user for each, user in expected if each == identifier}
            assert set(store.of("lakeside", identifier)) == holders


def test_an_address_of_very_many_is_kept_one_by_one(table: MemoryTable) -> None:
    store, everybody = RosterHolders(table), [holding("office", f"s{n}") for n in range(5_000)]
    store.write("lakeside", everybody, is_first=True)
    assert len(store.of("lakeside", everybody[0][0])) == 5_000
    assert len(store.of("lakeside", everybody[0][0], most=2)) == 2
    store.write("lakeside", taken=everybody[1:])
    assert store.of("lakeside", everybody[0][0]) == [everybody[0][1]]


def test_several_holders_are_told_to_who_wrote_them(table: MemoryTable) -> None:
    store = RosterHolders(table)
    store.write("lakeside", [holding("ada", "t1"), holding("bob", "t2")], is_first=True)
    done = store.write("lakeside", [holding("ada", "t3")], [holding("bob", "t2")])
    assert (done.is_all, done.shared) == (True, {holding("ada", "")[0]: (key("t1"), key("t3"))})


def test_who_was_noted_one_by_one_by_the_version_before_is_found_and_goes(table: MemoryTable) -> None:
    store, (identifier, user) = RosterHolders(table), holding("ada", "t1")
    table.put_item(Item={"PK": identifier, "SK": "USER#lakeside#t1"})
    assert store.of("lakeside", identifier) == [user]
    done = store.write("lakeside", [holding("ada", "t2")])
    assert not done.is_all
    assert set(store.of("lakeside", identifier)) == {user, key("t2")}
    store.write("lakeside", taken=[(identifier, user)])
    assert store.of("lakeside", identifier) == [key("t2")]
    assert (identifier, "USER#lakeside#t1") not in table.items


def test_writers_of_the_same_packs_lose_nothing(table: MemoryTable) -> None:
    store, everybody = RosterHolders(table), holdings(range(240))
    store.write("lakeside", everybody[:40], is_first=True)
    with ThreadPoolExecutor(6) as pool:
        parts = [everybody[40 + n :: 6] for n in range(6)]
        for done in [pool.submit(store.write, "lakeside", part, [everybody[n]]) for n, part in enumerate(parts)]:
            done.result()
    assert set(held(store, everybody)) == set(everybody[6:])


class Beside:
    """A table on which something else happens at some of the calls of whoever is at work."""

    def __init__(self, meanwhile: Callable[[int], None]) -> None:
        self.table = MemoryTable(gate=self._gate)
        self._meanwhile = meanwhile
        self._calls: Iterator[int] | None = None

    def begin(self) -> None:
        """From now on calls are counted."""
        self._calls = count()

    def _gate(self, _service: str, _operation: str, _request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        if (calls := self._calls) is not None:
            self._calls = None
            self._meanwhile(next(calls))
            self._calls = calls
        return effect()


@pytest.mark.parametrize("at", range(8))
def test_somebody_deleted_while_a_pack_is_split_does_not_come_back(at: int) -> None:
    def delete(call: int) -> None:
        if call == at:
            RosterHolders(beside.table).write("lakeside", taken=holdings([0]))

    beside = Beside(delete)
    store = RosterHolders(beside.table)
    store.write("lakeside", holdings(range(100)), is_first=True)
    before = packs(beside.table)
    beside.begin()
    store.write("lakeside", holdings(range(100, 300)))
    assert packs(beside.table) > before
    assert held(store, holdings(range(300))) == holdings(range(1, 300))


def test_who_reads_during_a_split_finds_everybody() -> None:
    everybody, missing = holdings(range(100)), list[Holding]()
    beside = Beside(lambda _call: missing.extend({*everybody}.difference(held(RosterHolders(beside.table), everybody))))
    store = RosterHolders(beside.table)
    store.write("lakeside", everybody, is_first=True)
    beside.begin()
    store.write("lakeside", holdings(range(100, 220)))
    assert missing == []


def test_until_an_import_has_written_it_a_given_up_address_leads_to_nobody(table: MemoryTable) -> None:
    # Given somebody who is written with another address, while the pack still has the one before
    users = RosterUserStore(table)
    person = RosterUser("lakeside", "s1", Role.STUDENT, "Kim", "P", official_email="new@lakeside.example")
    users.holders.write("lakeside", [holding("old", "s1")], is_first=True)
    users.write([(None, person)])
    # Then neither address leads anywhere
    assert [users.by_email("lakeside", f"{each}@lakeside.example") for each in ("old", "new")] == [[], []]
    # Until who holds what is written
    users.holders.write("lakeside", [holding("new", "s1")], [holding("old", "s1")])
    assert users.by_email("lakeside", "new@lakeside.example") == [person]


def test_a_key_of_any_text_is_kept(table: MemoryTable) -> None:
    store = RosterHolders(table)
    odd = [(f"EMAIL#{text}@x", RosterUserKey("lakeside", text)) for text in ("*", "a\tb", "ü\n", '"', "{}")]
    store.write("lakeside", odd, is_first=True)
    assert held(store, odd) == odd
