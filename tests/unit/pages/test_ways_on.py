"""Nobody is stuck: the district's login, another account and help wherever a login does not work, and no question twice."""

from __future__ import annotations

import pytest

from local.web_client import WebClient
from tests.builders import account, key
from tests.harness import WEB
from tests.pages_harness import (
    CLEVER_DISTRICT,
    Website,
    account_of,
    activated,
    in_a_made_account,
    lakeside,
    linked_teacher,
    log_in,
    post,
    routes,
)

DISTRICT, ANOTHER, HELP = "Log in with my district", "Try another account", "Ask for help"


@pytest.fixture
def web() -> Website:
    return lakeside()


def at_school(web: Website, who: str = "t1", **claims: object) -> WebClient:
    """A browser that is signed in at Google with the school's account."""
    return web.visitor(sub=f"google-{who}", email=f"{who}@lakeside.example", email_verified=True, **claims)


# Through the school's own Google


def test_the_schools_google_at_the_login_is_the_district_login(web: Website) -> None:
    page = at_school(web).open("/login").press("Continue with Google")

    assert page.path == "/welcome"
    assert "Lakeside Schools" in page.text


def test_it_opens_the_linked_account_of_a_teacher_who_linked_by_the_mail(web: Website) -> None:
    linked_teacher(web)

    page = at_school(web).open("/login").press("Continue with Google")

    assert page.path == "/home"
    assert "Period 3" in page.text


def test_it_links_an_account_that_has_this_very_address(web: Website) -> None:
    web.world.feed(account("at-school", "t1@lakeside.example"))

    page = at_school(web).open("/login").press("Continue with Google")

    assert page.path == "/home"
    assert account_of(web, "t1") == "at-school"


def test_right_after_the_mail_it_goes_on_too(web: Website) -> None:
    page = at_school(web).open(web.world.address_in_mail_to("t1@lakeside.example"))

    page.press("Log into my existing account").press("Continue with Google")

    assert page.path == "/welcome"


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "g", "email": "t1@lakeside.example", "email_verified": False},
        {"sub": "g", "email": "somebody@mail.example", "email_verified": True},
    ],
)
def test_another_google_account_is_told_how_to_go_on(web: Website, claims: dict[str, object]) -> None:
    page = web.visitor(**claims).open("/login").press("Continue with Google")

    assert page.status == 401
    assert page.links()[DISTRICT] == "/sso"
    assert page.links()[HELP].startswith("https://")
    page.http.follow_redirects = False
    page.press(ANOTHER)
    assert page.response is not None
    assert "prompt=select_account" in page.response.headers["Location"]


def test_who_came_through_the_district_already_is_asked_for_another_account(web: Website) -> None:
    page = at_school(web).open("/sso/lakeside").press("Continue with Google").press("Log into my existing account")

    assert page.press("Continue with Google").status == 401


# Every dead end


def dead_ends(web: Website) -> dict[str, WebClient]:
    stranger = web.visitor(sub="nobody", email="nobody@lakeside.example", email_verified=True)
    private = web.visitor(sub="g", email="t1@mail.example", email_verified=True)
    other = web.visitor(sub="cid-1", district="another-district")
    unknown = web.visitor(sub="g", email="x@mail.example", email_verified=True)
    not_me = log_in(activated(web).press("Log into my existing account")).press("This isn't me")
    busy = web.visitor()
    for _ in range(11):
        log_in(busy.open("/login"), "ada", "wrong")
        if busy.status == 429:
            break
    web.cognito.users["newcomer"] = ("correct horse", "newcomer")
    return {
        "not on the roster": stranger.open("/sso/lakeside").press("Continue with Google"),
        "another domain": private.open("/sso/lakeside").press("Continue with Google"),
        "another district": other.open("/sso/lakeside").press("Continue with Clever"),
        "no account": unknown.open("/login").press("Continue with Google"),
        "too many tries": busy,
        "not known": log_in(web.visitor().open("/login"), "newcomer"),
        "not me": not_me,
    }


def test_every_dead_end_leads_to_the_district_another_account_and_help(web: Website) -> None:
    for name, page in dead_ends(web).items():
        links = page.links()
        assert links[DISTRICT].startswith("/sso"), name
        assert links[HELP].startswith("https://"), name
        page.http.follow_redirects = False
        page.press(ANOTHER)
        assert page.response is not None
        to = page.response.headers["Location"]
        assert to == "/login?another=1" or "/authorize?" in to, name


@pytest.mark.parametrize("address", ["/login", "/nothing-here", "/activate", "/notice"])
def test_who_is_not_logged_in_finds_the_district_and_help(web: Website, address: str) -> None:
    links = web.visitor().open(address).links()

    assert links[DISTRICT] == "/sso"
    assert links[HELP].startswith("https://")


