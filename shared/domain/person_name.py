"""Names of people, compared as people are: without accents, case, titles, particles and punctuation (M6, M19)."""

from __future__ import annotations

import re
import unicodedata

_FORMAL_TITLES = frozenset({"mr", "mrs", "ms", "mx", "dr", "prof", "sr", "sra", "srta"})
"""Those that stand before a family name: ``Ms. Moss``."""
_TITLES = _FORMAL_TITLES | {"miss", "coach"}
"""``Miss Kim`` and ``Coach Kim`` may be either name."""
_WEAK = _TITLES | {
    "al", "ap", "ben", "bin", "bint", "d", "da", "dal", "das", "de", "degli", "dei", "del", "della", "den",
    "der", "des", "di", "do", "dos", "du", "e", "el", "fitz", "ibn", "la", "las", "le", "lo", "los", "mac",
    "mc", "o", "of", "saint", "san", "santa", "santo", "st", "ten", "ter", "van", "vander", "von", "y", "zu",
    "zum", "zur",
    "ii", "iii", "iv", "jr", "jnr", "junior", "snr", "senior",
}  # fmt: skip
"""Parts that very many names have; two names that share nothing else are two names."""
_PLAIN_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
"""Letters that no normal form takes apart."""
_APOSTROPHE = "'"
_APOSTROPHES = re.compile("[\u2018\u2019\u02bb\u02bc\u2032`\u00b4]")


def name_parts(name: str) -> frozenset[str]:
    """Return the parts of a name in the form in which they are compared, titles left out.

    >>> sorted(name_parts("Dr. María-José  O'Neill"))
    ['jose', 'maria', 'neill', 'oneill']
    """
    return frozenset(part for word in _words(name) for part in _forms(word)) - _TITLES


def may_be_family_name_of(family_name: str, display_name: str) -> bool:
    """Whether nothing in an account's display name speaks against this family name.

    A display name of one part has no family name, so it contradicts none (M6); after a formal title it is one.
    """
    words = _words(display_name)
    has_family_name = len([word for word in words if word not in _TITLES]) > 1 or not _FORMAL_TITLES.isdisjoint(words)
    return not has_family_name or not name_parts(family_name) or share_a_part(family_name, display_name)


def share_a_part(a: str, b: str) -> bool:
    """Whether two names have a part in common; a name that is not there shares none.

    Particles and initials count only where a name has nothing else.

    >>> share_a_part("van der Berg", "van Dijk"), share_a_part("Ben", "Ben Michael")
    (False, True)
    """
    one, other = name_parts(a), name_parts(b)
    common = one & other
    return any(not _is_weak(part) for part in common) or (
        bool(common) and (all(map(_is_weak, one)) or all(map(_is_weak, other)))
    )


def names_contradict(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether two rows, each with given and family name, cannot be about one person: no part of the names is the same, in
    whichever column it stands. A row without any name contradicts none."""
    mine, theirs = " ".join(one).strip(), " ".join(other).strip()
    return bool(mine and theirs) and mine != theirs and not share_a_part(mine, theirs)


def name_words(name: str) -> list[str]:
    """The words of a name in plain small letters, in their order: by which people search."""
    return _words(name)


def is_particle(word: str) -> bool:
    """Whether very many names have this word: a title, a particle, a suffix."""
    return word in _WEAK


def _words(name: str) -> list[str]:
    """The words of a name in plain small letters. Vowel signs and apostrophes belong to their word."""
    decomposed = unicodedata.normalize("NFKD", _APOSTROPHES.sub(_APOSTROPHE, name))
    plain = (c for c in decomposed.casefold().translate(_PLAIN_LETTERS) if not unicodedata.combining(c))
    text = "".join(c if c.isalpha() or c == _APOSTROPHE or unicodedata.category(c)[0] == "M" else " " for c in plain)
    return [word for word in (each.strip(_APOSTROPHE) for each in text.split()) if word]


def _forms(word: str) -> list[str]:
    """The ways in which a word is written: ``O'Neill`` is ``ONeill`` and ``Neill``, too."""
    pieces = word.split(_APOSTROPHE)
    return ["".join(pieces), *(piece for piece in pieces if len(piece) > 1)] if len(pieces) > 1 else pieces


def _is_weak(part: str) -> bool:
    return part in _WEAK or (len(part) == 1 and part.isascii())
