"""Pages take the brand's colour from the palette of the mails, and stay readable in light and dark."""

from __future__ import annotations

import re
from typing import Any

import pytest

from functions.pages.http import PageRenderer, Request, page
from shared.mail.palette import contrast, palette

TEXT_ON_GROUND = [
    ("ink", "paper"), ("ink", "ground"), ("soft", "paper"), ("soft", "ground"), ("link", "paper"), ("link", "ground"),
    ("warn", "paper"), ("good", "paper"), ("on-button", "button"),
]  # fmt: skip


def colours_of_a_page(brand_colour: str) -> tuple[dict[str, str], dict[str, str]]:
    """The custom properties of the style sheet, in light and in dark."""
    renderer = PageRenderer(
        brand_name="Learn & Co", brand_colour=brand_colour, support_url="https://help.example", form_targets=()
    )
    event: dict[str, Any] = {"requestContext": {"http": {"method": "GET", "path": "/"}}}
    html = renderer.response(Request.from_event(event), page("sorry", code="not_found")).body or ""
    light, dark = (
        dict(re.findall(r"--([a-z-]+):(#[0-9a-f]{6})", root)) for root in re.findall(r":root{([^}]*)}", html)
    )
    return light, {**light, **dark}


@pytest.mark.parametrize("brand_colour", ["#1865f2", "#ffd400", "#000000", "#ffffff", "#0a7b3e", "#7f7f7f"])
def test_texts_are_readable_whatever_the_brands_colour_is(brand_colour: str) -> None:
    light, dark = colours_of_a_page(brand_colour)
    assert light["button"] == brand_colour
    for colours in (light, dark):
        for ink, ground in TEXT_ON_GROUND:
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground, colours)
        assert contrast(colours["line"], colours["paper"]) >= 3


def test_pages_and_mails_have_the_same_colours() -> None:
    light, dark = colours_of_a_page("#0a7b3e")
    made = palette("#0a7b3e")
    assert (light["link"], light["button"], light["ink"], light["paper"]) == (
        made.link,
        made.button,
        made.text,
        made.card,
    )
    assert (dark["link"], dark["button"], dark["ground"]) == (made.link_in_the_dark, made.button, made.dark_page)
