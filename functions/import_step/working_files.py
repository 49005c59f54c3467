"""What one step of an import leaves for the next, and the snapshot: names of files, shards, changes."""

from __future__ import annotations

import heapq
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from types import GenericAlias
from typing import Protocol, Self

from msgspec.json import Decoder

from functions.import_step.class_count import ClassCount
from functions.import_step.class_history import ClassHistory, MembersOf, Past, PlacesOfClass, places_of
from functions.import_step.formats.format import Mode
from functions.import_step.holdings import Holdings, SharedIdentifiers
from functions.import_step.line_feeds import LineFeeds, grid_of
from functions.import_step.one_person import Holder, OnePerson
from functions.import_step.people_count import PeopleCount
from functions.import_step.plan import (
    ClassesResult,
    Ending,
    IdMap,
    IdPair,
    IdResult,
    ImportPlan,
    MatchResult,
    OpenedUpload,
    PartRead,
    PeopleResult,
    PlacesOfRows,
    Rejection,
    RollBackPlan,
    RowsCompared,
    RowsOfSnapshot,
    SnapshotRef,
    Totals,
    Touched,
    WritePlan,
)
from functions.import_step.records import (
    Bearer,
    ClassRecord,
    CourseRow,
    Decoded,
    MembersRecord,
    Moves,
    PersonRecord,
    ReferenceRow,
    References,
    TermRow,
    packed,
    sourced_id_of,
)
from functions.import_step.row_marks import RowMarks
from functions.import_step.shards import (
    AnyPeopleBlock,
    ClassesBlock,
    PackedPeople,
    class_shards_of,
    shard_of,
    written_blocks,
)
from shared.domain.report import Reject
from shared.stores.import_files import Extents, ImportFiles, snapshot_key, work_key

type Change[T] = tuple[T | None, T | None]
"""(before, after), where None stands for not there."""


class Acting(Protocol):
    """A record of which some is only there to be compared with later uploads."""

    sourced_id: str

    def acts_like(self, other: Self, /) -> bool:
        """Whether nothing differs that the table has of it."""


class Document[T]:
    """A working file that holds one thing; of a part or a shard, its name ends with the number."""

    def __init__(self, name: str, of: type[T]) -> None:
        self.name = name
        self._of = of

    @cached_property
    def decode(self) -> Callable[[bytes], T]:
        return Decoder(self._of).decode


class ShardedLines[T]:
    """Working files of lines, one of each shard of people, with a part for each shard of classes; or the other way round."""

    def __init__(self, name: str, of: type[T]) -> None:
        self.name = name
        self._of = of

    @cached_property
    def decode(self) -> Callable[[bytes], T]:
        return Decoder(self._of).decode


class Records[T]:
    """The files of a snapshot that hold one kind of record, one for each shard; and those with what changed."""

    def __init__(self, name: str, of: type[T], *, by_class: bool = True) -> None:
        self.name = name
        self._of = of
        self._by_class = by_class

    @cached_property
    def decode(self) -> Callable[[bytes], T]:
        return Decoder(self._of).decode

    @cached_property
    def decode_change(self) -> Callable[[bytes], Change[T]]:
        return Decoder(GenericAlias(tuple, (self._of | None, self._of | None))).decode

    def shards_of(self, shards: int) -> int:
        """How many shards of these go with so many shards of people."""
        return class_shards_of(shards) if self._by_class else shards


