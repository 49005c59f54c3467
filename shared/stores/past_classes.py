"""Past classes of a district, and who had a place in which: written by the import that ends a class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import batched, chain

from shared.domain.matching import Person
from shared.domain.past_class import KEPT_DAYS, PastPlace, PastPlaces
from shared.domain.roster import DistrictClass, RosterUser, RosterUserKey
from shared.stores.district_class_item import district_class_of
from shared.stores.identifier_index import person_of
from shared.stores.keys import Item, Pair, key_of, pair, past_class_key, past_places_key
from shared.stores.roster_users import RosterUserStore
from shared.stores.table import DynamoTable, Pace, Table

CHUNK = 400
"""Students of one item, as of a class that is current."""
_AT_ONCE = 100
type NamedPast = tuple[str, str]
"""A past class of a district by its id, and the import that noted it."""


class PastClassStore:
    """``PAST_CLASS#d#class / PAST#import`` with people of more than ``CHUNK`` students going on in ``PAST#import#1``, and
    ``PAST`` beside each roster user: the places of that person.

    What was made in a past class lies where it was made, under the name of the class (``since``). A place counts for the person
    who had it, and only until its last day: ``PastPlaces``.
    """

    def __init__(self, table: DynamoTable, pace: Pace | None = None) -> None:
        self._table = Table(table, pace)
        self._users = RosterUserStore(table)

    def write(self, classes: Iterable[DistrictClass], on: date) -> int:
        """Write classes as they were when they ended; ``on`` is the day of the import. Return how many writes were made."""
        ttl = _after(on + timedelta(days=KEPT_DAYS))
        return self._table.write_all((_items(past, ttl), ()) for past in classes)

    def remove(self, classes: Iterable[DistrictClass]) -> int:
        """Take back what an import noted; ``noted_by`` and the students are those that ``write`` was given."""
        return self._table.write_all(((), [key_of(pair(item)) for item in _items(past, 0)]) for past in classes)

    def get(self, district_id: str, named: NamedPast) -> DistrictClass | None:
        """The past class with its students."""
        item = self._table.get(past_class_key(district_id, *named), consistent=False)
        if item is None:
            return None
        more = [past_class_key(district_id, *named, n) for n in range(1, int(item.get("chunks", 1)))]
        chunks = self._table.batch_get(more, consistent=False) if more else {}
        students = [*item.get("student_ids", ()), *chain.from_iterable(chunks[pair(k)]["student_ids"] for k in more)]
        return past_class_of(district_id, named, item, students)

    def get_many(self, district_id: str, named: Iterable[NamedPast]) -> list[DistrictClass]:
        """Past classes without their students; in the order in which they are named."""
        wanted = list(named)
        keys = [past_class_key(district_id, *each) for each in wanted]
        found = self._table.batch_get(keys, consistent=False) if keys else {}
        return past_classes_among(found, district_id, wanted)

    # Who had a place in them.

    def places(self, users: Iterable[RosterUser], today: date) -> dict[RosterUserKey, tuple[PastPlace, ...]]:
        """The places of people as they are on the roster now, that can be looked at today; of those who have any."""
        by_key = {user.key: user for user in users}
        return _shown(self._places(by_key), by_key, today)

    def every_place(self, user: RosterUserKey) -> tuple[PastPlace, ...]:
        """All places that are noted beside a roster user, whoever had them: what is held of a person (docs/personal-data.md)."""
        found = self._places([user])
        return found[user].places if user in found else ()

    def students(self, past: DistrictClass, today: date) -> dict[RosterUserKey, RosterUser]:
        """Its students as they are on the roster now, under whatever number; nobody who got a number of theirs since."""
        named = past.sourced_id, past.noted_by
        found = self._users.get_many(past.student_keys)
        places = self.places(found.values(), today)
        here = {key: user for key, user in found.items() if _attended(places.get(key, ()), named, key.sourced_id)}
        return here | self._followed([key for key in past.student_keys if key not in here], named, today)

    def _followed(self, keys: list[RosterUserKey], named: NamedPast, today: date) -> dict[RosterUserKey, RosterUser]:
        """Those of them who have got another number since."""
        moved = self._users.get_moved(keys) if keys else {}
        places = self.places(moved.values(), today)
        return {
            user.key: user
            for then, user in moved.items()
            if _attended(places.get(user.key, ()), named, then.sourced_id)
        }

    def add_places(self, more: Iterable[tuple[RosterUserKey, Person, list[PastPlace]]], today: date) -> int:
        """Give people places; each comes with who it is. May be run again. Return how many writes were made."""
        writes = 0
        for some in batched(more, _AT_ONCE, strict=False):
            stood = self._places(user for user, _, _ in some)
            writes += self._table.write_many(
                _places_item(user, stood.get(user, PastPlaces(person, ())).with_places(person, places, today))
                for user, person, places in some
            )
        return writes

    def remove_places(self, users: Iterable[RosterUserKey], noted_by: str) -> int:
        """Take from people the places that one import gave them."""
        writes = 0
        for some in batched(users, _AT_ONCE, strict=False):
            left = {user: stood.without(noted_by) for user, stood in self._places(some).items()}
            writes += self._table.write_many(
                [_places_item(user, stood) for user, stood in left.items() if stood.places],
                [past_places_key(user) for user, stood in left.items() if not stood.places],
            )
        return writes

    def _places(self, users: Iterable[RosterUserKey]) -> dict[RosterUserKey, PastPlaces]:
        keys = {pair(past_places_key(user)): user for user in users}
        found = self._table.batch_get(map(key_of, keys)) if keys else {}
        return {keys[key]: _places_of(item) for key, item in found.items()}


def places_among(
    found: Mapping[Pair, Item], users: Iterable[RosterUser], today: date
) -> dict[RosterUserKey, tuple[PastPlace, ...]]:
    """``PastClassStore.places`` of people, of whom the items were read already."""
    by_key = {user.key: user for user in users}
    items = {key: item for key in by_key if (item := found.get(pair(past_places_key(key))))}
    return _shown({key: _places_of(item) for key, item in items.items()}, by_key, today)


def past_classes_among(found: Mapping[Pair, Item], district_id: str, named: Iterable[NamedPast]) -> list[DistrictClass]:
    """``PastClassStore.get_many``, of classes whose items were read already."""
    keys = {each: pair(past_class_key(district_id, *each)) for each in named}
    return [past_class_of(district_id, each, found[key], ()) for each, key in keys.items() if key in found]


def _shown(
    found: Mapping[RosterUserKey, PastPlaces], users: Mapping[RosterUserKey, RosterUser], today: date
) -> dict[RosterUserKey, tuple[PastPlace, ...]]:
    places = {key: stood.of(person_of(users[key]), today) for key, stood in found.items()}
    return {key: each for key, each in places.items() if each}


def _attended(places: Iterable[PastPlace], named: NamedPast, number: str) -> bool:
    """Whether one of the places is that of a student who had this number then."""
    return any((p.class_id, p.noted_by) == named and not p.taught and p.number == number for p in places)


def _items(past: DistrictClass, ttl: int) -> Iterator[Item]:
    """What is stored of a past class."""
    district_id, class_id, noted_by = past.district_id, past.sourced_id, past.noted_by
    first, *more = list(batched(past.student_ids, CHUNK, strict=False)) or [()]
    yield {
        **past_class_key(district_id, class_id, noted_by),
        "title": past.title,
        "school_id": past.school_id,
        "course_title": past.course_title,
        "class_code": past.class_code,
        "term_title": past.term_title,
        "ends_on": past.ends_on,
        "teacher_ids": list(past.teacher_ids[:CHUNK]),
        "student_ids": list(first),
        "size": past.size,
        "by_kind": past.by_kind or None,
        "since": past.since or None,
        "chunks": len(more) + 1 if more else None,
        "ttl": ttl,
    }
    for number, students in enumerate(more, 1):
        key = past_class_key(district_id, class_id, noted_by, number)
        yield {**key, "student_ids": list(students), "ttl": ttl}


def past_class_of(district_id: str, named: NamedPast, item: Item, students: Iterable[str]) -> DistrictClass:
    class_id, noted_by = named
    return district_class_of(district_id, class_id, item, students, noted_by)


def _places_item(user: RosterUserKey, places: PastPlaces) -> Item:
    """Places that one import gave stand together: its name, and the number and the last day, are said once."""
    by_import: dict[str, Item] = {}
    for place in places.places:
        noted = by_import.setdefault(place.noted_by, {"number": place.number, "until": place.until})
        noted.setdefault("taught" if place.taught else "attended", []).append(place.class_id)
    last = max((date.fromisoformat(place.until) for place in places.places), default=date.min)
    return {
        **past_places_key(user),
        "given_name": places.person.given_name,
        "family_name": places.person.family_name,
        "email": places.person.official_email,
        "noted": by_import,
        "ttl": _after(last),
    }


def _places_of(item: Item) -> PastPlaces:
    person = Person(item["given_name"], item["family_name"], item.get("email"))
    places = [
        PastPlace(class_id, noted_by, name == "taught", noted["number"], noted["until"])
        for noted_by, noted in item["noted"].items()
        for name in ("taught", "attended")
        for class_id in noted.get(name, ())
    ]
    return PastPlaces(person, tuple(places))


def _after(day: date) -> int:
    """When a day is over everywhere, for the table."""
    return int(datetime.combine(day + timedelta(days=2), time.min, UTC).timestamp())
