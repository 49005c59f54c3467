"""Where the lines of a file lie: how many line feeds are before each place of a grid. So of what is passed over none is counted."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from itertools import accumulate

GRID = 2048
"""Bytes from one place to the next."""


def feeds_in(block: bytes) -> int:
    """How many line feeds there are."""
    # ``count`` looks at each byte by itself, and takes four times as long.
    return len(block) - len(block.replace(b"\n", b""))


class LineFeeds:
    """How many line feeds are before places of a file's grid."""

    def __init__(self, first: int, before: array[int]) -> None:
        """``first`` is the number of the first of these places; the file's own begin is 0."""
        self._first = first
        self._before = before

    def between(self, body: bytes, start: int, end: int, offset: int) -> int:
        """How many line feeds a part of ``body`` has, which lies at ``offset`` in the file."""
        first, last = -(-(offset + start) // GRID), (offset + end) // GRID
        if last <= first:
            return body.count(b"\n", start, end)
        inside = self._before[last - self._first] - self._before[first - self._first]
        around = body.count(b"\n", start, first * GRID - offset), body.count(b"\n", last * GRID - offset, end)
        return inside + sum(around)

    def behind(self, feed: int, body: bytes, offset: int, before: int) -> int:
        """Where in ``body``, which lies at ``offset`` in the file, the line begins that follows a line feed: the how manieth it is
        in the file, and how many are ``before`` the body, is given."""
        place = max(0, bisect_left(self._before, feed) - 1)
        start, passed = (self._first + place) * GRID - offset, self._before[place]
        if start < 0:
            start, passed = 0, before
        around = body[start : start + GRID]
        return start + len(around) - len(around.split(b"\n", feed - passed)[-1])


def grid_of(start: int, end: int) -> tuple[int, int]:
    """Which places of the grid are needed for a part of a file: the number of the first one, and how many they are."""
    first = start // GRID
    return first, -(-end // GRID) + 1 - first


class FeedCount:
    """Counts the line feeds of a file, block by block."""

    def __init__(self) -> None:
        self._counts: list[int] = []
        self._size = 0

    def take(self, block: bytes) -> int:
        """Count those of the next block. Return how many they are."""
        begun = min(len(block), -self._size % GRID)
        of_begun = block.count(b"\n", 0, begun)
        counts = [block.count(b"\n", start, start + GRID) for start in range(begun, len(block), GRID)]
        if begun:
            self._counts[-1] += of_begun
        self._counts += counts
        self._size += len(block)
        return of_begun + sum(counts)

    def packed(self) -> bytes:
        """How many are before each place of the grid, 32 bits each; the last one is the file's end."""
        return array("I", accumulate(self._counts, initial=0)).tobytes()
