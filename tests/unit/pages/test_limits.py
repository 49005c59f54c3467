"""Limits protect an account, and nobody can use them to shut its owner out."""

from __future__ import annotations

import pytest

from functions.pages.http import KNOWN_COOKIE, Reply, Request
from functions.pages.login.known_browser import KnownBrowsers
from local.web_client import WebClient
from tests.harness import WEB
from tests.pages_harness import PASSWORD, Website, activated, lakeside, log_in


@pytest.fixture
def web() -> Website:
    return lakeside()


def tried(web: Website, username: str = "ada", password: str = "wrong", *, place: str = "198.51.100.7") -> WebClient:
    """Somebody with a fresh browser, elsewhere, tries a password."""
    home, web.source_ip = web.source_ip, place
    try:
        return log_in(web.visitor().open("/login"), username, password)
    finally:
        web.source_ip = home


def strangers_use_up_all_tries(web: Website) -> None:
    """From as many places as it takes."""
    statuses = [tried(web, place=f"198.51.100.{n // 10}").status for n in range(250)]
    assert set(statuses) == {401, 429}


def asked_for_a_code(web: Website, name: str, browser: WebClient | None = None) -> WebClient:
    return (browser or web.visitor()).open("/login/forgot").press("Send me a code", username_or_email=name)


def test_the_owners_own_browser_gets_in_whatever_strangers_tried(web: Website) -> None:
    own = log_in(web.visitor().open("/login")).press("Log out")
    strangers_use_up_all_tries(web)
    assert log_in(web.visitor().open("/login")).status == 429, "a browser that nobody has logged in with has to wait"
    assert log_in(own.open("/login")).path == "/home"


def test_a_strangers_place_takes_no_tries_from_another_place(web: Website) -> None:
    for _ in range(200):
        tried(web)
    assert tried(web).status == 429
    assert log_in(web.visitor().open("/login")).path == "/home"


def test_tries_from_everywhere_together_have_an_end(web: Website) -> None:
    statuses = [tried(web, place=f"198.51.{n // 250}.{n % 250}").status for n in range(150)]
    assert statuses.count(401) == 100


def test_a_known_browsers_tries_have_an_end(web: Website) -> None:
    own = log_in(web.visitor().open("/login")).press("Log out")
    statuses = [log_in(own.open("/login"), password="wrong").status for _ in range(20)]
    assert statuses == [401] * 19 + [429]


def test_a_browser_is_known_to_the_accounts_that_logged_in_with_it(web: Website) -> None:
    own = log_in(web.visitor().open("/login"), "zoe").press("Log out")
    strangers_use_up_all_tries(web)
    assert log_in(own.open("/login"), "ada").status == 429
    shared = log_in(log_in(web.visitor().open("/login"), "zoe").press("Log out").open("/login"), "kid").press("Log out")
    for account in ("zoe", "kid"):
        for n in range(100):
            tried(web, account, place=f"203.0.113.{n}")
        assert log_in(shared.open("/login"), account).path == "/home"
        shared.press("Log out")


def test_a_made_up_mark_is_none(web: Website) -> None:
    strangers_use_up_all_tries(web)
    real = web.site.services.sealed("known ada").seal({})
    others = web.site.services.sealed("known zoe").seal({})
    for value in (real[:-2] + "AA", others, "~".join([others] * 50 + [real]), "~", "e30.AAAA.AAAA"):
        page = web.visitor()
        page.http.cookies.set(KNOWN_COOKIE, value, domain="link.example")
        assert log_in(page.open("/login")).status == 429, value


def test_a_browser_is_known_for_half_a_year_and_its_cookie_names_nobody(web: Website) -> None:
    page = log_in(web.visitor().open("/login"))
    (cookie,) = (
        header
        for _, response in web.responses
        for header in response.headers.get_list("set-cookie")
        if header.startswith(KNOWN_COOKIE)
    )
    assert f"Max-Age={180 * 86_400}" in cookie
    for name in ("ada", "mail.example", "YWRh"):
        assert name not in page.http.cookies[KNOWN_COOKIE]


def test_a_browser_remembers_twenty_accounts_the_newest_first(web: Website) -> None:
    known, value = KnownBrowsers(web.site.services), ""
    for n in range(25):
        event = {"requestContext": {"http": {"method": "GET"}}, "cookies": [f"{KNOWN_COOKIE}={value}"]}
        value = known.remember(Request.from_event(event), Reply(), f"user-{n}").cookies[KNOWN_COOKIE] or ""
    assert len(value.split("~")) == 20
    assert len(value) < 2000


