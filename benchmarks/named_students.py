"""A district class, its teacher's old classes and who is who: what suggestions within a class are measured on (B12).

Names are as common as they are in the United States: one in a hundred has the most common given name, and the hundred most
common family names are a sixth of all (Social Security Administration, 2010 to 2019; Census Bureau, 2010). With fewer names two
strangers would have one name far more often than they do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from random import Random

from benchmarks.named_classes import FAMILY, FOREIGN, GIVEN, NOISE, RARE, SPANISH, Making

_OPENINGS = (
    "Ba", "Bre", "Ca", "Da", "Dre", "El", "Fa", "Ga", "Ha", "Ja", "Ka", "Ke", "La", "Ma", "Ni", "Ra", "Sa", "Sha", "Ta", "Za",
)  # fmt: skip
_MIDDLES = ("bri", "den", "lin", "ma", "ni", "quo", "ra", "ric", "shaw", "tho", "van", "vi", "xo", "ya", "zel")
_ENDS = ("a", "an", "da", "elle", "en", "ia", "ion", "is", "lyn", "ton")
_FAMILY_ENDS = (
    "ack", "berg", "by", "ell", "er", "field", "ford", "ham", "inski", "ison", "kov", "ley", "man", "sen", "son", "ucci", "worth",
)  # fmt: skip
_COMMON_GIVEN, _COMMON_FAMILY = 0.4, 0.17
"""So many have one of the names listed; each of the others has a rare one."""
_SIBLINGS, _TWINS, _NEARLY_ONE_NAME = 0.1, 0.03, 0.2
_MADE_TWO_ACCOUNTS = 0.03


@dataclass(frozen=True)
class NamedStudents:
    """``people`` are the students of a district class, ``accounts`` the display names in the teacher's old classes, ``owners`` says
    whose each is: of a student of the class, or of somebody who is not in it."""

    people: dict[str, tuple[str, str]]
    accounts: dict[str, str]
    owners: dict[str, str]


def students(seed: int, noise: str, overlap: float) -> NamedStudents:
    """A class of which so large a part has an account in the teacher's four or five old classes.

    All others of the old classes have left the teacher, and all others of the class are new to them. Brothers, sisters and twins
    are on either side.
    """
    return _Students(Random(f"students {seed} {noise} {overlap}"), NOISE[noise]).students(overlap)


@cache
def _rare(*parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map("".join, product(*parts)))


class _Students(Making):
    def students(self, overlap: float) -> NamedStudents:
        chance, size = self._chance, self._chance.randint(24, 32)
        before = round(overlap * size)
        old = size * chance.choice((4, 5))
        everybody = [self._person() for _ in range(old + size - before)]
        chance.shuffle(everybody)
        had, new = everybody[:old], everybody[old:]
        in_class = {*had[:before], *new}
        accounts: dict[str, str] = {}
        owners: dict[str, str] = {}
        for person in had:
            for number in range(2 if chance.random() < _MADE_TWO_ACCOUNTS else 1):
                account = self._account(person)
                accounts[f"{account}-{number}"] = self._made.accounts[account]
                owners[f"{account}-{number}"] = person
        return NamedStudents({one: self._made.people[one] for one in everybody if one in in_class}, accounts, owners)

    def _person(self) -> str:
        """Somebody new: anybody, a brother or sister, or a twin, of somebody there is; no family has one first name twice."""
        chance, people = self._chance, self._made.people
        given, family = self._given(), self._family()
        of = chance.choice(list(people)) if people and chance.random() < _SIBLINGS else None
        if people and chance.random() < _TWINS:
            of = f"p{self._number - 1}"
            if chance.random() < _NEARLY_ONE_NAME:
                first = people[of][0].split()[0]
                given = first[:-1] + chance.choice([letter for letter in "aeiny" if letter != first[-1]])
        if of:
            family = people[of][1]
            while given.split()[0] == people[of][0].split()[0]:
                given = self._given()
        key = f"p{self._number}"
        self._number += 1
        people[key] = (given, family)
        return key

    def _given(self) -> str:
        chance = self._chance
        if chance.random() < 0.06:
            return chance.choice(FOREIGN)
        first = self._one_of([*GIVEN, *SPANISH], _rare(_OPENINGS, _MIDDLES, _ENDS), _COMMON_GIVEN)
        return f"{first} {chance.choice(GIVEN)}" if chance.random() < 0.1 else first

    def _family(self) -> str:
        chance = self._chance
        if chance.random() < 0.03:
            return chance.choice(RARE)
        rare = _rare(_OPENINGS, _MIDDLES, _FAMILY_ENDS)
        first = self._one_of(FAMILY, rare, _COMMON_FAMILY)
        return f"{first} {self._one_of(FAMILY, rare, _COMMON_FAMILY)}" if chance.random() < 0.08 else first

    def _one_of(self, common: list[str], rare: tuple[str, ...], share: float) -> str:
        """A name that is common so often: the first of the list twice as often as the tenth, as names are."""
        chance = self._chance
        if chance.random() >= share:
            return chance.choice(rare)
        (name,) = chance.choices(common, _weights(len(common)))
        return name


@cache
def _weights(names: int) -> tuple[float, ...]:
    return tuple(1 / (place + 10) for place in range(names))
