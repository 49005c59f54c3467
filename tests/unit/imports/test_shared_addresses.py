"""Two different people with one address are both in the list of the stuck, and leave it when it is corrected (M7, B7)."""

from __future__ import annotations

from typing import Any

import pytest

from shared.stores.stuck_people import StuckStore
from tests.builders import enrolled, key, roster, user
from tests.harness import WEB, World, zipped
from tests.pages_harness import Website

ADDRESS = "office@lakeside.example"
ADMIN = user("a1", "administrator", given="Ann")


def district(*people: str) -> dict[str, str | bytes]:
    return roster(*people, ADMIN, user("s9"), enrollments=enrolled("t1", "teacher") + enrolled("s9"))


def person(number: str, role: str = "teacher", given: str = "Kim", email: str = ADDRESS) -> str:
    return user(number, role, given=given, email=email)


@pytest.fixture
def world() -> World:
    made = World()
    made.register()
    return made


def stuck(world: World) -> list[tuple[str, str]]:
    return [(one.user.person_id, one.code.value) for one in StuckStore(world.table).of_district("lakeside")]


def listed(report: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted((one["sourced_id"], one["code"]) for one in report.get("withheld", []))


SHARERS = [("t1", "shared_address"), ("x2", "shared_address")]


@pytest.mark.parametrize("role", ["teacher", "student"])
def test_both_are_in_the_list_and_leave_it_when_one_is_corrected(world: World, role: str) -> None:
    report = world.upload(district(person("t1"), person("x2", role, "Bo")))
    assert stuck(world) == listed(report) == SHARERS
    report = world.upload(district(person("t1"), person("x2", role, "Bo", "bo@lakeside.example")), name="next")
    assert (stuck(world), listed(report)) == ([], [])
    world.send_mail()
    assert f"{ADDRESS}" in [mail["To"] for mail in world.ses.sent]


def test_the_console_says_who_shares_an_address_and_sends_no_mail_to_them(world: World) -> None:
    world.upload(district(person("t1"), person("x2", given="Bo")))
    admin = Website(world).visitor(sub="boss", email="a1@lakeside.example", email_verified=True)
    admin.open(f"{WEB}/sso/lakeside").press("Continue with Google")
    page = admin.open(f"{WEB}/console/lakeside")
    assert "Kim Person (t1)" in page.text
    assert "Bo Person (x2)" in page.text
    assert "somebody else on the roster has the same address" in page.text
    assert "Send another mail" not in page.text


def test_whoever_leaves_the_roster_leaves_the_list_with_the_other_one(world: World) -> None:
    world.upload(district(person("t1"), person("x2", given="Bo")))
    world.upload(district(person("t1")), name="next")
    assert stuck(world) == []


def test_of_three_who_share_the_two_that_are_left_stay_in_the_list(world: World) -> None:
    world.upload(district(person("t1"), person("x2", given="Bo"), person("x3", given="Cy")))
    world.upload(
        district(person("t1"), person("x2", given="Bo"), person("x3", given="Cy", email="cy@x.example")), name="2"
    )
    assert stuck(world) == SHARERS


def test_brothers_and_sisters_with_a_parents_address_are_not_stuck(world: World) -> None:
    report = world.upload(district(person("x1", "student", "Al"), person("x2", "student", "Bo")))
    assert (stuck(world), listed(report)) == ([], [])


def test_an_administrator_with_a_teachers_address_is_in_the_list_as_well(world: World) -> None:
    world.upload(district(person("t1"), person("x2", "administrator", "Bo")))
    assert stuck(world) == SHARERS
    world.upload(district(person("t1"), person("x2", "administrator", "Bob")), name="another-name")
    assert stuck(world) == SHARERS
    world.upload(district(person("t1"), person("x2", "administrator", "Bob", "bob@lakeside.example")), name="corrected")
    assert stuck(world) == []


def test_a_newcomer_with_the_address_of_a_mail_that_waits_makes_both_stuck(world: World) -> None:
    world.register(activations_from="2026-10-01")
    world.upload(district(person("t1")))
    world.upload(district(person("t1"), person("x2", "student", "Bo")), name="next")
    assert stuck(world) == SHARERS
    world.pass_time(days=40)
    world.queue_due_activations().run()
    world.send_mail()
    assert world.ses.sent == []


def test_a_preview_lists_the_same_people_as_the_import(world: World) -> None:
    files = district(person("t1"), person("x2", "student", "Bo"))
    preview = world.report(world.put("previews/lakeside/roster.zip", zipped(files)))
    assert stuck(world) == []
    assert listed(preview) == listed(world.upload(files)) == SHARERS


def test_a_number_of_a_kind_is_shown_with_its_kind(world: World) -> None:
    report = world.upload(
        {
            "schools.csv": "School_id,School_name,School_number\n1,Lakeside,1\n",
            "students.csv": f"School_id,Student_id,Last_name,First_name,Student_email\n1,7,Poe,Kim,{ADDRESS}\n",
            "teachers.csv": f"School_id,Teacher_id,Teacher_email,First_name,Last_name\n1,7,{ADDRESS},Ada,Lee\n",
            "sections.csv": "School_id,Section_id,Teacher_id,Name\n1,c1,7,Algebra\n",
            "enrollments.csv": "School_id,Section_id,Student_id\n1,c1,7\n",
        }
    )
    assert [one.user for one in StuckStore(world.table).of_district("lakeside")] == [
        key("7", "student"),
        key("7", "teacher"),
    ]
    assert sorted(one["kind"] for one in report["withheld"]) == ["student", "teacher"]
