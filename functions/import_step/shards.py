"""Shards of an import: which shard a person or a class belongs to, and the file of rows for each."""

from __future__ import annotations

import shutil
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain, compress, groupby, islice, repeat
from operator import itemgetter, ne, or_
from pathlib import Path
from typing import IO

from msgspec import Struct
from msgspec.json import Decoder
from msgspec.structs import replace

from functions.import_step.enrollment_texts import classes_in, marks_of, number_of_rows, runs_of, text_of
from functions.import_step.formats.format import Recognised
from functions.import_step.records import ClassRow, Decoded, PersonRow, RoleRow, packed, packed_lines
from functions.import_step.row_marks import RowMarks
from shared.domain.roster import Role, number_of
from shared.stores.import_files import Extents

PEOPLE_PER_SHARD = 32_000


MOST_SHARDS = 256


BETWEEN = "\x7f"
"""Stood between the ids of enrollments, as the version before wrote them. No id holds a control character."""
_FEW = 4_096
"""Rows, or texts, that are no more in a part of an upload, as on most nights: they are written without a file for each shard."""
_BUFFERED = 8_192
"""Rows, or texts of enrollments, that are kept until a block of each shard is written."""


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


class EnrollmentsBlock(Struct, gc=False):
    """Enrollments with one role, from one file. Rows of one person that follow each other are one text (``enrollment_texts``)."""

    file: str
    user_column: str
    class_column: str
    role: str
    removed: bool
    is_plain: bool
    """Whether no text names a class twice, and in none several rows have one id."""
    users: list[str]
    texts: list[bytes]
    lines: list[int]
    """The line of the first row of each text,"""
    places: Sequence[int]
    """and how many lines after it each row of it stands, in the order in which the texts have them."""
    numbers: list[int]
    """Of how many rows each text is."""

    def rows(self) -> Iterator[tuple[str, str, int]]:
        """Person, class and line of each, as they stand in the file as far as they are of one person."""
        at = 0
        for user, text, first in zip(self.users, self.texts, self.lines, strict=True):
            classes = classes_in((text,))
            places = self.places[at : at + len(classes)]
            at += len(classes)
            for place, class_id in sorted(zip(places, classes, strict=True), key=itemgetter(0)):
                yield user, class_id, first + place

    def some(self, wanted: Sequence[bool]) -> EnrollmentsBlock:
        """The texts that are wanted."""
        of_rows = chain.from_iterable(map(repeat, wanted, self.numbers))
        users, lines, numbers = ([*compress(each, wanted)] for each in (self.users, self.lines, self.numbers))
        texts, places = [*compress(self.texts, wanted)], [*compress(self.places, of_rows)]
        return replace(self, users=users, texts=texts, lines=lines, places=places, numbers=numbers)

    @classmethod
    def of_listed(
        cls, file: str, user_column: str, class_column: str, role: str, removed: bool, listed: Iterable[_Listed]
    ) -> EnrollmentsBlock:
        """Enrollments as earlier versions wrote them."""
        users: list[str] = []
        texts: list[bytes] = []
        lines: list[int] = []
        places: list[int] = []
        numbers: list[int] = []
        for user, classes, row_ids, first in listed:
            users.append(user)
            texts.append(text_of(role, classes, marks_of(map(str.encode, row_ids)) if any(row_ids) else ()))
            lines.append(first)
            places += sorted(range(len(classes)), key=classes.__getitem__)
            numbers.append(len(classes))
        return cls(file, user_column, class_column, role, removed, False, users, texts, lines, places, numbers)


type _Listed = tuple[str, Sequence[str], Sequence[str], int]
"""Of rows that follow each other: the person, the classes, the rows' own ids, and the first line."""


type Kinds = tuple[Role | None, tuple[str, ...]]
"""Role and schools."""


