"""A device that several people use: a new district login replaces what was there, and every page says who is here."""

from __future__ import annotations

import re

import httpx
import pytest

from functions.pages.limits import LOGIN
from local.web_client import WebClient
from tests.builders import key
from tests.harness import WEB
from tests.pages_harness import CLEVER_DISTRICT, PASSWORD, Website, account_of, activated, lakeside, log_in, post


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


# Tabs, steps back and half-finished ways of the pupil before


def pressed_in_an_old_tab(tab: dict[str, str], form: str, device: WebClient) -> httpx.Response:
    """A form of a tab that was opened before, sent with the cookies that the browser has now."""
    return device.http.post(WEB + form, data=tab, headers={"Origin": WEB})


def hidden(page: WebClient, form: str) -> dict[str, str]:
    fields = page.page.css(f'form[action="{form}"] input[type=hidden]')
    return {node.attributes["name"] or "": node.attributes["value"] or "" for node in fields}


def test_no_new_account_is_made_by_the_tab_of_the_pupil_before(web: Website) -> None:
    first = pupil(web, "cid-1")
    tab = hidden(first, "/account/new")
    second = pupil(web, "cid-2", device=first)

    answer = pressed_in_an_old_tab(tab, "/account/new", second)

    assert answer.url.path == "/welcome"
    assert "Kim Person" in answer.text, "the page shows whose turn it is"
    assert [web.world.links.of_user(key(number)) for number in ("s1", "s2")] == [None, None]
    second.open("/welcome").press("I don't have an account yet")
    assert account_of(web, "s2")


def test_a_code_typed_in_the_tab_of_the_pupil_before_counts_for_nobody(web: Website) -> None:
    web.world.register(clever_district_id=CLEVER_DISTRICT, teachers_may_vouch=True)
    first = pupil(web, "cid-1")
    tab = hidden(first, "/account/join")
    second = pupil(web, "cid-2", device=first)
    hits = [pk for pk, _ in web.world.table.items if pk.startswith("LIMIT#class_code")]

    answer = pressed_in_an_old_tab({**tab, "code": "123456"}, "/account/join", second)

    assert answer.url.path == "/welcome"
    assert [pk for pk, _ in web.world.table.items if pk.startswith("LIMIT#class_code")] == hits, "no try is used up"


def test_an_undo_in_the_tab_of_the_pupil_before_undoes_nothing_of_the_next(web: Website) -> None:
    first = pupil(web, "cid-1").press("I don't have an account yet").open("/link/undo")
    tab = hidden(first, "/link/undo")
    second = pupil(web, "cid-2", device=first).press("I don't have an account yet")

    answer = pressed_in_an_old_tab(tab, "/link/undo", second)

    assert answer.url.path == "/link/undo"
    links = [web.world.links.of_user(key(number)) for number in ("s1", "s2")]
    assert [link is not None and link.is_linked for link in links] == [True, True]


def test_a_form_of_an_earlier_version_names_nobody_and_works(web: Website) -> None:
    page = pupil(web, "cid-1")
    post(page, "/account/new")
    assert account_of(web, "s1")


def test_the_login_names_whose_half_finished_way_it_is_and_ends_it(web: Website) -> None:
    """The pupil came through school, went on to the login and left; the next one sees the name before typing anything."""
    page = pupil(web, "cid-1").press("Log into my existing account")
    assert page.path == "/login"
    assert "Log in here to the old account of Kid Person." in page.text
    log_in(page, "zoe", "not the password")
    assert "Log in here to the old account of Kid Person." in page.text, "after a slip, too"

    page.press("Not Kid Person?").open("/login")
    assert "Kid Person" not in page.text
    log_in(page, "kid")
    assert page.path == "/home", "nothing of the pupil before is offered to be linked"
    assert web.world.links.of_user(key("s1")) is None


