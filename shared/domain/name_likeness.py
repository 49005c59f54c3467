"""How alike the name of a person on a roster and the name that an account shows are (B12, B13).

Accents, order, initials, short forms, other scripts and slips of the pen are seen through. It says what a teacher may be shown;
nobody is linked because of a name (M6, M7).
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from shared.domain.person_name import is_particle, name_words

if TYPE_CHECKING:
    from nicknames import NickNamer

LIKELY = 0.66
"""From this on two names are shown as perhaps one person's: a given name alone, or its short form, has a little more, and two
initials have a little less."""
PERHAPS = 0.65
"""From this on two names may be one person's where only their number counts: a given name alone, with a slip."""
MARGIN = 0.06
"""By this much a name has to be the best one on both sides: a short form that fits two people fits neither."""

_SAME = 1.0
_SHORT_FORM = 0.97
_TWO_SHORT_FORMS = 0.93
"""Of one name, as Bob and Rob are; and William and Robert, as Bill was said of both."""
_SLIP_IN_FAMILY_NAME = 0.95
"""Of one letter, or of the spelling; two letters are a slip as in a given name."""
_BEGINNING = 0.93
_SLIP = 0.93
"""Of a given name: brothers and sisters, and twins above all, are often called nearly the same."""
_INITIAL = 0.8
_GIVEN_ALONE = 0.7
_SPARE = 0.93
_SECOND_NAME = 0.93
"""Not the first of the given names: as likely a sister's first one."""
_FAMILY_ALONE = 0.5

_LONG_ENOUGH_FOR_A_SLIP = 4
_LONG_ENOUGH_FOR_TWO = 8
_LONG_ENOUGH_TO_BEGIN = 3

_SPANISH = (
    "alejandro ale jano", "alberto beto", "antonio tono toni", "beatriz bety", "carlos carlitos charly", "carmen carmela",
    "concepcion concha conchita", "cristina cris", "dolores lola", "eduardo edu lalo", "enrique kike quique",
    "ernesto neto", "esperanza espe", "federico fede", "fernando nando fer", "francisco paco pancho kiko curro",
    "francisca paca paquita", "gabriel gabi gabo", "gabriela gabi", "gerardo lalo", "graciela chela", "gregorio goyo",
    "guadalupe lupe lupita", "guillermo memo guille", "gustavo gus", "ignacio nacho", "isabel chabela isa", "javier javi",
    "jesus chuy chucho", "jorge coque", "jose pepe chepe", "josefina pepa fina", "juan juanito", "juana juanita",
    "luis lucho luisito", "manuel manolo manu", "margarita mago", "maria mari marita maruja", "mercedes meche", "miguel migue",
    "patricia paty pati", "pilar pili", "rafael rafa", "ramon moncho", "raul rulo", "ricardo richi", "roberto beto rober",
    "rosario charo", "salvador chava", "santiago santi", "sebastian sebas", "sergio checo", "socorro coco", "teresa tere",
    "vicente chente", "victoria vicky", "ximena xime", "yolanda yoli",
)  # fmt: skip
"""A name, and the short forms that Spanish has of it: the library knows English ones."""


_SPELLINGS = (
    ("kh", "h"), ("ph", "f"), ("ck", "k"), ("zh", "j"), ("tz", "ts"), ("ei", "i"), ("ey", "i"), ("ay", "ai"), ("iy", "i"),
    ("yi", "i"), ("y", "i"), ("j", "i"), ("w", "v"), ("q", "k"), ("x", "ks"), ("oe", "o"), ("ue", "u"), ("ae", "a"),
)  # fmt: skip


SURE = 0.94
"""From this on both names are there: the given name or a short form of it, and the family name with a slip at most."""


class Doubt(StrEnum):
    """Why a name that is likely a person's is not surely theirs."""

    FIRST_NAME_ALONE = "first_name_alone"
    INITIAL = "initial"
    SPELLING = "spelling"
    """The first name is spelled differently, as a brother's or sister's may be."""


