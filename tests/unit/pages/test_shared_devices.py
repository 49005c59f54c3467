"""A device that several people use: a new district login replaces what was there, and every page says who is here."""

from __future__ import annotations

import pytest

from local.web_client import WebClient
from tests.builders import key
from tests.pages_harness import CLEVER_DISTRICT, Website, activated, lakeside, log_in, post


@pytest.fixture
def web() -> Website:
    return lakeside()


def pupil(web: Website, clever_id: str, device: WebClient | None = None) -> WebClient:
    """A pupil at the district's login, on a device of their own or on one that somebody used before."""
    browser = web.visitor(sub=clever_id, district=CLEVER_DISTRICT)
    if device:
        browser.http.cookies.update(device.http.cookies)
    return browser.open("/sso/lakeside").press("Continue with Clever")


def who(page: WebClient) -> str:
    """Whom the head of the page names."""
    named = page.page.css_first("header span")
    return named.text() if named else ""


def test_each_page_of_who_is_logged_in_names_them(web: Website) -> None:
    page = pupil(web, "cid-1")
    assert who(page) == "Kid Person", "before there is an account, too"
    page.press("I don't have an account yet")
    for address in ("/home", "/classes/c1", "/link/undo"):
        assert who(page.open(address)) == "Kid Person", address
    teacher = log_in(activated(web).press("Log into my existing account")).press("Link my accounts")
    assert who(teacher.open("/cleaning"))
    assert not who(web.visitor().open("/login")), "nobody is here"


def test_the_next_pupil_replaces_the_one_before(web: Website) -> None:
    first = pupil(web, "cid-1").press("I don't have an account yet")
    second = pupil(web, "cid-2", device=first)
    assert (second.path, who(second)) == ("/welcome", "Kim Person")
    second.open("/home")
    assert "Kid" not in second.text


def test_no_proof_of_the_pupil_before_outlives_a_new_login(web: Website) -> None:
    """The first pupil proved who they are and left; the second logs into an account, and nothing of the first is linked."""
    first = pupil(web, "cid-1")
    assert first.path == "/welcome"
    second = log_in(pupil(web, "cid-2", device=first).press("Log into my existing account"), "kid")
    second.press("Link my accounts")
    assert web.world.links.of_user(key("s1")) is None
    linked = web.world.links.of_user(key("s2"))
    assert linked is not None
    assert linked.account_id == "kid"


def test_the_session_before_is_over_wherever_its_cookie_went(web: Website) -> None:
    first = pupil(web, "cid-1").press("I don't have an account yet")
    kept = dict(first.http.cookies)
    pupil(web, "cid-2", device=first)
    stolen = web.visitor()
    stolen.http.cookies.update(kept)
    assert stolen.open("/home").path == "/login"


def test_a_form_of_the_pupil_before_links_nothing_for_the_next(web: Website) -> None:
    first = log_in(pupil(web, "cid-1").press("Log into my existing account"), "kid")
    assert first.path == "/link"
    hidden = {
        node.attributes["name"]: node.attributes["value"] for node in first.page.css('form[action="/link"] input')
    }
    second = pupil(web, "cid-2", device=first)
    post(second, "/link", **hidden)
    assert web.world.links.of_user(key("s1")) is None
    assert web.world.links.of_user(key("s2")) is None
