"""A map of old and new numbers (B11): ``id_map.csv`` in a roster, or a file that was put under ``id-maps/`` before it."""

from __future__ import annotations

from collections.abc import Iterable

from functions.import_step.archive import RosterFile
from functions.import_step.csv_table import Table
from functions.import_step.plan import CLASS, IdMap, MapRow
from shared.domain.report import Reject
from shared.domain.roster import NumberKind

STEM = "id_map"
_COLUMNS = ("kind", "oldSourcedId", "newSourcedId")
_KINDS = frozenset({*(kind.value for kind in NumberKind), CLASS})


def read_maps(files: Iterable[RosterFile]) -> IdMap:
    """The rows of these maps; one number becomes one other. Raises UploadRejected where a file is no such table."""
    read = IdMap()
    olds, news = set[tuple[str, str]](), set[tuple[str, str]]()
    for file in files:
        table = Table(file, reject=read.rejects.append, note=read.notes.append)
        table.require(_COLUMNS)
        for line, (kind, old, new) in table.rows(_COLUMNS):
            row = MapRow(table.shown, line, kind.lower(), old, new)
            if why := _why_unusable(row, olds, news):
                read.rejects.append(why)
            elif old != new:
                olds.add((row.kind, old))
                news.add((row.kind, new))
                read.rows.append(row)
    return read


def _why_unusable(row: MapRow, olds: set[tuple[str, str]], news: set[tuple[str, str]]) -> Reject | None:
    if row.kind not in _KINDS:
        return row.rejected(
            "unknown_kind", "The kind is student, teacher, staff or class. Correct it.", "kind", row.kind
        )
    for column, number, others in (("oldSourcedId", row.old, olds), ("newSourcedId", row.new, news)):
        if not number:
            return row.rejected("missing_value", f"The row has no {column}. Fill it in.", column)
        if (row.kind, number) in others:
            message = "An earlier row has this number: one old number becomes one new one. Leave one of the rows out."
            return row.rejected("id_map_twice", message, column, number)
    return None