OPENED = Document("opened", OpenedUpload)
PART = Document("part", PartRead)
COMPARED = Document("rows-compared", RowsCompared)
TOUCHED = Document("touched", Touched)
_ROWS = Document("rows", RowsOfSnapshot)
_PLACES_OF_ROWS = Document("rows", PlacesOfRows)
_PEOPLE_COUNT = Document("rows-count", PeopleCount)
_CLASS_COUNT = Document("rows-classes-count", ClassCount)
_MARKS = "row-marks"
PLAN = Document("plan", ImportPlan)
ROLL_BACK_PLAN = Document("plan", RollBackPlan)
WRITE_PLAN = Document("plan", WritePlan)
"""The plan of an import or of a roll-back, as far as both need it."""
PEOPLE_RESULT = Document("people-result", PeopleResult)
CLASSES_RESULT = Document("classes-result", ClassesResult)
GIVEN_UP: Document[dict[str, list[str]]] = Document("given-up", dict[str, list[str]])
SHARED_ADDRESSES: Document[list[str]] = Document("shared-addresses", list[str])
SHARED_IDENTIFIERS: Document[SharedIdentifiers] = Document("shared-identifiers", SharedIdentifiers)
SHARERS: Document[list[str]] = Document("sharers", list[str])
MOVED: Document[list[str]] = Document("moved", list[str])
"""Who of a shard stood without a kind, by ``person_id``."""
STRANGERS = "strangers"
"""Who is gone, and who came: all whose number may be another one now."""
LEFT: Document[list[str]] = Document("left", list[str])
"""The ids of a shard of what stands that stand under another one, or otherwise, in an import that changes numbers."""
ID_MAP = Document("id-map", IdMap)
ID_RESULT = Document("id-result", IdResult)
HOLDERS: Document[list[Holder]] = Document("holders", list[Holder])
"""Who of a shard has an address that another number has, too; their records lie beside it."""
ONE_PERSON: Document[list[OnePerson]] = Document("one-person", list[OnePerson])
TOTALS = Document("totals", Totals)
MATCH_RESULT = Document("match-result", MatchResult)
REJECTED = Document("rejected", Rejection)
ENDED = Document("ended", Ending)
BEARERS = ShardedLines("identities", Bearer)
MOVES = ShardedLines("moves", Moves)
HOLDINGS = ShardedLines("holdings", Holdings)
PEOPLE = Records("people", PersonRecord, by_class=False)
ASIDE = Records("aside", PersonRecord, by_class=False)
"""People of the roster without a role for which anything is done: a delta may give them one."""
CLASSES = Records("classes", ClassRecord)
MEMBERS = Records("members", MembersRecord)
HISTORY = Records("history", ClassHistory)
PAST = Document("past", Past)
TEACHERS_MOVED = ShardedLines("teachers-moved", Moves)
PLACES = ShardedLines("places", PlacesOfClass)
"""Of each shard of classes, with a part for each shard of people."""
REFERENCES = "references"
"""The file of a snapshot that holds its courses and terms."""
_CLASSES_BLOCK: Decoded[ClassesBlock] = Decoded(ClassesBlock)
_REFERENCE: Decoded[ReferenceRow] = Decoded(CourseRow | TermRow)
_EXTENTS: Decoded[Extents] = Decoded(list[tuple[int, int]])
_REJECT: Decoded[Reject] = Decoded(Reject)
_ID_PAIR: Decoded[IdPair] = Decoded(IdPair)
_ONE_PERSON: Decoded[OnePerson] = Decoded(OnePerson)


