"""Deltas about a person under several numbers: what is said of a further number is said of that person (M7)."""

from __future__ import annotations

from typing import Any

import pytest

from functions.import_step import one_person, shards
from tests.builders import ENROLLMENTS, USERS, enrolled, key, roster, user
from tests.harness import World, decide, roll_back

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


# Numbers that no upload had before.


@pytest.mark.parametrize("shards_of", [1, 8])
def test_a_new_number_of_somebody_who_stands_is_that_person(shards_of: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "PEOPLE_PER_SHARD", 10**6 if shards_of == 1 else 1)
    world = World()
    world.register()
    world.upload(bulk(*(user(f"s{n}") for n in range(2, 12)), further=False))
    world.send_mail()
    # When a delta brings the teacher under another number, with another school and class
    rows = enrolled("t9", "teacher", "c3").replace(",,,c3", ",active,,c3")
    report = night(world, delta(person("t9", "o3", status="active"), rows))
    # Then it is the one teacher, who has both
    assert (report["users"]["read"], report["users"]["created"], report["users"]["changed"]) == (1, 0, 1)
    codes = {note["code"] for note in report["notes"]}
    assert ("several_numbers" in codes, "shared_address" in codes) == (True, False)
    assert (world.users.get(key("t9")), classes_of(world)) == (None, ("c1", "c3"))
    found = world.users.get(key("t1"))
    assert found
    assert found.school_ids == ("o1", "o3")


def test_a_new_system_that_deletes_the_old_numbers_later_mails_nobody() -> None:
    # Given deltas of a new information system: first the new number, then the old one is deleted
    world = World()
    world.register()
    world.upload(bulk(further=False))
    world.send_mail()
    rows = enrolled("t9", "teacher", "c1").replace(",,,c1", ",active,,c1")
    night(world, delta(person("t9", "o1", status="active"), rows), name="comes")
    gone = enrolled("t1", "teacher", "c1").replace(",,,c1", ",tobedeleted,,c1")
    report = night(world, delta(person("t1", "o1", status="tobedeleted"), gone), name="goes")
    assert (report["users"]["removed"], classes_of(world)) == (0, ("c1",))
    # When a whole roster has the new number alone
    files = bulk(further=False)
    files = {name: str(body).replace("t1,", "t9,") for name, body in files.items()}
    report = night(world, {name: str(body).replace("-t1", "-t9") for name, body in files.items()}, name="all")
    # Then the teacher is known under it
    assert (report["id_changes"], report["users"]["removed"], classes_of(world, "t9")) == (1, 0, ("c1",))
    world.send_mail()
    assert len(world.ses.sent) == 1


def test_a_delta_joins_nobody_who_stands_with_somebody_else_who_does(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given two numbers of one person that stand apart, as an earlier version read them
    world = World()
    world.register()
    with monkeypatch.context() as earlier:
        earlier.setattr(one_person, "_MOST_NUMBERS", 1)
        world.upload(bulk())
    # When a delta names one of them, and a third one
    rows = person("t2", "o2", status="active") + person("t9", "o3", status="active")
    world.upload(delta(rows), name="delta")
    # Then the new one alone is joined, and both keep their classes
    assert (classes_of(world), classes_of(world, "t2"), world.users.get(key("t9"))) == (("c1",), ("c2",), None)


def test_a_namesake_at_a_new_number_with_another_address_is_somebody_else(world: World) -> None:
    report = world.upload(delta(person("t9", "o1", status="active", email="ada.lee2@lakeside.example")), name="delta")
    assert (report["users"]["created"], report["activations"]["queued"]) == (1, 1)


def test_somebody_of_another_name_at_a_known_address_shares_it(world: World) -> None:
    report = world.upload(delta(person("t9", "o1", status="active", given="Bea")), name="delta")
    assert (report["users"]["created"], report["activations"]) == (1, {"queued": 0, "withheld": 1})


def test_a_number_that_goes_and_one_that_comes_in_a_delta_are_one_person() -> None:
    world = World()
    world.register()
    world.upload(bulk(further=False))
    world.send_mail()
    changes = person("t1", "o1", status="tobedeleted") + person("t9", "o1", status="active")
    report = night(world, delta(changes, enrolled("t9", "teacher").replace(",,,c1", ",active,,c1")))
    assert (report["users"]["created"], report["users"]["removed"], report["id_changes"]) == (0, 0, 1)
    assert classes_of(world, "t9") == ("c1",)
    activation = world.activations.of_user(key("t9"))
    assert activation
    assert activation.sent_at
    roll_back(world, report["import_id"])
    assert classes_of(world, "t1") == ("c1",)


def test_a_delta_that_numbers_everybody_anew_waits_and_then_mails_nobody() -> None:
    world = World()
    world.register()
    old = [user(f"t{n}", "teacher", given=f"Given{n}") for n in range(8)]
    world.upload(roster(*old, enrollments="".join(enrolled(f"t{n}", "teacher") for n in range(8))))
    world.send_mail()
    mailed = len(world.ses.sent)
    rows = "".join(user(f"t{n}", "teacher", given=f"Given{n}", status="tobedeleted") for n in range(8))
    rows += "".join(
        user(f"n{n}", "teacher", given=f"Given{n}", email=f"t{n}@lakeside.example", status="active") for n in range(8)
    )
    classes = "".join(enrolled(f"n{n}", "teacher").replace(",,,c1", ",active,,c1") for n in range(8))
    report = world.upload(delta(rows, classes), name="delta")
    assert (report["status"], report["reason"]["code"], report["id_changes"]) == ("held", "ids_changed", 8)
    decide(world, report, "approve")
    report = world.latest()
    assert (report["users"]["removed"], report["users"]["created"], report["activations"]["queued"]) == (0, 0, 0)
    world.send_mail()
    assert len(world.ses.sent) == mailed
