"""The people of a shard who are passed over on a night: they are counted together, and their lines are passed on as they lie.

Beside the people of each shard, a snapshot keeps what they come to (``PeopleCount``). What those of whom rows are read come to is
taken from it: the rest are the others. None of their records is unpacked.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Set
from itertools import compress
from operator import ge, not_
from zlib import crc32

from msgspec.json import Decoder, encode

from functions.import_step.people_count import PeopleCount
from functions.import_step.people_diff import PeopleDiff, note_holder_of
from functions.import_step.records import PersonRecord, sourced_id_of

_MOST_GONE = 50
"""Classes that are looked for in the lines of a shard; where more are gone, records are unpacked."""
_unpacked = Decoder(PersonRecord).decode


class UntouchedRows(Exception):
    """There are rows of somebody who was to be as before, or nothing stands of them: then all rows are to be read."""


class PassedOver:
    """The people of a shard of whom no row is read, in the order of their ids."""

    def __init__(self, snapshot: Iterable[bytes], counted: PeopleCount, touched: Set[int], sharers: Set[int]) -> None:
        """``snapshot`` are the lines of everybody who stands, ``counted`` is what they come to; ``touched`` are the marks of those
        of whom rows are read, ``sharers`` of those who may have an address that others have, too."""
        self._lines = [*snapshot]
        self._ids = _ids_of(self._lines)
        marks = [*map(crc32, self._ids)]
        self._is_touched = [*map(touched.__contains__, marks)]
        self._sharing = [*compress(self._lines, map((sharers - touched).__contains__, marks))] if sharers else []
        self._at = 0
        self.touched = {sourced_id_of(line): line for line in compress(self._lines, self._is_touched)}
        """The lines of those of whom rows are read, by id."""
        self.count = counted.copy()
        """What the others come to."""
        for line in self.touched.values():
            self.count.add(_unpacked(line), -1)
        if self.count.people != len(self._lines) - len(self.touched) or any(map(ge, self._ids, self._ids[1:])):
            # It is not the shard that was counted.
            raise UntouchedRows

    def before(self, key: str) -> bytes:
        """The lines of those who come before somebody of whom rows are read, and after the one before."""
        start, self._at = self._at, bisect_left(self._ids, key.encode(), self._at)
        lines = b"".join(self._lines[start : self._at])
        self._at += key in self.touched
        return lines

    def rest(self) -> bytes:
        """The lines of those who come after everybody of whom rows are read."""
        return b"".join(self._lines[self._at :])

    def name_any(self, class_ids: set[str]) -> bool:
        """Whether somebody who is passed over is in one of these classes; it may be that an id stands for something else."""
        if not class_ids:
            return False
        if len(class_ids) > _MOST_GONE:
            people = map(_unpacked, self._passed())
            return not all(class_ids.isdisjoint(each.class_ids) for person in people for each in person.enrollments)
        together = b"".join(self._passed())
        return any(encode(class_id) in together for class_id in class_ids)

    def count_into(self, result: PeopleDiff, shared: set[int]) -> None:
        """Count them as people who are as they were; note those who have one of the ``shared`` addresses."""
        result.count_unchanged(self.count)
        for line in self._sharing:
            note_holder_of(line, shared, result, stands=True)

    def _passed(self) -> Iterator[bytes]:
        return compress(self._lines, map(not_, self._is_touched))


def _ids_of(lines: list[bytes]) -> list[bytes]:
    """The ids of packed records, in UTF-8: so they have the same order."""
    return [line[2 : line.index(b'"', 2)] if b"\\" not in line else sourced_id_of(line).encode() for line in lines]
