"""Writes the files of a fetched roster on disk, and puts them where uploads are put."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

import msgspec

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
        written = 0
        with path.open("w", encoding="utf-8", newline="") as opened:
            writer = csv.writer(opened)
            writer.writerow(columns)
            for row in rows:
                writer.writerow(row)
                written += 1
        self._rosters.put(self._district_id, self._name, name, path)
        path.unlink()
        return written

    @contextmanager
    def parts(self, number: int) -> Iterator[Parts]:
        """Files of rows that are joined part by part."""
        with ExitStack() as opened:
            yield Parts(self._folder, number, opened)

    def complete(self) -> None:
        """Say that all files are there."""
        self._rosters.complete(self._district_id, self._name)


class Parts:
    """Rows by the hash of their first text, so that rows of two kinds that have it in common are read together."""

    def __init__(self, folder: Path, number: int, opened: ExitStack) -> None:
        self.number = number
        self._folder = folder
        self._opened = opened
        self._files: dict[tuple[str, int], BinaryIO] = {}

    def add(self, kind: str, *row: str) -> None:
        part = crc32(row[0].encode()) % self.number
        file = self._files.get((kind, part))
        if file is None:
            file = self._opened.enter_context((self._folder / f"{kind}-{part}").open("wb"))
            self._files[kind, part] = file
        file.write(msgspec.json.encode(row) + b"\n")

    def read(self, kind: str, part: int) -> Iterator[list[str]]:
        """The rows of a part, in the order in which they were added."""
        if file := self._files.get((kind, part)):
            file.flush()
            with (self._folder / f"{kind}-{part}").open("rb") as found:
                yield from map(_ROW.decode, found)


_ROW = msgspec.json.Decoder(list[str])
