"""What is to be done with an upload: what one step of an import hands to the next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from functions.import_step.archive import Piece, RosterFile
from functions.import_step.encoding import PIECE
from functions.import_step.formats.format import Mode
from functions.import_step.shards import class_shards_of
from shared.domain.errors import UploadRejected
from shared.domain.report import Kind, Upload
from shared.stores.import_state import Snapshot


@dataclass(frozen=True, slots=True)
class Part:
    """What one worker reads: pieces of files, (stem, piece)."""

    pieces: tuple[tuple[str, Piece], ...]

    def to_json(self) -> list[list[Any]]:
        return [[stem, piece.start, piece.end, piece.line] for stem, piece in self.pieces]


def parts_of(stems: Sequence[str], files: dict[str, RosterFile], pieces: dict[str, tuple[Piece, ...]]) -> list[Part]:
    """Small files together, large ones in pieces, each part about one piece in size."""
    parts: list[Part] = []
    waiting: list[tuple[str, Piece]] = []
    size = 0
    for stem in stems:
        for piece in pieces[stem]:
            length = (files[stem].size if piece.end is None else piece.end) - piece.start
            if waiting and size + length > PIECE:
                parts.append(Part(tuple(waiting)))
                waiting, size = [], 0
            waiting.append((stem, piece))
            size += length
    return [*parts, Part(tuple(waiting))]


_SHOWN = 100
"""How many proposals, and ids that were reused, are kept of a shard."""


type Answer = dict[str, Any]
"""What a step tells the state machine: ``{"next": …, "shards"?: […]}``."""


WAIT: Answer = {"next": "wait", "shards": []}


def go_on(step: str, shards: int) -> Answer:
    """Go on with this step; the maps after it go over these shards."""
    return {"next": step, "shards": list(range(shards)), "class_shards": list(range(class_shards_of(shards)))}


@dataclass(frozen=True, slots=True)
class Import:
    """One import, as every step is told of it."""

    import_id: str
    district_id: str
    upload: Upload
    preview: bool = False
    approved: bool = False
    roll_back: bool = False
    started_at: str = ""

    @property
    def run_id(self) -> str:
        """Names the working files: an approved import, and one that is rolled back, begins anew."""
        if self.roll_back:
            return f"{self.import_id}-rolled-back"
        return f"{self.import_id}-approved" if self.approved else self.import_id

    @property
    def snapshot_id(self) -> str:
        """Names the snapshot that it makes."""
        return self.run_id if self.roll_back else self.import_id

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> Import:
        return cls(**{**event, "upload": Upload(**event["upload"])})


def rejection(error: UploadRejected) -> dict[str, Any]:
    """A rejected upload as a working file holds it."""
    return {
        "code": error.code,
        "message": error.message,
        "file": error.file,
        "line": error.line,
        "column": error.column,
    }


def plan_of(plan: Answer) -> Plan:
    """The part of a plan that the comparison needs."""
    return Plan(plan["modes"], tuple(plan["keeps"]), plan["additions_only"], tuple(plan.get("kept_roles", ())))


def kept_with(keeps: Iterable[str], rejected: Iterable[Kind]) -> set[str]:
    """The kinds of which nobody is removed, now that rows of these kinds were rejected: a class's row may have named its
    teachers."""
    kept = {*keeps, *rejected}
    return {*kept, Kind.ENROLLMENTS} if Kind.CLASSES in kept else kept


def before_of(snapshot: Snapshot | None) -> Answer | None:
    """Where a snapshot lies, as a plan holds it."""
    if snapshot is None:
        return None
    return {"snapshot_id": snapshot.snapshot_id, "shards": snapshot.shards, "school_year": snapshot.school_year}


def notes_json(notes: Any) -> list[Answer]:
    return [asdict(note) for note in notes]


@dataclass(frozen=True, slots=True)
class Plan:
    """How each kind is spoken of, and of which kinds nothing may be removed because rows of it were rejected."""

    modes: dict[str, str]
    keeps: tuple[str, ...]
    additions_only: bool = False
    """Nothing is removed at all, whatever the rows say."""
    kept_roles: tuple[str, ...] = ()
    """Of whom the upload does not speak: nobody with such a role is missing."""

    def mode(self, kind: Kind) -> Mode:
        return Mode(self.modes[kind])

    def may_remove(self, kind: Kind) -> bool:
        return self.mode(kind) is Mode.BULK and kind not in self.keeps and not self.additions_only
