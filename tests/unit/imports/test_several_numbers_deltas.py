"""Deltas about a person under several numbers: what is said of a further number is said of that person (M7)."""

from __future__ import annotations

from typing import Any

import pytest

from functions.import_step import shards
from tests.builders import ENROLLMENTS, USERS, enrolled, key, roster, user
from tests.harness import World, roll_back

ADDRESS = "ada.lee@lakeside.example"
CLASSES = "c1,,,Algebra,k1,scheduled,o1,t1\nc2,,,Biology,k2,scheduled,o2,t1\nc3,,,Chemistry,k2,scheduled,o2,t1\n"


def person(number: str, school: str, *, status: str = "", given: str = "Ada", email: str = ADDRESS) -> str:
    return f"{number},{status},,true,{school},teacher,ada,,{given},Lee,{email},secret\n"


def bulk(*more: str, further: bool = True) -> dict[str, str | bytes]:
    rows = [person("t1", "o1"), *([person("t2", "o2")] if further else []), user("s1"), *more]
    classes = enrolled("t1", "teacher") + (enrolled("t2", "teacher", "c2") if further else "") + enrolled("s1")
    return roster(*rows, classes=CLASSES, enrollments=classes)


def delta(users: str = "", enrollments: str = "") -> dict[str, str | bytes]:
    files: dict[str, str | bytes] = {
        "manifest.csv": "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\n"
        f"file.users,{'delta' if users else 'absent'}\nfile.enrollments,{'delta' if enrollments else 'absent'}\n"
    }
    if users:
        files["users.csv"] = USERS + users
    if enrollments:
        files["enrollments.csv"] = ENROLLMENTS + enrollments
    return files


@pytest.fixture
def world() -> World:
    made = World()
    made.register()
    made.upload(bulk())
    made.send_mail()
    return made


def night(world: World, files: dict[str, str | bytes], name: str = "delta") -> dict[str, Any]:
    report = world.upload(files, name=name)
    assert (report["status"], report["rejects"]) == ("completed", [])
    assert report["activations"]["queued"] == 0
    return report


def classes_of(world: World, number: str = "t1") -> tuple[str, ...]:
    found = world.users.get(key(number))
    assert found
    return found.teaches if found.active else ()


def test_a_row_about_the_further_number_changes_nothing_and_shares_no_address(world: World) -> None:
    report = night(world, delta(person("t2", "o2", status="active")))
    assert "several_numbers" in {note["code"] for note in report["notes"]}
    assert "shared_address" not in {note["code"] for note in report["notes"]}
    assert world.users.get(key("t2")) is None
    assert classes_of(world) == ("c1", "c2")


def test_an_enrollment_of_the_further_number_is_the_persons(world: World) -> None:
    night(world, delta(enrollments=enrolled("t2", "teacher", "c3").replace(",,,c3", ",active,,c3")))
    assert classes_of(world) == ("c1", "c2", "c3")


def test_an_enrollment_of_the_further_number_that_is_deleted_ends(world: World) -> None:
    night(world, delta(enrollments=enrolled("t2", "teacher", "c2").replace(",,,c2", ",tobedeleted,,c2")))
    assert classes_of(world) == ("c1",)


def test_the_further_number_that_is_deleted_leaves_the_person(world: World) -> None:
    report = night(world, delta(person("t2", "o2", status="tobedeleted")))
    assert report["users"]["removed"] == 0
    assert classes_of(world) == ("c1", "c2")


def test_the_kept_number_that_is_deleted_leaves_the_person_who_has_another(world: World) -> None:
    report = night(world, delta(person("t1", "o1", status="tobedeleted")))
    assert report["users"]["removed"] == 0
    assert classes_of(world)


def test_who_is_deleted_under_all_numbers_leaves(world: World) -> None:
    gone = person("t1", "o1", status="tobedeleted") + person("t2", "o2", status="tobedeleted")
    assert night(world, delta(gone))["users"]["removed"] == 1
    assert classes_of(world) == ()


def test_a_second_delta_and_a_roll_back_know_the_numbers_still(world: World) -> None:
    first = night(world, delta(user("s9", status="active")), name="first")
    night(world, delta(enrollments=enrolled("t2", "teacher", "c3").replace(",,,c3", ",active,,c3")), name="second")
    assert classes_of(world) == ("c1", "c2", "c3")
    second = world.latest()["import_id"]
    assert second != first["import_id"]
    roll_back(world, second)
    night(world, delta(enrollments=enrolled("t2", "teacher", "c2").replace(",,,c2", ",tobedeleted,,c2")), name="third")
    assert classes_of(world) == ("c1",)


@pytest.mark.parametrize("shards_of", [1, 8])
def test_numbers_of_several_shards_are_found(shards_of: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "PEOPLE_PER_SHARD", 10**6 if shards_of == 1 else 1)
    world = World()
    world.register()
    world.upload(bulk(*(user(f"s{n}") for n in range(2, 12))))
    world.send_mail()
    night(world, delta(enrollments=enrolled("t2", "teacher", "c3").replace(",,,c3", ",active,,c3")))
    assert classes_of(world) == ("c1", "c2", "c3")
