"""Names of people, compared as people are: without accents, case, titles and punctuation (M6, M19)."""

from __future__ import annotations

import re
import unicodedata

_TITLES = frozenset({"mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sr", "sra", "srta", "coach"})
_NO_LETTERS = re.compile(r"[\W\d_]+")


def name_parts(name: str) -> frozenset[str]:
    """Return the parts of a name in the form in which they are compared.

    >>> sorted(name_parts("Dr. María-José  O'Neill"))
    ['jose', 'maria', 'neill', 'o']
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return frozenset(part for part in _NO_LETTERS.split(plain.casefold()) if part) - _TITLES


def may_be_family_name_of(family_name: str, display_name: str) -> bool:
    """Whether nothing in an account's display name speaks against this family name.

    A display name of one part has no family name, so it contradicts none (M6).
    """
    shown, family = name_parts(display_name), name_parts(family_name)
    return len(shown) < 2 or not family or bool(shown & family)


def share_a_part(a: str, b: str) -> bool:
    """Whether two names have a part in common; a name that is not there shares none."""
    return bool(name_parts(a) & name_parts(b))


def names_contradict(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether two rows, each with given and family name, cannot be about one person: no part of the names is the same, in
    whichever column it stands. A row without any name contradicts none."""
    mine, theirs = " ".join(one).strip(), " ".join(other).strip()
    return bool(mine and theirs) and mine != theirs and not share_a_part(mine, theirs)
