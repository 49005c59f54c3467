"""Students, teachers and staff are numbered separately in Clever and School Data Sync v1 (M20)."""

from __future__ import annotations

import pytest

from tests.bad_uploads.valid_rosters import Files
from tests.builders import key
from tests.harness import World


@pytest.fixture
def world() -> World:
    world = World()
    world.register()
    return world


STUDENTS = "School_id,Student_id,Student_number,Last_name,First_name,Grade,Student_email,Username,Password\n"
TEACHERS = "School_id,Teacher_id,Teacher_number,Teacher_email,First_name,Last_name,Title,Username,Password\n"
SECTIONS = "School_id,Section_id,Teacher_id,Teacher_2_id,Name,Course_name,Period,Term_name\n"
STAFF = "School_id,Staff_id,Staff_email,First_name,Last_name,Title\n"


def clever(
    *,
    students: str = "o1,1001,1,Ash,Ana,7,ana@lakeside.example,ana,x\no1,1002,2,Bay,Ben,7,ben@lakeside.example,ben,x\n",
    teachers: str = "o1,1001,1,bob@lakeside.example,Bob,Byrd,Mr,bob,x\n",
    staff: str = "o1,1001,gus@lakeside.example,Gus,Gray,Principal\n",
) -> Files:
    """Three people of the number 1001: Ana learns, Bob teaches her, Gus is their principal."""
    return {
        "schools.csv": "School_id,School_name,School_number\no1,Lakeside Middle,12\n",
        "students.csv": STUDENTS + students,
        "teachers.csv": TEACHERS + teachers,
        "staff.csv": STAFF + staff,
        "sections.csv": SECTIONS + "o1,c1,1001,,Algebra,Algebra,1,Fall\n",
        "enrollments.csv": "School_id,Section_id,Student_id\no1,c1,1001\no1,c1,1002\n",
    }


def school_data_sync() -> Files:
    """The same in School Data Sync v1, without staff."""
    return {
        "School.csv": "SIS ID,Name\no1,Lakeside Middle\n",
        "Student.csv": "SIS ID,School SIS ID,First Name,Last Name,Username\n"
        "1001,o1,Ana,Ash,ana@lakeside.example\n1002,o1,Ben,Bay,ben@lakeside.example\n",
        "Teacher.csv": "SIS ID,School SIS ID,First Name,Last Name,Username\n1001,o1,Bob,Byrd,bob@lakeside.example\n",
        "Section.csv": "SIS ID,School SIS ID,Section Name\nc1,o1,Algebra\n",
        "StudentEnrollment.csv": "Section SIS ID,SIS ID\nc1,1001\nc1,1002\n",
        "TeacherRoster.csv": "Section SIS ID,SIS ID\nc1,1001\n",
    }


@pytest.mark.parametrize("files", [clever(), school_data_sync()], ids=["Clever", "School Data Sync 1"])
def test_a_student_and_a_teacher_of_one_number_are_two_people(world: World, files: Files) -> None:
    report = world.upload(files)
    assert (report["users"]["rejected"], report["users"]["created"]) == (0, 4 if "staff.csv" in files else 3)
    ana, bob = world.users.get(key("1001", "student")), world.users.get(key("1001", "teacher"))
    assert ana
    assert bob
    assert (ana.display_name, ana.role, ana.teaches, ana.attends) == ("Ana Ash", "student", (), ("c1",))
    assert (bob.display_name, bob.role, bob.teaches, bob.attends) == ("Bob Byrd", "teacher", ("c1",), ())
    assert world.users.get(key("1001")) is None


def test_the_keys_end_in_the_number(world: World) -> None:
    world.upload(clever())
    rosters = sorted(pk for pk, sk in world.table.items if sk == "ROSTER")
    assert rosters == ["STAFF#lakeside#1001", "STUDENT#lakeside#1001", "STUDENT#lakeside#1002", "TEACHER#lakeside#1001"]


def test_the_teacher_is_mailed_and_the_student_of_that_number_is_not(world: World) -> None:
    report = world.upload(clever())
    world.send_mail()
    assert report["activations"] == {"queued": 1, "withheld": 0}
    assert [mail["To"] for mail in world.ses.sent] == ["bob@lakeside.example"]


def test_the_class_knows_its_students_by_their_numbers(world: World) -> None:
    world.upload(clever())
    of_class = world.classes.get("lakeside", "c1")
    assert of_class
    assert (of_class.teacher_ids, of_class.student_ids) == (("1001",), ("1001", "1002"))
    assert of_class.student_keys == [key("1001", "student"), key("1002", "student")]


def test_a_night_on_which_nothing_changed_writes_nobody(world: World) -> None:
    world.upload(clever())
    before = dict(world.table.items)
    report = world.upload({**clever(), "schools.csv": "School_id,School_name\no1,Lakeside\n"})
    assert report["users"]["unchanged"] == 4
    assert {k: v for k, v in world.table.items.items() if k[1] in ("ROSTER", "CLASS", "MEMBERS")} == {
        k: v for k, v in before.items() if k[1] in ("ROSTER", "CLASS", "MEMBERS")
    }


def test_one_who_leaves_takes_nobody_of_the_same_number_along(world: World) -> None:
    world.upload(clever())
    report = world.upload(clever(teachers="o1,1009,9,fay@lakeside.example,Fay,Finn,Ms,fay,x\n"))
    bob, ana = world.users.get(key("1001", "teacher")), world.users.get(key("1001", "student"))
    assert (bob and bob.active, ana and ana.active) == (False, True)
    assert report["rejects"][0]["code"] == "unknown_user"
    assert report["rejects"][0]["value"] == "1001"


def test_a_section_names_no_student_as_its_teacher(world: World) -> None:
    """The number is only a student's: nobody teaches, and the row is told."""
    report = world.upload(clever(teachers="o1,9,9,fay@lakeside.example,Fay,Finn,Ms,fay,x\n"))
    ana = world.users.get(key("1001", "student"))
    assert ana
    assert ana.teaches == ()
    assert (report["rejects"][0]["file"], report["rejects"][0]["column"]) == ("sections.csv", "Teacher_id")


def test_who_is_withheld_and_who_is_stuck_is_named_with_the_kind(world: World) -> None:
    report = world.upload(clever(teachers="o1,1001,1,,Bob,Byrd,Mr,bob,x\n"))
    assert report["withheld"] == [{"sourced_id": "1001", "kind": "teacher", "code": "teacher_without_email"}]
