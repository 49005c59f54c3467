"""Split: read a part of the upload once; good rows go to the shards of people and classes, bad ones into the rejects."""

from __future__ import annotations

import re
import shutil
import zlib
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import lru_cache
from itertools import compress
from pathlib import Path
from typing import IO, Any

from functions.import_step.files import Extents, packed
from functions.import_step.formats.format import ClassRow, Format, Kind, Person, Recognised, Where
from shared.domain.email_address import normalise
from shared.domain.report import Note, Reject, merged_notes
from shared.domain.roster import Role

ID = re.compile(r"[^\x00-\x1f\x7f]{1,255}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]+")
_LONGEST_NAME = 200
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


class SplitSink:
    """Sends what a format reads to the shards, and keeps what a report needs.

    People's shards get blocks ``["u", file, id column, rows, lines]``, ``["r", …]`` and ``["e", file, user column, class
    column, role, removed, texts]``, a text being user, class and line with tabs between. Those of classes get
    ``["c", file, id column, rows, lines]``.
    """

    def __init__(self, what: Recognised, people: ShardWriter, classes: ShardWriter, folder: Path) -> None:
        self._what = what
        self._people = people
        self._classes = classes
        self._class_ids = (folder / "class-ids").open("w", encoding="utf-8", newline="\n")
        self._rejects = (folder / "rejects").open("wb")
        self.rejected: dict[str, int] = dict.fromkeys(Kind, 0)
        self.notes: list[Note] = []
        self.schools: dict[str, str] = {}
        self.latest_school_year = ""
        self.rows = 0
        """How many rows were taken."""

    def close(self) -> None:
        self._class_ids.close()
        self._rejects.close()

    def person(self, row: Person, where: Where) -> None:
        column = where.column or "sourcedId"
        if not self._usable_id(Kind.USERS, row.sourced_id, where, column):
            return
        email = normalise(row.email)
        if row.email and not email:
            self.note(
                Note("email_not_usable", "Addresses that are not valid were read as if there were none.", where.file, 1)
            )
        if not row.email and self._what.name == "sds":
            email = normalise(row.username)
        self.rows += 1
        record = (
            row.sourced_id,
            row.role.value if row.role else None,
            *_names(row.given_name, row.family_name),
            email,
            _name(row.username) or None,
            row.clever_ids,
            row.school_ids,
            row.removed,
        )
        self._people.add(self._head("u", where.file, column), row.sourced_id, record, where.line)

    def role(self, sourced_id: str, role: Role | None, school_id: str, where: Where, *, removed: bool = False) -> None:
        if not self._usable_id(Kind.USERS, sourced_id, where, "userSourcedId"):
            return
        self.rows += 1
        record = (sourced_id, role.value if role else None, school_id, removed)
        self._people.add(self._head("r", where.file, "userSourcedId"), sourced_id, record, where.line)

    def school(self, sourced_id: str, name: str) -> None:
        if ID.fullmatch(sourced_id):
            self.schools[sourced_id] = _name(name)

    def school_year(self, name: str) -> None:
        self.latest_school_year = max(self.latest_school_year, name)

    def school_class(self, row: ClassRow, where: Where) -> None:
        column = where.column or "sourcedId"
        if not self._usable_id(Kind.CLASSES, row.sourced_id, where, column):
            return
        self.rows += 1
        self._class_ids.write(row.sourced_id + "\n")
        record = (
            row.sourced_id,
            _name(row.title),
            row.school_id or None,
            _name(row.course_title) or None,
            _name(row.class_code) or None,
            _name(row.term_title) or None,
            row.ends_on,
            row.removed,
        )
        self._classes.add(self._head("c", where.file, column), row.sourced_id, record, where.line)

    def enrollments(
        self,
        where: Where,
        role: str,
        users: Sequence[str],
        classes: Sequence[str],
        lines: Sequence[int],
        *,
        removed: bool = False,
        class_column: str = "classSourcedId",
    ) -> None:
        user_column = where.column or "userSourcedId"
        texts = list(map("\t".join, zip(users, classes, map(str, lines), strict=True)))
        together = "\n".join(texts)
        is_plain = together.count("\n") == len(texts) - 1 and together.count("\t") == 2 * len(texts)
        if not (is_plain and all(users) and all(classes)):
            usable = [
                self._usable_id(Kind.ENROLLMENTS, class_id, Where(where.file, line), class_column)
                and self._usable_id(Kind.ENROLLMENTS, user, Where(where.file, line), user_column)
                for user, class_id, line in zip(users, classes, lines, strict=True)
            ]
            users, texts = list(compress(users, usable)), list(compress(texts, usable))
        self.rows += len(users)
        self._people.add_texts(("e", where.file, user_column, class_column, role, removed), users, texts)

    def reject(self, kind: Kind | None, reject: Reject) -> None:
        self._rejects.write(packed(reject))
        if kind:
            self.rejected[kind] += 1

    def note(self, note: Note) -> None:
        self.notes.append(note)
        if len(self.notes) > 1000:
            self.notes = merged_notes(self.notes)

    @staticmethod
    @lru_cache
    def _head(kind: str, file: str, column: str) -> tuple[str, ...]:
        return kind, file, column

    def _usable_id(self, kind: Kind, key: str, where: Where, column: str) -> bool:
        if not key:
            message = f"The row has no {column}. Fill it in."
        elif len(key) > 255 or (not key.isprintable() and not ID.fullmatch(key)):
            message = f"{column} is longer than 255 characters or holds control characters. Shorten it."
        else:
            return True
        self.reject(kind, Reject(where.file, where.line, column, "bad_id" if key else "missing_value", message))
        return False


class Splitting:
    """What came of a part: the sink, how many rows each file had, and the files that are now on disk."""

    def __init__(self, sink: SplitSink, seen: dict[str, int], people: ShardWriter, classes: ShardWriter) -> None:
        self.sink = sink
        self.seen = seen
        self.people, self.people_extents = people.together()
        self.classes, self.classes_extents = classes.together()


def split(one: Format, what: Recognised, stems: Iterable[str], shards: int, folder: Path) -> Splitting:
    """Read these files of the upload into shards; what is written lies in ``folder``. Raises UploadRejected."""
    seen: dict[str, int] = {}
    with (
        ShardWriter(folder, "people", shards) as people,
        ShardWriter(folder, "classes", class_shards_of(shards)) as classes,
    ):
        sink = SplitSink(what, people, classes, folder)
        try:
            for stem in stems:
                seen[stem] = one.read(what, stem, sink)
        finally:
            sink.close()
    sink.notes = merged_notes(sink.notes)
    return Splitting(sink, seen, people, classes)


def _names(given: str, family: str) -> tuple[str, str]:
    both = given + family
    return (given, family) if both.isprintable() and len(both) <= _LONGEST_NAME else (_name(given), _name(family))


def _name(text: str) -> str:
    """A name without control and direction characters, and not longer than a page can bear."""
    if not text.isprintable():
        text = _CONTROL.sub(" ", text).strip()
    return text[:_LONGEST_NAME]
