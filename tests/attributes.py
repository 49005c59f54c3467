"""Which attributes the items of the table have, as docs/personal-data.md tells them; the tables of the tests refuse any other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from tests import tree

PAGE = "docs/personal-data.md"
_EVERY_ITEM = frozenset({"PK", "SK", "ttl"})
_KINDS_OF_USERS = {"STUDENT": "USER", "TEACHER": "USER", "STAFF": "USER"}
_COUNTER = re.compile(r"\d+$|(?<=^done_).+|(?<=^since_).+")
"""What differs in the name of a counter: an hour, a place, a step of an import."""


class UnlistedAttribute(AssertionError):
    """Something is stored of which the page does not say for what and for how long."""


def check(item: Mapping[str, Any]) -> None:
    """Raise UnlistedAttribute for what the page does not list. Items of no store's kind are a test's own."""
    unlisted = _unlisted(item["PK"].partition("#")[0], item["SK"].partition("#")[0], frozenset(item))
    if unlisted:
        raise UnlistedAttribute(f"{PAGE} does not list {', '.join(unlisted)}")


@cache
def listed() -> Mapping[tuple[str, str], frozenset[str]]:
    """The attributes by the first words of PK and SK; the second is empty where sort keys are ids."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    names: list[tuple[str, str]] = []
    for item, attributes in rows():
        pks, _, sks = item.partition(" / ")
        if item:
            names = [(pk, sk) for pk in _words(pks) for sk in _words(sks) or [""]]
        for name in names:
            told = frozenset(attribute.partition("{")[0] for attribute in _words(attributes))
            found[name] = found.get(name, frozenset()) | told
    return found


def rows() -> list[tuple[str, str]]:
    """The first two cells of each row of the page's table of attributes."""
    table = _text(PAGE).partition("## In the table")[2].partition("\n## ")[0]
    cells = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    return [(cell[0].strip(), cell[1].strip()) for cell in cells[2:]]


@cache
def kinds() -> frozenset[str]:
    """The first words of the partition keys that the stores make."""
    text = _text("shared/stores/keys.py")
    return frozenset(re.findall(r'"([A-Z][A-Z_]+)(?:#|"$|",? )', text, re.MULTILINE)) | {
        "USER",
        "CLASS",
        *_KINDS_OF_USERS,
    }


@cache
def _unlisted(pk: str, sk: str, attributes: frozenset[str]) -> tuple[str, ...]:
    kind = _KINDS_OF_USERS.get(pk, pk)
    if kind not in kinds():
        return ()
    told = listed().get((kind, sk), listed().get((kind, ""), frozenset()))
    unlisted = {name for name in attributes - _EVERY_ITEM if _COUNTER.sub("", name) not in told}
    return tuple(f"{name} of {kind}/{sk}" for name in sorted(unlisted))


def _text(path: str) -> str:
    return (tree.ROOT / path).read_text(encoding="utf-8")


def _words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)
