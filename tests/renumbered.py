"""A whole district before and after a new student information system: the same people, all numbers and class ids new (B11)."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from itertools import count

from shared.domain.id_changes import IdChange, Known
from shared.domain.roster import Role

_GIVEN = [f"Given{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676)}" for n in range(2_000)]
_FAMILY = [f"Family{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676)}" for n in range(8_000)]


@dataclass(slots=True)
class District:
    """The same people under old and new numbers, and who is who."""

    old: list[Known]
    new: list[Known]
    same: dict[str, str]


def _weights(number: int) -> list[float]:
    """Common and rare names: the commonest of them has about one person in a hundred, as in the United States."""
    return [1 / (rank + 12) for rank in range(number)]


def renumbered(size: int, *, seed: int, new_year: bool = False) -> District:
    """A district of this many people, all with new numbers and all classes with new ids.

    Rates: 2 % leave and 2 % come (in summer 8 %), 3 % of the students share an address with a brother or sister, half of
    these are twins; 40 % of the students have no address, a third of the usernames change, 1 % of all change a name, 30 % of
    the people without an address have no username either.
    """
    rng = random.Random(seed)
    numbers = count(1)
    givens = rng.choices(_GIVEN, _weights(len(_GIVEN)), k=size * 2)
    families = rng.choices(_FAMILY, _weights(len(_FAMILY)), k=size * 2)
    names = iter(zip(givens, families, strict=True))

    def born(role: Role, school: int, family: str = "", email: str | None = "own") -> Known:
        number = next(numbers)
        given, own = next(names)
        family = family or own
        if email == "own":
            has_one = role is Role.TEACHER or rng.random() < 0.6
            email = f"{given}.{family}.{number}@x.org".lower() if has_one else None
        username = f"{given[:1]}{family}{number % 1000}".lower() if email or rng.random() < 0.7 else None
        return Known(f"o{number}", role, given, family, email, username, (), (f"s{school}",))

    schools = max(1, size // 600)
    leaving = 0.08 if new_year else 0.02
    staying: list[Known] = []
    for school in range(schools):
        for _ in range(size // schools * 8 // 108):
            staying.append(born(Role.TEACHER, school))
        children = size // schools * 100 // 108
        for n in range(children):
            if n % 66 == 0:
                first = born(Role.STUDENT, school, email=f"home{next(numbers)}@mail.example")
                staying += [first, born(Role.STUDENT, school, first.family_name, first.official_email)]
            else:
                staying.append(born(Role.STUDENT, school))
    old = _in_classes(staying, "c", rng)
    after: list[Known] = []
    same: dict[str, str] = {}
    fresh = [f"n{number}" for number in range(len(old) * 2)]
    rng.shuffle(fresh)
    for person in old:
        number = fresh.pop()
        if rng.random() < leaving:
            newcomer = born(person.role, int(person.school_ids[0][1:]))
            after.append(replace(newcomer, person_id=number, school_ids=(f"n{newcomer.school_ids[0]}",)))
            continue
        same[person.person_id] = number
        changed = person
        if rng.random() < 1 / 3:
            changed = replace(changed, username=f"{person.family_name}{number}".lower())
        if rng.random() < 0.01:
            family = rng.choice(_FAMILY)
            email = f"{person.given_name}.{family}@x.org".lower() if person.official_email else None
            changed = replace(changed, family_name=family, official_email=email)
        after.append(replace(changed, person_id=number, school_ids=(f"n{person.school_ids[0]}",)))
    rng_of_classes = random.Random(seed + 1) if new_year else random.Random(seed)
    new = _in_classes(after, "d", rng_of_classes, keep=None if new_year else old)
    rng.shuffle(new)
    return District(old, new, same)


def _in_classes(
    everybody: list[Known], prefix: str, rng: random.Random, keep: list[Known] | None = None
) -> list[Known]:
    """Everybody in classes of their school: six for a student, of a year's 150 children; a class has one teacher."""
    if keep:
        # The classes go on under other ids; a newcomer takes the place of who left.
        return [
            replace(now, class_ids=tuple(f"{prefix}{class_id[1:]}" for class_id in before.class_ids))
            for before, now in zip(keep, everybody, strict=True)
        ]
    by_school: dict[str, list[int]] = {}
    for place, person in enumerate(everybody):
        by_school.setdefault(person.school_ids[0], []).append(place)
    classes: dict[int, list[str]] = {}
    for school, places in by_school.items():
        teachers = [p for p in places if everybody[p].role is Role.TEACHER] or places[:1]
        students = [p for p in places if everybody[p].role is Role.STUDENT]
        for year in range(0, len(students), 150):
            grade = students[year : year + 150]
            for period in range(6):
                rng.shuffle(grade)
                for section in range(0, len(grade), 25):
                    class_id = f"{prefix}{school}-{year}-{period}-{section}"
                    for place in (rng.choice(teachers), *grade[section : section + 25]):
                        classes.setdefault(place, []).append(class_id)
    return [replace(person, class_ids=tuple(classes.get(place, ()))) for place, person in enumerate(everybody)]


def figures(district: District, changes: list[IdChange]) -> tuple[float, float]:
    """(precision, found): which share of the pairs is right, and of how many of the people the pair is found."""
    right = sum(district.same.get(change.old) == change.new for change in changes)
    return right / len(changes), right / len(district.same)
