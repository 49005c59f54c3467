"""District classes and their students, as the roster names them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from shared.domain.roster import DistrictClass
from shared.stores.keys import Item, Key, class_key, members_key, pair
from shared.stores.table import DynamoTable, Table


class DistrictClassStore:
    """District classes as the roster names them: ``CLASS`` (names, teachers, size) and ``MEMBERS`` (students)."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    @staticmethod
    def items(roster_class: DistrictClass) -> list[Item]:
        """What is stored of a class; the import writes them many at a time."""
        key, members = DistrictClassStore.keys(roster_class.district_id, roster_class.sourced_id)
        return [
            {
                **key,
                "title": roster_class.title,
                "school_id": roster_class.school_id,
                "course_title": roster_class.course_title,
                "class_code": roster_class.class_code,
                "term_title": roster_class.term_title,
                "ends_on": roster_class.ends_on,
                "teacher_ids": list(roster_class.teacher_ids),
                "size": roster_class.size,
            },
            {**members, "student_ids": list(roster_class.student_ids)},
        ]

    @staticmethod
    def keys(district_id: str, class_id: str) -> list[Key]:
        return [class_key(district_id, class_id), members_key(district_id, class_id)]

    def write(
        self, district_id: str, changed: Iterable[tuple[DistrictClass, bool]], removed: Iterable[str] = ()
    ) -> int:
        """Write classes that changed, each with whether its students did, and delete those that are gone.

        Return how many writes were made. May be run again.
        """
        deletes: Iterable[tuple[list[Item], list[Key]]] = (
            ([], self.keys(district_id, class_id)) for class_id in removed
        )
        puts: Iterable[tuple[list[Item], list[Key]]] = (
            (self.items(whole)[: 2 if has_other_students else 1], []) for whole, has_other_students in changed
        )
        return self._table.write_all(chain(deletes, puts))

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
        classes = {}
        for class_id in wanted:
            key, members_at = map(pair, self.keys(district_id, class_id))
            if item := found.get(key):
                members = found.get(members_at, {})
                classes[class_id] = district_class_of(district_id, class_id, item, members)
        return classes


def district_class_of(district_id: str, class_id: str, item: Item, members: Item) -> DistrictClass:
    """The class; without students where ``members`` is empty because nobody asked for them."""
    return DistrictClass(
        district_id,
        class_id,
        item["title"],
        item.get("school_id"),
        item.get("course_title"),
        item.get("class_code"),
        item.get("term_title"),
        item.get("ends_on"),
        tuple(item.get("teacher_ids", ())),
        tuple(members.get("student_ids", ())),
        int(item["size"]),
    )
