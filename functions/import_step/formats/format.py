"""Roster formats. A format is one module: it recognises an upload and reads it into the sink, row by row."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import repeat
from typing import Protocol

from functions.import_step.archive import RosterFile
from functions.import_step.csv_table import Table
from functions.import_step.formats.columns import named, unknown_columns
from functions.import_step.records import ClassRow, PersonRow, ReferenceRow
from shared.domain.errors import UploadRejected
from shared.domain.report import Kind, Note, Reject
from shared.domain.roster import Role


class Mode(StrEnum):
    """What a file holds of its kind: all there is, what has changed, or nothing."""

    BULK = "bulk"
    DELTA = "delta"
    ABSENT = "absent"


@dataclass(slots=True)
class Where:
    """Where a row stands, for a reject, and of which kind its person's number is."""

    file: str
    line: int
    column: str | None = None
    kind: str = ""
    """A ``NumberKind`` in formats that number by kind."""
    untold: tuple[str, ...] = ()
    """Fields of ``PersonRow`` for which the file has no column."""


@dataclass(frozen=True, slots=True)
class PeopleColumns:
    """Rows about people that are none of them removed or disabled and name no Clever ids: columns of one length."""

    lines: Sequence[int]
    sourced_ids: Sequence[str]
    roles: Sequence[Role | None]
    given_names: Sequence[str]
    family_names: Sequence[str]
    emails: Sequence[str]
    usernames: Sequence[str]
    schools: Sequence[tuple[str, ...]]
    schools_only: Sequence[bool] | None = None
    """Who is an administrator of the own schools, and not of the district; None where nobody is."""

    def rows(self) -> Iterator[tuple[int, PersonRow]]:
        """(line, row) of each."""
        rows = map(
            PersonRow,
            self.sourced_ids,
            self.roles,
            self.given_names,
            self.family_names,
            self.emails,
            self.usernames,
            repeat(()),
            self.schools,
            repeat(False),
            repeat(False),
            self.schools_only or repeat(False),
        )
        return zip(self.lines, rows, strict=True)


class Sink(Protocol):
    """Takes what a format reads."""

    def person(self, row: PersonRow, where: Where) -> None: ...
    def people(self, people: PeopleColumns, where: Where) -> None:
        """Many at once; the line of ``where`` says nothing."""

    def role(
        self,
        sourced_id: str,
        role: Role | None,
        school_id: str,
        where: Where,
        *,
        removed: bool = False,
        row_id: str = "",
        is_over: bool = False,
        is_unusable: bool = False,
        schools_only: bool = False,
    ) -> None:
        """One of a person's roles; ``row_id`` is the id of the row itself. ``is_over``: it has ended, or not begun.
        ``is_unusable``: its row was rejected for the role. ``schools_only``: as of ``PersonRow``."""

    def school(self, sourced_id: str, name: str, where: Where) -> None: ...
    def reference(self, row: ReferenceRow, where: Where) -> None:
        """A course or a term that classes refer to."""

    def also_read(self, stem: str, file: str, rows: int) -> None:
        """Another file was read with this one; it had so many rows."""

    def grades(self, rows: Mapping[str, int]) -> None:
        """How many rows of a file name each grade (M3)."""

    def school_class(self, row: ClassRow, where: Where) -> None: ...
    def school_classes(self, rows: Sequence[ClassRow], lines: Sequence[int], where: Where) -> None:
        """Many at once, none of them removed; the line of ``where`` says nothing."""

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
        row_ids: Sequence[bytes] = (),
    ) -> None:
        """Many at once: who is in which class, on which line. ``where`` names the file and the column of the users;
        ``row_ids`` are the ids of the rows themselves, in UTF-8, in formats that have such."""

    def turns(self, day: str) -> None:
        """From this day (YYYY-MM-DD), which lies ahead, something of the upload is read otherwise: a role begins, or is over."""

    def reject(self, kind: Kind | None, reject: Reject) -> None: ...
    def note(self, note: Note) -> None: ...


@dataclass(frozen=True, slots=True)
class Recognised:
    """What an upload is: its format, and what its files hold of each kind."""

    name: str
    version: str
    modes: dict[Kind, Mode]
    files: dict[str, RosterFile] = field(repr=False)
    notes: tuple[Note, ...] = ()
    """What was unusual about how it was recognised."""
    by_kind: bool = False
    """Whether students, teachers and staff are numbered separately."""
    needs_roles: bool = False
    """Whether roles.csv says who everybody of users.csv is."""
    on: str = ""
    """The district's day, YYYY-MM-DD: what ended before it is over."""
    parts: dict[str, Mode] = field(default_factory=dict)
    """What the files hold that tell more of people and classes, by stem: ``roles``, ``courses`` …."""

    @property
    def mode(self) -> Mode:
        return Mode.DELTA if Mode.DELTA in (*self.modes.values(), *self.parts.values()) else Mode.BULK


