"""What is held about one person can be shown and deleted, and nothing is kept longer than is written down."""

from __future__ import annotations

import json
import re
from contextlib import suppress

import pytest

from operations.personal_data import delete, export, held_by
from shared.domain.roster import RosterUserKey
from shared.stores.digests import RemainingClassesStore
from shared.stores.personal_data import PersonalData
from simulation.fault_injection import FaultInjector, FaultMode, Killed
from tests.builders import key, roster, user
from tests.harness import World
from tests.pages_harness import CLEVER_DISTRICT, Website, account_of, earns, in_a_made_account, lakeside, log_in

KID = key("s1")
SHORT_LIVED = ("OUTBOX#", "SESSION#", "LIMIT#", "OIDC_STATE#", "NOTICE#")
"""Each has a ttl, and names nobody or ids only."""


def with_a_student() -> World:
    """A student with two accounts that are joined, in a grassroots class with a score, and in a district class."""
    web = lakeside()
    page = in_a_made_account(web)
    earns(web, account_of(web, "s1"), b=30)
    log_in(page.press("I have an older account"), "kid").press("Link my accounts")
    return web.world


def data_of(world: World) -> PersonalData:
    return PersonalData(world.table, world.accounts)


def mentions(world: World, *words: str) -> set[tuple[str, str]]:
    """Every item that says one of these words anywhere, but for those that pass by themselves."""
    return {
        pair
        for pair, item in world.table.items.items()
        if not pair[0].startswith(SHORT_LIVED) and not set(re.findall(r"[\w@.-]+", repr(item))).isdisjoint(words)
    }


def made_account(world: World) -> str:
    link = world.links.of_user(KID)
    assert link is not None
    assert link.joined is not None
    return link.joined.account_id


@pytest.mark.parametrize("by", ["account", "made account", "roster"])
def test_all_that_is_held_about_a_person_is_shown_whichever_way_they_are_named(by: str) -> None:
    world = with_a_student()
    person = {"account": "kid", "made account": made_account(world), "roster": KID}[by]

    shown = json.loads(export(data_of(world), person))

    found = {(item["PK"], item["SK"]) for item in shown["items"]}
    others = {("ACCOUNT#ada", "CLASS#own"), ("ACCOUNT#ada", "CLASS_ASSIGNMENT#own#q"), ("CLASS#lakeside#c1", "MEMBERS")}
    assert mentions(world, "kid", made_account(world), "s1") - found <= others
    assert {"class": "Period 3", "owner_account_id": "ada", "scores": {"Quiz": 70}} in shown["parts"]
    assert {"district_class": "c1", "district_id": "lakeside", "role": "attends"} in shown["parts"]


def test_nothing_is_left_of_a_deleted_account_and_nobody_else_loses_anything() -> None:
    world = with_a_student()
    words = ("kid", made_account(world), "cid-1@mail.example")
    others = {pair: item for pair, item in world.table.items.items() if pair[0] == "ACCOUNT#zoe"}

    assert delete(data_of(world), "kid") > 0

    assert mentions(world, *words) == set()
    assert world.links.of_user(KID) is None
    assert world.users.get(KID) is not None, "the roster is the district's"
    assert {pair: item for pair, item in world.table.items.items() if pair[0] == "ACCOUNT#zoe"} == others
    (own,) = world.accounts.classes.owned("ada", with_scores=True)
    assert (own.student_account_ids, own.assignments[0].scores) == ((), {})


def test_nothing_is_left_of_a_deleted_roster_user_and_the_account_stays() -> None:
    world = with_a_student()

    delete(data_of(world), KID)

    assert {
        pair for pair in mentions(world, "s1") if pair[0].startswith(("USER#", "EMAIL#", "CLASS#", "CLEVER#"))
    } == set()
    assert world.accounts.get("kid") is not None
    assert world.links.of_account("kid") == []


def test_a_place_in_a_past_class_is_shown_and_goes_with_the_person() -> None:
    world = with_a_student()
    world.upload(
        roster(user("t1", "teacher", given="Ada"), user("s1", given="Kid"), classes=""), name="classes-are-over"
    )
    assert [pk for pk, _ in mentions(world, "s1") if pk.startswith("PAST_CLASS#")] == ["PAST_CLASS#lakeside#c1"]

    shown = json.loads(export(data_of(world), KID))
    assert {"past_class": "c1", "district_id": "lakeside", "role": "attended"} in shown["parts"]
    for who in (KID, key("t1")):
        delete(data_of(world), who)

    assert {pair for pair in mentions(world, "s1", "t1") if pair[0].startswith(("USER#", "PAST_CLASS#"))} == set()


def test_what_is_noted_of_a_teacher_for_the_digest_goes_with_the_teacher() -> None:
    world = with_a_student()
    teacher = world.users.get(key("t1"))
    assert teacher is not None
    RemainingClassesStore(world.table).note(teacher, 3)

    delete(data_of(world), teacher.key)

    assert not [pair for pair in mentions(world, "t1") if pair[0].startswith("LEFT#")]


def test_the_teacher_of_a_class_takes_its_memberships_along() -> None:
    world = lakeside().world

    delete(data_of(world), "ada")

    assert world.accounts.classes.attended("kid") == []
    assert mentions(world, "ada") == set()


@pytest.mark.parametrize("mode", [FaultMode.DIES_BEFORE, FaultMode.DIES_AFTER])
@pytest.mark.parametrize("person", ["kid", KID], ids=["account", "roster user"])
def test_a_deletion_that_was_cut_is_finished_by_the_next_one(person: str | RosterUserKey, mode: FaultMode) -> None:
    begun = with_a_student()

    def deleted(cut: dict[int, FaultMode]) -> tuple[dict[tuple[str, str], object], int]:
        injector = FaultInjector(plan=cut, enabled=True)
        world = World(gate=injector)
        world.begin_like(begun)
        with suppress(Killed):
            delete(data_of(world), person)
        if cut:
            delete(data_of(world), person)
        return dict(world.table.items), len(injector.calls)

    whole, calls = deleted({})

    for call in range(calls):
        assert deleted({call: mode})[0].keys() == whole.keys(), f"cut at call {call}"


def test_what_is_short_lived_says_when_it_ends() -> None:
    web: Website = lakeside()
    web.visitor(sub="cid-1", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")
    log_in(web.visitor().open("/login"), "kid")

    passing = [item for (pk, _), item in web.world.table.items.items() if pk.startswith(SHORT_LIVED)]

    assert {item["PK"].partition("#")[0] for item in passing} >= {"OUTBOX", "SESSION", "LIMIT", "OIDC_STATE"}
    assert all(int(item["ttl"]) > web.world.now.timestamp() for item in passing)


def test_what_was_deleted_is_looked_for_again() -> None:
    world = with_a_student()
    data = data_of(world)
    for person in ("kid", KID):
        held = held_by(data, person)
        assert held
        assert data.existing(held) == held
        delete(data, person)
        assert data.existing(held) == []
