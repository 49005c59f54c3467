"""One person under several numbers is one person: mailed, linked, in the classes of all numbers; two people are stuck (M7)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.import_step import plan as plans
from functions.import_step import shards
from functions.import_step.plan import Import
from functions.import_step.steps import ingest
from tests.builders import account, enrolled, key, roster, user
from tests.harness import World, zipped
from tests.pages_harness import PASSWORD, Website, log_in

ADDRESS = "ada.lee@lakeside.example"
CLASSES = "c1,,,Algebra,k1,scheduled,o1,t1\nc2,,,Biology,k2,scheduled,o2,t1\n"


@pytest.fixture
def world() -> World:
    made = World()
    made.register()
    return made


@pytest.fixture
def many_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """People and parts of an upload are spread as those of a large district are."""
    monkeypatch.setattr(shards, "PEOPLE_PER_SHARD", 1)
    monkeypatch.setattr(plans, "PIECE", 200)
    scan = ingest.scan
    monkeypatch.setattr(ingest, "scan", lambda file, **more: scan(file, piece=200, **more))


def person(
    sourced_id: str, school: str, *, role: str = "teacher", given: str = "Ada", email: str = ADDRESS, ids: str = ""
) -> str:
    return f"{sourced_id},,,true,{school},{role},ada,{ids},{given},Lee,{email},secret\n"


def ed_fi(*more: str) -> dict[str, str | bytes]:
    """A teacher of two schools as Ed-Fi writes her: a user for each, with the classes of each."""
    files = roster(
        person("t1-o1", "o1"),
        person("t1-o2", "o2"),
        *more,
        classes=CLASSES,
        enrollments=enrolled("t1-o1", "teacher") + enrolled("t1-o2", "teacher", "c2"),
    )
    return {**files, "orgs.csv": str(files["orgs.csv"]) + "o2,,,Lakeside High,school\n"}


def codes(report: dict[str, Any]) -> set[str]:
    return {note["code"] for note in report["notes"]}


@pytest.mark.parametrize("spread", [False, True])
def test_a_user_for_each_school_is_one_person_with_the_classes_of_both(
    world: World, spread: bool, request: pytest.FixtureRequest
) -> None:
    if spread:
        request.getfixturevalue("many_shards")
    report = world.upload(ed_fi(*(user(f"s{n}") for n in range(12))))
    assert report["users"]["read"] == report["users"]["created"] == 13
    assert report["activations"] == {"queued": 1, "withheld": 0}
    teacher = world.users.get(key("t1-o1"))
    assert teacher is not None
    assert (teacher.teaches, teacher.school_ids) == (("c1", "c2"), ("o1", "o2"))
    assert world.users.get(key("t1-o2")) is None
    for class_id in ("c1", "c2"):
        stored = world.classes.get("lakeside", class_id)
        assert stored is not None
        assert stored.teacher_ids == ("t1-o1",)
    (note,) = [note for note in report["notes"] if note["code"] == "several_numbers"]
    assert (note["file"], note["line"], note["count"]) == ("users.csv", 3, 1)


@pytest.mark.usefixtures("many_shards")
def test_classes_of_the_other_number_count_where_the_first_has_none(world: World) -> None:
    files = ed_fi(*(user(f"s{n}") for n in range(12)))
    files["enrollments.csv"] = roster(enrollments=enrolled("t1-o2", "teacher", "c2"))["enrollments.csv"]
    world.upload(files)
    teacher = world.users.get(key("t1-o1"))
    assert teacher is not None
    assert teacher.teaches == ("c2",)


def test_the_next_night_changes_nothing_for_a_teacher_of_two_numbers(world: World) -> None:
    world.upload(ed_fi(user("s1")))
    mailed = len(world.sqs.messages)
    report = world.upload(ed_fi(user("s1", given="Bo")), name="next")
    assert (report["users"]["unchanged"], report["users"]["changed"], report["users"]["removed"]) == (1, 1, 0)
    assert (report["enrollments"]["unchanged"], len(world.sqs.messages)) == (2, mailed)


def test_a_preview_says_the_same_of_several_numbers(world: World) -> None:
    files = ed_fi(user("s1"))
    preview = world.report(world.put("previews/lakeside/roster.zip", zipped(files)))
    report = world.upload(files)
    for part in ("users", "enrollments", "activations", "matching"):
        assert preview[part] == report[part], part


def test_people_who_stood_under_two_numbers_become_one_and_nobody_is_removed(world: World, monkeypatch: Any) -> None:
    with monkeypatch.context() as before:
        before.setattr(ingest, "addresses_of_several", lambda _marks: {})
        assert world.upload(ed_fi(user("s1")))["activations"]["withheld"] == 2
    report = world.upload(ed_fi(user("s1", given="Bo")), name="next")
    assert (report["status"], report["users"]["removed"], report["activations"]["queued"]) == ("completed", 0, 1)
    other = world.users.get(key("t1-o2"))
    assert other is not None
    assert not other.active


def test_a_student_under_two_numbers_is_one_student(world: World) -> None:
    rows = person("s1-a", "o1", role="student") + person("s1-b", "o2", role="student")
    report = world.upload(roster(rows, enrollments=enrolled("s1-a") + enrolled("s1-b")))
    assert report["users"]["created"] == 1
    assert report["matching"]["unmatched_students"] == 1


@pytest.mark.parametrize(
    "other",
    [
        person("t2", "o1", given="Bo"),
        person("t2", "o1", role="student"),
        person("t2", "o1", ids="{Clever:two}"),
    ],
    ids=["another name", "another role", "another Clever id"],
)
def test_two_people_with_one_address_are_two_and_stuck(world: World, other: str) -> None:
    report = world.upload(roster(person("t1", "o1", ids="{Clever:one}"), other))
    assert report["users"]["created"] == 2
    assert report["activations"]["queued"] == 0
    assert {"shared_address"} <= codes(report)
    assert "several_numbers" not in codes(report)


def test_an_address_that_very_many_numbers_have_joins_nobody(world: World) -> None:
    report = world.upload(
        roster(*(person(f"s{n}", "o1", role="student", email="none@lakeside.example") for n in range(30)))
    )
    assert report["users"]["created"] == 30


def test_two_clever_numbers_of_one_teacher_are_one_teacher(world: World) -> None:
    report = world.upload(
        {
            "schools.csv": "School_id,School_name,School_number\n1,Lakeside,1\n",
            "students.csv": "School_id,Student_id,Last_name,First_name,Grade\n1,7,Lee,Kim,5\n",
            "teachers.csv": "School_id,Teacher_id,Teacher_email,First_name,Last_name\n"
            f"1,7,{ADDRESS},Ada,Lee\n1,8,{ADDRESS},Ada,Lee\n",
            "sections.csv": "School_id,Section_id,Teacher_id,Name\n1,c1,7,Algebra\n1,c2,8,Biology\n",
            "enrollments.csv": "School_id,Section_id,Student_id\n1,c1,7\n",
        }
    )
    assert (report["users"]["created"], report["activations"]["queued"]) == (2, 1)
    teacher = world.users.get(key("7", "teacher"))
    assert teacher is not None
    assert teacher.teaches == ("c1", "c2")


# The first night after an upgrade: an earlier version took the rows of several numbers for several people.


def stood_apart(world: World, monkeypatch: pytest.MonkeyPatch, *nights: dict[str, str | bytes]) -> Website:
    """These uploads as a version imported them that joined nobody."""
    with monkeypatch.context() as before:
        before.setattr(ingest, "addresses_of_several", lambda _marks: {})
        for place, files in enumerate(nights):
            world.upload(files, name=f"before-{place}")
            world.send_mail()
    return Website(world)


def further_alone() -> dict[str, str | bytes]:
    files = roster(person("t1-o2", "o2"), user("s1"), classes=CLASSES, enrollments=enrolled("t1-o2", "teacher", "c2"))
    return {**files, "orgs.csv": str(files["orgs.csv"]) + "o2,,,Lakeside High,school\n"}


def test_a_mail_of_the_further_number_stays_the_only_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given that the number that comes second had its mail before the other came, when both become one, then no second mail."""
    web = stood_apart(world, monkeypatch, further_alone(), ed_fi(user("s1")))
    report = world.upload(ed_fi(user("s1", given="Bo")), name="next")
    world.send_mail()
    assert (report["users"]["removed"], report["activations"]["queued"], len(world.ses.sent)) == (0, 0, 1)
    assert "Ada Lee" in web.visitor().open(world.address_in_mail_to(ADDRESS)).text
    activation = world.activations.of_user(key("t1-o1"))
    assert activation
    assert activation.follow_up_at