class PackedPeople(Struct, array_like=True, tag="p"):
    """Rows about people, from one file that has a column for all that is read. A line of JSON for each row (``PersonRow``) follows
    behind this line: where a row is plain, its text becomes a part of the snapshot's line as it is."""

    file: str
    column: str
    kinds: list[Kinds]
    """Those that plain rows have,"""
    of: Sequence[int]
    """and of each row which of them it has; -1 where the row is to be looked at."""
    lines: Sequence[int]
    size: int
    """In bytes, of the lines that follow."""
    ids: Sequence[str] = ()
    """The ids of the rows,"""
    addresses: Sequence[int] = ()
    """and a hash of each one's address (``one_person``), 0 for none: empty where an earlier version wrote them."""
    texts: list[bytes] = []
    """These lines."""

    def block(self) -> PeopleBlock:
        """All of these rows."""
        return PeopleBlock(self.file, self.column, list(map(person_row, self.texts)), [*self.lines])


class PackedEnrollments(Struct, array_like=True, tag="m"):
    """An ``EnrollmentsBlock`` of which the texts, a line for each, follow behind this line, and then the places of the rows, in 32
    bits each."""

    file: str
    user_column: str
    class_column: str
    role: str
    removed: bool
    is_plain: bool
    users: list[str]
    lines: list[int]
    size: int
    """In bytes, of the texts,"""
    size_of_places: int
    """and of the places."""
    numbers: list[int] = []
    """Of how many rows each text is; none where an earlier version wrote them."""

    def block(self, body: memoryview) -> EnrollmentsBlock:
        """These enrollments; ``body`` is what follows."""
        texts = bytes(body[: self.size]).split(b"\n")
        places = array("I")
        places.frombytes(body[self.size :])
        of = self.file, self.user_column, self.class_column, self.role, self.removed, self.is_plain
        numbers = self.numbers or [*map(number_of_rows, texts)]
        return EnrollmentsBlock(*of, self.users, texts, self.lines, places, numbers)


class _ListedEnrollments(Struct, array_like=True, tag="n"):
    """The same as the version before wrote it: person and text, a tab between, a line for each. A text had class and the row's own
    id in turn."""

    file: str
    user_column: str
    class_column: str
    role: str
    removed: bool
    lines: list[int]
    """The line of the first row of each text; the others stand on the lines after it."""
    size: int

    def block(self, body: memoryview) -> EnrollmentsBlock:
        """These enrollments; ``body`` is what follows."""
        runs = [line.partition("\t") for line in str(body, "utf-8").split("\n")[:-1]]
        listed = [(user, text.split(BETWEEN), line) for (user, _, text), line in zip(runs, self.lines, strict=True)]
        of = self.file, self.user_column, self.class_column, self.role, self.removed
        return EnrollmentsBlock.of_listed(*of, ((user, ids[::2], ids[1::2], line) for user, ids, line in listed))


class _EnrollmentsOfTexts(Struct, array_like=True, tag="g"):
    """The same within one line, as the version before that wrote it."""

    file: str
    user_column: str
    class_column: str
    role: str
    removed: bool
    users: list[str]
    lines: list[int]
    texts: list[str]

    def block(self) -> EnrollmentsBlock:
        """These enrollments as they are written now."""
        runs = zip(self.users, (text.split(BETWEEN) for text in self.texts), self.lines, strict=True)
        of = self.file, self.user_column, self.class_column, self.role, self.removed
        return EnrollmentsBlock.of_listed(*of, ((user, ids[::2], ids[1::2], line) for user, ids, line in runs))


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
        rows = [text.split("\t") for text in self.texts.split("\n")]
        of = self.file, self.user_column, self.class_column, self.role, self.removed
        listed = ((user, [class_id], ["".join(row_id)], int(line)) for user, class_id, line, *row_id in rows)
        return EnrollmentsBlock.of_listed(*of, listed)


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
type _Written = (
    PeopleBlock
    | RolesBlock
    | PackedPeople
    | PackedEnrollments
    | _ListedEnrollments
    | _EnrollmentsOfTexts
    | EarlierEnrollments
)
_WRITTEN: Decoded[_Written] = Decoded(_Written)
person_row = Decoder(PersonRow).decode
"""The row of a line of ``PackedPeople``."""