def test_a_browser_keeps_the_district_that_it_came_for_after_a_logout(web: Website) -> None:
    page = web.visitor(sub="cid-1", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")

    page.press("Log out")

    assert page.links()[DISTRICT] == "/sso/lakeside"
    assert page.open(page.links()[DISTRICT]).press("Continue with Clever").path == "/welcome"


def test_the_remembered_district_is_never_more_than_a_place_here(web: Website) -> None:
    page = web.visitor()
    page.http.cookies.set("__Host-district", "x%2f..//evil.example", domain="link.example")

    assert page.open("/login").links()[DISTRICT] == "/sso"


def test_a_district_is_found_by_the_schools_address(web: Website) -> None:
    page = web.visitor().open("/sso").press("Go on", email=" T1@Lakeside.example ")

    assert page.path == "/sso/lakeside"


def test_an_address_of_no_district_is_told_so_at_the_field(web: Website) -> None:
    page = web.visitor().open("/sso").press("Go on", email="me@mail.example")

    assert page.status == 404
    field = page.page.css_first("#email")
    assert field is not None
    assert field.attributes["aria-describedby"] == "problem"
    assert "autofocus" in field.attributes


# Another account


def test_another_account_keeps_what_the_district_login_proved(web: Website) -> None:
    page = web.visitor(sub="cid-1", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")
    log_in(page.press("Log into my existing account"), "ada")
    assert page.path == "/link"

    post(page, "/login/another")

    assert log_in(page.open("/login"), "kid").path == "/link"
    assert "kid" in page.text


def test_another_account_ends_a_login_that_has_nothing_to_link(web: Website) -> None:
    page = linked_teacher(web)

    post(page, "/login/another")

    assert page.open("/home").path == "/login"


# No question twice


def test_a_teacher_without_an_account_is_asked_once(web: Website) -> None:
    page = at_school(web, "t2").open(web.world.address_in_mail_to("t2@lakeside.example"))

    page.press("I don't have an account yet").press("Continue with Google")

    assert page.path == "/home"
    assert "Your account is ready" in page.text
    assert "Your accounts are linked" not in page.text
    assert account_of(web, "t2")


def test_what_one_person_said_counts_for_nobody_else(web: Website) -> None:
    page = at_school(web, "t1").open(web.world.address_in_mail_to("t2@lakeside.example"))

    page.press("I don't have an account yet").press("Continue with Google")

    assert page.path == "/welcome"
    assert web.world.links.of_user(key("t1")) is None


def test_who_may_have_an_account_all_the_same_sees_it_first(web: Website) -> None:
    web.world.feed(account("maybe", "t2@lakeside.example", verified=False))
    page = at_school(web, "t2").open(web.world.address_in_mail_to("t2@lakeside.example"))

    page.press("I don't have an account yet").press("Continue with Google")

    assert page.path == "/welcome"
    assert "m…e" in page.text


def test_a_student_with_a_new_account_is_not_asked_again(web: Website) -> None:
    page = in_a_made_account(web)

    assert "Your account is ready" in page.text
    main, settings = page.text.split("Settings", 1)
    assert "account before" not in main
    assert "I have an older account" in settings


def test_the_choice_can_be_left(web: Website) -> None:
    page = web.visitor(sub="cid-1", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")

    page.press("Not Kid Person?")

    assert "Nothing was linked" in page.text
    assert page.open("/welcome").path == "/login"


# After an undo


def test_the_mails_link_says_that_the_accounts_are_not_linked_now(web: Website) -> None:
    address = web.world.address_in_mail_to("t1@lakeside.example")
    linked_teacher(web).press("Undo the link with Lakeside Schools").press("Undo the link")

    page = web.visitor().open(address)

    assert "not linked right now" in page.text
    assert page.links()[DISTRICT] == "/sso/lakeside"


# The page that was asked for


@pytest.mark.parametrize("address", ["/classes/own", "/classes/c1?district=lakeside", "/cleaning", "/link/undo"])
def test_a_page_that_was_asked_for_is_shown_after_the_login(web: Website, address: str) -> None:
    linked_teacher(web)
    page = web.visitor().open(address)
    assert page.path == "/login"

    log_in(page)

    assert page.response is not None
    assert str(page.response.url) == WEB + address
    assert page.open("/home").path == "/home", "once"


def test_the_next_person_at_a_computer_is_not_led_there(web: Website) -> None:
    linked_teacher(web)
    page = log_in(web.visitor().open("/login")).press("Log out").open("/classes/own")

    post(page, "/logout")

    assert log_in(page.open("/login"), "kid").path == "/home"


# The other language


def test_after_every_form_there_is_the_page_in_another_language(web: Website) -> None:
    shown = {address for method, address in routes() if method == "GET"}
    parts = {"<district_id>": "lakeside", "<provider>": "google", "<reference>": "own", "<token>": "half"}
    parts |= {
        "<import_id>": "one",
        "<kind>": "teacher",
        "<sourced_id>": "t1",
        "<action>": "approve",
        "<order_id>": "order",
    }
    for method, address in routes():
        if method != "POST":
            continue
        filled = address
        for part, value in parts.items():
            filled = filled.replace(part, value)
        page = web.visitor()
        page.http.post(WEB + filled)
        answer = page.http.post(WEB + filled, headers={"Sec-Fetch-Site": "cross-site"})
        if address.startswith("/unsubscribe"):
            continue
        (link,) = [a for a in answer.text.split('href="') if "lang=es" in a.split('"')[0]]
        path = link.split('"')[0].partition("?")[0]
        for part, value in parts.items():
            path = path.replace(f"/{value}", f"/{part}")
        assert path in shown, (address, path)


def test_the_language_link_keeps_what_the_address_says(web: Website) -> None:
    linked_teacher(web)
    page = log_in(web.visitor().open("/login")).open("/classes/c1?district=lakeside&form=assignment")
    assert page.response is not None

    assert 'href="?district=lakeside&amp;form=assignment&amp;lang=es"' in page.response.text


def test_a_wrong_password_leaves_the_language_and_moves_the_focus(web: Website) -> None:
    page = log_in(web.visitor().open("/login"), "ada", "wrong")
    assert page.response is not None

    assert 'href="/login?lang=es"' in page.response.text
    password, problem = page.page.css_first("#password"), page.page.css_first("#problem")
    assert password is not None
    assert problem is not None
    assert password.attributes["aria-describedby"] == "problem"
    assert "autofocus" in password.attributes
