"""Pauses: the uploads that wait for the end of one, and the districts that have some."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cmp_to_key

from shared.domain.report import Upload
from shared.stores.keys import PAUSED, PAUSES, district_pk, paused_key, pauses_key
from shared.stores.reports import upload_attributes, upload_of
from shared.stores.table import ABSENT, Delete, DynamoTable, Put, Table, Update


@dataclass(frozen=True, slots=True)
class PausedImport:
    """An import that waits for the end of a pause, or for those before it."""

    import_id: str
    upload: Upload
    is_delta: bool


class PauseStore:
    """``DISTRICT#d`` / ``PAUSED#import`` for what waits, and ``PAUSES`` / district for where to look."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def keep(self, district_id: str, paused: PausedImport) -> None:
        """Let an import wait. May be run again."""
        item = {
            **paused_key(district_id, paused.import_id),
            **upload_attributes(paused.upload),
            "is_delta": paused.is_delta,
        }
        self._table.write(Put(item))
        self.look_at(district_id)

    def look_at(self, district_id: str) -> None:
        """This district has a pause, or something that waits. May be run again."""
        self._table.attempt(Put(pauses_key(district_id)).when(ABSENT))

    def has_any(self, district_id: str) -> bool:
        """Whether something of this district waits."""
        return bool(self._table.page(district_pk(district_id), PAUSED, most=1).items)

    def waiting(self, district_id: str) -> list[PausedImport]:
        """What waits, the oldest upload first."""
        found = [
            PausedImport(item["SK"].removeprefix(PAUSED), upload_of(item), bool(item["is_delta"]))
            for item in self._table.query(district_pk(district_id), PAUSED)
        ]
        return sorted(found, key=cmp_to_key(_by_age))

    def forget(self, district_id: str, import_ids: Iterable[str]) -> None:
        """These wait no more."""
        self._table.write_many(deletes=(paused_key(district_id, import_id) for import_id in import_ids))

    def districts(self) -> Iterator[tuple[str, frozenset[str]]]:
        """The districts to look at, and what their contacts were told."""
        for item in self._table.query(PAUSES):
            yield item["SK"], frozenset(item.get("told") or ())

    def note_told(self, district_id: str, what: str) -> None:
        """That a contact was told of the beginning or the end of a pause."""
        self._table.write(Update(pauses_key(district_id)).add(told={what}))

    def leave(self, district_id: str) -> None:
        """Nothing waits, and no pause lies ahead; settings that name one note the district again."""
        self._table.write(Delete(pauses_key(district_id)))
        if self.has_any(district_id):
            # An import was noted at this very moment.
            self.look_at(district_id)


def _by_age(one: PausedImport, other: PausedImport) -> int:
    return 1 if one.upload.is_newer_than(other.upload) else -1
