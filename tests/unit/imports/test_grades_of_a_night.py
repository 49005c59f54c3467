"""A grade that is left out waits, and graduates who leave are told as a change of school years (M3, B15)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.domain.ordinary_nights import History
from tests.builders import USERS, roster, user
from tests.harness import World, decide

OF_A_GRADE = 24
GRADES = [f"{grade:02}" for grade in range(1, 13)]
JUNE, JANUARY = datetime(2027, 6, 14, 15, tzinfo=UTC), datetime(2027, 1, 11, 15, tzinfo=UTC)


@pytest.fixture
def world() -> World:
    made = World()
    made.register()
    return made


def student(grade: str, number: int, *, called: str | None = None) -> str:
    row = user(f"s{grade}-{number}").replace(",o1,", f",school-{number % 3},", 1)
    return f"{row.strip()},{grade if called is None else called}\n"


def district(rows: Iterable[str]) -> dict[str, str | bytes]:
    """A roster of these people and twenty teachers, some of whom teach several grades."""
    teachers = [f'{user(f"t{n}", "teacher").strip()},"{"09,10" if n % 2 else ""}"\n' for n in range(20)]
    return {**roster(), "users.csv": f"{USERS.strip()},grades\n{''.join((*teachers, *rows))}"}


def everybody(*, without: str = "", called: dict[str, str] | None = None) -> list[str]:
    return [
        student(grade, number, called=(called or {}).get(grade))
        for grade in GRADES
        if grade != without
        for number in range(OF_A_GRADE)
    ]


def codes(report: dict[str, Any]) -> tuple[str, str | None]:
    return report["status"], report.get("reason", {}).get("code")


def test_a_grade_that_all_schools_lack_waits_though_as_many_came(world: World) -> None:
    # Given
    world.upload(district(everybody()))
    # When a grade is left out, in a night in which offices enter newcomers
    newcomers = [student("01", 100 + n) for n in range(OF_A_GRADE)]
    report = world.upload(district([*everybody(without="07"), *newcomers]), name="without")
    # Then
    assert codes(report) == ("held", "too_many_removed")
    assert "leave out the grade 07: remove 24 of its 24 students" in report["reason"]["message"]


def test_a_grade_of_a_delta_of_users_is_not_looked_for(world: World) -> None:
    world.upload(district(everybody()))
    delta = {
        "manifest.csv": "propertyName,value\noneroster.version,1.1\nfile.users,delta\n",
        "users.csv": f"{USERS.strip()},grades\n{student('12', 0).replace(',,,', ',active,,', 1)}",
    }
    assert codes(world.upload(delta, name="delta")) == ("completed", None)
    # What the whole roster said stands.
    assert world.table.items["DISTRICT#lakeside", "SNAPSHOT"]["grades"]["07"] == OF_A_GRADE


def test_graduates_who_leave_in_june_are_told_as_a_change_of_years(world: World) -> None:
    # Given
    world.upload(district(everybody()))
    # When
    world.now = JUNE
    report = world.upload(district(everybody(without="12")), name="june")
    # Then
    assert codes(report) == ("held", "rollover")
    assert "removes 24 of 24 students of the grade 12, the highest one" in report["reason"]["message"]
    # When a person approves, it is no ordinary night
    decide(world, report, "approve")
    assert world.latest()["status"] == "completed"
    snapshot = world.table.items["DISTRICT#lakeside", "SNAPSHOT"]
    assert not History.from_text(str(snapshot.get("nights", ""))).seasons
    assert "12" not in snapshot["grades"]


def test_the_highest_grade_that_is_missing_in_winter_has_not_graduated(world: World) -> None:
    world.upload(district(everybody()))
    world.now = JANUARY
    report = world.upload(district(everybody(without="12")), name="january")
    assert codes(report) == ("held", "too_many_removed")


def test_a_lower_grade_that_is_missing_in_june_has_not_graduated(world: World) -> None:
    world.upload(district(everybody()))
    world.now = JUNE
    report = world.upload(district(everybody(without="08")), name="june")
    assert codes(report) == ("held", "too_many_removed")


def test_grades_that_are_called_otherwise_hurt_nobody(world: World) -> None:
    world.upload(district(everybody()))
    called = {grade: grade.lstrip("0") for grade in GRADES}
    assert codes(world.upload(district(everybody(called=called)), name="otherwise")) == ("completed", None)


def test_who_is_promoted_leaves_no_grade_out(world: World) -> None:
    """A night in which everybody is in another grade, and nobody of the lowest one came yet."""
    world.upload(district(everybody()))
    called = dict(zip(GRADES, [*GRADES[1:], "13"], strict=True))
    assert codes(world.upload(district(everybody(called=called)), name="promoted")) == ("completed", None)


def test_a_column_of_grades_that_is_none_is_not_kept(world: World) -> None:
    """As where every row has another word."""
    rows = [student("01", number, called=f"x{number}") for number in range(60)]
    world.upload(district(rows))
    assert "grades" not in world.table.items["DISTRICT#lakeside", "SNAPSHOT"]


def test_grades_of_the_other_formats_are_counted(world: World) -> None:
    for name, grades in (("clever", {"9": 2}), ("sds-1", {"10": 1}), ("sds-21", {"11": 2})):
        world.register(name, email_domains=[f"{name}.example"])
        report = world.upload(OTHERS[name], district_id=name)
        assert report["status"] == "completed", report.get("reason")
        assert world.table.items[f"DISTRICT#{name}", "SNAPSHOT"]["grades"] == grades


OTHERS: dict[str, dict[str, str | bytes]] = {
    "clever": {
        "schools.csv": "School_id,School_name,School_number\n1,North,1\n",
        "students.csv": "School_id,Student_id,Last_name,First_name,Grade\n1,1,Lee,Ada,9\n1,2,Moss,Bo,9\n",
        "teachers.csv": "School_id,Teacher_id,Teacher_number,Last_name,First_name\n1,1,1,Bohr,Cy\n",
        "sections.csv": "School_id,Section_id,Teacher_id\n1,c1,1\n",
        "enrollments.csv": "School_id,Section_id,Student_id\n1,c1,1\n",
    },
    "sds-1": {
        "School.csv": "SIS ID,Name\n1,North\n",
        "Student.csv": "SIS ID,School SIS ID,Username,Grade\n1,1,ada,10\n",
        "Teacher.csv": "SIS ID,School SIS ID,Username\n1,1,bo\n",
        "Section.csv": "SIS ID,School SIS ID,Section Name\nc1,1,Algebra\n",
        "StudentEnrollment.csv": "Section SIS ID,SIS ID\nc1,1\n",
        "TeacherRoster.csv": "Section SIS ID,SIS ID\nc1,1\n",
    },
    "sds-21": {
        "orgs.csv": "sourcedId,name,type\n1,North,school\n",
        "users.csv": "sourcedId,username,givenName,familyName\n1,ada,Ada,Lee\n2,bo,Bo,Moss\n",
        "roles.csv": "userSourcedId,orgSourcedId,role,grade\n1,1,student,11\n2,1,student,11\n",
        "classes.csv": "sourcedId,orgSourcedId,title\nc1,1,Algebra\n",
        "enrollments.csv": "classSourcedId,userSourcedId,role\nc1,1,student\n",
    },
}
