"""Rolling an import back (B2): what stood before it stands again; links, mails and other people's work stay."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.link import Proof
from shared.domain.roster import RosterUserKey
from shared.stores.imports import ImportStarter
from shared.stores.links import Consent
from tests.builders import enrolled, roster, user
from tests.depth import depth
from tests.harness import World, roll_back, zipped

CLASS_ROWS = ("c1,,,Algebra,k1,scheduled,o1,t1\n", "c2,,,Biology,k2,scheduled,o1,t1\n")


def a_world() -> World:
    world = World()
    world.register(removal_threshold_count=1_000, removal_threshold_percent=100)
    return world


def who_and_what(world: World) -> dict[tuple[str, str], Any]:
    """People and classes, without those who have left."""
    kept = {k: i for k, i in world.table.items.items() if k[1] in ("ROSTER", "CLASS", "MEMBERS")}
    return {k: i for k, i in kept.items() if k[1] != "ROSTER" or i["active"]}


def test_what_stood_before_stands_again() -> None:
    world = a_world()
    world.upload(
        roster(user("t1", "teacher"), user("s1"), user("s2"), enrollments=enrolled("s1") + enrolled("t1", "teacher"))
    )
    before = who_and_what(world)
    report = world.upload(
        roster(
            user("t1", "teacher", given="Other"),
            user("s1"),
            user("s9"),
            classes="".join(CLASS_ROWS),
            enrollments=enrolled("s9"),
        ),
        name="wrong",
    )
    assert who_and_what(world) != before
    rolled_back = roll_back(world, report["import_id"])
    assert (rolled_back["status"], rolled_back["reason"]["code"]) == ("rejected", "rolled_back")
    assert who_and_what(world) == before
    assert world.table.items["USER#lakeside#s9", "ROSTER"]["active"] is False
    assert world.latest()["reason"]["code"] == "rolled_back"


def test_links_and_mails_survive_it() -> None:
    world = a_world()
    world.upload(roster(user("t1", "teacher")))
    world.feed({"account_id": "ada", "role": "teacher", "display_name": "A", "username": "ada", "email": None})
    report = world.upload(roster(user("t1", "teacher", given="Other"), user("t2", "teacher")), name="wrong")
    world.send_mail()
    t2 = RosterUserKey("lakeside", "t2")
    activation = world.activations.of_user(t2)
    world.links.make(Consent(t2, "ada", Proof.ACTIVATION, False, activation), event_id="e", now=world.now)
    mails = len(world.ses.sent)
    roll_back(world, report["import_id"])
    world.send_mail()
    assert world.table.items["USER#lakeside#t2", "LINK"]["account_id"] == "ada"
    assert len(world.ses.sent) == mails, "nobody is mailed again"
    world.upload(roster(user("t1", "teacher"), user("t2", "teacher")), name="right")
    world.send_mail()
    assert len(world.ses.sent) == mails, "and not when they come back"


def test_afterwards_the_roster_before_is_unchanged_and_the_other_one_new() -> None:
    world = a_world()
    first, second = roster(user("s1")), roster(user("s1"), user("s2"))
    world.upload(first, name="a")
    report = world.upload(second, name="b")
    roll_back(world, report["import_id"])
    assert world.upload(first, name="a-again")["status"] == "unchanged"
    again = world.upload(second, name="b-again")
    assert (again["status"], again["users"]["created"]) == ("completed", 1)


def test_only_the_import_applied_last_can_be_rolled_back_and_only_once() -> None:
    world = a_world()
    first = world.upload(roster(user("s1")), name="a")
    second = world.upload(roster(user("s1"), user("s2")), name="b")
    state = who_and_what(world)
    refused = roll_back(world, first["import_id"])
    assert (refused["status"], refused["reason"]["code"]) == ("rejected", "not_the_latest")
    assert who_and_what(world) == state
    roll_back(world, second["import_id"])
    assert roll_back(world, second["import_id"])["reason"]["code"] in ("not_the_latest", "rolled_back")
    assert len([k for k in who_and_what(world) if k[1] == "ROSTER"]) == 1


def test_a_decision_that_s3_tells_of_again_says_nothing_new() -> None:
    world = a_world()
    world.upload(roster(user("s1")), name="a")
    second = world.upload(roster(user("s1"), user("s2")), name="b")
    key = f"decisions/lakeside/{second['import_id']}.json"
    upload = world.arrive(key, b'{"action": "roll_back", "by": "kim", "reason": "wrong file"}')
    for _ in range(3):
        assert world.receive_upload().receive(upload).kind == "decision"
        world.run_imports()
        assert world.latest()["reason"]["code"] == "rolled_back"


def test_two_tellings_of_one_decision_at_once_are_one_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one had looked before the first one was carried out."""
    world = a_world()
    world.register(removal_threshold_count=1)
    world.upload(roster(user("s1"), user("s2"), user("s3")), name="a")
    held = world.upload(roster(user("s1")), name="b")
    key = f"decisions/lakeside/{held['import_id']}.json"
    upload = world.arrive(key, b'{"action": "reject", "by": "kim", "reason": "cut off"}')
    world.receive_upload().receive(upload)
    decided, looks = ImportStarter.decided, iter([None])
    monkeypatch.setattr(ImportStarter, "decided", lambda self, *names: next(looks, decided(self, *names)))
    world.receive_upload().receive(upload)
    assert world.latest()["upload"]["key"] == "rosters/lakeside/b.zip"
    assert world.latest()["reason"]["code"] == "rejected_by_person"


