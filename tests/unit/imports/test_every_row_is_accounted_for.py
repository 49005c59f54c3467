"""Nothing is dropped in silence: each row, reference and file is acted on, rejected, or noted (M2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.builders import CLASSES, ENROLLMENTS, USERS, enrolled, roster, user
from tests.corpus.corpus import Corpus
from tests.harness import World, decide
from tests.ledger import CLASSES as CLASS_FILES
from tests.ledger import ENROLLMENTS as ENROLLMENT_FILES
from tests.ledger import OF_ALL, OF_ROWS, PEOPLE, SCHOOLS, Standing, rows_of, stem, without_balance

TERMS = "sourcedId,status,dateLastModified,title,type,startDate,endDate,schoolYear\n"
COURSES = "sourcedId,status,dateLastModified,title,orgSourcedId\n"
ORGS = "sourcedId,status,dateLastModified,name,type\n"


@pytest.fixture
def world() -> World:
    made = World()
    made.register()
    return made


def noted(report: Mapping[str, Any], code: str) -> list[dict[str, Any]]:
    return [note for note in report["notes"] if note["code"] == code]


def assert_every_row_is_accounted_for(
    world: World, report: Mapping[str, Any], files: Mapping[str, str | bytes], before: Standing | None = None
) -> None:
    """read = acted on + rejected + noted, for each file and for each kind of row; a note about rows names file and line."""
    assert without_balance(world, report, files, before) == []
    is_delta = report["format"]["mode"] == "delta"
    for kind in ("users", "classes", "enrollments"):
        counts = report[kind]
        sum_ = counts["created"] + counts["changed"] + counts["unchanged"] + counts["rejected"]
        # Who leaves loses classes that no row names.
        most = sum_ + counts["removed"] * is_delta
        assert (sum_ <= counts["read"] <= most) if kind == "enrollments" else (counts["read"] == most), kind
    about_rows = set().union(*OF_ROWS.values(), OF_ALL)
    assert [
        note for note in report["notes"] if note["code"] in about_rows and not (note["file"] and note["line"])
    ] == []


def assert_every_reference_and_file_is_told(report: Mapping[str, Any], files: Mapping[str, str | bytes]) -> None:
    rows = {stem(name): rows_of(body if isinstance(body, bytes) else body.encode()) for name, body in files.items()}
    schools = {row.get("sourcedid", "schoolid", "sisid", "dfenumber") for each in SCHOOLS for row in rows.get(each, ())}
    named = {
        one.strip()
        for each in (*PEOPLE, *CLASS_FILES, "roles")
        for row in rows.get(each, ())
        for column in ("orgsourcedids", "orgsourcedid", "schoolsourcedid", "schoolid", "schoolsisid", "schooldfenumber")
        for one in row.get(column).split(",")
        if one.strip()
    }
    told = sum(note["count"] for note in noted(report, "unknown_school"))
    assert bool(named - schools) == bool(told), (named - schools, report["notes"])
    read = {*PEOPLE, *CLASS_FILES, *ENROLLMENT_FILES, *SCHOOLS, "manifest", "roles", "courses", "academicsessions"}
    unused = {stem(name) for name in files} - read
    (count,) = [note["count"] for note in noted(report, "files_not_read")] or [0]
    assert count == len(unused)


def test_no_line_of_the_corpus_is_dropped_without_a_reject_or_a_note(corpus: Corpus) -> None:
    for roster_set in (*corpus.rosters, *corpus.deltas):
        world = World()
        world.register()
        report = world.upload(roster_set.files)
        assert report["status"] == "completed", roster_set.name
        assert_every_row_is_accounted_for(world, report, roster_set.files)
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
        "orgs.csv": ORGS
        + f"o1,,,Lakeside,school\no1,,,Again,school\n{'x' * 300},,,Long,school\no2,tobedeleted,,Gone,school\n",
        "academicSessions.csv": TERMS
        + "t1,,,Fall,term,2026-08-15,2026-12-19,2027\nt1,,,Fall,term,2026-08-15,2026-12-19,2027\n"
        + "t2,tobedeleted,,Spring,term,2027-01-07,2027-06-01,2027\n,,,Summer,term,2027-06-02,2027-08-01,2027\n",
        "courses.csv": COURSES + "k1,,,Algebra,o1\nk1,,,Geometry,o1\nk2,inactive,,Pottery,o1\n",
        "demographics.csv": "sourcedId,birthDate\ns1,2010-01-01\n",
    }
    report = world.upload(files)
    assert_every_row_is_accounted_for(world, report, files)
    assert_every_reference_and_file_is_told(report, files)
    assert {each["file"]: each["rows"] for each in report["files"]} == {
        "orgs.csv": 4,
        "users.csv": 8,
        "classes.csv": 5,
        "enrollments.csv": 9,
        "academicSessions.csv": 4,
        "courses.csv": 3,
    }


V1_2_USERS = "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,email\n"
V1_2_ROLES = "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId\n"


def v1_2(manifest: str, **files: str) -> dict[str, str | bytes]:
    """Files of OneRoster 1.2, by stem, with a manifest that says what they are."""
    words = "".join(f"file.{name},{manifest}\n" for name in files)
    bodies: dict[str, str | bytes] = {f"{name}.csv": body for name, body in files.items()}
    return {"manifest.csv": f"propertyName,value\nmanifest.version,1.0\noneroster.version,1.2\n{words}", **bodies}


def test_roles_on_their_own_account_for_every_row(world: World) -> None:
    """Those that do nothing, are over or have not begun, and those of somebody unknown among them."""
    users = "".join(f"{key},,,true,{key},,Kim,{key},{key}@lakeside.example\n" for key in ("t1", "s1", "g1", "x1"))
    roles = (
        "r1,,,t1,primary,teacher,,,o1\nr2,,,t1,secondary,counselor,,,o1\nr3,,,t1,secondary,principal,2019-08-01,2020-06-01,o1\n"
        "r4,,,s1,primary,student,,,o1\nr5,,,s1,secondary,student,2030-08-01,,o1\nr6,,,g1,primary,guardian,,,o1\n"
        "r7,,,s9,primary,student,,,o1\nr8,,,s1,primary,studnet,,,o1\nr9,tobedeleted,,s1,primary,teacher,,,o1\n"
    )
    files = v1_2("bulk", orgs=ORGS + "o1,,,Lakeside,school\n", users=V1_2_USERS + users, roles=V1_2_ROLES + roles,
                 classes=CLASSES + "c1,,,Algebra,k1,scheduled,o1,t1\n", enrollments=ENROLLMENTS + enrolled("s1"))  # fmt: skip
    report = world.upload(files)
    assert_every_row_is_accounted_for(world, report, files)
    (note,) = [each for each in noted(report, "role_does_nothing") if each["file"] == "roles.csv"]
    assert (note["line"], note["count"]) == (3, 2)


def test_a_delta_accounts_for_every_row(world: World) -> None:
    people = [user("t1", "teacher"), user("s1"), user("s2"), user("s3")]
    world.upload(roster(*people, enrollments=enrolled("t1", "teacher") + enrolled("s1") + enrolled("s2")))
    before = Standing.of(world)
    changes = [
        user("s2", status="tobedeleted"), user("s9", status="tobedeleted"), user("s4", status="active"),
        user("s5", "studnet", status="active"), user("s3", status="gone"), user("g1", "parent", status="active"),
    ]  # fmt: skip
    rows = [
        enrolled("s3"), enrolled("s8"), enrolled("s3", class_id="c9"), enrolled("s3", "pupil"), enrolled("s3", "proctor"),
        enrolled("s1").replace(",,,", ",tobedeleted,,", 1), enrolled("s4").replace(",,,", ",tobedeleted,,", 1),
    ]  # fmt: skip
    files: dict[str, str | bytes] = {
        "manifest.csv": "propertyName,value\noneroster.version,1.1\nfile.orgs,delta\nfile.users,delta\nfile.classes,delta\n"
        "file.enrollments,delta\nfile.courses,delta\nfile.academicSessions,delta\n",
        "orgs.csv": ORGS + "o1,tobedeleted,,Lakeside,school\no2,active,,Hillside,school\n",
        "users.csv": USERS + "".join(changes),
        "classes.csv": CLASSES
        + "c1,active,,Algebra 2,k1,scheduled,o1,t1\nc9,tobedeleted,,Biology,k1,scheduled,o1,t1\n"
        + ",active,,No id,k1,scheduled,o1,t1\n",
        "enrollments.csv": ENROLLMENTS + "".join(rows),
        "courses.csv": COURSES + "k1,active,,Algebra,o1\n,active,,No id,o1\n",
        "academicSessions.csv": TERMS + "t1,active,,Fall,term,2026-08-15,2026-12-19,2027\n",
    }
    report = world.upload(files, name="delta")
    assert report["status"] == "completed"
    assert_every_row_is_accounted_for(world, report, files, before)


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


def test_other_files_of_a_zip_are_named_and_those_that_systems_hide_are_not(world: World) -> None:
    files = {
        **roster(user("s1")),
        "README.txt": "hello",
        "old/users.xlsx": b"PK",
        ".DS_Store": b"\0",
        "__MACOSX/._users.csv": b"\0",
    }
    (note,) = noted(world.upload(files), "files_not_read")
    assert (note["count"], "README.txt, users.xlsx" in note["message"]) == (2, True)


def test_a_file_that_another_format_would_read_is_named(world: World) -> None:
    (note,) = noted(world.upload({**V1, "courses.csv": COURSES + "k1,,,Algebra,o1\n"}), "files_not_read")
    assert "courses.csv" in note["message"]


def test_a_line_of_the_manifest_that_is_not_known_is_named(world: World) -> None:
    """``files.users`` for ``file.users`` would leave a file's mode to be guessed."""
    files = roster(user("s1"))
    files["manifest.csv"] = str(files["manifest.csv"]) + "files.users,bulk\nsource.systemName,SIS\nsource.vendor,us\n"
    (note,) = noted(world.upload(files), "manifest_not_read")
    assert (note["file"], note["line"], note["count"]) == ("manifest.csv", 4, 2)
    assert "files.users, source.vendor" in note["message"]


