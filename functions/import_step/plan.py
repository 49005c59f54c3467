"""What is to be done with an upload: what one step of an import hands to the next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any, TypedDict

from msgspec import Struct

from functions.import_step.archive import Encoding, Piece, RosterFile
from functions.import_step.encoding import PIECE
from functions.import_step.formats.format import Mode
from functions.import_step.shards import class_shards_of
from shared.domain.errors import UploadRejected
from shared.domain.harm import Fate, Harm
from shared.domain.report import Counts, Kind, Note, Reject, Status, Upload
from shared.stores.import_files import Extents
from shared.stores.import_state import Snapshot
from shared.use_cases.match_counts import MatchCounts

SHOWN = 100
"""How many proposals, and ids that were reused, are kept of a shard."""


class StepResult(TypedDict, total=False):
    """What a step returns to the state machine."""

    next: str
    """The step to go on with: ``split``, ``people``, ``apply``, ``match``, ``finish``, ``names``; or ``wait``, ``done``."""
    shards: list[int]
    class_shards: list[int]
    """What the maps after it go over."""
    shard: int
    """Which shard, or part of the upload, is done."""
    writes: int
    """How many writes it took."""
    status: str
    """How the import ended."""
    again: dict[str, Any]
    """After ``commit``: the import that is run next, as its steps are given it."""


WAIT: StepResult = {"next": "wait", "shards": []}
DONE: StepResult = {"next": "done", "shards": []}
FINISH: StepResult = {"next": "finish", "shards": []}


def go_on(step: str, shards: int) -> StepResult:
    """Go on with this step; the maps after it go over these shards."""
    return {"next": step, "shards": list(range(shards)), "class_shards": list(range(class_shards_of(shards)))}


def closed(status: Status, applied: Snapshot | None = None) -> StepResult:
    """The import has ended like this; the names of what it ``applied`` are sorted next, where there are many."""
    if applied and applied.names_are_sorted:
        return {"status": status.value, "next": "names"}
    return {"status": status.value}


@dataclass(frozen=True, slots=True)
class Import:
    """One import, as every step is given it."""

    import_id: str
    district_id: str
    upload: Upload
    preview: bool = False
    approved: bool = False
    roll_back: bool = False
    started_at: str = ""
    resumed: bool = False
    """Whether it waited for the end of a pause."""
    commit: str = ""
    """The end of the id of the decision by which a preview is applied. It is made once more as a preview, and compared with what
    was shown; then it is run as an import (B14)."""
    expects: str = ""
    """What such an import has to come to, as a digest of all that changes."""

    @property
    def run_id(self) -> str:
        """Names the working files: an import that is approved, rolled back, committed or waited for the end of a pause begins
        anew."""
        if self.commit:
            return f"{self.import_id}-{self.commit}{'' if self.preview else '-applied'}"
        if self.roll_back:
            return f"{self.import_id}-rolled-back"
        if self.approved:
            return f"{self.import_id}-approved"
        return f"{self.import_id}-resumed" if self.resumed else self.import_id

    @property
    def may_be_paused(self) -> bool:
        """Whether a pause of the district concerns it; a person's decision counts at once."""
        return not (self.approved or self.roll_back or self.resumed)

    @property
    def snapshot_id(self) -> str:
        """Names the snapshot that it makes. One that waited may have been applied before: what it made then is needed still."""
        return self.run_id if self.roll_back or self.resumed or self.commit else self.import_id

    @property
    def is_checked(self) -> bool:
        """Whether it is a preview that is to be applied, looked at once more."""
        return self.preview and bool(self.commit)

    @property
    def has_digest(self) -> bool:
        """Whether all that changes is told by a digest."""
        return self.preview or bool(self.commit)

    def applied(self, expects: str) -> dict[str, Any]:
        """The import that applies a preview that comes to what was shown, as its steps are given it."""
        applied = replace(self, preview=False, approved=True, expects=expects)
        event = {field.name: getattr(applied, field.name) for field in fields(applied)}
        return {**event, "upload": {name: each for name, each in asdict(self.upload).items() if each is not None}}

    @property
    def shows_progress(self) -> bool:
        """Whether people can watch how far it is."""
        return not self.preview and not self.roll_back

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> Import:
        return cls(**{**event, "upload": Upload(**event["upload"])})


