"""The rules of security that no other test holds; docs/security.md says which test holds which rule."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote, urlencode

import httpx
import pytest

from functions.pages import limits
from functions.pages.http import SESSION_COOKIE, Request
from functions.pages.request_context import RequestContexts
from shared.domain.clock import from_iso
from shared.domain.email_address import normalise
from shared.domain.errors import RefusedTransition
from shared.domain.link import LinkState, Proof
from shared.stores.links import Consent
from shared.stores.sessions import SESSION_HOURS, Session
from tests.builders import account, enrolled, key, roster, user
from tests.harness import GOOGLE, WEB
from tests.pages_harness import (
    CLEVER_DISTRICT,
    PASSWORD,
    Website,
    activated,
    lakeside,
    linked_teacher,
    log_in,
    post,
    shown_of,
    state,
)


@pytest.fixture
def web() -> Website:
    return lakeside()


# The proof is bound, and dies on link and on unlink.


def test_the_proof_of_one_mail_serves_no_other_account_after_a_link(web: Website) -> None:
    """A cookie that was sealed before the link is kept by somebody, who logs into another account."""
    late = log_in(activated(web).press("Log into my existing account"), "zoe")
    linked_teacher(web)
    assert late.path == "/link"
    late.press("Link my accounts")
    assert late.path == "/home"
    link = web.world.links.of_user(key("t1"))
    assert link is not None
    assert link.account_id == "ada"
    assert "District" not in late.open("/home").text.partition("Lakeside Schools")[2]


def test_the_proof_of_a_mail_links_nothing_after_an_undo(web: Website) -> None:
    kept = activated(web)
    linked_teacher(web).press("Undo the link with Lakeside Schools").press("Undo the link")
    page = log_in(kept.open("/login"))
    assert page.path == "/home"
    post(page, "/link", account_id="ada", sourced_id="t1", person=shown_of(web, "t1"))
    link = web.world.links.of_user(key("t1"))
    assert link is not None
    assert link.state is LinkState.UNDONE
    assert web.visitor().open(web.world.address_in_mail_to("t1@lakeside.example")).status == 410


def test_the_proof_of_a_district_login_links_nothing_after_an_undo(web: Website) -> None:
    """The other device had logged in through the district before; after the undo it has to do so again."""
    claims = {"sub": "cid-1", "district": CLEVER_DISTRICT}
    kept, page = (web.visitor(**claims).open("/sso/lakeside").press("Continue with Clever") for _ in range(2))
    log_in(page.press("Log into my existing account"), "kid").press("Link my accounts")
    web.world.pass_time(minutes=1)
    page.open("/home").press("Undo the link with Lakeside Schools").press("Undo the link")
    web.world.pass_time(minutes=1)
    assert log_in(kept.press("Log into my existing account"), "kid").status == 409
    shown = {"account_id": "kid", "sourced_id": "s1", "person": shown_of(web, "s1")}
    assert post(kept, "/link", **shown).status_code == 409
    assert post(kept, "/account/new").status_code == 409, "nor does a new account get it"
    link = web.world.links.of_user(key("s1"))
    assert link is not None
    assert link.state is LinkState.UNDONE
    anew = web.visitor(**claims).open("/sso/lakeside").press("Continue with Clever")
    log_in(anew.press("Log into my existing account"), "kid").press("Link my accounts")
    assert anew.path == "/home"


def test_what_is_joined_is_what_was_shown(web: Website) -> None:
    """Another tab logged into another account in between: the form of the first one joins nothing."""
    page = log_in(activated(web).press("Log into my existing account"))
    shown = {"account_id": "ada", "sourced_id": "t1", "person": shown_of(web, "t1")}
    for changed in (
        {"account_id": "zoe"},
        {"sourced_id": "t2"},
        {"account_id": ""},
        {"sourced_id": ""},
        {"person": shown_of(web, "t2")},
    ):
        assert post(page, "/link", **{**shown, **changed}).status_code == 200
        assert web.world.links.of_user(key("t1")) is None


def test_a_proof_of_one_district_is_none_in_another(web: Website) -> None:
    web.world.register("valley", name="Valley", clever_district_id="clever-valley", email_domains=["valley.example"])
    page = web.visitor(sub="cid-1", district=CLEVER_DISTRICT).open("/sso/valley").press("Continue with Clever")
    assert page.status == 403


def test_the_same_sis_id_and_address_in_another_district_are_another_person(web: Website) -> None:
    """SIS ids overlap: t1 of Valley has the id, and on paper the address, of t1 of Lakeside."""
    world = web.world
    world.register("valley", name="Valley", clever_district_id="clever-valley", email_domains=["valley.example"])
    world.upload(roster(user("t1", "teacher"), user("s9")), "valley")
    linked_teacher(web)
    page = web.visitor(sub="sis-s9", email="s9@lakeside.example", email_verified=True).open("/sso/valley")
    page.press("Continue with Google")
    assert page.status == 403, "an address of Lakeside is nobody's proof in Valley"
    page = web.visitor(sub="t1", district="clever-valley").open("/sso/valley").press("Continue with Clever")
    assert page.status == 403, "a SIS id is no Clever id"


# Nobody chooses where mail goes.


@pytest.mark.parametrize(
    "body",
    [
        "email=t2%40lakeside.example&email=evil%40else.example",
        "email=evil%40else.example&email=t2%40lakeside.example",
        "email[]=t2%40lakeside.example&email[]=evil%40else.example",
        "email=t2%40lakeside.example%2Cevil%40else.example",
        "email=t2%40lakeside.example%0d%0aBcc%3A+evil%40else.example",
        "email=evil%40else.example&to=evil%40else.example&cc=evil%40else.example",
        "email[0]=t2%40lakeside.example&email[1]=evil%40else.example",
    ],
)
def test_a_recipient_comes_from_storage_however_it_is_asked_for(web: Website, body: str) -> None:
    """CVE-2023-7028: a second address in the form got the mail, too."""
    world = web.world
    old = world.address_in_mail_to("t2@lakeside.example")
    world.pass_time(days=31)
    visitor = web.visitor().open(old)
    before = len(world.ses.sent)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert visitor.http.post(f"{WEB}/activate/again", content=body, headers=headers).status_code == 200
    world.send_mail()
    assert {mail["To"] for mail in world.ses.sent[before:]} <= {"t2@lakeside.example"}
    assert all("evil" not in repr(mail) for mail in world.ses.sent)


# Tokens and sessions.


@pytest.mark.parametrize(("seconds", "status"), [(-1, 200), (0, 410), (1, 410)])
def test_an_address_dies_at_the_second_that_was_told(web: Website, seconds: int, status: int) -> None:
    activation = web.world.activations.of_user(key("t1"))
    assert activation is not None
    assert activation.expires_at is not None
    address = web.world.address_in_mail_to("t1@lakeside.example")
    web.world.now = from_iso(activation.expires_at) + timedelta(seconds=seconds)
    assert web.visitor().open(address).status == status, "the table still holds it: DynamoDB deletes late"


@pytest.mark.parametrize(("seconds", "path"), [(-1, "/home"), (0, "/login"), (1, "/login")])
def test_a_session_ends_at_its_second(web: Website, seconds: int, path: str) -> None:
    page = log_in(web.visitor().open("/login"))
    web.world.pass_time(hours=SESSION_HOURS, seconds=seconds)
    assert page.open("/home").path == path


def test_a_token_has_a_mac_of_256_bits_and_an_id_of_128(web: Website) -> None:
    token = web.world.address_in_mail_to("t1@lakeside.example").rpartition("/")[2]
    assert re.fullmatch(r"[0-9a-f]{32}\.[A-Za-z0-9_-]{43}", token)


def test_every_step_gives_the_browser_another_session(web: Website) -> None:
    """Login, link, undo: an id that was known before each of them opens nothing after it."""
    page = log_in(activated(web).press("Log into my existing account"))
    ids = [page.http.cookies[SESSION_COOKIE]]
    for buttons in (["Link my accounts"], ["Undo the link with Lakeside Schools", "Undo the link"]):
        for button in buttons:
            page.press(button)
        ids.append(page.http.cookies[SESSION_COOKIE])
    log_in(page.open("/login"))
    ids.append(page.http.cookies[SESSION_COOKIE])
    assert len(set(ids)) == 4
    for old in ids[:-1]:
        stranger = web.visitor()
        stranger.http.cookies.set(SESSION_COOKIE, old, domain="link.example")
        assert stranger.open("/home").path == "/login"


@pytest.mark.parametrize("cookie", ["__Host-activation", "__Host-login", "__Host-session"])
def test_a_cookie_not_sealed_here_or_sealed_for_something_else_opens_nothing(web: Website, cookie: str) -> None:
    page = activated(web)
    sealed = page.http.cookies["__Host-activation"]
    for value in ("", "x", sealed[:-2] + "xx", sealed if cookie != "__Host-activation" else sealed[::-1], "{}"):
        stranger = web.visitor()
        stranger.http.cookies.set(cookie, value, domain="link.example")
        assert "Ada Person" not in stranger.open("/activate").text
        assert stranger.open("/link").path == "/login"
        assert stranger.open(f"/callback/google?{urlencode({'state': 's', 'code': 'c'})}").status == 403


def test_of_two_parallel_confirms_of_one_token_one_wins(web: Website) -> None:
    """Both read the activation before either wrote; the other account gets nothing."""
    activation = web.world.activations.of_user(key("t1"))
    links = web.world.links
    for account_id, is_refused in (("ada", False), ("zoe", True)):
        consent = Consent(key("t1"), account_id, Proof.ACTIVATION, False, activation)
        if is_refused:
            with pytest.raises(RefusedTransition):
                links.make(consent, event_id=account_id, now=web.world.now)
        else:
            links.make(consent, event_id=account_id, now=web.world.now)
    assert links.of_account("zoe") == []


# Look-alikes.


@pytest.mark.parametrize(
    "address",
    ["ſ9@lakeside.example", "s9@la\u212aeside.example", "ѕ9@lakeside.example", "s9@lakesıde.example",
     "s9@lakeside.example\u200b", "s\u00ad9@lakeside.example", "ｓ9@lakeside.example", "s9＠lakeside.example",
     "s9@lakeside。example", "s9@lakeside.example\x00", "s9@xn--lakesde-8va.example", "s9%00@lakeside.example",
     "s⑨@lakeside.example"],
)  # fmt: skip
def test_an_account_whose_address_looks_like_an_official_one_matches_nobody(address: str) -> None:
    """CVE-2019-19844."""
    assert normalise(address) != "s9@lakeside.example"
    web = Website(lakeside().world)
    web.world.feed(account("zoe", "zoe@mail.example", role="student"), account("evil", address, role="student"))
    web.visitor(sub="z", email="s9@lakeside.example", email_verified=True).open("/sso/lakeside").press(
        "Continue with Google"
    )
    link = web.world.links.of_user(key("s9"))
    assert link is None or link.account_id != "evil"
    page = web.visitor(sub="e", email=address, email_verified=True).open("/sso/lakeside").press("Continue with Google")
    assert page.status == 403


# Limits.


def test_a_limit_trusts_no_header_case_or_success(web: Website) -> None:
    """A new X-Forwarded-For, other letters, and a login that worked in between: three ways round it that are none."""
    page = web.visitor()
    for n in range(10):
        page.http.headers["X-Forwarded-For"] = f"203.0.113.{n}"
        log_in(page.open("/login"), "ADA" if n % 2 else "ada", PASSWORD if n == 8 else "wrong")
    assert log_in(web.visitor().open("/login"), "Ada").status == 429


def test_who_asks_is_told_by_the_api_and_by_no_header() -> None:
    """The address that limits count is the one that the API Gateway saw."""
    http = {"method": "GET", "path": "/", "sourceIp": "192.0.2.1"}
    headers = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9", "X-Real-Ip": "203.0.113.9"}
    assert Request.from_event({"requestContext": {"http": http}, "headers": headers}).source_ip == "192.0.2.1"


def test_guesses_at_an_address_are_limited_from_anywhere_and_lock_out_nobody(web: Website) -> None:
    address = web.world.address_in_mail_to("t1@lakeside.example")
    guess = address[:-1] + ("A" if address[-1] != "A" else "B")
    guesses = [web.send(httpx.Request("GET", guess, headers={"X-Forwarded-For": f"203.0.113.{n}"})) for n in range(301)]
    assert [a.status_code for a in guesses[-2:]] == [303, 429]
    assert web.send(httpx.Request("GET", address)).status_code == 303


def test_guesses_at_any_address_are_limited_by_where_they_come_from(web: Website) -> None:
    guesses = [web.send(httpx.Request("GET", f"{WEB}/activate/guess-{n}")) for n in range(301)]
    assert [a.status_code for a in guesses[-2:]] == [404, 429]


# Where an answer leads.

ELSEWHERE = [
    "https://evil.example", "//evil.example", "///evil.example", "\\\\evil.example", "/\\evil.example", "https:evil.example",
    "https://link.example@evil.example", "https://link.example.evil.example", "javascript:alert(1)", "data:text/html,x",
    "/%2f/evil.example", "%2f%2fevil.example", "\thttps://evil.example", "https://evil.example#link.example", "..//evil.example",
]  # fmt: skip


@pytest.mark.parametrize("target", ELSEWHERE)
def test_no_address_host_or_field_of_a_request_decides_where_it_leads(web: Website, target: str) -> None:
    """The kinds of case of GoTrue's ``verify_test.go``; and no link is built from a header."""
    names = ("next", "redirect_to", "redirect_uri", "return_to", "url", "lang", "district", "continue", "form")
    query = urlencode(dict.fromkeys(names, target))
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Origin": WEB, "Referer": target}
    asked = [("GET", "/"), ("GET", "/home"), ("GET", "/login"), ("POST", "/login/google"), ("POST", "/logout"),
             ("POST", "/activate/existing"), ("GET", "/callback/clever"), ("POST", "/link"), ("GET", "/console/lakeside"),
             ("GET", "/console/" + quote(target, safe="")), ("GET", "/activate")]  # fmt: skip
    page = log_in(web.visitor().open("/login"))
    cookie = f"{SESSION_COOKIE}={page.http.cookies[SESSION_COOKIE]}"
    for more in ({}, {"Cookie": cookie}):
        for method, path in asked:
            data = dict.fromkeys(names, target) if method == "POST" else None
            request = httpx.Request(method, f"{WEB}{path}?{query}", data=data, headers={**headers, **more})
            answer = web.send(request)
            location = answer.headers.get("Location", "/")
            assert re.match(r"/(?![/\\])", location) or location.split("?")[0] in (
                f"{GOOGLE}/authorize",
                "https://clever.com/authorize",
            ), (path, location)
            assert not re.search(r"""(?:href|action|src)=["'][^"'/]*evil""", answer.text), path


