"""The corpus' strings and CSV files in places where a roster has harmless ones."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence

from tests.bad_uploads.case import At, Case
from tests.bad_uploads.valid_rosters import Roster, Sheet

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$")


def beside(roster: Roster, name: str, body: bytes) -> Case:
    """The records of a CSV file, as more columns of more people, with a row without an id behind them."""
    sheet = roster.students
    header, *records = _records(body.decode())
    blank = "," * header.count(",")
    good = [f"{line},{blank}\n" for line in sheet.lines[1:]]
    more = [f"{with_id(sheet, f'x{n}')},{_ended(record)}" for n, record in enumerate(records)]
    before = f"{sheet.lines[0]},{_ended(header)}" + "".join(good + more)
    line = len(_LINE.findall(before)) + 1
    roles = with_roles(roster, [f"x{n}" for n in range(len(records))])
    return Case(
        f"{roster.format}: beside {name}",
        {**roster.with_file(sheet.name, before), **roles},
        {**roster.with_file(sheet.name, before + with_id(sheet, "") + f",{records[0]}"), **roles},
        "completed",
        "missing_value",
        At(sheet.name, line, sheet.id_column),
    )


def instead(roster: Roster, sheet: Sheet, name: str, body: bytes) -> Case:
    """A CSV file instead of one of a roster's."""
    return Case(
        f"{roster.format}: {name} as {sheet.name}",
        roster.files,
        roster.with_file(sheet.name, body),
        "rejected",
        "missing_column",
        At(sheet.name, 1, sheet.needs[0]),
    )


def with_values(sheet: Sheet, columns: list[str], values: Sequence[str]) -> tuple[str, dict[int, list[str]]]:
    """The file with a row more for each of these values, which go round the columns; and the values by line."""
    text = io.StringIO(sheet.text)
    text.seek(0, io.SEEK_END)
    writer = csv.writer(text, lineterminator="\n")
    line, lines = sheet.last_line + 1, {}
    for number in range(len(values)):
        some = [values[(number + at) % len(values)] for at, _ in enumerate(columns)]
        cells = with_id(sheet, f"x{number}").split(",")
        for column, value in zip(columns, some, strict=True):
            cells[sheet.columns.index(column)] = value
        writer.writerow(cells)
        lines[line] = some
        line += 1 + sum(len(_LINE.findall(value + ".")) - 1 for value in some)
    return text.getvalue(), lines


def with_roles(roster: Roster, ids: Sequence[str]) -> dict[str, str | bytes]:
    """The file that says who people are, where the format has one, with a row more for each of these ids."""
    for sheet in roster.others:
        if sheet.name == "roles.csv":
            text = io.StringIO(sheet.text)
            text.seek(0, io.SEEK_END)
            for sourced_id in ids:
                cells = sheet.lines[1].split(",")
                cells[sheet.columns.index(sheet.user_column)] = sourced_id
                csv.writer(text, lineterminator="\n").writerow(cells)
            return {sheet.name: text.getvalue()}
    return {}


def with_id(sheet: Sheet, key: str) -> str:
    """The first row of a file, of somebody else."""
    row = sheet.with_value(2, sheet.id_column, key).splitlines()[1] if sheet.id_column else sheet.lines[1]
    return row.replace("@", f".{key or 'nobody'}@")


def _records(text: str) -> Iterator[str]:
    """A file's records as they are written, line ends included."""
    record = ""
    for line in _LINE.findall(text):
        record += line
        if record.count('"') % 2 == 0:
            yield record
            record = ""


def _ended(record: str) -> str:
    return record if record.endswith(("\r", "\n")) else record + "\n"
