"""Shards of an import: which shard a person or a class belongs to, and the file of rows for each."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from functions.import_step.formats.format import Recognised
from shared.stores.import_files import Extents, packed

PEOPLE_PER_SHARD = 32_000


MOST_SHARDS = 256


_BUFFERED = 16_384
"""Rows that are kept until a block of each shard is written."""


def shard_of(key: str, shards: int) -> int:
    """Which shard a sourcedId belongs to; the same for ever. Shards are powers of two, so that a shard of 2n is a part of a
    shard of n."""
    return zlib.crc32(key.encode()) & (shards - 1)


def class_shards_of(shards: int) -> int:
    """How many shards of classes go with so many shards of people."""
    return max(1, shards // 2)


def shards_for(what: Recognised, before: int | None) -> int:
    """How many shards: enough for the size of the files, and never fewer than the standing snapshot has."""
    people = sum(what.files[stem].size for stem in ("users", "students", "student") if stem in what.files) // 100
    shards = before or 1
    while shards * PEOPLE_PER_SHARD < people and shards < MOST_SHARDS:
        shards *= 2
    return shards


class ShardWriter:
    """Blocks of rows, each for one shard, on disk; at the end they become one file in which each shard has its part.

    A line is ``[*head, rows, lines]``, or ``[*head, texts]`` with a line of text for each row.
    """

    def __init__(self, folder: Path, name: str, shards: int) -> None:
        self._folder = folder
        self._name = name
        self._shards = shards
        self._mask = shards - 1
        self._head: tuple[Any, ...] = ()
        self._of_head: list[tuple[list[Any], ...]] = []
        self._paths = [folder / f"{name}-{shard}" for shard in range(shards)]
        self._files: list[IO[bytes]] = []
        self._waiting: dict[tuple[Any, ...], list[tuple[list[Any], ...]]] = {}
        self._rows = 0

    def __enter__(self) -> ShardWriter:
        with ExitStack() as stack:
            self._files = [stack.enter_context(path.open("wb")) for path in self._paths]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._stack.close()

    def add_texts(self, head: tuple[Any, ...], keys: Sequence[str], texts: Iterable[str]) -> None:
        """Many rows, each a text without line breaks, for the shards of their keys; a block holds them in one text."""
        mask = self._mask
        append = [texts_of_shard.append for (texts_of_shard,) in self._blocks(head, 1)]
        for code, text in zip(map(zlib.crc32, map(str.encode, keys)), texts, strict=True):
            append[code & mask](text)
        self._rows += len(keys)
        if self._rows >= _BUFFERED:
            self._flush()

    def add(self, head: tuple[Any, ...], key: str, row: Any, line: int) -> None:
        """One row for the shard of its key."""
        if head is not self._head:
            self._head, self._of_head = head, self._blocks(head, 2)
        rows, lines = self._of_head[zlib.crc32(key.encode()) & self._mask]
        rows.append(row)
        lines.append(line)
        self._rows += 1
        if self._rows >= _BUFFERED:
            self._flush()

    def _blocks(self, head: tuple[Any, ...], columns: int) -> list[tuple[list[Any], ...]]:
        blocks = self._waiting.get(head)
        if blocks is None:
            blocks = self._waiting[head] = [tuple([] for _ in range(columns)) for _ in range(self._shards)]
        return blocks

    def _flush(self) -> None:
        for head, blocks in self._waiting.items():
            for file, block in zip(self._files, blocks, strict=True):
                if block[0]:
                    columns = block if len(block) > 1 else ("\n".join(block[0]),)
                    file.write(packed([*head, *columns]))
        self._waiting.clear()
        self._head = ()
        self._rows = 0

    def together(self) -> tuple[Path, Extents]:
        """All shards in one file, once everything is written, and where each lies in it."""
        extents: Extents = []
        whole = self._folder / self._name
        with whole.open("wb") as target:
            for path in self._paths:
                extents.append((target.tell(), path.stat().st_size))
                with path.open("rb") as source:
                    shutil.copyfileobj(source, target, 1 << 20)
                path.unlink()
        return whole, extents
