"""An account that the platform knows under a ClassLink or Microsoft id is its owner's at the district login (M6 a, M20)."""

from __future__ import annotations

from typing import Any

import pytest

from local.doubles.classlink import ClassLink as ClassLinkDouble
from local.doubles.hub import HubDouble
from local.doubles.microsoft import Microsoft as MicrosoftDouble
from local.web_client import WebClient
from shared.hubs.classlink import ClassLink
from shared.hubs.microsoft import Microsoft
from tests.builders import account, enrolled, key, roster, user
from tests.pages_harness import Website, account_of, lakeside, log_in

CLASSLINK = "https://launchpad.classlink.com"
TENANT = "https://login.microsoftonline.com/tid-1/v2.0"


class Hub:
    """One hub with its double, and how the students of the roster are known there."""

    def __init__(self, web: Website, name: str) -> None:
        self.web, self.name = web, name
        self.issuer = CLASSLINK if name == "ClassLink" else TENANT
        self.double: HubDouble = (
            web.use_double(ClassLinkDouble, ClassLink, CLASSLINK)
            if name == "ClassLink"
            else web.use_double(MicrosoftDouble, Microsoft, "https://login.microsoftonline.com")
        )

    def identity(self, subject: str) -> dict[str, str]:
        return {"issuer": self.issuer, "subject": subject}

    def login(self, number: str, subject: str, browser: WebClient | None = None) -> WebClient:
        page = (browser or self.web.visitor()).open("/sso/lakeside").press(f"Continue with {self.name}")
        if self.name == "ClassLink":
            return page.press("Sign in", classlink_user_id=subject, number_in_the_district=number, tenant="21")
        return page.press("Sign in", email=f"{number}@lakeside.example", object_id=subject, tenant="tid-1")


@pytest.fixture
def web() -> Website:
    made = lakeside()
    made.world.register(
        classlink_tenant_id="21", microsoft_tenant_id="tid-1", identity_providers=["classlink", "microsoft"]
    )
    return made


@pytest.fixture(params=["ClassLink", "Microsoft"])
def hub(request: pytest.FixtureRequest, web: Website) -> Hub:
    return Hub(web, request.param)


@pytest.fixture
def classlink(web: Website) -> Hub:
    return Hub(web, "ClassLink")


def names(web: Website, account_id: str, *identities: dict[str, str], **more: Any) -> None:
    """The platform says which outside logins an account has."""
    web.world.feed({"account_id": account_id, "identities": list(identities), **more}, name=account_id)


def linked(web: Website, sourced_id: str) -> str | None:
    link = web.world.links.of_user(key(sourced_id))
    return link.account_id if link and link.is_linked else None


def test_the_account_of_this_logins_subject_is_entered_unasked(web: Website, hub: Hub) -> None:
    names(web, "kid", hub.identity("7"))
    assert hub.login("s1", "7").path == "/home"
    assert linked(web, "s1") == "kid"


def test_another_subject_of_the_same_issuer_speaks_against_an_address(web: Website, hub: Hub) -> None:
    """Zoe's verified address is the official one; her account has another id at this hub."""
    names(web, "zoe", hub.identity("8"))
    page = hub.login("s9", "7")
    assert (page.path, linked(web, "s9")) == ("/welcome", None)


def test_a_subject_of_another_issuer_speaks_against_nothing(web: Website, classlink: Hub) -> None:
    names(web, "zoe", {"issuer": "https://id.example", "subject": "8"})
    assert classlink.login("s9", "7").path == "/home"


def test_an_identity_that_moved_opens_its_new_account(web: Website, hub: Hub) -> None:
    names(web, "kid", hub.identity("7"))
    names(web, "zoe", hub.identity("7"))
    hub.login("s9", "7")
    assert linked(web, "s9") == "zoe"
    web.world.feed({"account_id": "zoe", "identities": []})
    assert hub.login("s1", "7").path == "/home", "the login is Zoe's still, by her link"
    assert linked(web, "s1") is None


def test_a_link_that_was_undone_is_not_made_again_by_its_subject(web: Website, classlink: Hub) -> None:
    names(web, "kid", classlink.identity("7"))
    browser = classlink.login("s1", "7")
    browser.open("/link/undo").press("Undo the link")
    assert linked(web, "s1") is None
    assert classlink.login("s1", "7").path == "/link", "both sides are shown, and the person decides"
    assert linked(web, "s1") is None


def test_an_identity_that_came_after_the_link_opens_nothing_unconfirmed(web: Website, classlink: Hub) -> None:
    """Whoever can add a login to an account is not its owner for that (pre-hijacked accounts)."""
    names(web, "kid", classlink.identity("7"))
    classlink.login("s1", "7")
    names(web, "kid", classlink.identity("7"), classlink.identity("9"))
    assert classlink.login("s2", "9").path != "/home"
    assert linked(web, "s2") is None


def test_a_student_does_not_get_a_teachers_account_by_its_subject(web: Website, classlink: Hub) -> None:
    names(web, "ada", classlink.identity("7"))
    assert classlink.login("s1", "7").path == "/welcome"
    assert linked(web, "s1") is None


def test_an_account_that_is_made_at_a_hub_has_its_id(web: Website, hub: Hub) -> None:
    hub.login("s1", "7").press("I don't have an account yet")
    made = web.world.accounts.get(account_of(web, "s1"))
    assert made is not None
    assert made.identities == ((hub.issuer, "7"),)
    assert web.world.identifiers.account_by_subject(hub.issuer, "7") == made.account_id
    assert hub.login("s1", "7").path == "/home"


def test_an_account_is_made_where_the_id_is_anothers_already(web: Website, classlink: Hub) -> None:
    """A teacher's account has the id: no student gets it, and this one needs an account all the same."""
    names(web, "ada", classlink.identity("7"))
    page = classlink.login("s1", "7").press("I don't have an account yet")
    assert page.path == "/home"
    assert web.world.identifiers.account_by_subject(classlink.issuer, "7") == "ada"


def test_a_made_account_follows_its_person_to_a_new_number(web: Website, classlink: Hub) -> None:
    classlink.login("s1", "7").press("I don't have an account yet")
    before = account_of(web, "s1")
    web.world.upload(
        roster(user("t1", "teacher", given="Ada"), user("t2", "teacher"), user("n1", given="Kid"), user("s2"),
               user("s9", given="Zoe"), user("a1", "administrator"), enrollments=enrolled("t1", "teacher"))
    )  # fmt: skip
    assert classlink.login("n1", "7").path == "/home"
    assert linked(web, "n1") == before


def test_who_joins_an_older_account_keeps_the_hubs_login(web: Website, classlink: Hub) -> None:
    page = classlink.login("s1", "7").press("I don't have an account yet")
    log_in(page.press("I have an older account"), "kid").press("Link my accounts")
    assert linked(web, "s1") == "kid"
    assert classlink.login("s1", "7").path == "/home"


def test_a_clever_id_may_stand_among_the_identities(web: Website) -> None:
    world = web.world
    world.feed(
        account(
            "own", "own@mail.example", role="student", identities=[{"issuer": "https://clever.com", "subject": "cid-1"}]
        )
    )
    world.register(clever_district_id="clever-district-1")
    page = web.visitor(sub="cid-1", district="clever-district-1").open("/sso/lakeside").press("Continue with Clever")
    assert (page.path, linked(web, "s1")) == ("/home", "own")
