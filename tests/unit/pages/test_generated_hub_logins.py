"""Every (hub × role × district × what the hub says × account) of a login ends with the right person or a clear refusal.

Beside each person stands somebody with the same number or address in another district, and a stranger in the same one. Each
login goes from the district's page through the double of the hub to the callback, twice; and once more when number and address at
the hub have changed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from random import Random
from typing import Any

import httpx
import pytest

from shared.domain.roster import Role, RosterUser, RosterUserKey
from tests.builders import account
from tests.depth import depth
from tests.harness import CLEVER, GOOGLE, WEB, World
from tests.pages_harness import Website

pytestmark = pytest.mark.deep

TENANTS = {
    "own": ("c-lakeside", "21", "tid-1", "lakeside.example"),
    "other": ("c-hillside", "22", "tid-2", "hillside.example"),
    "nobody's": ("c-nobody", "23", "tid-3", "x.example"),
}
ISSUERS = {
    "clever": CLEVER,
    "google": GOOGLE,
    "classlink": "https://launchpad.classlink.com",
    "microsoft": "https://login.microsoftonline.com/tid-1/v2.0",
}
BOXES = {
    "clever": (
        "",
        "oidc",
        "says_verified",
        "two_roles",
        "library",
        "library_district",
        "library_too",
        "unshared",
        "too_many",
    ),
    "classlink": ("", "profile_is_text", "profile_is_status", "token_expired"),
    "microsoft": ("", "guest", "consent_required", "email_claim"),
    "google": ("", "unverified", "no_hosted_domain", "verified_as_text", "short_issuer"),
}
HARMLESS = ("", "email_claim", "short_issuer", "oidc", "says_verified", "library_too", "two_roles")
FEED = {
    "clever": lambda subject: {"clever_id": subject},
    "google": lambda subject: {"google_sub": subject},
    "classlink": lambda subject: {"identities": [{"issuer": ISSUERS["classlink"], "subject": subject}]},
    "microsoft": lambda subject: {"identities": [{"issuer": ISSUERS["microsoft"], "subject": subject}]},
}
"""How the platform's feed names an account's outside id."""
_CLASS = {"class_id": "own", "name": "Period 3", "student_account_ids": ["kid"], "goals": [], "assignments": []}


@dataclass(frozen=True, slots=True)
class Case:
    """One person of the roster, and one login at a hub."""

    n: int
    hub: str
    role: Role
    tenant: str
    """Whose tenant, or domain, the hub names."""
    says: str
    """What it says of the person: ``right``, ``another`` person's number, or ``nothing`` that the roster has."""
    name: str
    """``same``, ``other`` or none; only Clever and ClassLink say names."""
    box: str
    account: str
    """What the platform's feed has: an account whose address is the person's (``verified``, ``claimed``, ``teaches``, with a
    class of its own; ``contradicted``, verified but of another id at this hub), one that has this login's id alone (``subject``),
    or none."""

    @property
    def address(self) -> str:
        return f"p{self.n}@lakeside.example"

    @property
    def names(self) -> tuple[str, str]:
        return f"Given{_letters(self.n)}", f"Family{_letters(self.n)}"

    @property
    def row(self) -> RosterUser:
        return RosterUser("lakeside", f"n{self.n}", self.role, *self.names, self.address)

    @property
    def others(self) -> Iterator[RosterUser]:
        stranger = f"Else{_letters(self.n)}", f"Stranger{_letters(self.n)}"
        yield RosterUser("lakeside", f"m{self.n}", self.role, *stranger, f"m{self.n}@lakeside.example")
        yield RosterUser("hillside", f"n{self.n}", self.role, *self.names, f"p{self.n}@hillside.example")

    @property
    def line(self) -> dict[str, Any] | None:
        if not self.account:
            return None
        address = "" if self.account == "subject" else self.address
        own: dict[str, Any] = account(
            f"a{self.n}", address, role=self.role.value if self.role is Role.STUDENT else "teacher",
            display_name=" ".join(self.names), verified=self.account != "claimed",
        )  # fmt: skip
        if self.account == "subject":
            return {**own, "email": None, **FEED[self.hub](self.subject)}
        if self.account == "contradicted":
            return {**own, **FEED[self.hub](f"not-{self.subject}")}
        return {**own, "classes": [{**_CLASS, "class_id": f"own{self.n}"}]} if self.account == "teaches" else own

    @property
    def subject(self) -> str:
        return {"clever": f"v{self.n}", "google": f"g{self.n}", "classlink": f"{self.n}7", "microsoft": f"o{self.n}"}[
            self.hub
        ]

    @property
    def form(self) -> dict[str, str]:
        """What the sign-in page of the double is filled in with."""
        clever, classlink, microsoft, domain = TENANTS[self.tenant]
        local = {"right": f"p{self.n}", "nothing": f"new{self.n}", "another": f"m{self.n}"}[self.says]
        ticked = {self.box: "on"} if self.box and self.box != "email_claim" else {}
        if self.hub == "google":
            return {"email": f"{local}@{domain}", "subject": self.subject, **ticked}
        if self.hub == "microsoft":
            claim = {"email_claim": f"m{self.n}@lakeside.example"} if self.box == "email_claim" else {}
            return {"email": f"{local}@{domain}", "object_id": self.subject, "tenant": microsoft, **claim, **ticked}
        names = {"same": self.names, "other": (f"Zoe{_letters(self.n)}", f"Moss{_letters(self.n)}"), "": ("", "")}
        given, family = names[self.name]
        number = {"right": f"n{self.n}", "nothing": "", "another": f"m{self.n}"}[self.says]
        about = {"first_name": given, "last_name": family, **ticked}
        if self.hub == "clever":
            role = {Role.STUDENT: "student", Role.TEACHER: "teacher", Role.ADMINISTRATOR: "staff"}[self.role]
            return {"clever_id": self.subject, "sis_id": number, "district": clever, "role": role, **about}
        return {"user_id": self.subject, "sourced_id": number, "tenant": classlink, **about}

    @property
    def is_known(self) -> bool:
        is_healthy = self.box in HARMLESS
        return is_healthy and self.tenant == "own" and self.says == "right" and self.name != "other"

    @property
    def is_entered(self) -> bool:
        return self.account in ("verified", "subject") or (self.account == "teaches" and self.role is Role.TEACHER)


