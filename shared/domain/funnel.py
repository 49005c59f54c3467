"""The funnel of a district: how far each of its people is, and how many are at each place (B7).

Everybody on the roster who teaches or learns is at exactly one place, the furthest that they have come to. Who is stuck is
counted beside it, by why. Somebody of several schools counts at the first of them, in the order of their ids.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.activation import Activation, ActivationState
from shared.domain.link import Link, LinkState
from shared.domain.roster import Role, RosterUser


class Place(StrEnum):
    """How far somebody is, in the order of the way."""

    ROSTERED = "rostered"
    """On the roster, and nothing yet: neither matched, mailed nor linked."""
    MATCHED = "matched"
    """An account is theirs by rule (M6); the next district login links it."""
    MAILED = "mailed"
    """The activation mail went out."""
    OPENED = "opened"
    """The mail's button was pressed, known once a login followed."""
    LINKED = "linked"
    CLEANED_UP = "cleaned_up"
    """Linked, and no class was left to clean up when it was last looked (M17)."""


def place_of_link(state: LinkState, *, cleaned_up: bool) -> Place | None:
    """How far somebody with such a link is; None where it says nothing."""
    if state is LinkState.LINKED:
        return Place.CLEANED_UP if cleaned_up else Place.LINKED
    return Place.MATCHED if state is LinkState.MATCHED else None


def place_of_mail(state: ActivationState, *, is_sent: bool, is_opened: bool, is_used: bool) -> Place | None:
    """How far somebody with such an activation is, but for a link."""
    if is_used or not is_sent or state is ActivationState.WITHDRAWN:
        return None
    return Place.OPENED if is_opened else Place.MAILED


def place_of(link: Link | None, activation: Activation | None) -> Place:
    """The furthest place of somebody on the roster: a link counts before a mail."""
    by_link = place_of_link(link.state, cleaned_up=link.cleaned_up) if link else None
    if by_link or activation is None:
        return by_link or Place.ROSTERED
    by_mail = place_of_mail(
        activation.state,
        is_sent=bool(activation.sent_at),
        is_opened=bool(activation.opened_at),
        is_used=bool(activation.used_at),
    )
    return by_mail or Place.ROSTERED


_LETTERS = {Place.ROSTERED: "r", Place.MATCHED: "m", Place.MAILED: "e", Place.OPENED: "o", Place.LINKED: "l"}
_LETTERS |= {Place.CLEANED_UP: "c"}
_PLACES = {letter: place for place, letter in _LETTERS.items()}
_ROLES = {Role.TEACHER: "t", Role.STUDENT: "s"}
_BY_LETTER = {letter: role for role, letter in _ROLES.items()}
_STUCK = "!"
_TAG = 6
STANDING = 1 + _TAG
"""Letters of a standing: one of the role, and the school's tag."""

type Standing = str
"""As whom somebody is counted: the role and the school, in seven letters; empty for who is not counted at the moment."""
type CountKey = str
"""A standing, and a place or a kind of stuck, in one word: what there is a number of."""


def school_tag(school_id: str) -> str:
    """A school in six letters (36 bits): ids have any length, and a change is noted for each person."""
    digest = hashlib.sha256(school_id.encode()).digest()
    return base64.urlsafe_b64encode(digest)[:_TAG].decode()


def standing(role: Role, school_ids: Iterable[str], *, active: bool) -> Standing:
    """As whom somebody with these facts is counted: administrators, and who has left, are not."""
    letter = _ROLES.get(role) if active else None
    return f"{letter}{school_tag(min(school_ids, default=''))}" if letter else ""


def stands_as(user: RosterUser) -> Standing:
    """As whom this person is counted."""
    return standing(user.role, user.school_ids, active=user.active)


def at_place(who: Standing, place: Place) -> CountKey:
    return f"{who}{_LETTERS[place]}"


def stuck_as(who: Standing, code: str) -> CountKey:
    return f"{who}{_STUCK}{code}"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many there are of each ``CountKey``; those of which there are none are left out."""

    numbers: Mapping[CountKey, int]

    @classmethod
    def of(cls, numbers: Mapping[CountKey, int]) -> Counts:
        return cls({key: number for key, number in numbers.items() if number})

    def __add__(self, other: Counts) -> Counts:
        """The sum; differences are counts, too."""
        total = Counter(self.numbers)
        total.update(other.numbers)
        return Counts.of(total)

    def __sub__(self, other: Counts) -> Counts:
        total = Counter(self.numbers)
        total.subtract(other.numbers)
        return Counts.of(total)

    def places(self, role: Role, tags: frozenset[str] | None = None) -> dict[Place, int]:
        """How many of this role are at each place, of all schools or of those with these tags: their sum is the roster."""
        found = dict.fromkeys(Place, 0)
        for key, number in self.numbers.items():
            place = _PLACES.get(key[STANDING:])
            if place and _BY_LETTER[key[0]] is role and (tags is None or key[1:STANDING] in tags):
                found[place] += number
        return found

    def stuck(self, tags: frozenset[str] | None = None) -> dict[str, int]:
        """How many are stuck for each reason."""
        found: Counter[str] = Counter()
        for key, number in self.numbers.items():
            if key[STANDING : STANDING + 1] == _STUCK and (tags is None or key[1:STANDING] in tags):
                found[key[STANDING + 1 :]] += number
        return dict(+found)

    def by_school(self) -> dict[str, Counts]:
        """The counts of each school, by its tag."""
        found: dict[str, dict[CountKey, int]] = {}
        for key, number in self.numbers.items():
            found.setdefault(key[1:STANDING], {})[key] = number
        return {tag: Counts(numbers) for tag, numbers in found.items()}


class Running:
    """Counts that others are added to, one after the other: as many steps as what is added has keys."""

    def __init__(self) -> None:
        self._numbers: Counter[CountKey] = Counter()
        self._of_district: Counter[CountKey] = Counter()

    def add(self, counts: Counts) -> None:
        self._numbers.update(counts.numbers)
        for key, number in counts.numbers.items():
            self._of_district[f"{key[0]}{'-' * _TAG}{key[STANDING:]}"] += number

    @property
    def counts(self) -> Counts:
        return Counts.of(self._numbers)

    @property
    def of_district(self) -> Counts:
        """The same without schools."""
        return Counts.of(self._of_district)
