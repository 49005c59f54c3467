"""Maps of old and new numbers that wait for their district's next upload (B11): ``DISTRICT#d`` / ``ID_MAP#name``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.domain.report import Upload
from shared.stores.keys import ID_MAPS, district_pk, id_map_key
from shared.stores.table import Delete, DynamoTable, Put, Table


@dataclass(frozen=True, slots=True)
class WaitingMap:
    """A file under ``id-maps/``."""

    name: str
    key: str
    etag: str


class IdMapStore:
    """Notes maps when they arrive, and forgets those that an applied import has read."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def note(self, district_id: str, name: str, upload: Upload) -> None:
        """A map arrived; one of the same name is replaced. May be run again."""
        self._table.write(Put({**id_map_key(district_id, name), "key": upload.key, "etag": upload.etag}))

    def waiting(self, district_id: str) -> list[WaitingMap]:
        """The maps that wait, in the order of their names."""
        items = self._table.query(district_pk(district_id), ID_MAPS)
        return [WaitingMap(item["SK"].removeprefix(ID_MAPS), item["key"], item["etag"]) for item in items]

    def forget(self, district_id: str, etags: Mapping[str, str]) -> None:
        """An import was applied that read these, by name; one that was replaced since goes on waiting."""
        for name, etag in etags.items():
            self._table.attempt(Delete(id_map_key(district_id, name)).when("#etag = :etag", etag=etag))
