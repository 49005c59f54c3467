"""Nothing is dropped in silence: each row, reference and file is acted on, rejected, or noted (M2)."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

import pytest

from functions.import_step.csv_table import folded
from tests.builders import CLASSES, ENROLLMENTS, USERS, enrolled, roster, user
from tests.corpus.corpus import Corpus
from tests.harness import World, decide

COUNTED_ONCE = {
    "users": ("several_rows_per_person", "guardians_left_out", "staff_left_out", "status_in_bulk"),
    "classes": ("several_rows_per_class", "status_in_bulk"),
    "enrollments": ("repeated_enrollments", "enrollments_left_out", "enrollment_over", "status_in_bulk"),
}
"""By what a report counts: the notes about rows that are in no other count."""
FILES = {
    "users": ("users", "students", "teachers", "staff", "student", "teacher"),
    "classes": ("classes", "sections", "section"),
    "enrollments": ("enrollments", "studentenrollment", "teacherroster"),
}
BESIDE = ("manifest", "orgs", "schools", "school", "roles", "courses", "academicsessions")
TERMS = "sourcedId,status,dateLastModified,title,type,startDate,endDate,schoolYear\n"
COURSES = "sourcedId,status,dateLastModified,title,orgSourcedId\n"


@pytest.fixture
def world() -> World:
    made = World()
    made.register()
    return made


def stem(name: str) -> str:
    return name.rpartition("/")[2].lower().removesuffix(".csv")


def rows_of(body: bytes) -> list[dict[str, str]]:
    """The rows of a CSV file, by folded header, blank lines aside."""
    for codec in ("utf-8-sig", "cp932", "cp1252"):
        try:
            text = body.decode("utf-16" if body[:2] in (b"\xff\xfe", b"\xfe\xff") else codec)
            break
        except UnicodeDecodeError:
            continue
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if any(cell.strip() for cell in row)]
    if not rows:
        return []
    header = list(map(folded, rows[0]))
    return [dict(zip(header, row, strict=False)) for row in rows[1:]]


def noted(report: Mapping[str, Any], code: str) -> list[dict[str, Any]]:
    return [note for note in report["notes"] if note["code"] == code]


def assert_every_row_is_accounted_for(report: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    """read = acted on + rejected + noted, for each kind of row; every note about rows names file and line."""
    rows = {stem(name): rows_of(body) for name, body in files.items()}
    for kind, stems in FILES.items():
        number = sum(len(rows.get(each, ())) for each in stems)
        if kind == "enrollments":
            number += sum(
                bool(cell.strip())
                for row in rows.get("sections", ())
                for column, cell in row.items()
                if column.startswith("teacher") and column.endswith("id")
            )
        of_files = {name for name in map(stem, files) if name in stems} | (
            {"sections"} if kind == "enrollments" else set()
        )
        left_out = sum(
            note["count"]
            for code in COUNTED_ONCE[kind]
            for note in noted(report, code)
            if stem(note["file"]) in of_files
        )
        counts = report[kind]
        assert counts["read"] == counts["created"] + counts["changed"] + counts["unchanged"] + counts["rejected"]
        assert number == counts["read"] + left_out, (kind, report["notes"])
    for codes in COUNTED_ONCE.values():
        for code in codes:
            assert all(note["file"] and note["line"] for note in noted(report, code)), code


def assert_every_reference_and_file_is_told(report: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    rows = {stem(name): rows_of(body) for name, body in files.items()}
    schools = {
        row.get("sourcedid") or row.get("schoolid") or row.get("sisid") or row.get("dfenumber", "")
        for each in ("orgs", "schools", "school")
        for row in rows.get(each, ())
    }
    named = {
        one.strip()
        for each in (*FILES["users"], *FILES["classes"], "roles")
        for row in rows.get(each, ())
        for column in ("orgsourcedids", "orgsourcedid", "schoolsourcedid", "schoolid", "schoolsisid", "schooldfenumber")
        for one in row.get(column, "").split(",")
        if one.strip()
    }
    told = sum(note["count"] for note in noted(report, "unknown_school"))
    assert bool(named - schools) == bool(told), (named - schools, report["notes"])
    unused = {stem(name) for name in files} - {*BESIDE, *(each for stems in FILES.values() for each in stems)}
    (count,) = [note["count"] for note in noted(report, "files_not_read")] or [0]
    assert count == len(unused)


def test_no_line_of_the_corpus_is_dropped_without_a_reject_or_a_note(corpus: Corpus) -> None:
    for roster_set in corpus.rosters:
        world = World()
        world.register()
        report = world.upload(roster_set.files)
        assert report["status"] == "completed", roster_set.name
        assert_every_row_is_accounted_for(report, roster_set.files)
        assert_every_reference_and_file_is_told(report, roster_set.files)


def test_a_roster_full_of_slips_accounts_for_every_row(world: World) -> None:
    people = [
        user("t1", "teacher"), user("t1", "teacher"), user("s1"), user("s2").replace(",true,", ",false,"), user("g1", "guardian"),
        user("s3", "studnet"), user("s4", status="tobedeleted"), ",,,true,o1,student,x,,No,Id,x@lakeside.example,p\n",
        "s6,,true,o1,student,s6,,Kim,Person,s6@lakeside.example,pw\n",
    ]  # fmt: skip
    classes = (
        "c1,,,Algebra,k1,scheduled,o1,t1\nc1,,,Algebra,k1,scheduled,o1,t1\nc1,,,Pottery,k2,scheduled,o1,t1\n"
        "c2,tobedeleted,,Biology,k1,scheduled,o9,t1\n,,,Nothing,k1,scheduled,o1,t1\n"
    )
    rows = (
        enrolled("t1", "teacher") + enrolled("s1") * 2 + enrolled("s2", "pupil") + enrolled("s1", class_id="c2")
        + enrolled("s1", class_id="c9") + enrolled("s9") + enrolled("g1", "guardian") + enrolled("t1", "administrator")
    )  # fmt: skip
    files = {
        **roster(*people, classes=classes, enrollments=rows),
        "demographics.csv": "sourcedId,birthDate\ns1,2010-01-01\n",
    }
    report = world.upload(files)
    as_bytes = {name: str(body).encode() for name, body in files.items()}
    assert_every_row_is_accounted_for(report, as_bytes)
    assert_every_reference_and_file_is_told(report, as_bytes)
    assert {each["file"]: each["rows"] for each in report["files"]} == {
        "orgs.csv": 1,
        "users.csv": 8,
        "classes.csv": 5,
        "enrollments.csv": 9,
    }


# What a used column names and cannot be found.


def test_a_school_that_the_file_of_schools_lacks_is_told_with_file_and_line(world: World) -> None:
    files = roster(user("s1"), user("s2").replace(",o1,", ",o7,"), enrollments=enrolled("s1"))
    (note,) = noted(world.upload(files), "unknown_school")
    assert (note["file"], note["line"], note["count"]) == ("users.csv", 3, 1)


def test_a_school_without_a_name_is_told(world: World) -> None:
    files = roster(user("s1"), enrollments=enrolled("s1"))
    files["orgs.csv"] = str(files["orgs.csv"]) + "o2,,,,school\n"
    (note,) = noted(world.upload(files), "school_not_usable")
    assert (note["file"], note["line"]) == ("orgs.csv", 3)


def test_courses_and_terms_that_no_file_has_are_told(world: World) -> None:
    files = {
        **roster(user("s1"), classes="c1,,,Algebra,k1,scheduled,o1,t1\nc2,,,Art,k2,scheduled,o1,t2\n"),
        "courses.csv": COURSES + "k1,,,Algebra,o1\n",
        "academicSessions.csv": TERMS + "t1,,,Fall,term,2026-08-15,2026-12-19,2027\n",
    }
    report = world.upload(files)
    for code in ("unknown_course", "unknown_term"):
        (note,) = noted(report, code)
        assert (note["file"], note["line"], note["count"]) == ("classes.csv", 3, 1)


def test_columns_that_no_roster_has_are_named(world: World) -> None:
    files = roster(enrollments=enrolled("s1"))
    files["users.csv"] = USERS.strip() + ",terms,orgs,kanaGivenName,metadata.bus\n" + user("s1").strip() + ",a,b,c,d\n"
    (note,) = noted(world.upload(files), "columns_not_read")
    assert (note["file"], note["line"], note["count"]) == ("users.csv", 1, 3)
    assert "terms, orgs, kanaGivenName" in note["message"]


def test_a_clever_id_without_braces_is_told(world: World) -> None:
    (note,) = noted(
        world.upload(roster(user("s1", ids="Clever:abc"), user("s2", ids="{Clever:abc}"))), "user_ids_not_read"
    )
    assert (note["file"], note["line"], note["count"]) == ("users.csv", 2, 1)


def test_files_of_which_nothing_is_used_are_named(world: World) -> None:
    files = {**roster(user("s1")), "demographics.csv": "sourcedId\ns1\n", "buses.csv": "line\n1\n"}
    (note,) = noted(world.upload(files), "files_not_read")
    assert (note["count"], "buses.csv, demographics.csv" in note["message"]) == (2, True)


# A part that cannot be used takes nothing away.

WITH_TERMS: dict[str, str | bytes] = {
    **roster(user("t1", "teacher"), classes="c1,,,Algebra,k1,scheduled,o1,t1\n", enrollments=enrolled("t1", "teacher")),
    "courses.csv": COURSES + "k1,,,Algebra 1,o1\n",
    "academicSessions.csv": TERMS + "t1,,,Spring,term,2026-01-15,2026-06-19,2026\n",
}


def stored(world: World) -> tuple[str | None, str | None, str | None]:
    found = world.classes.get("lakeside", "c1")
    assert found is not None
    return found.course_title, found.term_title, found.ends_on


@pytest.mark.parametrize("name", ["courses.csv", "academicSessions.csv"])
@pytest.mark.parametrize("body", ["", "header", "without an id"])
def test_a_part_that_cannot_be_used_is_told_and_takes_nothing_away(world: World, name: str, body: str) -> None:
    world.upload(WITH_TERMS)
    before = stored(world)
    header = TERMS if name == "academicSessions.csv" else COURSES
    bodies = {"": "", "header": header, "without an id": header + ",,,Spring,term,2026-01-15,2026-06-19,2026\n"}
    if body == "without an id" and name == "courses.csv":
        bodies[body] = header + ",,,Algebra 1,o1\n"
    report = world.upload({**WITH_TERMS, name: bodies[body]}, name="cut")
    assert (report["status"], report["classes"]["unchanged"], report["classes"]["changed"]) == ("completed", 1, 0)
    assert stored(world) == before == ("Algebra 1", "Spring", "2026-06-19")
    assert [note["file"] for note in noted(report, "part_not_usable")] == [name]


def test_classes_without_the_column_of_terms_keep_their_terms_and_it_is_told(world: World) -> None:
    world.upload(WITH_TERMS)
    before = stored(world)
    classes = CLASSES.replace(",termSourcedIds", "") + "c1,,,Algebra,k1,scheduled,o1\n"
    report = world.upload({**WITH_TERMS, "classes.csv": classes}, name="without")
    assert (stored(world), report["classes"]["unchanged"]) == (before, 1)
    assert noted(report, "kept_untold")[0]["count"] == 1


def test_people_without_the_column_of_addresses_keep_theirs_and_it_is_told(world: World) -> None:
    world.upload(roster(user("t1", "teacher"), user("s1"), enrollments=enrolled("s1")))
    users = "sourcedId,enabledUser,orgSourcedIds,role,username,givenName,familyName\n"
    users += "t1,true,o1,teacher,t1,Kim,Person\ns1,true,o1,student,s1,Kim,Person\n"
    report = world.upload({**roster(enrollments=enrolled("s1")), "users.csv": users}, name="without")
    assert (report["users"]["unchanged"], report["users"]["changed"]) == (2, 0)
    assert noted(report, "kept_untold")[0]["count"] == 2


# Users only.

V2_1: dict[str, str | bytes] = {
    "orgs.csv": "sourcedId,name,type\no1,Lakeside,school\n",
    "users.csv": "sourcedId,username,givenName,familyName\nt1,t1@lakeside.example,Ada,Lee\n",
    "roles.csv": "userSourcedId,orgSourcedId,role\nt1,o1,teacher\n",
}
V2_1_CLASSES: dict[str, str | bytes] = {
    "classes.csv": "sourcedId,orgSourcedId,title\nc1,o1,Algebra\n",
    "enrollments.csv": "classSourcedId,userSourcedId,role\nc1,t1,teacher\n",
}
V1: dict[str, str | bytes] = {
    "School.csv": "SIS ID,Name\no1,Lakeside\n",
    "Student.csv": "SIS ID,School SIS ID,Username\ns1,o1,s1@lakeside.example\n",
    "Teacher.csv": "SIS ID,School SIS ID,Username\nt1,o1,t1@lakeside.example\n",
}
V1_CLASSES: dict[str, str | bytes] = {
    "Section.csv": "SIS ID,School SIS ID,Section Name\nc1,o1,Algebra\n",
    "StudentEnrollment.csv": "Section SIS ID,SIS ID\nc1,s1\n",
    "TeacherRoster.csv": "Section SIS ID,SIS ID\nc1,t1\n",
}


@pytest.mark.parametrize(("people", "classes"), [(V2_1, V2_1_CLASSES), (V1, V1_CLASSES)], ids=["2.1", "1"])
def test_school_data_sync_may_have_people_alone(
    world: World, people: dict[str, str | bytes], classes: dict[str, str | bytes]
) -> None:
    report = world.upload(people)
    assert (report["status"], report["classes"]["read"], report["activations"]["queued"]) == ("completed", 0, 1)
    assert world.upload({**people, **classes}, name="all")["classes"]["created"] == 1
    alone = world.upload(people, name="alone")
    assert (alone["status"], alone["reason"]["code"]) == ("held", "classes_left_out")
    decide(world, alone, "approve")
    assert world.latest()["status"] == "completed"
    kept = world.classes.get("lakeside", "c1")
    assert kept is not None
    assert kept.teacher_ids == ("t1",)


@pytest.mark.parametrize("missing", ["classes.csv", "enrollments.csv"])
def test_classes_without_enrollments_or_the_other_way_round_are_refused(world: World, missing: str) -> None:
    files = {**V2_1, **V2_1_CLASSES}
    del files[missing]
    report = world.upload(files)
    assert (report["reason"]["code"], report["rejects"][0]["file"]) == ("missing_file", missing)


def test_people_of_the_enrollments_file_alone_are_no_roster(world: World) -> None:
    report = world.upload({"enrollments.csv": ENROLLMENTS + enrolled("s1")})
    assert report["status"] == "rejected"
