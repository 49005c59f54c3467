"""Who had a place in a class that an import notes as past: the people of one shard."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from functions.import_step.class_history import PlacesOfClass
from functions.import_step.plan import Import
from functions.import_step.records import sourced_id_of
from functions.import_step.working_files import PEOPLE
from shared.domain.matching import Person
from shared.domain.past_class import KEPT_DAYS, PastPlace
from shared.domain.roster import NumberKind, RosterUserKey, number_of, person_id


class PlacesOfPeople:
    """The places that an import gives, or takes back, by number and whether the person taught."""

    def __init__(self, import_: Import, by_kind: bool, lines: Iterable[PlacesOfClass]) -> None:
        self._import = import_
        self._by_kind = by_kind
        self._classes: dict[tuple[str, bool], list[str]] = {}
        for line in lines:
            for number in line.numbers:
                self._classes.setdefault((number, line.taught), []).append(line.class_id)

    def __bool__(self) -> bool:
        return bool(self._classes)

    def people(self) -> list[RosterUserKey]:
        """Everybody who has one."""
        return list(dict.fromkeys(self._key(number, taught=taught) for number, taught in self._classes))

    def given(self, stood: Iterable[bytes], today: date) -> Iterator[tuple[RosterUserKey, Person, list[PastPlace]]]:
        """Each person with the places, and as whom the snapshot ``stood`` names them: it is that person's class (M19)."""
        until = (today + timedelta(days=KEPT_DAYS)).isoformat()
        by_person = dict[RosterUserKey, list[PastPlace]]()
        for (number, taught), class_ids in self._classes.items():
            places = (PastPlace(each, self._import.import_id, taught, number, until) for each in class_ids)
            by_person.setdefault(self._key(number, taught=taught), []).extend(places)
        named = {user.person_id: user for user in by_person}
        # Where numbers get kinds with this import, what stands has none.
        named |= {number_of(person): user for person, user in named.items() if self._by_kind}
        for line in stood:
            if user := named.get(sourced_id_of(line)):
                record = PEOPLE.decode(line)
                yield user, Person(record.given_name, record.family_name, record.email), by_person[user]

    def _key(self, number: str, *, taught: bool) -> RosterUserKey:
        kind = (NumberKind.TEACHER if taught else NumberKind.STUDENT) if self._by_kind else ""
        return RosterUserKey.of_person_id(self._import.district_id, person_id(kind, number))