def written_blocks(body: bytes) -> Iterator[AnyPeopleBlock | PackedPeople]:
    """The blocks of a shard of people as a ``ShardWriter`` wrote them, in this version or an earlier one."""
    at, view = 0, memoryview(body)
    while at < len(body):
        end = body.index(b"\n", at) + 1
        block = _WRITTEN.decode(view[at:end])
        at = end
        match block:
            case PackedPeople():
                block.texts = body[at : at + block.size].split(b"\n")[:-1]
                at += block.size
                yield block
            case PackedEnrollments():
                behind = at + block.size + block.size_of_places
                yield block.block(view[at:behind])
                at = behind
            case _ListedEnrollments():
                yield block.block(view[at : at + block.size])
                at += block.size
            case _EnrollmentsOfTexts() | EarlierEnrollments():
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
type PackedRow = PersonRow | tuple[object, ...]
"""A row about a person, or its fields: both are packed alike."""


type _Run = tuple[str, int, bytes, Sequence[int]]
"""Person and first line of enrollments that follow each other, their text, and the places of their rows."""


type _Person = tuple[bytes, str, int, int, int]
"""A packed row, its id and line, a hash of the address, and which of the kinds it has."""


class _People:
    """Rows about people that wait to be written, by shard."""

    def __init__(self, shards: int) -> None:
        self._kinds: dict[Kinds, int] = {}
        self._by_shard: list[list[_Person]] = [[] for _ in range(shards)]
        self._add = [people.append for people in self._by_shard]

    def add(
        self,
        rows: Iterable[PackedRow],
        ids: Iterable[str],
        lines: Iterable[int],
        addresses: Iterable[int],
        kinds: Iterable[Kinds | None],
        of: Iterable[int],
        shards: Iterable[int],
    ) -> None:
        """Add rows; ``of`` says of each which of these kinds it has. Those of None are to be looked at."""
        places = [-1 if kind is None else self._kinds.setdefault(kind, len(self._kinds)) for kind in kinds]
        # Packed as long as they are at hand: what waits is not looked at once more.
        texts = packed_lines([*rows]).split(b"\n")
        add = self._add
        people = zip(texts, ids, lines, addresses, map(places.__getitem__, of), strict=False)
        for shard, person in zip(shards, people, strict=True):
            add[shard](person)

    def written(self, head: RowsHead, _shards: int) -> Iterator[tuple[int, bytes]]:
        """What is written of them, with the shard."""
        kinds = [*self._kinds]
        for shard, waiting in enumerate(self._by_shard):
            if waiting:
                texts, ids, lines, addresses, of = zip(*waiting, strict=True)
                body = b"\n".join((*texts, b""))
                people = PackedPeople(head.file, head.column, kinds, of, lines, len(body), ids, addresses)
                yield shard, packed(people) + body


class _Rows:
    """Other rows that wait to be written, by shard."""

    def __init__(self, shards: int) -> None:
        self.by_shard: list[_RowsAndLines] = [([], []) for _ in range(shards)]

    def written(self, head: RowsHead, _shards: int) -> Iterator[tuple[int, bytes]]:
        """What is written of them, with the shard."""
        more = (head.untold,) if head.untold else ()
        for shard, (rows, lines) in enumerate(self.by_shard):
            if rows:
                yield shard, packed(head.of(head.file, head.column, rows, lines, *more))


