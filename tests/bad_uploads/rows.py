"""Rows that cannot be used: only they are rejected, in the line where they stand, and nobody is removed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.bad_uploads.case import Case, bad_row, with_line_ends
from tests.bad_uploads.valid_rosters import EVERY_FORMAT, Roster, Sheet

LINE_ENDS = {"": "\n", ", lines ending in CRLF": "\r\n", ", lines ending in CR": "\r"}


def ids(roster: Roster) -> Iterator[Case]:
    for sheet in (*roster.people, roster.classes):
        column = sheet.id_column
        for description, value, code in (
            ("without an id", "", "missing_value"),
            ("with an id of blanks", "  ", "missing_value"),
            ("with an id of 300 characters", "x" * 300, "bad_id"),
            ("with a control character in its id", "s\x012", "bad_id"),
            ("with a zero byte in its id", "s\x002", "bad_id"),
            ("with a line break in its id", '"s\n2"', "bad_id"),
        ):
            yield bad_row(roster, sheet, description, sheet.with_value(3, column, value), code, 3, column)


def classes_twice(roster: Roster) -> Iterator[Case]:
    sheet, column = roster.classes, roster.classes.id_column
    yield bad_row(roster, sheet, "with the id of line 2", sheet.with_value(3, column, "c1"), "class_twice", 3, column)


def quotes_and_commas(roster: Roster, sheets: Iterable[Sheet]) -> Iterator[Case]:
    for sheet in sheets:
        column = sheet.columns[-1]
        for description, body, code in (
            ("with a stray quote", sheet.with_value(3, column, '"the "best" one"'), "bad_quotes"),
            ("with something behind a quote", sheet.with_value(3, column, '"a"b'), "bad_quotes"),
            ("with a field too many", sheet.with_line(3, sheet.lines[2] + ",more"), "too_many_fields"),
            ("with a comma that is not in quotes", sheet.with_value(3, column, "a,b,c"), "too_many_fields"),
        ):
            yield bad_row(roster, sheet, description, body, code, 3)


def references_left_blank(roster: Roster) -> Iterator[Case]:
    for sheet in roster.enrollments:
        for column in (sheet.class_column, sheet.user_column):
            yield bad_row(
                roster, sheet, f"without {column}", sheet.with_value(3, column, ""), "missing_value", 3, column
            )


def dangling(roster: Roster) -> Iterator[Case]:
    for sheet in roster.enrollments:
        for column, code in ((sheet.class_column, "unknown_class"), (sheet.user_column, "unknown_user")):
            body = sheet.with_value(3, column, "nowhere")
            for how, end in LINE_ENDS.items():
                description = f"with a {column} that nobody knows{how}"
                yield bad_row(roster, sheet, description, with_line_ends(body, end), code, 3, column)
                description = f"with a {column} that nobody knows, behind a value of four lines{how}"
                yield bad_row(
                    roster, sheet, description, with_line_ends(noted(body, '"1\n2\n\n4"'), end), code, 6, column
                )


def noted(body: str, note: str) -> str:
    """The file with one column more, and this in its first row; from there on a line is not a row."""
    header, first, *others = body.splitlines()
    return "\n".join([f"{header},note", f"{first},{note}", *(f"{row}," for row in others)])


def behind_tall_rows(roster: Roster) -> Iterator[Case]:
    for sheet in (*roster.people, roster.classes):
        body = noted(sheet.with_value(3, sheet.id_column, ""), '"one\n\n""three""\n"\n')
        for how, end in LINE_ENDS.items():
            description = f"without an id, behind a tall row and a blank line{how}"
            yield bad_row(roster, sheet, description, with_line_ends(body, end), "missing_value", 7, sheet.id_column)


def behind_mixed_line_ends(roster: Roster) -> Iterator[Case]:
    sheet = roster.students
    header, first, second, third, *others = sheet.with_value(4, sheet.id_column, "").splitlines()
    body = f"{header}\r\n{first}\r{second}\n{third}\r\n" + "\n".join(others)
    description = "without an id, behind every kind of line end"
    yield bad_row(roster, sheet, description, body, "missing_value", 4, sheet.id_column)


def far_down(roster: Roster) -> Iterator[Case]:
    """Thousands of rows, some of them tall: whoever reads many at a time still has to count lines one by one."""
    sheet = roster.enrollments[0]
    row = sheet.lines[1]
    some = [f'{row},"two\nlines"' if number % 7 == 0 else f"{row}," for number in range(5_000)]
    top = [f"{sheet.lines[0]},note", *(f"{line}," for line in sheet.lines[1:]), *some]
    line = 1 + sum(1 + row.count("\n") for row in top)
    dangling = sheet.with_value(2, sheet.class_column, "nowhere").splitlines()[1]
    for description, bad, code, column in (
        ("with a class that nobody knows", f"{dangling},", "unknown_class", sheet.class_column),
        ("with a stray quote", f'{row},"the "best" one"', "bad_quotes", None),
        ("with a field too many", f"{row},,more", "too_many_fields", None),
    ):
        yield bad_row(roster, sheet, description, "\n".join([*top, bad, *some]), code, line, column)


def broken_off_or_joined(roster: Roster) -> Iterator[Case]:
    for sheet in (*roster.people, roster.classes, *roster.enrollments):
        for description, body in with_a_broken_row(sheet):
            yield bad_row(roster, sheet, description, body, "too_few_fields", sheet.last_line)


def with_a_broken_row(sheet: Sheet) -> Iterator[tuple[str, str]]:
    """The file with its last row cut off behind the first field, and with other marks than commas between its fields."""
    row = sheet.lines[-1]
    yield "cut off behind its first field", sheet.with_line(sheet.last_line, row.partition(",")[0]).rstrip("\n")
    yield "with semicolons instead of commas", sheet.with_line(sheet.last_line, row.replace(",", ";"))
    yield "with tabs instead of commas", sheet.with_line(sheet.last_line, row.replace(",", "\t"))


def zeros_at_the_end(roster: Roster) -> Iterator[Case]:
    """What a copy that was cut short leaves: space that was set aside and never written."""
    sheet, body = roster.students, roster.students.text + "\0" * 500
    yield bad_row(roster, sheet, "of zeros", body, "too_few_fields", sheet.last_line + 1)


def another_encoding_at_the_end(roster: Roster) -> Iterator[Case]:
    sheet = roster.students
    row = sheet.with_value(2, sheet.id_column, "x9").splitlines()[1]
    body = sheet.text.encode() + row.encode("utf-16-le")
    yield bad_row(roster, sheet, "in UTF-16", body, "bad_id", sheet.last_line + 1, sheet.id_column)


ROWS: tuple[Case, ...] = tuple(
    case
    for roster in EVERY_FORMAT
    for cases in (
        ids(roster),
        classes_twice(roster),
        quotes_and_commas(roster, (*roster.people, *roster.enrollments)),
        references_left_blank(roster),
        dangling(roster),
        behind_tall_rows(roster),
        behind_mixed_line_ends(roster),
        far_down(roster),
        broken_off_or_joined(roster),
        zeros_at_the_end(roster),
        another_encoding_at_the_end(roster),
    )
    for case in cases
)