def doubt_of(value: float) -> Doubt | None:
    """What is doubtful at this likeness; None from ``SURE`` on.

    >>> doubt_of(likeness(PersonName.of("Maria", "Lopez"), AccountName.of("Maria L.")))
    <Doubt.INITIAL: 'initial'>
    """
    if value >= SURE:
        return None
    if value > _INITIAL:
        return Doubt.SPELLING
    return Doubt.INITIAL if value > _GIVEN_ALONE else Doubt.FIRST_NAME_ALONE


class Likeness(NamedTuple):
    """``value`` from 0 to 1; the position of each of the two in its list."""

    value: float
    person: int
    account: int


@dataclass(frozen=True, slots=True)
class PersonName:
    """A person's name on a roster, in words that can be compared."""

    given: tuple[str, ...]
    family: tuple[str, ...]

    @classmethod
    def of(cls, given_name: str, family_name: str) -> PersonName:
        return cls(
            _plain(given_name),
            tuple(word for word in _plain(family_name) if not is_particle(word)) or _plain(family_name),
        )


@dataclass(frozen=True, slots=True)
class AccountName:
    """The name that an account shows, in words that can be compared; which of them is which is not known."""

    words: tuple[str, ...]

    @classmethod
    def of(cls, display_name: str) -> AccountName:
        return cls(_plain(display_name))


def likeness(person: PersonName, account: AccountName) -> float:
    """Return how alike the two names are, from 0 to 1.

    >>> likeness(PersonName.of("William", "O'Brien"), AccountName.of("bill obrien"))
    0.97
    >>> likeness(PersonName.of("María", "García López"), AccountName.of("Maria G."))
    0.8
    """
    words = account.words
    if not words or not person.given:
        return 0.0
    best = 0.0
    for position, word in enumerate(words):
        given = max(
            _alike(name, word, is_given=True) * (_SECOND_NAME if place else 1.0)
            for place, name in enumerate(person.given)
        )
        if not given:
            continue
        others = [other for place, other in enumerate(words) if place != position and not is_particle(other)]
        best = max(best, _whole(given, others, person))
    return round(max(best, _of_one_word(person, words)), 4)


def differ_much(person: PersonName, account: AccountName) -> bool:
    """Whether nothing in the two names is alike: then the person is asked once more. A name of one word contradicts none.

    >>> differ_much(PersonName.of("Kid", "Person"), AccountName.of("Zed Other"))
    True
    >>> differ_much(PersonName.of("Kid", "Person"), AccountName.of("Ms. Person"))
    False
    """
    names = _named(person)
    if not names or len(account.words) < 2 or likeness(person, account) >= PERHAPS:
        return False
    return not any(
        _alike(name, word, is_given=is_given) > _INITIAL for name, is_given in names for word in account.words
    )


def is_called_otherwise(person: PersonName, account: AccountName) -> bool:
    """Whether none of the words of an account's name is like a given name of the person: as a sister's, of one family name.

    >>> is_called_otherwise(PersonName.of("Kid", "Person"), AccountName.of("Bea Person"))
    True
    >>> is_called_otherwise(PersonName.of("William", "Person"), AccountName.of("Bill P."))
    False
    """
    return len(account.words) > 1 and not any(
        _alike(name, word, is_given=True) for name in person.given for word in account.words
    )


def _whole(given: float, others: Sequence[str], person: PersonName) -> float:
    """The likeness of both names, where one word is the given name with this likeness."""
    if not others:
        return _GIVEN_ALONE * given if given > _INITIAL else 0.0
    family = max((_alike(name, word, is_given=False) for name in person.family for word in others), default=0.0)
    if family:
        return given * family * (_SPARE if any(_is_spare(word, person) for word in others) else 1.0)
    is_second_given_name = all(any(_alike(name, word, is_given=True) for name in person.given) for word in others)
    return _GIVEN_ALONE * given if is_second_given_name and given > _INITIAL else 0.0


def _named(person: PersonName) -> list[tuple[str, bool]]:
    """Each of the names, and whether it is a given one."""
    return [*((name, True) for name in person.given), *((name, False) for name in person.family)]


