"""Snapshots hold whole rosters: what no import needs any more is deleted, and whoever is deleted is not in them."""

from __future__ import annotations

import pytest

from shared.stores.import_files import ImportFiles
from tests.builders import roster, user
from tests.fakes.dynamodb import error
from tests.harness import World, roll_back, zipped


def snapshots(world: World) -> set[str]:
    """The ids of the snapshots that there are."""
    keys = [key for bucket, key in world.s3.objects if bucket == "snapshots" and key.startswith("snapshots/lakeside/")]
    return {key.split("/")[2] for key in keys}


def night(world: World, *people: str) -> str:
    report = world.upload(roster(*map(user, people)), name=f"night-{world.now:%m-%d}")
    assert report["status"] == "completed"
    return str(report["import_id"])


def weeks(world: World, nights: int) -> list[str]:
    """A week between one and the next; each has one more person."""
    imports = []
    for number in range(nights):
        world.pass_time(days=8)
        imports.append(night(world, *(f"s{n}" for n in range(number + 1))))
    return imports


def test_only_what_stands_and_what_stood_before_it_is_kept() -> None:
    world = World()
    world.register()
    weeks(world, 5)
    assert len(snapshots(world)) == 2


def test_the_last_import_can_still_be_rolled_back() -> None:
    world = World()
    world.register()
    imports = weeks(world, 4)
    roll_back(world, imports[-1])
    assert {
        item["PK"] for item in world.table.items.values() if item["SK"] == "ROSTER" and item.get("active", True)
    } == {f"USER#lakeside#s{n}" for n in range(3)}


def test_what_a_preview_or_a_held_import_left_ends_with_the_next_import() -> None:
    world = World()
    world.register()
    weeks(world, 2)
    world.put("previews/lakeside/one.zip", zipped(roster(user("s0"), user("s1"), user("new"))))
    left = snapshots(world)
    world.pass_time(days=8)
    night(world, "s0", "s1", "s2")
    assert len(left) > 2
    assert len(snapshots(world)) == 2


def test_what_may_still_be_worked_on_is_left_alone() -> None:
    """Given nights one after the other; when each is applied; then none younger than a week is deleted."""
    world = World()
    world.register()
    for number in range(4):
        world.pass_time(days=1)
        night(world, *(f"s{n}" for n in range(number + 1)))
    assert len(snapshots(world)) == 4


def test_an_import_is_well_where_nothing_can_be_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.register()

    def refuse(**_: object) -> None:
        raise error("SlowDown", "DeleteObjects")

    monkeypatch.setattr(world.s3, "delete_objects", refuse)
    weeks(world, 4)
    assert len(snapshots(world)) == 4


def test_a_deleted_person_is_in_no_snapshot() -> None:
    world = World()
    world.register()
    weeks(world, 3)
    files = ImportFiles(world.s3, "snapshots")
    assert files.forget_person("lakeside", "s0") == 2, "in what stands, and in what stood before"
    bodies = [
        body
        for (bucket, key), body in world.s3.objects.items()
        if bucket == "snapshots" and "/people-" in key and "snapshots/" in key
    ]
    assert bodies
    assert not [body for body in bodies if b'"s0"' in body]
    assert any(b'"s1"' in body for body in bodies)


def test_who_was_deleted_and_is_on_the_roster_comes_back_as_new() -> None:
    world = World()
    world.register()
    weeks(world, 2)
    ImportFiles(world.s3, "snapshots").forget_person("lakeside", "s0")
    world.pass_time(days=1)
    report = world.upload(roster(user("s0"), user("s1"), user("s2")), name="later")
    assert report["users"]["created"] == 2
    assert report["users"]["removed"] == 0
