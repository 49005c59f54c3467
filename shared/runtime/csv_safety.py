"""Cells that no spreadsheet runs as a formula (ASVS 1.2.10)."""

from __future__ import annotations

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""Spreadsheets of some languages read the wide forms as the plain ones."""


def safe_cell(value: object) -> object:
    """Return the value, with an apostrophe before what would run as a formula."""
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return "'" + value
    return value
