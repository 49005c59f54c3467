"""Counts how far people are, from the records of the table's stream: each once, whatever comes again (B7)."""

from __future__ import annotations

from collections.abc import Iterable

from shared.domain.roster import RosterUserKey
from shared.runtime.dynamodb import plain
from shared.runtime.events import Record
from shared.stores.counted_items import difference, facts_of, person_of_item
from shared.stores.counts import Change, CountStore, at_of
from shared.stores.keys import Item, district_of_pk, settings_key
from shared.stores.people_counted import PeopleCounted


class KeepCounters:
    """Takes the records of a batch together, so that a million new people are few writes. May be run again."""

    def __init__(self, counts: CountStore, people: PeopleCounted) -> None:
        self._counts = counts
        self._people = people

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
        return len(changes)

    def _begin(self, old: Item | None, new: Item | None) -> None:
        """A district whose settings are new has nobody yet: its counts begin."""
        if old is None and new is not None:
            district_id = district_of_pk(str(new["PK"]))
            if (new["PK"], new["SK"]) == tuple(settings_key(district_id).values()):
                self._counts.begin(district_id)


def _image(image: object) -> Item | None:
    return {name: plain(value) for name, value in image.items()} if isinstance(image, dict) and image else None