@pytest.mark.parametrize(
    ("written", "read", "is_noted"),
    [
        ("2027", "2027", False),
        ("2026-2027", "2027", False),
        ("2026/27", "2027", False),
        ("2026-2028", "", True),
        ("SY27", "", True),
    ],
)
def test_a_school_year_is_the_year_in_which_it_ends(world: World, written: str, read: str, is_noted: bool) -> None:
    files = {**WITH_TERMS, "academicSessions.csv": TERMS + f"t1,,,Spring,term,2026-01-15,2027-06-19,{written}\n"}
    notes = noted(world.upload(files), "no_school_year")
    assert world.table.items["DISTRICT#lakeside", "SNAPSHOT"]["school_year"] == read
    assert [(note["file"], note["line"]) for note in notes] == [("academicSessions.csv", 2)] * is_noted


def test_a_school_that_a_delta_names_and_nobody_knows_is_told(world: World) -> None:
    world.upload(roster(user("s1"), enrollments=enrolled("s1")))
    rows = user("s2", status="active") + user("s3", status="active").replace(",o1,", ",o7,")
    delta = {"manifest.csv": "propertyName,value\noneroster.version,1.1\nfile.users,delta\n", "users.csv": USERS + rows}
    (note,) = noted(world.upload(delta, name="delta"), "unknown_school")
    assert (note["file"], note["line"], note["count"]) == ("users.csv", 3, 1)


