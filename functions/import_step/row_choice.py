"""Chooses the rows of users.csv and enrollments.csv that are read on a night: all rows of some people, and new ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from operator import not_
from typing import Protocol

from functions.import_step.archive import ColumnsOfFile, LinesOfFile
from functions.import_step.formats.dates import is_ambiguous
from functions.import_step.row_marks import RowMarks

USERS, ENROLLMENTS = "users", "enrollments"
CHOSEN = (USERS, ENROLLMENTS)
"""The files, by stem, of which not all rows are read."""


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


class RowChoice:
    """Chooses the rows of a piece; and finds out whether its rows can be compared with tomorrow's."""

    def __init__(self, stem: str, told: Told, chosen: Chosen | None, first: int = 1) -> None:
        """All rows are read where nothing is ``chosen``. ``first`` is the number of the piece's first line."""
        self._told = told
        self._chosen = chosen
        self._said = 0
        self._is_plain = True
        self.marks = None if chosen else RowMarks(first, tells_more=stem == USERS)
        """Where it is noted whom each row is about, where all are read."""
        self.passed_over = 0
        """How many rows were not read."""

    @property
    def is_plain(self) -> bool:
        """Whether each row is a line, nothing is to be said of any, and how it is read depends on no other row."""
        return self._is_plain and (self.marks is None or self.marks.fits)

    def choose[L: LinesOfFile](self, table: ColumnsOfFile, lines: range, block: L) -> tuple[Sequence[int], L]:
        """The lines of a block that are read, and the block with those alone."""
        chosen = self._chosen
        if chosen is None:
            return lines, block
        is_read = self._are_read(chosen, lines, table.header_line)
        if is_read is None:
            self.passed_over += len(block)
            self._told.passed_over((), {}, len(block))
            return (), block
        passed = [*map(not_, is_read)]
        number = sum(passed)
        if not number:
            return lines, block
        self.passed_over += number
        self._told.passed_over(*chosen.marks.passed(lines.start, passed), number)
        return ([*compress(lines, is_read)], block.only(is_read)) if number < len(block) else ((), block)

    @staticmethod
    def _are_read(chosen: Chosen, lines: range, header_line: int) -> list[bool] | None:
        """Of each line whether it is read; None where none is, and nothing else is to be known of them."""
        marks = chosen.marks.between(lines.start, lines.stop)
        new = chosen.lines.intersection(lines)
        is_head = lines.start <= header_line
        if not (new or is_head or chosen.marks.tells_more) and chosen.people.isdisjoint(marks):
            return None
        is_read = [*map(chosen.people.__contains__, marks)]
        for line in new:
            is_read[line - lines.start] = True
        if is_head:
            is_read[: header_line - lines.start + 1] = [True] * (header_line - lines.start + 1)
        return is_read

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
