"""Each link that is made or undone leaves one entry: who, when, which proof (B2)."""

from __future__ import annotations

import csv
import io

import pytest

from operations.audit import trail
from shared.domain.clock import to_iso
from shared.domain.errors import RefusedTransition
from shared.domain.link import Proof
from shared.domain.roster import RosterUserKey
from shared.stores.audit import Actor, AuditEntry, AuditStore, Fact
from tests.builders import key
from tests.harness import World
from tests.pages_harness import Website, account_of, in_a_made_account, lakeside, linked_teacher
from tests.two_accounts import KID, link, two_accounts, undo


@pytest.fixture
def web() -> Website:
    return lakeside()


def entries(world: World, user: RosterUserKey) -> list[AuditEntry]:
    return AuditStore(world.table).of_user(user)


def test_a_link_by_mail_leaves_one_entry_with_the_person_and_the_activation(web: Website) -> None:
    linked_teacher(web)

    (entry,) = entries(web.world, key("t1"))

    assert entry == AuditEntry(
        key("t1"),
        at=to_iso(web.world.now),
        fact=Fact.LINKED,
        actor=Actor.PERSON,
        account_id="ada",
        proof=Proof.ACTIVATION,
        is_new_account=False,
        joined_account_id=None,
    )


def test_a_link_by_rule_leaves_one_entry_with_the_rule_and_the_district_login(web: Website) -> None:
    zoe = web.visitor(sub="zoe-at-google", email="s9@lakeside.example", email_verified=True)

    zoe.open("/sso/lakeside").press("Continue with Google")

    (entry,) = entries(web.world, key("s9"))
    assert (entry.fact, entry.actor, entry.account_id) == (Fact.LINKED, Actor.RULE, "zoe")
    assert entry.proof is Proof.DISTRICT_LOGIN_GOOGLE


def test_a_new_account_leaves_one_entry_that_says_it_is_new(web: Website) -> None:
    in_a_made_account(web)

    (entry,) = entries(web.world, key("s1"))

    assert (entry.fact, entry.actor, entry.is_new_account) == (Fact.LINKED, Actor.PERSON, True)
    assert entry.account_id == account_of(web, "s1")
    assert entry.proof is Proof.DISTRICT_LOGIN_CLEVER


def test_an_undo_leaves_one_entry_more_that_says_who_undid_what(web: Website) -> None:
    home = linked_teacher(web)
    web.world.pass_time(minutes=5)

    home.press("Undo the link with Lakeside Schools").press("Undo the link")

    made, undone = entries(web.world, key("t1"))
    assert made.fact is Fact.LINKED
    assert (undone.fact, undone.actor, undone.account_id) == (Fact.UNDONE, Actor.PERSON, "ada")
    assert undone.at > made.at


def test_accounts_joined_and_parted_are_named_in_the_entries_of_link_and_undo() -> None:
    world = two_accounts()
    link(world, "old", joins="made")
    world.pass_time(minutes=5)

    undo(world)

    _, joined, parted = entries(world, KID)
    assert (joined.fact, joined.account_id, joined.joined_account_id) == (Fact.LINKED, "old", "made")
    assert (parted.fact, parted.account_id, parted.joined_account_id) == (Fact.UNDONE, "old", "made")


def test_what_is_refused_or_done_already_leaves_no_entry() -> None:
    world = two_accounts()
    link(world, "old", joins="made")
    before = entries(world, KID)

    link(world, "old", joins="made")
    with pytest.raises(RefusedTransition, match="already_linked"):
        link(world, "another")

    assert entries(world, KID) == before


def test_an_entry_goes_by_itself_after_four_hundred_days_and_names_nobody(web: Website) -> None:
    linked_teacher(web)

    (item,) = (item for (_, sk), item in web.world.table.items.items() if sk.startswith("AUDIT#"))

    assert (int(item["ttl"]) - web.world.now.timestamp()) / 86_400 == pytest.approx(400, abs=1)
    assert not any(word in repr(item) for word in ("@", "Ada", "Lakeside Schools"))


def test_the_export_is_a_table_that_no_spreadsheet_runs() -> None:
    user = RosterUserKey("lakeside", "=cmd()")
    entry = AuditEntry(user, "2026-09-01T15:00:00Z", Fact.LINKED, Actor.RULE, "+ada", Proof.ACTIVATION, False, None)

    (row,) = csv.DictReader(io.StringIO(trail([entry])))

    assert row == {
        "at": "2026-09-01T15:00:00Z",
        "fact": "linked",
        "actor": "rule",
        "district_id": "lakeside",
        "sourced_id": "'=cmd()",
        "kind": "",
        "account_id": "'+ada",
        "proof": "activation",
        "is_new_account": "no",
        "joined_account_id": "",
        "found_by": "",
        "vouched_in": "",
        "vouched_by": "",
    }