class FilePiece(Struct, array_like=True, frozen=True):
    """A piece of a file of the upload."""

    stem: str
    start: int
    end: int | None
    line: int

    def piece(self) -> Piece:
        return Piece(self.start, self.end, self.line)


type Part = list[FilePiece]
"""What one worker reads."""


def parts_of(stems: Sequence[str], files: dict[str, RosterFile], pieces: dict[str, tuple[Piece, ...]]) -> list[Part]:
    """Small files together, large ones in pieces, each part about one piece in size."""
    parts: list[Part] = []
    waiting: Part = []
    size = 0
    for stem in stems:
        for piece in pieces[stem]:
            length = (files[stem].size if piece.end is None else piece.end) - piece.start
            if waiting and size + length > PIECE:
                parts.append(waiting)
                waiting, size = [], 0
            waiting.append(FilePiece(stem, piece.start, piece.end, piece.line))
            size += length
    return [*parts, waiting]


class SnapshotRef(Struct):
    """Where a snapshot lies."""

    snapshot_id: str
    shards: int
    school_year: str = ""
    by_kind: bool = False
    """Whether the numbers in it have kinds."""
    was_moved: bool = False
    """Whether people of the district had numbers without a kind at some time."""
    renumbered: str = ""
    """Names the changes of numbers with which it is to be read (``IdPair``); empty where it stands as it lies."""

    @classmethod
    def to(cls, snapshot: Snapshot | None) -> SnapshotRef | None:
        if snapshot is None:
            return None
        numbering = snapshot.by_kind, snapshot.was_moved
        return cls(snapshot.snapshot_id, snapshot.shards, snapshot.school_year, *numbering)


class Rejection(Struct):
    """Why an upload cannot be used as a whole, and when that was found."""

    code: str
    message: str
    file: str | None
    line: int | None
    column: str | None
    at: str = ""

    @classmethod
    def of(cls, error: UploadRejected, at: str = "") -> Rejection:
        return cls(error.code, error.message, error.file, error.line, error.column, at)

    def error(self) -> UploadRejected:
        return UploadRejected(self.code, self.message, file=self.file, line=self.line, column=self.column)


class Ending(Struct):
    """How an import ended, where that is known before its report is written."""

    status: Status
    reason: dict[str, str] | None = None
    read: dict[Kind, int] | None = None
    """How many rows of each kind were read, where that is known without having read them."""


class Night(StrEnum):
    """How far an import is that reads only what differs from yesterday (M4)."""

    NONE = ""
    """All rows are read."""
    COMPARES = "compares"
    """Rows are compared with yesterday's: it is seen of whom some row differs."""
    READS = "reads"
    """All rows of these people are read, and no others."""
    WHOLE = "whole"
    """All rows are read after all."""


class PieceOfSnapshot(Struct, array_like=True):
    """A piece of a file in which a snapshot's rows were read."""

    start: int
    """In bytes."""
    line: int
    """The number of its first line."""
    part: int


class PlacesOfRows(Struct, kw_only=True):
    """Where the rows lie that a snapshot was made of: what each part of a night needs of ``RowsOfSnapshot``. The ids of all
    classes, which are most of it, are passed over."""

    upload: Upload
    etags: dict[str, str] | None
    """As in ``OpenedUpload``."""
    classes_reading: str = ""
    """As in ``OpenedUpload``; empty where the next night reads all classes."""
    run_id: str = ""
    """Names the working files of the import that made it: as long as they are there, a night may read what differs."""
    pieces: dict[str, list[PieceOfSnapshot]] = {}
    """By stem: the pieces of the files of which it is noted whom each line is about (``RowMarks``), in order."""


