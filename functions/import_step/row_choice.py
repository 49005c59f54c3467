"""Chooses the rows that are read on a night: all rows of some people, or classes, and new ones."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO, Protocol

from functions.import_step.archive import Piece, RosterFile
from functions.import_step.csv_table import are_one_word
from functions.import_step.formats.dates import is_ambiguous
from functions.import_step.line_feeds import LineFeeds
from functions.import_step.row_marks import RowMarks

USERS, ENROLLMENTS, CLASSES_FILE = "users", "enrollments", "classes"
CHOSEN = (USERS, ENROLLMENTS)
"""The files, by stem, of which on a night not all rows are read; of that of classes neither, where it can be."""
_READ = 1 << 20
_HIT = re.compile(b"\1")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rows of a piece that are read."""

    people: set[int]
    """All rows of these people, or classes (``row_marks.mark_of``), and with 0 lines of which no row is known,"""
    lines: set[int]
    """and those of these lines, which are new."""
    marks: RowMarks
    """Whom, or which class, the lines of the piece are about."""
    feeds: LineFeeds
    """Where the lines of the piece lie."""


class Told(Protocol):
    """What a sink has been told so far."""

    remarks: int
    """How many notes and rejects."""

    def passed_over(self, grades: Mapping[str, int], rows: int) -> None:
        """So many rows were not read, with these grades: they count as if they had been."""


def chosen_rows(file: RosterFile, header_line: int, chosen: Chosen, told: Told) -> tuple[RosterFile, int]:
    """The file as if its piece had no other lines than those that are chosen, and the header; and how many rows are passed over.

    All lines of it are read as bytes, and none is taken apart.
    """
    first, known = file.piece.line, len(chosen.marks.marks)
    places = _wanted(chosen, first, header_line)
    lines, rows = _lines_at(file, places, known, chosen.feeds)
    numbers = [first + place for place in places]
    passed = rows - len(numbers)
    told.passed_over(chosen.marks.passed(numbers), passed)
    body = b"".join(line + b"\n" for line in lines)
    start = file.piece.start

    def open_(first: int, end: int | None) -> IO[bytes]:
        # Of a later piece the header is looked for at the beginning of the file.
        return io.BytesIO(body) if first == start else file.open(first, end)

    return replace(file, open=open_, piece=Piece(start, None, file.piece.line), numbers=numbers), passed


def _lines_at(file: RosterFile, places: list[int], known: int, feeds: LineFeeds) -> tuple[list[bytes], int]:
    """The lines of a piece at these places, counted from its first one; and how many lines it has.

    Those behind the ``known`` ones are taken, too: their places are added.
    """
    found = list[bytes]()
    number = at = 0
    before_piece = file.piece.line - 1
    for block, end, offset in _whole_lines(file):
        # The last line of a file may have no end.
        behind = number + (1 if offset + end > file.size else feeds.between(block, 0, end, offset))
        if behind > known:
            places += range(max(number, known), behind)
        while at < len(places) and places[at] < behind:
            start = 0
            if places[at] > number:
                start = feeds.behind(before_piece + places[at], block, offset, before_piece + number)
            found.append(block[start : block.index(b"\n", start)])
            at += 1
        number = behind
    return found, number


def _whole_lines(file: RosterFile) -> Iterator[tuple[bytes, int, int]]:
    """The bytes of a piece, up to where there are whole lines in them that were not there before, and where they lie."""
    rest, offset = b"", file.piece.start
    with file.reading(file.piece) as stream:
        while block := stream.read(_READ):
            block = rest + block
            end = block.rfind(b"\n") + 1
            yield block, end, offset
            rest, offset = block[end:], offset + end
    if rest:
        yield rest + b"\n", len(rest) + 1, offset


def _wanted(chosen: Chosen, first: int, header_line: int) -> list[int]:
    """Which lines are read, of those that are known of: counted from the piece's first one, in order."""
    marks = chosen.marks.marks
    found = [hit.start() for hit in _HIT.finditer(bytes(map(chosen.people.__contains__, marks)))]
    others = {line - first for line in chosen.lines}.union(range(max(0, header_line - first + 1)))
    others = {place for place in others.difference(found) if place < len(marks)}
    return sorted((*found, *others)) if others else found


class RowChoice:
    """Finds out whether the rows of a piece can be compared with tomorrow's, and notes whom each of its lines is about."""

    def __init__(self, stem: str, told: Told, *, first: int = 1, notes_marks: bool) -> None:
        """``first`` is the number of the piece's first line."""
        self._told = told
        self._said = 0
        self._is_plain = True
        self.marks = RowMarks(first, tells_more=stem == USERS) if notes_marks else None
        """Where it is noted whom each row is about, where all are read."""

    @property
    def is_plain(self) -> bool:
        """Whether each row is a line, nothing is to be said of any, and how it is read depends on no other row."""
        return self._is_plain and (self.marks is None or self.marks.fits)

    def begin(self) -> None:
        """Rows of a plain block are handed over."""
        self._said = self._told.remarks

    def end(self, lines: Sequence[int], columns: Mapping[str, list[str]]) -> None:
        """They were taken."""
        ends = columns.get("endDate")
        days = () if not ends else ends[:1] if are_one_word(ends) else set(ends)
        if self._told.remarks != self._said or any(map(is_ambiguous, days)):
            self._is_plain = False
        if self.marks and self.marks.tells_more and "grades" in columns:
            self.marks.of_grades(lines, columns["grades"])

    def not_plain(self) -> None:
        """Rows follow that are not plain."""
        self._is_plain = False