def _is_spare(word: str, person: PersonName) -> bool:
    """Whether a word of an account's name is no part of the person's: a second family name that they do not have, say."""
    return not any(_alike(name, word, is_given=is_given) for name, is_given in _named(person))


def _of_one_word(person: PersonName, words: Sequence[str]) -> float:
    """What a user name says: both names as one word, or one of them with the other's initial."""
    if len(words) > 1:
        return 0.0
    (word,) = words
    both = [(given, family) for given in person.given for family in person.family]
    if any(word in (given + family, family + given) for given, family in both):
        return _SAME
    if any(word in (given[0] + family, family + given[0], given + family[0]) for given, family in both):
        return _INITIAL
    return _FAMILY_ALONE if word in person.family else 0.0


def best_pairs(people: Sequence[PersonName], accounts: Sequence[AccountName]) -> list[Likeness]:
    """Return who is likely whom: one-to-one, each the best of both sides by a margin, in the order of the people.

    Only names that share a beginning, or a short form, are compared, so the steps grow with the number of names.
    """
    found = _settled([each for each in _comparable(people, accounts) if each.value >= LIKELY])
    of_person, of_account = _best_two(found, lambda each: each.person), _best_two(found, lambda each: each.account)
    return [
        each
        for each in found
        if _stands_out(each, of_person[each.person]) and _stands_out(each, of_account[each.account])
    ]


def most_pairs(people: Sequence[PersonName], accounts: Sequence[AccountName]) -> int:
    """Return for how many accounts there may be a person, each person counted once; which one it is may stay open.

    >>> most_pairs([PersonName.of("Maria", "Ruiz"), PersonName.of("Maria", "Kim")], [AccountName.of("maria")])
    1
    """
    perhaps: dict[int, list[int]] = {}
    for each in sorted(_comparable(people, accounts), key=lambda each: -each.value):
        if each.value >= PERHAPS:
            perhaps.setdefault(each.account, []).append(each.person)
    account_of: dict[int, int] = {}
    return sum(_finds_one(account, perhaps, account_of, set()) for account in perhaps)


def _finds_one(account: int, perhaps: Mapping[int, Sequence[int]], account_of: dict[int, int], asked: set[int]) -> bool:
    """Give the account a person, where need be by giving another account another one."""
    for person in perhaps[account]:
        if person not in asked:
            asked.add(person)
            if person not in account_of or _finds_one(account_of[person], perhaps, account_of, asked):
                account_of[person] = account
                return True
    return False


def _settled(found: list[Likeness]) -> list[Likeness]:
    """Leave out what cannot be where both have somebody of the very same name, as of twins called Ana and Anna."""
    same = [each for each in found if each.value == _SAME]
    people, accounts = Counter(each.person for each in same), Counter(each.account for each in same)
    alone = [each for each in same if people[each.person] == accounts[each.account] == 1]
    has_person, has_account = {each.person for each in alone}, {each.account for each in alone}
    return [
        each
        for each in found
        if each.value == _SAME or each.person not in has_person or each.account not in has_account
    ]


def _best_two(found: Iterable[Likeness], side: Callable[[Likeness], int]) -> dict[int, tuple[float, float]]:
    best: dict[int, tuple[float, float]] = {}
    for each in found:
        first, second = best.get(side(each), (0.0, 0.0))
        best[side(each)] = (each.value, first) if each.value > first else (first, max(second, each.value))
    return best


def _stands_out(each: Likeness, best: tuple[float, float]) -> bool:
    first, second = best
    return each.value == first and first - second >= MARGIN - 1e-9


def _comparable(people: Sequence[PersonName], accounts: Sequence[AccountName]) -> Iterable[Likeness]:
    """Those who share a beginning, without most of those who are not alike at all: a word that is like none of the given names is
    found once, and not anew with each account and person that have the two. All that are alike in something are among them."""
    by_key: dict[str, list[int]] = {}
    of_given: dict[tuple[str, ...], dict[str, bool]] = {}
    for number, account in enumerate(accounts):
        for key in {key for word in account.words for key in _keys(word)}:
            by_key.setdefault(key, []).append(number)
    for number, person in enumerate(people):
        keys = {key for word in (*person.given, *person.family) for key in _keys(word)}
        is_like = of_given.setdefault(person.given, {})
        for other in sorted({one for key in keys for one in by_key.get(key, ())}):
            words = accounts[other].words
            if len(words) == 1 or _has_a_given_name(person.given, words, is_like):
                yield Likeness(likeness(person, accounts[other]), number, other)