class WorkingFiles:
    """The working files of one run of an import, and its district's snapshots."""

    def __init__(self, files: ImportFiles, district_id: str, run_id: str) -> None:
        self._files = files
        self._district_id = district_id
        self._run_id = run_id

    def _key(self, name: str) -> str:
        return work_key(self._district_id, self._run_id, name)

    def _snapshot_key(self, snapshot_id: str, kind: str, shard: int) -> str:
        return snapshot_key(self._district_id, snapshot_id, f"{kind}-{shard}")

    # One thing in a file.

    def put[T](self, document: Document[T], value: T, number: int | str | None = None) -> None:
        """Write a document; ``number`` is its part or shard."""
        self._files.write(self._key(_numbered(document.name, number)), packed(value)[:-1])

    def find[T](self, document: Document[T], number: int | str | None = None) -> T | None:
        """Read a document, if it was written."""
        body = self._files.read(self._key(_numbered(document.name, number)))
        return document.decode(body) if body else None

    def get[T](self, document: Document[T], number: int | str | None = None) -> T:
        """Read a document that an earlier step wrote."""
        return document.decode(self._files.read(self._key(_numbered(document.name, number))))

    # The upload in shards.

    def write_part(self, part: int, folder: Path, people: Path, classes: Path) -> None:
        """What one part of the upload became: its rows by shard, and in ``folder`` its class ids and rejects."""
        self._files.write_file(self._key(f"people-part-{part}"), people)
        self._files.write_file(self._key(f"classes-part-{part}"), classes)
        for name in ("class-ids", "rejects"):
            self._files.write_file(self._key(f"{name}-{part}"), folder / name)
        if (folder / "references").stat().st_size:
            self._files.write_file(self._key(f"references-{part}"), folder / "references")

    def people_blocks(self, plan: ImportPlan, shard: int) -> Iterator[AnyPeopleBlock]:
        """The upload's rows about the people of a shard."""
        for block in self.packed_people_blocks(plan, shard):
            yield block.block() if isinstance(block, PackedPeople) else block

    def packed_people_blocks(self, plan: ImportPlan, shard: int) -> Iterator[AnyPeopleBlock | PackedPeople]:
        """The same; rows about people as they are packed."""
        for part in range(plan.parts):
            yield from written_blocks(self._files.read(self._key(f"people-part-{part}"), plan.people[part][shard]))

    def class_blocks(self, plan: ImportPlan, shard: int) -> Iterator[ClassesBlock]:
        """The upload's rows about the classes of a shard."""
        for part in range(plan.parts):
            yield from map(
                _CLASSES_BLOCK.decode, self._files.lines(self._key(f"classes-part-{part}"), plan.classes[part][shard])
            )

    def references(self, plan: ImportPlan) -> References:
        """The courses and terms after the import."""
        references = References()
        if plan.before:
            references.add(self._standing_references(plan.before))
        rows = [row for part in range(plan.parts) for row in self._references_of(self._key(f"references-{part}"))]
        for stem, of in (("courses", CourseRow), ("academicsessions", TermRow)):
            if plan.more_modes.get(stem) is Mode.DELTA:
                references.add(row for row in rows if isinstance(row, of))
            else:
                references.replace(rows, of)
        return references

    def standing_terms(self, plan: WritePlan) -> References:
        """The terms that stand."""
        if plan.before is None:
            return References()
        lines = self._files.lines(self._snapshot_key(plan.before.snapshot_id, REFERENCES, 0))
        return References(_REFERENCE.decode(line) for line in lines if line.startswith(b'["term"'))

    def _standing_references(self, snapshot: SnapshotRef) -> Iterator[ReferenceRow]:
        return self._references_of(self._snapshot_key(snapshot.snapshot_id, REFERENCES, 0))

    def _references_of(self, key: str) -> Iterator[ReferenceRow]:
        return map(_REFERENCE.decode, self._files.lines(key))

    def copy_references(self, plan: WritePlan, of: SnapshotRef | None) -> None:
        """Let the snapshot that is made have the courses and terms of another one."""
        if of:
            self.write_references(plan, self._standing_references(of))

    def write_references(self, plan: WritePlan, rows: Iterable[ReferenceRow]) -> None:
        """The courses and terms of the snapshot that is made; where there are none, no file."""
        if body := _lines_of(rows):
            self._files.write(self._snapshot_key(plan.snapshot_id, REFERENCES, 0), body)

    def class_ids(self, plan: ImportPlan) -> Iterator[list[str]]:
        """The ids of the upload's classes, part by part. Where rows mark classes as deleted, the last text of a part is a tab and
        their ids, with tabs between."""
        for part in range(plan.parts):
            yield self._files.read(self._key(f"class-ids-{part}")).decode().split("\n")[:-1]
        if plan.passes_classes:
            yield [*filter(None, self._files.read(self._key("class-ids-kept")).decode().split("\n"))]

    def write_kept_class_ids(self, class_ids: str) -> None:
        """The classes of which no row is read because they stand as before, a line for each."""
        self._files.write(self._key("class-ids-kept"), class_ids.encode())

    def classes_over(self, plan: ImportPlan) -> frozenset[str]:
        """The ids of the classes that stand and have ended; all of them are read."""
        shards = class_shards_of(plan.before.shards) if plan.before else 0
        return frozenset(
            record.sourced_id
            for shard in range(shards)
            for record in self.standing(CLASSES, plan.before, shard, plan.before.shards if plan.before else 1)
            if record.is_over(plan.on)
        )

    def all_class_ids(self, plan: ImportPlan) -> Iterator[list[str]]:
        """The same, and the ids of the classes that stand and that the upload does not delete."""
        deleted: set[str] = set()
        for ids in self.class_ids(plan):
            if ids and ids[-1].startswith("\t"):
                deleted.update(ids[-1].split("\t"))
            yield ids
        if plan.before:
            for shard in range(class_shards_of(plan.before.shards)):
                lines = self.standing_lines(CLASSES, plan.before, shard, plan.before.shards)
                yield [class_id for class_id in map(sourced_id_of, lines) if class_id not in deleted]

    # Rows that stood yesterday.

    def write_rows_of_snapshot(self, snapshot_id: str, rows: RowsOfSnapshot) -> None:
        """Let the next night compare its rows with those of this snapshot."""
        self._files.write(self._snapshot_key(snapshot_id, _ROWS.name, 0), packed(rows))

    def rows_of_snapshot(self, snapshot_id: str) -> RowsOfSnapshot | None:
        """With which rows a night may compare its own; None where all are to be read."""
        body = self._files.read(self._snapshot_key(snapshot_id, _ROWS.name, 0))
        return _ROWS.decode(body) if body else None

    def places_of_rows(self, snapshot_id: str) -> PlacesOfRows | None:
        """The same, as far as it says where these rows lie."""
        body = self._files.read(self._snapshot_key(snapshot_id, _ROWS.name, 0))
        return _PLACES_OF_ROWS.decode(body) if body else None

    def write_row_marks(self, stem: str, part: int, marks: RowMarks) -> None:
        """Note for the next night whom each line of a piece is about."""
        self._files.write(self._key(f"{_MARKS}-{stem}-{part}"), marks.packed())

    def row_marks(self, stem: str, part: int, *, of_run: str = "") -> RowMarks | None:
        """Whom each line of a piece is about, in this run or in that of an earlier import; None where it is gone."""
        body = self._files.read(work_key(self._district_id, of_run or self._run_id, f"{_MARKS}-{stem}-{part}"))
        return RowMarks.unpacked(body) if body else None

    def write_line_feeds(self, stem: str, feeds: bytes) -> None:
        """Note where the lines of a file of the upload lie (``FeedCount.packed``)."""
        self._files.write(self._key(f"line-feeds-{stem}"), feeds)

    def line_feeds(self, stem: str, start: int, end: int) -> LineFeeds | None:
        """Where those between two offsets lie; None where that is not noted."""
        (first, number), before = grid_of(start, end), array("I")
        extent = before.itemsize * first, before.itemsize * number
        before.frombytes(self._files.read(self._key(f"line-feeds-{stem}"), extent))
        return LineFeeds(first, before) if before else None

    def write_people_count(self, plan: WritePlan, shard: int, count: PeopleCount) -> None:
        """Note for the next night what the people of a shard come to."""
        self._files.write(self._snapshot_key(plan.snapshot_id, _PEOPLE_COUNT.name, shard), packed(count))

    def people_count(self, snapshot: SnapshotRef | None, shard: int, shards: int) -> PeopleCount | None:
        """What the people of a shard of a snapshot come to; None where that is not noted."""
        if snapshot is None or snapshot.shards != shards or snapshot.renumbered:
            return None
        body = self._files.read(self._snapshot_key(snapshot.snapshot_id, _PEOPLE_COUNT.name, shard))
        return _PEOPLE_COUNT.decode(body) if body else None

    def write_class_count(self, plan: WritePlan, shard: int, count: ClassCount) -> None:
        """Note for the next night what the classes of a shard come to."""
        self._files.write(self._snapshot_key(plan.snapshot_id, _CLASS_COUNT.name, shard), packed(count))

    def class_count(self, snapshot: SnapshotRef | None, shard: int, shards: int) -> ClassCount | None:
        """What the classes of a shard of a snapshot come to; None where that is not noted."""
        if snapshot is None or snapshot.shards != shards or snapshot.renumbered:
            return None
        body = self._files.read(self._snapshot_key(snapshot.snapshot_id, _CLASS_COUNT.name, shard))
        return _CLASS_COUNT.decode(body) if body else None

    def forget_comparison(self, plan: WritePlan) -> None:
        """Empty what a comparison writes only where there is something to write: another one follows under the same names."""
        self.put(ID_RESULT, IdResult())
        for shard in range(plan.shards):
            self._files.write(self._key(f"{STRANGERS}-{PEOPLE.name}-{shard}{plan.round}"), b"")
            self._files.write(self._key(f"{TEACHERS_MOVED.name}-{shard}{plan.round}-extents"), b"")
            self._files.write(self._snapshot_key(plan.snapshot_id, ASIDE.name, shard), b"")
        for shard in range(class_shards_of(plan.shards)):
            self._files.write(self._key(f"{STRANGERS}-{CLASSES.name}-{shard}{plan.round}"), b"")
            self._files.write(self._key(f"{PLACES.name}-{shard}{plan.round}-extents"), b"")
            for document in (GIVEN_UP, PAST):
                self._files.write(self._key(f"{document.name}-{shard}{plan.round}"), b"")
            self._files.write(self._snapshot_key(plan.snapshot_id, HISTORY.name, shard), b"")

    # From shards of people to shards of classes.

    def put_for_each[T](self, lines: ShardedLines[T], shard: str, parts: list[bytearray]) -> None:
        """One file with a part for each shard of classes; where they lie is written beside it."""
        name = f"{lines.name}-{shard}"
        extents = self._files.write_shared(self._key(name), parts)
        self._files.write(self._key(f"{name}-extents"), packed(extents)[:-1])

    def from_all[T](self, lines: ShardedLines[T], plan: WritePlan, shard: int) -> Iterator[T]:
        """What all shards of people have for this shard of classes."""
        for other in range(plan.shards):
            yield from self._part_of(lines, f"{other}{plan.round}", shard)

    def are_told[T](self, lines: ShardedLines[T], plan: WritePlan) -> bool:
        """Whether every shard of people has told what it has; an earlier version did not know of all of it."""
        names = (f"{lines.name}-{other}{plan.round}-extents" for other in range(plan.shards))
        return all(self._files.read(self._key(name)) for name in names)

    def _part_of[T](self, lines: ShardedLines[T], written_as: str, shard: int) -> Iterator[T]:
        name = f"{lines.name}-{written_as}"
        if body := self._files.read(self._key(f"{name}-extents")):
            yield from map(lines.decode, self._files.lines(self._key(name), _EXTENTS.decode(body)[shard]))

    def places(self, plan: WritePlan, shard: int) -> Iterator[PlacesOfClass]:
        """What all shards of classes have for this shard of people: who was in classes that are past now."""
        for other in range(class_shards_of(plan.shards)):
            yield from self._part_of(PLACES, f"{other}{plan.round}", shard)

    # People under several numbers.

    def write_holders(self, shard: int, holders: list[Holder], records: bytearray) -> None:
        """Who of a shard has an address that another number has, too, and the records of these people."""
        self.put(HOLDERS, holders, shard)
        self._files.write(self._key(f"holders-records-{shard}"), records)

    def joined(self, plan: ImportPlan, shard: int) -> tuple[dict[str, list[PersonRecord]], set[str]]:
        """For people of a shard the records of their other numbers; and the numbers of the shard that are another's."""
        people = self.get(ONE_PERSON)
        others = {other: one.kept for one in people for other in one.others}
        wanted = {other: kept for other, kept in others.items() if shard_of(kept, plan.shards) == shard}
        found: dict[str, list[PersonRecord]] = {}
        for where in sorted({shard_of(other, plan.shards) for other in wanted}):
            for line in self._files.lines(self._key(f"holders-records-{where}")):
                if kept := wanted.get(sourced_id_of(line)):
                    found.setdefault(kept, []).append(PEOPLE.decode(line))
        return found, {other for other in others if shard_of(other, plan.shards) == shard}

    def people_of_several_numbers(self, snapshot: SnapshotRef | None) -> list[OnePerson]:
        """Who has several numbers, as the last whole roster of a snapshot had them."""
        if snapshot is None:
            return []
        return [*map(_ONE_PERSON.decode, self._files.lines(self._snapshot_key(snapshot.snapshot_id, "one-person", 0)))]

    def write_people_of_several_numbers(self, plan: WritePlan, people: list[OnePerson]) -> None:
        """Note them for the snapshot that is made; where nobody has several, no file."""
        if people:
            self._files.write(self._snapshot_key(plan.snapshot_id, "one-person", 0), _lines_of(people))

    # What stands, and what will.

    def is_lost(self, snapshot: SnapshotRef | None) -> bool:
        """Whether a snapshot that the table names is not there, or not whole: one of the two was taken back to an earlier
        moment."""
        if snapshot is None:
            return False
        names = [f"{kind.name}-{n}" for kind in (PEOPLE, CLASSES) for n in range(kind.shards_of(snapshot.shards))]
        return not self._files.has_snapshot(self._district_id, snapshot.snapshot_id, names)

    def standing_lines[T](
        self, kind: Records[T], before: SnapshotRef | None, shard: int, shards: int
    ) -> Iterator[bytes]:
        """The packed records of a shard in the snapshot ``before``, which may have other shards."""
        if before is None:
            return
        then, now = kind.shards_of(before.shards), kind.shards_of(shards)
        left = self.left(kind, before, shard)
        for other in range(shard & (then - 1), then, now):
            lines = self._files.lines(self._snapshot_key(before.snapshot_id, kind.name, other))
            if then >= now and not left:
                yield from lines
                continue
            for line in lines:
                if (then >= now or shard_of(sourced_id_of(line), now) == shard) and not (
                    left and sourced_id_of(line) in left
                ):
                    yield line
        if before.renumbered:
            yield from self._files.lines(self._key(f"{kind.name}-renumbered-{shard}"))

    def standing_body[T](self, kind: Records[T], before: SnapshotRef | None, shard: int) -> bytes:
        """The same of a snapshot that has these shards, as it lies there."""
        return self._files.read(self._snapshot_key(before.snapshot_id, kind.name, shard)) if before else b""

    def standing[T](self, kind: Records[T], before: SnapshotRef | None, shard: int, shards: int) -> Iterator[T]:
        """The records of a shard in the snapshot ``before``, which may have other shards."""
        return map(kind.decode, self.standing_lines(kind, before, shard, shards))

    # Numbers that change.

    def left[T](self, kind: Records[T], before: SnapshotRef, shard: int) -> frozenset[str]:
        """The ids of a shard of a snapshot that do not stand as they lie there, because numbers change."""
        return frozenset(self.find(LEFT, f"{kind.name}-{shard}") or ()) if before.renumbered else frozenset()

    def renumbered_ids[T](self, kind: Records[T], plan: WritePlan, shard: int) -> frozenset[str]:
        """The ids of a shard that stand renumbered: what is noted of them in the table is to be written anew."""
        if not (plan.before and plan.before.renumbered):
            return frozenset()
        return frozenset(map(sourced_id_of, self._files.lines(self._key(f"{kind.name}-renumbered-{shard}"))))

    def write_renumbered[T](self, kind: Records[T], shard: int, left: list[str], renumbered: Path) -> None:
        """What of a shard does not stand as it lies in the snapshot, and what stands instead."""
        self.put(LEFT, left, f"{kind.name}-{shard}")
        self._files.write_file(self._key(f"{kind.name}-renumbered-{shard}"), renumbered)

    def write_id_pairs(self, name: str, pairs: Iterable[IdPair]) -> None:
        """The changes of numbers of an import, which a roll-back needs, too."""
        self._files.write(self._snapshot_key(name, "ids", 0), _lines_of(pairs))

    def id_pairs(self, name: str) -> Iterator[IdPair]:
        """The changes of numbers of this name; none for an empty one."""
        return map(_ID_PAIR.decode, self._files.lines(self._snapshot_key(name, "ids", 0))) if name else iter(())

    def write_strangers[T](self, kind: Records[T], plan: WritePlan, shard: int, pairs: list[Change[T]]) -> None:
        """Who of a shard is gone (before, None) and who came (None, after)."""
        if pairs:
            self._files.write(self._key(f"{STRANGERS}-{kind.name}-{shard}{plan.round}"), _lines_of(pairs))

    def strangers[T](self, kind: Records[T], plan: WritePlan) -> Iterator[Change[T]]:
        """Who is gone, and who came, of all shards."""
        for shard in range(kind.shards_of(plan.shards)):
            lines = self._files.lines(self._key(f"{STRANGERS}-{kind.name}-{shard}{plan.round}"))
            yield from map(kind.decode_change, lines)

    def made[T](self, kind: Records[T], plan: WritePlan, shard: int) -> Iterator[T]:
        """The records of a shard in the snapshot that is made."""
        return map(kind.decode, self._files.lines(self._snapshot_key(plan.snapshot_id, kind.name, shard)))

    def changes[T](self, kind: Records[T], plan: WritePlan, shard: int) -> Iterator[Change[T]]:
        """Everybody or every class in a shard that changes; where nothing stood, all that comes."""
        if not plan.before:
            return ((None, record) for record in self.made(kind, plan, shard))
        return map(kind.decode_change, self._files.lines(self._key(f"{kind.name}-changes-{shard}{plan.round}")))

    def write_shard[T](
        self, kind: Records[T], plan: WritePlan, shard: int, standing: bytearray, changes: Iterable[Change[T]]
    ) -> None:
        """The shard of the snapshot that is made, and what differs; where nothing stood, that is all of it."""
        self._files.write(self._snapshot_key(plan.snapshot_id, kind.name, shard), standing)
        if plan.before:
            self._files.write(self._key(f"{kind.name}-changes-{shard}{plan.round}"), _lines_of(changes))

    def write_aside(self, plan: WritePlan, shard: int, lines: bytes | bytearray) -> None:
        """Who of a shard is left aside in the snapshot that is made; where nobody is, no file."""
        if lines:
            self._files.write(self._snapshot_key(plan.snapshot_id, ASIDE.name, shard), lines)

    def write_pairs[T: Acting](self, kind: Records[T], plan: WritePlan, shard: int, pairs: list[Change[T]]) -> None:
        """The same, where all that there is was compared; in the order of the ids. Who has another number changes."""
        standing = _lines_of(new for _, new in pairs if new is not None)
        renumbered = self.renumbered_ids(kind, plan, shard)
        changed = (pair for pair in pairs if differ(pair) or (renumbered and _id_of(pair) in renumbered))
        self.write_shard(kind, plan, shard, standing, changed)

    def write_history(self, plan: WritePlan, shard: int, history: Iterable[ClassHistory]) -> None:
        """The history of a shard of classes in the snapshot that is made; where there is none, no file."""
        if body := _lines_of(history):
            self._files.write(self._snapshot_key(plan.snapshot_id, HISTORY.name, shard), body)

    def standing_members(self, plan: WritePlan, before: SnapshotRef | None, shard: int) -> MembersOf:
        """Find who is in some classes of a shard of a snapshot."""

        def members(class_ids: set[str]) -> Iterator[MembersRecord]:
            lines = self.standing_lines(MEMBERS, before, shard, plan.shards)
            return (MEMBERS.decode(line) for line in lines if sourced_id_of(line) in class_ids)

        return members

    def write_past(self, plan: WritePlan, shard: int, past: Past) -> None:
        """The classes of a shard that are past with this import, and for each shard of people their places in them."""
        if not (past.classes or past.renamed):
            return
        name = f"{shard}{plan.round}"
        self.put(PAST, past, name)
        parts = [bytearray() for _ in range(plan.shards)]
        for place in places_of(past, plan.shards):
            parts[place.shard] += packed(place)
        self.put_for_each(PLACES, name, parts)

    def write_members(self, plan: WritePlan, shard: int, members: Iterable[bytes]) -> None:
        """The members of a shard of classes in the snapshot that is made, packed."""
        # They are as long as all who are in classes, and these are in memory once already.
        with tempfile.TemporaryDirectory() as folder:
            written = Path(folder) / MEMBERS.name
            with written.open("wb") as file:
                file.writelines(members)
            self._files.write_file(self._snapshot_key(plan.snapshot_id, MEMBERS.name, shard), written)

    # Rejected rows.

    def write_rejects[T](self, kind: Records[T], plan: ImportPlan, shard: int, rejects: list[Reject]) -> None:
        """Rows that turned out to be unusable when a shard was compared."""
        in_order = sorted(rejects, key=_places(plan))
        self._files.write(self._key(f"{kind.name}-rejects-{shard}{plan.round}"), _lines_of(in_order))

    def rejects(self, plan: ImportPlan) -> Iterator[Reject]:
        """All rejected rows in the order in which they stand in the files, however many there are."""
        names = [f"rejects-{part}" for part in range(plan.parts)]
        for kind in (PEOPLE, CLASSES):
            names += [f"{kind.name}-rejects-{shard}{plan.round}" for shard in range(kind.shards_of(plan.shards))]
        every = [map(_REJECT.decode, self._files.lines(self._key(name))) for name in names]
        return heapq.merge(*every, key=_places(plan))


def _id_of[T: Acting](pair: Change[T]) -> str:
    record = pair[0] or pair[1]
    return record.sourced_id if record else ""


def differ[T: Acting](pair: Change[T]) -> bool:
    """Whether anything that the table has of it differs."""
    old, new = pair
    return old is not new and not (old and new and old.acts_like(new))


def _numbered(name: str, number: int | str | None) -> str:
    return name if number is None else f"{name}-{number}"


def _lines_of(records: Iterable[object]) -> bytearray:
    """Records as lines. A packed line takes more memory than it is long: none of them is kept."""
    body = bytearray()
    for record in records:
        body += packed(record)
    return body


def _places(plan: ImportPlan) -> Callable[[Reject], tuple[int, int]]:
    """Where a rejected row stands, in the order in which the files were read."""
    order = {file: number for number, file in enumerate(plan.files)}
    return lambda reject: (order.get(reject.file, len(order)), reject.line or 0)
