"""Every mail as a browser shows it: accessible, wide enough for a finger, narrow enough for a phone; and their pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from local.mail_gallery import DESKTOP, PHONE, VALUES, sample
from local.proxy import Server, mail_handler
from shared.mail.rendering import Kind
from shared.runtime.languages import languages
from tests.browser.accessibility import bring_axe, violations

EVERY_MAIL = [(kind, language) for kind in Kind for language in languages()]
PICTURES = Path(__file__).parents[2] / "docs" / "images" / "mails"
FINGER = 44
PART_OF_A_PAGE = ["region", "landmark-one-main"]
"""Rules for whole pages. A mail is shown inside of somebody else's page, which has the landmarks."""


@pytest.fixture(scope="module")
def gallery() -> Iterator[str]:
    """The mail page of a local stack, without the stack."""
    server = Server(0, mail_handler("http://127.0.0.1:1"))
    server.start()
    yield server.url
    server.stop()


@pytest.fixture
def scheme() -> str:
    """Which colours the reader wants; a test that looks at others gives its own."""
    return "light"


@pytest.fixture
def phone(chromium: Browser, scheme: str) -> Iterator[Page]:
    yield from _page(chromium, PHONE, scheme)


@pytest.fixture
def desktop(chromium: Browser, scheme: str) -> Iterator[Page]:
    yield from _page(chromium, DESKTOP, scheme)


def _page(chromium: Browser, width: int, scheme: Any) -> Iterator[Page]:
    context: BrowserContext = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    yield context.new_page()
    context.close()


def test_axe_sees_what_it_is_for(phone: Page) -> None:
    phone.set_content(
        '<html lang="en"><title>x</title><main><h1>x</h1><p style="color:#aaa">pale</p><img src="x.png"></main>'
    )
    assert {one.split(":")[0] for one in violations(phone)} == {"color-contrast", "image-alt"}


def test_the_mail_page_leads_to_the_gallery(desktop: Page) -> None:
    """With one mail sent, as the emulator would tell of it."""

    class Emulator(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent = {"To": ["ada@lakeside.example"], "Subject": "Hello", "BodyHtml": "<p>Hello</p>", "BodyText": "Hello"}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"messages": [sent]}).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    emulator = Server(0, Emulator)
    mails = Server(0, mail_handler(emulator.url))
    for server in (emulator, mails):
        server.start()
    desktop.goto(mails.url)
    expect(desktop.get_by_role("heading", name="Mail that was sent: 1")).to_be_visible()
    desktop.get_by_role("link", name="Every mail there is, in each language and width").click()
    expect(desktop.get_by_role("heading", name="Every mail, in each language")).to_be_visible()
    for server in (mails, emulator):
        server.stop()


def test_the_gallery_shows_every_mail_in_each_language_part_and_width(desktop: Page, gallery: str) -> None:
    desktop.goto(f"{gallery}/gallery")
    expect(desktop.locator("section")).to_have_count(len(EVERY_MAIL))
    for kind, language in EVERY_MAIL:
        section = desktop.locator(f"#{kind}-{language}")
        for name, width in (("phone", PHONE), ("desktop", DESKTOP), ("phone, dark", PHONE)):
            frame = section.locator(f"iframe[title$=', {language}, {name}']")
            assert frame.evaluate("frame => frame.clientWidth") == width
            frame.scroll_into_view_if_needed()
            expect(frame.content_frame.locator("html")).to_have_attribute("lang", language)
            expect(frame.content_frame.get_by_role("heading", level=1)).to_be_visible()
        expect(section.locator("pre")).to_contain_text("https://support.khanacademy.org")


def test_the_gallery_is_accessible(desktop: Page, phone: Page, gallery: str) -> None:
    for page in (desktop, phone):
        page.goto(f"{gallery}/gallery")
        assert violations(page) == []


@pytest.fixture(scope="module")
def reader(chromium: Browser) -> Iterator[Page]:
    """One phone that opens mail after mail."""
    context = chromium.new_context(viewport={"width": PHONE, "height": 800})
    bring_axe(context)
    yield context.new_page()
    context.close()


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "language"), EVERY_MAIL)
def test_a_mail_is_accessible_in_light_and_dark(reader: Page, gallery: str, kind: Kind, language: str) -> None:
    reader.goto(f"{gallery}/gallery/{kind}/{language}")
    assert violations(reader, *PART_OF_A_PAGE) == []
    reader.emulate_media(color_scheme="dark")
    darkly = violations(reader, only="color-contrast")
    reader.emulate_media(color_scheme="light")
    assert darkly == []


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "language"), EVERY_MAIL)
def test_a_mail_fits_a_phone_and_its_links_fit_a_finger(reader: Page, gallery: str, kind: Kind, language: str) -> None:
    reader.goto(f"{gallery}/gallery/{kind}/{language}")
    assert reader.evaluate("document.documentElement.scrollWidth") <= PHONE
    links = reader.get_by_role("link").evaluate_all(
        "all => all.map(one => [one.getBoundingClientRect(), one.innerText]).map(([at, text]) => [at.width, at.height, text])"
    )
    assert links
    assert [text for width, height, text in links if min(width, height) < FINGER] == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", Kind)
def test_the_longest_name_in_one_word_fits_a_phone_too(reader: Page, kind: Kind) -> None:
    reader.set_content(sample(kind, "en", **_with_long_names(VALUES[kind])).html)
    assert reader.evaluate("document.documentElement.scrollWidth") <= PHONE


def _with_long_names(value: Any) -> Any:
    """The same, with a word of 300 letters for each name in it."""
    names = {"name", "district", "upload", "reason", "into", "account_name"}
    match value:
        case dict():
            return {key: "W" * 300 if key in names else _with_long_names(one) for key, one in value.items()}
        case list():
            return ["W" * 300 if isinstance(one, str) else _with_long_names(one) for one in value]
    return value


def test_the_button_of_an_invitation_is_seen_without_scrolling(desktop: Page, phone: Page, gallery: str) -> None:
    for page in (desktop, phone):
        page.goto(f"{gallery}/gallery/activation/en")
        box = page.get_by_role("link", name="Confirm your account", exact=True).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 800


def test_a_page_that_is_not_there_is_not_found(phone: Page, gallery: str) -> None:
    for address in ("/gallery/activation/xx", "/gallery/newsletter/en", "/elsewhere"):
        answer = phone.goto(gallery + address)
        assert answer is not None
        assert answer.status == 404


@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "scheme", "name"),
    [
        (DESKTOP, "light", "desktop"),
        (PHONE, "light", "phone"),
        (DESKTOP, "dark", "dark"),
        (PHONE, "dark", "phone-dark"),
    ],
)
def test_the_activation_mail_has_its_picture_taken(
    chromium: Browser, gallery: str, tmp_path: Path, width: int, scheme: str, name: str
) -> None:
    """Into a folder that passes; with UPDATE_SCREENSHOTS=1 into docs/images/mails, to look at."""
    folder = PICTURES if os.environ.get("UPDATE_SCREENSHOTS") else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    for page in _page(chromium, width, scheme):
        page.goto(f"{gallery}/gallery/activation/en")
        page.screenshot(path=folder / f"activation-{name}.png", full_page=True)
        dark = (
            page.evaluate("getComputedStyle(document.querySelector('.card')).backgroundColor") != "rgb(255, 255, 255)"
        )
        assert dark is (scheme == "dark")
    picture = (folder / f"activation-{name}.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert int.from_bytes(picture[16:20]) == width
