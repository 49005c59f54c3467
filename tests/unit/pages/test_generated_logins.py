"""Every (role × number × name × address × id × account) of a login through Clever ends with the right person or a refusal.

Whoever logs in is one person of the roster, and beside each stands somebody with the same number of another kind, the same
number in another district, or the same address. What is known of the person is what varies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, cast

import pytest

from shared.domain.district import District
from shared.domain.errors import LoginRefused
from shared.domain.link import FoundBy, Proof
from shared.domain.roster import NumberKind, Role, RosterUser
from shared.hubs.hub import Hub, Identity, Number
from shared.stores.request_context import RequestContextStore
from shared.use_cases.find_roster_user import FindRosterUser
from shared.use_cases.link_accounts import DistrictLogin, DistrictLoginOutcome, LinkAccounts
from tests.builders import account
from tests.depth import depth
from tests.harness import CLEVER, GOOGLE, World

pytestmark = pytest.mark.deep

_CLASS = {"class_id": "own", "name": "Period 3", "student_account_ids": ["kid"], "goals": [], "assignments": []}


@dataclass(frozen=True, slots=True)
class Case:
    """One person and one login. Words say how what Clever tells stands to what the roster has."""

    n: int
    kinds: bool
    role: Role
    roster_id: str
    """The Clever id that the roster names: ``v3``, ``legacy`` or none."""
    number: str
    """``same``, ``another`` person's, or none."""
    name: str
    """``same``, ``renamed`` (another family name), ``other``, or none."""
    address: str
    """``same``, ``shared`` with somebody else of the roster, ``foreign`` (outside of the district's domains), or none."""
    account: str
    """Whose own it is: by ``v3`` or ``legacy`` subject, by a ``verified`` or ``claimed`` address; ``teaches``; or none."""
    said_role: str
    """``right``, ``wrong`` or none."""

    @property
    def district_id(self) -> str:
        return "kinds" if self.kinds else "one-set"

    @property
    def official_email(self) -> str | None:
        if self.address == "shared":
            return f"shared{self.n}@{self.district_id}.example"
        if self.address == "foreign":
            return f"p{self.n}@mail.example"
        return f"p{self.n}@{self.district_id}.example" if self.address == "same" else None

    @property
    def kind(self) -> str:
        return (NumberKind.STUDENT if self.role is Role.STUDENT else NumberKind.TEACHER) if self.kinds else ""

    @property
    def names(self) -> tuple[str, str]:
        return f"Given{_letters(self.n)}", f"Family{_letters(self.n)}"

    @property
    def row(self) -> RosterUser:
        ids = {"v3": (f"v3-{self.n}",), "legacy": (f"legacy-{self.n}",), "": ()}[self.roster_id]
        return RosterUser(
            self.district_id, f"n{self.n}", self.role, *self.names, self.official_email, clever_ids=ids, kind=self.kind
        )

    @property
    def decoys(self) -> Iterator[RosterUser]:
        other = Role.TEACHER if self.role is Role.STUDENT else Role.STUDENT
        kind = NumberKind.TEACHER if other is Role.TEACHER else NumberKind.STUDENT
        stranger = f"Else{_letters(self.n)}", f"Stranger{_letters(self.n)}"
        if self.kinds:
            yield RosterUser(self.district_id, f"n{self.n}", other, *stranger, kind=kind)
        elsewhere = "one-set" if self.kinds else "kinds"
        away = "" if self.kinds else self.kind or NumberKind.STUDENT
        yield RosterUser(elsewhere, f"n{self.n}", self.role, *self.names, kind=away)
        yield RosterUser(self.district_id, f"m{self.n}", self.role, *stranger, kind=self.kind)
        if self.address == "shared":
            yield RosterUser(self.district_id, f"h{self.n}", self.role, stranger[0], self.names[1],
                             self.official_email, kind=self.kind)  # fmt: skip

    @property
    def identity(self) -> Identity:
        given, family = self.names
        names = {
            "same": (given, family), "renamed": (given, f"Married{_letters(self.n)}"),
            "other": (f"Zoe{_letters(self.n)}", f"Moss{_letters(self.n)}"), "": ("", ""),
        }[self.name]  # fmt: skip
        is_student = {"right": self.role is Role.STUDENT, "wrong": self.role is not Role.STUDENT, "": None}
        numbers = {"same": f"n{self.n}", "another": f"m{self.n}", "": None}[self.number]
        kind = NumberKind.STUDENT if self.role is Role.STUDENT else NumberKind.TEACHER
        return Identity(
            CLEVER, f"v3-{self.n}", self.official_email, False, f"c-{self.district_id}",
            aliases=(f"legacy-{self.n}",), numbers=(Number(numbers, kind),) if numbers else (),
            given_name=names[0], family_name=names[1], is_student=is_student[self.said_role],
        )  # fmt: skip

    @property
    def line(self) -> dict[str, Any] | None:
        if not self.account:
            return None
        own: dict[str, Any] = account(
            f"a{self.n}", "", role=self.role.value, display_name=" ".join(self.names), verified=False
        )
        own["email"] = None
        if self.account in ("v3", "legacy", "teaches"):
            own["clever_id"] = f"{'v3' if self.account == 'teaches' else self.account}-{self.n}"
        else:
            own |= {"email": self.official_email, "email_verified": self.account == "verified"}
        return {**own, "classes": [{**_CLASS, "class_id": f"own{self.n}"}]} if self.account == "teaches" else own


