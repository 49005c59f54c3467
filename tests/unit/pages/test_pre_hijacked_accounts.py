"""Somebody was there before the owner came: the five ways of Sudhodanan and Paverd ("Pre-hijacked accounts", 2022).

In each the attacker knows the official address and prepares an account; then its owner comes. Afterwards the attacker
sees nothing of the district and nothing is linked to what the attacker holds.
"""

from __future__ import annotations

from typing import Any

import pytest

from local.web_client import WebClient
from shared.domain.link import LinkState
from tests.builders import account, enrolled, key, roster, user
from tests.pages_harness import CLEVER_DISTRICT, PASSWORD, Website, activated, lakeside, log_in

OFFICIAL = "t1@lakeside.example"
STUDENT = "s2@lakeside.example"
OF_THE_DISTRICT = ("Lakeside Schools", "Lakeside Middle", "Algebra")


@pytest.fixture
def web() -> Website:
    return lakeside()


def prepared(web: Website, account_id: str = "trap", address: str = STUDENT, **more: Any) -> None:
    """An account that the attacker made with the official address of somebody who has never been here."""
    web.world.feed(account(account_id, address, **{"role": "student", "verified": False, **more}))
    web.cognito.users[account_id] = ("known to the attacker", account_id)


def owner_logs_in(web: Website, address: str = STUDENT) -> WebClient:
    """The owner, through the district's Google."""
    owner = web.visitor(sub=f"google-of-{address}", email=address, email_verified=True)
    return owner.open("/sso/lakeside").press("Continue with Google")


def owner_is_linked_by_rule(web: Website) -> WebClient:
    """Zoe, through the district's Clever: her account has another Google, so a Google login would be asked about."""
    people = [user("t1", "teacher", given="Ada"), user("t2", "teacher"), user("s1"), user("s2")]
    everybody = roster(*people, user("s9", ids="{Clever:cid-9}", given="Zoe"), enrollments=enrolled("s9"))
    web.world.upload(everybody, name="with clever ids")
    owner = web.visitor(sub="cid-9", district=CLEVER_DISTRICT)
    return owner.open("/sso/lakeside").press("Continue with Clever")


def sees_nothing(attacker: WebClient) -> None:
    """The pages of the attacker show nothing of the district."""
    for path in ("/home", "/link", "/welcome", "/classes/c1?district=lakeside", "/classes/c1"):
        text = attacker.open(path).text
        assert not [word for word in OF_THE_DISTRICT if word in text], path


def is_linked_to(web: Website, who: str) -> str | None:
    link = web.world.links.of_user(key(who))
    return link.account_id if link and link.state is LinkState.LINKED else None


def test_classic_federated_merge_a_prepared_password_opens_nothing_of_owners(web: Website) -> None:
    """Given an account with the owner's address and the attacker's password, when the owner comes by Google …"""
    prepared(web)
    owner = owner_logs_in(web)
    assert owner.path == "/welcome", "an unverified address is never linked by rule"
    owner.press("I don't have an account yet")
    assert is_linked_to(web, "s2") not in (None, "trap")
    for name in ("trap", STUDENT):
        attacker = log_in(web.visitor().open("/login"), name, "known to the attacker")
        sees_nothing(attacker)


def test_classic_federated_merge_the_owners_mail_opens_no_prepared_account(web: Website) -> None:
    prepared(web, address=OFFICIAL, role="teacher")
    owner = log_in(activated(web).press("Log into my existing account")).press("Link my accounts")
    assert owner.path == "/home"
    assert is_linked_to(web, "t1") == "ada"
    sees_nothing(log_in(web.visitor().open("/login"), "trap", "known to the attacker"))


def test_unexpired_session_ends_when_the_owner_links_by_the_mail(web: Website) -> None:
    """Given an attacker who is logged into the account, when its owner has got it back and links it …"""
    attacker = log_in(web.visitor().open("/login"))
    assert "Period 3" in attacker.open("/home").text
    web.cognito.users["ada"] = ("reset by the owner", "ada")
    web.world.pass_time(minutes=1)
    owner = activated(web).press("Log into my existing account")
    log_in(owner, password="reset by the owner").press("Link my accounts")
    assert is_linked_to(web, "t1") == "ada"
    sees_nothing(attacker)
    assert attacker.open("/home").path == "/login"
    assert "Algebra" in owner.open("/home").text, "the owner stays logged in"
    assert log_in(attacker.open("/login")).status == 401


