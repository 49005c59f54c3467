"""Writes a district's files in its format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from benchmarks import clever, oneroster, school_data_sync
from benchmarks.rows import CsvFile
from benchmarks.shape import District

_BULK: dict[str, Callable[[District], Iterator[CsvFile]]] = {
    "oneroster-1.1": oneroster.bulk,
    "oneroster-1.2": oneroster.bulk,
    "clever": clever.bulk,
    "sds-1": school_data_sync.version_1,
    "sds-2.1": school_data_sync.version_2_1,
}


def write_bulk(district: District, folder: Path) -> None:
    """Write all that there is; files of the same names are overwritten."""
    _write(_BULK[district.shape.format](district), folder)


def write_changed(district: District, folder: Path) -> None:
    """Write the OneRoster delta with the changed people."""
    _write(oneroster.delta(district), folder)


def _write(files: Iterable[CsvFile], folder: Path) -> None:
    for file in files:
        with (folder / file.name).open("wb") as target:
            target.write(f"{file.header}\n".encode())
            for block in file.blocks:
                target.write(block.encode())