class Format(Protocol):
    """A roster format."""

    also_read: Collection[str]
    """The files, by stem, that are read with others, if they are there."""

    def recognise(self, files: dict[str, RosterFile]) -> Recognised | None:
        """What the upload is, by its files; None when it is not of this format."""

    def stems(self, upload: Recognised) -> Sequence[str]:
        """The files whose rows are read, in this order. Raises UploadRejected when one is missing."""

    def never_empty(self, upload: Recognised) -> Sequence[str]:
        """The files in which no rows at all means that the export went wrong."""

    def roles_not_told(self, upload: Recognised, seen: Mapping[str, int]) -> Sequence[str]:
        """The roles that are not in this upload at all, by how many rows each file had: people with such a role are not
        missing."""

    def read(self, upload: Recognised, stem: str, sink: Sink) -> int:
        """Hand every row of a file to the sink. Return how many there were. Raises UploadRejected when the file cannot be
        used at all."""


def all_there(upload: Recognised, stems: Iterable[str]) -> None:
    """Raises UploadRejected that names the first of these files that is missing."""
    for stem in stems:
        if stem not in upload.files:
            raise missing_file(f"{stem}.csv")


def recognise(files: list[RosterFile], formats: tuple[Format, ...]) -> tuple[Format, Recognised]:
    """The format of an upload. Raises UploadRejected when it is none."""
    by_stem = {file.stem: file for file in files}
    for form in formats:
        if upload := form.recognise(by_stem):
            return form, upload
    names = ", ".join(sorted(by_stem)[:12])
    raise UploadRejected(
        "unknown_format",
        "These files are no roster that is known here. Upload OneRoster 1.1 or 1.2 CSV (users.csv, classes.csv, "
        "enrollments.csv …), Clever CSV (students.csv, teachers.csv, sections.csv …) or School Data Sync CSV.",
        file=f"{names}.csv" if len(by_stem) == 1 else names,
    )


def table(
    file: RosterFile, kind: Kind | None, sink: Sink, renamed: dict[str, str] | None = None, *, is_ragged: bool = False
) -> Table:
    """The file as a table whose rejects count for this kind; ``is_ragged`` lets rows be shorter than the header."""
    made = Table(
        file, reject=lambda reject: sink.reject(kind, reject), note=sink.note, renamed=renamed, is_ragged=is_ragged
    )
    if not file.piece.start and (unknown := unknown_columns(file.stem, made.header)):
        text = f"Columns that are none of the format's were not read: {named(unknown)}."
        sink.note(Note("columns_not_read", text, made.shown, len(unknown), made.header_line))
    return made


def take_school(sink: Sink, file: str, line: int, sourced_id: str, name: str) -> None:
    """Hand a school to the sink, or note that it cannot be used."""
    if sourced_id and name:
        sink.school(sourced_id, name, Where(file, line))
    else:
        sink.note(
            Note("school_not_usable", "Schools without an id or a name were not used. Fill both in.", file, 1, line)
        )


def no_rows(file: str) -> UploadRejected:
    """A header-only file never means that everybody left."""
    return UploadRejected(
        "no_rows", f"{file} has a header and no rows. Export it again; an empty file removes nobody.", file=file, line=1
    )


def missing_file(name: str) -> UploadRejected:
    return UploadRejected("missing_file", f"{name} is missing from the upload. Add it and upload again.", file=name)


def two_formats(first: str, second: str) -> UploadRejected:
    return UploadRejected(
        "two_formats",
        f"The upload holds files of {first} and of {second}. Leave out those of the one that the district does not use.",
    )


def missing_value(file: str, line: int, column: str) -> Reject:
    """The reject of a row that lacks a required value."""
    return Reject(file, line, column, "missing_value", f"The row has no {column}. Fill it in.")


def unknown_role(file: str, line: int, column: str) -> Reject:
    """The reject of a row with an unknown role: a person left out because of a misspelling would seem to have left."""
    message = "The role of this row is not known here. Write a role of the format, such as teacher or student."
    return Reject(file, line, column, "unknown_role", message)


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def has_control(key: str) -> bool:
    """Whether there are characters in it that no id may have."""
    return not key.isprintable() and _CONTROL.search(key) is not None


def several(text: str) -> tuple[str, ...]:
    """The values of a field that holds a comma list."""
    if "," not in text:
        return (text,) if text else ()
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
