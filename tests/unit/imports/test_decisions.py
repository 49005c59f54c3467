"""A decision about an import is signed, says why, and is written down; what would lock a district out is said (M3, B7)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.stores.trail import TrailStore
from tests.builders import roster, user
from tests.harness import World, decide, text

STUDENTS = [user(f"s{n}") for n in range(30)]
ADMINISTRATORS = [user("d1", "districtAdministrator"), user("p1", "principal")]


@pytest.fixture
def world() -> World:
    made = World()
    made.register(removal_threshold_count=5, contacts=["kim@lakeside.example"])
    made.upload(roster(*ADMINISTRATORS, user("t1", "teacher"), *STUDENTS))
    return made


def decided(world: World, report: dict[str, Any], **decision: object) -> dict[str, Any]:
    return world.report(world.put(f"decisions/lakeside/{report['import_id']}.json", json.dumps(decision).encode()))


@pytest.mark.parametrize(
    "words", [{}, {"by": "kim"}, {"reason": "meant"}, {"by": " ", "reason": "meant"}, {"by": None, "reason": ""}]
)
@pytest.mark.parametrize("action", ["approve", "reject", "roll_back", "commit"])
def test_a_decision_without_who_or_why_is_refused_with_words(world: World, action: str, words: dict[str, Any]) -> None:
    held = world.upload(roster(*ADMINISTRATORS, user("t1", "teacher"), *STUDENTS[:20]), name="halved")
    answer = decided(world, held, action=action, **words)
    assert answer["reason"]["code"] == "decision_unsigned"
    assert '"by"' in answer["reason"]["message"]
    assert world.report_of(held["import_id"])["status"] == "held"


def test_a_held_import_says_by_role_whom_it_would_remove(world: World) -> None:
    held = world.upload(roster(user("p1", "principal"), *STUDENTS[:20]), name="halved")
    assert held["status"] == "held"
    assert held["losses"] == {"students": 10, "teachers": 1, "administrators": 1, "last_administrators": 1}
    assert held["reason"]["people"] == "10 students, 1 teacher and your only administrator"


def test_the_mail_says_it_too_and_leads_to_the_decision(world: World) -> None:
    from functions.held_import_mail.notify_held_import import NotifyHeldImport
    from shared.runtime.settings import Brand
    from shared.stores.imports import ImportNotices
    from tests.harness import WEB

    held = world.upload(roster(user("p1", "principal"), *STUDENTS[:20]), name="halved")
    NotifyHeldImport(world.districts, ImportNotices(world.table), world.mailer(), brand=Brand(web_url=WEB)).notify(
        "lakeside", held["import_id"]
    )
    assert f"{WEB}/console/lakeside/imports/{held['import_id']}" in text(world.ses.sent[-1])


@pytest.mark.parametrize(
    "gone",
    [
        [user("p1", "principal")],
        [user("d1", "principal"), user("p1", "principal")],
        [user("d1", "teacher"), user("p1", "principal")],
        [user("d1", "districtAdministrator").replace(",true,", ",false,"), user("p1", "principal")],
        [user("d1", "guardian"), user("p1", "principal")],
    ],
    ids=["removed", "of a school", "a teacher", "disabled", "without a role"],
)
def test_who_would_lock_the_district_out_waits_though_nothing_else_is_unusual(world: World, gone: list[str]) -> None:
    report = world.upload(roster(*gone, user("t1", "teacher"), *STUDENTS), name="next")
    assert (report["status"], report["reason"]["code"]) == ("held", "last_administrator")
    decide(world, report, "approve")
    assert world.report_of(report["import_id"])["status"] == "completed"


def test_another_administrator_in_the_same_upload_is_enough(world: World) -> None:
    came = user("d2", "administrator")
    report = world.upload(roster(came, user("p1", "principal"), user("t1", "teacher"), *STUDENTS), name="next")
    assert report["status"] == "completed"


def test_a_small_district_is_told_and_does_not_wait() -> None:
    world = World()
    world.register()
    world.upload(roster(user("d1", "administrator"), user("t1", "teacher"), *STUDENTS[:5]))
    report = world.upload(roster(user("t1", "teacher"), *STUDENTS[:5]), name="next")
    assert report["status"] == "completed"
    assert "last_administrator" in [note["code"] for note in report["notes"]]


def test_each_decision_is_in_the_trail_once_with_who_when_and_why(world: World) -> None:
    held = world.upload(roster(*ADMINISTRATORS, *STUDENTS[:20]), name="halved")
    decision = b'{"action": "reject", "by": "kim", "reason": "half is missing"}'
    upload = world.arrive(f"decisions/lakeside/{held['import_id']}.json", decision)
    for _ in range(3):
        world.receive_upload().receive(upload)
    (entry,), more = TrailStore(world.table).newest("lakeside")
    assert (entry.action, entry.by, entry.reason) == ("reject", "kim", "half is missing")
    assert (entry.import_id, more) == (held["import_id"], "")
    assert entry.at.startswith("2026-09-01T15:00:0")
