"""A teacher's grassroots and district classes, paired by names on the first day, when hardly anybody is linked (B13).

Whoever is in both classes is likely by name. That pairs classes, and links nobody: a name is no proof (M6, M7). Nothing of it is
stored. Once enough students of a class are linked, these decide (``pairing``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.name_likeness import AccountName, PersonName, best_pairs

ENOUGH_NAMES = 5
"""So many students have to be likely in both classes before names of students decide alone."""
STRONG_SHARE = 0.32
"""From this part of an old class's names on, its pair is offered; below it the teacher is asked."""
WEAK_SHARE = 0.12
MARGIN = 0.1
"""By so much of the old class a pair has to be better than with any other district class."""
_TITLE = 0.2
"""What class names that say the same are worth, as a part of the old class's students."""
_TITLE_ALONE = 0.5
_SAME_STUDENTS = 0.8
_LOOKED_AT = 3
"""District classes that are looked at more closely for each old one."""


class Strength(StrEnum):
    """What is done with a pair: it is offered, or the teacher is asked."""

    STRONG = "strong"
    WEAK = "weak"


@dataclass(frozen=True, slots=True)
class NamedClass:
    """A class by its names. ``words`` are those of its own name that say something; ``students`` are ids."""

    words: frozenset[str]
    students: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NamePair:
    """An old class and the district class that it goes on in, by their positions. ``names`` of its ``of`` students are likely in
    both: the reason that is shown."""

    old: int
    into: int
    names: int
    of: int
    strength: Strength


def pair_by_names(
    old: Sequence[NamedClass],
    district: Sequence[NamedClass],
    accounts: Mapping[str, str],
    people: Mapping[str, tuple[str, str]],
) -> list[NamePair]:
    """Pair each old class with one district class at most, and the other way round, by the best total.

    ``accounts`` has the display name of each old class's student, ``people`` given and family name of each district class's. The
    steps grow with the students of these classes.
    """
    named = _Named(
        {account: AccountName.of(name) for account, name in accounts.items()},
        {person: PersonName.of(*name) for person, name in people.items()},
    )
    shared = named.shared(old, district)
    sizes = [max(1, sum(student in accounts for student in each.students)) for each in old]
    totals = [
        [shared[o, d] / sizes[o] + _TITLE * _alike(one.words, other.words) for d, other in enumerate(district)]
        for o, one in enumerate(old)
    ]
    of_same_students = [_of_same_students(each, district) for each in district]
    found = []
    for o, d in best_assignment(totals):
        title = _alike(old[o].words, district[d].words)
        strength = _strength(shared[o, d], sizes[o], totals[o], d, title, of_same_students[d])
        if strength:
            found.append(NamePair(o, d, shared[o, d], sizes[o], strength))
    return found


@dataclass(frozen=True, slots=True)
class _Named:
    """Names in words that can be compared."""

    accounts: Mapping[str, AccountName]
    people: Mapping[str, PersonName]

    def shared(self, old: Sequence[NamedClass], district: Sequence[NamedClass]) -> Counter[tuple[int, int]]:
        """How many students are likely in both, of each two classes.

        Among all students of a teacher many a short name fits several people; within two classes it fits one. So it is first seen
        which classes are worth a look.
        """
        first = self._among_all(old, district)
        for o, one in enumerate(old):
            most = sorted((d for d in range(len(district)) if first[o, d]), key=lambda d: -first[o, d])
            for d in most[:_LOOKED_AT]:
                alike = best_pairs(
                    [self.people[student] for student in district[d].students if student in self.people],
                    [self.accounts[student] for student in one.students if student in self.accounts],
                )
                first[o, d] = len(alike)
        return first

    def _among_all(self, old: Sequence[NamedClass], district: Sequence[NamedClass]) -> Counter[tuple[int, int]]:
        account_ids, person_ids = list(self.accounts), list(self.people)
        alike = best_pairs([*self.people.values()], [*self.accounts.values()])
        classes_of_account, classes_of_person = _classes_of(old), _classes_of(district)
        return Counter(
            (o, d)
            for each in alike
            for o in classes_of_account.get(account_ids[each.account], ())
            for d in classes_of_person.get(person_ids[each.person], ())
        )


