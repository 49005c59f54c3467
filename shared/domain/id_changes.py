"""People under new numbers: who of those that are gone from a roster is who of those that came (B11).

A new student information system numbers everybody anew. Nothing is guessed: a pair is found where something that only one
of those who are gone and only one of those who came has is equal, and the names do not speak against it; or where the name is
equal and the same people are in their classes. Each stage takes time in proportion to the people.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from shared.domain.matching import Person, is_somebody_else
from shared.domain.person_name import name_parts
from shared.domain.roster import Role, number_of

HANDFUL = 5
"""So many numbers may change in a night without a person's word; more are held as ``ids_changed``."""
_MANY = 20
"""From so many people on it may be that everybody has another address."""
_MOST_COMPARED = 10_000
"""Pairs of one name that are compared; of a name that more people have nobody is found by it."""
_LARGEST_CLASS = 400
"""Known people of a class beyond which it says nothing of who is who: an assembly, a whole school."""


class Ground(StrEnum):
    """What says that two numbers are one person's."""

    MAP = "map"
    """The district's own map of old and new numbers."""
    NUMBER = "number"
    """The number is the same, and only its kind is another: the roster came in another format."""
    CLEVER_ID = "clever_id"
    ADDRESS = "address"
    LOCAL_PART = "local_part"
    """The official address but for its domain, and the name."""
    USERNAME = "username"
    """The username and the name."""
    CLASS_COMPANY = "class_company"
    """The name, and who is in the person's classes."""
    SCHOOL = "school"
    """The name, which only one person of the district has, and the school; where everybody is numbered anew."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a roster says of a person. ``person_id`` is the number, with its kind where it has one."""

    person_id: str
    role: Role
    given_name: str
    family_name: str
    official_email: str | None = None
    username: str | None = None
    clever_ids: tuple[str, ...] = ()
    school_ids: tuple[str, ...] = ()
    class_ids: tuple[str, ...] = ()

    @property
    def person(self) -> Person:
        """Who this is, as M19 compares people."""
        return Person(self.given_name, self.family_name, self.official_email)


@dataclass(frozen=True, slots=True)
class IdChange:
    """One person's number before and since; ``person_id`` texts."""

    old: str
    new: str
    ground: Ground


def may_follow(before: Person, now: Person) -> bool:
    """Whether a link may follow from the one to the other: a map never outweighs the name and the address (M19)."""
    return not is_somebody_else(before, now)


def held_for_ids(learnt: int, stood: int, readdressed: int = 0) -> dict[str, str] | None:
    """The reason why an import waits in which so many of the people who stand have numbers that no map says, or addresses in
    another domain of the district's (``readdressed``); None for a handful."""
    if readdressed > HANDFUL:
        return {
            "code": "ids_changed",
            "message": (
                f"{readdressed} of {stood} people have the same address as before in another mail domain of the district's; "
                f"{learnt} people are listed in id-changes.csv, those with other numbers among them. Nothing was written. Approve "
                "it if the district's domain changed: links, mails that are out and goals follow the people, nobody is removed "
                "and nobody is mailed again. If not, reject it."
            ),
        }
    if learnt <= HANDFUL:
        return None
    return {
        "code": "ids_changed",
        "message": (
            f"{learnt} of {stood} people have other numbers than before, as addresses, names and classes show; id-changes.csv "
            "lists them. Nothing was written. Approve it if these pairs are right: links, mails that are out and goals follow "
            "the people, nobody is removed and nobody is mailed again. If not, reject it, and upload a map of old and new "
            "numbers (id_map.csv) with the roster."
        ),
    }


@lru_cache(maxsize=65_536)
def _parts(name: str) -> frozenset[str]:
    return name_parts(name)