class _Enrollments:
    """Enrollments of one head that wait to be written, by shard."""

    def __init__(self, shards: int) -> None:
        self.is_plain = True
        self._by_shard: list[list[_Run]] = [[] for _ in range(shards)]
        self._add = [runs.append for runs in self._by_shard]

    def add(
        self,
        shards: Iterable[int],
        users: Iterable[str],
        lines: Iterable[int],
        texts: Iterable[bytes],
        places: Iterable[Sequence[int]],
    ) -> None:
        """Add runs, each with its person and first line."""
        add = self._add
        for shard, run in zip(shards, zip(users, lines, texts, places, strict=False), strict=True):
            add[shard](run)

    def written(self, head: EnrollmentsHead) -> Iterator[tuple[int, bytes]]:
        """What is written of them, with the shard."""
        of = head.file, head.user_column, head.class_column, head.role, head.removed, self.is_plain
        for shard, runs in enumerate(self._by_shard):
            if runs:
                users, lines, texts, places = zip(*runs, strict=True)
                body, behind = b"\n".join(texts), array("I", chain.from_iterable(places)).tobytes()
                numbers = [*map(len, places)]
                head_line = packed(PackedEnrollments(*of, [*users], [*lines], len(body), len(behind), numbers))
                yield shard, b"".join((head_line, body, behind))