def _classes_of(classes: Sequence[NamedClass]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for number, each in enumerate(classes):
        for student in dict.fromkeys(each.students):
            found.setdefault(student, []).append(number)
    return found


def _strength(
    names: int, size: int, totals: Sequence[float], chosen: int, title: float, others_alike: Collection[int]
) -> Strength | None:
    share = names / size
    others = max((total for d, total in enumerate(totals) if d != chosen and d not in others_alike), default=0.0)
    stands_out = totals[chosen] - others >= MARGIN - 1e-9
    if names >= ENOUGH_NAMES and share >= STRONG_SHARE and stands_out:
        return Strength.STRONG
    is_likely = names > 1 and share >= WEAK_SHARE
    return Strength.WEAK if is_likely or title >= _TITLE_ALONE else None


def _of_same_students(one: NamedClass, district: Sequence[NamedClass]) -> frozenset[int]:
    """The classes that have nearly the same students, as all lessons of a class teacher's do: either is right."""
    students = set(one.students)
    return frozenset(
        d
        for d, other in enumerate(district)
        if len(students.intersection(other.students)) >= _SAME_STUDENTS * max(len(students), len(other.students), 1)
    )


def _alike(one: frozenset[str], other: frozenset[str]) -> float:
    """How much of their words two class names share."""
    return len(one & other) / len(one | other) if one and other else 0.0


def best_assignment(totals: Sequence[Sequence[float]]) -> list[tuple[int, int]]:
    """Return (row, column) pairs, one-to-one, of the greatest sum; none where there is nothing in common.

    The Hungarian method with potentials: some n³ steps for n classes of one teacher.

    >>> best_assignment([[0.9, 0.8], [0.85, 0.1]])
    [(0, 1), (1, 0)]
    """
    rows, columns = len(totals), max((len(row) for row in totals), default=0)
    size = max(rows, columns)
    cost = [[-totals[r][c] if r < rows and c < columns else 0.0 for c in range(size)] for r in range(size)]
    chosen = _cheapest(cost, size)
    return [(r, c) for r, c in enumerate(chosen) if r < rows and c < columns and totals[r][c] > 0]


def _cheapest(cost: Sequence[Sequence[float]], size: int) -> list[int]:
    """The column of each row, where columns and rows are as many. Position 0 stands for none."""
    of_row, of_column = [0.0] * (size + 1), [0.0] * (size + 1)
    row_of = [0] * (size + 1)
    for row in range(1, size + 1):
        row_of[0], column = row, 0
        least, before = [float("inf")] * (size + 1), [0] * (size + 1)
        done = [False] * (size + 1)
        while row_of[column]:
            done[column] = True
            column = _step(cost, of_row, of_column, row_of, least, before, done, column)
        while column:
            row_of[column] = row_of[before[column]]
            column = before[column]
    chosen = [0] * size
    for column in range(1, size + 1):
        chosen[row_of[column] - 1] = column - 1
    return chosen


def _step(
    cost: Sequence[Sequence[float]],
    of_row: list[float],
    of_column: list[float],
    row_of: list[int],
    least: list[float],
    before: list[int],
    done: list[bool],
    column: int,
) -> int:
    """Go on to the column that costs least, and move the potentials by it."""
    row = row_of[column]
    for other in range(1, len(least)):
        if not done[other]:
            now = cost[row - 1][other - 1] - of_row[row] - of_column[other]
            if now < least[other]:
                least[other], before[other] = now, column
    nearest = min((other for other in range(1, len(least)) if not done[other]), key=least.__getitem__)
    delta = least[nearest]
    for other in range(len(least)):
        if done[other]:
            of_row[row_of[other]] += delta
            of_column[other] -= delta
        else:
            least[other] -= delta
    return nearest
