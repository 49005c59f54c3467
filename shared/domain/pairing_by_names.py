"""A teacher's grassroots and district classes, paired by names on the first day, when hardly anybody is linked (B13).

Whoever is in both classes is likely by name. That pairs classes, and links nobody: a name is no proof (M6, M7). Nothing of it is
stored. Once enough students of a class are linked, these decide (``pairing``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.name_likeness import AccountName, PersonName, best_pairs, most_pairs

ENOUGH_NAMES = 5
"""So many students have to be likely in both classes before names of students decide alone."""
SAME_TITLE_SHARE, STRONG_SHARE = 0.28, 0.36
"""From this part of an old class's names on its pair is offered: where the class names say the same, and where not."""
MIXED_SAME_TITLE_SHARE, MIXED_SHARE = 0.4, 0.55
"""The same where a teacher's classes were mixed anew: a third of one that ended is then together by chance."""
MIXED = 0.3
"""They were mixed where of the teacher's other old classes less than this part went on together: of the better half, on average."""
WENT_ON, WENT_ON_SHARE, WENT_ON_MARGIN = 0.43, 0.32, 0.17
"""Where such a part of the others went on together, this part is enough, and this margin."""
FEW_NAMES, FEW_NAMES_SHARE, FEW_NAMES_WENT_ON = 9, 0.45, 0.36
"""Fewer names than these are offered only from such a part on, or where such a part of the others went on together."""
FEW_CLASSES = 3
FEW_CLASSES_MORE = 0.03
"""By so much more where a teacher has so few district classes: who is spread over three is with many in each."""
MARGIN = 0.2
"""By so much of the old class's names a pair has to be better than with any other district class."""
WEAK_SHARE = 0.12
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
    shares = [[shared[o, d] / sizes[o] for d in range(len(district))] for o in range(len(old))]
    totals = [
        [shares[o][d] + _TITLE * _alike(one.words, other.words) for d, other in enumerate(district)]
        for o, one in enumerate(old)
    ]
    chosen = best_assignment(totals)
    found = []
    for o, d in chosen:
        same_students = _of_same_students(district[d], district)
        others = [share for other, share in enumerate(shares[o]) if other not in same_students]
        evidence = _Evidence(
            shared[o, d],
            shares[o][d],
            max(others, default=0.0),
            _alike(old[o].words, district[d].words),
            _better_half([shares[other][into] for other, into in chosen if other != o]),
            len(others) + 1,
        )
        if strength := evidence.strength():
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
                first[o, d] = most_pairs(
                    [self.people[student] for student in district[d].students if student in self.people],
                    [self.accounts[student] for student in one.students if student in self.accounts],
                )
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


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What speaks for a pair: its names, as a number and as a part of the old class; that part in the next best class; how much
    of the classes' own names is one; what part of the teacher's other old classes went on together, if there are any; and the
    number of district classes with other students."""

    names: int
    share: float
    next_best: float
    title: float
    others: float | None
    classes: int

    def strength(self) -> Strength | None:
        margin = WENT_ON_MARGIN if self._others_went_on(WENT_ON) else MARGIN
        stands_out = self.share - self.next_best >= margin - 1e-9
        if self.names >= ENOUGH_NAMES and self.share >= self._enough() and stands_out:
            return Strength.STRONG
        is_likely = self.names > 1 and self.share >= WEAK_SHARE
        return Strength.WEAK if is_likely or self.title >= _TITLE_ALONE else None

    def _enough(self) -> float:
        """The part of the old class's names from which on the pair is offered."""
        is_doubtful = self.names < FEW_NAMES and self.others is not None and not self._others_went_on(FEW_NAMES_WENT_ON)
        return max(self._enough_of_many(), FEW_NAMES_SHARE if is_doubtful else 0.0)

    def _enough_of_many(self) -> float:
        is_mixed = self.others is not None and not self._others_went_on(MIXED)
        if self.title >= _TITLE_ALONE:
            return MIXED_SAME_TITLE_SHARE if is_mixed else SAME_TITLE_SHARE
        more = FEW_CLASSES_MORE if self.classes <= FEW_CLASSES else 0.0
        if is_mixed:
            return MIXED_SHARE
        return more + (WENT_ON_SHARE if self._others_went_on(WENT_ON) else STRONG_SHARE)

    def _others_went_on(self, part: float) -> bool:
        return self.others is not None and self.others >= part


def _better_half(shares: Collection[float]) -> float | None:
    better = sorted(shares, reverse=True)[: (len(shares) + 1) // 2]
    return sum(better) / len(better) if better else None


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
