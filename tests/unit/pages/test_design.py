"""The design is written down and shown: each part of the style sheet in docs/design.md and on the living page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser

from functions.pages.http import TEMPLATES
from local.local_pages import design_page
from tests import tree

STYLES = (TEMPLATES / "style.css").read_text(encoding="utf-8")
CLASSES = set(re.findall(r"\.([a-z][a-z-]*)(?=[^{}]*\{)", re.sub(r"\{\{.*?\}\}", "", STYLES)))
OF_THE_FRAME = {"brand", "skip"}
"""Parts of every page's frame, which the living page has in a frame of its own."""


def test_every_part_of_the_style_sheet_is_on_the_living_page() -> None:
    shown = {name for node in LexborHTMLParser(design_page()).css("[class]") for name in _classes(node.attributes)}
    assert shown >= CLASSES - OF_THE_FRAME


def test_every_part_of_the_style_sheet_is_in_the_document() -> None:
    named = set(re.findall(r"[a-z][a-z-]*", " ".join(re.findall(r"`([^`]+)`", tree.texts()["docs/design.md"]))))
    assert named >= CLASSES - OF_THE_FRAME - {"hub"}


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.stem)
def test_a_page_is_made_of_the_parts_there_are(path: Path) -> None:
    text = re.sub(r"\{[{%#].*?[%#}]\}", " ", path.read_text(encoding="utf-8"))
    used = {name for found in re.findall(r'class="([^"]*)"', text) for name in found.split()}
    assert used <= CLASSES


def test_the_design_is_shown_on_no_page_of_the_product() -> None:
    assert "/design" not in (TEMPLATES / "routes.py").read_text(encoding="utf-8")


def _classes(attributes: dict[str, str | None]) -> list[str]:
    return (attributes["class"] or "").split()
