"""Which lines of a file stood yesterday: its bytes beside those of the file that was read then. Nothing is told by a hash."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from itertools import islice
from typing import IO

from functions.import_step.archive import Piece, RosterFile
from functions.import_step.line_feeds import LineFeeds

_AT_ONCE = 1 << 13
"""Bytes that are compared at once after a difference: more and more, as long as they are alike."""
_READ = 1 << 20
_AHEAD = (16, 512, 8192)
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


def difference(today: RosterFile, yesterday: RosterFile, feeds: LineFeeds) -> Difference:
    """By what the lines of a piece of today's file differ from yesterday's; raises TooDifferent.

    Every line of today's is equal to one of yesterday's, or new; every line of yesterday's is equal to one of today's, or gone.
    What of yesterday's file goes with which piece is found by the lines at the pieces' borders, the same by whoever reads them.
    ``feeds`` are those of today's piece.
    """
    piece = today.piece
    start = _begin_of(today, yesterday, piece.start)
    end = None if piece.end is None else _begin_of(today, yesterday, piece.end)
    if end is not None and end <= start:
        raise TooDifferent
    found = Difference(start=start)
    with today.reading(piece) as new, yesterday.reading(Piece(start, end)) as old:
        _compare(_Side(old), _Side(new, piece.start), piece.line, found, feeds)
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

    def __init__(self, stream: IO[bytes], offset: int = 0) -> None:
        self._stream = stream
        self.offset = offset
        """Where in the file the buffer begins."""
        self._line = b""
        """The beginning of a line that is passed, and is not in the buffer any more."""
        self.buffer = b""
        self.at = 0

    @property
    def left(self) -> int:
        """How many bytes are at hand."""
        return len(self.buffer) - self.at

    def fill(self, size: int) -> None:
        """Read so many bytes where none is at hand; fewer at the end."""
        if self.at < len(self.buffer):
            return
        end = self.buffer.rfind(b"\n") + 1
        self._line = self.buffer[end:] if end else self._line + self.buffer
        self.offset += len(self.buffer)
        self.buffer, self.at = self._stream.read(size), 0

    def ahead(self, size: int) -> bytes:
        """So many of the bytes at hand."""
        return self.buffer[self.at : self.at + size]

    def line_begun(self) -> int:
        """How many bytes of a line are passed whose end is ahead."""
        end = self.buffer.rfind(b"\n", 0, self.at) + 1
        return self.at - end if end else len(self._line) + self.at

    def back(self, size: int) -> None:
        """Have so many bytes ahead that were passed: no more than of a line that is begun."""
        if size > self.at:
            begin = len(self._line) - size + self.at
            self.offset -= len(self._line) - begin
            self.buffer, self._line, self.at = self._line[begin:] + self.buffer, self._line[:begin], size
        self.at -= size

    def lines(self, most: int) -> list[bytes]:
        """So many whole lines ahead, where one begins; fewer at the end."""
        size, is_over = _FIRST, False
        while (ahead := self.ahead(size)).count(b"\n") < most and not (is_over and size >= self.left):
            if size >= self.left:
                more = self._stream.read(_READ)
                self.offset += self.at
                self.buffer, self.at, self._line, is_over = self.ahead(self.left) + more, 0, b"", not more
            size *= 2
        lines = ahead.split(b"\n", most)
        if len(lines) > most or not lines[-1]:
            lines.pop()
        return lines

    def go(self, lines: list[bytes]) -> None:
        """Pass these lines, which are ahead."""
        self.at += sum(map(len, lines)) + len(lines)
        if self.at > len(self.buffer):
            # The last one has no end: yet it is passed, and not begun.
            self.offset += len(self.buffer)
            self._line = self.buffer = b""
            self.at = 0


def _compare(old: _Side, new: _Side, line: int, found: Difference, feeds: LineFeeds) -> None:
    """``line`` is the number of today's first line."""
    size = _READ
    while True:
        # Both are read up to the same place of the file: so of what is alike nothing has to be copied.
        old.fill(new.left or _READ)
        new.fill(old.left or _READ)
        most = min(size, old.left, new.left)
        alike = _alike(old, new, most)
        lines = feeds.between(new.buffer, new.at, new.at + alike, new.offset)
        line += lines
        found.stood += lines
        old.at += alike
        new.at += alike
        if most and alike == most:
            size = min(size * 4, _READ)
            continue
        begun = new.line_begun()
        if not (old.left or new.left):
            found.stood += begun > 0
            return
        old.back(begun)
        new.back(begun)
        line = _pass_what_differs(old, new, line, found)
        size = _AT_ONCE


def _alike(old: _Side, new: _Side, size: int) -> int:
    """With how many bytes, of so many, both go on alike."""
    before, now = old.ahead(size), new.ahead(size)
    if before == now:
        return size
    low, high = 0, size
    while high - low > 1:
        middle = (low + high) // 2
        if before[low:middle] == now[low:middle]:
            low = middle
        else:
            high = middle
    return low


def _pass_what_differs(old: _Side, new: _Side, line: int, found: Difference) -> int:
    """Go on to where both are alike again. Return the number of today's next line."""
    gone, came = _until_alike(old, new)
    if len(found.new) + len(found.gone) > _MOST:
        raise TooDifferent
    if not (gone or came):
        # Two equal lines, of which one has no end.
        for side in (old, new):
            side.go(side.lines(1))
        found.stood += 1
        return line + 1
    old.go(gone)
    new.go(came)
    found.places.append((found.stood, len(gone), len(came)))
    found.stood += len(gone)
    found.gone += gone
    found.new += came
    found.lines += range(line, line + len(came))
    return line + len(came)


def _until_alike(old: _Side, new: _Side) -> tuple[list[bytes], list[bytes]]:
    """The lines that differ on either side, up to the first that are alike: as few as can be."""
    before, now = old.lines(2), new.lines(2)
    for gone, came in ((0, 0), (1, 0), (0, 1), (1, 1)):
        if before[gone : gone + 1] == now[came : came + 1] and gone < len(before):
            return before[:gone], now[:came]
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
