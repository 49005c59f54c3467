"""A delta is a set of facts about named things: what it does not name stays as it stood (M1, M2, M5)."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.roster import DistrictClass, Role, RosterUser
from tests.builders import CLASSES, ENROLLMENTS, USERS, enrolled, key, roster, user
from tests.harness import World, roll_back

COURSES = "sourcedId,status,dateLastModified,title\n"
TERMS = "sourcedId,status,dateLastModified,title,startDate,endDate,schoolYear\n"
USERS_1_2 = (
    "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,email,primaryOrgSourcedId\n"
)
ROLES = "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId\n"
AT = "2026-09-02T08:00:00Z"
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


def person(key: str, status: str = "", *, given: str = "Kim", org: str = "") -> str:
    """A users row of OneRoster 1.2."""
    return f"{key},{status},{AT if status else ''},true,{key},,{given},Person,{key}@lakeside.example,{org}\n"


def has_role(person: str, role: str, status: str = "", *, org: str = "o1", number: str = "") -> str:
    row_id = number or f"r-{person}-{role}"
    return f"{row_id},{status},{AT if status else ''},{person},primary,{role},,,{org}\n"


def roster_1_2(people: str, roles: str, enrollments: str = "") -> dict[str, str | bytes]:
    return {
        "manifest.csv": "propertyName,value\nmanifest.version,1.0\noneroster.version,1.2\n",
        "orgs.csv": "sourcedId,status,dateLastModified,name,type\no1,,,Lakeside Middle,school\no2,,,Hill High,school\n",
        "users.csv": USERS_1_2 + people,
        "roles.csv": ROLES + roles,
        "classes.csv": CLASSES + ALGEBRA,
        "enrollments.csv": ENROLLMENTS + enrollments,
    }


def enrollment(person: str, status: str, *, role: str = "student", class_id: str = "c1", number: str = "") -> str:
    return f"{number or f'e-{class_id}-{person}'},{status},{AT},{class_id},o1,{person},{role}\n"


def who(world: World, sourced_id: str) -> RosterUser:
    found = world.users.get(key(sourced_id))
    assert found
    return found


def rejected(report: dict[str, Any]) -> list[tuple[str, int, str]]:
    return [(each["file"], each["line"], each["code"]) for each in report["rejects"]]


def codes(report: dict[str, Any]) -> set[str]:
    return {each["code"] for each in report["notes"]}


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


def test_a_withdrawn_and_an_active_row_leave_a_pupil_in_the_class(world: World) -> None:
    world.upload(roster(user("s1"), enrollments=enrolled("s1")))
    rows = [enrollment("s1", "tobedeleted", number="e1"), enrollment("s1", "active", number="e2")]
    for name, order in (("one", rows), ("other", rows[::-1])):
        report = world.upload(delta(enrollments=ENROLLMENTS + "".join(order)), name=name)
        assert (report["status"], report["enrollments"]["removed"]) == ("completed", 0)
        assert who(world, "s1").attends == ("c1",)
        assert the_class(world).student_ids == ("s1",)


def test_a_delta_of_roles_alone_gives_and_takes_roles(world: World) -> None:
    # Given a teacher and a student of 1.2
    world.upload(roster_1_2(person("t1") + person("s1"), has_role("t1", "teacher") + has_role("s1", "student")))
    # When a delta holds roles.csv and nothing else
    rows = has_role("t1", "principal", "active", org="o2") + has_role("s1", "student", "tobedeleted")
    report = world.upload(delta("1.2", roles=ROLES + rows), name="delta")
    # Then the teacher administers, too, at both schools, and the pupil without a role has left
    assert (report["status"], report["rejects"]) == ("completed", [])
    assert (report["users"]["changed"], report["users"]["removed"], report["users"]["read"]) == (1, 1, 2)
    teacher = who(world, "t1")
    assert (teacher.role, teacher.also_administers, teacher.school_ids) == (Role.TEACHER, True, ("o1", "o2"))
    assert not who(world, "s1").active


def test_a_second_role_leaves_a_teacher_a_teacher(world: World) -> None:
    world.upload(roster_1_2(person("t1"), has_role("t1", "teacher")))
    world.upload(delta("1.2", roles=ROLES + has_role("t1", "student", "active", org="o2")), name="delta")
    assert (who(world, "t1").role, who(world, "t1").school_ids) == (Role.TEACHER, ("o1", "o2"))
    # And the second one alone stays when the first one goes
    world.upload(delta("1.2", roles=ROLES + has_role("t1", "teacher", "tobedeleted")), name="next")
    assert (who(world, "t1").role, who(world, "t1").school_ids) == (Role.STUDENT, ("o2",))


def test_a_users_row_of_1_2_wipes_neither_roles_nor_schools(world: World) -> None:
    roles = has_role("t1", "teacher") + has_role("t1", "principal", org="o2")
    world.upload(roster_1_2(person("t1"), roles))
    report = world.upload(delta("1.2", users=USERS_1_2 + person("t1", "active", given="Kimberly")), name="delta")
    assert (report["users"]["changed"], report["users"]["removed"]) == (1, 0)
    teacher = who(world, "t1")
    assert (teacher.given_name, teacher.role, teacher.also_administers) == ("Kimberly", Role.TEACHER, True)
    assert teacher.school_ids == ("o1", "o2")


def test_a_users_row_without_a_column_wipes_nothing_of_it(world: World) -> None:
    world.upload(roster(user("s1", ids="{Clever:abc}")))
    header = "sourcedId,status,dateLastModified,enabledUser,username,givenName,familyName\n"
    world.upload(delta("1.2", users=header + f"s1,active,{AT},true,s1,Kimberly,Person\n"), name="delta")
    found = who(world, "s1")
    assert (found.given_name, found.role, found.school_ids) == ("Kimberly", Role.STUDENT, ("o1",))
    assert (found.official_email, found.clever_ids) == ("s1@lakeside.example", ("abc",))


def test_whose_role_comes_in_the_next_delta_comes_with_it(world: World) -> None:
    # Given a delta with a new person, an enrollment and no role yet
    world.upload(roster_1_2(person("s1"), has_role("s1", "student")))
    first = delta("1.2", users=USERS_1_2 + person("s2", "active"), enrollments=ENROLLMENTS + enrollment("s2", "active"))
    report = world.upload(first, name="first")
    assert (report["users"]["created"], codes(report)) == (0, {"waits_for_role", "enrollments_left_out"})
    assert world.users.get(key("s2")) is None
    # When the next one, after another, tells the role
    world.upload(delta("1.2", users=USERS_1_2 + person("s1", "active", given="Ann")), name="between")
    report = world.upload(delta("1.2", roles=ROLES + has_role("s2", "student", "active")), name="second")
    # Then they are there, in their class
    assert report["users"]["created"] == 1
    assert (who(world, "s2").given_name, who(world, "s2").attends) == ("Kim", ("c1",))
    assert the_class(world).student_ids == ("s2",)


def test_a_guardian_becomes_a_teacher_by_a_row_of_roles(world: World) -> None:
    world.upload(roster_1_2(person("s1") + person("p1"), has_role("s1", "student") + has_role("p1", "guardian")))
    assert world.users.get(key("p1")) is None
    world.upload(delta("1.2", roles=ROLES + has_role("p1", "teacher", "active", org="o2")), name="delta")
    assert (who(world, "p1").role, who(world, "p1").given_name) == (Role.TEACHER, "Kim")


def test_of_a_guardian_of_1_1_no_name_is_kept(world: World) -> None:
    world.upload(roster(user("s1"), user("p1", "guardian", given="Penelope")))
    kept = [body for (bucket, place), body in world.s3.objects.items() if place.startswith("snapshots/")]
    assert any(b"p1" in body for body in kept)
    assert not any(b"Penelope" in body for body in kept)


def test_a_delta_of_enrollments_alone_puts_nothing_off(world: World) -> None:
    world.upload(roster(user("s1"), user("s2"), enrollments=enrolled("s1")))
    rows = enrollment("s1", "tobedeleted") + enrollment("s2", "active")
    report = world.upload(delta(enrollments=ENROLLMENTS + rows), name="delta")
    assert (report["status"], codes(report), report["rejects"]) == ("completed", set(), [])
    assert (report["enrollments"]["created"], report["enrollments"]["removed"]) == (1, 1)
    assert the_class(world).student_ids == ("s2",)


def test_a_delta_of_roles_beside_all_users_removes_nobody_who_is_there(world: World) -> None:
    world.upload(roster_1_2(person("t1") + person("s1"), has_role("t1", "teacher") + has_role("s1", "student")))
    mixed = {
        "manifest.csv": "propertyName,value\noneroster.version,1.2\nfile.users,bulk\nfile.roles,delta\n",
        "users.csv": USERS_1_2 + person("t1") + person("s1") + person("s2"),
        "roles.csv": ROLES + has_role("s2", "student", "active"),
    }
    report = world.upload(mixed, name="mixed")
    assert (report["status"], report["users"]["removed"], report["users"]["created"]) == ("completed", 0, 1)
    assert [who(world, each).role for each in ("t1", "s1", "s2")] == [Role.TEACHER, Role.STUDENT, Role.STUDENT]


def test_rows_of_a_delta_about_people_whom_nobody_knows_are_told(world: World) -> None:
    world.upload(roster_1_2(person("s1"), has_role("s1", "student")))
    rows = delta(
        "1.2",
        roles=ROLES + has_role("s8", "student", "active"),
        enrollments=ENROLLMENTS + enrollment("s1", "active") + enrollment("s9", "active"),
    )
    report = world.upload(rows, name="delta")
    assert rejected(report) == [("roles.csv", 2, "unknown_user"), ("enrollments.csv", 3, "unknown_user")]
    assert report["enrollments"]["created"] == 1
    assert the_class(world).student_ids == ("s1",)


def test_a_pupil_who_is_enrolled_twice_stays_until_both_rows_are_gone(world: World) -> None:
    twice = "e1,,,c1,o1,s1,student\ne2,,,c1,o1,s1,student\n"
    world.upload(roster(user("s1"), enrollments=twice))
    for number, left in (("e1", ("c1",)), ("e2", ())):
        row = enrollment("s1", "tobedeleted", number=number)
        report = world.upload(delta(enrollments=ENROLLMENTS + row), name=number)
        assert (report["status"], who(world, "s1").attends) == ("completed", left)


def test_an_enrollment_that_ends_under_another_id_ends_nobodys(world: World) -> None:
    # Given a pupil who came back to a class under a new enrollment
    world.upload(roster(user("s1"), enrollments="e2,,,c1,o1,s1,student\n"))
    # When a delta ends the old one, which no roster had any more
    row = enrollment("s1", "tobedeleted", number="e1")
    report = world.upload(delta(enrollments=ENROLLMENTS + row), name="delta")
    # Then the pupil stays, and the report says so
    assert (report["enrollments"]["removed"], who(world, "s1").attends) == (0, ("c1",))


def test_an_enrollment_that_goes_to_another_class_leaves_the_first_one(world: World) -> None:
    both = "c1,,,Algebra,k1,scheduled,o1,t1\nc2,,,Geometry,k1,scheduled,o1,t1\n"
    world.upload(roster(user("s1"), classes=both, enrollments="e1,,,c1,o1,s1,student\n"))
    row = enrollment("s1", "active", class_id="c2", number="e1")
    world.upload(delta(enrollments=ENROLLMENTS + row), name="delta")
    assert (who(world, "s1").attends, the_class(world, "c1").student_ids) == (("c2",), ())


def test_ids_that_several_rows_of_a_person_share_say_nothing(world: World) -> None:
    both = "c1,,,Algebra,k1,scheduled,o1,t1\nc2,,,Geometry,k1,scheduled,o1,t1\n"
    world.upload(roster(user("s1"), classes=both, enrollments="s1,,,c1,o1,s1,student\ns1,,,c2,o1,s1,student\n"))
    row = enrollment("s1", "tobedeleted", class_id="c2", number="s1")
    world.upload(delta(enrollments=ENROLLMENTS + row), name="delta")
    assert who(world, "s1").attends == ("c1",)


def test_enrollments_in_classes_that_nobody_knows_are_rejected(world: World) -> None:
    # Given a class that stands, one that the delta brings, and one that it deletes
    both = "c1,,,Algebra,k1,scheduled,o1,t1\nc2,,,Geometry,k1,scheduled,o1,t1\n"
    world.upload(roster(user("s1"), classes=both))
    rows = [enrollment("s1", "active", class_id=each) for each in ("c1", "c3", "c9", "c2")]
    classes = f"c3,active,{AT},Shapes,k1,scheduled,o1,t1\nc2,tobedeleted,{AT},Geometry,k1,scheduled,o1,t1\n"
    # When it enrolls a pupil in all of them, and in one that is nowhere
    report = world.upload(delta(classes=CLASSES + classes, enrollments=ENROLLMENTS + "".join(rows)), name="delta")
    # Then the last one is rejected with its line, and the one in the deleted class is told
    assert rejected(report) == [("enrollments.csv", 4, "unknown_class")]
    assert (note(report, "enrollments_left_out")["line"], report["enrollments"]["created"]) == (5, 2)
    assert who(world, "s1").attends == ("c1", "c3")


def test_deleting_what_is_not_there_is_read_and_told(world: World) -> None:
    world.upload(roster_1_2(person("s1"), has_role("s1", "student")))
    rows = delta(
        "1.2",
        users=USERS_1_2 + person("s8", "tobedeleted"),
        roles=ROLES + has_role("s1", "teacher", "tobedeleted") + has_role("s8", "student", "tobedeleted"),
        classes=CLASSES + f"c9,tobedeleted,{AT},Shapes,k1,scheduled,o1,t1\n",
        enrollments=ENROLLMENTS + enrollment("s1", "tobedeleted") + enrollment("s9", "tobedeleted"),
    )
    report = world.upload(rows, name="delta")
    assert (report["status"], report["rejects"], who(world, "s1").active) == ("completed", [], True)
    told = {(each["file"], each["line"], each["count"]) for each in report["notes"]}
    assert told == {("users.csv", 2, 1), ("roles.csv", 2, 2), ("classes.csv", 2, 1), ("enrollments.csv", 2, 2)}
    assert {each["code"] for each in report["notes"]} == {"nothing_to_delete"}


def test_a_mixed_upload_reads_each_file_as_the_manifest_says(world: World) -> None:
    # Given two people in a class
    world.upload(roster(user("s1"), user("s2"), enrollments=enrolled("s1") + enrolled("s2")))
    # When all users come, changes of enrollments, and no classes
    mixed = {
        "manifest.csv": "propertyName,value\noneroster.version,1.1\n"
        "file.users,bulk\nfile.enrollments,delta\nfile.classes,absent\n",
        "users.csv": USERS + user("s2") + user("s3"),
        "enrollments.csv": ENROLLMENTS + enrollment("s3", "active"),
    }
    report = world.upload(mixed, name="mixed")
    # Then who is missing among the users leaves, and nobody leaves the class for want of a row
    assert (report["status"], report["format"]["mode"], report["rejects"]) == ("completed", "delta", [])
    assert (report["users"]["created"], report["users"]["removed"]) == (1, 1)
    assert not who(world, "s1").active
    assert the_class(world).student_ids == ("s2", "s3")