@pytest.mark.parametrize("leave", ["session", "logged out", "not me"])
def test_a_hub_is_asked_who_comes_where_somebody_was_here_before(web: Website, leave: str) -> None:
    """Google would let the pupil before in again, without a word."""
    google = web.visitor(sub="google-9", email="s9@lakeside.example", email_verified=True)
    page = google.open("/sso/lakeside")
    page.press("Continue with Google")
    assert "prompt=select_account" not in asked(web), "the first one is not"
    if leave == "logged out":
        post(page, "/logout")
    elif leave == "not me":
        post(page, "/link/not-me")
    for start in ("/sso/lakeside", "/login"):
        page.open(start).press("Continue with Google")
        assert "prompt=select_account" in asked(web), start


def asked(web: Website) -> str:
    """The address of the hub to which a browser was sent last."""
    sent = [answer for name, answer in web.responses if name in ("POST /sso/lakeside/google", "POST /login/google")]
    return sent[-1].headers["Location"]


def test_the_answer_of_a_hub_to_the_pupil_before_lets_nobody_in(web: Website) -> None:
    """A began at the hub, B began after A in the same browser; then A's tab comes back."""
    first = web.visitor(sub="cid-1", district=CLEVER_DISTRICT).open("/sso/lakeside")
    begun = first.http.post(f"{WEB}/sso/lakeside/clever", headers={"Origin": WEB}, follow_redirects=False)
    code = web.visitor(sub="cid-1", district=CLEVER_DISTRICT)
    back = code.http.get(begun.headers["Location"], follow_redirects=False).headers["Location"]
    second = pupil(web, "cid-2", device=first)
    second.open(back.removeprefix(WEB))
    assert second.status in (401, 403)
    assert who(second.open("/welcome")) == "Kim Person"


def test_whoever_logs_out_at_the_question_is_not_shown_as_choosing(web: Website) -> None:
    page = pupil(web, "cid-1")
    days = web.site.services.class_days
    assert days.of_students([key("s1")])
    post(page, "/logout")
    assert not days.of_students([key("s1")])


# A class behind one address


def test_thirty_pupils_behind_one_address_type_wrong_passwords_and_all_get_in(web: Website) -> None:
    """Each has three slips; whoever guesses at one account from that address is stopped meanwhile."""
    names = [f"pupil{n}" for n in range(30)]
    web.cognito.users |= dict.fromkeys(names, (PASSWORD, "kid"))
    thief = web.visitor().open("/login")
    for _ in range(LOGIN.at_place.most + 1):
        post(thief, "/login", username="zoe", password="a guess")
    assert post(thief, "/login", username="zoe", password=PASSWORD).status_code == 429, "even the right one"
    for name in names:
        page = web.visitor().open("/login")
        for _ in range(3):
            assert post(page, "/login", username=name, password="a slip").status_code == 401
        assert log_in(page.open("/login"), name).path == "/home", name


@pytest.mark.parametrize("called", ["Bea Person", "Zed Other"])
def test_a_child_who_goes_on_in_the_way_of_another_is_asked_before_a_link(web: Website, called: str) -> None:
    """A sister, or anybody else, types her own password where the pupil before left; one press links nothing."""
    web.world.feed({"account_id": "bea", "role": "student", "username": "bea", "display_name": called})
    web.cognito.users["bea"] = (PASSWORD, "bea")
    page = log_in(pupil(web, "cid-1").press("Log into my existing account"), "bea").press("Link my accounts")

    assert web.world.links.of_user(key("s1")) is None
    assert {called, "Kid Person"} <= set(re.findall(r"“([^”]+)”", page.text))
    note = web.site.services.class_days.of_students([key("s1")])[key("s1")]
    assert note.moment == "name_differs", "the teacher is told"
    page.press("This isn't me")
    assert web.world.links.of_user(key("s1")) is None


@pytest.mark.parametrize("called", ["Kid P.", "kiddo", "K. Person", "Kidd Person"])
def test_the_own_account_by_another_spelling_links_with_one_press(web: Website, called: str) -> None:
    web.world.feed({"account_id": "kid", "role": "student", "username": "kid", "display_name": called})
    log_in(pupil(web, "cid-1").press("Log into my existing account"), "kid").press("Link my accounts")
    assert account_of(web, "s1") == "kid"
