"""Accounts feeds where table and snapshots are of different moments: no account is left out for a line that is in one alone."""

from __future__ import annotations

from typing import Any

import pytest

from functions.accounts_feed import feed as feed_sizes
from tests.builders import account
from tests.harness import World
from tests.restored import moment, restored


def accounts(*names: str, **more: Any) -> list[dict[str, Any]]:
    return [account(name, f"{name}@mail.example", **more) for name in names]


def in_table(world: World) -> dict[str, str]:
    return {pk: item["display_name"] for (pk, sk), item in world.table.items.items() if sk == "ACCOUNT"}


def notes(report: dict[str, Any]) -> list[str]:
    return [note["code"] for note in report["notes"]]


@pytest.fixture
def world() -> World:
    world = World()
    world.register()
    world.feed(*accounts("ada"))
    world.pass_time(days=1)
    return world


def test_an_account_that_came_after_the_restored_moment_comes_again(world: World) -> None:
    # Given a table of a moment before Bob came, and snapshots in which he is
    then = moment(world)
    world.feed(*accounts("ada", "bob"))
    world = restored(world, table=then)
    # When the next night's file comes
    report = world.feed(*accounts("ada", "bob", "cy"))
    # Then nobody is missing, and the report says why all lines were applied
    assert in_table(world).keys() == {"ACCOUNT#ada", "ACCOUNT#bob", "ACCOUNT#cy"}
    assert notes(report) == ["accounts_anew"]


def test_a_line_that_was_applied_before_it_changed_and_changed_back_counts(world: World) -> None:
    # Given snapshots of a moment before Ada changed her name, and the table as it is
    then = moment(world)
    world.feed(*accounts("ada", display_name="Ada Another"))
    world = restored(world, snapshots=then)
    # When she has her name again
    world.feed(*accounts("ada"))
    assert in_table(world) == {"ACCOUNT#ada": "Kim"}


@pytest.mark.parametrize("nights", [1, 2])
def test_table_and_snapshots_of_one_moment_go_on_as_if_nothing_was(world: World, nights: int) -> None:
    then = moment(world)
    for night in range(nights):
        world.feed(*accounts("ada", f"b{night}"))
        world.pass_time(days=1)
    world = restored(world, table=then, snapshots=then)
    report = world.feed(*accounts("ada", "bob"))
    assert (report["created"], report["unchanged"], notes(report)) == (1, 1, [])


def test_after_all_lines_were_applied_once_the_next_night_is_a_quiet_one(world: World) -> None:
    then = moment(world)
    world.feed(*accounts("ada", "bob"))
    world = restored(world, table=then)
    world.feed(*accounts("ada", "bob"))
    world.pass_time(days=1)
    report = world.feed(*accounts("ada", "bob"))
    assert (report["unchanged"], notes(report)) == (2, [])


def test_what_an_old_table_left_of_more_shards_is_not_taken_for_applied(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a snapshot that had grown after the restored moment
    names = [f"a{number}" for number in range(12)]
    then = moment(world)
    monkeypatch.setattr(feed_sizes, "SHARD", 500)
    world.feed(*accounts("ada", *names))
    world = restored(world, table=then)
    # When it grows again
    monkeypatch.undo()
    world.feed(*accounts("ada"))
    monkeypatch.setattr(feed_sizes, "SHARD", 500)
    world.feed(*accounts("ada", *names))
    assert len(in_table(world)) == 13
