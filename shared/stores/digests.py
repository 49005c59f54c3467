"""Digests: which districts want one and when the next is due, and how many classes each teacher has left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from shared.domain.clock import to_iso
from shared.domain.digest import RemainingClasses
from shared.domain.roster import RosterUser, RosterUserKey
from shared.stores.keys import DIGESTS, digest_key, remaining_key, remaining_pk
from shared.stores.table import PRESENT, Delete, DynamoTable, Put, Table, Update


@dataclass(frozen=True, slots=True)
class DigestDue:
    """A district that wants a digest: when the next one is due (None: not planned yet), and whether one is under way."""

    district_id: str
    due_at: str | None
    under_way: bool


class DigestStore:
    """``DIGESTS`` / district, for districts that opted in only."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def all(self) -> Iterator[DigestDue]:
        for item in self._table.query(DIGESTS):
            yield DigestDue(item["SK"], item.get("due_at"), bool(item.get("under_way")))

    def move(self, digest: DigestDue, due_at: datetime, *, under_way: bool = False) -> DigestDue | None:
        """Set when the next digest is due; ``under_way`` takes this one for one send. Return it as it is then.

        None when somebody else moved it first, or the district wants none any more. Two workers that plan the first one at
        the same moment come to the same date.
        """
        update = Update(digest_key(digest.district_id)).set(due_at=to_iso(due_at), under_way=under_way)
        update = update.when("due_at = :due", due=digest.due_at) if digest.due_at else update.when(PRESENT)
        return DigestDue(digest.district_id, to_iso(due_at), under_way) if self._table.attempt(update) else None

    def remove(self, district_id: str) -> None:
        self._table.write(Delete(digest_key(district_id)))


class RemainingClassesStore:
    """``LEFT#district`` / sourcedId: how many classes a teacher had left to clean up when they were last compared."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def note(self, teacher: RosterUser, classes: int) -> None:
        """Note how many of this teacher's classes are left. May be run again."""
        if not classes:
            self.forget(teacher.key)
            return
        school = next(iter(teacher.school_ids), None)
        self._table.write(Put({**remaining_key(teacher.key), "school_id": school, "classes": classes}))

    def forget(self, teacher: RosterUserKey) -> None:
        self._table.write(Delete(remaining_key(teacher)))

    def of_district(self, district_id: str) -> Iterator[RemainingClasses]:
        for item in self._table.query(remaining_pk(district_id), consistent=False):
            yield RemainingClasses(item.get("school_id"), int(item["classes"]))
