"""A person with two accounts: one that the first district login made, and an older one."""

from __future__ import annotations

from typing import Any

from shared.domain import link as link_rules
from shared.domain.account import Account
from shared.domain.clock import to_iso
from shared.domain.link import Link, Proof
from shared.domain.roster import RosterUserKey
from shared.stores.links import Consent
from shared.stores.outbox import event_item
from tests.builders import account
from tests.fakes.dynamodb import Gate, ungated
from tests.harness import World

KID = RosterUserKey("lakeside", "s1")
MAY = "2026-05-01T00:00:00Z"


def points(**by_skill: int) -> dict[str, Any]:
    """Progress as a feed tells it."""
    return {skill: {"points": n, "updated_at": MAY} for skill, n in by_skill.items()}


def shown(world: World, account_id: str) -> dict[str, int]:
    return {skill: earned.points for skill, earned in world.accounts.mastery(account_id).items()}


def student(account_id: str, **more: Any) -> dict[str, Any]:
    return {**account(account_id, f"{account_id}@mail.example"), "role": "student", **more}


def with_made_account(world: World, user: RosterUserKey = KID, made: str = "made") -> None:
    """What `I don't have an account yet` does after a district login."""
    present = world.links.of_user(user)
    wanted = link_rules.make(
        present, user, made, by=Proof.DISTRICT_LOGIN_CLEVER, by_rule=False, now=to_iso(world.now), is_made=True
    )
    consent = Consent(user, made, Proof.DISTRICT_LOGIN_CLEVER)
    detail = {"account_id": made, "district_id": user.district_id, "sourced_id": user.sourced_id}
    world.accounts.create(
        Account(made, "student", "Kid", made),
        also=world.links.link_writes(consent, wanted, present, world.new_id(), world.now),
        event=event_item(world.new_id(), "AccountCreated", detail, world.now),
    )


def link(
    world: World, account_id: str, user: RosterUserKey = KID, *, joins: str | None = None, by_rule: bool = False
) -> Link:
    consent = Consent(user, account_id, Proof.DISTRICT_LOGIN_CLEVER, by_rule, joins=joins)
    return world.links.make(consent, present=world.links.of_user(user), event_id=world.new_id(), now=world.now)


def undo(world: World, user: RosterUserKey = KID) -> Link:
    return world.links.undo(user, event_id=world.new_id(), now=world.now)


def two_accounts(*, gate: Gate = ungated) -> World:
    """A student who worked on the account that the first district login made, and has an older one."""
    world = World(gate=gate)
    world.register()
    world.feed(student("old", mastery=points(a=60, b=90)))
    with_made_account(world)
    world.feed(student("made", mastery=points(a=80, c=10)))
    return world
