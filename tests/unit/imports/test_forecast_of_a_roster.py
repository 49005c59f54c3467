"""What a roster is found to come to before it does anything, as counts beside its report (B14)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.domain.forecast_tally import Found
from tests.builders import account, enrolled, roster, user
from tests.harness import World, zipped

STUDENTS = [user(f"s{n}") for n in range(8)]
MEMBERS = enrolled("t1", "teacher") + "".join(enrolled(f"s{n}") for n in range(8))
FILES = roster(user("t1", "teacher"), user("t2", "teacher", email=""), *STUDENTS, enrollments=MEMBERS)


@pytest.fixture
def world() -> World:
    made = World()
    made.register()
    return made


def previewed(world: World, files: dict[str, str | bytes] = FILES) -> Found:
    report = world.report(world.put("previews/lakeside/drill.zip", zipped(files)))
    found = world.reports.forecast("lakeside", report["import_id"])
    assert found
    return found


def test_a_preview_is_kept_as_counts_of_people_and_no_names(world: World) -> None:
    world.feed(
        account("a1", "t1@lakeside.example"), account("a2", "s1@lakeside.example", verified=False, role="student")
    )
    found = previewed(world)
    assert found.tally == {
        "teacher/by_rule/own/not_due": 1,
        "teacher/unmatched/none/not_due": 1,
        "student/ambiguous/own/not_due": 1,
        "student/unmatched/own/not_due": 7,
    }
    kept = json.dumps(found.to_json())
    assert not any(word in kept for word in ("a1", "Kim", "lakeside.example"))


@pytest.mark.parametrize(
    "more", [{}, {"verified": False}, {"clever_id": "c1"}, {"google_sub": "google-t1@mail.example"}]
)
def test_it_tells_nobody_whether_a_strangers_address_has_an_account(world: World, more: dict[str, Any]) -> None:
    world.register(email_domains=["lakeside.example"], shared_email_domains=["county.example"])
    addresses = ("t1@mail.example", "t1@county.example")
    files = [roster(user("t1", "teacher", email=address, ids="{Clever:c1}"), *STUDENTS) for address in addresses]
    before = [previewed(world, each).tally for each in files]
    world.feed(*(account(f"a{n}", address, **more) for n, address in enumerate(addresses)))
    assert [previewed(world, each).tally for each in files] == before
    assert all(any(key.startswith("teacher/unmatched/") for key in tally) for tally in before)


def test_whose_id_at_the_hub_opens_an_account_is_foretold(world: World) -> None:
    world.feed(account("a1", "ada@home.example", clever_id="c1"), account("a2", "t2@lakeside.example", display_name="Kim Other",
                                                                          google_sub="google-t2"))  # fmt: skip
    found = previewed(world, roster(user("t1", "teacher", ids="{Clever:c1}"), user("t2", "teacher")))
    assert found.tally == {"teacher/by_id/own/goes": 2}


def test_where_address_and_clevers_id_lead_to_two_accounts_the_person_chooses(world: World) -> None:
    world.feed(account("a1", "t1@lakeside.example"), account("a2", "ada@home.example", clever_id="c1"))
    found = previewed(world, roster(user("t1", "teacher", ids="{Clever:c1}")))
    assert found.tally == {"teacher/ambiguous/own/not_due": 1}


def test_classes_that_will_pair_are_counted(world: World) -> None:
    own = {
        "class_id": "old",
        "name": "Period 3",
        "goals": [],
        "assignments": [],
        "last_activity_at": "2026-06-01T08:00:00Z",
    }
    students = [account(f"k{n}", f"s{n}@lakeside.example", role="student") for n in range(6)]
    teacher = account(
        "a1", "t1@lakeside.example", classes=[{**own, "student_account_ids": [f"k{n}" for n in range(6)]}]
    )
    world.feed(teacher, *students)
    found = previewed(world)
    assert (found.classes, found.nudged) == ({"obsolete": 1}, 1)


def test_the_first_roster_in_a_pause_is_foretold_and_does_nothing(world: World) -> None:
    world.register(pauses=[{"from": "2026-08-20", "to": "2026-09-20"}])
    world.feed(account("a1", "t1@lakeside.example"))
    report = world.upload(FILES)
    assert (report["status"], report["matching"]["matched"], report["activations"]["queued"]) == ("paused", 0, 0)
    found = world.reports.forecast("lakeside", report["import_id"])
    assert found
    assert found.tally["teacher/by_rule/own/not_due"] == 1
    assert not [key for key in world.table.items if key[1] in ("ROSTER", "LINK", "ACTIVATION")]


def test_a_roster_whose_mails_wait_is_foretold_and_an_ordinary_night_is_not(world: World) -> None:
    world.register(activations_from="2026-09-20")
    waits = world.upload(roster(user("t1", "teacher"), *STUDENTS))
    found = world.reports.forecast("lakeside", waits["import_id"])
    assert found
    assert found.tally["teacher/unmatched/own/waits"] == 1
    night = world.upload(roster(user("t1", "teacher"), *STUDENTS, user("s99")), name="night")
    assert world.reports.forecast("lakeside", night["import_id"]) is None
