"""Rows of a collection, each once: a row that came on two pages counts once, and one that differs says that rows moved."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

from shared.domain.fetching import changed
from shared.domain.paging import Pull, check_unique
from shared.hubs.roster_api import Row

_PARTS = 16
"""The hashes of seven million ids are sorted in so many parts, so that one of them is in memory as numbers."""


def unique_rows(pull: Pull, rows: Callable[[], Iterator[Row]], id_column: str) -> Iterator[Row]:
    """The rows of a collection. ``rows`` reads them from the beginning, and is called twice where ids did not rise.

    Raises PullChanged for two rows of one id that differ, FetchFailed where fewer came than the source said there are.
    """
    if pull.is_sorted:
        check_unique(pull, pull.rows)
        yield from rows()
        return
    several = _hashes_seen_twice(str(row[id_column]) for row in rows())
    kept: dict[str, Row] = {}
    number = 0
    for row in rows():
        row_id = str(row[id_column])
        if row_id and hash(row_id) in several and (before := kept.setdefault(row_id, row)) is not row:
            if before != row:
                raise changed(pull.collection)
            continue
        number += 1
        yield row
    check_unique(pull, number)


def _hashes_seen_twice(ids: Iterable[str]) -> set[int]:
    parts = [array("q") for _ in range(_PARTS)]
    for row_id in ids:
        number = hash(row_id)
        parts[number % _PARTS].append(number)
    found: set[int] = set()
    for part in parts:
        found |= {one for one, other in pairwise(sorted(part)) if one == other}
        del part[:]
    return found