def test_a_link_of_the_further_number_is_the_persons(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    web = stood_apart(world, monkeypatch, further_alone())
    world.feed(account("ada", "ada@mail.example", display_name="Ada Lee"))
    web.cognito.users["ada"] = (PASSWORD, "ada")
    page = web.visitor().open(world.address_in_mail_to(ADDRESS))
    log_in(page.press("Log into my existing account"), "ada").press("Link my accounts")
    stood_apart(world, monkeypatch, ed_fi(user("s1", given="Al")))
    report = world.upload(ed_fi(user("s1", given="Bo")), name="next")
    world.send_mail()
    assert (report["users"]["removed"], report["activations"]["queued"], len(world.ses.sent)) == (0, 0, 1)
    (link,) = world.links.of_account("ada")
    assert link.user == key("t1-o1")
    assert world.nudges.due_at(key("t1-o1"))


def test_people_who_become_one_are_so_again_when_the_step_comes_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    stood_apart(world, monkeypatch, further_alone(), ed_fi(user("s1")))
    upload = world.arrive("rosters/lakeside/next.zip", zipped(ed_fi(user("s1", given="Bo"))))
    world.receive_upload().receive(upload)
    event = json.loads(next(iter(world.states.started.values())))["import"]
    world.run_imports()
    before = {pair: item for pair, item in world.table.items.items() if pair[1] in ("ACTIVATION", "LINK", "POINTER")}
    world.steps().run("apply", Import.from_event(event), 0)
    assert {pair: world.table.items.get(pair) for pair in before} == before