def _has_a_given_name(given: tuple[str, ...], words: tuple[str, ...], is_like: dict[str, bool]) -> bool:
    """Whether one of the words is like one of the given names. ``is_like`` keeps what was found of each word."""
    for word in words:
        found = is_like.get(word)
        if found is None:
            found = is_like[word] = any(_alike(name, word, is_given=True) for name in given)
        if found:
            return True
    return False


def _keys(word: str) -> frozenset[str]:
    """Beginnings of the word and of the names that it is short for."""
    return frozenset(each[:2] for each in (word, *_long_forms(word)))


@cache
def _alike(name: str, word: str, *, is_given: bool) -> float:
    """How alike a name on a roster and a word of an account's name are; 0 where they are not."""
    if name == word:
        return _SAME
    if len(word) == 1 or len(name) == 1:
        return _INITIAL if word[0] == name[0] else 0.0
    if is_given and (name in _long_forms(word) or word in _long_forms(name)):
        return _SHORT_FORM
    if is_given and not _long_forms(name).isdisjoint(_long_forms(word)):
        return _TWO_SHORT_FORMS
    if (
        is_given
        and min(len(name), len(word)) >= _LONG_ENOUGH_TO_BEGIN
        and (name.startswith(word) or word.startswith(name))
    ):
        return _BEGINNING
    if not _is_a_slip(name, word):
        return 0.0
    return _SLIP_IN_FAMILY_NAME if not is_given and _is_one_letter(name, word) else _SLIP


def _is_a_slip(name: str, word: str) -> bool:
    """Whether it sounds the same, or one letter is wrong, missing, too many or swapped with the next; two in long names."""
    from rapidfuzz.distance import OSA

    shorter = min(len(name), len(word))
    allowed = 0 if shorter < _LONG_ENOUGH_FOR_A_SLIP else 1 if shorter < _LONG_ENOUGH_FOR_TWO else 2
    if allowed and _sound(name) == _sound(word):
        return True
    return bool(allowed) and OSA.distance(name, word, score_cutoff=allowed) <= allowed


def _is_one_letter(name: str, word: str) -> bool:
    """Whether one letter after the first is different, or the two sound the same."""
    from rapidfuzz.distance import OSA

    return _sound(name) == _sound(word) or (name[0] == word[0] and OSA.distance(name, word, score_cutoff=1) <= 1)


@cache
def _sound(word: str) -> str:
    """The word with one spelling for what other alphabets and languages spell in several ways."""
    for spelled, plain in _SPELLINGS:
        word = word.replace(spelled, plain)
    return "".join(letter for letter, after in pairwise(f"{word} ") if letter != after)


@cache
def _long_forms(word: str) -> frozenset[str]:
    """What a given name may be short for, and itself."""
    return frozenset({word, *_spanish().get(word, ()), *_english().canonicals_of(word)})


@cache
def _english() -> NickNamer:
    from nicknames import NickNamer

    return NickNamer()


@cache
def _spanish() -> Mapping[str, tuple[str, ...]]:
    long_forms: dict[str, tuple[str, ...]] = {}
    for line in _SPANISH:
        name, *short = line.split()
        for each in short:
            long_forms[each] = (*long_forms.get(each, ()), name)
    return long_forms


def _plain(name: str) -> tuple[str, ...]:
    """The words of a name in Latin small letters without accents. Where a script writes a word with one letter, each is a word."""
    from anyascii import anyascii

    latin = "".join(f" {anyascii(each)} " if _is_a_word(each) else anyascii(each) for each in name)
    return tuple(word.replace("'", "") for word in name_words(latin))


def _is_a_word(letter: str) -> bool:
    return unicodedata.category(letter) == "Lo" and unicodedata.east_asian_width(letter) == "W"
