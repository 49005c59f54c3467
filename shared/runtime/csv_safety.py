"""Cells that every spreadsheet opens, and none runs as a formula (ASVS 1.2.10)."""

from __future__ import annotations

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""Spreadsheets of some languages read the wide forms as the plain ones."""


_LONGEST_CELL = 32_767
"""The most UTF-16 units in a cell of Excel; a longer one runs over into the next rows."""


def safe_cell(value: object) -> object:
    """Return the value, with an apostrophe before what would run as a formula, and cut where no cell is longer."""
    if not isinstance(value, str):
        return value
    cell = "'" + value if value.startswith(_FORMULA_STARTS) else value
    # A letter is two units at most.
    if 2 * len(cell) > _LONGEST_CELL:
        return cell.encode("utf-16-le", "replace")[: 2 * _LONGEST_CELL].decode("utf-16-le", "ignore")
    return cell
