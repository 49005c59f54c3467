"""District classes and their students, as the roster names them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import batched, chain

from shared.domain.roster import DistrictClass
from shared.stores.district_class_item import district_class_of
from shared.stores.keys import Item, Key, class_key, members_key, pair
from shared.stores.past_classes import PastClassStore
from shared.stores.table import DynamoTable, Pace, Table

CHUNK = 400
"""Students of one item: of the longest ids that there are, so many fit into the 400 KB of an item."""


def number_of_chunks(students: int) -> int:
    """Over how many items so many students are spread."""
    return max(1, -(-students // CHUNK))


class DistrictClassStore:
    """District classes as the roster names them: ``CLASS`` (names, teachers, size) and ``MEMBERS`` (students).

    A class of more than ``CHUNK`` students goes on in ``MEMBERS#1`` and so forth; ``chunks`` of ``MEMBERS`` says how far. An
    item without it is whole, whatever its size. A class names its first ``CHUNK`` teachers; who teaches it stands with each.
    """

    def __init__(self, table: DynamoTable, pace: Pace | None = None) -> None:
        self._table = Table(table, pace)
        self.past = PastClassStore(table, pace)

    @staticmethod
    def items(roster_class: DistrictClass) -> list[Item]:
        """What is stored of a class; the import writes them many at a time."""
        key, *members = DistrictClassStore.keys(
            roster_class.district_id, roster_class.sourced_id, len(roster_class.student_ids)
        )
        parts = list(batched(roster_class.student_ids, CHUNK, strict=False)) or [()]
        chunks: list[Item] = [
            {**at, "student_ids": list(part), "chunks": len(parts) if n == 0 and len(parts) > 1 else None}
            for n, (at, part) in enumerate(zip(members, parts, strict=True))
        ]
        return [
            {
                **key,
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
            },
            *chunks,
        ]

    @staticmethod
    def keys(district_id: str, class_id: str, students: int = 0) -> list[Key]:
        """Where a class of so many students is: itself, then its members."""
        chunks = range(number_of_chunks(students))
        return [class_key(district_id, class_id), *(members_key(district_id, class_id, chunk) for chunk in chunks)]

    def write(
        self,
        district_id: str,
        changed: Iterable[tuple[DistrictClass, bool]],
        removed: Iterable[str] = (),
        *,
        stood: Callable[[str], int] = lambda _class_id: 0,
    ) -> int:
        """Write classes that changed, each with whether its students did, and delete those that are gone.

        ``stood`` says how many students a class had until now: chunks that it no longer needs are deleted. Return how many
        writes were made. May be run again.
        """
        deletes: Iterable[tuple[list[Item], list[Key]]] = (
            ([], self.keys(district_id, class_id, stood(class_id))) for class_id in removed
        )
        puts = (
            self._writes(whole, stood(whole.sourced_id)) if has_other_students else (self.items(whole)[:1], [])
            for whole, has_other_students in changed
        )
        return self._table.write_all(chain(deletes, puts))

    @classmethod
    def _writes(cls, whole: DistrictClass, stood: int) -> tuple[list[Item], list[Key]]:
        items = cls.items(whole)
        return items, cls.keys(whole.district_id, whole.sourced_id, stood)[len(items) :]

    def get(self, district_id: str, class_id: str) -> DistrictClass | None:
        """The class with its students."""
        return self.get_many(district_id, [class_id], with_students=True).get(class_id)

    def get_many(
        self, district_id: str, class_ids: Iterable[str], *, with_students: bool = False
    ) -> dict[str, DistrictClass]:
        """The classes by sourcedId; students are only read when asked for."""
        wanted = list(dict.fromkeys(class_ids))
        keys = [key for c in wanted for key in self.keys(district_id, c)[: 2 if with_students else 1]]
        found = self._table.batch_get(keys, consistent=False)
        further = {
            class_id: [members_key(district_id, class_id, n) for n in range(1, int(members.get("chunks", 1)))]
            for class_id in wanted
            if (members := found.get(pair(members_key(district_id, class_id))))
        }
        if any(further.values()):
            found |= self._table.batch_get(chain.from_iterable(further.values()), consistent=False)
        classes = {}
        for class_id in wanted:
            key, members_at = map(pair, self.keys(district_id, class_id))
            if item := found.get(key):
                chunks = [found.get(at, {}) for at in (members_at, *map(pair, further.get(class_id, ())))]
                students = [student for chunk in chunks for student in chunk.get("student_ids", ())]
                classes[class_id] = district_class_of(district_id, class_id, item, students)
        return classes
