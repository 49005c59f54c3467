"""People under new numbers (B11): who is found without a map, how many, and how many wrongly."""

from __future__ import annotations

import random
import sys
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import pytest

from shared.domain.id_changes import Ground, IdChange, Known, Pairing, People
from shared.domain.roster import Role
from tests.depth import depth


def student(number: str, given: str = "Ada", family: str = "Lee", **more: Any) -> Known:
    return replace(Known(number, Role.STUDENT, given, family), **more)


def teacher(number: str, given: str = "Tom", family: str = "May", **more: Any) -> Known:
    return replace(Known(number, Role.TEACHER, given, family), **more)


def people(*each: Known) -> People:
    found = People()
    for known in each:
        found.add(known)
    return found


def found(gone: list[Known], came: list[Known], *, stay: Sequence[tuple[str, str]] = ()) -> list[tuple[str, str, str]]:
    pairing = Pairing(people(*gone), people(*came))
    for before, after in stay:
        pairing.stand(before.split(), after.split())
    return [(change.old, change.new, change.ground.value) for change in pairing.find()]


@pytest.mark.parametrize(
    ("then", "now", "ground"),
    [
        ({"official_email": "a@x.org"}, {"official_email": "a@x.org"}, "address"),
        ({"official_email": "a@old.org"}, {"official_email": "a@new.org"}, "local_part"),
        ({"clever_ids": ("c1",)}, {"clever_ids": ("c1",), "family_name": "Marr"}, "clever_id"),
        ({"username": "ada.lee"}, {"username": "Ada.Lee"}, "username"),
    ],
)
def test_what_one_on_each_side_has_makes_a_pair(then: dict[str, Any], now: dict[str, Any], ground: str) -> None:
    assert found([student("1", **then)], [student("9", **now)]) == [("1", "9", ground)]


def test_a_teacher_who_married_is_found_by_the_address() -> None:
    gone = [teacher("1", official_email="t@x.org")]
    assert found(gone, [teacher("9", family="Kay", official_email="t@x.org")]) == [("1", "9", "address")]


def test_a_sister_on_the_mothers_address_is_another_child() -> None:
    gone = [student("1", "Ada", official_email="mum@x.org")]
    assert found(gone, [student("9", "Bea", official_email="mum@x.org")]) == []


def test_twins_on_one_address_are_told_apart_by_their_names() -> None:
    twins = [student("1", "Ada", official_email="mum@x.org"), student("2", "Bea", official_email="mum@x.org")]
    came = [replace(twins[1], person_id="8"), replace(twins[0], person_id="9")]
    assert found(twins, came) == [("1", "9", "address"), ("2", "8", "address")]


def test_somebody_else_on_an_address_that_was_given_on_is_nobody_we_know() -> None:
    gone = [teacher("1", official_email="office@x.org")]
    assert found(gone, [teacher("9", "Ann", "Roe", official_email="office@x.org")]) == []


def test_a_student_is_no_teacher_whatever_the_address_says() -> None:
    gone = [student("1", official_email="a@x.org", username="u", clever_ids=("c",))]
    came = [teacher("9", "Ada", "Lee", official_email="a@x.org", username="u", clever_ids=("c",))]
    assert found(gone, came) == []


def test_equal_names_are_told_apart_by_the_people_in_their_classes() -> None:
    gone = [student("1", class_ids=("a",)), student("2", class_ids=("b",))]
    came = [student("8", class_ids=("y",)), student("9", class_ids=("x",))]
    stay = [("a", "x"), ("a", "x"), ("b", "y"), ("b", "y")]
    assert found(gone, came, stay=stay) == [("1", "9", "class_company"), ("2", "8", "class_company")]


def test_two_of_one_name_in_one_class_are_not_guessed_at() -> None:
    gone = [student("1", class_ids=("a",)), student("2", class_ids=("a",))]
    came = [student("8", class_ids=("x",)), student("9", class_ids=("x",))]
    assert found(gone, came, stay=[("a", "x"), ("a", "x")]) == []


def test_a_name_alone_makes_no_pair_on_an_ordinary_night() -> None:
    assert found([student("1", class_ids=("a",))], [student("9", class_ids=("b",))]) == []
    assert found([student("1", school_ids=("s",))], [student("9", school_ids=("s",))]) == []


def test_one_of_the_name_with_another_address_is_somebody_else() -> None:
    gone = [student("1", official_email="ada@x.org", class_ids=("a",))]
    came = [student("9", official_email="lee2@x.org", class_ids=("a",))]
    assert found(gone, came, stay=[("a", "a"), ("a", "a")]) == []


def test_an_equal_number_of_another_kind_is_the_same_person() -> None:
    gone = [student("student\x7f7"), teacher("teacher\x7f7")]
    came = [student("7"), teacher("5007", official_email="t@x.org")]
    assert found(gone, came) == [("student\x7f7", "7", Ground.NUMBER)]


# A whole district.

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
            email = f"{given}.{family}.{number % 97}@x.org".lower() if has_one else None
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


@pytest.mark.deep
@pytest.mark.parametrize("new_year", [False, True])
def test_a_district_with_all_numbers_new_is_found(new_year: bool, capsys: pytest.CaptureFixture[str]) -> None:
    size = depth(6_000, 100_000)
    for seed in range(depth(1, 3)):
        district = renumbered(size, seed=seed, new_year=new_year)
        changes = Pairing(people(*district.old), people(*district.new)).find()
        precision, share = figures(district, changes)
        with capsys.disabled():
            sys.stdout.write(f"\n{len(district.old)} people, {seed=}: precision {precision:.5f}, found {share:.4f}\n")
        assert precision >= 0.999
        assert share >= 0.99


@pytest.mark.deep
def test_pairing_takes_little_memory() -> None:
    size = depth(6_000, 100_000)
    district = renumbered(size, seed=7)
    tracemalloc.start()
    gone, came = people(*district.old), people(*district.new)
    Pairing(gone, came).find()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_300 * size + 10_000_000
