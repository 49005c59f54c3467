"""People of one plain row each who are as they stood, or come where nothing stood: nobody unpacks anything of them.

What a row says becomes a part of the snapshot's line as it lies, and the enrollments another one. Everybody else is left to be
compared (``compare_people``), and comes to the same line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import compress, repeat
from operator import eq, itemgetter

from functions.import_step.enrollment_texts import number_of_rows, rows_in, text_of
from functions.import_step.one_person import may_have_address_of
from functions.import_step.people_count import PeopleCount
from functions.import_step.people_diff import PeopleDiff, note_holder_of
from functions.import_step.records import TEACHING, packed_records
from functions.import_step.rows_by_person import PackedPerson, RowsByPerson
from functions.import_step.shards import Kinds
from shared.domain.roster import Role

_NONE = b"[]"


class PlainPeople:
    """Those who were taken."""

    def __init__(self, kinds: Sequence[Kinds], *, stood: bool) -> None:
        self.lines: dict[str, bytes] = {}
        """Their packed records, by id."""
        self._stood = stood
        self._kinds = kinds
        # To look a kind up costs more than all that is counted.
        self._people = [0] * len(kinds)
        self._enrolled = [0] * len(kinds)

    def count(self, places: Sequence[int], enrolled: Iterable[int]) -> None:
        """Count people of the kinds at these places, who have so many enrollments."""
        for place, people in Counter(places).items():
            self._people[place] += people
        of_kinds = self._enrolled
        for place, number in zip(places, enrolled, strict=True):
            of_kinds[place] += number

    def count_into(self, result: PeopleDiff) -> None:
        """Count all of them."""
        count = PeopleCount(schools={})
        for (role, schools), people, enrolled in zip(self._kinds, self._people, self._enrolled, strict=True):
            if people:
                count.add_alike(role, schools, people, enrolled)
        if self._stood:
            result.count_unchanged(count)
        else:
            result.count_created(count)


def take_plain_people(
    seen: RowsByPerson,
    before: dict[str, bytes],
    result: PeopleDiff,
    *,
    others: Collection[str],
    is_first: bool,
    shared: set[int],
) -> PlainPeople:
    """Take those whom the rows say to be as in ``before``, the packed records that stand, and where it ``is_first``, and nothing
    stood, all who come. They are in ``seen`` and ``before`` no more; of the ``others`` nobody is taken.

    Who has one of the ``shared`` addresses is noted.
    """
    taken = PlainPeople(seen.kinds, stood=not is_first)
    if not seen.packed:
        return taken
    ready, odd = _ready(seen)
    # In the order in which rows came: so they lie in memory.
    chosen = _chosen(seen, odd, others, None if is_first else before)
    keys, places = [*chosen], [*map(itemgetter(1), chosen.values())]
    numbers = [seen.numbers[key] if key in ready else 0 for key in keys]
    if is_first:
        # All of them are taken: what becomes a line is held no longer.
        for by_person in seen.enrollments.values():
            _take_out(chosen, by_person)
        rows = map(itemgetter(0), map(chosen.pop, keys))
        lines = packed_records(rows, map(ready.pop, keys, repeat(_NONE)))
    else:
        lines = packed_records(map(itemgetter(0), chosen.values()), map(ready.get, keys, repeat(_NONE)))
        stays = [*map(eq, map(before.__getitem__, keys), lines)]
        keys, lines = [*compress(keys, stays)], [*compress(lines, stays)]
        places, numbers = [*compress(places, stays)], [*compress(numbers, stays)]
    taken.lines = dict(zip(keys, lines, strict=True))
    taken.count(places, numbers)
    for key in taken.lines.keys() & seen.may_share if shared else ():
        if may_have_address_of(taken.lines[key], shared):
            note_holder_of(taken.lines[key], shared, result, stands=not is_first)
    _take(taken.lines, seen, before)
    return taken


def _chosen(
    seen: RowsByPerson, odd: set[str], others: Collection[str], before: Mapping[str, bytes] | None
) -> dict[str, PackedPerson]:
    """Those who may be taken; ``before`` is None where nothing stood."""
    acts = [role is not None for role, _ in seen.kinds]
    if before is None and all(acts) and not (odd or others):
        return seen.packed
    return {
        key: person
        for key, person in seen.packed.items()
        if acts[person[1]] and (before is None or key in before) and key not in odd and key not in others
    }


def _take(lines: dict[str, bytes], seen: RowsByPerson, before: dict[str, bytes]) -> None:
    """Take the people of these lines out of all others, and have those unpacked who are left."""
    _take_out(lines, before)
    for by_person in seen.enrollments.values():
        _take_out(lines, by_person)
    _take_out(lines, seen.packed)
    seen.unpack([*seen.packed])


def _take_out[T](people: Mapping[str, object], of: dict[str, T]) -> None:
    if people.keys() >= of.keys():
        of.clear()
        return
    for key in of.keys() & people.keys():
        del of[key]


def _ready(seen: RowsByPerson) -> tuple[dict[str, bytes], set[str]]:
    """The enrollments of people with one role as a packed record has them; and whose are to be looked at: with several roles, with
    rows that contradict each other, or if they say that somebody teaches who does not."""
    ready: dict[str, bytes] = {}
    odd: set[str] = set()
    teachers = {place for place, (role, _) in enumerate(seen.kinds) if role is Role.TEACHER}
    for role, by_person in seen.enrollments.items():
        odd |= ready.keys() & by_person.keys()
        ready |= {user: texts[0] for user, texts in by_person.items() if texts}
        for user in by_person.keys() & (seen.in_several | seen.not_plain):
            if text := _together(role, by_person[user]):
                ready[user], seen.numbers[user] = text, number_of_rows(text)
            else:
                odd.add(user)
        if role in TEACHING:
            odd.update(user for user in by_person if user in seen.packed and seen.packed[user][1] not in teachers)
    return ready, odd


def _together(role: str, texts: list[bytes]) -> bytes | None:
    """Texts as one; None where rows are to be looked at: a class that is there twice, rows that have one id."""
    row_ids = dict(rows := rows_in(texts))
    if len(row_ids) < len(rows) or not rows:
        return None
    marks = [*row_ids.values()] if any(row_ids.values()) else []
    return text_of(role, [*row_ids], marks) if len({*marks}) == len(marks) else None
