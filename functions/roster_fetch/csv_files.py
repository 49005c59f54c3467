"""Writes the files of a fetched roster on disk, and puts them where uploads are put."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from shared.stores.fetched_rosters import FetchedRosters


class CsvFiles:
    """The files of one roster, in a folder of this worker."""

    def __init__(self, folder: Path, rosters: FetchedRosters, district_id: str, name: str) -> None:
        self._folder = folder
        self._rosters = rosters
        self._district_id = district_id
        self._name = name

    def write(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
        """Write a file and put it. Return how many rows it has."""
        path = self._folder / name
        number = 0
        with path.open("w", encoding="utf-8", newline="") as opened:
            writer = csv.writer(opened)
            writer.writerow(columns)
            for number, row in enumerate(rows, 1):  # noqa: B007 - the last one is how many there are
                writer.writerow(row)
        self._rosters.put(self._district_id, self._name, name, path)
        path.unlink()
        return number

    def complete(self) -> None:
        """Say that all files are there."""
        self._rosters.complete(self._district_id, self._name)
