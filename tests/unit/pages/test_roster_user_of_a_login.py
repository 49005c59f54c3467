"""From a district login to the one row of the roster, by the strongest step that leads to one (M12, M19, M21)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pytest

from shared.domain.errors import LoginRefused
from shared.domain.link import FoundBy
from shared.hubs.hub import Hub, Identity, Number, Provider
from shared.use_cases.find_roster_user import FindRosterUser, Found
from tests.builders import roster, user
from tests.harness import CLEVER, World


@dataclass
class AskedHub:
    """A hub whose own interface says this of everybody."""

    says: Identity
    provider: Provider = "clever"
    asked: int = 0

    def look_up(self, identity: Identity) -> Identity:
        self.asked += 1
        return self.says


@pytest.fixture(scope="module")
def world() -> World:
    found = World()
    found.register(clever_district_id="d1")
    found.upload(
        roster(
            user("t1", "teacher", given="Ada"),
            user("s1", ids="{Clever:cid-1}", given="Ann"),
            user("s2", given="Ben", email="family@mail.example"),
            user("s3", given="Cas", email="family2@mail.example"),
            user("s4", given="Dee", email="family2@mail.example"),
        )
    )
    return found


def found_in(world: World, subject: str = "v3", **says: Any) -> Found:
    identity = Identity(CLEVER, subject, None, False, "d1")
    said = {"given_name": "", "family_name": "Person", **says}
    hub = AskedHub(Identity(CLEVER, subject, said.pop("email", None), False, "d1", **said))
    district = world.districts.get("lakeside")
    return FindRosterUser(world.users, world.links).of(identity, cast(Hub, hub), district)


def refusal_in(world: World, **says: Any) -> str:
    with pytest.raises(LoginRefused) as refused:
        found_in(world, **says)
    return refused.value.code


def test_the_hub_is_not_asked_about_whom_the_roster_names(world: World) -> None:
    hub = AskedHub(Identity(CLEVER, "cid-1", None, False))
    district = world.districts.get("lakeside")
    found = FindRosterUser(world.users, world.links).of(
        Identity(CLEVER, "cid-1", None, False), cast(Hub, hub), district
    )
    assert (found.user.sourced_id, found.by, hub.asked) == ("s1", FoundBy.ROSTER_ID, 0)


def test_an_id_of_before_version_3_leads_to_the_row_that_names_it(world: World) -> None:
    identity = Identity(CLEVER, "v3", None, False, aliases=("cid-1",))
    hub = cast(Hub, AskedHub(identity))
    found = FindRosterUser(world.users, world.links).of(identity, hub, world.districts.get("lakeside"))
    assert (found.user.sourced_id, found.by) == ("s1", FoundBy.ROSTER_ID)


def test_a_number_with_the_rows_name_leads_to_it(world: World) -> None:
    found = found_in(world, numbers=(Number("s2", "student"),), given_name="Ben", is_student=True)
    assert (found.user.sourced_id, found.by) == ("s2", FoundBy.NUMBER)


@pytest.mark.parametrize(
    "says",
    [
        {"given_name": "Zoe"},
        {"given_name": ""},
        {"given_name": "Ben", "family_name": "Stone"},
        {"given_name": "Ben", "is_student": False},
        {"given_name": "Zoe", "email": "family@mail.example"},
    ],
)
def test_a_number_with_another_name_or_role_leads_to_nobody(world: World, says: dict[str, Any]) -> None:
    """The last one is a sister with the family's address, under a number that was used again."""
    assert refusal_in(world, numbers=(Number("s2"),), **says) == "number_of_another"


def test_who_changed_the_family_name_has_number_given_name_and_address(world: World) -> None:
    found = found_in(world, numbers=(Number("t1"),), given_name="Ada", family_name="Moss", email="t1@lakeside.example")
    assert (found.user.sourced_id, found.by) == ("t1", FoundBy.NUMBER)


def test_an_address_with_the_rows_name_leads_to_it(world: World) -> None:
    found = found_in(world, email="Family@mail.example", given_name="Ben", is_student=True)
    assert (found.user.sourced_id, found.by) == ("s2", FoundBy.STATED_ADDRESS)


@pytest.mark.parametrize(
    "says",
    [
        {"email": "family@mail.example", "given_name": "Zoe"},
        {"email": "family@mail.example", "given_name": "Ben", "is_student": False},
        {"email": "family2@mail.example", "given_name": "Cas"},
        {"email": "no address", "given_name": "Ben"},
        {"email": "", "given_name": "Ben"},
        {"given_name": "Ben"},
    ],
)
def test_an_address_that_is_shared_or_anothers_leads_to_nobody(world: World, says: dict[str, Any]) -> None:
    assert refusal_in(world, **says) == "not_on_roster"
