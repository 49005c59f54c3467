"""A table that an earlier version wrote, with an item for each address and for the students of each class, is read and goes on."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping

import pytest

from shared.stores.district_class_item import unpacked_ids
from tests.builders import account, enrolled, key, roster, user
from tests.harness import WEB, World, zipped
from tests.pages_harness import Website

ADA, BOB, KIM = user("t1", "teacher", given="Ada"), user("t2", "teacher", given="Bob"), user("s1", given="Kim")
ENROLLED = enrolled("t1", "teacher") + enrolled("s1")


def in_the_earlier_form(world: World) -> None:
    """Write what packs say as that version did."""
    for (pk, sk), item in list(world.table.items.items()):
        if pk.startswith("HOLDERS#"):
            _, district_id, _ = pk.split("#")
            for identifier, *people in json.loads(zlib.decompress(item["holders"])):
                for person in people:
                    world.table.put_item(Item={"PK": identifier, "SK": f"USER#{district_id}#{person}"})
            world.table.delete_item(Key={"PK": pk, "SK": sk})
        elif sk == "CLASS" and "students" in item:
            students = unpacked_ids(item.pop("students"))
            world.table.put_item(Item={"PK": pk, "SK": "MEMBERS", "student_ids": students})


@pytest.fixture
def world() -> World:
    """Two teachers who were mailed, a student who is matched; then everything as the version before wrote it."""
    made = World()
    made.register()
    made.feed(account("kim", "s1@lakeside.example"))
    made.upload(roster(ADA, BOB, KIM, enrollments=ENROLLED))
    made.send_mail()
    assert len(made.ses.sent) == 2
    in_the_earlier_form(made)
    return made


def by_email(world: World, address: str) -> list[str]:
    return sorted(each.sourced_id for each in world.users.by_email("lakeside", f"{address}@lakeside.example"))


def mailed_since(world: World) -> list[str]:
    world.send_mail()
    return [str(mail["To"]) for mail in world.ses.sent[2:]]


def upload(world: World, *rows: str, enrollments: str = ENROLLED) -> Mapping[str, int]:
    report = world.upload(roster(*rows, enrollments=enrollments), name="next")
    assert report["status"] in ("completed", "unchanged")
    counts: Mapping[str, int] = report["users"]
    return counts


def test_the_same_roster_again_mails_and_removes_nobody(world: World) -> None:
    counts = upload(world, ADA, BOB, KIM, user("s2"))
    assert (counts["created"], counts["removed"], mailed_since(world)) == (1, 0, [])
    assert [by_email(world, each) for each in ("t1", "t2", "s1", "s2")] == [["t1"], ["t2"], ["s1"], ["s2"]]
    link = world.links.of_user(key("s1"))
    assert link
    assert link.account_id == "kim"


def test_an_address_that_changes_leads_to_its_new_holder_alone(world: World) -> None:
    upload(world, user("t1", "teacher", given="Ada", email="ada@lakeside.example"), BOB, KIM)
    assert [by_email(world, each) for each in ("t1", "ada")] == [[], ["t1"]]
    assert ("EMAIL#t1@lakeside.example", "USER#lakeside#t1") not in world.table.items


def test_who_leaves_holds_nothing(world: World) -> None:
    assert upload(world, ADA, KIM)["removed"] == 1
    assert by_email(world, "t2") == []
    assert ("EMAIL#t2@lakeside.example", "USER#lakeside#t2") not in world.table.items


def test_who_comes_to_an_earlier_holders_address_is_stuck_with_them(world: World) -> None:
    upload(world, ADA, BOB, KIM, user("t3", "teacher", given="Eve", email="t1@lakeside.example"))
    assert by_email(world, "t1") == ["t1", "t3"]
    assert mailed_since(world) == []
    teacher = world.users.get(key("t1"))
    assert teacher
    assert world.identifiers.is_stuck_by_address(teacher)


def test_a_login_by_address_leads_to_the_account(world: World) -> None:
    kid = Website(world).visitor(sub="google-s1", email="s1@lakeside.example", email_verified=True)
    page = kid.open(f"{WEB}/sso/lakeside").press("Continue with Google")
    assert page.path == "/home"
    link = world.links.of_user(key("s1"))
    assert link
    assert (link.is_linked, link.account_id) == (True, "kim")


def test_numbers_that_change_take_what_people_hold_along(world: World) -> None:
    world.put(
        "id-maps/lakeside/map.csv",
        b"kind,oldSourcedId,newSourcedId\nteacher,t1,u1\nteacher,t2,u2\nstudent,s1,v1\n",
    )
    rows = [row.replace(old, new, 1) for row, old, new in ((ADA, "t1", "u1"), (BOB, "t2", "u2"), (KIM, "s1", "v1"))]
    counts = upload(world, *rows, enrollments=enrolled("u1", "teacher") + enrolled("v1"))
    assert (counts["removed"], mailed_since(world)) == (0, [])
    assert [by_email(world, each) for each in ("t1", "t2", "s1")] == [["u1"], ["u2"], ["v1"]]
    assert not [sk for pk, sk in world.table.items if pk.startswith("EMAIL#") and sk.startswith("USER#lakeside#t")]


def test_a_class_keeps_its_students_and_its_members_go_when_it_changes(world: World) -> None:
    found = world.classes.get("lakeside", "c1")
    assert found
    assert found.student_ids == ("s1",)
    upload(world, ADA, BOB, KIM, user("s2"), enrollments=ENROLLED + enrolled("s2"))
    found = world.classes.get("lakeside", "c1")
    assert found
    assert found.student_ids == ("s1", "s2")
    assert not [pk for pk, sk in world.table.items if sk == "MEMBERS" and pk == "CLASS#lakeside#c1"]


def test_what_the_earlier_version_applied_is_rolled_back(world: World) -> None:
    report = world.upload(roster(ADA, BOB, KIM, user("s2"), enrollments=ENROLLED), name="next")
    in_the_earlier_form(world)
    body = json.dumps({"action": "roll_back", "by": "x", "reason": "wrong"}).encode()
    world.put(f"decisions/lakeside/{report['import_id']}.json", body)
    assert [by_email(world, each) for each in ("t1", "t2", "s1", "s2")] == [["t1"], ["t2"], ["s1"], []]
    assert mailed_since(world) == []


def test_a_preview_says_what_the_import_then_does(world: World) -> None:
    files = roster(ADA, BOB, KIM, user("t3", "teacher", given="Eve", email="t1@lakeside.example"))
    preview = world.report(world.put("previews/lakeside/next.zip", zipped(files)))
    applied = world.upload(files, name="next")
    assert preview["matching"] == applied["matching"]
