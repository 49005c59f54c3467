"""A linter of mails: valid HTML, nothing but what the large mail programs keep, and every target as wide as a finger.

What they keep is read off two lists: Google's own of the properties that Gmail takes
(https://developers.google.com/workspace/gmail/design/css) and the tests of https://www.caniemail.com, from which it is also
known what Outlook for Windows, which lays out with Word, leaves out. What Word leaves out is listed apart: a mail may use it
only where it reads as well without.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import html5lib
from selectolax.lexbor import LexborHTMLParser

MOST_BYTES = 60_000
"""Gmail cuts a mail off at 102 KB, and with it the address to stop it; ours leave room for what lists and filters add."""

KEPT = {
    "background-color", "border", "border-bottom", "border-radius", "border-top", "color", "display", "font-family", "font-size",
    "font-weight", "height", "line-height", "margin", "max-height", "max-width", "overflow", "padding", "text-align",
    "text-decoration", "width", "word-break",
}  # fmt: skip
"""Outlook for Windows ignores ``border-radius``, ``max-height``, ``max-width``, ``overflow`` and ``word-break``: there corners are
square, the column is as wide as its table says, and the preheader is hidden by ``mso-hide``."""

FOR_WORD_ALONE = re.compile(r"mso-[a-z-]+")
ELEMENTS = {
    "html", "head", "meta", "title", "style", "body", "div", "table", "tbody", "tr", "td", "h1", "h2", "p", "ul", "li", "a",
    "span", "img", "br",
}  # fmt: skip
_DECLARATION = re.compile(r"\s*([a-z-]+)\s*:\s*([^;]+)")
_ELSEWHERE = re.compile(r"url\(|@import|@font-face|position\s*:|float\s*:|var\(|calc\(|expression\(", re.IGNORECASE)


def complaints(html: str) -> list[str]:
    """What is wrong with the HTML part of a mail, each as a sentence."""
    return [*_invalid(html), *_too_heavy(html), *_not_kept(html), *_unreadable(html)]


def _invalid(html: str) -> Iterator[str]:
    parser = html5lib.HTMLParser(strict=False)
    parser.parse(html)
    for (line, column), code, _ in parser.errors:
        yield f"line {line}, column {column}: {code}"


def _too_heavy(html: str) -> Iterator[str]:
    if (size := len(html.encode())) >= MOST_BYTES:
        yield f"{size} bytes, of at most {MOST_BYTES}"


def _not_kept(html: str) -> Iterator[str]:
    page = LexborHTMLParser(html)
    for node in page.css("*"):
        if node.tag not in ELEMENTS:
            yield f"<{node.tag}> is not kept everywhere"
        for name, value in _DECLARATION.findall(node.attributes.get("style") or ""):
            if name not in KEPT and not FOR_WORD_ALONE.fullmatch(name):
                yield f"{name}: {value} is not kept everywhere"
        if any(attribute.startswith("on") for attribute in node.attributes):
            yield f"<{node.tag}> has a script"
    if found := _ELSEWHERE.search(html):
        yield f"{found[0]} is not kept everywhere"


def _unreadable(html: str) -> Iterator[str]:
    page = LexborHTMLParser(html)
    root = page.css_first("html")
    if not root.attributes.get("lang") or root.attributes.get("dir") not in ("ltr", "rtl"):
        yield "the language or its direction is not given"
    for table in page.css("table"):
        if table.attributes.get("role") != "presentation":
            yield "a table for layout is read out as a table"
    for image in page.css("img"):
        if not image.attributes.get("alt"):
            yield "a picture has no text"
    for link in page.css("a"):
        if not (link.attributes.get("href") or "").startswith(("https://", "mailto:")):
            yield f"a link leads to {link.attributes.get('href')}"
        if not link.text(strip=True):
            yield "a link has no text"
    if [node.tag for node in page.css("h1, h2")][:1] != ["h1"] or len(page.css("h1")) != 1:
        yield "there is not one first heading"
