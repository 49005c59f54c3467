"""The truth about the funnels: what the items of the whole table say, whatever was counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator
from itertools import batched

from shared.domain.funnel import CountKey, Counts
from shared.domain.roster import RosterUserKey
from shared.stores.counted_items import facts_of, person_of_item
from shared.stores.counts import CountStore
from shared.stores.keys import Item, district_of_pk, is_settings
from shared.stores.people_counted import PeopleCounted
from shared.stores.table import DynamoTable, Table

_AT_ONCE = 1_000


class Recount:
    """Reads the whole table: for a district that an earlier version began, and for when something went wrong."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)
        self._counts = CountStore(table)
        self._people = PeopleCounted(table)

    def differences(self, districts: Container[str] | None = None) -> dict[str, Counts]:
        """By district what its counts lack, negative where they have too much: nothing where they are right. What is written
        meanwhile, or was not counted yet, is among it. None for all districts."""
        truth: dict[str, Counter[CountKey]] = {}
        for item in self._table.scan():
            if is_settings(item):
                truth.setdefault(district_of_pk(str(item["PK"])), Counter())
            elif person := person_of_item(item):
                truth.setdefault(person.district_id, Counter()).update(facts_of(item).counts)
        return {
            district_id: Counts.of(found) - self._counts.of_district(district_id).counts
            for district_id, found in sorted(truth.items())
            if districts is None or district_id in districts
        }

    def put_right(self, districts: Container[str]) -> int:
        """Have every item of these districts say as whom its person is counted. Return how many said something else; the
        stream counts what comes of it."""
        return sum(self._people.put_right(some) for some in batched(self._people_of(districts), _AT_ONCE, strict=False))

    def _people_of(self, districts: Container[str]) -> Iterator[RosterUserKey]:
        """Whoever has more than a place on the roster."""
        for item in self._table.scan():
            person = person_of_item(item)
            if person and person.district_id in districts and not _is_roster(item):
                yield person


def _is_roster(item: Item) -> bool:
    return str(item["SK"]) == "ROSTER"
