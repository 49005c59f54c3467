"""The people of a shard who are passed over on a night: they are counted together, and their lines are passed on as they lie.

Beside the people of each shard, a snapshot keeps what they come to (``PeopleCount``). What those of whom rows are read come to is
taken from it: the rest are the others. Lines stand in the order of their ids, so whoever is touched is found by halves; nobody
else's line is looked at, but where somebody may share an address, or a class is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from itertools import compress
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

    def __init__(self, snapshot: bytes, counted: PeopleCount | None, touched: Iterable[str]) -> None:
        """``snapshot`` has the lines of everybody who stands, ``counted`` is what they come to; ``touched`` are the ids of those of
        whom rows are read, and of others who may have left. Raises UntouchedRows where it is not the shard that was counted."""
        self._body = snapshot
        if counted is None or not counted.is_of(snapshot):
            raise UntouchedRows
        self._places: list[tuple[int, int]] = []
        """From where to where the lines of touched people go."""
        self._at = 0
        self._next = 0
        self.touched = self._lines_of(touched)
        """The lines of those of whom rows are read, by id."""
        self.count = counted.copy()
        """What the others come to."""
        for line in self.touched.values():
            self.count.add(_unpacked(line), -1)

    def _lines_of(self, ids: Iterable[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        low, keys = 0, sorted({person.encode(): person for person in ids}.items())
        apart = 2 * len(self._body) // (len(keys) + 1)
        for key, person in keys:
            # Whoever follows is mostly not far away.
            while (high := low + apart) < len(self._body) and self._id_at(start := self._line_at(low, high)) < key:
                low = self._body.index(b"\n", start) + 1
            low = self._place_of(key, low, min(high, len(self._body)))
            end = self._body.find(b"\n", low) + 1
            if end and self._id_at(low) == key:
                found[person] = self._body[low:end]
                self._places.append((low, end))
        return found

    def _line_at(self, low: int, offset: int) -> int:
        """Where the line begins in which a byte behind ``low``, where one begins, lies."""
        return max(low, self._body.rfind(b"\n", low, offset) + 1)

    def _place_of(self, key: bytes, low: int, high: int) -> int:
        """Where the first line from ``low`` on begins whose id is not before this one, in UTF-8: so ids have the same order.

        What lies from ``high`` on is not before it.
        """
        body = self._body
        while low < high:
            middle = self._line_at(low, (low + high) // 2)
            if self._id_at(middle) < key:
                low = body.index(b"\n", middle) + 1
            else:
                high = middle
        return low

    def _id_at(self, start: int) -> bytes:
        found = self._body[start + 2 : self._body.index(b'"', start + 2)]
        if b"\\" in found:
            return sourced_id_of(self._body[start : self._body.index(b"\n", start) + 1]).encode()
        return found

    def before(self, key: str) -> memoryview:
        """The lines of those who come before somebody of whom rows are read, and after the one before."""
        start = self._at
        if key in self.touched:
            end, self._at = self._places[self._next]
            self._next += 1
        else:
            end = self._at = self._place_of(key.encode(), start, len(self._body))
        return memoryview(self._body)[start:end]

    def rest(self) -> memoryview:
        """The lines of those who come after everybody of whom rows are read."""
        return memoryview(self._body)[self._at :]

    def name_any(self, class_ids: set[str]) -> bool:
        """Whether somebody who is passed over is in one of these classes; it may be that an id stands for something else."""
        if not class_ids:
            return False
        if len(class_ids) > _MOST_GONE:
            people = map(_unpacked, self._passed().split(b"\n")[:-1])
            return not all(class_ids.isdisjoint(each.class_ids) for person in people for each in person.enrollments)
        together = self._passed()
        return any(encode(class_id) in together for class_id in class_ids)

    def count_into(self, result: PeopleDiff, shared: set[int], sharers: Set[int]) -> None:
        """Count them as people who are as they were; note those who have one of the ``shared`` addresses: they are among the
        ``sharers`` (marks of people)."""
        result.count_unchanged(self.count)
        if not sharers:
            return
        lines = self._passed().split(b"\n")[:-1]
        for line in compress(lines, map(sharers.__contains__, map(crc32, _ids_of(lines)))):
            note_holder_of(line, shared, result, stands=True)

    def _passed(self) -> bytes:
        starts = (0, *(end for _, end in self._places))
        ends = (*(start for start, _ in self._places), len(self._body))
        return b"".join(self._body[start:end] for start, end in zip(starts, ends, strict=True))


def _ids_of(lines: list[bytes]) -> list[bytes]:
    """The ids of packed records, in UTF-8."""
    return [line[2 : line.index(b'"', 2)] if b"\\" not in line else sourced_id_of(line).encode() for line in lines]
