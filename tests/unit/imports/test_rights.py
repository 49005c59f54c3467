"""Rights come from the person's role, not from a row that names them (M20)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.bad_uploads.valid_rosters import CLEVER
from tests.builders import enrolled, key, roster, user
from tests.harness import World, zipped

STAFF = "School_id,Staff_id,Staff_email,First_name,Last_name,Title,Role\n"


@pytest.fixture
def world() -> World:
    world = World()
    world.register()
    return world


def notes(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {note["code"]: note for note in report["notes"]}


def staff(*rows: str) -> dict[str, str | bytes]:
    return {**CLEVER.files, "staff.csv": STAFF + "".join(f"o1,{row}\n" for row in rows)}


def administrators(world: World, *numbers: str) -> Iterator[str]:
    for number in numbers:
        found = world.users.get(key(number, "staff"))
        if found and found.active and found.administers:
            yield number


def test_a_student_whom_an_enrollment_calls_teacher_does_not_teach(world: World) -> None:
    report = world.upload(
        roster(user("t1", "teacher"), user("s1"), enrollments=enrolled("t1", "teacher") + enrolled("s1", "teacher"))
    )
    student, teacher = world.users.get(key("s1")), world.users.get(key("t1"))
    assert student
    assert teacher
    assert (student.teaches, teacher.teaches) == ((), ("c1",))
    found = world.classes.get("lakeside", "c1")
    assert found
    assert found.teacher_ids == ("t1",)
    note = notes(report)["not_a_teacher"]
    assert (note["file"], note["line"], note["count"]) == ("enrollments.csv", 3, 1)


def test_an_administrator_whom_an_enrollment_calls_teacher_does_not_teach(world: World) -> None:
    report = world.upload(
        roster(user("t1", "teacher"), user("a1", "administrator"), enrollments=enrolled("a1", "teacher"))
    )
    assert "teaches" not in world.table.items["USER#lakeside#a1", "ROSTER"]
    assert notes(report)["not_a_teacher"]["line"] == 2


def test_the_note_is_there_every_night_the_row_is(world: World) -> None:
    rows = enrolled("s1", "teacher")
    world.upload(roster(user("t1", "teacher"), user("s1"), enrollments=rows))
    again = world.upload(roster(user("t1", "teacher"), user("s1"), user("s2"), enrollments=rows))
    assert notes(again)["not_a_teacher"]["line"] == 2


def test_a_student_who_becomes_a_teacher_teaches_until_that_ends(world: World) -> None:
    rows = enrolled("x", "teacher")
    for role, taught in (("student", ()), ("teacher", ("c1",)), ("student", ())):
        world.upload(roster(user("t1", "teacher"), user("x", role), enrollments=rows))
        found, of_class = world.users.get(key("x")), world.classes.get("lakeside", "c1")
        assert found
        assert of_class
        assert (found.teaches, of_class.teacher_ids) == (taught, ("x",) if taught else ())


def test_classes_that_an_earlier_version_noted_for_a_student_give_no_rights(world: World) -> None:
    world.upload(roster(user("t1", "teacher"), user("s1"), enrollments=enrolled("s1")))
    item = world.table.items["USER#lakeside#s1", "ROSTER"]
    world.table.put_item(Item={**item, "teaches": ["c1"]})
    student = world.users.get(key("s1"))
    assert student
    assert (student.teaches, student.attends) == ((), ("c1",))


@pytest.mark.parametrize("words", ["Principal,", ",School Administrator", ",District Admin", "principal,staff"])
def test_of_clevers_staff_who_is_called_an_administrator_is_one(world: World, words: str) -> None:
    world.upload(staff(f"a1,gus@lakeside.example,Gus,Gray,{words}"))
    assert [*administrators(world, "a1")] == ["a1"]


def test_secretary_and_cafeteria_of_clevers_staff_are_left_out_with_a_note(world: World) -> None:
    report = world.upload(
        staff(
            "a1,gus@lakeside.example,Gus,Gray,Principal,",
            "a2,sue@lakeside.example,Sue,Ash,Administrative Assistant,staff",
            "a3,lou@lakeside.example,Lou,Bay,Cafeteria,",
            "a4,it@lakeside.example,Ian,Tee,IT Admin,",
            "a5,eve@lakeside.example,Eve,Elm,,",
        )
    )
    assert [*administrators(world, "a1", "a2", "a3", "a4", "a5")] == ["a1"]
    note = notes(report)["staff_left_out"]
    assert (note["file"], note["line"], note["count"]) == ("staff.csv", 3, 4)
    assert report["users"]["removed"] == report["users"]["rejected"] == 0


def test_staff_with_a_console_of_an_earlier_version_lose_it_without_removal(world: World) -> None:
    rows = [f"a{n},a{n}@lakeside.example,Gus{n},Gray{n},Principal," for n in range(30)]
    world.upload(staff(*rows))
    report = world.upload(staff(rows[0], *(row.replace("Principal", "Secretary") for row in rows[1:])))
    assert (report["status"], report["users"]["removed"]) == ("completed", 0)
    assert [*administrators(world, *(f"a{n}" for n in range(30)))] == ["a0"]


def test_a_staff_file_is_read_once_more_than_an_earlier_version_did(world: World) -> None:
    """Its snapshot stands for the same bytes, read in another way."""
    world.upload(staff("a1,gus@lakeside.example,Gus,Gray,Principal,"))
    snapshot = world.table.items["DISTRICT#lakeside", "SNAPSHOT"]
    earlier = {**snapshot, "content": str(snapshot["content"]).removesuffix("+by-kind")}
    assert earlier != snapshot
    world.table.put_item(Item=earlier)
    statuses = [world.upload(staff("a1,gus@lakeside.example,Gus,Gray,Principal,"))["status"] for _ in range(2)]
    assert statuses == ["completed", "unchanged"]


def teacher_of_clever() -> tuple[str, str, str]:
    """The first teacher's number, address and names in the sample."""
    sheet = CLEVER.sheet("teachers.csv")
    row = dict(zip(sheet.columns, sheet.lines[1].split(","), strict=True))
    return row["Teacher_id"], row["Teacher_email"], f"{row['First_name']},{row['Last_name']}"


@pytest.mark.parametrize("title", ["Principal", "Librarian"])
def test_a_teacher_who_is_in_staff_under_another_number_is_no_shared_address(world: World, title: str) -> None:
    number, address, names = teacher_of_clever()
    report = world.upload(staff(f"9001,{address},{names},{title},"))
    assert "shared_address" not in notes(report)
    activation = world.activations.of_user(key(number, "teacher"))
    assert activation
    assert activation.official_email == address


def test_the_preview_says_the_same_of_them(world: World) -> None:
    _, address, names = teacher_of_clever()
    world.put("previews/lakeside/roster.zip", zipped(staff(f"9001,{address},{names},Principal,")))
    before = world.latest(name="latest-preview")
    after = world.upload(staff(f"9001,{address},{names},Principal,"))
    assert before["activations"] == after["activations"]


def test_an_administrator_with_a_teachers_address_and_another_name_shares_it(world: World) -> None:
    number, address, _ = teacher_of_clever()
    report = world.upload(staff(f"9001,{address},Gus,Gray,Principal,"))
    assert notes(report)["shared_address"]["count"] == 1
    assert world.activations.of_user(key(number, "teacher")) is None
