"""A delta is a set of facts about named things: what it does not name stays as it stood (M1, M2, M5)."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.roster import DistrictClass
from tests.builders import CLASSES, enrolled, roster, user
from tests.harness import World, roll_back

COURSES = "sourcedId,status,dateLastModified,title\n"
TERMS = "sourcedId,status,dateLastModified,title,startDate,endDate,schoolYear\n"
ALGEBRA = "c1,,,Algebra,k1,scheduled,o1,t1\n"


@pytest.fixture
def world() -> World:
    made = World()
    made.register()
    return made


def delta(version: str = "1.1", **files: str) -> dict[str, str | bytes]:
    """A delta of these files, by the names that the manifest gives them."""
    manifest = f"propertyName,value\nmanifest.version,1.0\noneroster.version,{version}\n"
    named = "".join(f"file.{name},delta\n" for name in files)
    return {"manifest.csv": manifest + named, **{f"{name}.csv": body for name, body in files.items()}}


def with_courses_and_terms(*users: str, **more: str) -> dict[str, str | bytes]:
    files = roster(*(users or (user("s1"),)), **(more or {"classes": ALGEBRA, "enrollments": enrolled("s1")}))
    files["courses.csv"] = COURSES + "k1,,,Algebra I\nk2,,,Geometry\n"
    files["academicSessions.csv"] = (
        TERMS + "t1,,,Fall,2026-08-20,2026-12-19,2027\nt2,,,Spring,2027-01-10,2027-06-05,2027\n"
    )
    return files


def the_class(world: World, class_id: str = "c1") -> DistrictClass:
    found = world.classes.get("lakeside", class_id)
    assert found
    return found


def note(report: dict[str, Any], code: str) -> dict[str, Any]:
    return next(each for each in report["notes"] if each["code"] == code)


def test_a_class_row_without_course_and_term_wipes_neither(world: World) -> None:
    # Given a class of a course and a term
    world.upload(with_courses_and_terms())
    # When a delta gives it another title, and names neither
    report = world.upload(
        delta(classes=CLASSES + "c1,active,2026-09-02T08:00:00Z,Algebra A,,scheduled,,\n"), name="delta"
    )
    # Then it has the title, and its course, term, end and school
    found = the_class(world)
    assert (report["status"], report["classes"]["changed"]) == ("completed", 1)
    assert (found.title, found.course_title, found.term_title) == ("Algebra A", "Algebra I", "Fall")
    assert (found.ends_on, found.school_id) == ("2026-12-19", "o1")


def test_a_course_that_is_renamed_alone_renames_it_at_its_classes(world: World) -> None:
    world.upload(with_courses_and_terms())
    report = world.upload(delta(courses=COURSES + "k1,active,2026-09-02T08:00:00Z,Algebra One\n"), name="delta")
    assert (report["status"], report["rejects"]) == ("completed", [])
    assert (the_class(world).course_title, the_class(world).term_title) == ("Algebra One", "Fall")
    assert note(report, "classes_follow")["count"] == 1


def test_a_term_that_moves_alone_moves_the_end_of_its_classes(world: World) -> None:
    world.upload(with_courses_and_terms())
    moved = TERMS + "t1,active,2026-09-02T08:00:00Z,Fall,2026-08-20,2027-01-15,2027\n"
    report = world.upload(delta(academicSessions=moved), name="delta")
    assert (report["status"], report["classes"]["changed"]) == ("completed", 1)
    assert (the_class(world).ends_on, the_class(world).course_title) == ("2027-01-15", "Algebra I")


def test_a_class_goes_to_a_course_and_a_term_that_an_earlier_upload_told(world: World) -> None:
    world.upload(with_courses_and_terms())
    row = "c1,active,2026-09-02T08:00:00Z,Algebra,k2,scheduled,o1,t2\n"
    world.upload(delta(classes=CLASSES + row), name="delta")
    found = the_class(world)
    assert (found.course_title, found.term_title, found.ends_on) == ("Geometry", "Spring", "2027-06-05")


def test_a_course_that_an_undone_delta_renamed_has_its_name_again(world: World) -> None:
    # Given a delta that renamed a course, and was rolled back
    world.upload(with_courses_and_terms())
    report = world.upload(delta(courses=COURSES + "k2,active,2026-09-02T08:00:00Z,Shapes\n"), name="renamed")
    roll_back(world, report["import_id"])
    # When a class goes to that course
    row = "c1,active,2026-09-02T08:00:00Z,Algebra,k2,scheduled,o1,t1\n"
    world.upload(delta(classes=CLASSES + row), name="delta")
    # Then it has the name from before
    assert the_class(world).course_title == "Geometry"


def test_of_a_class_that_is_deleted_and_active_in_one_delta_active_counts(world: World) -> None:
    world.upload(with_courses_and_terms())
    rows = [
        "c1,tobedeleted,2026-09-02T08:00:00Z,Algebra,k1,scheduled,o1,t1\n",
        "c1,active,2026-09-02T08:00:00Z,Algebra A,k1,scheduled,o1,t1\n",
    ]
    for name, order in (("one", rows), ("other", rows[::-1])):
        report = world.upload(delta(classes=CLASSES + "".join(order)), name=name)
        assert (report["classes"]["removed"], report["rejects"]) == (0, [])
        assert (the_class(world).title, the_class(world).student_ids) == ("Algebra A", ("s1",))


def test_classes_that_an_earlier_version_noted_keep_course_and_term(world: World) -> None:
    # Given a snapshot of a version that did not note which course and which term
    world.upload(with_courses_and_terms())
    for place, body in world.s3.objects.items():
        if "/classes-" in place[1] and place[1].startswith("snapshots/"):
            world.s3.objects[place] = body.replace(b',"k1",["t1"]]', b"]")
        elif place[1].endswith("references-0.jsonl"):
            world.s3.objects[place] = b""
    # When a delta names the class, and what it names is in no file
    row = "c1,active,2026-09-02T08:00:00Z,Algebra A,k1,scheduled,o1,t1\n"
    world.upload(delta(classes=CLASSES + row), name="delta")
    # Then course, term and end stay
    found = the_class(world)
    assert (found.title, found.course_title, found.ends_on) == ("Algebra A", "Algebra I", "2026-12-19")
