"""The district classes of people, with what is made in them and those that are past: two reads, however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from shared.domain.account import Assignment, Goal
from shared.domain.roster import DistrictClass, RosterUser, RosterUserKey
from shared.stores.class_work import ClassWorkStore, work_of
from shared.stores.district_class_item import district_class_of
from shared.stores.keys import (
    Item,
    Key,
    Pair,
    class_key,
    class_pk,
    pair,
    past_class_key,
    past_places_key,
    work_list_key,
    work_lists_key,
)
from shared.stores.past_classes import past_classes_among, places_among
from shared.stores.table import DynamoTable, Put, Table

type Named = tuple[str, str]
"""A class: its district and its id."""
type Work = tuple[list[Goal], list[Assignment]]


@dataclass(frozen=True, slots=True)
class PeoplesClasses:
    """Classes without their students, goals and assignments of those that somebody attends, and past classes by person."""

    classes: Mapping[Named, DistrictClass] = field(default_factory=dict)
    work: Mapping[Named, Work] = field(default_factory=dict)
    past: Mapping[RosterUserKey, list[DistrictClass]] = field(default_factory=dict)

    def of(self, user: RosterUser) -> dict[str, DistrictClass]:
        """This person's classes by id, those that are taught first."""
        ids = dict.fromkeys((*user.teaches, *user.attends))
        return {each: found for each in ids if (found := self.classes.get((user.district_id, each)))}


class PeoplesClassesStore:
    """Reads what ``DistrictClassStore``, ``ClassWorkStore`` and ``PastClassStore`` write.

    ``WORK`` of a class lists its goals and assignments. An earlier version made them without: a district whose classes it wrote has
    no ``WORK_LISTS``, and costs a read more for each class.
    """

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)
        self._work = ClassWorkStore(table)

    def begin_lists(self, district_id: str) -> None:
        """Note that all that is made in this district's classes is listed: it has no classes yet."""
        self._table.write(Put(work_lists_key(district_id)))

    def of_people(self, users: Iterable[RosterUser], today: date) -> PeoplesClasses:
        """The classes of people of any districts."""
        people = list(users)
        found = self._table.batch_get(_first_keys(people), consistent=False) if people else {}
        classes = {
            (user.district_id, class_id): district_class_of(user.district_id, class_id, item, ())
            for user in people
            for class_id in (*user.teaches, *user.attends)
            if (item := found.get(pair(class_key(user.district_id, class_id))))
        }
        attended = {
            named: classes[named]
            for user in people
            for class_id in user.attends
            if (named := (user.district_id, class_id)) in classes
        }
        places = places_among(found, people, today)
        past = {key: [(place.class_id, place.noted_by) for place in each] for key, each in places.items()}
        listed = {named: of_class for named, of_class in attended.items() if pair(work_lists_key(named[0])) in found}
        further = [past_class_key(key.district_id, *named) for key, each in past.items() for named in each]
        further += [key for named in listed for key in _listed_keys(found, named)]
        more = self._table.batch_get(further, consistent=False) if further else {}
        return PeoplesClasses(
            classes,
            {named: self._work_of(named, each, more if named in listed else None) for named, each in attended.items()},
            {key: past_classes_among(more, key.district_id, each) for key, each in past.items()},
        )

    def _work_of(self, named: Named, of_class: DistrictClass, read: Mapping[Pair, Item] | None) -> Work:
        """What is made in a class: among the items that were ``read``, or at a read of its own."""
        if read is None:
            return self._work.of_class(*named, of_class.since)
        return work_of((item for (pk, _), item in read.items() if pk == class_pk(*named)), of_class.since)


def _first_keys(people: list[RosterUser]) -> list[Key]:
    keys = [past_places_key(user.key) for user in people]
    for user in people:
        keys += [class_key(user.district_id, class_id) for class_id in (*user.teaches, *user.attends)]
        keys += [work_list_key(user.district_id, class_id) for class_id in user.attends]
        keys += [work_lists_key(user.district_id)] if user.attends else []
    return keys


def _listed_keys(found: Mapping[Pair, Item], named: Named) -> list[Key]:
    """The keys of the goals and assignments that a class's list names."""
    listed = found.get(pair(work_list_key(*named)), {})
    return [{"PK": class_pk(*named), "SK": sk} for sk in sorted(listed.get("ids", ()))]
