"""A student adds a login of their own: by Google or by an address, where the district says so; it opens the account for good."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from local.web_client import NoSuchButton, WebClient
from shared.domain.own_login import address_login_id
from shared.stores.audit import Actor
from shared.stores.district_data import DistrictData
from shared.stores.district_files import DistrictFiles
from shared.stores.personal_data import PersonalData
from shared.use_cases.offboard_district import OffboardDistrict
from tests.builders import account, key, roster, user
from tests.harness import OFFICIAL, text
from tests.pages_harness import (
    CLEVER_DISTRICT,
    Counting,
    Website,
    account_of,
    earns,
    lakeside,
    linked_teacher,
    log_in,
    post,
    website_like,
)

OWN = {"sub": "google-kid", "email": "kid@gmail.example", "hd": None}
ADDRESS = "kid@home.example"
ALLOWED = {"clever_district_id": CLEVER_DISTRICT, "students_may_add_logins": True}


@cache
def prepared() -> Website:
    return allowed(lakeside())


@pytest.fixture
def web() -> Website:
    """Lakeside, which allows own logins; made once, for every test begins from there."""
    return website_like(prepared())


def allowed(web: Website, **settings: Any) -> Website:
    web.world.register(**{**ALLOWED, **settings})
    return web


def student(web: Website) -> WebClient:
    """Kid, who got an account at the first Clever login, at the page of ways in."""
    page = web.visitor(sub="cid-1", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")
    return page.press("I don't have an account yet").open("/ways-in")


def by_district(web: Website) -> WebClient:
    return web.visitor(sub="cid-1", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")


def with_an_old_account(web: Website) -> WebClient:
    """Kid, who proved the old account by its password."""
    page = log_in(by_district(web).press("Log into my existing account"), "kid")
    return page.press("Link my accounts").open("/ways-in")


def adds_google(web: Website, page: WebClient, **claims: Any) -> WebClient:
    """The same browser signs in at Google with these claims."""
    browser = web.visitor(**{**OWN, **claims})
    browser.http.cookies = page.http.cookies
    return browser.open("/ways-in").press("Add a Google account")


def google_login(web: Website, **claims: Any) -> WebClient:
    return web.visitor(**{**OWN, **claims}).open("/login").press("Continue with Google")


def code_of(web: Website, to: str = ADDRESS) -> str:
    """The code of the newest mail to an address, once the requests for codes were handled."""
    web.world.mail_codes_asked()
    mails = [mail for mail in web.world.ses.sent if mail["To"] == to]
    found = re.search(r"\b(\d{4}) (\d{4})\b", text(mails[-1]))
    assert found
    return found[1] + found[2]


def adds_address(web: Website, page: WebClient, address: str = ADDRESS) -> WebClient:
    page.open("/ways-in").press("Send the code", email=address)
    return page.press("Add this login", code=code_of(web, address))


def email_login(web: Website, address: str = ADDRESS) -> WebClient:
    page = web.visitor().open("/login/email").press("Send the code", email=address)
    return page.press("Log in", code=code_of(web, address))


def mails_to(web: Website, address: str) -> list[str]:
    return [mail["Content"]["Simple"]["Subject"]["Data"] for mail in web.world.ses.sent if mail["To"] == address]


# Who may.


def test_home_leads_to_it_where_the_district_allows_it(web: Website) -> None:
    page = student(web)

    assert page.open("/home").links()["Add your own login"] == "/ways-in"
    allowed(web, students_may_add_logins=False)
    assert "Add your own login" not in page.open("/home").links()
    assert "Ask your teacher." in page.open("/ways-in").text


def test_without_the_districts_word_nothing_is_added() -> None:
    web = lakeside()
    page = student(web)
    with pytest.raises(NoSuchButton):
        page.press("Add a Google account")

    answers = [post(page, "/ways-in/google"), post(page, "/ways-in/email", email=ADDRESS)]

    assert all("Your school does not let students add a login." in answer.text for answer in answers)
    assert web.world.code_requests.messages == []


def test_a_word_that_was_taken_back_counts_until_the_code_is_typed(web: Website) -> None:
    page = student(web).press("Send the code", email=ADDRESS)
    allowed(web, students_may_add_logins=False)

    page.press("Add this login", code=code_of(web))

    assert web.site.services.own_logins.of(account_of(web, "s1")) == []


def test_a_teacher_adds_none(web: Website) -> None:
    page = linked_teacher(web)

    assert "Add your own login" not in page.open("/home").links()
    assert "Your school does not let" in post(page, "/ways-in/email", email=ADDRESS).text


def test_a_login_of_long_ago_adds_and_removes_nothing(web: Website) -> None:
    page = adds_google(web, student(web))
    web.world.pass_time(minutes=16)

    answers = [
        post(page, "/ways-in/google"), post(page, "/ways-in/email", email=ADDRESS),
        post(page, "/ways-in/remove", login=web.site.services.own_logins.of(account_of(web, "s1"))[0][1].login_id),
    ]  # fmt: skip

    assert all("Log in again first." in answer.text for answer in answers)
    assert "Log out and in again" in page.open("/ways-in").text
    assert len(web.site.services.own_logins.of(account_of(web, "s1"))) == 1


def test_nobody_who_is_not_logged_in_gets_anywhere(web: Website) -> None:
    student(web)
    for path in ("/ways-in/google", "/ways-in/email", "/ways-in/code", "/ways-in/remove"):
        answer = post(web.visitor().open("/login"), path, email=ADDRESS, code="1", login="x")
        assert answer.url.path == "/login", path


# By Google.


def test_an_own_google_account_opens_the_account_from_then_on(web: Website) -> None:
    page = adds_google(web, student(web))
    assert "Added. It opens your account from now on" in page.text

    assert "Hello, Kid Person" in google_login(web).text


@pytest.mark.parametrize("claims", [{"email": "kid@lakeside.example"}, {"hd": "lakeside.example"}])
def test_a_schools_google_account_is_refused_in_words(web: Website, claims: dict[str, str]) -> None:
    page = adds_google(web, student(web), **claims)

    assert "That is a school account. It ends when you leave school." in page.text
    assert web.site.services.own_logins.of(account_of(web, "s1")) == []


def test_a_google_account_of_another_account_is_never_moved(web: Website) -> None:
    page = adds_google(web, student(web), sub="google-ada", email="ada@mail.example")

    assert "That Google account opens another Khan Academy account already." in page.text
    assert web.site.services.identifiers.account_by_subject("https://accounts.google.com", "google-ada") == "ada"
    assert web.site.services.own_logins.of(account_of(web, "s1")) == []


def test_an_own_login_of_another_student_is_never_moved(web: Website) -> None:
    adds_google(web, student(web))
    other = web.visitor(sub="cid-2", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")
    other.press("I don't have an account yet")

    assert "opens another Khan Academy account" in adds_google(web, other).text
    assert "Hello, Kid Person" in google_login(web).text


def test_a_login_that_began_for_another_child_adds_nothing(web: Website) -> None:
    """On a shared device one child goes to Google, and another one logs in before it comes back."""
    page = student(web)
    page.http.follow_redirects = False
    page.press("Add a Google account")
    (begun,) = [answer for name, answer in web.responses if name == "POST /ways-in/google"]
    second = web.visitor(sub="cid-2", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")
    second.press("I don't have an account yet")
    for cookie in page.http.cookies.jar:
        if cookie.name == "__Host-login":
            second.http.cookies.jar.set_cookie(cookie)
    query = httpx.URL(begun.headers["Location"]).params
    web.google.codes["theirs"] = (query["nonce"], query["verifier"], {**OWN})

    second.open(f"/callback/google?code=theirs&state={query['state']}")

    assert "Start again here." in second.text
    assert web.site.services.own_logins.of(account_of(web, "s1"), account_of(web, "s2")) == []


def test_a_tab_of_the_child_before_adds_nothing_for_the_next(web: Website) -> None:
    page = student(web)
    left_open = page.response
    second = web.visitor(sub="cid-2", district=CLEVER_DISTRICT)
    second.http.cookies = page.http.cookies
    post(page, "/logout")
    second.open("/sso/lakeside").press("Continue with Clever").press("I don't have an account yet")
    second.response = left_open

    assert "Start again here." in second.press("Send the code", email=ADDRESS).text
    second.response = left_open
    assert "Start again here." in second.press("Add a Google account").text
    assert web.world.code_requests.messages == []


def test_the_same_google_account_twice_is_known(web: Website) -> None:
    page = adds_google(web, student(web))

    assert "That login opens your account already." in adds_google(web, page).text


# By an address.


def test_an_address_is_added_by_its_code_and_logs_in_by_a_code(web: Website) -> None:
    assert "Added." in adds_address(web, student(web)).text

    assert "Hello, Kid Person" in email_login(web).text


def test_a_school_address_and_what_is_none_are_refused(web: Website) -> None:
    page = student(web)

    assert "That is a school account." in page.press("Send the code", email="kid@lakeside.example").text
    assert "That is not an email address." in page.press("Send the code", email="kid").text
    assert web.world.code_requests.messages == []


def test_an_address_of_another_account_gets_the_same_page_and_no_code(web: Website) -> None:
    page = student(web)
    said = [
        page.open("/ways-in").press("Send the code", email=each).text.replace(each, "x")
        for each in (ADDRESS, "ada@mail.example")
    ]

    assert said[0] == said[1]
    web.world.mail_codes_asked()
    assert mails_to(web, "ada@mail.example") == ["This email opens a Khan Academy account already"]
    assert not re.search(r"\d{4} \d{4}", text(web.world.ses.sent[-1]))


@pytest.mark.parametrize("address", ["nobody@home.example", ADDRESS])
def test_the_login_page_says_and_does_the_same_of_every_address(address: str) -> None:
    gate = Counting()
    web = allowed(lakeside(gate=gate))
    adds_address(web, student(web))
    page = web.visitor().open("/login/email")
    gate.calls.clear()

    page.press("Send the code", email=address)

    assert f"If {address} opens an account" in page.text
    assert gate.calls == {"dynamodb UpdateItem": 2, "sqs SendMessage": 1}


def test_an_address_that_opens_nothing_gets_no_mail(web: Website) -> None:
    web.visitor().open("/login/email").press("Send the code", email="nobody@home.example")
    web.visitor().open("/login/email").press("Send the code", email="ada@mail.example")

    assert web.world.mail_codes_asked() == 0


def test_a_code_counts_once_in_the_window_that_asked_and_not_for_long(web: Website) -> None:
    adds_address(web, student(web))
    page = web.visitor().open("/login/email").press("Send the code", email=ADDRESS)
    code = code_of(web)
    other = web.visitor().open("/login/email").press("Send the code", email=ADDRESS)
    assert "That code isn't right" in other.press("Log in", code=code).text

    used, kept = page.response, dict(page.http.cookies.items())
    assert page.press("Log in", code=f" {code[:4]}-{code[4:]} ").path == "/home"
    replayed = web.visitor()
    replayed.http.cookies.update(kept)
    replayed.response = used
    assert replayed.press("Log in", code=code).status == 401
    late = web.visitor().open("/login/email").press("Send the code", email=ADDRESS)
    code = code_of(web)
    web.world.pass_time(minutes=16)
    assert late.press("Log in", code=code).path != "/home"


def test_guesses_at_a_code_end(web: Website) -> None:
    adds_address(web, student(web))
    page = web.visitor().open("/login/email").press("Send the code", email=ADDRESS)

    found = [post(page, "/login/email/code", code=f"{n:08}").status_code for n in range(7)]

    assert found == [401] * 5 + [429] * 2
    assert post(page, "/login/email/code", code=code_of(web)).status_code == 429


def test_codes_to_one_address_are_capped_whoever_asks(web: Website) -> None:
    page = student(web)

    def asks() -> int:
        return page.open("/ways-in").press("Send the code", email="stranger@home.example").status

    found = [asks() for _ in range(4)]

    assert found == [200] * 3 + [429]
    web.world.mail_codes_asked()
    assert len(mails_to(web, "stranger@home.example")) == 3


def test_a_request_that_comes_again_mails_once(web: Website) -> None:
    student(web).press("Send the code", email=ADDRESS)
    web.world.code_requests.messages *= 2

    assert web.world.mail_codes_asked() == 1


# What is told and kept.


def test_other_addresses_of_the_account_are_told_of_a_new_login(web: Website) -> None:
    page = adds_address(web, student(web))
    adds_google(web, page)
    web.world.tell_of_own_logins()
    web.world.tell_of_own_logins()

    assert mails_to(web, ADDRESS).count("A new login was added to your Khan Academy account") == 1
    assert "k…d@gmail.example" in text(web.world.ses.sent[-1])
    assert not mails_to(web, OFFICIAL)[1:], "no student is mailed at school"


def test_it_is_noted_in_the_trail_when_it_comes_and_goes(web: Website) -> None:
    adds_google(web, student(web)).press("Remove")

    noted = [(e.action, e.by, e.about) for e in web.site.services.trail.all("lakeside") if e.person == "s1"]
    assert noted == [("own_login_added", "s1", "google"), ("own_login_removed", "s1", "google")]


def test_a_removed_login_opens_nothing_and_its_sessions_end(web: Website) -> None:
    page = adds_google(web, student(web))
    elsewhere = google_login(web)
    web.world.pass_time(seconds=1)
    page.open("/ways-in").press("Remove")

    assert "Removed." in page.text
    assert elsewhere.open("/home").path == "/login"
    assert "We can't find a Khan Academy account" in google_login(web).text


def test_nothing_of_it_proves_anything_to_a_district(web: Website) -> None:
    """An own address is no address of the account: no roster is matched by it (M6)."""
    adds_address(web, student(web))
    web.world.register("riverbend", email_domains=["home.example"], name="Riverbend")
    report = web.world.upload(roster(user("r1", email=ADDRESS)), district_id="riverbend")

    assert report["matching"]["matched"] == 0


# The whole life.


def leaves(web: Website) -> None:
    web.world.upload(roster(user("t1", "teacher", given="Ada"), user("s2"), user("s9", given="Zoe")), name="left")


def is_offboarded(web: Website) -> None:
    """The contract of the district ends: what it said of anybody is deleted."""
    world = web.world
    files = cast(DistrictFiles, SimpleNamespace(delete=lambda *_, **__: Counter(), delete_one=lambda *_: None))
    OffboardDistrict(
        DistrictData(world.table), files, world.districts, world.links, export_bucket="exports", clock=world.clock,
        new_id=world.new_id, at_once=1,
    ).run("lakeside")  # fmt: skip


def undoes(web: Website) -> None:
    web.world.links.undo(key("s1"), event_id=web.world.new_id(), now=web.world.now)


@pytest.mark.parametrize("ends", [leaves, undoes, is_offboarded])
@pytest.mark.parametrize("adds", [adds_google, adds_address])
def test_after_school_the_own_login_opens_the_account_with_all_work(
    web: Website, ends: Callable[[Website], None], adds: Callable[[Website, WebClient], WebClient]
) -> None:
    page = with_an_old_account(web)
    earns(web, "kid", a=100, b=80)
    adds(web, page)
    before = web.world.accounts.mastery("kid")
    ends(web)
    web.world.pass_time(days=90)

    home = google_login(web) if adds is adds_google else email_login(web)

    assert "Hello, Kim" in home.text
    assert "Equations: 90 %" in home.text
    assert "Period 3" in home.text
    assert web.world.accounts.mastery("kid") == before


def test_it_outlives_a_feed_that_knows_nothing_of_it(web: Website) -> None:
    page = with_an_old_account(web)
    adds_google(web, page)
    web.world.feed({**account("kid", "", role="student"), "email": None, "google_sub": None, "identities": []})

    assert "Hello, Kim" in google_login(web).text


def test_what_the_platform_says_of_a_google_account_counts_more(web: Website) -> None:
    adds_google(web, student(web))
    web.world.feed(account("bea", "bea@mail.example", role="student", google_sub=OWN["sub"], display_name="Bea"))

    assert "Hello, Bea" in google_login(web).text


def test_a_closed_account_is_opened_by_nothing(web: Website) -> None:
    page = with_an_old_account(web)
    adds_google(web, page)
    adds_address(web, page)
    web.world.feed({**account("kid", "", role="student"), "email": None, "closed_at": "2026-09-01T00:00:00Z"})
    item = web.world.table.items["ACCOUNT#kid", "ACCOUNT"]
    item["closed_at"] = "2026-09-01T00:00:00Z"

    assert "We can't find" in google_login(web).text
    web.visitor().open("/login/email").press("Send the code", email=ADDRESS)
    assert web.world.mail_codes_asked() == 0


@pytest.mark.parametrize("actor", [Actor.NOTICE, Actor.CONSOLE, Actor.TEACHER])
def test_what_was_added_under_a_wrong_link_ends_with_it(web: Website, actor: Actor) -> None:
    adds_google(web, with_an_old_account(web))

    web.world.links.undo(key("s1"), event_id=web.world.new_id(), now=web.world.now, actor=actor)

    assert "We can't find" in google_login(web).text
    assert web.site.services.own_logins.of("kid") == []


def test_it_stays_with_an_account_that_nothing_else_opens(web: Website) -> None:
    adds_google(web, student(web))

    web.world.links.undo(key("s1"), event_id=web.world.new_id(), now=web.world.now, actor=Actor.CONSOLE)

    assert "Hello, Kid Person" in google_login(web).text


def test_all_of_it_goes_with_its_account(web: Website) -> None:
    page = student(web)
    adds_google(web, page)
    adds_address(web, page)
    held = [address_login_id(ADDRESS)]

    PersonalData(web.world.table, web.world.accounts).delete_account(account_of(web, "s1"))

    assert [web.site.services.own_logins.opened_by(each) for each in held] == [None]
    assert not [pk for pk, _ in web.world.table.items if pk.startswith("OWN#")]
