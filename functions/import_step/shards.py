"""Shards of an import: which shard a person or a class belongs to, and the file of rows for each."""

from __future__ import annotations

import shutil
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import compress, islice
from operator import ne, or_
from pathlib import Path
from typing import IO

from msgspec import Struct
from msgspec.json import Decoder

from functions.import_step.enrollment_texts import BETWEEN, together
from functions.import_step.formats.format import Recognised
from functions.import_step.records import ClassRow, PersonRow, RoleRow, packed, packed_lines
from functions.import_step.row_marks import RowMarks
from shared.domain.roster import Role, number_of
from shared.stores.import_files import Extents

PEOPLE_PER_SHARD = 32_000


MOST_SHARDS = 256


_BUFFERED = 16_384
"""Rows that are kept until a block of each shard is written."""


def shard_of(key: str, shards: int) -> int:
    """Which shard an id belongs to; the same for ever. Shards are powers of two, so that a shard of 2n is a part of a shard
    of n. A person belongs where the number does, whatever its kind."""
    return zlib.crc32(number_of(key).encode()) & (shards - 1)


def class_shards_of(shards: int) -> int:
    """How many shards of classes go with so many shards of people."""
    return max(1, shards // 2)


def shards_for(upload: Recognised, before: int | None) -> int:
    """How many shards: enough for the size of the files, and never fewer than the standing snapshot has."""
    stems = ("users", "students", "student")
    people = sum(upload.files[stem].size for stem in stems if stem in upload.files) // 100
    shards = before or 1
    while shards * PEOPLE_PER_SHARD < people and shards < MOST_SHARDS:
        shards *= 2
    return shards


class PeopleBlock(Struct, array_like=True, tag="u", gc=False):
    """Rows about people, from one file."""

    file: str
    column: str
    """The column of their ids."""
    rows: list[PersonRow]
    lines: list[int]
    """The line of each row in its file."""
    untold: tuple[str, ...] = ()
    """Fields of the rows for which the file has no column."""


class RolesBlock(Struct, array_like=True, tag="r", gc=False):
    """Rows about roles of people, from one file."""

    file: str
    column: str
    rows: list[RoleRow]
    lines: list[int]


class EnrollmentsBlock(Struct, array_like=True, tag="g", gc=False):
    """Enrollments with one role, from one file. Rows of one person that follow each other are one text (``listed``)."""

    file: str
    user_column: str
    class_column: str
    role: str
    removed: bool
    users: list[str]
    lines: list[int]
    """The line of the first row of each text; the others stand on the lines after it."""
    texts: list[str]

    def rows(self) -> Iterator[tuple[str, str, int]]:
        """Person, class and line of each."""
        for user, first, text in zip(self.users, self.lines, self.texts, strict=True):
            for line, class_id in enumerate(text.split(BETWEEN)[::2], first):
                yield user, class_id, line


class PackedPeople(Struct, array_like=True, tag="p"):
    """Rows about people, from one file that has a column for all that is read. A line of JSON for each row (``PersonRow``) follows
    behind this line: where a row is plain, its text becomes a part of the snapshot's line as it is."""

    file: str
    column: str
    kinds: list[tuple[Role | None, tuple[str, ...]]]
    """Roles and schools that plain rows have,"""
    of: list[int]
    """and of each row which of them it has; -1 where the row is to be looked at."""
    lines: list[int]
    size: int
    """In bytes, of the lines that follow."""
    texts: list[bytes] = []
    """These lines."""

    def block(self) -> PeopleBlock:
        """All of these rows."""
        return PeopleBlock(self.file, self.column, list(map(person_row, self.texts)), self.lines)


class PackedEnrollments(Struct, array_like=True, tag="n"):
    """An ``EnrollmentsBlock`` of which person and text, a tab between, follow behind this line, a line for each."""

    file: str
    user_column: str
    class_column: str
    role: str
    removed: bool
    lines: list[int]
    size: int
    """In bytes, of the lines that follow."""

    def block(self, body: bytes) -> EnrollmentsBlock:
        """These enrollments; ``body`` is what follows."""
        runs = [line.partition("\t") for line in body.decode().split("\n")[:-1]]
        of = self.file, self.user_column, self.class_column, self.role, self.removed
        return EnrollmentsBlock(*of, [user for user, _, _ in runs], self.lines, [text for _, _, text in runs])


class EarlierEnrollments(Struct, array_like=True, tag="e", gc=False):
    """The same as an earlier version wrote it: a line of text for each, with person, class and line, and where it has one the
    row's own id, tabs between."""

    file: str
    user_column: str
    class_column: str
    role: str
    removed: bool
    texts: str

    def block(self) -> EnrollmentsBlock:
        """These enrollments as they are written now."""
        users: list[str] = []
        lines: list[int] = []
        texts: list[str] = []
        for text in self.texts.split("\n"):
            user, class_id, line, *row_id = text.split("\t")
            users.append(user)
            lines.append(int(line))
            texts.append(BETWEEN.join((class_id.replace(BETWEEN, "\ufffd"), "".join(row_id))))
        return EnrollmentsBlock(
            self.file, self.user_column, self.class_column, self.role, self.removed, users, lines, texts
        )


class ClassesBlock(Struct, array_like=True, tag="c", gc=False):
    """Rows about classes, from one file."""

    file: str
    column: str
    rows: list[ClassRow]
    lines: list[int]
    untold: tuple[str, ...] = ()
    """The fields of classes for which the file has no column."""


type AnyPeopleBlock = PeopleBlock | RolesBlock | EnrollmentsBlock
"""What a shard of people is made of."""
_WRITTEN: Decoder[AnyPeopleBlock | PackedPeople | PackedEnrollments | EarlierEnrollments] = Decoder(
    PeopleBlock | RolesBlock | EnrollmentsBlock | PackedPeople | PackedEnrollments | EarlierEnrollments
)
person_row = Decoder(PersonRow).decode
"""The row of a line of ``PackedPeople``."""


def written_blocks(body: bytes) -> Iterator[AnyPeopleBlock | PackedPeople]:
    """The blocks of a shard of people as a ``ShardWriter`` wrote them, in this version or an earlier one."""
    at = 0
    while at < len(body):
        end = body.index(b"\n", at) + 1
        block = _WRITTEN.decode(body[at:end])
        at = end
        match block:
            case PackedPeople():
                block.texts = body[at : at + block.size].split(b"\n")[:-1]
                at += block.size
                yield block
            case PackedEnrollments():
                yield block.block(body[at : at + block.size])
                at += block.size
            case EarlierEnrollments():
                yield block.block()
            case _:
                yield block


type Row = PersonRow | RoleRow | ClassRow


class RowsHead(Struct, frozen=True):
    """What the rows of a block have in common."""

    of: Callable[..., PeopleBlock | RolesBlock | ClassesBlock]
    """Makes the block; its rows are of the kind that are added with this head."""
    file: str
    column: str
    untold: tuple[str, ...] = ()
    """Of people: fields for which the file has no column."""


class EnrollmentsHead(Struct, frozen=True):
    """What the enrollments of a block have in common."""

    file: str
    user_column: str
    class_column: str
    role: str
    removed: bool


type _RowsAndLines = tuple[list[Row], list[int]]
type _Runs = tuple[list[int], list[str]]
"""First line of enrollments that follow each other; the person's id, a tab and their text."""


class ShardWriter:
    """Blocks of rows, each for one shard, on disk; at the end they become one file in which each shard has its part."""

    def __init__(self, folder: Path, name: str, shards: int) -> None:
        self._folder = folder
        self._name = name
        self._shards = shards
        self._mask = shards - 1
        self._paths = [folder / f"{name}-{shard}" for shard in range(shards)]
        self._files: list[IO[bytes]] = []
        self._head: RowsHead | None = None
        self._of_head: list[_RowsAndLines] = []
        """What waits for the latest head, by shard."""
        self._rows: dict[RowsHead, list[_RowsAndLines]] = {}
        self._enrollments: dict[EnrollmentsHead, list[_Runs]] = {}
        self._waiting = 0
        self.marks: RowMarks | None = None
        """Where it is noted whom each row is about, if that is asked."""

    def __enter__(self) -> ShardWriter:
        with ExitStack() as stack:
            self._files = [stack.enter_context(path.open("wb")) for path in self._paths]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._stack.close()

    def add_enrollments(
        self,
        head: EnrollmentsHead,
        numbers: Sequence[str],
        people: Sequence[str],
        classes: Sequence[str],
        row_ids: Sequence[str],
        lines: Sequence[int],
    ) -> None:
        """Many enrollments, for the shards of their people's numbers. ``people`` are the ids that go with the numbers; no class
        and no id of a row holds ``BETWEEN``."""
        mask = self._mask
        by_shard = self._enrollments.get(head)
        if by_shard is None:
            by_shard = self._enrollments[head] = [([], []) for _ in range(self._shards)]
        ids = together(classes, row_ids)
        ends = _ends_of_runs(people, lines)
        starts = [0, *ends][: len(ends)]
        codes = array("I", map(zlib.crc32, map(str.encode, map(numbers.__getitem__, starts))))
        if self.marks:
            self.marks.of_runs(lines, codes, starts, ends)
        for code, start, end in zip(codes, starts, ends, strict=True):
            first_lines, texts = by_shard[code & mask]
            first_lines.append(lines[start])
            texts.append(f"{people[start]}\t{BETWEEN.join(ids[2 * start : 2 * end])}")
        self._count(len(people))

    def add(self, head: RowsHead, row: Row, line: int) -> None:
        """One row for the shard of its id."""
        code = zlib.crc32(number_of(row.sourced_id).encode())
        if self.marks:
            self.marks.of_rows((line,), (code,))
        rows, lines = self._by_shard(head)[code & self._mask]
        rows.append(row)
        lines.append(line)
        self._count(1)

    def add_rows(self, head: RowsHead, numbers: Sequence[str], rows: Iterable[Row], lines: Sequence[int]) -> None:
        """Many rows for the shards of their numbers."""
        mask, by_shard = self._mask, self._by_shard(head)
        codes = array("I", map(zlib.crc32, map(str.encode, numbers)))
        if self.marks:
            self.marks.of_rows(lines, codes)
        for code, row, line in zip(codes, rows, lines, strict=True):
            rows_of_shard, lines_of_shard = by_shard[code & mask]
            rows_of_shard.append(row)
            lines_of_shard.append(line)
        self._count(len(numbers))

    def _by_shard(self, head: RowsHead) -> list[_RowsAndLines]:
        if head is not self._head:
            by_shard = self._rows.get(head)
            if by_shard is None:
                by_shard = self._rows[head] = [([], []) for _ in range(self._shards)]
            self._head, self._of_head = head, by_shard
        return self._of_head

    def _count(self, rows: int) -> None:
        self._waiting += rows
        if self._waiting >= _BUFFERED:
            self._flush()

    def _flush(self) -> None:
        for head, blocks in self._rows.items():
            for file, (rows, lines) in zip(self._files, blocks, strict=True):
                if rows:
                    file.writelines(_written_rows(head, rows, lines))
        for key, runs_by_shard in self._enrollments.items():
            for file, (lines, texts) in zip(self._files, runs_by_shard, strict=True):
                if texts:
                    texts.append("")
                    body = "\n".join(texts).encode()
                    of = key.file, key.user_column, key.class_column, key.role, key.removed
                    file.write(packed(PackedEnrollments(*of, lines, len(body))))
                    file.write(body)
        self._rows.clear()
        self._enrollments.clear()
        self._head = None
        self._waiting = 0

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


def _written_rows(head: RowsHead, rows: list[Row], lines: list[int]) -> Iterator[bytes]:
    """A block of rows as it is written."""
    if head.of is not PeopleBlock or head.untold:
        more = (head.untold,) if head.untold else ()
        yield packed(head.of(head.file, head.column, rows, lines, *more))
        return
    kinds: dict[tuple[Role | None, tuple[str, ...]], int] = {}
    of = [
        kinds.setdefault((row.role, row.school_ids), len(kinds)) if isinstance(row, PersonRow) and row.is_plain else -1
        for row in rows
    ]
    body = packed_lines(rows)
    yield packed(PackedPeople(head.file, head.column, list(kinds), of, lines, len(body)))
    yield body


def _ends_of_runs(people: Sequence[str], lines: Sequence[int]) -> list[int]:
    """Where rows of one person on lines that follow each other end."""
    differ = map(ne, people, islice(people, 1, None))
    if not isinstance(lines, range):
        differ = map(or_, differ, map(ne, map((1).__add__, lines), islice(lines, 1, None)))
    return [*compress(range(1, len(people)), differ), len(people)] if people else []
