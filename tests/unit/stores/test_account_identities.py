"""The feed's `identities` of an account: read, kept, moved and forgotten like its Google id (docs/uploads.md)."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import msgspec
import pytest

from functions.accounts_feed.feed import IdToSettle
from functions.accounts_feed.feed_files import FeedFiles
from shared.domain.federated_identity import Issuers
from shared.stores.federated_ids import FederatedIds
from shared.stores.import_files import ImportFiles
from shared.stores.personal_data import PersonalData
from tests.builders import account
from tests.harness import GOOGLE, World

CLASSLINK = "https://launchpad.classlink.com"
TENANT = "https://login.microsoftonline.com/tid-1/v2.0"
SEVEN = {"issuer": CLASSLINK, "subject": "7"}
OBJECT = {"issuer": TENANT, "subject": "oid-1"}


def line(account_id: str, *identities: dict[str, Any], **more: Any) -> dict[str, Any]:
    return account(account_id, f"{account_id}@mail.example", identities=list(identities), **more)


@pytest.fixture
def world() -> World:
    made = World()
    made.feed(line("ada", SEVEN, OBJECT), line("bob"))
    return made


def opens(world: World, issuer: str = CLASSLINK, subject: str = "7") -> str | None:
    return world.identifiers.account_by_subject(issuer, subject)


def named(world: World, account_id: str) -> set[tuple[str, str]]:
    found = world.accounts.get(account_id)
    return set(found.identities) if found else set()


def test_each_identity_of_a_line_opens_the_account(world: World) -> None:
    assert (opens(world), opens(world, TENANT, "oid-1")) == ("ada", "ada")
    assert named(world, "ada") == {(CLASSLINK, "7"), (TENANT, "oid-1")}


def test_what_a_line_leaves_out_stays_and_an_empty_list_is_none(world: World) -> None:
    world.feed({"account_id": "ada", "display_name": "Ada"})
    assert opens(world) == "ada"
    for nothing in ([], None):
        world.feed({"account_id": "ada", "identities": [SEVEN]})
        assert opens(world) == "ada"
        world.feed({"account_id": "ada", "identities": nothing})
        assert (opens(world), opens(world, TENANT, "oid-1"), named(world, "ada")) == (None, None, set())


MOVED = [line("ada", OBJECT), line("bob", SEVEN)]


@pytest.mark.parametrize("order", [*permutations(MOVED)], ids=["lost first", "given first"])
def test_an_identity_that_moves_is_in_one_account(world: World, order: tuple[dict[str, Any], ...]) -> None:
    world.feed(*order)
    assert (opens(world), opens(world, TENANT, "oid-1")) == ("bob", "ada")


def test_the_account_that_had_an_identity_has_it_no_more_unasked(world: World) -> None:
    world.feed(line("bob", SEVEN))
    assert (opens(world), named(world, "ada")) == ("bob", {(TENANT, "oid-1")})
    world.feed(line("bob", SEVEN, OBJECT))
    assert named(world, "ada") == set()


def test_a_google_id_may_stand_in_either_place(world: World) -> None:
    world.feed(line("ada", {"issuer": "accounts.google.com", "subject": "g-2"}, google_sub="g-1"))
    assert (opens(world, GOOGLE, "g-1"), opens(world, GOOGLE, "g-2")) == ("ada", "ada")
    world.feed(line("bob", google_sub="g-2"))
    assert (opens(world, GOOGLE, "g-2"), named(world, "ada")) == ("bob", set())


def test_a_closed_account_is_opened_by_nothing(world: World) -> None:
    world.feed({"account_id": "ada", "closed_at": "2026-09-01"})
    assert (opens(world), opens(world, TENANT, "oid-1")) == (None, None)


@pytest.mark.parametrize(("named_as", "known_as"), [
    ("https://launchpad.classlink.com/", "http://localhost:9/classlink"),
    ("HTTPS://Launchpad.ClassLink.com", "http://localhost:9/classlink"),
    ("http://localhost:9/classlink", "http://localhost:9/classlink"),
    ("https://login.microsoftonline.com/tid-1/v2.0", "http://localhost:9/tid-1/v2.0"),
    ("accounts.google.com", "http://localhost:9/google"),
    ("https://id.example/Path", "https://id.example/Path"),
])  # fmt: skip
def test_a_stack_with_hubs_of_its_own_knows_the_true_ones_names(named_as: str, known_as: str) -> None:
    here = "http://localhost:9"
    issuers = Issuers(f"{here}/google", f"{here}/clever", f"{here}/classlink", f"{here}/organizations/v2.0")
    assert issuers.own(named_as) == known_as


@pytest.mark.parametrize(("identities", "column"), [
    ([{"issuer": CLASSLINK}], "identities.subject"),
    ([{"issuer": CLASSLINK, "subject": ""}], "identities.subject"),
    ([{"issuer": CLASSLINK, "subject": 7}], "identities.subject"),
    ([{"issuer": "ClassLink", "subject": "7"}], "identities.issuer"),
    ([{"issuer": f"{CLASSLINK}#x", "subject": "7"}], "identities.issuer"),
    ([{"issuer": f"{CLASSLINK} ", "subject": "7"}], "identities.issuer"),
    ([{"issuer": CLASSLINK, "subject": "é" * 201}], "identities.subject"),
    ([SEVEN, "7"], "identities"),
    ({"issuer": CLASSLINK, "subject": "7"}, "identities"),
    ([{"issuer": CLASSLINK, "subject": str(n)} for n in range(21)], "identities"),
])  # fmt: skip
def test_an_identity_that_is_none_rejects_its_line(world: World, identities: Any, column: str) -> None:
    report = world.feed({**line("ada"), "identities": identities}, line("kim", {**SEVEN, "subject": "8"}))
    assert [(reject["line"], reject["column"]) for reject in report["rejects"]] == [(1, column)]
    assert (opens(world), opens(world, subject="8")) == ("ada", "kim"), "what stood before still stands"


def test_identities_that_the_version_before_passed_over_are_read(world: World) -> None:
    """It kept neither them nor a line that names them."""
    world.feed(line("kim"), name="before")
    report = world.feed(line("kim", {**SEVEN, "subject": "8"}), name="before")
    assert (report["changed"], opens(world, subject="8")) == (1, "kim")
    again = world.feed(line("kim", {**SEVEN, "subject": "8"}), name="before")
    assert (again["changed"], again["unchanged"]) == (0, 1)


def test_what_the_version_before_left_to_settle_is_a_google_id() -> None:
    """A feed that was under way at the deployment noted Google ids alone, without an issuer."""
    world = World()
    world.feed(account("ada", "ada@mail.example", google_sub="g-1"))
    del world.table.items[f"OIDC#{GOOGLE}#g-1", "ACCOUNT"]
    noted = msgspec.json.decode(b'["g","g-1","ada",1]', type=IdToSettle)
    world.look_again().look(FeedFiles(ImportFiles(world.s3, "snapshots"), "run"), 0, [(0, noted)])
    assert opens(world, GOOGLE, "g-1") == "ada"


def test_an_identity_costs_one_write_unit_and_nothing_when_it_stays() -> None:
    world = World()

    def written(said: dict[str, Any]) -> int:
        """Write units of the account with its address and ids."""
        before = world.table.meter.write_units.get("ACCOUNT", 0)
        world.feed(said)
        return world.table.meter.write_units["ACCOUNT"] - before

    without = written(line("ada"))
    assert written(line("bob", SEVEN)) == without + 1
    assert written({"account_id": "bob", "last_login_at": "2026-09-01"}) == 1


def test_who_asks_for_or_ends_their_data_has_the_identities(world: World) -> None:
    data = PersonalData(world.table, world.accounts)
    keys = {item["PK"] for item in data.held(["ada"], [])["items"]}
    assert {f"OIDC#{CLASSLINK}#7", f"OIDC#{TENANT}#oid-1"} <= keys
    data.delete_account("ada")
    assert not [pk for pk, _ in world.table.items if pk.startswith("OIDC#")]


def test_an_account_that_names_another_identity_by_now_keeps_it(world: World) -> None:
    FederatedIds(world.table, GOOGLE).take_from("ada", (CLASSLINK, "8"))
    assert named(world, "ada") == {(CLASSLINK, "7"), (TENANT, "oid-1")}
