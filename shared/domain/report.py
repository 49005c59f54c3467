"""The report of an upload: what was read, what it did, and what a person should do next (M2)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

from shared.domain.clock import from_iso, to_iso
from shared.domain.errors import UploadRejected

REJECTS_SHOWN = 100


def help_page(code: str, web_url: str) -> str:
    """Return the address of the page that explains a code of a report to whoever reads it.

    ``web_url`` is the origin of the pages; where it is not known, it is the place in the repository that has the same words.
    """
    return f"{web_url}/help/{code}" if web_url else f"docs/report-codes.md#{code}"


class Status(StrEnum):
    COMPLETED = "completed"
    UNCHANGED = "unchanged"
    HELD = "held"
    PAUSED = "paused"
    """It is applied after the district's pause."""
    REJECTED = "rejected"
    SUPERSEDED = "superseded"
    FAILED = "failed"


@dataclass(slots=True)
class Counts:
    """The six counts of a kind. In a bulk upload ``read = created + changed + unchanged + rejected``."""

    read: int = 0
    created: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    rejected: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Counts)))


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that could not be used: its place (line 1 is the header), the reason, and the remedy."""

    file: str
    line: int | None
    column: str | None
    code: str
    message: str
    value: str | None = None

    def to_json(self, web_url: str = "") -> dict[str, Any]:
        """The reject as in the report file: only ``value`` may be absent. ``web_url``: see ``help_page``."""
        body = {name: value for name, value in asdict(self).items() if name != "value" or value is not None}
        return {**body, "help": help_page(self.code, web_url)}


@dataclass(frozen=True, slots=True)
class Note:
    """Something unusual, and how it was read."""

    code: str
    message: str
    file: str | None = None
    count: int | None = None
    line: int | None = None
    """The first line of the file that it is about, where it is about rows that were not used."""


@dataclass(frozen=True, slots=True)
class Upload:
    """The S3 object that started an import. ``event_time`` and ``sequencer`` order uploads."""

    key: str
    etag: str
    event_time: str
    sequencer: str = ""
    version_id: str | None = None

    def is_newer_than(self, other: Upload) -> bool:
        """For one key S3's ``sequencer`` decides, across keys the event time, then the key."""
        if self.key == other.key and self.sequencer and other.sequencer:
            return sequence(self.sequencer) > sequence(other.sequencer)
        return (self.event_time, self.key) > (other.event_time, other.key)


def sequence(sequencer: str) -> tuple[int, str]:
    """A sequencer as something that can be compared: hexadecimal numbers of unequal length, padded on the left (S3 guide)."""
    return len(sequencer.lstrip("0")), sequencer.lstrip("0").upper()


def import_id_of(upload: Upload) -> str:
    """An import's id: sorts by time, and is the same for each event of the upload."""
    moment = re.sub(r"[-:.]", "", to_iso(from_iso(upload.event_time)))
    digest = hashlib.sha256(f"{upload.key}\n{upload.sequencer or upload.etag}".encode()).hexdigest()
    return f"{moment}-{digest[:8]}"


