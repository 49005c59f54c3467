"""What an import is careful about: schools, reused and changed ids, times without removals (M3, M5)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from functions.import_step.archive import etags_of, open_upload
from shared.domain.report import Upload
from shared.domain.roster import RosterUserKey
from shared.stores.uploads import Uploads
from tests.builders import USERS, enrolled, key, roster, user
from tests.harness import World, decide


@pytest.fixture
def world() -> World:
    made = World()
    made.register(removal_threshold_percent=20)
    return made


def at_school(key: str, school: str) -> str:
    return user(key).replace(",o1,", f",{school},", 1)


def is_active(world: World, key: str) -> bool:
    found = world.users.get(RosterUserKey("lakeside", key))
    return found is not None and found.active


def given_name(world: World, key: str) -> str:
    return str(world.table.items[f"USER#lakeside#{key}", "ROSTER"]["given_name"])


def test_a_school_that_loses_most_people_holds_the_import_of_a_large_district(
    world: World,
) -> None:
    big = [at_school(f"b{n}", "north") for n in range(200)]
    small = [at_school(f"m{n}", "south") for n in range(24)]
    world.upload(roster(*big, *small))
    report = world.upload(roster(*big, *small[:4]), name="without-south")
    assert (report["status"], report["reason"]["code"]) == ("held", "too_many_removed")
    assert "20 of 24 people of the school south" in report["reason"]["message"]
    assert is_active(world, "m9")
    decide(world, report, "approve")
    assert not is_active(world, "m9")


def test_a_school_may_lose_a_few(world: World) -> None:
    people = [at_school(f"m{n}", "south") for n in range(40)]
    world.upload(roster(*people))
    assert world.upload(roster(*people[:36]), name="next")["status"] == "completed"


OTHERS = [
    f"s{n},,,true,o1,student,s{n},,{given},Other,{given.lower()}@lakeside.example,x\n"
    for n, given in enumerate(("Wren", "Zoe", "Ada"), 1)
]
SAME = [user(f"s{n}") for n in range(1, 7)]


def test_ids_that_name_three_others_hold_the_import(world: World) -> None:
    world.upload(roster(*SAME))
    report = world.upload(roster(*OTHERS, *SAME[3:]), name="next")
    assert (report["status"], report["reason"]["code"]) == ("held", "id_reused")
    assert "s1" in report["reason"]["message"]
    assert "wren" not in str(report["reason"]).lower()
    assert given_name(world, "s1") == "Kim"
    decide(world, report, "approve")
    assert given_name(world, "s1") == "Wren"


def test_two_others_under_known_ids_begin_anew_with_a_note(world: World) -> None:
    world.upload(roster(*SAME))
    report = world.upload(roster(*OTHERS[:2], *SAME[2:]), name="next")
    assert (report["status"], given_name(world, "s1")) == ("completed", "Wren")
    (note,) = [note for note in report["notes"] if note["code"] == "number_of_another"]
    assert note["count"] == 2


@pytest.mark.parametrize(
    "row",
    [
        "s1,,,true,o1,student,s1,,Kim,Married,kim.married@lakeside.example,x\n",
        "s1,,,true,o1,student,s1,,Wren,Other,s1@lakeside.example,x\n",
    ],
)
def test_a_marriage_or_a_new_name_is_no_other_person(world: World, row: str) -> None:
    world.upload(roster(user("s1")))
    assert world.upload(roster(row), name="next")["status"] == "completed"


def test_an_id_that_changed_is_followed_where_name_and_address_agree(world: World) -> None:
    world.upload(roster(user("s1"), user("s2"), user("t1", "teacher", ids="{Clever:c-1}")))
    renamed = user("s1-new", email="s1@lakeside.example")
    teacher = user("t1-new", "teacher", email="other@lakeside.example", ids="{Clever:c-1}")
    report = world.upload(roster(renamed, user("s2"), teacher), name="next")
    assert (report["id_changes"], report["users"]["removed"]) == (2, 0)
    assert "sourced_id_changed" in [note["code"] for note in report["notes"]]
    assert world.users.get(key("s1")) is None
    assert is_active(world, "s1-new")


def test_nobody_is_found_who_has_another_role_or_is_still_there(world: World) -> None:
    world.upload(roster(user("s1"), user("s2")))
    teacher = user("t1", "teacher", email="s1@lakeside.example")
    report = world.upload(roster(user("s2"), teacher, user("s3", email="s2@lakeside.example")), name="next")
    assert "id_changes" not in report


def test_nobody_is_removed_before_the_time_of_additions_only_is_over(world: World) -> None:
    world.register(additions_only=[{"from": "2026-08-20", "to": "2026-09-05"}])
    world.upload(roster(user("s1"), user("s2"), enrollments=enrolled("s1") + enrolled("s2")))
    smaller = roster(user("s2"), user("s3"), enrollments=enrolled("s3"))
    report = world.upload(smaller, name="in-the-window")
    assert report["status"] == "completed"
    assert (report["users"]["removed"], report["users"]["created"]) == (0, 1)
    assert is_active(world, "s1")
    assert "additions only" in str(report["notes"])
    assert world.upload(smaller, name="again")["status"] == "unchanged"
    world.now += timedelta(days=10)
    report = world.upload(smaller, name="after-the-window")
    assert (report["status"], report["users"]["removed"]) == ("completed", 1)
    assert not is_active(world, "s1")


def test_in_a_time_of_additions_only_rows_marked_for_deletion_wait_too(world: World) -> None:
    world.register(additions_only=[{"from": "2026-08-20", "to": "2026-09-05"}])
    world.upload(roster(user("s1"), user("s2")))
    delta = {
        "manifest.csv": "propertyName,value\noneroster.version,1.1\nfile.users,delta\n",
        "users.csv": USERS + user("s1", status="tobedeleted"),
    }
    report = world.upload(delta, name="delta")
    assert (report["status"], report["users"]["removed"]) == ("completed", 0)
    assert is_active(world, "s1")


def test_a_window_that_makes_no_sense_is_told(world: World) -> None:
    taken = world.put(
        "districts/lakeside/district.json",
        b'{"name": "L", "email_domains": [], "time_zone": "America/Chicago", "additions_only": [{"from": "soon"}]}',
    )
    assert "additions_only" in world.report(taken)["reason"]["message"]


def test_a_file_that_is_put_beside_an_upload_later_is_not_read(world: World, tmp_path: Path) -> None:
    uploads = Uploads(world.s3, "rosters")
    upload = Upload("rosters/lakeside/day/_complete", "etag", "2026-09-01T00:00:00Z")
    world.s3.put_object(Bucket="rosters", Key="rosters/lakeside/day/users.csv", Body=b"x")
    seen = etags_of(uploads, upload)
    world.s3.put_object(Bucket="rosters", Key="rosters/lakeside/day/orgs.csv", Body=b"x")
    assert [file.name for file in open_upload(uploads, upload, tmp_path, seen)] == ["users.csv"]
