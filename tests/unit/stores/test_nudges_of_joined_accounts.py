"""A teacher who joins an older account has one nudge due: the one that this link brings."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from shared.domain.clock import to_iso
from shared.domain.link import Proof
from shared.domain.roster import RosterUserKey
from shared.stores.due_items import NUDGE, DueStore
from shared.stores.links import Consent
from tests.builders import key
from tests.harness import World
from tests.two_accounts import two_accounts

TEACHER = key("s1")


def linked(world: World, account_id: str, nudge_at: datetime, *, joins: str | None = None) -> None:
    consent = Consent(TEACHER, account_id, Proof.DISTRICT_LOGIN_GOOGLE, False, None, nudge_at, joins=joins)
    world.links.make(consent, present=world.links.of_user(TEACHER), event_id=world.new_id(), now=world.now)


def due(world: World) -> list[tuple[RosterUserKey, str]]:
    return [(user, due_at) for user, due_at, _ in DueStore(world.table).due(NUDGE, world.now + timedelta(days=365))]


@pytest.mark.parametrize("days", [14, 20], ids=["at the same moment", "at another moment"])
def test_after_a_join_the_nudge_is_due_once(days: int) -> None:
    world = two_accounts()
    began = world.now
    world.links.undo(TEACHER, event_id=world.new_id(), now=world.now)
    linked(world, "made", began + timedelta(days=14))
    assert due(world) == [(TEACHER, to_iso(began + timedelta(days=14)))]

    linked(world, "old", began + timedelta(days=days), joins="made")
    assert due(world) == [(TEACHER, to_iso(began + timedelta(days=days)))]
