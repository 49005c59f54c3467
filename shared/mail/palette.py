"""The colours of mails and pages: what a brand's one colour makes readable, on light and on dark."""

from __future__ import annotations

import colorsys
import re
from dataclasses import dataclass
from functools import cache

READABLE = 4.5
"""The contrast that small text needs (WCAG 2.2, 1.4.3)."""

_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_STEPS = 50


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours as ``#rrggbb``. Each text colour is readable on the ground that it stands on.

    ``border`` is around fields, ``line`` between things; ``problem``, ``success`` and ``warning`` are texts on a card and on
    the tint of the same name, on which ``text`` is readable too.
    """

    button: str
    on_button: str
    link: str
    link_in_the_dark: str
    page: str = "#eef1f6"
    card: str = "#ffffff"
    panel: str = "#f5f7fa"
    line: str = "#d9dde5"
    text: str = "#21242c"
    quiet: str = "#565a66"
    border: str = "#767a86"
    problem: str = "#8a1f11"
    problem_tint: str = "#fdeeec"
    success: str = "#0b5c33"
    success_tint: str = "#e8f5ed"
    warning: str = "#7a4a00"
    warning_tint: str = "#fdf4e1"
    dark_page: str = "#101218"
    dark_card: str = "#1b1e26"
    dark_panel: str = "#252934"
    dark_line: str = "#3d424f"
    dark_text: str = "#f2f4f8"
    dark_quiet: str = "#b4bac7"
    dark_border: str = "#8b919e"
    dark_problem: str = "#ffb4a9"
    dark_problem_tint: str = "#3a1f1c"
    dark_success: str = "#8be0b3"
    dark_success_tint: str = "#15301f"
    dark_warning: str = "#f5c76b"
    dark_warning_tint: str = "#352a12"


@cache
def palette(brand_colour: str) -> Palette:
    """The brand's colour is the button's; links have it too, as dark or as light as their ground needs.

    Raises ValueError when it is no ``#rrggbb``.
    """
    if not _HEX.fullmatch(brand_colour):
        raise ValueError("a colour is written as # and six hexadecimal digits")
    button = brand_colour.lower()
    plain = Palette(button, "", "", "")
    return Palette(
        button=button,
        on_button=max("#ffffff", "#000000", key=lambda ink: contrast(ink, button)),
        link=_readable(button, plain.page, plain.card, plain.panel, towards=0.0),
        link_in_the_dark=_readable(button, plain.dark_page, plain.dark_card, plain.dark_panel, towards=1.0),
    )


def contrast(first: str, second: str) -> float:
    """How far apart two colours are for the eye, from 1 to 21 (WCAG 2.2)."""
    dark, light = sorted((_luminance(first), _luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def _readable(colour: str, *grounds: str, towards: float) -> str:
    hue, lightness, saturation = colorsys.rgb_to_hls(*_parts(colour))
    for step in range(_STEPS + 1):
        moved = lightness + (towards - lightness) * step / _STEPS
        candidate = "#" + "".join(f"{round(part * 255):02x}" for part in colorsys.hls_to_rgb(hue, moved, saturation))
        if all(contrast(candidate, ground) >= READABLE for ground in grounds):
            return candidate
    raise AssertionError("black or white is readable on every ground")


def _luminance(colour: str) -> float:
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in _parts(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _parts(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue
