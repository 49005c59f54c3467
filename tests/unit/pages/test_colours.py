"""Pages take the brand's colour from the palette of the mails, and stay readable in light and dark."""

from __future__ import annotations

import re
from typing import Any

import pytest

from functions.pages.http import PageRenderer, Request, page
from shared.mail.palette import contrast, palette

TEXT_ON_GROUND = [
    ("ink", "paper"), ("ink", "ground"), ("soft", "paper"), ("soft", "ground"), ("link", "paper"), ("link", "ground"),
    ("ink", "panel"), ("on-button", "button"), ("hub-ink", "hub"),
    *((tone, ground) for tone in ("problem", "good", "warning") for ground in ("paper", f"{tone}-tint")),
    *(("ink", f"{tone}-tint") for tone in ("problem", "good", "warning")),
]  # fmt: skip


def colours_of_a_page(brand_colour: str) -> tuple[dict[str, str], dict[str, str]]:
    """The custom properties of the style sheet, in light and in dark."""
    renderer = PageRenderer(
        brand_name="Learn & Co", brand_colour=brand_colour, support_url="https://help.example", form_targets=()
    )
    event: dict[str, Any] = {"requestContext": {"http": {"method": "GET", "path": "/"}}}
    html = renderer.response(Request.from_event(event), page("sorry", code="not_found")).body or ""
    light, dark = (
        {name: _in_full(colour) for name, colour in re.findall(r"--([a-z-]+):(#[0-9a-f]+)", root)}
        for root in re.findall(r":root{([^}]*)}", html)
    )
    return light, {**light, **dark}


def _in_full(colour: str) -> str:
    return colour if len(colour) == 7 else "#" + "".join(2 * digit for digit in colour[1:])


@pytest.mark.parametrize("brand_colour", ["#1865f2", "#ffd400", "#000000", "#ffffff", "#0a7b3e", "#7f7f7f"])
def test_texts_are_readable_whatever_the_brands_colour_is(brand_colour: str) -> None:
    light, dark = colours_of_a_page(brand_colour)
    assert light["button"] == brand_colour
    for colours in (light, dark):
        for ink, ground in TEXT_ON_GROUND:
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground, colours)
        for edge, ground in (("line", "paper"), ("hub-line", "hub"), ("hub-line", "ground"), ("problem", "paper")):
            assert contrast(colours[edge], colours[ground]) >= 3, (edge, ground, colours)


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