@dataclass(slots=True)
class People:
    """Many people, kept small: of identifiers only a hash."""

    ids: list[str] = field(default_factory=list)
    _is_student: list[bool] = field(default_factory=list)
    _given: list[frozenset[str]] = field(default_factory=list)
    _family: list[frozenset[str]] = field(default_factory=list)
    _email: array[int] = field(default_factory=lambda: array("q"))
    _local_part: array[int] = field(default_factory=lambda: array("q"))
    _username: array[int] = field(default_factory=lambda: array("q"))
    _clever_ids: dict[int, tuple[int, ...]] = field(default_factory=dict)
    _school: list[str] = field(default_factory=list)
    _classes: list[array[int]] = field(default_factory=list)
    _class_numbers: dict[str, int] = field(default_factory=dict)
    _schools: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, known: Known) -> None:
        """Add a person."""
        address = known.official_email
        if known.clever_ids:
            self._clever_ids[len(self.ids)] = tuple(map(hash, known.clever_ids))
        self.ids.append(known.person_id)
        self._is_student.append(known.role is Role.STUDENT)
        self._given.append(_parts(known.given_name))
        self._family.append(_parts(known.family_name))
        self._email.append(hash(address) if address else 0)
        self._local_part.append(hash(address.rpartition("@")[0]) if address else 0)
        self._username.append(hash(known.username.casefold()) if known.username else 0)
        school = known.school_ids[0] if known.school_ids else ""
        self._school.append(self._schools.setdefault(school, school))
        self._classes.append(self.class_numbers(known.class_ids))

    def class_numbers(self, class_ids: Iterable[str]) -> array[int]:
        """Small numbers for classes, the same for each class."""
        numbers = self._class_numbers
        return array("l", [numbers.setdefault(class_id, len(numbers)) for class_id in class_ids])

    # What is compared; None where there is nothing.

    def number(self, i: int) -> Hashable:
        return number_of(self.ids[i]), self.name(i)

    def clever_ids(self, i: int) -> tuple[int, ...]:
        return self._clever_ids.get(i, ())

    def address(self, i: int) -> Hashable:
        return self._email[i] and (self._email[i], self._is_student[i])

    def address_and_name(self, i: int) -> Hashable:
        return self._email[i] and (self._email[i], self.name(i))

    def local_part(self, i: int) -> Hashable:
        return self._local_part[i] and (self._local_part[i], self.name(i))

    def username(self, i: int) -> Hashable:
        return self._username[i] and (self._username[i], self._is_student[i])

    def name(self, i: int) -> tuple[bool, frozenset[str], frozenset[str]]:
        return self._is_student[i], self._given[i], self._family[i]

    def given_name(self, i: int) -> Hashable:
        return self._given[i] and (self._given[i], self._is_student[i])

    def has_name(self, i: int) -> bool:
        return bool(self._given[i] and self._family[i])

    def given(self, i: int) -> frozenset[str]:
        return self._given[i]

    def family(self, i: int) -> frozenset[str]:
        return self._family[i]

    def is_student(self, i: int) -> bool:
        return self._is_student[i]

    def classes(self, i: int) -> array[int]:
        return self._classes[i]

    def class_ids(self) -> Mapping[str, int]:
        return self._class_numbers

    def school(self, i: int) -> str:
        return self._school[i]

    def email_hash(self, i: int) -> int:
        return self._email[i]

    def local_part_hash(self, i: int) -> int:
        return self._local_part[i]


