"""Words and dates of roles and enrollments: read, or told; nothing counts that does nothing (M2, M8, M20)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import CLASSES, ENROLLMENTS, USERS, enrolled, key, roster, user
from tests.harness import World, zipped

DATED = ENROLLMENTS.strip() + ",primary,beginDate,endDate\n"
ORGS = "sourcedId,status,dateLastModified,name,type\no1,,,Lakeside Middle,school\n"
ROLES = "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId\n"
USERS_1_2 = "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,email\n"


@pytest.fixture
def world() -> World:
    made = World()
    made.register()
    return made


def note(report: dict[str, Any], code: str) -> dict[str, Any]:
    (found,) = [each for each in report["notes"] if each["code"] == code]
    return {name: value for name, value in found.items() if name not in ("message", "help")}


def told(report: dict[str, Any]) -> list[tuple[str, str, int, str]]:
    return [(each["code"], each["file"], each["line"], each["column"]) for each in report["rejects"]]


def dated(person: str, role: str, begins: str, ends: str, class_id: str = "c1") -> str:
    return f"e-{class_id}-{person},,,{class_id},o1,{person},{role},true,{begins},{ends}\n"


def of_1_2(people: str, roles: str, **more: str) -> dict[str, str | bytes]:
    """A bulk roster of OneRoster 1.2."""
    return {
        "manifest.csv": "propertyName,value\nmanifest.version,1.0\noneroster.version,1.2\n",
        "orgs.csv": ORGS,
        "users.csv": USERS_1_2 + people,
        "roles.csv": ROLES + roles,
        "classes.csv": CLASSES + "c1,,,Algebra,k1,scheduled,o1,t1\n",
        "enrollments.csv": ENROLLMENTS,
        **more,
    }


def person(sourced_id: str, *, enabled: str = "true") -> str:
    return f"{sourced_id},,,{enabled},{sourced_id},,Ada,Lee,{sourced_id}@lakeside.example\n"


def role(sourced_id: str, word: str, begins: str = "", ends: str = "") -> str:
    return f"r-{sourced_id}-{word},,,{sourced_id},primary,{word},{begins},{ends},o1\n"


# Words of enrollments.


@pytest.mark.parametrize("word", ["studnet", "co-teacher", "pupil", "Lehrer"])
def test_a_role_of_an_enrollment_that_is_none_is_rejected(world: World, word: str) -> None:
    report = world.upload(roster(user("s1"), user("s2"), enrollments=enrolled("s1") + enrolled("s2", word)))
    assert told(report) == [("unknown_role", "enrollments.csv", 3, "role")]
    assert (report["enrollments"]["created"], report["enrollments"]["rejected"]) == (1, 1)


@pytest.mark.parametrize("word", ["administrator", "counselor", "ext:coach", "guardian", "nurse"])
def test_a_role_that_does_nothing_in_a_class_is_counted_and_noted(world: World, word: str) -> None:
    report = world.upload(roster(user("t1", "teacher"), enrollments=enrolled("t1", word)))
    assert (report["enrollments"]["created"], report["rejects"]) == (1, [])
    assert note(report, "role_does_nothing") == {
        "code": "role_does_nothing",
        "file": "enrollments.csv",
        "line": 2,
        "count": 1,
    }


@pytest.mark.parametrize(
    "word",
    ["adjunct", "advisor", "affiliate", "alumni", "assistant", "chair", "coach", "counselor", "itAdmin", "librarian", "nurse",
     "occupationalTherapist", "officeStaff", "other", "paraprofessional", "physicalTherapist", "researcher", "socialWorker",
     "specialServices", "speechTherapist", "substitute", "teacherAssistant", "visionTherapist", "volunteer"],
)  # fmt: skip
def test_words_of_school_data_sync_that_do_nothing_are_noted(world: World, word: str) -> None:
    report = world.upload(
        {
            "orgs.csv": "sourcedId,name,type\no1,Lakeside,school\n",
            "users.csv": "sourcedId,username,givenName,familyName\nt1,t1@lakeside.example,Ada,Lee\n",
            "roles.csv": "userSourcedId,orgSourcedId,role\nt1,o1,teacher\n",
            "classes.csv": "sourcedId,orgSourcedId,title\nc1,o1,Algebra\n",
            "enrollments.csv": f"classSourcedId,userSourcedId,role\nc1,t1,{word}\n",
        }
    )
    assert (report["enrollments"]["created"], report["rejects"]) == (1, [])
    assert note(report, "role_does_nothing")["line"] == 2


# Dates of enrollments.


def test_an_enrollment_whose_end_is_past_is_over_and_told(world: World) -> None:
    rows = dated("t1", "teacher", "2025-08-15", "2026-06-12") + dated("t2", "teacher", "2026-08-15", "2027-06-12")
    files = {**roster(user("t1", "teacher"), user("t2", "teacher")), "enrollments.csv": DATED + rows}
    report = world.upload(files)
    assert (report["enrollments"]["read"], report["enrollments"]["created"]) == (1, 1)
    assert note(report, "enrollment_over") == {
        "code": "enrollment_over",
        "file": "enrollments.csv",
        "line": 2,
        "count": 1,
    }
    stored = world.classes.get("lakeside", "c1")
    assert stored is not None
    assert stored.teacher_ids == ("t2",)


def test_an_enrollment_that_ended_leaves_the_class_though_rows_are_rejected(world: World) -> None:
    files = {**roster(user("s1"), user("s2")), "enrollments.csv": DATED + dated("s1", "student", "", "")}
    world.upload(files)
    rows = dated("s1", "student", "", "2026-08-31") + dated("s2", "pupil", "", "")
    report = world.upload({**files, "enrollments.csv": DATED + rows}, name="next")
    assert (report["enrollments"]["removed"], report["enrollments"]["rejected"]) == (1, 1)


def test_an_end_is_exclusive_and_today_is_the_districts(world: World) -> None:
    """It is 1 September in Chicago."""
    people = [user(f"s{n}") for n in range(3)]
    ends = ("2026-09-01", "2026-09-02", "9/1/2026 00:00")
    rows = [dated(f"s{n}", "student", "", end) for n, end in enumerate(ends)]
    report = world.upload({**roster(*people), "enrollments.csv": DATED + "".join(rows)})
    assert report["enrollments"]["created"] == 2, "an ambiguous date ends nothing"
    assert note(report, "ambiguous_date") == {
        "code": "ambiguous_date",
        "file": "enrollments.csv",
        "line": 4,
        "count": 1,
    }


def test_a_past_and_a_present_row_of_one_pupil_leave_the_pupil_in_the_class(world: World) -> None:
    rows = dated("s1", "student", "2025-08-15", "2026-06-12") + dated("s1", "student", "2026-08-15", "")
    report = world.upload({**roster(user("s1")), "enrollments.csv": DATED + rows})
    assert report["enrollments"]["created"] == 1


def test_an_enrollment_that_has_not_begun_is_read(world: World) -> None:
    rows = dated("s1", "student", "2026-10-01", "2027-06-12")
    report = world.upload({**roster(user("s1")), "enrollments.csv": DATED + rows})
    assert report["enrollments"]["created"] == 1


def test_dates_that_are_none_are_noted_with_their_first_line(world: World) -> None:
    rows = (
        dated("s1", "student", "", "") + dated("s2", "student", "", "in June") + dated("s3", "student", "", "in June")
    )
    files = {**roster(user("s1"), user("s2"), user("s3")), "enrollments.csv": DATED + rows}
    assert note(world.upload(files), "no_date") == {"code": "no_date", "file": "enrollments.csv", "line": 3, "count": 2}


# What the same file marks as deleted.


def test_an_enrollment_in_a_class_that_the_file_deletes_is_left_out_and_told(world: World) -> None:
    classes = "c1,,,Algebra,k1,scheduled,o1,t1\nc2,tobedeleted,,Biology,k1,scheduled,o1,t1\n"
    rows = enrolled("t1", "teacher") + enrolled("t1", "teacher", "c2")
    report = world.upload(roster(user("t1", "teacher"), classes=classes, enrollments=rows))
    assert (report["enrollments"]["created"], report["rejects"]) == (1, [])
    assert note(report, "enrollments_left_out") == {
        "code": "enrollments_left_out",
        "file": "enrollments.csv",
        "line": 3,
        "count": 1,
    }
    teacher = world.users.get(key("t1"))
    assert teacher is not None
    assert teacher.teaches == ("c1",)


def test_enrollments_of_people_who_are_left_out_are_told_with_file_and_line(world: World) -> None:
    rows = enrolled("s1") + enrolled("g1") * 2
    report = world.upload(roster(user("s1"), user("g1", "guardian"), enrollments=rows))
    assert note(report, "enrollments_left_out")["line"] == 3
    assert note(report, "guardians_left_out") == {
        "code": "guardians_left_out",
        "file": "users.csv",
        "line": 3,
        "count": 1,
    }


def test_repeated_enrollments_are_told_with_file_and_line(world: World) -> None:
    report = world.upload(roster(user("s1"), enrollments=enrolled("s1") * 3))
    assert note(report, "repeated_enrollments") == {
        "code": "repeated_enrollments",
        "file": "enrollments.csv",
        "line": 3,
        "count": 2,
    }


# Roles of OneRoster 1.2.


def test_a_person_without_a_row_in_roles_is_rejected_and_not_removed(world: World) -> None:
    world.upload(of_1_2(person("t1") + person("s1"), role("t1", "teacher") + role("s1", "student")))
    report = world.upload(of_1_2(person("t1") + person("s1"), role("s1", "student")), name="next")
    assert told(report) == [("missing_value", "users.csv", 2, "role")]
    assert (report["users"]["read"], report["users"]["rejected"], report["users"]["removed"]) == (2, 1, 0)
    teacher = world.users.get(key("t1"))
    assert teacher is not None
    assert teacher.active


def test_a_rejected_role_is_told_once_and_its_person_stands(world: World) -> None:
    world.upload(of_1_2(person("t1"), role("t1", "teacher")))
    report = world.upload(of_1_2(person("t1"), role("t1", "techer")), name="next")
    assert told(report) == [("unknown_role", "roles.csv", 2, "role")]
    assert note(report, "removals_put_off")["count"] == 1
    assert "guardians_left_out" not in [each["code"] for each in report["notes"]]


@pytest.mark.parametrize(("begins", "ends"), [("2025-08-15", "2026-06-30"), ("2026-10-01", ""), ("", "2026-09-01")])
def test_a_teacher_whose_role_is_over_or_not_begun_counts_and_is_not_mailed(
    world: World, begins: str, ends: str
) -> None:
    report = world.upload(of_1_2(person("t1"), role("t1", "teacher", begins, ends)))
    assert (report["users"]["created"], report["activations"]["queued"]) == (1, 0)
    assert (note(report, "roles_over")["line"], note(report, "disabled_user")["file"]) == (2, "roles.csv")
    assert world.sqs.messages == []


def test_a_role_that_begins_is_mailed_when_the_roster_comes_then(world: World) -> None:
    files = of_1_2(person("t1"), role("t1", "teacher", "2026-10-01", ""))
    world.upload(files)
    world.pass_time(days=40)
    report = world.upload({**files, "orgs.csv": ORGS + "o2,,,Other,school\n"}, name="october")
    assert (report["users"]["changed"], report["activations"]["queued"]) == (1, 1)


def test_a_role_that_is_over_beside_one_that_is_not_does_nothing(world: World) -> None:
    rows = role("p1", "teacher", "2025-08-15", "2026-06-30") + role("p1", "student")
    report = world.upload(of_1_2(person("p1"), rows))
    found = world.users.get(key("p1"))
    assert found is not None
    assert (found.role.value, found.active) == ("student", True)
    assert note(report, "roles_over")["count"] == 1


def test_the_dates_of_school_data_syncs_roles_are_last_days(world: World) -> None:
    """Its samples end a school year on 31 May or 31 March: the date itself is still in it."""
    files = {
        "orgs.csv": "sourcedId,name,type\no1,Lakeside,school\n",
        "users.csv": "sourcedId,username,givenName,familyName\nt1,t1@lakeside.example,Ada,Lee\nt2,t2@lakeside.example,Bo,Kim\n",
        "roles.csv": "userSourcedId,orgSourcedId,role,roleStartDate,roleEndDate\n"
        "t1,o1,teacher,2025-09-01,2026-09-01\nt2,o1,teacher,2025-09-01,2026-08-31\n",
        "classes.csv": "sourcedId,orgSourcedId,title,sessionSourcedIds\nc1,o1,Algebra,y1\n",
        "academicSessions.csv": "sourcedId,title,type,schoolYear,startDate,endDate\n"
        "y1,Year,schoolYear,2027,2026-08-15,2027-03-31\n",
        "enrollments.csv": "classSourcedId,userSourcedId,role\nc1,t1,teacher\n",
    }
    report = world.upload(files)
    assert report["activations"]["queued"] == 1
    stored = world.classes.get("lakeside", "c1")
    assert stored is not None
    assert stored.ends_on == "2027-04-01"


# enabledUser.


@pytest.mark.parametrize("word", ["false", "FALSE", "0", "No", "f"])
def test_a_disabled_teacher_counts_is_told_and_not_mailed(world: World, word: str) -> None:
    row = user("t1", "teacher").replace(",true,", f",{word},")
    report = world.upload(roster(row, user("t2", "teacher")))
    assert (report["users"]["created"], report["activations"]["queued"]) == (2, 1)
    assert note(report, "disabled_user") == {"code": "disabled_user", "file": "users.csv", "line": 2, "count": 1}
    found = world.users.get(key("t1"))
    assert found is not None
    assert not found.active


def test_a_teacher_who_is_enabled_again_is_mailed_once(world: World) -> None:
    row = user("t1", "teacher")
    world.upload(roster(row.replace(",true,", ",false,")))
    assert world.upload(roster(row), name="enabled")["activations"]["queued"] == 1
    world.upload(roster(row.replace(",true,", ",false,")), name="disabled")
    world.send_mail()
    assert world.ses.sent == [], "who is disabled meanwhile is not mailed"


def test_a_preview_says_of_disabled_people_what_the_import_does(world: World) -> None:
    files = roster(user("t1", "teacher").replace(",true,", ",false,"), user("t2", "teacher"))
    preview = world.report(world.put("previews/lakeside/roster.zip", zipped(files)))
    report = world.upload(files)
    assert (preview["users"], preview["activations"], preview["matching"]) == (
        report["users"],
        report["activations"],
        report["matching"],
    )


@pytest.mark.parametrize("word", ["", "true", "TRUE", "1", "yes"])
def test_whoever_is_not_said_to_be_disabled_is_enabled(world: World, word: str) -> None:
    report = world.upload(
        roster(user("t1", "teacher").replace(",true,", f",{word},"), enrollments=enrolled("t1", "teacher"))
    )
    assert (report["activations"]["queued"], report["notes"]) == (1, [])


# The manifest.


@pytest.mark.parametrize("word", ["", "none", "n/a"])
def test_an_unclear_word_of_the_manifest_for_a_file_that_is_not_used_is_a_note(world: World, word: str) -> None:
    files = roster(user("s1"), enrollments=enrolled("s1"))
    files["manifest.csv"] = str(files["manifest.csv"]) + f"file.results,{word}\n"
    report = world.upload(files)
    assert report["status"] == "completed"
    (found,) = report["notes"]
    assert (found["code"], found["file"], found["line"]) == ("manifest_unclear", "manifest.csv", 4)
    assert "results.csv" in found["message"]


def test_an_unclear_word_of_the_manifest_for_a_used_file_names_the_file(world: World) -> None:
    files = roster(user("s1"))
    files["manifest.csv"] = str(files["manifest.csv"]) + "file.users,\n"
    report = world.upload(files)
    assert (report["status"], report["reason"]["code"]) == ("rejected", "bad_manifest")
    assert "users.csv" in report["reason"]["message"]


# Clever's dates.


def test_clevers_dates_are_month_first_where_nothing_says_otherwise(world: World) -> None:
    sections = "School_id,Section_id,Teacher_id,Name,Term_name,Term_start,Term_end\n1,c1,t1,Algebra,Y1,8/1/26,6/1/27\n"
    report = world.upload(
        {
            "schools.csv": "School_id,School_name,School_number\n1,Lakeside,1\n",
            "students.csv": "School_id,Student_id,Last_name,First_name,Grade\n1,s1,Lee,Ada,5\n",
            "teachers.csv": "School_id,Teacher_id,Teacher_email,First_name,Last_name\n1,t1,t1@lakeside.example,Bo,Kim\n",
            "sections.csv": sections,
            "enrollments.csv": "School_id,Section_id,Student_id\n1,c1,s1\n",
        }
    )
    assert report["notes"] == []
    stored = world.classes.get("lakeside", "c1")
    assert stored is not None
    assert stored.ends_on == "2027-06-02"


# Files of other systems.


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("user_id,login_id,first_name,last_name,email,status", "Canvas"),
        ("username,firstname,lastname,email,course1", "Moodle"),
        ("Student ID,Name,Grade", "sourcedId"),
    ],
)
def test_a_users_file_of_another_system_is_told_as_what_it_is(world: World, header: str, named: str) -> None:
    report = world.upload({"users.csv": f"{header}\n" + ",".join("x" for _ in header.split(",")) + "\n"})
    assert (report["status"], report["reason"]["code"]) == ("rejected", "unknown_format")
    assert named in report["reason"]["message"]
    assert (report["rejects"][0]["file"], report["rejects"][0]["line"]) == ("users.csv", 1)


def test_users_without_a_class_file_are_still_asked_for_it(world: World) -> None:
    report = world.upload({"users.csv": USERS + user("s1")})
    assert report["reason"]["code"] == "missing_file"
