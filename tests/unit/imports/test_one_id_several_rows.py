"""Several rows with one id: one person or class where they may be one, and told where they cannot (M2, M20)."""

from __future__ import annotations

import pytest

from tests.builders import CLASSES, enrolled, roster, user
from tests.harness import World


@pytest.fixture
def world() -> World:
    made = World()
    made.register()
    return made


def person(key: str, given: str, family: str, email: str = "", role: str = "student") -> str:
    return f"{key},,,true,o1,{role},{given.lower()},,{given},{family},{email},secret\n"


def section(key: str, title: str, *, course: str = "Algebra", term: str = "", school: str = "o1") -> str:
    return f"{key},,,{title},{course},scheduled,{school},{term}\n"


TERMS = {
    "academicSessions.csv": "sourcedId,status,dateLastModified,title,type,startDate,endDate,schoolYear\n"
    "q1,,,Q1,gradingPeriod,2026-08-15,2026-10-16,2027\n"
    "q2,,,Q2,gradingPeriod,2026-10-16,2026-12-19,2027\n"
    "q3,,,Q3,gradingPeriod,2027-01-05,2027-03-20,2027\n",
    "courses.csv": "sourcedId,status,dateLastModified,title,orgSourcedId\nAlgebra,,,Algebra,o1\nArt,,,Art,o1\n",
}


def test_children_without_addresses_on_one_rounded_id_are_told(world: World) -> None:
    report = world.upload(
        roster(
            person("3.60008E+11", "Ada", "Lee"),
            person("3.60008E+11", "Ben", "Kowalski"),
            person("3.60008E+11", "Cleo", "Ortiz"),
            person("3.60008E+11", "Dan", "Petrov"),
        )
    )
    assert (report["users"]["created"], report["users"]["rejected"]) == (1, 3)
    assert [(reject["code"], reject["line"]) for reject in report["rejects"]] == [
        ("id_of_another", 3),
        ("id_of_another", 4),
        ("id_of_another", 5),
    ]


@pytest.mark.parametrize(
    "again",
    [
        person("s1", "Adaline", "Lee"),
        person("s1", "ADA", "LEE"),
        person("s1", "Ada", "Lee Ortiz"),
        person("s1", "", "Lee"),
        person("s1", "Lee", "Ada"),
    ],
)
def test_another_spelling_of_one_person_is_one_person(world: World, again: str) -> None:
    report = world.upload(roster(person("s1", "Ada", "Lee"), again))
    assert (report["users"]["read"], report["users"]["created"], report["rejects"]) == (1, 1, [])


def test_rows_that_differ_only_in_the_address_are_told_with_file_and_line(world: World) -> None:
    report = world.upload(
        roster(
            person("t1", "Ada", "Lee", "ada@lakeside.example", "teacher"),
            person("t1", "Ada", "Lee", "lee@lakeside.example", "teacher"),
        )
    )
    (note,) = [note for note in report["notes"] if note["code"] == "rows_disagree"]
    assert (note["file"], note["line"], note["count"]) == ("users.csv", 3, 1)
    assert "address" in note["message"]


def test_a_class_on_a_row_for_each_quarter_is_one_class_with_the_latest_end(world: World) -> None:
    rows = [section("c1", "Algebra", term=term) for term in ("q2", "q1", "q3")]
    report = world.upload({**roster(user("s1"), classes="".join(rows), enrollments=enrolled("s1")), **TERMS})
    assert (report["classes"]["read"], report["classes"]["created"], report["rejects"]) == (1, 1, [])
    stored = world.classes.get("lakeside", "c1")
    assert stored is not None
    assert (stored.ends_on, stored.term_title) == ("2027-03-20", "Q1, Q2")
    (note,) = [note for note in report["notes"] if note["code"] == "several_rows_per_class"]
    assert (note["file"], note["line"], note["count"]) == ("classes.csv", 3, 2)


def test_quarters_in_another_order_change_nothing(world: World) -> None:
    rows = [section("c1", "Algebra", term=term) for term in ("q1", "q2", "q3")]
    world.upload({**roster(user("s1"), classes="".join(rows)), **TERMS})
    report = world.upload({**roster(user("s1"), classes="".join(reversed(rows))), **TERMS})
    assert (report["status"], report["classes"]["unchanged"]) == ("completed", 1)


def test_a_class_row_twice_is_one_class_and_removals_go_on(world: World) -> None:
    world.upload(roster(user("s1"), classes=section("c1", "Algebra") + section("c2", "Biology")))
    report = world.upload(roster(user("s1"), classes=section("c1", "Algebra") * 2))
    assert (report["classes"]["unchanged"], report["classes"]["removed"], report["rejects"]) == (1, 1, [])


@pytest.mark.parametrize(
    "other",
    [section("c1", "Pottery", course="Art"), section("c1", "Algebra", school="o2"), section("c1", "Geometry")],
)
def test_one_id_for_two_classes_is_told(world: World, other: str) -> None:
    report = world.upload({**roster(user("s1"), classes=section("c1", "Algebra") + other), **TERMS})
    assert [(reject["code"], reject["line"]) for reject in report["rejects"]] == [("class_twice", 3)]


@pytest.mark.parametrize("order", [1, -1])
def test_a_class_deleted_and_active_in_one_upload_is_there(world: World, order: int) -> None:
    rows = [section("c1", "Algebra").replace("c1,,", "c1,tobedeleted,"), section("c1", "Algebra")][::order]
    report = world.upload(roster(user("t1", "teacher"), classes="".join(rows), enrollments=enrolled("t1", "teacher")))
    assert (report["classes"]["created"], report["rejects"]) == (1, [])
    stored = world.classes.get("lakeside", "c1")
    assert stored is not None
    assert stored.teacher_ids == ("t1",)


def test_a_class_of_the_delta_that_is_deleted_and_active_stands(world: World) -> None:
    world.upload(roster(user("t1", "teacher"), enrollments=enrolled("t1", "teacher")))
    world.upload(
        {
            "manifest.csv": "propertyName,value\noneroster.version,1.1\nfile.classes,delta\n",
            "classes.csv": CLASSES
            + "c1,tobedeleted,2026-09-01,Algebra,k1,scheduled,o1,t1\n"
            + "c1,active,2026-09-01,Algebra,k1,scheduled,o1,t1\n",
        },
        name="delta",
    )
    stored = world.classes.get("lakeside", "c1")
    assert stored is not None
    assert stored.teacher_ids == ("t1",)
