"""The names of a district's people, sorted: one file beside the snapshot, of which a search reads a part.

A line stands for a word of somebody's name, in the order of the words. The table keeps where in the file words begin with which
letters, for each 64 KB or so.
"""

from __future__ import annotations

import json
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from msgspec import Struct
from msgspec.json import Decoder, encode

from shared.domain.person_name import name_words
from shared.stores.import_files import Extent

NAMES = "names"
"""The file's name among those of its snapshot."""
_BLOCK = 65_536
"""Bytes of the file for which there is one place at least."""
_LETTERS = 8
"""Letters by which a place is known."""
_LAST = "\U0010ffff"
"""Comes after every letter."""


class NameLine(Struct, array_like=True, gc=False):
    """A line of the file: a word of a name, and what lists show of its person."""

    word: str
    person_id: str
    role: str | None
    given_name: str
    family_name: str
    school_ids: list[str]

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}".strip()


class _Person(Struct, array_like=True, gc=False):
    """The first fields of a person's line in a snapshot, which have stayed the same from the beginning."""

    person_id: str
    role: str | None
    given_name: str
    family_name: str
    email: str | None
    username: str | None
    clever_ids: list[str]
    school_ids: list[str]


_person = Decoder(_Person).decode
_line = Decoder(NameLine).decode


def words_and_lines(people: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """The lines of people, as a snapshot holds them: each word of a name with its line. Lines sort as their words do."""
    words_of = cache(name_words)
    for each in people:
        person = _person(each)
        rest = encode(
            (person.person_id, person.role, person.given_name, person.family_name, person.school_ids),
        )[1:]
        for word in dict.fromkeys((*words_of(person.given_name), *words_of(person.family_name))):
            # A word holds nothing that JSON writes otherwise.
            yield word, b'["' + word.encode() + b'",' + rest + b"\n"


def name_lines(body: bytes) -> Iterator[NameLine]:
    """The lines of a part of the file, but for one that is cut off at its end and for those of people who were forgotten."""
    return (_line(line) for line in body[: body.rfind(b"\n") + 1].split(b"\n") if line.strip())


@dataclass(frozen=True, slots=True)
class NamePlaces:
    """Where in the file words begin with which letters."""

    beginnings: list[str]
    """The first letters of the words that lines begin with, sorted."""
    offsets: list[int]
    """Where the first such line lies, in bytes."""
    size: int
    """Bytes of the whole file."""

    def of(self, beginning: str) -> Extent:
        """What part of the file has all words with this beginning, and few others."""
        letters = beginning[:_LETTERS]
        before = bisect_left(self.beginnings, letters) - 1
        after = bisect_left(self.beginnings, letters + _LAST)
        start = self.offsets[before] if before >= 0 else 0
        end = self.offsets[after] if after < len(self.offsets) else self.size
        return start, end - start

    def packed(self) -> bytes:
        """As the table keeps it."""
        steps = [self.size, *(b - a for a, b in zip([0, *self.offsets], self.offsets, strict=False))]
        return zlib.compress(json.dumps([self.beginnings, steps], ensure_ascii=False).encode())

    @classmethod
    def unpacked(cls, packed: bytes) -> NamePlaces:
        beginnings, (size, *steps) = json.loads(zlib.decompress(packed))
        offsets, at = [], 0
        for step in steps:
            at += step
            offsets.append(at)
        return cls(beginnings, offsets, size)


class PlacesBuilder:
    """Notes places while the lines of the file are written."""

    def __init__(self) -> None:
        self._beginnings: list[str] = []
        self._offsets: list[int] = []
        self._size = 0
        self._next = 0

    def add(self, lines: Iterable[bytes]) -> None:
        """Go over the next lines of the file."""
        size, following = self._size, self._next
        for line in lines:
            if size >= following:
                beginning = line[2 : line.index(b'"', 2)].decode()[:_LETTERS]
                if not self._beginnings or self._beginnings[-1] != beginning:
                    self._beginnings.append(beginning)
                    self._offsets.append(size)
                    following = size + _BLOCK
            size += len(line)
        self._size, self._next = size, following

    def places(self) -> NamePlaces:
        return NamePlaces(self._beginnings, self._offsets, self._size)