def _letters(n: int) -> str:
    """A word that shares no part with any other number's."""
    return "".join(chr(ord("a") + int(digit)) for digit in f"{n:05}")


def cases() -> list[Case]:
    """Some of them, the same ones each time, of every hub as many."""
    found = []
    for hub, boxes in BOXES.items():
        says_numbers = hub in ("clever", "classlink")
        # An address that is another's is another's login, at a hub that knows people by nothing else.
        says = ("right", "another", "nothing") if says_numbers else ("right", "nothing")
        names = ("same", "other", "") if says_numbers else ("",)
        whose = ("verified", "claimed", "teaches", "contradicted", "subject", "")
        # Without a name nothing contradicts another's number: no true hub leaves names out.
        of_hub = [
            values
            for values in product((hub,), Role, TENANTS, says, names, boxes, whose)
            if not (values[3] == "another" and values[4] == "")
        ]
        found += Random(hub).sample(of_hub, min(len(of_hub), depth(quick=60, full=2400)))
    return [Case(n, *values) for n, values in enumerate(found)]


class Logins:
    """Two districts with everybody of these cases, and their hubs."""

    def __init__(self, every: list[Case]) -> None:
        world = World(is_metered=False)
        for district_id, tenant in (("lakeside", "own"), ("hillside", "other")):
            clever, classlink, microsoft, domain = TENANTS[tenant]
            world.register(
                district_id, email_domains=[domain], classlink_tenant_id=classlink, microsoft_tenant_id=microsoft,
                clever_district_id=clever, identity_providers=[*BOXES],
            )  # fmt: skip
        world.put_people(row for case in every for row in (case.row, *case.others))
        world.feed(*(line for case in every if (line := case.line)))
        self.world, self.web = world, Website(world)
        self.doubles = self.web.use_every_double()

    def log_in(self, case: Case) -> str:
        """Where the login ends: an address, or the code of its refusal."""
        begun = self.web.send(httpx.Request("POST", f"{WEB}/sso/lakeside/{case.hub}"))
        browser = self.doubles[case.hub].app.test_client(use_cookies=False)
        at_hub = browser.post(begun.headers["Location"], data=case.form)
        assert at_hub.status_code == 302, (case, at_hub.text)
        cookies = "; ".join(cookie.partition(";")[0] for cookie in begun.headers.get_list("set-cookie"))
        ended = self.web.send(httpx.Request("GET", at_hub.headers["Location"], headers={"Cookie": cookies}))
        if ended.status_code == 303:
            return ended.headers["Location"]
        code = re.search(r"<code>(\w+)</code>", ended.text)
        assert ended.status_code == 403, (case, ended.status_code)
        assert code, (case, ended.text)
        return code[1]

    def account_of(self, row: RosterUserKey) -> str | None:
        link = self.world.links.of_user(row)
        return link.account_id if link and link.is_linked else None


REFUSALS = {
    "hub_library", "hub_busy", "hub_not_shared", "not_on_roster", "not_proved", "number_of_another", "other_district",
    "other_domain",
}  # fmt: skip


def test_every_login_ends_with_the_right_person_or_a_clear_refusal() -> None:
    every = cases()
    logins, outcomes = Logins(every), Counter[str]()
    for case in every:
        ends = [logins.log_in(case) for _ in range(2)]
        linked = logins.account_of(case.row.key)
        if not case.is_known:
            assert set(ends) <= REFUSALS, (case, ends)
            assert linked is None, case
        elif case.role is Role.ADMINISTRATOR:
            assert ends == ["/console/lakeside"] * 2, (case, ends)
            assert linked is None, case
        elif case.is_entered:
            assert [end.partition("?")[0] for end in ends] == ["/home"] * 2, (case, ends)
            assert linked == f"a{case.n}", case
        else:
            assert set(ends) <= {"/welcome", "/link"}, (case, ends)
            assert linked is None, case
        later = logins.log_in(replace(case, says="nothing"))
        is_remembered = linked is not None
        assert (later == "/home") if is_remembered else (later in REFUSALS), (case, later)
        assert [logins.account_of(other.key) for other in case.others] == [None, None], case
        outcomes[ends[0].partition("?")[0]] += 1
    assert sum(outcomes.values()) == len(every) >= depth(quick=200, full=5000)
    assert {case.hub for case in every} == {*BOXES}
    assert outcomes.keys() <= REFUSALS | {"/home", "/welcome", "/link", "/console/lakeside"}