def test_unexpired_session_ends_when_a_rule_links_and_at_a_link_after_an_undo(web: Website) -> None:
    attacker = log_in(web.visitor().open("/login"), "zoe")
    web.world.pass_time(minutes=1)
    owner = owner_logs_in(web, "s9@lakeside.example")
    assert is_linked_to(web, "s9") == "zoe"
    assert attacker.open("/home").path == "/login"
    sees_nothing(attacker)
    assert "Algebra" in owner.open("/home").text


def test_unexpired_session_cannot_undo_what_the_owner_linked(web: Website) -> None:
    attacker = log_in(web.visitor().open("/login"), "zoe")
    web.world.pass_time(minutes=1)
    owner_logs_in(web, "s9@lakeside.example")
    attacker.http.post("https://link.example/link/undo")
    assert is_linked_to(web, "s9") == "zoe"


def test_trojan_identifier_a_prepared_second_login_opens_nothing_of_the_owner(web: Website) -> None:
    """Given a prepared account with the attacker's own Google beside the owner's address …"""
    prepared(web, google_sub="attacker")
    owner = owner_logs_in(web)
    assert owner.path == "/welcome"
    owner.press("I don't have an account yet")
    assert is_linked_to(web, "s2") not in (None, "trap")
    attacker = web.visitor(sub="attacker", email=STUDENT, email_verified=True).open("/login")
    attacker.press("Continue with Google")
    assert attacker.path == "/home"
    sees_nothing(attacker)


def test_trojan_identifier_a_second_login_is_confirmed_once_the_owner_is_back(web: Website) -> None:
    """Given the attacker's Google beside an address that was verified later, when its owner links the account …"""
    web.world.feed(account("ada", OFFICIAL, role="teacher", google_sub="attacker", verified=True))
    linked = log_in(activated(web).press("Log into my existing account")).press("Link my accounts")
    assert "Algebra" in linked.text
    attacker = web.visitor(sub="attacker", email=OFFICIAL, email_verified=True).open("/login")
    attacker.press("Continue with Google")
    sees_nothing(attacker)
    assert "Period 3" not in attacker.open("/home").text
    assert "Confirm that this is you" in attacker.text
    attacker.http.post("https://link.example/link/undo")
    assert is_linked_to(web, "t1") == "ada"
    assert log_in(attacker.open("/login"), password="a guess").status == 401
    assert "Confirm that this is you" in attacker.open("/home").text


def test_trojan_identifier_a_second_login_is_confirmed_once_a_rule_links(web: Website) -> None:
    web.world.feed(account("zoe", "s9@lakeside.example", role="student", google_sub="attacker"))
    assert owner_logs_in(web, "s9@lakeside.example").path == "/welcome", "another subject of Google contradicts"
    assert "Algebra" in owner_is_linked_by_rule(web).open("/home").text
    attacker = web.visitor(sub="attacker", email="x@evil.example", email_verified=True).open("/login")
    attacker.press("Continue with Google")
    sees_nothing(attacker)
    assert "Confirm that this is you" in attacker.open("/home").text


@pytest.mark.parametrize("confirm", ["password", "district"])
def test_the_owner_confirms_an_outside_login_once(web: Website, confirm: str) -> None:
    web.world.feed(account("zoe", "s9@lakeside.example", role="student", google_sub="own"))
    owner_is_linked_by_rule(web)
    claims = {"sub": "own", "email": "zoe@mail.example", "email_verified": True}
    at_home = web.visitor(**claims).open("/login").press("Continue with Google")
    assert "Confirm that this is you" in at_home.text

    if confirm == "password":
        log_in(at_home.press("Log in with my password"), "zoe")
    else:
        in_the_same_browser = web.visitor(sub="school", email="s9@lakeside.example", email_verified=True)
        in_the_same_browser.http.cookies.update(at_home.http.cookies)
        at_home = in_the_same_browser.open("/sso/lakeside").press("Continue with Google")

    assert "Let this Google account, z…e@mail.example, open this account from now on?" in at_home.text
    at_home.press("Yes, it is mine")
    assert at_home.path == "/home"
    assert "Algebra" in web.visitor(**claims).open("/login").press("Continue with Google").text


@pytest.mark.parametrize("answer", ["No", None])
def test_a_strangers_google_on_a_shared_computer_is_not_confirmed_unasked(web: Website, answer: str | None) -> None:
    """Given the attacker's Google beside the owner's address, waiting where the owner logs in next …"""
    web.world.feed(account("zoe", "s9@lakeside.example", role="student", google_sub="attacker"))
    owner_is_linked_by_rule(web)
    claims = {"sub": "attacker", "email": "eve@evil.example", "email_verified": True}
    shared = web.visitor(**claims).open("/login").press("Continue with Google")
    log_in(shared.press("Log in with my password"), "zoe")
    assert "e…e@evil.example" in shared.text
    if answer:
        assert shared.press(answer).path == "/home"
    assert "Algebra" in shared.open("/home").text, "the owner is in, whatever the answer"
    later = web.visitor(**claims).open("/login").press("Continue with Google")
    assert "Confirm that this is you" in later.text


