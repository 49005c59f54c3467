"""Rosters where the table names a snapshot that is not there: one of the two was taken back to an earlier moment (M2, M3, B2)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import enrolled, roster, user
from tests.harness import World, decide, roll_back, zipped
from tests.restored import moment, restored

TEACHER = user("t1", "teacher")


def files(*people: str) -> dict[str, str | bytes]:
    who = [user(name) for name in people]
    return roster(TEACHER, *who, enrollments=enrolled("t1", "teacher") + "".join(map(enrolled, people)))


def active(world: World) -> set[str]:
    return {pk.rpartition("#")[2] for (pk, sk), item in world.table.items.items() if sk == "ROSTER" and item["active"]}


def of_people(world: World) -> dict[tuple[str, str], Any]:
    return {at: item for at, item in world.table.items.items() if at[1] in ("ROSTER", "MEMBERS", "ACTIVATION", "CLASS")}


@pytest.fixture
def nights() -> list[World]:
    """Two nights of a district, whose second is as it is now; its teacher was mailed."""
    world = World()
    world.register()
    world.upload(files("s1", "s2", "s3"), name="monday")
    world.send_mail()
    monday = moment(world)
    world.pass_time(days=1)
    world.upload(files("s1", "s2", "s3", "s4"), name="tuesday")
    return [monday, world]


@pytest.fixture
def lost(nights: list[World]) -> World:
    """The table of tuesday, and snapshots of monday."""
    monday, tuesday = nights
    return restored(tuesday, snapshots=monday)


def test_a_roster_that_cannot_be_compared_waits_for_a_person(lost: World) -> None:
    before = of_people(lost)
    # When s4 leaves
    report = lost.upload(files("s1", "s2", "s3"), name="wednesday")
    # Then the report says that nobody can see it, and nothing is written
    assert (report["status"], report["reason"]["code"]) == ("held", "snapshot_lost")
    assert of_people(lost) == before


def test_a_preview_says_that_it_would_wait(lost: World) -> None:
    lost.put("previews/lakeside/p.zip", zipped(files("s1", "s2")))
    assert lost.latest(name="latest-preview")["reason"]["code"] == "snapshot_lost"


def test_approved_it_removes_nobody_and_mails_nobody_again(lost: World) -> None:
    report = lost.upload(files("s1", "s2", "s3", "s5"), name="wednesday")
    decide(lost, report, "approve")
    lost.send_mail()
    assert active(lost) == {"t1", "s1", "s2", "s3", "s4", "s5"}
    assert len(lost.ses.sent) == 1
    # And from then on there is something to compare with.
    lost.pass_time(days=1)
    report = lost.upload(files("s1", "s2", "s3"), name="thursday")
    assert (report["status"], report["users"]["removed"]) == ("completed", 1)


def test_a_snapshot_of_which_a_part_is_missing_counts_as_lost(nights: list[World]) -> None:
    world = nights[1]
    snapshot = world.table.items["DISTRICT#lakeside", "SNAPSHOT"]["snapshot_id"]
    del world.s3.objects["snapshots", f"snapshots/lakeside/{snapshot}/classes-0.jsonl"]
    report = world.upload(files("s1", "s2", "s3"), name="wednesday")
    assert report["reason"]["code"] == "snapshot_lost"


def test_a_delta_is_not_added_to_what_is_not_there(lost: World) -> None:
    before = of_people(lost)
    delta = {
        "manifest.csv": "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.users,delta\n"
        "file.classes,absent\nfile.enrollments,delta\nfile.orgs,absent\n",
        "users.csv": files("s1")["users.csv"],
        "enrollments.csv": files("s1")["enrollments.csv"],
    }
    report = lost.upload(delta, name="delta")
    assert (report["status"], report["reason"]["code"]) == ("rejected", "snapshot_lost")
    assert of_people(lost) == before


@pytest.mark.parametrize("which", ["standing", "previous"])
def test_an_import_is_not_rolled_back_into_nothing(nights: list[World], which: str) -> None:
    # Given an import one of whose two snapshots is not there
    world = nights[1]
    standing = world.table.items["DISTRICT#lakeside", "SNAPSHOT"]
    gone = standing["snapshot_id"] if which == "standing" else standing["previous"]["snapshot_id"]
    world.s3.objects = {at: body for at, body in world.s3.objects.items() if at[0] != "snapshots" or gone not in at[1]}
    before = of_people(world)
    # When somebody asks for a roll-back
    report = roll_back(world, standing["import_id"])
    # Then everybody stays, the report says why, and the next import can work
    assert of_people(world) == before
    assert (report["status"], report["reason"]["code"]) == ("completed", "snapshot_lost")
    assert ("DISTRICT#lakeside", "LOCK") not in world.table.items


def test_table_and_snapshots_of_one_moment_go_on_as_if_nothing_was(nights: list[World]) -> None:
    monday, tuesday = nights
    world = restored(tuesday, table=monday, snapshots=monday)
    report = world.upload(files("s1", "s2", "s3", "s4"), name="wednesday")
    world.send_mail()
    counts = {name: report["users"][name] for name in ("created", "changed", "removed", "unchanged")}
    assert counts == {"created": 1, "changed": 0, "removed": 0, "unchanged": 4}
    assert (report["status"], len(world.ses.sent)) == ("completed", 1)


def test_a_table_that_is_older_than_its_snapshots_has_those_that_it_names(nights: list[World]) -> None:
    monday, tuesday = nights
    world = restored(tuesday, table=monday)
    report = world.upload(files("s1", "s2"), name="wednesday")
    assert (report["status"], report["users"]["removed"]) == ("completed", 1)
