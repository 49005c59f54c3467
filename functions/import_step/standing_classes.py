"""The classes of a shard that are passed over on a night: they are counted together, and their lines are passed on as they lie.

Beside the classes of each shard, a snapshot keeps what they come to (``ClassCount``), as it does of people.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Set
from functools import cached_property

from msgspec.json import Decoder

from functions.import_step.class_count import ClassCount
from functions.import_step.compare_classes import ClassDiff
from functions.import_step.records import ClassRecord, References, packed, sourced_id_of
from functions.import_step.row_marks import mark_of
from functions.import_step.standing_people import UntouchedRows

_unpacked = Decoder(ClassRecord).decode


class PassedClasses:
    """The classes of a shard of which no row is read."""

    def __init__(self, snapshot: bytes, counted: ClassCount | None, touched: Set[int], references: References) -> None:
        """``snapshot`` has the lines of all classes that stand, ``counted`` is what they come to; ``touched`` are the marks of
        those of which rows are read. Raises UntouchedRows where what they come to is not known."""
        self._body = snapshot
        if counted is None or counted.classes != snapshot.count(b"\n"):
            raise UntouchedRows
        self._marks = touched
        ids = [class_id for class_id in self._lines if mark_of(class_id) in touched] if touched else []
        self.touched = [_unpacked(self._lines[class_id]) for class_id in ids]
        """Those of which rows are read."""
        self.count = counted.copy()
        """What the others come to."""
        self.count.add(self.touched, references, -1)
        self.looked_at: list[ClassRecord] = []
        """Those of the others that may be past."""

    @cached_property
    def _lines(self) -> dict[str, bytes]:
        """The lines by id; on most nights nobody asks."""
        return {sourced_id_of(line): line for line in io.BytesIO(self._body)}

    def count_into(self, result: ClassDiff) -> None:
        """Count them as classes that are as they were. Raises UntouchedRows where there is a row of one of them."""
        if any(new and mark_of(new.sourced_id) not in self._marks for _, new in result.pairs):
            raise UntouchedRows
        result.stand += self.count.classes
        result.classes.read += self.count.classes
        result.classes.unchanged += self.count.classes
        result.stood = {school: number for school, number in self.count.schools.items() if number}
        years = (year for year, number in self.count.years.items() if number)
        result.school_year = max(result.school_year, *years, "")

    def look_at(self, ids: Iterable[str], on: str) -> None:
        """Look at these classes, which have a history, as far as they are passed over; at all, once one without is over. ``on`` is
        today, YYYY-MM-DD."""
        named = {*ids}
        asked = self._lines.keys() & named if named else set()
        if self.count.ends_on and self.count.ends_on <= on:
            asked, self.count.ends_on = {*self._lines}, ""
        asked -= {record.sourced_id for record in self.touched}
        self.looked_at = [_unpacked(self._lines[class_id]) for class_id in asked]

    def standing(self, result: ClassDiff) -> bytearray:
        """All classes afterwards: lines in the order of their ids."""
        if not result.pairs:
            return bytearray(self._body)
        lines, has_new = dict(self._lines), False
        for old, new in result.pairs:
            if new is None:
                lines.pop(old.sourced_id if old else "", None)
            elif old is None or new != old:
                has_new |= old is None
                lines[new.sourced_id] = packed(new)
        return bytearray().join(map(lines.__getitem__, sorted(lines)) if has_new else lines.values())


def class_count(result: ClassDiff, references: References, noted: Set[str], passed: PassedClasses | None) -> ClassCount:
    """What the classes of a shard come to afterwards; ``noted`` are those that have a history."""
    count = passed.count if passed else ClassCount(schools={}, years={})
    after = [new for _, new in result.pairs if new]
    count.add(after, references)
    count.note_ends((*after, *(passed.looked_at if passed else ())), noted)
    return count
