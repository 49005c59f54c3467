"""Who is in which class: what changed for people changes the members of their classes, and nothing else is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from functions.import_step import compare_classes as classes
from functions.import_step.records import Record, memberships
from functions.import_step.shards import shard_of
from shared.domain.roster import DistrictClass
from shared.stores.import_files import packed

type Members = tuple[list[str], list[str]]
"""Teachers and students of a class, sourcedIds, sorted."""
_TEACHERS, _STUDENTS = "t", "s"


def moves(changes: Iterable[tuple[Record | None, Record | None]], shards: int) -> list[bytearray]:
    """Who comes into and goes out of which class, a part for each shard of classes.

    Lines are ``["t" or "s", whether they come, texts]``, a text being class and person with a tab between.
    """
    texts: dict[tuple[str, bool], list[list[str]]] = {
        (kind, comes): [[] for _ in range(shards)] for kind in (_TEACHERS, _STUDENTS) for comes in (False, True)
    }
    for old, new in changes:
        before, after = memberships(old), memberships(new)
        behind = f"\t{(new or old or [None])[0]}"
        for comes, moved in ((False, before - after), (True, after - before)):
            for class_id, kind in moved:
                texts[kind, comes][shard_of(class_id, shards)].append(class_id + behind)
    parts = [bytearray() for _ in range(shards)]
    for (kind, comes), by_shard in texts.items():
        for part, some in zip(parts, by_shard, strict=True):
            if some:
                part += packed([kind, comes, "\n".join(some)])
    return parts


class Roll:
    """The members of all classes of a shard, before and after what moved.

    It also holds those of classes that are not there: when such a class comes back, its people are in it.
    """

    def __init__(self, standing: Iterable[list[Any]], moved: Iterable[list[Any]]) -> None:
        """``standing`` are [class id, [teachers], [students]] of the snapshot."""
        self._standing: dict[str, Members] = {
            class_id: (teachers, students) for class_id, teachers, students in standing
        }
        self._came: dict[str, Members] = {}
        self._went: dict[str, Members] = {}
        one_text: dict[str, str] = {}
        for kind, comes, texts in moved:
            into, at = self._came if comes else self._went, 0 if kind == _TEACHERS else 1
            for text in texts.split("\n"):
                class_id, sourced_id = text.split("\t")
                into.setdefault(class_id, ([], []))[at].append(one_text.setdefault(sourced_id, sourced_id))

    def of(self, class_id: str) -> Members:
        teachers, students = (self._after(class_id, at) for at in (0, 1))
        return teachers, students

    def _after(self, class_id: str, at: int) -> list[str]:
        nobody: Members = ([], [])
        stood = self._standing.get(class_id, nobody)[at]
        came, went = self._came.get(class_id, nobody)[at], self._went.get(class_id, nobody)[at]
        return sorted({*stood, *came} - set(went)) if came or went else stood

    def is_touched(self, class_id: str) -> bool:
        return class_id in self._came or class_id in self._went

    def has_other_students(self, class_id: str) -> bool:
        return any(class_id in moved and moved[class_id][1] for moved in (self._came, self._went))

    def lines(self) -> Iterator[list[Any]]:
        """As the next snapshot holds it."""
        for class_id in sorted({*self._standing, *self._came}):
            teachers, students = self.of(class_id)
            if teachers or students:
                yield [class_id, teachers, students]


def district_class(district_id: str, record: classes.Record, members: Members) -> DistrictClass:
    """The class that a record of the snapshot is, with its people."""
    return DistrictClass(district_id, *record, *map(tuple, members))
