"""What the classes of a shard of a snapshot come to: a night counts those that it passes over by it (``standing_classes``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Set

from msgspec import Struct

from functions.import_step.records import ClassRecord, References


class ClassCount(Struct):
    """What classes of a shard come to."""

    classes: int = 0
    schools: dict[str, int] = {}
    """How many each school has."""
    years: dict[str, int] = {}
    """How many are of each school year."""
    ends_on: str = ""
    """The first day, YYYY-MM-DD, on which one of them is over of which that is not noted yet; empty for none."""

    def add(self, records: Iterable[ClassRecord], references: References, times: int = 1) -> None:
        """Count classes; ``times`` -1 takes them away."""
        those = [*records]
        self.classes += times * len(those)
        for schools, number in Counter([record.school_id or "" for record in those]).items():
            self.schools[schools] = self.schools.get(schools, 0) + times * number
        for year, number in Counter(map(references.school_year_of, those)).items():
            self.years[year] = self.years.get(year, 0) + times * number

    def note_ends(self, records: Iterable[ClassRecord], noted: Set[str]) -> None:
        """Note when classes are over; ``noted`` are those that have a history, at which every import looks."""
        ends = {record.ends_on for record in records if record.sourced_id not in noted}
        self.ends_on = min(filter(None, (*ends, self.ends_on)), default="")

    def copy(self) -> ClassCount:
        """The same, to be changed."""
        return ClassCount(self.classes, dict(self.schools), dict(self.years), self.ends_on)
