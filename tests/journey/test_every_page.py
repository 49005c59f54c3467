"""Every page that a person can meet, in each language: accessible, at home on a phone, light, and no dead end; and its pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route

from functions.pages.web import TEMPLATES
from local.gallery import DESKTOP, PHONE
from shared.i18n import direction, languages
from tests.journey.accessibility import violations
from tests.journey.every_page import Riverbend, Shown, every_state

WAYS = dict(every_state())
DOCS = Path(__file__).parents[2] / "docs"
NARROWEST = 320
"""CSS pixels at which nothing may need scrolling to the side: a page of 1280 at 400 % (WCAG 2.2, 1.4.10)."""
FINGER = 44
MOST_BYTES = 50_000
ORIGIN = "https://accounts.riverbend.example"


@dataclass
class Opened:
    """A page in the browser, and what the browser asked for to show it."""

    name: str
    language: str
    shown: Shown
    page: Page
    requests: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return ORIGIN + self.shown.request.path

    def show(self) -> None:
        self.page.route("**/*", self._answer)
        self.page.goto(self.address)

    def _answer(self, route: Route) -> None:
        self.requests.append(route.request.url)
        answer = self.shown.answer(self.language)
        # A browser shows no page of its own for an error that has a body; its status is held by the unit tests.
        route.fulfill(status=200, headers={k: str(v) for k, v in answer.headers.items()}, body=str(answer.body))


@pytest.fixture(scope="module")
def riverbend() -> Riverbend:
    return Riverbend()


@pytest.fixture(scope="module")
def phone(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": PHONE, "height": 740})
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def states(riverbend: Riverbend) -> dict[str, Shown]:
    found = {}
    for name, way in WAYS.items():
        one = Riverbend(riverbend)
        way(one)
        found[name] = one.shown
    return found


@pytest.fixture(scope="module", params=[(name, language) for name in WAYS for language in languages()], ids="-".join)
def opened(request: pytest.FixtureRequest, states: dict[str, Shown], phone: Page) -> Iterator[Opened]:
    """One page in one language on a phone: opened once, looked at by every test below."""
    name, language = request.param
    one = Opened(name, language, states[name], phone)
    one.show()
    yield one
    phone.unroute_all()


def test_the_table_has_every_page(states: dict[str, Shown]) -> None:
    templates = {path.stem for path in TEMPLATES.glob("*.html")} - {"base", "class_base"}
    assert {shown.reply.template for shown in states.values()} == templates


def test_a_page_is_accessible_in_light_and_dark(opened: Opened) -> None:
    assert violations(opened.page) == []
    opened.page.emulate_media(color_scheme="dark")
    assert violations(opened.page, only="color-contrast") == []
    opened.page.emulate_media(color_scheme="light")


def test_a_page_fits_a_phone_and_its_controls_fit_a_finger(opened: Opened) -> None:
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= PHONE
    opened.page.set_viewport_size({"width": NARROWEST, "height": 740})
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= NARROWEST
    opened.page.set_viewport_size({"width": PHONE, "height": 740})
    for control in opened.page.locator("button, input:not([type=hidden]), nav a, footer a, a.button").all():
        box = control.bounding_box()
        assert box is not None
        assert min(box["height"], box["width"]) >= FINGER, control.inner_text()


def test_a_page_is_light_and_asks_for_nothing_but_itself(opened: Opened) -> None:
    assert opened.requests == [opened.address]
    assert len(opened.page.content().encode()) <= MOST_BYTES


def test_a_page_says_what_it_is_in_its_language(opened: Opened) -> None:
    page = opened.page
    assert page.locator("h1").count() == 1
    assert page.locator("html").get_attribute("lang") == opened.language
    assert page.locator("html").get_attribute("dir") == direction(opened.language)
    assert page.title().endswith("– Khan Academy")
    assert page.title() != "– Khan Academy"


def test_a_page_leads_to_support_and_on_and_has_one_main_action_at_most(opened: Opened) -> None:
    support = {"en": "Get support", "es": "Obtener ayuda"}[opened.language]
    address = opened.page.get_by_role("link", name=support, exact=True).get_attribute("href") or ""
    assert address.startswith("https://")
    assert opened.page.locator("main").locator("a, button").count() > 0, "a dead end"
    assert opened.page.locator("main .main").count() <= 1


def test_every_accessible_name_stands_once_on_a_page(opened: Opened) -> None:
    names = [
        name
        for role in ("heading", "button", "link", "textbox")
        for one in opened.page.get_by_role(role).all()
        if (name := (one.get_attribute("aria-label") or one.inner_text()).strip())
    ] + opened.page.locator("label").all_inner_texts()
    assert len(names) == len(set(names)), sorted(names)


@pytest.mark.parametrize("name", WAYS)
def test_a_page_has_its_picture_taken(
    name: str, states: dict[str, Shown], chromium: Browser, tmp_path: Path
) -> None:
    """Into a folder that passes; with UPDATE_SCREENSHOTS=1 into docs/images/pages, to look at (docs/pages.md)."""
    folder = DOCS / "images/pages" if os.environ.get("UPDATE_SCREENSHOTS") else tmp_path
