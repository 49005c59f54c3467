"""After an import: the names of everybody who stands are sorted into one file, so that a search reads a part of it (B7)."""

from __future__ import annotations

from bisect import bisect_right
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from functions.import_step.import_context import ImportContext
from functions.import_step.plan import DONE, Import, StepResult
from shared.stores.import_files import snapshot_key
from shared.stores.import_state import Snapshot
from shared.stores.sorted_names import NAMES, NamePlaces, PlacesBuilder, words_and_lines

_PARTS = 64
"""Files on disk by the beginnings of words, each of which is sorted by itself."""


class SortNames:
    """The last step of an import that was applied. It may be run again, and changes nothing but what a search reads."""

    def __init__(self, context: ImportContext) -> None:
        self._context = context

    def sort(self, import_: Import) -> StepResult:
        """Sort the names of what stands now; a district of one file of people is searched in that file."""
        standing = self._context.state.snapshot(import_.district_id)
        if standing is not None and standing.names_are_sorted:
            with TemporaryDirectory() as folder:
                self._sort(import_.district_id, standing, Path(folder))
        return DONE

    def _sort(self, district_id: str, standing: Snapshot, folder: Path) -> None:
        files = self._context.import_files
        with _Parts(folder) as parts:
            for shard in range(standing.shards):
                parts.add(files.read(snapshot_key(district_id, standing.snapshot_id, f"people-{shard}")))
        path, places = parts.sorted()
        files.write_file(snapshot_key(district_id, standing.snapshot_id, NAMES), path)
        self._context.state.note_names(district_id, standing.snapshot_id, places.packed())


class _Parts:
    """Lines on disk, in parts that follow each other; where they end is taken from the first people."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ends: list[str] | None = None
        self._paths = [folder / str(number) for number in range(_PARTS)]

    def __enter__(self) -> _Parts:
        self._stack = ExitStack()
        self._files = [self._stack.enter_context(path.open("wb", buffering=1 << 17)) for path in self._paths]
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, people: bytes) -> None:
        """Add the names of a shard of people. People lie in shards by chance, so the first tells how words are spread."""
        lines = words_and_lines(BytesIO(people))
        if self._ends is None:
            first = list(lines)
            words = sorted(word for word, _ in first)
            self._ends = words[:: max(1, -(-len(words) // _PARTS))][1:] if words else None
            lines = iter(first)
        ends, writes = self._ends or [], [file.write for file in self._files]
        for word, line in lines:
            writes[bisect_right(ends, word)](line)

    def sorted(self) -> tuple[Path, NamePlaces]:
        """All lines in one file, and where in it words lie. A part is gone from the disk before the next is written."""
        path, builder = self._folder / NAMES, PlacesBuilder()
        with path.open("wb") as together:
            for part in self._paths:
                # Each line is JSON, which holds no other end of a line.
                lines = part.read_bytes().splitlines(keepends=True)
                part.unlink()
                lines.sort()
                builder.add(lines)
                together.writelines(lines)
        return path, builder.places()