def _letters(n: int) -> str:
    """A word that shares no part with any other number's."""
    return "".join(chr(ord("a") + int(digit)) for digit in f"{n:05}")


def cases() -> list[Case]:
    every = product(
        (True, False), (Role.STUDENT, Role.TEACHER), ("v3", "legacy", ""), ("same", "another", ""),
        ("same", "renamed", "other", ""), ("same", "shared", "foreign", ""),
        ("v3", "legacy", "verified", "claimed", "teaches", ""), ("right", "wrong", ""),
    )  # fmt: skip
    found = [Case(n, *values) for n, values in enumerate(every)]
    return found[:: depth(quick=53, full=1)]


@dataclass
class SaysSo:
    """A hub whose own interface says what the case says."""

    case: Case
    provider: str = "clever"

    def look_up(self, _identity: Identity) -> Identity:
        return self.case.identity


@dataclass
class Logins:
    """Two districts with everybody of these cases."""

    world: World

    @classmethod
    def of(cls, cases: list[Case]) -> Logins:
        world = World(is_metered=False)
        for district_id in ("kinds", "one-set"):
            domains = [f"{district_id}.example"]
            world.register(district_id, email_domains=domains, clever_district_id=f"c-{district_id}")
        people = [row for case in cases for row in (case.row, *case.decoys)]
        world.put_people(people)
        world.feed(*(line for case in cases if (line := case.line)))
        return cls(world)

    def log_in(self, case: Case) -> tuple[FoundBy, RosterUser, DistrictLogin] | str:
        world = self.world
        district: District = world.districts.get(case.district_id)
        said = replace(case.identity, numbers=())
        try:
            hub = cast(Hub, SaysSo(case))
            found = FindRosterUser(world.users, world.links).of(said, hub, district)
        except LoginRefused as refused:
            return refused.code
        links = LinkAccounts(
            world.accounts, world.identifiers, world.links, RequestContextStore(world.table, world.clock), world.users,
            google_issuer=GOOGLE, clever_issuer=CLEVER, clock=world.clock, new_id=world.new_id,
        )  # fmt: skip
        opened = links.at_district_login(found.user, Proof.DISTRICT_LOGIN_CLEVER, district, said, found.by)
        return found.by, found.user, opened


def is_known(case: Case) -> bool:
    """Whether what Clever tells is enough to know the person."""
    if case.roster_id:
        return True
    if case.said_role == "wrong":
        return False
    has_number = case.number == "same" and (
        case.name in ("same", "") or (case.name == "renamed" and case.address != "")
    )
    has_address = case.address in ("same", "foreign") and case.name in ("same", "")
    # Without a name nothing contradicts another's number: no hub of people leaves all names out.
    return has_number or (has_address and not (case.number == "another" and case.name == ""))


def is_entered(case: Case) -> bool:
    """Whether the account is the person's without a question (M6), and may be (M20)."""
    if case.account == "verified":
        return case.address == "same"
    return case.account in ("v3", "legacy") or (case.account == "teaches" and case.role is Role.TEACHER)


def test_every_login_ends_with_the_right_person_or_a_refusal() -> None:
    every = [case for case in cases() if not (case.number == "another" and case.name == "")]
    logins, outcomes = Logins.of(every), Counter[str]()
    for case in every:
        told = logins.log_in(case)
        if isinstance(told, str):
            assert told in ("not_on_roster", "number_of_another"), case
            assert not is_known(case), (case, told)
            outcomes[told] += 1
            continue
        by, row, opened = told
        assert is_known(case), (case, by)
        assert (row, opened.user) == (case.row, case.row.key), (case, by)
        assert (opened.account_id == f"a{case.n}") is is_entered(case), (case, opened)
        assert opened.account_id in (None, f"a{case.n}"), case
        again = logins.log_in(case)
        assert isinstance(again, tuple), case
        assert again[2].account_id == opened.account_id, case
        expected = DistrictLoginOutcome.ALREADY_LINKED if is_entered(case) else opened.outcome
        assert again[2].outcome is expected, case
        outcomes[by.value] += 1
    assert sum(outcomes.values()) == len(every)
    assert {*outcomes} == {"roster_id", "number", "stated_address", "not_on_roster", "number_of_another"}
