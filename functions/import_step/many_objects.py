"""Rows are very many objects of which none refers back to another: the search for cycles among them is put off."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_SELDOM = 500_000
"""New objects after which cycles are looked for."""


@contextmanager
def cycles_looked_for_seldom() -> Iterator[None]:
    """Look for cycles of objects seldom, inside of ``with``: Python does so after every two thousand new ones."""
    usual, *older = gc.get_threshold()
    gc.set_threshold(max(usual, _SELDOM) if usual else 0, *older)
    try:
        yield
    finally:
        gc.set_threshold(usual, *older)