@dataclass(slots=True)
class Report:
    """What an upload did. ``users``, ``classes`` and ``enrollments`` hold the six counts each."""

    import_id: str
    district_id: str
    upload: Upload
    status: Status
    started_at: str
    finished_at: str
    language: str = "en"
    """In which the messages are: the district's."""
    preview: bool = False
    format: dict[str, str] = field(default_factory=dict)
    reason: dict[str, str] | None = None
    users: Counts = field(default_factory=Counts)
    classes: Counts = field(default_factory=Counts)
    enrollments: Counts = field(default_factory=Counts)
    matching: dict[str, int] = field(default_factory=dict)
    activations: dict[str, int] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    rejects_key: str | None = None
    people_key: str | None = None
    """Where the people are listed whom a held import would hurt."""
    notes: list[Note] = field(default_factory=list)
    id_changes: int | None = None
    """How many people came under another number and keep what is theirs (B11); ``id-changes.csv`` lists them."""
    id_changes_key: str | None = None
    withheld: list[dict[str, str]] = field(default_factory=list)
    """The first teachers who are not mailed: ``{"sourced_id", "code"}``; how many there are is in ``activations``."""
    files: list[dict[str, str | int]] = field(default_factory=list)
    """The files that were read: ``{"file", "rows"}``."""
    rollover: dict[str, str] | None = None
    """A school year begins with this upload: ``{"before", "after"}``, as the roster names them."""
    losses: dict[str, int] | None = None
    """Whom a held import would remove: ``{"students", "teachers", "administrators", "last_administrators"}``. The last is not 0
    where nobody would administer the district any more."""

    def to_json(self, web_url: str = "") -> dict[str, Any]:
        """The report file (docs/uploads.md), without what is absent. ``web_url``: see ``help_page``."""
        body = {k: v for k, v in asdict(self).items() if v is not None}
        body["upload"] = _present(
            {"key": self.upload.key, "version_id": self.upload.version_id, "etag": self.upload.etag}
        )
        body["matching"] = {
            name: self.matching.get(name, 0)
            for name in ("matched", "ambiguous", "unmatched_teachers", "unmatched_students")
        }
        body["activations"] = {name: self.activations.get(name, 0) for name in ("queued", "withheld")}
        body["rejects"] = [reject.to_json(web_url) for reject in self.rejects[:REJECTS_SHOWN]]
        body["notes"] = [{**_present(asdict(note)), "help": help_page(note.code, web_url)} for note in self.notes]
        if self.reason:
            body["reason"] = with_help(self.reason, web_url)
        for name in ("withheld", "files"):
            if not body[name]:
                del body[name]
        return body


def with_help(reason: Mapping[str, Any], web_url: str) -> dict[str, Any]:
    """The reason as in the report file: with where its code is explained (``help_page``)."""
    return {**reason, "help": help_page(reason["code"], web_url)}


def rejected_report(
    error: UploadRejected, *, import_id: str, district_id: str, upload: Upload, at: str, preview: bool
) -> Report:
    """The report of an upload that cannot be used as a whole; what stood before still stands."""
    file = error.file if error.file is not None else upload.key.rsplit("/", 1)[-1]
    rejects = [Reject(file, error.line, error.column, error.code, error.message)]
    return Report(
        import_id=import_id,
        district_id=district_id,
        upload=upload,
        status=Status.REJECTED,
        preview=preview,
        reason={"code": error.code, "message": error.message},
        rejects=rejects,
        started_at=at,
        finished_at=at,
    )


def merged_notes(notes: Iterable[Note]) -> list[Note]:
    """Equal notes become one; their counts add up, and the first line stays."""
    together: dict[tuple[str, str, str | None], Note] = {}
    for note in notes:
        key = (note.code, note.message, note.file)
        before = together.get(key)
        together[key] = _together(before, note) if before else note
    return list(together.values())


def _together(one: Note, other: Note) -> Note:
    lines = [note.line for note in (one, other) if note.line is not None]
    count = other.count if one.count is None else one.count + (other.count or 0)
    return replace(one, count=count, line=min(lines, default=None))


class Tally:
    """Notes about rows, counted while they are read: equal ones are one, with the first line of each file."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], list[int]] = {}

    def tell(self, code: str, message: str, file: str, line: int, count: int = 1) -> None:
        """Count rows of a file, of which ``line`` is the first."""
        known = self._found.setdefault((code, message, file), [0, line])
        known[0] += count
        known[1] = min(known[1], line)

    def notes(self) -> list[Note]:
        return [Note(code, message, file, count, line) for (code, message, file), (count, line) in self._found.items()]


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


class Kind(StrEnum):
    """What a report counts."""

    USERS = "users"
    CLASSES = "classes"
    ENROLLMENTS = "enrollments"