def test_somebody_who_waits_for_a_role_is_told_with_file_and_line(world: World) -> None:
    world.upload(roster(user("s1"), enrollments=enrolled("s1")))
    delta = v1_2("delta", users=V1_2_USERS + "s2,active,,true,s2,,Kim,Two,s2@lakeside.example\n")
    (note,) = noted(world.upload(delta, name="delta"), "waits_for_role")
    assert (note["file"], note["line"], note["count"]) == ("users.csv", 2, 1)


@pytest.mark.parametrize(
    "rows",
    [
        "k1,active,,Algebra 2,o1\nk1,tobedeleted,,Algebra 2,o1\n",
        "k1,tobedeleted,,Algebra 2,o1\nk1,active,,Algebra 2,o1\n",
    ],
)
def test_of_a_course_deleted_and_told_in_one_delta_the_active_row_counts(world: World, rows: str) -> None:
    world.upload(WITH_TERMS)
    delta = {
        "manifest.csv": "propertyName,value\noneroster.version,1.1\nfile.courses,delta\n",
        "courses.csv": COURSES + rows,
    }
    world.upload(delta, name="delta")
    assert stored(world)[0] == "Algebra 2"


def test_roles_as_a_delta_beside_whole_users_are_read_as_a_delta(world: World) -> None:
    """A status that nobody knows decides who has a role there: it is rejected, and not read as active."""
    whole = v1_2("bulk", users=V1_2_USERS + "s1,,,true,s1,,Kim,One,s1@lakeside.example\n",
                 roles=V1_2_ROLES + "r1,,,s1,primary,student,,,o1\n", classes=CLASSES, enrollments=ENROLLMENTS)  # fmt: skip
    world.upload(whole)
    changed = {**whole, "roles.csv": V1_2_ROLES + "r2,tobedelted,,s1,primary,teacher,,,o1\n"}
    changed["manifest.csv"] = str(whole["manifest.csv"]).replace("file.roles,bulk", "file.roles,delta")
    (reject,) = world.upload(changed, name="changed")["rejects"]
    assert (reject["file"], reject["line"], reject["code"]) == ("roles.csv", 2, "unknown_status")


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