@pytest.mark.parametrize(
    "path", ["/console/elsewhere", "/console/Ørsted", "/console/%0a", "/sso/elsewhere", "/sso/Ørsted"]
)
def test_a_district_that_is_not_there_is_named_in_no_other_address(web: Website, path: str) -> None:
    """A name outside ASCII once went into a Location, which no header can hold."""
    answer = web.send(httpx.Request("GET", WEB + path))
    assert answer.status_code == 404
    assert "Location" not in answer.headers


def test_an_id_that_is_longer_than_any_key_names_nothing(web: Website) -> None:
    """DynamoDB refuses such a key even where it is only read."""
    longest = "x" * 2_100
    page = linked_teacher(web)
    for address in (f"/classes/{longest}", f"/classes/{longest}/settings", f"/sso/{longest}", f"/console/{longest}"):
        assert page.open(address).status == 404
    claims = {"sub": "a1", "email": "a1@lakeside.example", "email_verified": True}
    administrator = web.visitor(**claims).open("/sso/lakeside").press("Continue with Google")
    assert post(administrator, "/console/lakeside/invite-again", sourced_id=longest).status_code == 409


def test_the_link_in_a_mail_is_built_from_the_settings(web: Website) -> None:
    assert all(
        word.startswith(f"{WEB}/") or "support" in word
        for mail in web.world.ses.sent
        for word in mail["Content"]["Simple"]["Body"]["Text"]["Data"].split()
        if word.startswith("http")
    )


