"""The one rule of who is mailed (M7, M8, M12)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.domain.activation import Activation, NotMailed, may_be_mailed, why_not_mailed
from shared.domain.link import Link, LinkState
from shared.domain.roster import Role, RosterUser

TEACHER = RosterUser("lakeside", "t1", Role.TEACHER, "Ada", "Lovelace", official_email="ada@lakeside.example")

MAIL = Activation("a", TEACHER.key, "ada@lakeside.example")


def test_a_teacher_on_the_roster_with_an_address_is_mailed() -> None:
    assert why_not_mailed(TEACHER, mail=MAIL) is None
    assert may_be_mailed(TEACHER)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"active": False}, NotMailed.AWAY),
        ({"role": Role.STUDENT}, NotMailed.NOT_A_TEACHER),
        ({"role": Role.ADMINISTRATOR}, NotMailed.NOT_A_TEACHER),
        ({"official_email": None}, NotMailed.NO_ADDRESS),
        ({"official_email": "other@lakeside.example"}, NotMailed.OTHER_ADDRESS),
    ],
)
def test_whoever_else_is_not(change: dict[str, Any], why: NotMailed) -> None:
    assert why_not_mailed(replace(TEACHER, **change), mail=MAIL) is why


def test_an_address_that_several_people_share_is_not_mailed() -> None:
    assert why_not_mailed(TEACHER, address_is_shared=True) is NotMailed.SHARED_ADDRESS


@pytest.mark.parametrize("state", LinkState)
def test_whoever_is_matched_or_linked_is_not_asked_to_link(state: LinkState) -> None:
    link = Link(TEACHER.key, state, "account-1")
    assert why_not_mailed(TEACHER, link=link) is (None if state is LinkState.UNDONE else NotMailed.LINKED)


def test_nobody_is_mailed_who_is_not_known() -> None:
    assert why_not_mailed(None) is NotMailed.AWAY


def test_a_corrected_mail_goes_out_until_the_rosters_address_is_another() -> None:
    corrected = replace(MAIL, official_email="a.l@lakeside.example", instead_of="ada@lakeside.example")
    assert why_not_mailed(TEACHER, mail=corrected, address_is_shared=True) is None
    assert why_not_mailed(replace(TEACHER, official_email=None), mail=replace(corrected, instead_of="")) is None
    other = replace(TEACHER, official_email="other@lakeside.example")
    assert why_not_mailed(other, mail=corrected) is NotMailed.OTHER_ADDRESS
