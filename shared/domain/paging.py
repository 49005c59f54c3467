"""Paging that removes nobody: a collection is fetched whole, or not at all (B10).

A page that did not come looks like rows that were deleted. So an end counts only where it is proved: by the total that the
source names, or by an empty page behind the last one. Pages by offset overlap by one row, which shows whether the rows moved
between two requests; a row that moved, a total or a revision that changed have the collection fetched again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from shared.domain.fetching import changed, emptied, endless, page_missing, repeated, too_many

MOST_RESTARTS = 3
"""After so many a source is too restless to be fetched."""
MOST_PAGES = 20_000
"""Of a collection whose total the source names."""
MOST_PAGES_WITHOUT_TOTAL = 5_000
MOST_PAGES_NOW = 1_000
"""Of a collection without a total, where a person waits for the fetch."""
_NO_ROW = ""


@dataclass(frozen=True, slots=True)
class Page:
    """What a source gave for one request. ``ids`` are those of its rows, in their order; a row without one has an empty text."""

    ids: Sequence[str]
    total: int | None = None
    """How many rows the collection has, where the source says so."""
    more: bool = False
    """Whether the source says that a page comes after this one."""
    link: str = ""
    """The address of the next page, as the source wrote it."""
    after: str = ""
    """Behind which row the next page begins, where pages have no offset."""
    revision: str = ""
    """The state of the source's data, where it names one."""


@dataclass(slots=True)
class Pull:
    """How far a collection is fetched. It is kept between steps, so that a crash costs a page."""

    collection: str
    limit: int
    """Rows to ask for in a page."""
    by_offset: bool = True
    position: int = 0
    """Rows of the source's list that were passed."""
    rows: int = 0
    """Rows that were kept."""
    pages: int = 0
    """Pages that were kept in this try."""
    total: int | None = None
    first_id: str = _NO_ROW
    last_id: str = _NO_ROW
    """Of the page before."""
    after: str = ""
    link: str = ""
    aligned: bool = False
    """Whether the source counts in whole pages: then pages cannot overlap."""
    is_sorted: bool = True
    """Whether the ids rose from row to row, so that none came twice."""
    is_over: bool = False
    tries: int = 0
    """How often it was begun again."""

    @property
    def overlap(self) -> int:
        """Rows at the head of the next page that are asked for once more."""
        return 1 if self.by_offset and self.position and not self.aligned else 0

    @property
    def offset(self) -> int:
        return self.position - self.overlap

    def begin_again(self, *, aligned: bool = False) -> None:
        """Fetch the collection from its beginning. Raises PullChanged when it was begun too often."""
        if self.tries == MOST_RESTARTS:
            raise changed(self.collection)
        self.tries += 1
        self.position = self.rows = self.pages = 0
        self.total = None
        self.first_id = self.last_id = _NO_ROW
        self.after = self.link = ""
        self.aligned = self.aligned or aligned
        self.is_over, self.is_sorted = False, True

    def take(self, page: Page, *, now: bool = False) -> int:
        """Count a page in. Return how many of its first rows were there before, and go.

        ``now``: a person waits for this fetch. Raises FetchFailed for what no roster can be read from, and PullChanged for rows
        that moved or a total that changed meanwhile: ``begin_again`` then.
        """
        self._check_total(page)
        if page.link and page.link == self.link:
            raise repeated(self.collection)
        known = self._known(page)
        fresh = len(page.ids) - known
        if not fresh:
            self._end(page)
            return known
        self.position += fresh
        self.rows += fresh
        self.pages += 1
        self._check_end_in_sight(now=now)
        new = [self.last_id, *page.ids[known:]]
        self.is_sorted = self.is_sorted and all(one < other for one, other in pairwise(new))
        self.first_id, self.last_id = page.ids[0], page.ids[-1]
        self.after, self.link = page.after or self.last_id, page.link
        if self.total is not None:
            if self.position > self.total:
                raise too_many(self.collection)
            self.is_over = self.position == self.total and not page.more
        return known

    def _check_total(self, page: Page) -> None:
        if page.total is None or page.total == self.total:
            return
        if self.position or self.pages:
            raise changed(self.collection)
        self.total = page.total

    def _known(self, page: Page) -> int:
        """How many rows at the head of a page are the end of the page before."""
        if not self.position or not page.ids:
            return 0
        is_first_again = page.ids[0] == self.first_id != self.last_id
        if not self.by_offset or self.aligned:
            if is_first_again:
                raise repeated(self.collection)
            return page.ids.index(self.last_id) + 1 if self.last_id and self.last_id in page.ids else 0
        if is_first_again:
            raise Misaligned(self.collection)
        if self.last_id not in page.ids:
            raise changed(self.collection)
        # More than one where rows before it were inserted, or where the source counts from one: nothing is lost.
        return page.ids.index(self.last_id) + 1

    def _end(self, page: Page) -> None:
        """A page with nothing new: the end, where no total says otherwise."""
        if self.total is not None and self.position < self.total:
            raise page_missing(self.collection)
        if len(page.ids) > max(1, self.overlap):
            raise repeated(self.collection)
        self.is_over = True

    def _check_end_in_sight(self, *, now: bool) -> None:
        most = MOST_PAGES if self.total is not None else MOST_PAGES_NOW if now else MOST_PAGES_WITHOUT_TOTAL
        if self.pages > most:
            raise endless(self.collection)


class Misaligned(Exception):
    """The source reads an offset as the number of a page: begin again without overlaps."""


def check_unique(pull: Pull, unique: int) -> None:
    """Whether the rows that came are as many as the source said, each counted once. Raises FetchFailed."""
    if pull.total is not None and unique < pull.total:
        raise page_missing(pull.collection)


def check_not_emptied(collection: str, rows: int, before: int, *, holds: bool) -> None:
    """A collection that was full and is empty. ``holds``: the import asks a person about it. Raises FetchFailed."""
    if before and not rows and not holds:
        raise emptied(collection)