class RowsOfSnapshot(PlacesOfRows, kw_only=True):
    """What a snapshot says of the rows that it was made of, where the next night may read what differs from them alone."""

    reading: str
    """As in ``OpenedUpload``."""
    watched: bytes
    """People whose rows are read every night, because something was said of them (``packed_people``)."""
    class_ids: str
    """The ids of the classes of the upload, a line for each."""
    shared: bytes = b""
    """The hashes of addresses that several rows have (``packed_people``)."""
    people: int
    """How many people stand."""


class RowsCompared(Struct, kw_only=True):
    """What came of comparing the rows of one part of the upload with yesterday's."""

    touched: bytes = b""
    """Of whom some row differs (``packed_people``)."""
    gone: list[str] | None = None
    """The ids in rows about people that are gone, and in no new row: they may have left; None where an earlier version
    compared."""
    addresses: bytes = b""
    """The hashes of the addresses in new rows, in the same way."""
    classes: bytes | None = None
    """Of which classes (``packed_people``); None where the rows of all are to be read."""
    lines: dict[str, list[int]] = {}
    """By stem: the lines that are new."""
    is_doubtful: bool = False
    """Whether all rows are to be read."""


class Touched(Struct, kw_only=True):
    """Of whom all rows are read."""

    people: bytes
    """As ``packed_people``."""
    classes: bytes | None = None
    """Of which classes all rows are read, in the same way; None for all classes."""
    shared: dict[int, int] | None = None
    """The hashes of addresses that several rows of the whole roster have, and how many; None where an earlier version compared."""
    gone: list[str] = []
    """The ids of people of whom a row in users.csv is gone, and none is new."""
    gone_classes: list[str] = []
    """The classes of yesterday's upload that are not in today's: nobody else may be in one."""
    sharers: bytes = b""
    """Who has an address that others have, too, and of whom no row is read, because these are many (``packed_people``)."""


class OpenedUpload(Struct, kw_only=True):
    """What an upload is, and in which parts it is read."""

    format: int
    """Which of the formats it is of."""
    name: str
    version: str
    modes: dict[Kind, Mode]
    etags: dict[str, str] | None
    encodings: dict[str, Encoding]
    """By the stem of a file's name."""
    never_empty: list[str]
    notes: list[Note]
    parts: list[Part]
    shards: int
    content: str
    """The hash of its contents (M4)."""
    before: SnapshotRef | None
    additions_only: bool
    on: str
    """The district's day, YYYY-MM-DD."""
    by_kind: bool = False
    """Whether numbers have kinds."""
    has_id_map: bool = False
    """Whether maps of old and new numbers come with it."""
    needs_roles: bool = False
    """Whether roles.csv says who everybody of users.csv is."""
    more_modes: dict[str, Mode] = {}
    """What the files hold that tell more of people and classes, by stem (``Recognised.parts``)."""
    together: int = 1
    """How many parts one worker reads, one after the other."""
    before_is_lost: bool = False
    """Whether the files of what stands are not there."""
    reading: str = ""
    """What equal rows are read alike under (``night.reading_of``); empty where rows of such an upload are always read."""
    classes_reading: str = ""
    """The same of rows about classes (``night.classes_reading_of``)."""
    night: Night = Night.NONE
    """Whether rows that stood yesterday are passed over, and how far that is."""
    turns_on: str = ""
    """The day from which something that stood yesterday is read otherwise; empty for none."""

    def pieces_of(self, stem: str) -> list[PieceOfSnapshot]:
        """In which pieces a file is read."""
        return [
            PieceOfSnapshot(piece.start, piece.line, number)
            for number, part in enumerate(self.parts)
            for piece in part
            if piece.stem == stem
        ]

    def read_whole(self) -> None:
        """Have all rows read, whatever stood yesterday."""
        self.night, self.turns_on = Night.WHOLE, ""