@pytest.mark.parametrize("name", ["ada", "ADA", " ada ", "Ada@Mail.example", "ada@mail.EXAMPLE", "ａｄａ"])
def test_tries_count_by_account_and_not_by_spelling(web: Website, name: str) -> None:
    for _ in range(10):
        tried(web, "ada")
    assert tried(web, name).status == 429


def test_codes_count_by_account_and_not_by_spelling(web: Website) -> None:
    for name in ("ada", "ADA", "ada@mail.example", "Ada@Mail.Example", " ada"):
        assert asked_for_a_code(web, name).status == 200
    assert asked_for_a_code(web, "adA").status == 429


def test_strangers_who_ask_for_codes_do_not_keep_the_owner_from_one(web: Website) -> None:
    own = log_in(web.visitor().open("/login")).press("Log out")
    for n in range(30):
        web.source_ip = f"198.51.100.{n}"
        asked_for_a_code(web, "ada@mail.example")
    assert asked_for_a_code(web, "ada").status == 429
    assert asked_for_a_code(web, "ada", own).status == 200


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("no address", "no address"),
    ],
)
def test_a_place_is_an_ipv4_address_or_an_ipv6_network_of_64_bits(address: str, place: str) -> None:
    event = {"requestContext": {"http": {"method": "GET", "sourceIp": address}}}
    assert Request.from_event(event).place == place


def test_one_line_with_many_ipv6_addresses_is_one_place(web: Website) -> None:
    statuses = [tried(web, place=f"2001:db8:1:2::{n:x}").status for n in range(11)]
    assert statuses == [401] * 10 + [429]


def test_a_class_of_thirty_behind_one_address_logs_in_at_once(web: Website) -> None:
    web.cognito.users |= {f"pupil-{n}": (PASSWORD, "kid") for n in range(30)}
    pages = [log_in(log_in(web.visitor().open("/login"), f"pupil-{n}", "typo"), f"pupil-{n}") for n in range(30)]
    assert {page.path for page in pages} == {"/home"}


def test_a_school_of_1500_behind_one_address_logs_in_within_ten_minutes(web: Website) -> None:
    """Each mistypes the password twice; ten minutes may lie in one window of the limit."""
    web.cognito.users |= {f"pupil-{n}": (PASSWORD, "kid") for n in range(1500)}
    login = web.site.login
    for n in range(1500):
        for password in ("typo", "typo", PASSWORD):
            event = {
                "requestContext": {"http": {"method": "POST", "sourceIp": "192.0.2.1"}},
                "headers": {"content-type": "application/x-www-form-urlencoded"},
                "body": f"username=pupil-{n}&password={password.replace(' ', '+')}",
            }
            reply = login.with_password(Request.from_event(event))
        assert reply.status == 303


def test_the_answer_says_when(web: Website) -> None:
    web.world.pass_time(minutes=3)
    for _ in range(10):
        tried(web)
    page = tried(web)
    assert page.response is not None
    seconds = int(page.response.headers["Retry-After"])
    assert 0 < seconds <= 15 * 60
    assert f"Wait {-(-seconds // 60)} minutes" in page.text
    web.world.pass_time(seconds=seconds)
    assert tried(web, password=PASSWORD).path == "/home"


def test_a_success_resets_no_counter(web: Website) -> None:
    statuses = [tried(web, password=PASSWORD if n == 5 else "wrong").path for n in range(11)]
    assert statuses[5] == "/home"
    assert tried(web, password=PASSWORD).status == 429


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "Try again in about 9 hours."), ("es", "Inténtelo de nuevo dentro de aproximadamente 9 horas.")],
)
def test_a_limit_of_a_day_says_in_hours_when_it_ends(web: Website, language: str, words: str) -> None:
    web.world.pass_time(days=31)
    late = activated(web, "t2")
    for _ in range(6):
        again = late.http.post(f"{WEB}/activate/again?lang={language}", data={"email": "x@lakeside.example"})
    assert again.status_code == 429
    assert words in again.text


def test_a_limit_of_minutes_says_so_in_minutes(web: Website) -> None:
    for _ in range(11):
        page = tried(web)
    assert "Wait 15 minutes, then try again." in page.text
