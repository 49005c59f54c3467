"""Teachers' classes of both kinds with students' names, and the truth about them: what pairing by names is measured on (B13)."""

from __future__ import annotations

import json
import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from anyascii import anyascii
from nicknames import NickNamer

_NAMES: dict[str, list[str]] = json.loads((Path(__file__).parent / "names.json").read_text(encoding="utf-8"))
GIVEN = _NAMES["given"]
SPANISH = _NAMES["spanish"]
FOREIGN = _NAMES["foreign"]
FAMILY = _NAMES["family"]
RARE = _NAMES["rare"]
_SUBJECTS = ("Algebra", "Geometry", "Biology", "Chemistry", "English", "History", "Physics", "Spanish", "Art", "Civics")
_NICKNAMES = NickNamer()
_LETTERS = string.ascii_lowercase

NOISE = {"none": 0.0, "some": 0.5, "much": 1.0}
"""How much of ``_HABITS`` there is."""
_HABITS = {
    "nickname": 0.3, "typo": 0.1, "given alone": 0.15, "initial": 0.2, "turned": 0.15, "small": 0.3, "latin": 0.7, "joined": 0.08,
    "second given name": 0.1, "not a name": 0.08,
}  # fmt: skip


@dataclass
class NamedTeacher:
    """``old`` and ``new`` have (title, ids of students); ``truth`` has the new classes in which an old one goes on, by position:
    several where they have the same students."""

    accounts: dict[str, str] = field(default_factory=dict)
    people: dict[str, tuple[str, str]] = field(default_factory=dict)
    old: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    new: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    truth: dict[int, frozenset[int]] = field(default_factory=dict)


def teacher(seed: int, noise: str, overlap: float) -> NamedTeacher:
    """A teacher whose old classes have so large a part of their students in the district class in which they go on.

    Of the others half are in further classes of the same teacher. Every fourth old class has ended: its students are gone, or
    anywhere. Siblings are in other classes, twins in the same one. Some have one class in all subjects.
    """
    return Making(Random(f"{seed} {noise} {overlap}"), NOISE[noise]).teacher(overlap)


class Making:
    """One teacher's people and accounts, as they are made."""

    def __init__(self, chance: Random, noise: float) -> None:
        self._chance = chance
        self._noise = noise
        self._made = NamedTeacher()
        self._number = 0

    def teacher(self, overlap: float) -> NamedTeacher:
        return self._class_teacher(overlap) if self._chance.random() < 0.15 else self._subject_teacher(overlap)

    def _class_teacher(self, overlap: float) -> NamedTeacher:
        """One class in all subjects, before and since."""
        chance, made = self._chance, self._made
        students = [self._person() for _ in range(chance.randint(16, 30))]
        accounts = [self._account(student) for student in students]
        since = students[: round(overlap * len(students))] + [self._person() for _ in range(chance.randint(2, 10))]
        subjects = chance.sample(_SUBJECTS, chance.randint(2, 4))
        for period, subject in enumerate(subjects):
            made.old.append((subject if chance.random() < 0.7 else f"Block {period}", tuple(accounts)))
            made.new.append((f"{subject} {chance.choice('123')}", tuple(since)))
            made.truth[period] = frozenset(range(len(subjects)))
        return made

    def _subject_teacher(self, overlap: float) -> NamedTeacher:
        chance, made = self._chance, self._made
        subjects = chance.sample(_SUBJECTS, chance.randint(3, 6))
        new: list[list[str]] = [[] for _ in subjects]
        for period, subject in enumerate(subjects):
            students = [self._person() for _ in range(chance.randint(14, 32))]
            ends = chance.random() < 0.25
            chance.shuffle(students)
            staying = [] if ends else students[: round(overlap * len(students))]
            new[period] += staying
            for student in students[len(staying) :]:
                if chance.random() < 0.5:
                    new[chance.randrange(len(new))].append(student)
            title = (
                f"{subject} {chance.choice('123')}"
                if chance.random() < 0.5
                else chance.choice(("Period", "Block")) + f" {period}"
            )
            accounts = tuple(self._account(student) for student in students)
            made.old.append((title, tuple(chance.sample(accounts, len(accounts)))))
            if not ends:
                made.truth[period] = frozenset({period})
        for subject, students in zip(subjects, new, strict=True):
            students += [self._person() for _ in range(max(chance.randint(0, 6), 18 - len(students)))]
            made.new.append((f"{subject} {chance.choice('123')}", tuple(dict.fromkeys(students))))
        return made

    def _person(self) -> str:
        """Somebody new: anybody, a brother or sister, or a twin, of somebody there is."""
        chance, people = self._chance, self._made.people
        given, family = self._given(), self._family()
        if people and chance.random() < 0.08:
            family = people[chance.choice(list(people))][1]
        if people and chance.random() < 0.02:
            twin = people[f"p{self._number - 1}"]
            given, family = twin[0][:-1] + chance.choice("aeiny"), twin[1]
        key = f"p{self._number}"
        self._number += 1
        people[key] = (given, family)
        return key

    def _given(self) -> str:
        chance = self._chance.random()
        if chance < 0.06:
            return self._chance.choice(FOREIGN)
        if chance < 0.2:
            return self._chance.choice(SPANISH)
        given = self._pick(GIVEN[:40], GIVEN[40:], 0.6)
        return f"{given} {self._pick(GIVEN, GIVEN, 0)}" if self._chance.random() < 0.1 else given

    def _family(self) -> str:
        return self._pick(FAMILY, RARE, 0.1)

    def _pick(self, many: Sequence[str], few: Sequence[str], share: float) -> str:
        return self._chance.choice(few if self._chance.random() < share else many)

    def _has(self, habit: str) -> bool:
        return self._chance.random() < _HABITS[habit] * self._noise

    def _account(self, person: str) -> str:
        """An account of this person, whose display name is as people write their own."""
        chance = self._chance
        given, family = self._made.people[person]
        if self._has("nickname") and (short := sorted(_NICKNAMES.nicknames_of(given.split()[0].lower()))):
            given = chance.choice(short).title()
        elif " " in given and chance.random() < 0.7:
            given = given.split()[0]
        if self._has("latin"):
            given, family = anyascii(given), anyascii(family)
        if self._has("typo"):
            given = self._slip(given)
        if self._has("typo"):
            family = self._slip(family)
        name = self._written(given, family)
        if self._has("not a name"):
            name = chance.choice(("xX_gamer_Xx", "student", "Math Wizard", "cat lover", "Player"))
        account = f"a{person}"
        self._made.accounts[account] = name.lower() if self._has("small") else name
        return account

    def _written(self, given: str, family: str) -> str:
        if self._has("given alone"):
            return given
        if self._has("initial"):
            return f"{given} {family[0]}."
        if self._has("turned"):
            return f"{family}, {given}"
        if self._has("joined"):
            return f"{given}{family}".replace(" ", "")
        return f"{given} {family}"

    def _slip(self, word: str) -> str:
        """One letter wrong, missing, too many, or swapped with the next."""
        if len(word) < 4:
            return word
        chance = self._chance
        at = chance.randrange(1, len(word) - 1)
        kinds = (
            word[:at] + chance.choice(_LETTERS) + word[at + 1 :], word[:at] + word[at + 1 :],
            word[:at] + chance.choice(_LETTERS) + word[at:], word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        )  # fmt: skip
        return chance.choice(kinds)
