"""S3's events come late, too: what was taken away before its event came, or before it was read, is told or left alone.

Without the permission to list a bucket, S3 would say 403 of a key that is not there (tests/fakes/aws.py does).
"""

from __future__ import annotations

import json

import pytest

from tests.builders import roster, user
from tests.harness import World, run_step, zipped
from tests.state_machine import IMPORT


@pytest.fixture
def world() -> World:
    found = World()
    found.register()
    return found


def test_a_district_that_nobody_registered_is_told_how_to() -> None:
    report = World().upload(roster(user("t1", "teacher")))
    assert (report["status"], report["reason"]["code"]) == ("rejected", "unknown_district")


def test_a_roster_that_was_taken_away_before_it_was_read_is_rejected(world: World) -> None:
    upload = world.arrive("rosters/lakeside/roster.zip", zipped(roster(user("t1", "teacher"))))
    taken = world.receive_upload().receive(upload)
    del world.s3.objects["rosters", upload.key]
    world.run_imports()
    assert world.report(taken)["reason"]["code"] == "upload_gone"


@pytest.mark.parametrize(
    "key",
    ["districts/lakeside/district.json", "decisions/lakeside/20260901T150000000Z-1.json", "id-maps/lakeside/m.csv"],
)
def test_a_file_that_was_taken_away_before_its_event_came_is_left_alone(world: World, key: str) -> None:
    upload = world.arrive(key, b"{}")
    del world.s3.objects["rosters", key]
    before = dict(world.table.items)
    taken = world.receive_upload().receive(upload)
    assert (taken.kind, taken.district_id) == ("gone", "lakeside")
    assert world.table.items == before


def test_a_file_that_is_replaced_while_it_is_read_is_rejected(world: World) -> None:
    """S3 reads each part of the file that was opened, by its etag (If-Match), or says 412."""
    for name, body in roster(user("t1", "teacher")).items():
        world.arrive(f"rosters/lakeside/loose/{name}", body.encode() if isinstance(body, str) else body)
    taken = world.receive_upload().receive(world.arrive("rosters/lakeside/loose/_complete", b""))
    event = json.loads(world.states.started.popitem()[1])
    position = IMPORT.run(IMPORT.start(event), lambda call: run_step(world.steps(), call))
    world.arrive("rosters/lakeside/loose/users.csv", b"somebody else's")
    while IMPORT.has_calls(position):
        position = IMPORT.run(position, lambda call: run_step(world.steps(), call))
    report = world.report(taken)
    assert (report["status"], report["reason"]["code"]) == ("rejected", "upload_changed")


def test_a_file_of_accounts_that_was_taken_away_before_it_was_read_is_told(world: World) -> None:
    upload = world.start_feed(b"{}\n")
    del world.s3.objects["rosters", upload.key]
    world.run_imports()
    report = world.report_of_feed()
    assert (report["status"], report["reason"]["code"], report["rejects"]) == ("failed", "upload_gone", [])
