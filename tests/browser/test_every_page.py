"""Every page that a person can meet, in each language: accessible, at home on a phone, light, and no dead end; and its pictures."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TypedDict

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route

from functions.pages.http import TEMPLATES
from local.mail_gallery import DESKTOP, PHONE
from shared.runtime.i18n import direction
from shared.runtime.languages import languages
from tests.browser.accessibility import bring_axe, violations
from tests.browser.every_page import Riverbend, Shown, every_state

WAYS = dict(every_state())
ALIKE = {
    "activation-gone-replaced",
    "sso-find-unknown",
    "real-unknown",
    "activation-gone-undone",
    "login-code-refused",
    "login-email-refused",
    "login-email-code-refused",
    "ways-in-school",
    "ways-in-later",
    "ways-in-code",
    "ways-in-code-refused",
    "sorry-404-no_such_class",
    "sorry-404-unknown_district",
    "sorry-403-other_district",
    "sorry-403-clever_not_set_up",
    "sorry-403-issuer_unreachable",
    "sorry-403-foreign_form",
    "help-code-unknown",
    "help-codes",
    "console-refused",
    "console-people-at",
    "console-forecast-empty",
    "console-held-no-reason",
    "console-preview-refused",
    "console-person-refused",
    "console-people-strangers",
    "console-first-mails-no-reason",
    "class-board-hidden",
}
"""States that show the same words as another one, or hardly more: one picture is enough."""
DOCS = Path(__file__).parents[2] / "docs"
NARROWEST = 320
"""CSS pixels at which nothing may need scrolling to the side: a page of 1280 at 400 % (WCAG 2.2, 1.4.10)."""
FINGER = 44
MOST_BYTES = 50_000
MOST_BYTES_OF_PICTURES = 14_000_000
PICTURED = [name for name in WAYS if name not in ALIKE]
ORIGIN = "https://accounts.riverbend.example"


_CONTROLS = (
    "button, input:not([type=hidden], [type=checkbox]), label:has([type=checkbox]), nav a, footer a, header a, h3 a, a.way, "
    "a.button, summary"
)
_NAMED = "a, button, label, h1, h2, h3:not(:has(a)), [aria-label]"
_LOOK = """async ([controls, named]) => {
  // A browser gives an element with autofocus the focus with a frame, not while the page loads.
  for (let frames = 0; frames < 120 && document.querySelector("[autofocus]:not(:focus)"); frames++)
    await new Promise(requestAnimationFrame)
  const all = selector => [...document.querySelectorAll(selector)], html = document.documentElement
  const focused = document.activeElement, described = (focused.getAttribute("aria-describedby") || "").split(" ")
  const leadsTo = one => one.contains(focused) || described.includes(one.id)
  const box = one => [one, one.getBoundingClientRect()]
  return {
    title: document.title, language: html.lang, direction: html.dir, width: html.scrollWidth,
    headings: all("h1").length, ways: all("header button, main a, main button").length, mains: all("main .main").length,
    controls: all(controls).map(box).map(([one, at]) => [at.width, at.height, one.outerHTML]),
    names: all(named).map(one => one.ariaLabel || one.textContent.trim()),
    links: all("a").map(one => [one.textContent.trim(), one.href]),
    untold: all("[role=alert]").filter(one => !leadsTo(one)).map(one => one.outerHTML),
  }
}"""


class Seen(TypedDict):
    """What a page is on a phone, by one look."""

    title: str
    language: str
    direction: str
    width: int
    headings: int
    ways: int
    mains: int
    controls: list[tuple[float, float, str]]
    names: list[str]
    links: list[tuple[str, str]]
    untold: list[str]
    """Errors that neither have the focus nor describe what has it."""


@dataclass
class Opened:
    """A page in the browser, what the browser asked for to show it, and what one look at it sees."""

    name: str
    language: str
    shown: Shown
    page: Page
    requests: list[str] = field(default_factory=list)
    bytes: int = 0

    @property
    def address(self) -> str:
        return ORIGIN + self.shown.request.path

    def show(self) -> None:
        self.page.route("**/*", self._answer)
        self.page.goto(self.address)

    @cached_property
    def seen(self) -> Seen:
        found: Seen = self.page.evaluate(_LOOK, [_CONTROLS, _NAMED])
        return found

    def _answer(self, route: Route) -> None:
        self.requests.append(route.request.url)
        answer = self.shown.answer(self.language)
        self.bytes = len(answer.body.encode() if isinstance(answer.body, str) else answer.body)
        # A browser shows no page of its own for an error that has a body; its status is held by the unit tests.
        route.fulfill(status=200, headers=answer.to_api()["headers"], body=answer.body)


@pytest.fixture(scope="module")
def riverbend() -> Riverbend:
    return Riverbend()


@pytest.fixture(scope="module")
def phone(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": PHONE, "height": 740})
    bring_axe(context)
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
    whole = {
        path.relative_to(TEMPLATES).with_suffix("").as_posix()
        for path in TEMPLATES.rglob("*.html")
        if "{% extends" in path.read_text(encoding="utf-8")
    }
    templates = whole - {"classes/class_base", "console/console_base"}
    assert {shown.reply.template for shown in states.values()} == templates


@pytest.mark.slow
def test_a_page_is_accessible_in_light_and_dark(opened: Opened) -> None:
    if opened.language != languages()[0]:
        # Its colours are those of the first language.
        assert violations(opened.page, "color-contrast") == []
        return
    assert violations(opened.page) == []
    # A console is for a desk as well; what else changes with the width is where things stand.
    on_a_desk = seen_on_a_desk(opened.page) if opened.name.startswith("console") else []
    opened.page.emulate_media(color_scheme="dark")
    darkly = violations(opened.page, only="color-contrast")
    opened.page.emulate_media(color_scheme="light")
    assert darkly + on_a_desk == []


def seen_on_a_desk(page: Page) -> list[str]:
    """What axe finds at the width of a desktop, in light and dark."""
    page.set_viewport_size({"width": DESKTOP, "height": 740})
    found = violations(page)
    page.emulate_media(color_scheme="dark")
    found += violations(page, only="color-contrast")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": PHONE, "height": 740})
    return found


@pytest.mark.slow
def test_a_page_fits_a_phone_and_its_controls_fit_a_finger(opened: Opened) -> None:
    assert opened.seen["width"] <= PHONE
    assert [html for width, height, html in opened.seen["controls"] if min(width, height) < FINGER] == []
    opened.page.set_viewport_size({"width": NARROWEST, "height": 740})
    narrowest = opened.page.evaluate("document.documentElement.scrollWidth")
    opened.page.set_viewport_size({"width": PHONE, "height": 740})
    assert narrowest <= NARROWEST


@pytest.mark.slow
def test_a_page_is_light_and_asks_for_nothing_but_itself(opened: Opened) -> None:
    assert opened.requests == [opened.address]
    assert 0 < opened.bytes <= MOST_BYTES


@pytest.mark.slow
def test_a_page_says_what_it_is_in_its_language(opened: Opened) -> None:
    seen = opened.seen
    assert seen["headings"] == 1
    assert (seen["language"], seen["direction"]) == (opened.language, direction(opened.language))
    assert seen["title"].endswith("– Khan Academy")
    assert seen["title"] != "– Khan Academy"


@pytest.mark.slow
def test_a_page_leads_to_support_and_on_and_has_one_main_action_at_most(opened: Opened) -> None:
    support = {"en": "Get support", "es": "Obtener ayuda"}[opened.language]
    (address,) = (address for name, address in opened.seen["links"] if name == support)
    assert address.startswith("https://")
    assert opened.seen["ways"] > 0, "a dead end"
    assert opened.seen["mains"] <= 1


@pytest.mark.slow
def test_an_error_moves_the_focus_to_what_it_is_about(opened: Opened) -> None:
    assert opened.seen["untold"] == []


@pytest.mark.slow
def test_every_accessible_name_stands_once_on_a_page(opened: Opened) -> None:
    names = opened.seen["names"]
    assert names
    assert len(names) == len(set(names)), sorted(names)


VARIANTS = [(language, scheme) for language in languages() for scheme in ("light", "dark")]
LONGEST = 1800
"""Pixels of a page that a picture shows; below them a class has more of the same."""
GAP = 24
ON_THE_FIRST_PAGE = ("link", "console")
"""States of which the README shows a picture of their own."""


def sheet(name: str, width: int) -> str:
    return f"{name}-{width}.webp"


def taken(state: Shown, pages: dict[tuple[str, str], Page]) -> dict[tuple[str, str], Image.Image]:
    """A picture of a page in each language and scheme."""
    found = {}
    for (language, scheme), page in pages.items():
        Opened("", language, state, page).show()
        found[language, scheme] = Image.open(BytesIO(page.screenshot(full_page=True))).convert("RGB")
        page.unroute_all()
    return found


def beside_each_other(pictures: Iterable[Image.Image], *, columns: int) -> Image.Image:
    """One picture of several, in few colours each, and cut off where a page goes on for long."""
    cut = [one.crop((0, 0, one.width, min(one.height, LONGEST))) for one in pictures]
    width, height = max(one.width for one in cut) + GAP, max(one.height for one in cut) + GAP
    whole = Image.new("RGB", (width * columns - GAP, height * -(-len(cut) // columns) - GAP), "#808080")
    for place, one in enumerate(cut):
        few_colours = one.quantize(32, dither=Image.Dither.NONE).convert("RGB")
        whole.paste(few_colours, (place % columns * width, place // columns * height))
    return whole


def test_every_page_has_its_picture_taken(states: dict[str, Shown], chromium: Browser, tmp_path: Path) -> None:
    """The first one, into a folder that passes. UPDATE_SCREENSHOTS=1 takes all into docs/images/pages, to look at, or those whose
    name begins as it says."""
    wanted = os.environ.get("UPDATE_SCREENSHOTS", "")
    names = PICTURED if wanted == "1" else [name for name in PICTURED if name.startswith(tuple(wanted.split(",")))]
    folder = DOCS / "images/pages" if wanted else tmp_path
    names = names if wanted else names[:1]
    folder.mkdir(parents=True, exist_ok=True)
    for width, columns in ((PHONE, len(VARIANTS)), (DESKTOP, 2)):
        pages = {
            (language, scheme): chromium.new_page(viewport={"width": width, "height": 640}, color_scheme=scheme)
            for language, scheme in VARIANTS
        }
        for name in names:
            pictures = taken(states[name], pages)
            whole = beside_each_other(pictures.values(), columns=columns)
            whole.save(folder / sheet(name, width), lossless=True, method=4)
            if width == DESKTOP and name in ON_THE_FIRST_PAGE:
                pictures["en", "light"].save(folder / f"{name}.webp", quality=80)
        for page in pages.values():
            page.close()

    if not wanted:
        assert {one.name for one in folder.iterdir()} == {sheet(names[0], width) for width in (PHONE, DESKTOP)}


def test_the_document_shows_each_picture_and_each_is_there() -> None:
    text = (DOCS / "pages.md").read_text(encoding="utf-8")
    shown = re.findall(r'src="images/pages/([^"]+)"', text)
    assert sorted(shown) == sorted(sheet(name, width) for name in PICTURED for width in (PHONE, DESKTOP))
    there = list((DOCS / "images/pages").iterdir())
    assert sorted([*shown, *(f"{name}.webp" for name in ON_THE_FIRST_PAGE)]) == sorted(path.name for path in there)
    assert sum(path.stat().st_size for path in there) < MOST_BYTES_OF_PICTURES
