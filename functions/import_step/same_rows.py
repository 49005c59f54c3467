"""Which lines of a file stood yesterday: its bytes beside those of the file that was read then. Nothing is told by a hash."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from itertools import islice
from typing import IO

from functions.import_step.archive import Piece, RosterFile

_AT_ONCE, _MORE_AT_ONCE = 1 << 16, 1 << 20
"""Bytes that are compared at once, after a difference and after as many that were alike."""
_READ = 1 << 20
_AHEAD = (2, 16, 512, 8192)
"""Lines, on both sides, among which it is looked for where they go on alike."""
_DRIFT = 4 << 20
"""Bytes by which a piece of the file may have moved since yesterday."""
_FIRST_LINES = 16
_FIRST = 1 << 12
_MOST = 100_000
"""Lines that differ in a piece: they are kept in memory."""


class TooDifferent(Exception):
    """The files do not go on alike: the whole is to be read."""


@dataclass(slots=True)
class Difference:
    """By what a piece of a file differs from yesterday's."""

    lines: list[int] = field(default_factory=list)
    """The lines that are new, as they are numbered today."""
    new: list[bytes] = field(default_factory=list)
    """What stands in them."""
    gone: list[bytes] = field(default_factory=list)
    """What stood in lines that are gone."""
    places: list[tuple[int, int, int]] = field(default_factory=list)
    """Where lines differ: after how many of yesterday's, how many of them are gone, and how many came instead."""
    start: int = 0
    """Where in yesterday's file, in bytes, what goes with the piece begins,"""
    stood: int = 0
    """and how many lines it has."""


def difference(today: RosterFile, yesterday: RosterFile) -> Difference:
    """By what the lines of a piece of today's file differ from yesterday's; raises TooDifferent.

    Every line of today's is equal to one of yesterday's, or new; every line of yesterday's is equal to one of today's, or gone.
    What of yesterday's file goes with which piece is found by the lines at the pieces' borders, the same by whoever reads them.
    """
    piece = today.piece
    start = _begin_of(today, yesterday, piece.start)
    end = None if piece.end is None else _begin_of(today, yesterday, piece.end)
    if end is not None and end <= start:
        raise TooDifferent
    found = Difference(start=start)
    with today.reading(piece) as new, yesterday.reading(Piece(start, end)) as old:
        _compare(_Side(old), _Side(new), piece.line, found)
    return found


def head_of(file: RosterFile, lines: int) -> bytes:
    """The first lines of a file."""
    with file.reading() as stream:
        return b"".join(islice(stream, lines))


def with_lines(file: RosterFile, head: bytes, lines: list[bytes]) -> RosterFile:
    """A file of these lines alone, below its head."""
    body = b"".join((head, *(line + b"\n" for line in lines)))
    return RosterFile(file.name, len(body), lambda start, _end: io.BytesIO(body[start:]), encoding=file.encoding)


def _begin_of(today: RosterFile, yesterday: RosterFile, offset: int) -> int:
    """Where in yesterday's file begins what goes with today's from ``offset`` on."""
    if not offset:
        return 0
    first = max(0, offset - _DRIFT)
    with today.reading(Piece(offset, min(today.size, offset + _AT_ONCE))) as stream:
        lines = stream.read().split(b"\n")[:-1][:_FIRST_LINES]
    if first >= yesterday.size:
        raise TooDifferent
    with yesterday.reading(Piece(first, min(yesterday.size, offset + _DRIFT))) as stream:
        around = stream.read()
    for line in filter(None, lines):
        place = around.find(b"\n" + line + b"\n")
        if place >= 0:
            return first + place + 1
    raise TooDifferent


class _Side:
    """One of two streams that are compared: what was read of it and not passed."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._bytes = b""
        self._at = 0
        self.is_over = False

    def ahead(self, size: int) -> bytes:
        """So many bytes ahead; fewer at the end."""
        while len(self._bytes) - self._at < size and not self.is_over:
            more = self._stream.read(_READ)
            self.is_over = not more
            self._bytes, self._at = self._bytes[self._at :] + more, 0
        return self._bytes[self._at : self._at + size]

    def lines(self, most: int) -> list[bytes]:
        """So many whole lines ahead; fewer at the end."""
        size = _FIRST
        while (ahead := self.ahead(size)).count(b"\n") < most and len(ahead) == size:
            size *= 2
        lines = ahead.split(b"\n")
        if len(ahead) == size or not lines[-1]:
            lines.pop()
        return lines[:most]

    def go(self, size: int) -> None:
        """Pass so many bytes."""
        self._at = min(self._at + size, len(self._bytes))


def _compare(old: _Side, new: _Side, line: int, found: Difference) -> None:
    """``line`` is the number of today's first line."""
    size = _MORE_AT_ONCE
    while True:
        before, now = old.ahead(size), new.ahead(size)
        if not (before or now):
            return
        alike = _whole_lines_alike(before, now)
        size = _MORE_AT_ONCE if 2 * alike > size else _AT_ONCE
        if alike:
            lines = now.count(b"\n", 0, alike)
            line += lines
            found.stood += lines
            old.go(alike)
            new.go(alike)
        else:
            line = _pass_what_differs(old, new, line, found)


def _whole_lines_alike(before: bytes, now: bytes) -> int:
    """How many bytes of whole lines both begin with."""
    size = min(len(before), len(now))
    if before[:size] == now[:size]:
        return now.rfind(b"\n", 0, size) + 1
    low, high = 0, size
    while high - low > 1:
        middle = (low + high) // 2
        if before[low:middle] == now[low:middle]:
            low = middle
        else:
            high = middle
    return now.rfind(b"\n", 0, high - 1) + 1


def _pass_what_differs(old: _Side, new: _Side, line: int, found: Difference) -> int:
    """Go on to where both are alike again. Return the number of today's next line."""
    gone, came = _until_alike(old, new)
    if len(found.new) + len(found.gone) > _MOST:
        raise TooDifferent
    both = not (gone or came)
    old_lines, new_lines = old.lines(len(gone) + both), new.lines(len(came) + both)
    old.go(sum(map(len, old_lines)) + len(old_lines))
    new.go(sum(map(len, new_lines)) + len(new_lines))
    if gone or came:
        found.places.append((found.stood, len(gone), len(came)))
    found.stood += len(gone) + both
    found.gone += gone
    found.new += came
    found.lines += range(line, line + len(came))
    return line + len(came) + both


def _until_alike(old: _Side, new: _Side) -> tuple[list[bytes], list[bytes]]:
    """The lines that differ on either side, up to the first that are alike: as few as can be."""
    for most in _AHEAD:
        before, now = old.lines(most), new.lines(most)
        places: dict[bytes, int] = {}
        for place, line in enumerate(before):
            places.setdefault(line, place)
        ways = ((places[line], index) for index, line in enumerate(now) if line in places)
        nearest = min(ways, key=sum, default=None)
        if nearest:
            return before[: nearest[0]], now[: nearest[1]]
        if not (before and now) or (len(before) < most and len(now) < most):
            return before, now
    raise TooDifferent
