"""A login through each hub on a phone, from our page and from the hub's portal, and what browsers do meanwhile (M12, B9)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from local.doubles.hub import HubDouble
from local.mail_gallery import PHONE
from tests.browser.hub_site import HubSite, lakeside_with_hubs, served_securely
from tests.browser.steps import press
from tests.pages_harness import CLEVER_DISTRICT, account_of

pytestmark = pytest.mark.slow

HUBS = {"clever": "Clever", "google": "Google", "classlink": "ClassLink", "microsoft": "Microsoft"}
ZOE = {
    "clever": {"Email": "s9@lakeside.example", "Clever id": "c9", "Number in the district": "s9"},
    "google": {"Email": "s9@lakeside.example"},
    "classlink": {"ClassLink user id": "9", "Number in the district": "s9", "Tenant": "21"},
    "microsoft": {"Email": "s9@lakeside.example", "Object id": "o9", "Tenant": "tid-1"},
}
"""Matched: she lands in her own account, where she is called Kim."""
KID = {
    "clever": {"Clever id": "c1", "Number in the district": "s1"},
    "google": {"Email": "s1@lakeside.example"},
    "classlink": {"ClassLink user id": "1", "Number in the district": "s1", "Tenant": "21"},
    "microsoft": {"Email": "s1@lakeside.example", "Object id": "o1", "Tenant": "tid-1"},
}
"""Unmatched: he meets the choice."""


@pytest.fixture(scope="module")
def site() -> Iterator[HubSite]:
    with HubSite(lakeside_with_hubs()).running() as running:
        yield running


class Phone:
    """A phone with one tab, and somebody who goes to one hub with it."""

    def __init__(self, site: HubSite, hub: str, context: BrowserContext) -> None:
        self.site, self.name, self.context = site, hub, context
        self.page = context.new_page()
        self._redeemed_before = self._redeemed()

    @property
    def hub(self) -> HubDouble:
        return self.site.hubs[self.name]

    def redeemed(self) -> int:
        """How many codes came to the hub."""
        return self._redeemed() - self._redeemed_before

    def _redeemed(self) -> int:
        return len(self.hub._state.used)

    def go(self, page: Page | None = None) -> Page:
        """From our page to the hub's."""
        page = page or self.page
        page.goto(f"{self.site.url}/sso/lakeside")
        press(page, f"Continue with {HUBS[self.name]}")
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        return page

    def sign_in(self, who: dict[str, dict[str, str]], page: Page | None = None) -> None:
        page = page or self.page
        for label, text in who[self.name].items():
            page.get_by_label(label, exact=True).fill(text)
        press(page, "Sign in")

    def is_zoe_at_home(self, page: Page | None = None) -> None:
        page = page or self.page
        expect(page.get_by_role("heading", name="District classes")).to_be_visible()
        expect(page.get_by_role("heading", name="Hello, Kim")).to_be_visible()
        assert page.url.partition("?")[0] == f"{self.site.url}/home"
        assert account_of(self.site.web, "s9") == "zoe"

    def is_told_that_it_was_begun_elsewhere(self, page: Page | None = None) -> None:
        """In words, with a code for support, and with a way on."""
        page = page or self.page
        expect(page.locator("main code")).to_have_text("login_begun_elsewhere")
        expect(page.locator("h1")).to_be_visible()
        assert page.locator("main a, main button").count() > 0, "a dead end"

    def fits(self) -> None:
        assert self.page.evaluate("document.documentElement.scrollWidth") <= PHONE


@pytest.fixture(params=HUBS)
def phone(request: pytest.FixtureRequest, chromium: Browser, site: HubSite) -> Iterator[Phone]:
    site.begin()
    context = chromium.new_context(viewport={"width": PHONE, "height": 740}, locale="en-US")
    context.set_default_timeout(10_000)
    yield Phone(site, request.param, context)
    context.close()


def test_a_pupil_logs_in_from_our_page_and_goes_back_and_reloads(phone: Phone) -> None:
    phone.page.goto(f"{phone.site.url}/sso/lakeside")
    phone.fits()
    phone.go()
    phone.fits()
    answers: list[str] = []
    phone.page.on("request", lambda asked: answers.append(asked.url) if "/callback/" in asked.url else None)
    phone.sign_in(ZOE)
    phone.is_zoe_at_home()
    phone.fits()

    phone.page.reload()
    phone.is_zoe_at_home()
    phone.page.go_back()
    phone.page.go_forward()
    phone.is_zoe_at_home()
    for _ in range(2):
        phone.page.goto(answers[0])  # the same code again
        phone.is_zoe_at_home()
    assert phone.redeemed() == 1

    assert phone.context.browser
    other = phone.context.browser.new_page()
    other.goto(answers[0])
    phone.is_told_that_it_was_begun_elsewhere(other)
    other.close()


def test_a_hub_may_send_the_browser_on_to_another_host(
    chromium: Browser, site: HubSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser holds the policy of our form at each redirect, and ClassLink's logins are on a host of their own."""
    site.begin()
    double = site.hubs["classlink"]
    with served_securely(double.app) as host:
        monkeypatch.setattr(double, "login_host", host)
        context = chromium.new_context(ignore_https_errors=True, locale="en-US")
        phone = Phone(site, "classlink", context)
        phone.go()
        assert phone.page.url.startswith(host)
        phone.sign_in(ZOE)
        phone.is_zoe_at_home()
        context.close()


def test_a_pupil_logs_in_from_the_hubs_portal(phone: Phone) -> None:
    phone.page.goto(phone.hub.url)
    phone.page.get_by_role("link", name=f"{phone.name}/portal").click()
    who = {**KID, "clever": {**KID["clever"], "District": CLEVER_DISTRICT}}
    phone.sign_in(who)
    if phone.name in ("google", "microsoft"):  # A tile opens our page.
        press(phone.page, f"Continue with {HUBS[phone.name]}")
    if phone.name != "clever":  # Clever knows who pressed its tile.
        phone.sign_in(who)
    expect(phone.page.get_by_role("button", name="Log into my existing account")).to_be_visible()
    expect(phone.page.locator("body")).to_contain_text("Kid")
    phone.fits()


def test_whose_cookie_is_lost_is_told_so_and_logs_in_again(phone: Phone) -> None:
    phone.go()
    phone.context.clear_cookies()
    phone.sign_in(ZOE)
    phone.is_told_that_it_was_begun_elsewhere()
    phone.fits()
    phone.go()
    phone.sign_in(ZOE)
    phone.is_zoe_at_home()


def test_of_two_tabs_the_later_one_counts(phone: Phone) -> None:
    first = phone.go()
    second = phone.go(phone.context.new_page())
    phone.sign_in(ZOE, second)
    phone.is_zoe_at_home(second)
    phone.sign_in(KID, first)
    phone.is_told_that_it_was_begun_elsewhere(first)
    second.reload()
    phone.is_zoe_at_home(second)


def test_a_second_pupil_on_the_device_replaces_the_first(phone: Phone) -> None:
    phone.go()
    phone.sign_in(ZOE)
    phone.is_zoe_at_home()
    phone.go()
    phone.sign_in(KID)
    expect(phone.page.get_by_role("button", name="Log into my existing account")).to_be_visible()
    expect(phone.page.locator("body")).to_contain_text("Kid")
    expect(phone.page.locator("body")).not_to_contain_text("Kim")
    phone.page.goto(f"{phone.site.url}/home")
    expect(phone.page.locator("body")).not_to_contain_text("Kim")