class PartRead(Struct, kw_only=True):
    """What came of one part of the upload."""

    people: Extents = []
    classes: Extents = []
    seen: dict[str, int] = {}
    """How many rows each file had, by its stem."""
    shown: dict[str, str] = {}
    """The name of each file, by its stem."""
    rejected: Rejection | None = None
    """Why the upload cannot be used; then the rest is empty."""
    rejects: dict[Kind, int] = {}
    notes: list[Note] = []
    schools: dict[str, str] = {}
    school_year: str = ""
    """As an earlier version noted it: the latest one that its classes are of."""
    rows: int = 0
    addresses: bytes = b""
    """A hash of each row's address (``one_person``)."""
    named_schools: dict[str, dict[str, int]] = {}
    """By file: the schools that its rows name, and the first line of each."""
    references: int = 0
    """Bytes of memory that its courses and terms take."""
    turns_on: str = ""
    """The first day ahead from which something of it is read otherwise; empty for none."""
    grades: dict[str, int] = {}
    """How many rows of students each grade has."""
    is_plain: bool = False
    """Whether the next night may compare its rows with these (``row_choice``)."""
    classes_are_plain: bool = False
    """The same of its rows about classes."""
    is_doubtful: bool = False
    """Whether some rows alone were to be read, and all have to be."""
    named_classes: str | None = None
    """The classes that its enrollments name, a line for each; None where they are very many, or an earlier version read it."""


class WritePlan(Struct, kw_only=True):
    """What the steps that write need: of an import, and of a roll-back."""

    shards: int
    before: SnapshotRef | None
    """What stands."""
    schools: dict[str, str]
    round: str
    """Ends the names of what was compared, once it is compared for a second time."""
    snapshot_id: str
    """The snapshot that is made."""
    by_kind: bool = False
    """Whether the numbers in it have kinds."""
    domains: list[str] = []
    """The mail domains that are or were the district's: an address that only moves between them is the same person's (B11)."""
    paused: dict[str, str] = {}
    """Why it is not applied now, as the report says it; empty where no pause concerns it."""

    @property
    def rewrites_classes(self) -> bool:
        """Whether every class is written, because it says of which kind the numbers in it are."""
        return self.before is not None and self.before.by_kind != self.by_kind


class RollBackPlan(WritePlan, kw_only=True):
    """What is to be undone, and what stands again (B2)."""

    restored: SnapshotRef | None


