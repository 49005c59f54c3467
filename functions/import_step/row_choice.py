"""Chooses the rows of users.csv and enrollments.csv that are read on a night: all rows of some people, and new ones."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from operator import not_
from typing import IO, Protocol

from functions.import_step.archive import Piece, RosterFile
from functions.import_step.formats.dates import is_ambiguous
from functions.import_step.row_marks import RowMarks

USERS, ENROLLMENTS = "users", "enrollments"
CHOSEN = (USERS, ENROLLMENTS)
"""The files, by stem, of which not all rows are read."""
_AT_ONCE = 1 << 17
"""Bytes whose lines are looked at together."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rows of a piece that are read."""

    people: set[int]
    """All rows of these people (``row_marks.mark_of``), and with 0 lines of which no row is known,"""
    lines: set[int]
    """and those of these lines, which are new."""
    marks: RowMarks
    """Whom the lines of the piece are about."""


class Told(Protocol):
    """What a sink has been told so far."""

    remarks: int
    """How many notes and rejects."""

    def passed_over(self, addresses: Iterable[int], grades: Mapping[str, int], rows: int) -> None:
        """So many rows were not read, with these addresses (hashes) and grades: they count as if they had been."""


def chosen_rows(file: RosterFile, header_line: int, chosen: Chosen, told: Told) -> tuple[RosterFile, int]:
    """The file as if its piece had no other lines than those that are chosen, and the header; and how many rows are passed over.

    All lines of it are read as bytes, and none is taken apart.
    """
    lines: list[bytes] = []
    numbers: list[int] = []
    passed = 0
    number = file.piece.line
    for several in _lines_of(file):
        is_read = _are_read(chosen, range(number, number + len(several)), header_line)
        if any(is_read):
            lines += compress(several, is_read)
            numbers += compress(range(number, number + len(several)), is_read)
        left_out = [*map(not_, is_read)]
        told.passed_over(*chosen.marks.passed(number, left_out), sum(left_out))
        passed += sum(left_out)
        number += len(several)
    body = b"".join(line + b"\n" for line in lines)
    start = file.piece.start

    def open_(first: int, end: int | None) -> IO[bytes]:
        # Of a later piece the header is looked for at the beginning of the file.
        return io.BytesIO(body) if first == start else file.open(first, end)

    return replace(file, open=open_, piece=Piece(start, None, file.piece.line), numbers=numbers), passed


def _lines_of(file: RosterFile) -> Iterator[list[bytes]]:
    """The lines of a file's piece, many at a time."""
    rest = b""
    with file.reading(file.piece) as stream:
        while block := stream.read(_AT_ONCE):
            *lines, rest = (rest + block).split(b"\n")
            yield lines
    if rest:
        yield [rest]


def _are_read(chosen: Chosen, lines: range, header_line: int) -> list[bool]:
    """Of each line whether it is read."""
    is_read = [*map(chosen.people.__contains__, chosen.marks.between(lines.start, lines.stop))]
    for line in chosen.lines.intersection(lines):
        is_read[line - lines.start] = True
    if lines.start <= header_line:
        is_read[: header_line - lines.start + 1] = [True] * (header_line - lines.start + 1)
    return is_read


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
        if self._told.remarks != self._said or any(map(is_ambiguous, set(columns.get("endDate", ())))):
            self._is_plain = False
        if self.marks and self.marks.tells_more and "grades" in columns:
            self.marks.of_grades(lines, columns["grades"])

    def not_plain(self) -> None:
        """Rows follow that are not plain."""
        self._is_plain = False
