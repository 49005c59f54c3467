"""A district that grows is split into more shards: the people it had are found again in them, and no other is."""

from __future__ import annotations

import pytest

from functions.import_step import shards
from shared.domain.roster import RosterUserKey
from tests.builders import enrolled, roster, user
from tests.harness import World

FEW, MANY = 12, 60
PER_SHARD = 10


def students(number: int) -> list[str]:
    return [f"s{n}" for n in range(number)]


def school_of(keys: list[str], *, renamed: str = "") -> dict[str, str | bytes]:
    people = [user(key, given="Zoe" if key == renamed else "Kim") for key in keys]
    return roster(*people, enrollments="".join(map(enrolled, keys)))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(shards, "PEOPLE_PER_SHARD", PER_SHARD)
    made = World()
    made.register(removal_threshold_count=1_000, removal_threshold_percent=100)
    made.upload(school_of(students(FEW)))
    return made


def shards_of(world: World) -> int:
    return int(world.table.items["DISTRICT#lakeside", "SNAPSHOT"]["shards"])


def test_who_was_there_before_the_district_grew_is_not_new(world: World) -> None:
    before = shards_of(world)
    report = world.upload(school_of(students(MANY), renamed="s3"), name="grown")
    assert shards_of(world) > before
    users = report["users"]
    assert (users["created"], users["changed"], users["unchanged"], users["removed"]) == (MANY - FEW, 1, FEW - 1, 0)


def test_who_is_missing_when_the_district_grew_is_removed(world: World) -> None:
    later = [key for key in students(MANY) if key not in ("s0", "s5")]
    report = world.upload(school_of(later), name="grown")
    assert report["users"]["removed"] == 2
    missing = world.users.get(RosterUserKey("lakeside", "s5"))
    assert missing is not None
    assert not missing.active


def test_a_district_that_shrinks_keeps_its_shards_and_its_people(world: World) -> None:
    world.upload(school_of(students(MANY)), name="grown")
    grown = shards_of(world)
    report = world.upload(school_of(students(FEW)), name="shrunk")
    assert (report["users"]["removed"], report["users"]["unchanged"]) == (MANY - FEW, FEW)
    assert shards_of(world) == grown