class ImportPlan(WritePlan, kw_only=True):
    """What an upload holds, and what may be done with it."""

    modes: dict[Kind, Mode]
    content: str
    additions_only: bool
    """Nothing is removed at all, also no row that is marked as removed."""
    on: str
    format: dict[str, str]
    """As the report names it."""
    keeps: list[Kind]
    """The kinds of which nothing is removed, because rows of them were rejected."""
    kept_roles: list[str] = []
    """Roles that are not in the upload at all: people with such a role are not missing."""
    header_only: dict[Kind, str]
    """By kind: the file that has a header and no rows."""
    rejected: dict[Kind, int]
    notes: list[Note]
    people: list[Extents]
    """Of each part of the upload, where the rows of each shard of people lie."""
    classes: list[Extents]
    school_year: str
    """As an earlier version noted it; the classes tell it since (``ClassesResult``)."""
    parts: int
    files: list[str]
    """In the order in which they were read."""
    shared: list[int] = []
    """Hashes of the addresses that several numbers of a whole roster have, or of those that a delta names."""
    shared_by_many: list[int] = []
    """Those that so many rows have that they say nothing of who is who."""
    joins: bool = False
    """Whether people under several numbers were found, and are read as one each."""
    rows: dict[str, int] = {}
    """How many rows each file has that could be read, by its name."""
    grades: dict[str, int] = {}
    """How many rows of students each grade has in a whole roster; empty where it names none, or too many."""
    needs_roles: bool = False
    """Whether roles.csv says who everybody of users.csv is."""
    more_modes: dict[str, Mode] = {}
    """What the files hold that tell more of people and classes, by stem (``Recognised.parts``)."""
    has_id_map: bool = False
    """Whether maps of old and new numbers come with it."""
    before_is_lost: bool = False
    """Whether the files of what stands are not there."""
    ids_settled: bool = False
    """Whether it was looked who is the same under another number."""

    turns_on: str = ""
    """The first day ahead from which something of the upload is read otherwise, YYYY-MM-DD; empty for none (M4)."""
    knows_all_classes: bool = False
    """Whether every class that an enrollment names is known to be in the upload."""
    is_night: bool = False
    """Whether rows of those alone were read who are touched."""
    passes_classes: bool = False
    """Whether of classes, too, rows of those alone were read that are touched."""
    classes_reading: str = ""
    """As in ``OpenedUpload``; empty where the next night is to read all classes."""
    reading: str = ""
    """As in ``OpenedUpload``; empty where the next night is to read all rows."""

    @property
    def moves_people(self) -> bool:
        """Whether people who stand get the kind of their number with this import."""
        return self.by_kind and self.before is not None and not self.before.by_kind

    def mode(self, kind: Kind) -> Mode:
        """What the upload holds of this kind: all, changes, or nothing."""
        return self.modes[kind]

    @property
    def roles_mode(self) -> Mode:
        """What the upload's rows of roles are: all there are, changes, or nothing."""
        # An earlier version noted nothing of roles.csv: it took it for what users.csv is.
        return self.more_modes.get("roles", self.mode(Kind.USERS))

    @property
    def tells_roles_with_people(self) -> bool:
        """Whether the people of the upload have the roles that are in it, and no others."""
        return self.mode(Kind.USERS) is Mode.BULK and self.roles_mode is not Mode.DELTA

    @property
    def needs_aside(self) -> bool:
        """Whether the upload may be about people of whom another one told the names."""
        return self.format["name"] == "oneroster" and not self.tells_roles_with_people

    def may_remove(self, kind: Kind) -> bool:
        """Whether what is missing is removed (M2, M5)."""
        return self.mode(kind) is Mode.BULK and kind not in self.keeps and not self.additions_only


def kept_with(keeps: Iterable[Kind], rejected: Iterable[Kind]) -> list[Kind]:
    """The kinds of which nobody is removed, now that rows of these kinds were rejected: a class's row may have named its
    teachers."""
    kept = {*keeps, *rejected}
    return sorted({*kept, Kind.ENROLLMENTS} if Kind.CLASSES in kept else kept)


class First[T](Struct, array_like=True):
    """How many there are, and the first of them."""

    number: int
    items: list[T]


class PeopleResult(Struct, kw_only=True):
    """What one shard of people comes to."""

    users: Counts
    enrollments: Counts
    notes: list[Note]
    schools: dict[str, tuple[Fate, Fate]]
    """By school: its people, and their enrollments, but for those of ``stood``."""
    reused: First[str]
    """Ids that name another person than before."""
    standing: dict[Kind, int]
    harm: Harm | None = None
    """None where an earlier version compared the shard."""
    readdressed: int = 0
    """How many people have the same address in another domain of the district's."""
    watched: bytes | None = None
    """People whose rows are to be read every night (``packed_people``); None where that is true of all."""
    is_doubtful: bool = False
    """Whether not all rows of some people were read: all of it is to be read once more."""
    digest: str = ""
    """Of all that changes, where an import has one."""
    stood: dict[str, tuple[int, int]] = {}
    """By school: how many people were counted together because they are as they were, and their enrollments."""


