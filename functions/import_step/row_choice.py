"""Chooses the rows of users.csv and enrollments.csv that are read on a night: all rows of some people, and new ones."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Protocol
from zlib import crc32

from functions.import_step.archive import ColumnsOfFile, LinesOfFile
from functions.import_step.formats.dates import is_ambiguous

USERS, ENROLLMENTS = "users", "enrollments"
CHOSEN = (USERS, ENROLLMENTS)
"""The files, by stem, of which not all rows are read."""
_WHOSE = {USERS: "sourcedId", ENROLLMENTS: "userSourcedId"}
_BESIDE = {USERS: ("email", "grades"), ENROLLMENTS: ()}
_MOST_KEPT = 50_000


def mark_of(key: str) -> int:
    """32 bits of a person's id. Two with the same are looked at together."""
    return crc32(key.encode())


def packed_people(people: Iterable[int]) -> bytes:
    """People's marks, as they are written."""
    return array("I", sorted(set(people))).tobytes()


def unpacked_people(marks: bytes) -> set[int]:
    """People's marks, as they were written."""
    people = array("I")
    people.frombytes(marks)
    return set(people)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rows of a piece that are read."""

    people: set[int]
    """All rows of these people (``mark_of``),"""
    lines: set[int]
    """and those of these lines, which are new."""


class Told(Protocol):
    """What a sink has been told so far."""

    remarks: int
    """How many notes and rejects."""

    def passed_over(self, emails: Sequence[str], grades: Mapping[str, int], rows: int) -> None:
        """So many rows were not read, with these addresses and grades: they count as if they had been."""


class RowChoice:
    """Chooses the rows of a piece; and finds out whether its rows can be compared with tomorrow's."""

    def __init__(self, stem: str, told: Told, chosen: Chosen | None) -> None:
        """All rows are read where nothing is ``chosen``."""
        self._stem = stem
        self._told = told
        self._chosen = chosen
        self._said = 0
        self._marks = _Marks()
        self.is_plain = True
        """Whether each row is a line, nothing is to be said of any, and how it is read depends on no other row."""
        self.passed_over = 0
        """How many rows were not read."""

    def choose[L: LinesOfFile](self, table: ColumnsOfFile[L], lines: range, block: L) -> tuple[Sequence[int], L]:
        """The lines of a block that are read, and the block with those alone."""
        chosen = self._chosen
        if chosen is None:
            return lines, block
        cells = table.cells_of(block, (_WHOSE[self._stem], *_BESIDE[self._stem]))
        if cells is None:
            # The rows are read, and by them it is seen that more must be.
            return lines, block
        marks = self._marks
        if len(marks) > _MOST_KEPT:
            marks.clear()
        people = map(marks.__getitem__, cells[0])
        # Of a row that is empty nobody is told.
        is_read = [not person or person in chosen.people for person in people]
        for line in chosen.lines.intersection(lines):
            is_read[line - lines.start] = True
        if lines.start <= table.header_line:
            is_read[: table.header_line - lines.start + 1] = [True] * (table.header_line - lines.start + 1)
        if all(is_read):
            return lines, block
        passed = [not each for each in is_read]
        number = sum(passed)
        self.passed_over += number
        if self._stem == USERS:
            emails, grades = (list(compress(column, passed)) for column in cells[1:])
            self._told.passed_over(emails, Counter(grades) if table.has("grades") else {}, number)
        else:
            self._told.passed_over((), {}, number)
        return (list(compress(lines, is_read)), block.only(is_read)) if number < len(block) else ((), block)

    def begin(self) -> None:
        """Rows of a plain block are handed over."""
        self._said = self._told.remarks

    def end(self, columns: Mapping[str, list[str]]) -> None:
        """They were taken."""
        if self._told.remarks != self._said or any(map(is_ambiguous, set(columns.get("endDate", ())))):
            self.is_plain = False

    def not_plain(self) -> None:
        """Rows follow that are not plain."""
        self.is_plain = False


class _Marks(dict[str, int]):
    """The marks of ids that come many times."""

    def __missing__(self, key: str) -> int:
        self[key] = mark = mark_of(key)
        return mark
