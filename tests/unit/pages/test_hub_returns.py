"""Whom a hub keeps is counted by hub and district, without a person, and told on the console in words."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.doubles.google import Google as GoogleDouble
from local.doubles.microsoft import Microsoft as MicrosoftDouble
from local.web_client import WebClient
from shared.hubs.google import Google
from shared.hubs.hub import NO_CLIENT
from shared.hubs.microsoft import Microsoft
from shared.runtime.hub_words import HUBS, Facts, letter, troubles
from tests.fakes.dynamodb import Effect
from tests.harness import GOOGLE
from tests.hub_setup import PAGE, written
from tests.pages_harness import Website, lakeside, log_in, post

UNDER_18 = "Under 18, and the app is not allowed for them"


@pytest.fixture
def web() -> Website:
    made = lakeside()
    made.world.register(identity_providers=["google"])
    made.cognito.users["ops"] = ("correct horse", "")
    made.cognito.operators = {"ops"}
    made.cognito.challenges = {"ops": [("SOFTWARE_TOKEN_MFA", "123456")]}
    return made


@pytest.fixture
def google(web: Website) -> GoogleDouble:
    return web.use_double(GoogleDouble, Google, GOOGLE)


def goes(web: Website, *ticked: str, browser: WebClient | None = None) -> WebClient:
    page = (browser or web.visitor()).open("/sso/lakeside").press("Continue with Google")
    return page.press("Sign in", *ticked, email="s9@lakeside.example")


def console(web: Website, query: str = "") -> WebClient:
    page = log_in(web.visitor().open("/login"), "ops").press("Log in", code="123456")
    return page.open(f"/console/lakeside/logins{query}")


def counted(web: Website) -> tuple[int, int]:
    returns = web.site.services.hub_returns.of("lakeside", ["google"])["google"]
    return returns.begun, returns.missing


def test_whom_google_keeps_is_told_from_several_browsers_on(web: Website, google: GoogleDouble) -> None:
    goes(web)
    for _ in range(2):
        goes(web, UNDER_18)
    assert "did not come back" not in console(web).text
    goes(web, UNDER_18)
    page = console(web)
    assert "3 of 4 browsers that went to Google did not come back." in page.text
    assert "your Google administrator has not allowed this app for under-18s" in page.text
    assert "look for the client id us." in page.text
    assert "no ha permitido esta aplicación a los menores de 18" in console(web, "?lang=es").text


def test_a_browser_that_tries_again_and_again_is_one(web: Website, google: GoogleDouble) -> None:
    browser = web.visitor()
    for _ in range(5):
        goes(web, UNDER_18, browser=browser)
    assert counted(web) == (1, 1)
    goes(web, browser=browser)
    assert counted(web) == (1, 0)


def test_who_comes_back_with_an_error_came_back(web: Website, google: GoogleDouble) -> None:
    browser = web.visitor()
    for _ in range(3):
        browser.open("/sso/lakeside").press("Continue with Google").press("Cancel")
        assert browser.status == 403
    assert counted(web) == (3, 0)
    assert browser.response is not None
    browser.open(str(browser.response.url))
    returns = web.site.services.hub_returns.of("lakeside", ["google"])["google"]
    assert (browser.status, returns.returned) == (403, 3), "a refresh is no further return"


def test_the_counters_name_nobody_and_do_not_grow_with_tries(web: Website, google: GoogleDouble) -> None:
    before = set(web.world.table.items)
    for _ in range(30):
        goes(web, UNDER_18)
    made = {key: web.world.table.items[key] for key in set(web.world.table.items) - before}
    assert 1 <= len(made) <= 4
    assert all(pk.startswith("LIMIT#") for pk, _ in made)
    assert {name for item in made.values() for name in item} == {"PK", "SK", "begun", "ttl"}


def test_a_counter_that_cannot_be_written_keeps_nobody_out() -> None:
    def refuses(_service: str, operation: str, request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        if operation == "UpdateItem" and "ExpressionAttributeNames" in request:
            counted = request["ExpressionAttributeNames"].values()
            if {"begun", "returned"} & set(counted):
                raise ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, operation)
        return effect()

    web = lakeside(gate=refuses)
    web.world.register(identity_providers=["google"])
    web.use_double(GoogleDouble, Google, GOOGLE)
    assert goes(web).path == "/home"


def test_after_some_days_it_is_forgotten(web: Website, google: GoogleDouble) -> None:
    goes(web, UNDER_18)
    web.world.pass_time(days=3)
    assert counted(web) == (0, 0)


def test_a_hub_without_a_client_id_has_no_button(web: Website, google: GoogleDouble) -> None:
    web.hubs["google"].client_id = NO_CLIENT
    page = web.visitor().open("/sso/lakeside")
    assert "Continue with Google" not in page.text
    assert "Your district's login is not ready yet" in page.text
    assert post(page, "/sso/lakeside/google").status_code == 403
    refused = page.open("/login").press("Continue with Google")
    assert (refused.status, "Ask for help" in refused.text) == (403, True)
    assert "Nobody can log in with Google yet" in console(web).text


def test_an_administrators_consent_at_microsoft_is_no_failed_login(web: Website) -> None:
    web.use_double(MicrosoftDouble, Microsoft, "https://login.microsoftonline.com")
    page = web.visitor().open("/callback/microsoft?admin_consent=True&tenant=tid-1")
    assert (page.status, "This app is allowed now" in page.text) == (200, True)
    refused = page.open("/callback/microsoft?admin_consent=True&error=access_denied&tenant=tid-1")
    assert refused.status == 403


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("provider", HUBS)
def test_the_words_to_forward_have_all_that_it_needs(provider: str, language: str) -> None:
    facts = Facts(
        "Khan", "id-1", "https://x/callback", "https://x/sso/d", "tid-1", "no-reply@mail.x", "https://x", "https://s"
    )
    said = letter(provider, facts, language)
    for needed in ("id-1", "https://x/callback", "https://x/sso/d", "no-reply@mail.x", "mail.x", "https://s", "Khan"):
        assert needed in said
    assert "%(" not in said
    assert ("Please" in said) is (language == "en")


@pytest.mark.parametrize("language", ["en", "es"])
def test_what_a_hub_shows_has_a_page_with_who_mends_it_and_a_code(web: Website, language: str) -> None:
    page = web.visitor().open(f"/help/logins?lang={language}")
    assert page.status == 200
    for provider in HUBS:
        for trouble in troubles(provider, language):
            assert all(words in page.text for words in (trouble.code, trouble.means, trouble.mended_by))


def test_of_a_large_districts_day_one_in_ten_is_counted_for_ten(web: Website) -> None:
    store = web.site.services.hub_returns
    weights = [store.began("lakeside", "google", str(n)) for n in range(6_000)]
    for n, weight in enumerate(weights):
        if n % 4:
            store.returned("lakeside", "google", f"back {n}", weight)
    found = store.of("lakeside", ["google"])["google"]
    assert 5_000 <= found.begun <= 7_000
    assert 0.2 <= found.missing / found.begun <= 0.3
    assert sum(weight > 0 for weight in weights) <= 1_100, "writes"


def test_the_document_for_it_is_as_it_would_be_written() -> None:
    assert PAGE.read_text() == written(), "run `python -m tests.hub_setup`"