def test_the_first_import_of_all_can_be_rolled_back() -> None:
    world = a_world()
    report = world.upload(roster(user("s1"), enrollments=enrolled("s1")))
    roll_back(world, report["import_id"])
    assert who_and_what(world) == {}


def test_the_platform_is_told() -> None:
    world = a_world()
    report = world.upload(roster(user("s1")))
    roll_back(world, report["import_id"])
    details = [i["detail"] for k, i in world.table.items.items() if k[0].startswith("OUTBOX#")]
    assert sum('"rolled_back"' in detail for detail in details) == 1


PEOPLE = st.lists(
    st.tuples(st.sampled_from(["t1", "t2", "s1", "s2", "s3"]), st.sampled_from(["Kim", "Ann", "Li"]), st.booleans()),
    min_size=1, max_size=5, unique_by=lambda row: row[0],
)  # fmt: skip


def drawn(people: list[tuple[str, str, bool]], classes: int) -> dict[str, str | bytes]:
    rows = [user(k, "teacher" if k.startswith("t") else "student", given=given) for k, given, _ in people]
    in_class = "".join(enrolled(k, "teacher" if k.startswith("t") else "student") for k, _, is_in in people if is_in)
    return roster(*rows, classes="".join(CLASS_ROWS[:classes]), enrollments=in_class)


@settings(max_examples=depth(15, 200))
@given(a=PEOPLE, b=PEOPLE, classes=st.tuples(st.integers(1, 2), st.integers(1, 2)))
def test_one_roster_then_another_rolled_back_is_the_one(a: Any, b: Any, classes: tuple[int, int]) -> None:
    world = a_world()
    world.upload(drawn(a, classes[0]), name="a")
    before = who_and_what(world)
    report = world.upload(drawn(b, classes[1]), name="b")
    if report["status"] == "completed":
        roll_back(world, report["import_id"])
    assert who_and_what(world) == before


@settings(max_examples=depth(15, 200))
@given(a=PEOPLE, b=PEOPLE, classes=st.tuples(st.integers(1, 2), st.integers(1, 2)))
def test_one_roster_then_another_is_the_other_alone(a: Any, b: Any, classes: tuple[int, int]) -> None:
    both, alone = a_world(), a_world()
    both.upload(drawn(a, classes[0]), name="a")
    both.upload(drawn(b, classes[1]), name="b")
    alone.upload(drawn(b, classes[1]), name="b")
    assert who_and_what(both) == who_and_what(alone)


@settings(max_examples=depth(15, 200))
@given(
    rosters=st.tuples(PEOPLE, PEOPLE, PEOPLE),
    tellings=st.lists(st.integers(0, 2), max_size=4).map(lambda more: [0, 1, 2, *more]).flatmap(st.permutations),
    at_once=st.booleans(),
)
def test_three_uploads_told_in_any_order_any_number_of_times_end_in_the_newest(
    rosters: Any, tellings: list[int], at_once: bool
) -> None:
    world, alone = a_world(), a_world()
    uploads = [
        world.arrive(f"rosters/lakeside/{number}.zip", zipped(drawn(people, 1 + number % 2)))
        for number, people in enumerate(rosters)
    ]
    for number in tellings:
        world.receive_upload().receive(uploads[number])
        if not at_once:
            world.run_imports()
    world.run_imports()
    alone.upload(drawn(rosters[2], 1), name="2")
    assert who_and_what(world) == who_and_what(alone)
    assert world.latest()["upload"]["key"] == "rosters/lakeside/2.zip"
