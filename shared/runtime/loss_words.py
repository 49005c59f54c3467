"""Whom an import would remove, by role, in words: "129 students and your only administrator" (M3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shared.runtime.languages import translations


def losses_in_words(losses: Mapping[str, int], language: str) -> str:
    """Return who is lost (``Harm.losses``), as part of a sentence; empty where nobody is."""
    *others, last = [*_parts(losses, language)] or [""]
    return f"{', '.join(others)}{translations(language).gettext(' and ')}{last}" if others else last


def _parts(losses: Mapping[str, int], language: str) -> Iterator[str]:
    told = translations(language).ngettext
    if number := losses.get("students", 0):
        yield told("%(number)s student", "%(number)s students", number) % {"number": number}
    if number := losses.get("teachers", 0):
        yield told("%(number)s teacher", "%(number)s teachers", number) % {"number": number}
    if number := losses.get("last_administrators", 0):
        yield told("your only administrator", "all of your %(number)s administrators", number) % {"number": number}
    elif number := losses.get("administrators", 0):
        yield told("%(number)s administrator", "%(number)s administrators", number) % {"number": number}
