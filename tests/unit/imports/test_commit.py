"""A preview is applied exactly as it was shown, and refused where anything that it rests on has changed since (B14)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.builders import USERS, account, enrolled, roster, user
from tests.harness import World, decide, roll_back, run_step, zipped
from tests.state_machine import IMPORT

STUDENTS = [user(f"s{n}") for n in range(30)]
BEFORE = roster(user("a1", "administrator"), user("t1", "teacher"), *STUDENTS, enrollments=enrolled("s1"))
AFTER = roster(
    user("a1", "administrator"), user("t1", "teacher", given="Ada"), user("t2", "teacher"), *STUDENTS[1:],
    enrollments=enrolled("s2") + enrolled("t2", "teacher"),
)  # fmt: skip


@pytest.fixture
def world() -> World:
    made = World()
    made.register()
    made.upload(BEFORE)
    return made


def preview(world: World, files: dict[str, str | bytes] = AFTER, name: str = "check") -> dict[str, Any]:
    return world.report(world.put(f"previews/lakeside/{name}.zip", zipped(files)))


def commit(world: World, shown: dict[str, Any]) -> dict[str, Any]:
    decide(world, shown, "commit")
    return world.report_of(shown["import_id"])


def counts(report: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(report[name] for name in ("users", "classes", "enrollments", "matching", "activations"))


def people(world: World) -> dict[tuple[str, str], Any]:
    return {key: item for key, item in world.table.items.items() if key[1] in ("ROSTER", "ACTIVATION", "LINK", "CLASS")}


def test_a_preview_is_applied_as_it_was_shown(world: World) -> None:
    shown = preview(world)
    assert shown["users"]["removed"] == 1
    done = commit(world, shown)
    assert (done["status"], done["preview"]) == ("completed", False)
    assert counts(done) == counts(shown)
    assert world.latest()["import_id"] == shown["import_id"]
    assert roll_back(world, shown["import_id"])["reason"]["code"] == "rolled_back"


def test_a_first_roster_is_applied_from_its_preview() -> None:
    world = World()
    world.register()
    shown = preview(world, BEFORE)
    done = commit(world, shown)
    assert (done["status"], counts(done)) == ("completed", counts(shown))
    assert done["users"]["created"] == 32


def test_one_that_would_be_held_is_approved_by_applying_it(world: World) -> None:
    world.register(removal_threshold_count=5)
    shown = preview(world, roster(user("a1", "administrator"), user("t1", "teacher"), *STUDENTS[:20]))
    assert shown["status"] == "held"
    done = commit(world, shown)
    assert (done["status"], done["users"]["removed"]) == ("completed", 10)


CHANGES: dict[str, Callable[[World], object]] = {
    "another roster": lambda w: w.upload(
        roster(user("a1", "administrator"), user("t1", "teacher"), *STUDENTS[:29]), name="n"
    ),
    "an account of somebody new": lambda w: w.feed(account("two", "t2@lakeside.example")),
    "two accounts of one": lambda w: w.feed(account("x", "t2@lakeside.example"), account("y", "t2@lakeside.example")),
    "mails wait from now on": lambda w: w.register(activations_from="2027-01-01"),
    "a limit": lambda w: w.register(removal_threshold_count=0),
    "a pause": lambda w: w.register(pauses=[{"from": "2026-09-01", "to": "2026-09-05"}]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_one_is_refused_once_what_it_rests_on_has_changed(world: World, change: str) -> None:
    shown = preview(world)
    CHANGES[change](world)
    before = people(world)
    done = commit(world, shown)
    assert (done["status"], done["reason"]["code"]) == ("rejected", "changed_since_preview")
    assert people(world) == before
    # Another try is refused as well: what is to be applied has to be shown first.
    decide(world, shown, "commit")
    assert people(world) == before
    again = preview(world, name="again")
    if again["status"] in ("completed", "held"):
        assert counts(commit(world, again)) == counts(again)


def test_the_difference_is_told(world: World) -> None:
    shown = preview(world)
    world.upload(roster(user("a1", "administrator"), user("t1", "teacher"), *STUDENTS[:29]), name="n")
    reason = commit(world, shown)["reason"]
    assert (reason["shown"]["created"], reason["now"]["created"]) == (1, 2)


def test_what_changed_and_changed_back_is_applied(world: World) -> None:
    shown = preview(world)
    between = world.upload(roster(user("a1", "administrator"), user("t1", "teacher"), *STUDENTS[:29]), name="n")
    roll_back(world, between["import_id"])
    assert counts(commit(world, shown)) == counts(shown)


def test_an_unchanged_night_between_does_not_matter(world: World) -> None:
    shown = preview(world)
    assert world.upload(BEFORE, name="night")["status"] == "unchanged"
    assert counts(commit(world, shown)) == counts(shown)


def test_other_people_in_the_same_numbers_are_a_change(world: World) -> None:
    world.feed(account("two", "t2@lakeside.example"))
    shown = preview(world, roster(user("a1", "administrator"), user("t2", "teacher"), user("t3", "teacher"), *STUDENTS))
    world.feed({**account("two", "two@mail.example")}, account("three", "t3@lakeside.example"))
    assert commit(world, shown)["reason"]["code"] == "changed_since_preview"


def test_what_a_delta_changes_between_the_look_and_the_writing_refuses_it(world: World) -> None:
    # Given a preview that is applied, and was looked at once more
    shown = preview(world)
    body = b'{"action": "commit", "by": "kim", "reason": "as meant"}'
    upload = world.arrive(f"decisions/lakeside/{shown['import_id']}.json", body)
    world.receive_upload().receive(upload)
    _, execution = world.states.started.popitem()
    position, steps = IMPORT.start(json.loads(execution)), world.steps()
    while not position.data["import"].get("expects"):
        position = IMPORT.run(position, lambda call: run_step(steps, call))
    # When a delta is applied before it takes the district's lock
    manifest = "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.users,delta\n"
    delta = {"manifest.csv": manifest, "users.csv": USERS + user("s1", given="Other", status="active")}
    assert world.upload(delta, name="delta")["status"] == "completed"
    before = people(world)
    while IMPORT.has_calls(position):
        position = IMPORT.run(position, lambda call: run_step(steps, call))
    # Then nothing of it is written
    done = world.report_of(shown["import_id"])
    assert (done["status"], done["reason"]["code"]) == ("rejected", "changed_since_preview")
    assert people(world) == before
    # And the difference is told
    assert (done["reason"]["shown"]["changed"], done["reason"]["now"]["changed"]) == (1, 2)


@pytest.mark.parametrize("action", ["approve", "reject", "roll_back"])
def test_a_preview_is_not_decided_in_another_way(world: World, action: str) -> None:
    world.register(removal_threshold_count=0)
    shown = preview(world)
    assert shown["status"] == "held"
    before = people(world)
    decide(world, shown, action)
    assert people(world) == before


def test_an_import_is_no_preview(world: World) -> None:
    report = world.upload(AFTER, name="night")
    taken = world.put(
        f"decisions/lakeside/{report['import_id']}.json", b'{"action": "commit", "by": "kim", "reason": "again"}'
    )
    assert world.report(taken)["reason"]["code"] == "not_a_preview"