class Pairing:
    """Finds pairs of ``gone`` and ``came``, stage by stage; what an earlier stage found is settled."""

    def __init__(self, gone: People, came: People) -> None:
        self._gone = gone
        self._came = came
        self._new_of: dict[int, int] = {}
        self._old_of: dict[int, int] = {}
        self._ground: dict[int, Ground] = {}
        self._company = _Company(gone, came)

    def stand(self, before: Iterable[str], after: Iterable[str]) -> None:
        """Somebody whose number stayed was in these classes, and is in those."""
        self._company.know(self._gone.class_numbers(before), self._came.class_numbers(after))

    def find(self) -> list[IdChange]:
        """All pairs, in the order of those who are gone."""
        gone, came = self._gone, self._came
        self._by_key(Ground.NUMBER, gone.number, came.number, self._has_other_kind)
        self._by_clever_id()
        self._by_key(Ground.ADDRESS, gone.address_and_name, came.address_and_name, self._share_names)
        self._by_key(Ground.ADDRESS, gone.address, came.address, self._share_given_name)
        self._by_key(Ground.LOCAL_PART, gone.local_part, came.local_part, self._share_names)
        self._by_key(Ground.USERNAME, gone.username, came.username, self._share_given_name)
        while self._by_company(lambda side, i: side.name(i) if side.has_name(i) else None, least=0.25):
            pass
        if self._are_most_numbered_anew():
            self._by_company(People.given_name, least=0.85)
            self._by_school()
        return [IdChange(gone.ids[i], came.ids[j], self._ground[i]) for i, j in sorted(self._new_of.items())]

    def find_classes(self, gone: Mapping[str, str], came: Mapping[str, str]) -> dict[str, str]:
        """Of classes that are gone and classes that came, by id with their titles, those that are one: the title is equal, and
        most of those who were in the one are in the other. To be asked after ``find``."""
        return self._company.find_classes(gone, came)

    def _settle(self, i: int, j: int, ground: Ground) -> None:
        self._new_of[i], self._old_of[j], self._ground[i] = j, i, ground
        self._company.know(self._gone.classes(i), self._came.classes(j))

    def _left(self) -> list[int]:
        return [i for i in range(len(self._gone)) if i not in self._new_of]

    def _come(self) -> list[int]:
        return [j for j in range(len(self._came)) if j not in self._old_of]

    # By something that only one on each side has.

    def _by_key(
        self,
        ground: Ground,
        of_gone: Callable[[int], Hashable],
        of_came: Callable[[int], Hashable],
        agree: Callable[[int, int], bool],
    ) -> None:
        then = _only_ones((of_gone(i), i) for i in self._left())
        now = _only_ones((of_came(j), j) for j in self._come())
        for key, i in then.items():
            j = now.get(key)
            if j is not None and agree(i, j):
                self._settle(i, j, ground)

    def _by_clever_id(self) -> None:
        then = _only_ones((key, i) for i in self._left() for key in self._gone.clever_ids(i))
        now = _only_ones((key, j) for j in self._come() for key in self._came.clever_ids(j))
        for key, i in then.items():
            j = now.get(key)
            if j is None or i in self._new_of or j in self._old_of:
                continue
            if self._are_of_one_kind(i, j) and self._may_be_one(i, j):
                self._settle(i, j, Ground.CLEVER_ID)

    def _are_of_one_kind(self, i: int, j: int) -> bool:
        return self._gone.is_student(i) == self._came.is_student(j)

    def _may_be_one(self, i: int, j: int) -> bool:
        """As ``is_somebody_else`` has it, the other way round."""
        has_same_address = self._gone.email_hash(i) and self._gone.email_hash(i) == self._came.email_hash(j)
        return bool(has_same_address or self._share_given_name(i, j) or self._share_family_name(i, j))

    def _share_given_name(self, i: int, j: int) -> bool:
        return not self._gone.given(i).isdisjoint(self._came.given(j))

    def _share_family_name(self, i: int, j: int) -> bool:
        return not self._gone.family(i).isdisjoint(self._came.family(j))

    def _share_names(self, i: int, j: int) -> bool:
        return self._share_given_name(i, j) and self._share_family_name(i, j)

    def _has_other_kind(self, i: int, j: int) -> bool:
        return self._gone.ids[i] != self._came.ids[j] and self._share_names(i, j)

    # By name and company.

    def _by_company(self, name_of: Callable[[People, int], Hashable], *, least: float) -> int:
        """Settle those of one name whose classes have the same people in them. Return how many."""
        ignores_addresses = self._addresses_changed()
        by_name: dict[Hashable, list[int]] = {}
        for j in self._come():
            if name := name_of(self._came, j):
                by_name.setdefault(name, []).append(j)
        of_name: dict[Hashable, list[int]] = {}
        for i in self._left():
            name = name_of(self._gone, i)
            if name in by_name:
                of_name.setdefault(name, []).append(i)
        found = [
            pair
            for name, old in of_name.items()
            if len(old) * len(by_name[name]) <= _MOST_COMPARED
            for pair in self._best_of(old, by_name[name], least, ignores_addresses=ignores_addresses)
        ]
        for i, j in found:
            self._settle(i, j, Ground.CLASS_COMPANY)
        return len(found)

    def _addresses_changed(self) -> bool:
        """Whether people have other addresses now as a rule, so that another one speaks against nobody."""
        same = other = 0
        for i, j in self._new_of.items():
            if self._gone.email_hash(i) and self._came.email_hash(j):
                is_other = self._have_other_addresses(i, j)
                other += is_other
                same += not is_other
        return other > same if same + other else len(self._gone) >= _MANY

    def _best_of(
        self, old: list[int], new: list[int], least: float, *, ignores_addresses: bool
    ) -> Iterator[tuple[int, int]]:
        """Of people of one name, those pairs in which each is clearly the other's best."""
        scores: dict[tuple[int, int], float] = {}
        for i in old:
            around = self._company.around_gone(i)
            for j in new:
                share = self._company.share(around, j)
                if share >= least and (ignores_addresses or not self._have_other_addresses(i, j)):
                    scores[i, j] = share
        best_of_old, best_of_new = _clear_best(scores, 0), _clear_best(scores, 1)
        for i, j in best_of_old.items():
            if best_of_new.get(j) == i:
                yield i, j

    def _have_other_addresses(self, i: int, j: int) -> bool:
        """Whether both have an official address, and neither address nor local part is the same."""
        then, now = self._gone.local_part_hash(i), self._came.local_part_hash(j)
        return bool(then and now and then != now)

    def _are_most_numbered_anew(self) -> bool:
        return len(self._gone) >= _MANY and 2 * len(self._new_of) >= len(self._gone)

    def _by_school(self) -> None:
        """Settle those whose name only one of all has, in a school that is the same one."""
        schools = Counter((self._gone.school(i), self._came.school(j)) for i, j in self._new_of.items())
        most: dict[str, str] = {}
        for (then, now), _ in sorted(schools.items(), key=lambda each: each[1]):
            most[then] = now
        names = _only_ones((self._gone.name(i), i) for i in range(len(self._gone)) if self._gone.has_name(i))
        now_names = _only_ones((self._came.name(j), j) for j in range(len(self._came)) if self._came.has_name(j))
        for name, i in names.items():
            j = now_names.get(name)
            if j is None or i in self._new_of or j in self._old_of:
                continue
            if self._have_other_addresses(i, j) or most.get(self._gone.school(i)) != self._came.school(j):
                continue
            if not (len(self._gone.classes(i)) and len(self._came.classes(j))):
                # Whoever is in classes on both sides was compared by them.
                self._settle(i, j, Ground.SCHOOL)


