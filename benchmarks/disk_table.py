"""A table on disk that several processes share, which counts what is asked of it."""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

from tests.fakes.dynamodb import MemoryTable

type At = tuple[str, str]


class DiskTable(MemoryTable):
    """As ``MemoryTable``, whose requests and units are those of this process."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        rows = _Rows(path)
        self.items: Any = rows
        self._partitions: Any = _Partitions(rows)
        self._kinds: Any = _Nothing()


class _Rows(MutableMapping[At, dict[str, Any]]):
    """The items by key."""

    def __init__(self, path: Path) -> None:
        self.of = sqlite3.connect(path, timeout=60, isolation_level=None)
        self.of.execute("PRAGMA journal_mode=WAL")
        self.of.execute("PRAGMA synchronous=OFF")
        self.of.execute(
            "CREATE TABLE IF NOT EXISTS item (pk TEXT, sk TEXT, body BLOB, PRIMARY KEY (pk, sk)) WITHOUT ROWID"
        )

    def __getitem__(self, at: At) -> dict[str, Any]:
        row = self.of.execute("SELECT body FROM item WHERE pk = ? AND sk = ?", at).fetchone()
        if row is None:
            raise KeyError(at)
        body: dict[str, Any] = pickle.loads(row[0])
        return body

    def __setitem__(self, at: At, item: dict[str, Any]) -> None:
        self.of.execute("INSERT OR REPLACE INTO item VALUES (?, ?, ?)", (*at, pickle.dumps(item)))

    def __delitem__(self, at: At) -> None:
        self.of.execute("DELETE FROM item WHERE pk = ? AND sk = ?", at)

    def __iter__(self) -> Iterator[At]:
        return iter(self.of.execute("SELECT pk, sk FROM item").fetchall())

    def __len__(self) -> int:
        return int(self.of.execute("SELECT COUNT(*) FROM item").fetchone()[0])


class _Partitions:
    """The sort keys of a partition."""

    def __init__(self, rows: _Rows) -> None:
        self._rows = rows

    def get(self, pk: str, _default: object = None) -> set[str]:
        return {sk for (sk,) in self._rows.of.execute("SELECT sk FROM item WHERE pk = ?", (pk,))}

    def setdefault(self, _pk: str, _empty: object) -> set[str]:
        return set()


class _Nothing:
    """In the place of what nobody asks for here."""

    def get(self, _kind: str, _default: object = None) -> dict[At, None]:
        return {}

    def setdefault(self, _kind: str, _empty: object) -> dict[At, None]:
        return {}
