"""Files that cannot be used at all: columns missing, contents of another kind, quotes that never close."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.bad_uploads.archives import HTML, PDF, PNG, archive, roster
from tests.bad_uploads.case import At, Case, bad_file, refused
from tests.bad_uploads.valid_rosters import EVERY_FORMAT, Roster, Sheet

TELL_THE_FORMAT = {"OneRoster 1.2": ("roles.csv",), "School Data Sync 2.1": ("users.csv", "roles.csv")}
"""Files without which an upload looks as if it were of another format (see ``easily_misread``)."""


def columns(good: Roster) -> Iterator[Case]:
    for sheet in good.sheets:
        for column in sheet.needs:
            yield bad_file(good, sheet, f"without {column}", sheet.without_column(column), "missing_column", 1, column)
        first, last = sheet.needs[0], sheet.needs[-1]
        header = ",".join(misspelt(column) if column == last else column for column in sheet.columns)
        yield bad_file(good, sheet, f"with {last} misspelt", sheet.with_header(header), "missing_column", 1, last)
        yield bad_file(good, sheet, f"with {first} twice", sheet.with_column_twice(first), "column_twice", 1, first)


def misspelt(column: str) -> str:
    """Two letters in the wrong order."""
    return column[0] + column[2] + column[1] + column[3:]


def header_further_down(good: Roster) -> Iterator[Case]:
    sheet, column = good.students, good.students.needs[1]
    body = f"\n\n,,\n{sheet.without_column(column)}"
    yield bad_file(good, sheet, f"with its header in line 4, without {column}", body, "missing_column", 4, column)


def other_contents(good: Roster) -> Iterator[Case]:
    for sheet in good.sheets:
        for description, body in (
            ("a picture", PNG),
            ("a PDF document", PDF),
            ("a web page", HTML),
            ("a spreadsheet", archive(roster())),
            ("zeros", bytes(2_000)),
            ("garbage in its header", sheet.with_header("!!!,???,###,$$$")),
            ("no header", "\n".join(sheet.lines[1:])),
            ("a header of 10,000 other columns", ",".join(f"column {n}" for n in range(10_000)) + "\n"),
        ):
            yield bad_file(good, sheet, f"with {description}", body, "missing_column", 1, sheet.needs[0])


def nothing_in_it(good: Roster) -> Iterator[Case]:
    for sheet in good.sheets:
        for description, body in (
            ("no bytes", ""),
            ("blank lines alone", "\n \n\t\n\n"),
            ("a byte order mark alone", "\ufeff"),
        ):
            yield bad_file(good, sheet, f"with {description}", body, "empty_file")


def header_alone(good: Roster, sheets: Iterable[Sheet]) -> Iterator[Case]:
    for sheet in sheets:
        for description, body in without_rows(sheet):
            yield bad_file(good, sheet, description, body, "no_rows")


def without_rows(sheet: Sheet) -> Iterator[tuple[str, str]]:
    header = sheet.lines[0]
    yield "with its header alone", header
    yield "with its header and blank lines", f"{header}\n\n \n,,\n"


def missing(good: Roster) -> Iterator[Case]:
    for sheet in good.sheets:
        if sheet.name not in (*good.optional, *TELL_THE_FORMAT.get(good.format, ())):
            yield refused(good, f"without {sheet.name}", good.without(sheet.name), "missing_file", At(sheet.name))


def open_quotes(good: Roster) -> Iterator[Case]:
    for sheet in (*good.people, good.classes, *good.enrollments):
        column, last = sheet.columns[-1], sheet.last_line
        opened = sheet.with_value(2, column, '"open')
        yield bad_file(good, sheet, "with a quote in line 2 that does not close", opened, "unclosed_quote", 2)
        cut = sheet.with_value(last, column, '"cut of').rstrip("\n")
        yield bad_file(good, sheet, f"cut off within quotes in line {last}", cut, "unclosed_quote", last)
        tall = sheet.with_value(2, column, '"two\nlines"') + opened.splitlines()[1]
        description = "with an open quote behind a value of two lines"
        yield bad_file(good, sheet, description, tall, "unclosed_quote", last + 2)
    sheet = good.students
    long = sheet.with_value(3, sheet.columns[-1], '"open') + f"{sheet.lines[1]}\n" * 4_000
    yield bad_file(good, sheet, "with a quote that stays open for 200 KB", long, "unclosed_quote", 3)


WHOLE_FILES: tuple[Case, ...] = tuple(
    case
    for good in EVERY_FORMAT
    for cases in (
        columns(good),
        header_further_down(good),
        other_contents(good),
        nothing_in_it(good),
        header_alone(good, good.people),
        missing(good),
        open_quotes(good),
    )
    for case in cases
)
