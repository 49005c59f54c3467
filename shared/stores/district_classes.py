"""District classes and their students, as the roster names them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import batched, chain

from shared.domain.roster import DistrictClass
from shared.stores.district_class_item import district_class_of, packed_ids, unpacked_ids
from shared.stores.keys import Item, Key, class_key, key_of, members_key, pair
from shared.stores.past_classes import PastClassStore
from shared.stores.table import DynamoTable, Pace, Table

CHUNK = 400
"""Students of one item: of the longest ids that there are, so many fit into the 400 KB of an item."""
PACKED = 3_000
"""Bytes of packed students that stand with their class: one read unit holds it all."""
_AT_ONCE = 100


def number_of_chunks(students: int) -> int:
    """Over how many items so many students are spread."""
    return max(1, -(-students // CHUNK))


class DistrictClassStore:
    """District classes as the roster names them: ``CLASS`` with names, teachers, size and packed students.

    Where the students are too many for that they are in ``MEMBERS``, and more than ``CHUNK`` go on in ``MEMBERS#1`` and so forth;
    ``chunks`` of ``MEMBERS`` says how far. So an earlier version kept those of every class, and an item without ``chunks`` is
    whole, whatever its size. A class names its first ``CHUNK`` teachers; who teaches it stands with each.
    """

    def __init__(self, table: DynamoTable, pace: Pace | None = None) -> None:
        self._table = Table(table, pace)
        self.past = PastClassStore(table, pace)

    @staticmethod
    def items(roster_class: DistrictClass) -> list[Item]:
        """What is stored of a class, itself last: who finds it finds its students."""
        ids, packed = roster_class.student_ids, packed_ids(roster_class.student_ids)
        is_packed = len(ids) <= CHUNK and len(packed) <= PACKED
        members = [] if is_packed else _members(roster_class)
        return [
            *members,
            {
                **class_key(roster_class.district_id, roster_class.sourced_id),
                "title": roster_class.title,
                "school_id": roster_class.school_id,
                "course_title": roster_class.course_title,
                "class_code": roster_class.class_code,
                "term_title": roster_class.term_title,
                "ends_on": roster_class.ends_on,
                "teacher_ids": list(roster_class.teacher_ids[:CHUNK]),
                "size": roster_class.size,
                "by_kind": roster_class.by_kind or None,
                "since": roster_class.since or None,
                "students": packed if is_packed else None,
            },
        ]

    def write(
        self,
        district_id: str,
        changed: Iterable[tuple[DistrictClass, bool]],
        removed: Iterable[str] = (),
        *,
        stood: Callable[[str], int] = lambda _class_id: 0,
    ) -> int:
        """Write classes that changed, each with whether its students did, and delete those that are gone.

        ``stood`` says how many students a class had until now: ``MEMBERS`` that it no longer needs are deleted. Return how many
        writes were made. May be run again.
        """
        writes = 0
        for ids in batched(removed, _AT_ONCE, strict=False):
            gone = [class_key(district_id, class_id) for class_id in ids]
            former = self._stored(key for each in ids for key in _members_keys(district_id, each, stood(each)))
            writes += self._table.write_many(deletes=[*former, *gone])
        for classes in batched(changed, _AT_ONCE, strict=False):
            writes += self._write(list(classes), stood)
        return writes

    def _write(self, changed: list[tuple[DistrictClass, bool]], stood: Callable[[str], int]) -> int:
        puts: list[Item] = []
        former: list[Key] = []
        for whole, has_other_students in changed:
            items = self.items(whole)
            puts += items if has_other_students else items[-1:]
            if students := stood(whole.sourced_id):
                kept = {pair(item) for item in items}
                keys = _members_keys(whole.district_id, whole.sourced_id, students)
                former += [key for key in keys if pair(key) not in kept]
        written = self._table.write_many(puts)
        # Looked for first: a delete of nothing costs as much as a write.
        return written + self._table.write_many(deletes=self._stored(former))

    def _stored(self, keys: Iterable[Key]) -> list[Key]:
        """Those of these keys that have an item."""
        wanted = list(keys)
        return [key_of(at) for at in self._table.batch_get(wanted)] if wanted else []

    def get(self, district_id: str, class_id: str) -> DistrictClass | None:
        """The class with its students."""
        return self.get_many(district_id, [class_id], with_students=True).get(class_id)

    def get_many(
        self, district_id: str, class_ids: Iterable[str], *, with_students: bool = False
    ) -> dict[str, DistrictClass]:
        """The classes by sourcedId; students are only read when asked for."""
        wanted = list(dict.fromkeys(class_ids))
        at = {class_id: pair(class_key(district_id, class_id)) for class_id in wanted}
        keys = [key_of(key) for key in at.values()]
        keys += [members_key(district_id, class_id) for class_id in wanted] if with_students else []
        found = self._table.batch_get(keys, consistent=False)
        further = {
            class_id: [members_key(district_id, class_id, n) for n in range(1, int(members.get("chunks", 1)))]
            for class_id in wanted
            if (members := found.get(pair(members_key(district_id, class_id))))
        }
        if any(further.values()):
            found |= self._table.batch_get(chain.from_iterable(further.values()), consistent=False)
        classes = {}
        for class_id, key in at.items():
            if item := found.get(key):
                parts = (members_key(district_id, class_id), *further.get(class_id, ()))
                chunks = [found.get(pair(part), {}) for part in parts] if with_students else []
                students = _students(item, chunks) if with_students else ()
                classes[class_id] = district_class_of(district_id, class_id, item, students)
        return classes


def _members(roster_class: DistrictClass) -> list[Item]:
    parts = list(batched(roster_class.student_ids, CHUNK, strict=False))
    return [
        {
            **members_key(roster_class.district_id, roster_class.sourced_id, n),
            "student_ids": list(part),
            "chunks": len(parts) if n == 0 and len(parts) > 1 else None,
        }
        for n, part in enumerate(parts)
    ]


def _members_keys(district_id: str, class_id: str, students: int) -> list[Key]:
    """Where students of a class may be who do not stand with it."""
    return [members_key(district_id, class_id, chunk) for chunk in range(number_of_chunks(students))]


def _students(item: Item, chunks: Iterable[Item]) -> Iterator[str]:
    if packed := item.get("students"):
        yield from unpacked_ids(packed)
        return
    for chunk in chunks:
        yield from chunk.get("student_ids", ())
