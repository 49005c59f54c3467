"""Counts how far people are, from the records of the table's stream: each once, whatever comes again (B7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import tzinfo

from shared.domain.clock import Clock
from shared.domain.roster import RosterUserKey
from shared.runtime.dynamodb import plain
from shared.runtime.events import Record
from shared.stores.counted_items import difference, facts_of, person_of_item
from shared.stores.counts import Change, CountStore, at_of
from shared.stores.keys import Item, district_of_pk, is_settings
from shared.stores.people_counted import PeopleCounted


class KeepCounters:
    """Takes the records of a batch together, so that a million new people are few writes. May be run again."""

    def __init__(
        self, counts: CountStore, people: PeopleCounted, zone_of: Callable[[str], tzinfo | None], *, clock: Clock
    ) -> None:
        """``zone_of`` says in which time zone a district's days are; None where there is no such district any more."""
        self._counts = counts
        self._people = people
        self._zone_of = zone_of
        self._clock = clock

    def run(self, records: Iterable[Record]) -> int:
        """Count what these records changed. Return how many of them changed a count."""
        changes: list[Change] = []
        people: set[RosterUserKey] = set()
        for record in records:
            told = record["dynamodb"]
            old, new = _image(told.get("OldImage")), _image(told.get("NewImage"))
            item = new or old
            if item is None:
                continue
            person = person_of_item(item)
            if person is None:
                self._begin(old, new)
                continue
            before, after = facts_of(old), facts_of(new)
            if before == after:
                continue
            people.add(person)
            if numbers := difference(before, after):
                at = at_of(told["ApproximateCreationDateTime"])
                changes.append(Change(record["eventID"], person.district_id, at, numbers))
        self._counts.add(changes)
        self._people.put_right(people)
        for district_id in {change.district_id for change in changes}:
            self._fold(district_id)
        return len(changes)

    def _fold(self, district_id: str) -> None:
        """Once a day, when something is counted: days that are over for good become history."""
        now = self._clock()
        if self._counts.is_to_be_folded(district_id, now) and (zone := self._zone_of(district_id)):
            self._counts.fold(district_id, zone, now)

    def _begin(self, old: Item | None, new: Item | None) -> None:
        """A district whose settings are new has nobody yet: its counts begin."""
        if old is None and new is not None and is_settings(new):
            self._counts.begin(district_of_pk(str(new["PK"])))


def _image(image: object) -> Item | None:
    return {name: plain(value) for name, value in image.items()} if isinstance(image, dict) and image else None