def test_a_google_that_waits_cannot_confirm_itself(web: Website) -> None:
    web.world.feed(account("zoe", "s9@lakeside.example", role="student", google_sub="attacker"))
    owner_is_linked_by_rule(web)
    claims = {"sub": "attacker", "email": "eve@evil.example", "email_verified": True}
    attacker = web.visitor(**claims).open("/login").press("Continue with Google")
    for _ in range(2):
        attacker.http.post("https://link.example/login/confirm", data={"answer": "yes"})
        attacker.open("/login").press("Continue with Google")
        assert "Confirm that this is you" in attacker.text


def test_an_outside_login_that_was_shown_at_the_link_needs_no_confirming(web: Website) -> None:
    claims = {"sub": "google-ada", "email": "ada@mail.example", "email_verified": True}
    page = web.visitor(**claims).open(web.world.address_in_mail_to(OFFICIAL))
    page.press("Log into my existing account").press("Continue with Google").press("Link my accounts")
    assert "Algebra" in web.visitor(**claims).open("/login").press("Continue with Google").text


def test_after_an_undo_every_way_in_is_as_it_was(web: Website) -> None:
    home = log_in(activated(web).press("Log into my existing account")).press("Link my accounts")
    home.press("Undo the link with Lakeside Schools").press("Undo the link")
    claims = {"sub": "google-ada", "email": "ada@mail.example", "email_verified": True}
    assert "Period 3" in web.visitor(**claims).open("/login").press("Continue with Google").text


def test_unexpired_email_change_that_ends_after_the_link_opens_nothing(web: Website) -> None:
    """Given a change of address that the attacker began, when it comes true after the link …"""
    owner = log_in(activated(web).press("Log into my existing account")).press("Link my accounts")
    assert owner.path == "/home"
    web.world.feed(account("ada", "attacker@evil.example"))
    for name in ("attacker@evil.example", "ada"):
        attacker = log_in(web.visitor().open("/login"), name, "known to the attacker")
        assert attacker.status == 401
        sees_nothing(attacker)
    attacker = web.visitor(sub="attacker", email="attacker@evil.example", email_verified=True)
    assert attacker.open("/login").press("Continue with Google").status == 401
    assert attacker.open("/sso/lakeside").press("Continue with Google").status == 403
    sees_nothing(attacker)
    assert is_linked_to(web, "t1") == "ada"


def test_unexpired_email_change_to_an_official_address_is_no_proof_of_it(web: Website) -> None:
    """The other way round: an account whose address becomes the official one, unverified, gets nobody's district."""
    web.world.feed(account("kid", STUDENT, role="student", verified=False))
    assert owner_logs_in(web).path == "/welcome"
    assert is_linked_to(web, "s2") is None
    sees_nothing(log_in(web.visitor().open("/login"), "kid"))


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "attacker", "email": STUDENT, "email_verified": False},
        {"sub": "attacker", "email": STUDENT},
        {"sub": "attacker", "email": STUDENT, "email_verified": "true"},
        {"sub": "attacker", "email": STUDENT, "email_verified": 1},
    ],
)
def test_non_verifying_issuer_its_word_on_an_address_proves_nobody(web: Website, claims: dict[str, Any]) -> None:
    """Given an issuer that lets anybody claim any address, before and after the owner came."""
    for _ in range(2):
        attacker = web.visitor(**claims)
        assert attacker.open("/sso/lakeside").press("Continue with Google").status == 403
        assert attacker.open("/login").press("Continue with Google").status == 401
        sees_nothing(attacker)
        owner_logs_in(web).press("I don't have an account yet") if is_linked_to(web, "s2") is None else None
    assert is_linked_to(web, "s2") is not None


def test_non_verifying_issuer_the_same_subject_elsewhere_is_another_account(web: Website) -> None:
    """Issuer and subject together are the key: Clever's ``google-ada`` is nobody to Google's."""
    attacker = web.visitor(
        sub="google-ada", email="ada@mail.example", email_verified=True, district="clever-district-1"
    )
    assert attacker.open("/sso/lakeside").press("Continue with Clever").status == 403
    assert PASSWORD not in attacker.text
    sees_nothing(attacker)