class _Company:
    """Who of those that are known on both sides is in which class."""

    def __init__(self, gone: People, came: People) -> None:
        self._gone = gone
        self._came = came
        self._then: dict[int, array[int]] = {}
        self._now: dict[int, array[int]] = {}
        self._known = 0

    def know(self, then: Iterable[int], now: Iterable[int]) -> None:
        """One person was in these classes, and is in those."""
        token, self._known = self._known, self._known + 1
        for classes, numbers in ((self._then, then), (self._now, now)):
            for number in numbers:
                classes.setdefault(number, array("l")).append(token)

    def around_gone(self, i: int) -> set[int]:
        """Those who were in a class with somebody who is gone."""
        return _around(self._then, self._gone.classes(i))

    def find_classes(self, gone: Mapping[str, str], came: Mapping[str, str]) -> dict[str, str]:
        then, now = self._gone.class_ids(), self._came.class_ids()
        came_by_number = {now[class_id]: class_id for class_id in came if class_id in now}
        classes_of: dict[int, list[int]] = {}
        for number in came_by_number:
            for token in self._now.get(number, ()):
                classes_of.setdefault(token, []).append(number)
        scores: dict[tuple[int, int], float] = {}
        for class_id, title in gone.items():
            known = self._then.get(then.get(class_id, -1), ())
            common = Counter(number for token in known for number in classes_of.get(token, ()))
            for number, people in common.items():
                larger = max(len(known), len(self._now[number]))
                if 2 * people >= larger and came[came_by_number[number]].casefold() == title.casefold():
                    scores[then[class_id], number] = people / larger
        best_of_old, best_of_new = _clear_best(scores, 0, by=0.01), _clear_best(scores, 1, by=0.01)
        found = {old: new for old, new in best_of_old.items() if best_of_new.get(new) == old}
        return {class_id: came_by_number[found[then[class_id]]] for class_id in gone if then.get(class_id) in found}

    def share(self, around: set[int], j: int) -> float:
        """Which share of the people ``around`` somebody who is gone is around this one who came; 0 for too few people."""
        now = _around(self._now, self._came.classes(j))
        smaller = min(len(around), len(now))
        common = len(around & now)
        return common / smaller if common >= 2 or common == smaller == 1 else 0


def _around(classes: Mapping[int, array[int]], numbers: Iterable[int]) -> set[int]:
    found: set[int] = set()
    for number in numbers:
        known = classes.get(number)
        if known and len(known) <= _LARGEST_CLASS:
            found.update(known)
    return found


def _clear_best(scores: Mapping[tuple[int, int], float], side: int, *, by: float = 0.2) -> dict[int, int]:
    """For each on one side the best on the other one, where the second best is behind ``by`` so much."""
    best: dict[int, tuple[float, int]] = {}
    second: dict[int, float] = {}
    for pair, score in scores.items():
        one, other = pair[side], pair[1 - side]
        top = best.get(one)
        if top is None or score > top[0]:
            if top:
                second[one] = top[0]
            best[one] = (score, other)
        else:
            second[one] = max(second.get(one, 0), score)
    return {one: other for one, (score, other) in best.items() if score - second.get(one, 0) >= by}


def _only_ones(keys: Iterable[tuple[Hashable, int]]) -> dict[Hashable, int]:
    """Whom each key names, where it names one alone."""
    found: dict[Hashable, int] = {}
    several: set[Hashable] = set()
    for key, i in keys:
        if not key:
            continue
        if found.setdefault(key, i) != i:
            several.add(key)
    for key in several:
        del found[key]
    return found
