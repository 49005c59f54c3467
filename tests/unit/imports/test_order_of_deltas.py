"""Deltas are applied in the order of their uploads, whenever they come; a delta supersedes nothing (M1, M3)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from functions.roster_import.receive_upload import Received
from shared.domain.report import Upload
from tests.builders import USERS, key, roster, user
from tests.harness import World, decide, zipped

PEOPLE = 40


@pytest.fixture
def world() -> World:
    made = World()
    made.register()
    made.upload(whole(), name="first")
    return made


def whole(number: int = PEOPLE) -> dict[str, str | bytes]:
    return roster(*(user(f"s{n}") for n in range(number)))


def delta(*rows: str) -> dict[str, str | bytes]:
    return {
        "manifest.csv": "propertyName,value\noneroster.version,1.1\nfile.users,delta\n",
        "users.csv": USERS + "".join(rows),
    }


def arrives(world: World, name: str, files: dict[str, str | bytes], *, at: str = "") -> Upload:
    """An upload of which S3 has told nobody yet; ``at`` is another moment than now."""
    upload = world.arrive(f"rosters/lakeside/{name}.zip", zipped(files))
    return replace(upload, event_time=at) if at else upload


def is_told(world: World, upload: Upload) -> Received:
    taken = world.receive_upload().receive(upload)
    world.run_imports()
    return taken


def goes_on(world: World, times: int = 4) -> None:
    """The schedule of what waits fires so often, and what it starts is run."""
    for _ in range(times):
        world.watch_pauses().run()
        world.run_imports()


def code(report: dict[str, Any]) -> tuple[str, str | None]:
    return report["status"], report.get("reason", {}).get("code")


def name_of(world: World, person: str) -> str | None:
    found = world.users.get(key(person))
    return found.given_name if found and found.active else None


@pytest.mark.parametrize("told_first", ["a", "b"])
def test_of_two_deltas_of_one_moment_the_key_tells_the_order(world: World, told_first: str) -> None:
    # Given two deltas about one person, put at the same moment
    rows = user("s1", given="First", status="active"), user("n1", given="New", status="active")
    first = arrives(world, "a", delta(*rows))
    second = arrives(world, "b", delta(user("s1", given="Second", status="active")), at=first.event_time)
    # When S3 tells of them in any order
    taken = [is_told(world, upload) for upload in ((first, second) if told_first == "a" else (second, first))]
    goes_on(world)
    # Then both are applied, and the later one counts
    assert [world.report(each)["status"] for each in taken] == ["completed", "completed"]
    assert (name_of(world, "s1"), name_of(world, "n1")) == ("Second", "New")


def test_a_delta_that_comes_before_the_roster_it_follows_is_applied_after_it(world: World) -> None:
    # Given a whole roster and a delta after it
    of_today = arrives(world, "whole", whole(PEOPLE + 1))
    rows = user("s0", status="tobedeleted"), user("n1", given="New", status="active")
    changes = arrives(world, "changes", delta(*rows))
    # When S3 tells of the delta first
    came, late = is_told(world, changes), is_told(world, of_today)
    goes_on(world)
    # Then
    assert [world.report(each)["status"] for each in (came, late)] == ["completed", "completed"]
    assert (name_of(world, "s0"), name_of(world, "n1"), name_of(world, f"s{PEOPLE}")) == (None, "New", "Kim")


def test_a_teacher_of_a_delta_that_is_applied_again_is_mailed_once(world: World) -> None:
    of_today = arrives(world, "whole", whole(PEOPLE + 1))
    is_told(world, arrives(world, "changes", delta(user("t1", "teacher", status="active"))))
    is_told(world, of_today)
    goes_on(world)
    world.send_mail()
    assert [mail["To"] for mail in world.ses.sent] == ["t1@lakeside.example"]
    world.address_in_mail_to("t1@lakeside.example")


def test_a_delta_supersedes_no_import_that_is_held_and_waits_behind_it(world: World) -> None:
    # Given
    held = world.upload(whole(5), name="cut-off")
    assert held["status"] == "held"
    # When
    report = world.upload(delta(user("n1", given="New", status="active")), name="changes")
    assert code(report) == ("paused", "behind_held")
    goes_on(world)
    assert world.report_of(report["import_id"])["status"] == "paused", "nobody has decided"
    # Then it is applied once a person has decided
    decide(world, held, "approve")
    goes_on(world)
    assert [world.report_of(each["import_id"])["status"] for each in (held, report)] == ["completed", "completed"]
    assert (name_of(world, "n1"), name_of(world, "s9")) == ("New", None)


def test_a_delta_behind_an_import_that_is_rejected_is_applied_to_what_stands(world: World) -> None:
    held = world.upload(whole(5), name="cut-off")
    report = world.upload(delta(user("n1", given="New", status="active")), name="changes")
    decide(world, held, "reject")
    goes_on(world)
    assert world.report_of(report["import_id"])["status"] == "completed"
    assert (name_of(world, "n1"), name_of(world, "s9")) == ("New", "Kim")


def test_a_delta_behind_a_held_delta_waits_too(world: World) -> None:
    many = delta(*(user(f"s{n}", status="tobedeleted") for n in range(1, 35)))
    held = world.upload(many, name="many")
    report = world.upload(delta(user("n1", status="active")), name="changes")
    assert (held["status"], code(report)) == ("held", ("paused", "behind_held"))


def test_a_later_whole_roster_counts_instead_of_what_is_held_and_of_what_waits(world: World) -> None:
    held = world.upload(whole(5), name="cut-off")
    report = world.upload(delta(user("n1", status="active")), name="changes")
    later = world.upload(whole(PEOPLE + 2), name="later")
    goes_on(world)
    assert later["status"] == "completed"
    assert world.report_of(report["import_id"])["status"] == "superseded"
    decide(world, held, "approve")
    assert world.report_of(held["import_id"])["status"] == "superseded"


def test_a_delta_from_before_the_whole_roster_that_stands_is_superseded(world: World) -> None:
    changes = arrives(world, "changes", delta(user("n1", status="active")))
    is_told(world, arrives(world, "whole", whole(PEOPLE + 1)))
    assert world.report(is_told(world, changes))["status"] == "superseded"


def test_the_same_delta_again_is_unchanged_and_supersedes_nothing(world: World) -> None:
    files = delta(user("n1", given="New", status="active"))
    world.upload(files, name="changes")
    assert world.upload(files, name="again")["status"] == "unchanged"
    newest = world.table.items["DISTRICT#lakeside", "NEWEST"]
    assert newest["upload"]["key"] == "rosters/lakeside/first.zip"
    assert [each["upload"]["key"].rpartition("/")[2] for each in newest["deltas"]] == ["changes.zip", "again.zip"]