class ClassesResult(Struct, kw_only=True):
    """What one shard of classes comes to."""

    classes: Counts
    notes: list[Note]
    schools: dict[str, Fate]
    """By school, but for the classes of ``stood``."""
    ended: dict[Kind, int]
    """Classes that are gone because their term is over, and how many enrollments they had."""
    ended_by_school: dict[str, int]
    """Those enrollments by school."""
    standing: dict[Kind, int]
    school_year: str = ""
    """The latest one that a class of the upload is of, such as 2026."""
    is_doubtful: bool = False
    """As of ``PeopleResult``."""
    digest: str = ""
    """As of ``PeopleResult``."""
    stood: dict[str, int] = {}
    """By school: how many classes were counted together because they are as they were."""


class IdPair(Struct, array_like=True):
    """One person's or class's number before and since: ``person_id`` or class id."""

    kind: str
    """``student``, ``teacher``, ``staff`` or ``class``."""
    old: str
    new: str
    ground: str
    """A ``Ground``; or ``SET_ASIDE``."""

    @property
    def is_of_class(self) -> bool:
        return self.kind == CLASS

    def back(self) -> IdPair:
        """The way back."""
        return IdPair(self.kind, self.new, self.old, self.ground)

    @property
    def is_shown(self) -> bool:
        """Whether it is somebody's new number, and not where somebody is kept who left."""
        return self.ground != SET_ASIDE


CLASS = "class"
DOMAIN = "domain"
"""The ground of somebody whose number stays and whose address has another domain of the district's."""
SET_ASIDE = "set_aside"
"""The ground of a pair whose person left, and whose number is another person's now."""


class MapRow(Struct, array_like=True):
    """A row of a map of old and new numbers."""

    file: str
    line: int
    kind: str
    """``student``, ``teacher``, ``staff`` or ``class``."""
    old: str
    new: str

    @property
    def is_of_class(self) -> bool:
        return self.kind == CLASS

    def rejected(self, code: str, message: str, column: str, value: str = "") -> Reject:
        """The row as one that is not used."""
        return Reject(self.file, self.line, column, code, message, value[:80] or None)


class IdMap(Struct, kw_only=True):
    """The maps that come with an upload."""

    rows: list[MapRow] = []
    rejects: list[Reject] = []
    notes: list[Note] = []
    waiting: dict[str, str] = {}
    """Etags by name of those that were put under ``id-maps/`` before it."""

    def numbers(self) -> frozenset[str]:
        """All numbers in it, old and new ones."""
        return frozenset(number for row in self.rows for number in (row.old, row.new))

    def exchanged_classes(self) -> frozenset[str]:
        """The ids that one class leaves and another one comes to."""
        olds, news = ({getattr(row, side) for row in self.rows if row.is_of_class} for side in ("old", "new"))
        return frozenset(olds & news)


class IdResult(Struct, kw_only=True):
    """Whose numbers change, as a report tells it."""

    people: int = 0
    learnt: int = 0
    """How many of them no map says."""
    classes: int = 0
    rejects: list[Reject] = []
    """Rows of a map that were not used."""
    notes: list[Note] = []


class Totals(Struct, kw_only=True):
    """What all shards came to."""

    counts: dict[Kind, Counts]
    standing: dict[Kind, int]
    notes: list[Note]
    schools: dict[str, dict[Kind, Fate]]
    reused: int
    reused_ids: list[str]
    ended: dict[Kind, int]
    rollover: dict[str, str] | None = None
    school_year: str = ""
    """The latest one that a class of the upload is of."""
    readdressed: int = 0
    """How many people keep their number and have the same address in another domain of the district's."""
    nights: str = ""
    """What the district's nights come to with this one (``History``)."""
    losses: dict[str, int] = {}
    """Who is removed, by role (``Harm.losses``)."""
    digest: str = ""
    """Of everything that changes, in a preview and where one is applied."""


class MatchResult(Struct):
    """What matching one shard of people came to."""

    matching: MatchCounts
    notes: list[Note]
