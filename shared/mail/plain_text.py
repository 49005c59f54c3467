"""Texts of strangers in a mail: a name from a roster stays a name, and becomes no line, no header and no link."""

from __future__ import annotations

import re

from shared.domain.person_text import carries_an_address

JOINER = "\u2060"
"""Takes no room and breaks no line; what finds addresses in a text stops at it."""

LONGEST = 200

_BREAKS = re.compile(r"[\r\n\u0085\u2028\u2029\x00-\x1f\x7f-\x9f]+")
# They turn what follows around or hide what stands there, and with it what a name pretends to be.
_UNSEEN = re.compile(r"[\u200b\u2060-\u2064\ufeff\u00ad\u202a-\u202e\u2066-\u2069\u200e\u200f]")
_OF_A_DISTRICT = re.compile(r"(?:rosters|previews)/[a-z0-9-]+/", re.ASCII)
_ENDING = re.compile(r"(?:\.(?:zip|csv))+$", re.IGNORECASE)
# What joins the parts of an address: the dots that browsers take for one, a scheme's colon, slashes, the at sign; and the dots of
# a masked one, after which a line would break and leave what looks like another address.
_HINGE = re.compile(r"([.…\u3002\uff0e\uff61\u2024:/\\@\uff20\uff1a\uff0f])(?=\S|$)")


def one_line(text: str) -> str:
    """A text for a mail header: no line breaks, so that no value can add a header (ASVS 1.3.11)."""
    return _BREAKS.sub(" ", text).strip()


def plain(text: str) -> str:
    """A text that people read as it was, and that mail programs turn into nothing to click on.

    Mail programs make links of what looks like an address, also where the HTML has none. A name such as ``evil.com/pay``
    gets a joiner after each hinge, also after the last one: words of ours may follow it. ``St. Mary's`` and ``P.S. 118``
    look as before.
    """
    text = _UNSEEN.sub("", one_line(text))
    if len(text) > LONGEST:
        text = text[: LONGEST - 1].rstrip() + "…"
    return _HINGE.sub(rf"\1{JOINER}", text)


def shown_key(key: str) -> str:
    """The key of an upload as people compare and copy it: letter for letter, with nothing in it that is not seen.

    A name in it that a mail program would make a link of, or that cannot be read, is left out: ``rosters/lakeside/…``.
    """
    ours = _OF_A_DISTRICT.match(key)
    folder = ours[0] if ours else ""
    names = key[len(folder) :].split("/")
    is_plain = bool(ours) and key.isascii() and key.isprintable() and len(key) <= LONGEST
    if is_plain and not any(carries_an_address(_ENDING.sub("", name)) for name in names):
        return key
    return f"{folder}…"
