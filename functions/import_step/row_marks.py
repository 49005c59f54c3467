"""Whom, or which class, each line of a file is about, in 32 bits: by these a night finds all rows of some without taking any row
apart.

A mark chooses rows that are read, and says nothing else: two people with the same one are looked at together.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Container, Iterable, Sequence, Set
from itertools import compress
from operator import mul, sub
from zlib import crc32

import msgspec

_MOST_WORDS = 250
"""Grades that a piece of users.csv may name."""


def mark_of(key: str) -> int:
    """32 bits of the id of a person, or of a class. Two with the same are looked at together."""
    return crc32(key.encode())


def packed_people(people: Iterable[int]) -> bytes:
    """People's marks, as they are written."""
    return array("I", sorted(set(people))).tobytes()


def unpacked_people(marks: bytes) -> set[int]:
    """People's marks, as they were written."""
    people = array("I")
    people.frombytes(marks)
    return set(people)


class _Head(msgspec.Struct, array_like=True):
    first: int
    lines: int
    words: list[str]
    tells_more: bool


type Piece = tuple[RowMarks, int, int]
"""Marks, and for which of their lines: from one up to another."""


class RowMarks:
    """Of each line of a piece of a file, whom it is about; of users.csv the address and the grade, too.

    A line of which no row was taken, a blank one or the header, has the mark 0.
    """

    def __init__(self, first: int = 1, *, tells_more: bool = False) -> None:
        """``first`` is the number of the piece's first line; ``tells_more`` is true of users.csv."""
        self.first = first
        self.marks = array("I")
        self.addresses = array("I")
        """A hash of each row's address (``one_person``); 0 for none."""
        self.grades = array("B")
        """Of each row the place of its grade among ``words``; 0 for one that is not told."""
        self.words = [""]
        self.tells_more = tells_more
        self.fits = True
        """Whether all of it could be noted."""

    def of_rows(self, lines: Sequence[int], marks: Sequence[int]) -> None:
        """Note of whom the rows on these lines are."""
        self._note(self.marks, lines, marks)

    def of_runs(self, lines: Sequence[int], marks: Sequence[int], starts: Sequence[int], ends: Sequence[int]) -> None:
        """The same, where rows that follow each other are of one person: those from each start up to its end."""
        # A mark's bytes as often as its rows are: no row is an object.
        body = array("I", marks).tobytes()
        each = [body[at : at + 4] for at in range(0, len(body), 4)]
        self._note(self.marks, lines, array("I", b"".join(map(mul, each, map(sub, ends, starts)))))

    def of_addresses(self, lines: Sequence[int], addresses: Sequence[int]) -> None:
        """Note the addresses of the rows on these lines."""
        self._note(self.addresses, lines, addresses)

    def of_grades(self, lines: Sequence[int], grades: Sequence[str]) -> None:
        """Note the grades of the rows on these lines."""
        self.words += sorted({*grades}.difference(self.words))
        if len(self.words) > _MOST_WORDS:
            self.fits = False
            return
        places_of = {word: place for place, word in enumerate(self.words)}
        told = array("B", map(places_of.__getitem__, grades))
        self._note(self.grades, lines, told)

    def _note(self, of: array[int], lines: Sequence[int], told: Sequence[int]) -> None:
        if not lines:
            return
        start, end = lines[0] - self.first, lines[-1] - self.first + 1
        _fill(of, end)
        if end - start == len(lines):
            of[start:end] = array(of.typecode, told)
            return
        for line, each in zip(lines, told, strict=True):
            of[line - self.first] = each

    @classmethod
    def together(cls, first: int, pieces: Iterable[Piece], *, tells_more: bool) -> RowMarks:
        """The marks of lines of other pieces, one behind the other; ``first`` is the number of the first line here."""
        found = cls(first, tells_more=tells_more)
        those = [(marks, start, end) for marks, start, end in pieces if start < end]
        of = {id(marks): marks for marks, _, _ in those}
        for marks in of.values():
            marks.fill(max(end for each, _, end in those if each is marks))
        found.marks.frombytes(_joined({key: marks.marks.tobytes() for key, marks in of.items()}, those, 4))
        if tells_more:
            found.addresses.frombytes(_joined({key: marks.addresses.tobytes() for key, marks in of.items()}, those, 4))
            grades = {key: marks.grades.tobytes().translate(found._places_of(marks.words)) for key, marks in of.items()}
            found.grades.frombytes(_joined(grades, those, 1))
        return found

    def fill(self, end: int) -> None:
        """Note nothing of the lines that are not noted yet, up to this one."""
        size = end - self.first
        _fill(self.marks, size)
        if self.tells_more:
            _fill(self.addresses, size)
            _fill(self.grades, size)

    def _places_of(self, words: list[str]) -> bytes:
        """For each place among another one's words the place here."""
        self.words += [word for word in words if word not in self.words]
        self.fits = self.fits and len(self.words) <= _MOST_WORDS
        return bytes(min(self.words.index(word), 255) for word in words).ljust(256, b"\0")

    def between(self, first: int, end: int) -> array[int]:
        """The marks of the lines from ``first`` up to ``end``."""
        found = self.marks[first - self.first : end - self.first]
        _fill(found, end - first)
        return found

    def passed(self, read: Iterable[int]) -> Counter[str]:
        """The grades of all lines but those that are read."""
        if not self.tells_more:
            return Counter()
        known = range(self.first, self.first + len(self.marks))
        grades = Counter(self.grades)
        grades.subtract(self.grades[line - self.first] for line in read if line in known)
        return Counter({self.words[code]: number for code, number in grades.items() if number})

    def count(self, addresses: Set[int]) -> Counter[int]:
        """How many rows name each of these addresses."""
        return Counter(compress(self.addresses, map(addresses.__contains__, self.addresses)))

    def sharing(self, addresses: Container[int]) -> set[int]:
        """The people whose rows name one of these addresses."""
        return {*compress(self.marks, map(addresses.__contains__, self.addresses))}

    def packed(self) -> bytes:
        """As they are written."""
        head = msgspec.json.encode(_Head(self.first, len(self.marks), self.words, self.tells_more))
        more = (self.addresses, self.grades) if self.tells_more else ()
        for of in more:
            _fill(of, len(self.marks))
        return b"".join((head, b"\n", self.marks.tobytes(), *(of.tobytes() for of in more)))

    @classmethod
    def unpacked(cls, body: bytes) -> RowMarks:
        """As they were written."""
        head_size = body.index(b"\n") + 1
        head = msgspec.json.decode(body[:head_size], type=_Head)
        marks = cls(head.first, tells_more=head.tells_more)
        # All of its lines are noted (``packed``).
        size = marks.marks.itemsize * head.lines
        marks.marks.frombytes(body[head_size : head_size + size])
        if head.tells_more:
            marks.words = head.words
            marks.addresses.frombytes(body[head_size + size : head_size + 2 * size])
            marks.grades.frombytes(body[head_size + 2 * size :])
        return marks


def _fill(of: array[int], size: int) -> None:
    """Let there be so many at least."""
    of.frombytes(bytes(of.itemsize * max(0, size - len(of))))


def _joined(bodies: dict[int, bytes], pieces: list[Piece], size: int) -> bytes:
    """Of these bodies, by the ids of their marks, the parts for some lines; ``size`` is a line's."""
    views = {key: memoryview(body) for key, body in bodies.items()}
    return b"".join(
        views[id(marks)][size * (start - marks.first) : size * (end - marks.first)] for marks, start, end in pieces
    )