class ShardWriter:
    """Blocks of rows, each for one shard, on disk; at the end they become one file in which each shard has its part."""

    def __init__(self, folder: Path, name: str, shards: int) -> None:
        self._folder = folder
        self._name = name
        self._shards = shards
        self._mask = shards - 1
        self._paths = [folder / f"{name}-{shard}" for shard in range(shards)]
        self._files: list[IO[bytes]] = []
        self._few: list[tuple[int, bytes]] = []
        """All that is written with its shard, where that is little: then there are no files of shards."""
        self._rows: dict[RowsHead, _Rows] = {}
        self._people: dict[RowsHead, _People] = {}
        self._in_order: dict[RowsHead, _Rows | _People] = {}
        """Both of them."""
        self._enrollments: dict[EnrollmentsHead, _Enrollments] = {}
        self._waiting = 0
        self.marks: RowMarks | None = None
        """Where it is noted whom each row is about, if that is asked."""

    def __enter__(self) -> ShardWriter:
        self._stack = ExitStack()
        return self

    def __exit__(self, *_: object) -> None:
        if self._files or self._waiting > _FEW:
            self._flush()
        else:
            self._few = sorted(self._written(), key=itemgetter(0))
        self._stack.close()

    def add_enrollments(
        self,
        head: EnrollmentsHead,
        numbers: Sequence[str],
        people: Sequence[str],
        classes: Sequence[str],
        row_ids: Sequence[bytes],
        lines: Sequence[int],
    ) -> None:
        """Many enrollments, for the shards of their people's numbers. ``people`` are the ids that go with the numbers."""
        mask = self._mask
        ends = _ends_of_runs(people, lines)
        starts = [0, *ends][: len(ends)]
        codes = array("I", map(zlib.crc32, map(str.encode, map(numbers.__getitem__, starts))))
        if self.marks:
            self.marks.of_runs(lines, codes, starts, ends)
        marks = marks_of(row_ids) if any(row_ids) else []
        runs = runs_of(head.role, classes, marks, starts, ends)
        waiting = self._enrollments.get(head)
        if waiting is None:
            waiting = self._enrollments[head] = _Enrollments(self._shards)
        once = runs.name_each_class_once or _name_each_class_once(classes, starts, ends)
        waiting.is_plain = waiting.is_plain and once and _are_of_one_row_each(marks)
        shards, users, first_lines = (
            map(mask.__and__, codes),
            map(people.__getitem__, starts),
            map(lines.__getitem__, starts),
        )
        waiting.add(shards, users, first_lines, runs.texts, runs.places)
        self._count(len(runs.texts))

    def add(self, head: RowsHead, row: Row, line: int, address: int = 0) -> None:
        """One row for the shard of its id. ``address`` is a hash of a person's address, 0 for none."""
        code = zlib.crc32(number_of(row.sourced_id).encode())
        if self.marks:
            self.marks.of_rows((line,), (code,))
        if isinstance(row, PersonRow) and not head.untold:
            kind = (row.role, row.school_ids) if row.is_plain else None
            self._people_of(head).add(
                (row,), (row.sourced_id,), (line,), (address,), (kind,), (0,), (code & self._mask,)
            )
        else:
            rows, lines = self._by_shard(head)[code & self._mask]
            rows.append(row)
            lines.append(line)
        self._count(1)

    def add_people(
        self,
        head: RowsHead,
        numbers: Sequence[str],
        rows: Iterable[PackedRow],
        ids: Sequence[str],
        lines: Sequence[int],
        addresses: Iterable[int],
        kinds: Iterable[Kinds | None],
        of: Iterable[int],
    ) -> None:
        """Many people for the shards of their numbers, of a file that has a column for all that is read. ``ids`` are those of the
        rows, ``of`` says of each which of the ``kinds`` it has; a row of None is to be looked at."""
        codes = array("I", map(zlib.crc32, map(str.encode, numbers)))
        if self.marks:
            self.marks.of_rows(lines, codes)
        shards = map(self._mask.__and__, codes)
        self._people_of(head).add(rows, ids, lines, addresses, kinds, of, shards)
        self._count(len(ids))

    def _people_of(self, head: RowsHead) -> _People:
        people = self._people.get(head)
        if people is None:
            people = self._people[head] = self._in_order[head] = _People(self._shards)
        return people

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
        rows = self._rows.get(head)
        if rows is None:
            rows = self._rows[head] = self._in_order[head] = _Rows(self._shards)
        return rows.by_shard

    def _count(self, rows: int) -> None:
        self._waiting += rows
        if self._waiting >= _BUFFERED:
            self._flush()

    def _written(self) -> Iterator[tuple[int, bytes]]:
        """What is written of all that waits, with the shard."""
        written = (waiting.written(head, self._shards) for head, waiting in self._in_order.items())
        of_enrollments = (waiting.written(head) for head, waiting in self._enrollments.items())
        return chain.from_iterable(chain(written, of_enrollments))

    def _flush(self) -> None:
        if not self._files:
            self._files = [self._stack.enter_context(path.open("wb")) for path in self._paths]
        for shard, body in self._written():
            self._files[shard].write(body)
        for waiting in (self._rows, self._people, self._in_order, self._enrollments):
            waiting.clear()
        self._waiting = 0

    def together(self) -> tuple[Path, Extents]:
        """All shards in one file, once everything is written, and where each lies in it."""
        extents: Extents = []
        whole = self._folder / self._name
        with whole.open("wb") as target:
            for path in self._paths if self._files else ():
                extents.append((target.tell(), path.stat().st_size))
                with path.open("rb") as source:
                    shutil.copyfileobj(source, target, 1 << 20)
                path.unlink()
            bodies = {shard: b"".join(body for _, body in those) for shard, those in groupby(self._few, itemgetter(0))}
            for shard in range(0 if self._files else self._shards):
                extents.append((target.tell(), target.write(bodies.get(shard, b""))))
        return whole, extents


def _are_of_one_row_each(marks: Sequence[int]) -> bool:
    """Whether no two rows have one id; it may be false of such rows, too."""
    return not marks or (len({*marks}) == len(marks) and 0 not in marks)


def _name_each_class_once(classes: Sequence[str], starts: Sequence[int], ends: Sequence[int]) -> bool:
    """Whether there is no class twice from any start up to its end."""
    runs = map(set, [classes[start:end] for start, end in zip(starts, ends, strict=True)])
    return sum(map(len, runs)) == len(classes)


def _ends_of_runs(people: Sequence[str], lines: Sequence[int]) -> list[int]:
    """Where rows of one person on lines that follow each other end."""
    differ = map(ne, people, islice(people, 1, None))
    if not isinstance(lines, range):
        differ = map(or_, differ, map(ne, map((1).__add__, lines), islice(lines, 1, None)))
    return [*compress(range(1, len(people)), differ), len(people)] if people else []
