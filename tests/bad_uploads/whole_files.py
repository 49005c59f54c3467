"""Files that cannot be used at all: columns missing, contents of another kind, quotes that never close."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.bad_uploads.archives import HTML, PDF, PNG, archive, roster
from tests.bad_uploads.case import At, Case, bad_file, refused
from tests.bad_uploads.valid_rosters import EVERY_FORMAT, Roster, Sheet

TELL_THE_FORMAT = {"OneRoster 1.2": ("roles.csv",), "School Data Sync 2.1": ("users.csv", "roles.csv")}
"""Files without which an upload looks as if it were of another format (see ``easily_misread``)."""


def columns(one: Roster) -> Iterator[Case]:
    for sheet in one.sheets:
        for column in sheet.needs:
            yield bad_file(one, sheet, f"without {column}", sheet.without_column(column), "missing_column", 1, column)
        first, last = sheet.needs[0], sheet.needs[-1]
        header = ",".join(misspelt(column) if column == last else column for column in sheet.columns)
        yield bad_file(one, sheet, f"with {last} misspelt", sheet.with_header(header), "missing_column", 1, last)
        yield bad_file(one, sheet, f"with {first} twice", sheet.with_column_twice(first), "column_twice", 1, first)


def misspelt(column: str) -> str:
    """Two letters in the wrong order."""
    return column[0] + column[2] + column[1] + column[3:]


def header_further_down(one: Roster) -> Iterator[Case]:
    sheet, column = one.students, one.students.needs[1]
    body = f"\n\n,,\n{sheet.without_column(column)}"
    yield bad_file(one, sheet, f"with its header in line 4, without {column}", body, "missing_column", 4, column)


def other_contents(one: Roster) -> Iterator[Case]:
    for sheet in one.sheets:
        for what, body in (
            ("a picture", PNG),
            ("a PDF document", PDF),
            ("a web page", HTML),
            ("a spreadsheet", archive(roster())),
            ("zeros", bytes(2_000)),
            ("garbage in its header", sheet.with_header("!!!,???,###,$$$")),
            ("no header", "\n".join(sheet.lines[1:])),
            ("a header of 10,000 other columns", ",".join(f"column {n}" for n in range(10_000)) + "\n"),
        ):
            yield bad_file(one, sheet, f"with {what}", body, "missing_column", 1, sheet.needs[0])


def nothing_in_it(one: Roster) -> Iterator[Case]:
    for sheet in one.sheets:
        for what, body in (
            ("no bytes", ""),
            ("blank lines alone", "\n \n\t\n\n"),
            ("a byte order mark alone", "\ufeff"),
        ):
            yield bad_file(one, sheet, f"with {what}", body, "empty_file")


def header_alone(one: Roster, sheets: Iterable[Sheet]) -> Iterator[Case]:
    for sheet in sheets:
        for what, body in without_rows(sheet):
            yield bad_file(one, sheet, what, body, "no_rows")


def without_rows(sheet: Sheet) -> Iterator[tuple[str, str]]:
    header = sheet.lines[0]
    yield "with its header alone", header
    yield "with its header and blank lines", f"{header}\n\n \n,,\n"


def missing(one: Roster) -> Iterator[Case]:
    for sheet in one.sheets:
        if sheet.name not in (*one.optional, *TELL_THE_FORMAT.get(one.format, ())):
            yield refused(one, f"without {sheet.name}", one.without(sheet.name), "missing_file", At(sheet.name))


def open_quotes(one: Roster) -> Iterator[Case]:
    for sheet in (*one.people, one.classes, *one.enrollments):
        column, last = sheet.columns[-1], sheet.last_line
        opened = sheet.with_value(2, column, '"open')
        yield bad_file(one, sheet, "with a quote in line 2 that does not close", opened, "unclosed_quote", 2)
        cut = sheet.with_value(last, column, '"cut of').rstrip("\n")
        yield bad_file(one, sheet, f"cut off within quotes in line {last}", cut, "unclosed_quote", last)
        tall = sheet.with_value(2, column, '"two\nlines"') + opened.splitlines()[1]
        what = "with an open quote behind a value of two lines"
        yield bad_file(one, sheet, what, tall, "unclosed_quote", last + 2)
    sheet = one.students
    long = sheet.with_value(3, sheet.columns[-1], '"open') + f"{sheet.lines[1]}\n" * 4_000
    yield bad_file(one, sheet, "with a quote that stays open for 200 KB", long, "unclosed_quote", 3)


WHOLE_FILES: tuple[Case, ...] = tuple(
    case
    for one in EVERY_FORMAT
    for cases in (
        columns(one),
        header_further_down(one),
        other_contents(one),
        nothing_in_it(one),
        header_alone(one, one.people),
        missing(one),
        open_quotes(one),
    )
    for case in cases
)
