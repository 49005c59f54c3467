"""A broken upload, and what its report is to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.bad_uploads.valid_rosters import Files, Roster, Sheet


@dataclass(frozen=True, slots=True)
class At:
    """Where a report points: a file, a line as an editor counts them (1 is the header's), a column by its name."""

    file: str
    line: int | None = None
    column: str | None = None


@dataclass(frozen=True, eq=False)
class Case:
    """An upload after another one, and the answer that a data manager needs."""

    name: str
    stands: Files
    """What was uploaded before; nothing if empty."""
    upload: Files
    status: str
    code: str | None = None
    at: At | None = None
    notes: tuple[str, ...] = ()
    """Codes of notes that have to be there."""
    changed: int = 0
    """How many people this upload changes."""
    removed: int = 0
    """How many people it removes, because it says so itself."""
    version: str | None = None
    """The version of the format that the report is to name."""

    def __str__(self) -> str:
        return self.name


def refused(roster: Roster, description: str, upload: Files, code: str, at: At, *, stands: Files | None = None) -> Case:
    """The upload cannot be used as a whole."""
    return Case(
        f"{roster.format}: {description}", roster.files if stands is None else stands, upload, "rejected", code, at
    )


def row_refused(
    roster: Roster, description: str, upload: Files, code: str, at: At, *, stands: Files | None = None
) -> Case:
    """One row of the upload cannot be used; all others are."""
    return Case(
        f"{roster.format}: {description}", roster.files if stands is None else stands, upload, "completed", code, at
    )


def held(roster: Roster, description: str, upload: Files, code: str) -> Case:
    """Nothing is written until a person has decided."""
    return Case(f"{roster.format}: {description}", roster.files, upload, "held", code)


def read(
    roster: Roster,
    description: str,
    upload: Files,
    *notes: str,
    status: str = "completed",
    changed: int = 0,
    removed: int = 0,
    stands: Files | None = None,
    version: str | None = None,
) -> Case:
    """It is odd, but plain enough to be read, and the report says how."""
    return Case(
        f"{roster.format}: {description}",
        roster.files if stands is None else stands,
        upload,
        status,
        notes=notes,
        changed=changed,
        removed=removed,
        version=version,
    )


def bad_file(
    roster: Roster,
    sheet: Sheet,
    description: str,
    body: str | bytes,
    code: str,
    line: int = 1,
    column: str | None = None,
) -> Case:
    """A good roster with this in the place of one file, for which the upload is refused."""
    return refused(
        roster, f"{sheet.name} {description}", roster.with_file(sheet.name, body), code, At(sheet.name, line, column)
    )


def bad_row(
    roster: Roster, sheet: Sheet, description: str, body: str | bytes, code: str, line: int, column: str | None = None
) -> Case:
    """A good roster with this in the place of one file, of which one row is refused."""
    upload = roster.with_file(sheet.name, body)
    return row_refused(roster, f"{sheet.name} line {line:,} {description}", upload, code, At(sheet.name, line, column))


def noted_file(
    roster: Roster, sheet: Sheet, description: str, body: str | bytes, *notes: str, changed: int = 0
) -> Case:
    """A good roster with this in the place of one file, and it is read all the same."""
    return read(roster, f"{sheet.name} {description}", roster.with_file(sheet.name, body), *notes, changed=changed)


def with_line_ends(body: str, end: str) -> str:
    """The same with lines that end in another way, those within quotes too."""
    return body.replace("\n", end)


def all_with_line_ends(files: Mapping[str, str | bytes], end: str) -> Files:
    return {name: with_line_ends(body, end) if isinstance(body, str) else body for name, body in files.items()}
