"""A Google id opens one account: the one that the feed named last with it, in whatever order the feed says so."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from shared.domain.matching import Grounds, LoginProof
from shared.domain.roster import Role, RosterUser
from shared.stores.federated_ids import FederatedIds
from shared.stores.personal_data import PersonalData
from tests.builders import account
from tests.harness import GOOGLE, World

G = "google-1"


def line(account_id: str, google_sub: str | None) -> dict[str, Any]:
    return account(account_id, f"{account_id}@mail.example", google_sub=google_sub)


@pytest.fixture
def world() -> World:
    made = World()
    made.feed(line("ada", G), line("bob", None))
    return made


def opens(world: World, google_sub: str = G) -> str | None:
    return world.identifiers.account_by_subject(GOOGLE, google_sub)


def named(world: World, account_id: str) -> str | None:
    found = world.accounts.get(account_id)
    return found.google_sub if found else None


MOVED = [line("ada", None), line("bob", G)]


@pytest.mark.parametrize("order", [*permutations(MOVED)], ids=["lost first", "given first"])
@pytest.mark.parametrize("in_one_file", [True, False])
def test_a_google_id_that_moves_is_neither_lost_nor_in_two_accounts(
    world: World, order: tuple[dict[str, Any], ...], in_one_file: bool
) -> None:
    for lines in [order] if in_one_file else [[one] for one in order]:
        world.feed(*lines)
    assert (opens(world), named(world, "ada"), named(world, "bob")) == ("bob", None, G)


def test_two_accounts_that_swap_their_google_ids_each_have_the_others(world: World) -> None:
    world.feed(line("bob", "google-2"))
    world.feed(line("ada", "google-2"), line("bob", G))
    assert (opens(world), opens(world, "google-2")) == ("bob", "ada")
    assert (named(world, "ada"), named(world, "bob")) == ("google-2", G)


def test_the_account_that_had_it_has_it_no_more_although_no_line_says_so(world: World) -> None:
    world.feed(line("bob", G))
    assert (opens(world), named(world, "ada")) == ("bob", None)
    world.feed({"account_id": "ada", "display_name": "Ada"})
    assert opens(world) == "bob", "a line that is silent on it takes nothing back"


def test_a_google_id_that_comes_back_by_an_old_line_is_the_first_ones_again(world: World) -> None:
    world.feed(line("bob", G))
    world.feed(line("bob", None), line("ada", G))
    assert (opens(world), named(world, "ada")) == ("ada", G)


def test_of_two_lines_of_one_file_with_one_google_id_the_later_one_counts(world: World) -> None:
    world.feed(line("kim", "google-3"), line("lea", "google-3"))
    assert (opens(world, "google-3"), named(world, "kim")) == ("lea", None)


def test_an_account_that_names_another_id_by_now_keeps_it(world: World) -> None:
    world.feed(line("ada", "google-2"))
    FederatedIds(world.table, GOOGLE).take_from("ada", (GOOGLE, G))
    assert (named(world, "ada"), opens(world, "google-2")) == ("google-2", "ada")


def test_an_account_that_still_names_anothers_google_id_is_proved_by_no_login(world: World) -> None:
    """As an earlier version left it: the id leads to bob, and ada's account names it, too."""
    world.feed(line("bob", G))
    world.table.items["ACCOUNT#ada", "ACCOUNT"]["google_sub"] = G
    person = RosterUser("lakeside", "t1", Role.TEACHER, "Ada", "Person", "ada@mail.example")
    decision = world.identifiers.find_match(person, [], login=LoginProof(GOOGLE, G))
    assert (decision.account_id, decision.grounds) == ("bob", Grounds.SUBJECT)


def test_who_is_deleted_takes_no_google_id_of_another_along(world: World) -> None:
    world.feed(line("bob", G))
    world.table.items["ACCOUNT#ada", "ACCOUNT"]["google_sub"] = G
    PersonalData(world.table, world.accounts).delete_account("ada")
    assert opens(world) == "bob"
