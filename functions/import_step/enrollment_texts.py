"""Enrollments that follow each other as one text: class and the row's own id in turn. Most of them are never taken apart."""

from __future__ import annotations

from collections.abc import Sequence

BETWEEN = "\x7f"
"""Stands between the ids of enrollments that are kept as one text; no id holds a control character."""


def together(classes: Sequence[str], row_ids: Sequence[str]) -> list[str]:
    """Class and the row's own id in turn, as texts have them; where rows have no ids, those are empty."""
    ids = [""] * (2 * len(classes))
    ids[::2] = classes
    ids[1::2] = row_ids or [""] * len(classes)
    return ids


def listed(texts: Sequence[str]) -> list[str]:
    """Class and the row's own id in turn, of texts that hold such with ``BETWEEN`` between them.

    >>> listed(["c1\x7fe1\x7fc2\x7fe2", "c3\x7f"])
    ['c1', 'e1', 'c2', 'e2', 'c3', '']
    """
    if len(texts) == 1:
        return texts[0].split(BETWEEN)
    return BETWEEN.join(texts).split(BETWEEN) if texts else []


def number_of_rows(texts: Sequence[str]) -> int:
    """Of how many enrollments these texts are."""
    if len(texts) == 1:
        return (texts[0].count(BETWEEN) + 1) // 2
    return sum((text.count(BETWEEN) + 1) // 2 for text in texts)