# Personal data stays out of addresses.


def test_no_address_that_the_browser_meets_holds_personal_data(web: Website) -> None:
    linked_teacher(web)
    for name, _ in web.responses:
        assert not re.search(r"ada|Person|@|t1", name.replace("/authorize", ""), re.IGNORECASE), name


def test_what_goes_to_the_platform_holds_ids_only(web: Website) -> None:
    linked_teacher(web)
    details = [item["detail"] for (pk, _), item in web.world.table.items.items() if pk.startswith("OUTBOX#")]
    assert details
    assert all("@" not in detail and "Person" not in detail for detail in details)


def test_an_import_later_gives_a_proof_to_nobody_who_left(web: Website) -> None:
    """Somebody logged in through the district and is off the roster a minute later: nothing can be linked any more."""
    page = web.visitor(sub="cid-1", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")
    staying = (user("t1", "teacher"), user("t2", "teacher"), user("s2"), user("s9"), user("a1", "administrator"))
    web.world.upload(roster(*staying, enrollments=enrolled("t1", "teacher")), name="without")
    before = {k: v for k, v in state(web).items() if k[1] == "LINK" or k[0].startswith("ACCOUNT#")}
    log_in(page.open("/login"), "kid")
    post(page, "/link", account_id="kid", sourced_id="s1", person=shown_of(web, "s1"))
    post(page, "/account/new")
    assert {k: v for k, v in state(web).items() if k[1] == "LINK" or k[0].startswith("ACCOUNT#")} == before


def test_a_session_of_a_roster_user_alone_opens_no_account(web: Website) -> None:
    session = Session(user=key("s1"), proof=Proof.DISTRICT_LOGIN_CLEVER)
    known = web.site.services.sessions.start(session, "known")
    stranger = web.visitor()
    stranger.http.cookies.set(
        SESSION_COOKIE, RequestContexts(web.site.services).sealed_session(known), domain="link.example"
    )
    assert stranger.open("/home").path == "/welcome"
    assert stranger.open("/classes/own").path == "/login"


def test_the_two_names_of_an_account_share_its_limit(web: Website) -> None:
    page = web.visitor()
    for n in range(10):
        log_in(page.open("/login"), ("ada", "Ada@mail.example")[n % 2], "wrong")
    assert log_in(web.visitor().open("/login"), "ada").status == 429
    assert log_in(web.visitor().open("/login"), "ada@mail.example").status == 429


def test_logins_through_a_district_are_limited_and_the_page_says_until_when(
    web: Website, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DISTRICT_LOGIN", replace(limits.DISTRICT_LOGIN, most=0))
    page = web.visitor(sub="cid-2", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")
    assert page.status == 429
    assert page.response is not None
    assert 0 < int(page.response.headers["Retry-After"]) <= 15 * 60
    assert "Too many tries" in page.text
