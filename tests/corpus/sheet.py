"""CSV files: from rows, written as different systems write them, and from a folder."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

CR, CRLF = "\r", "\r\n"


def sheet(
    header: str, rows: Iterable[Sequence[object]], *, end: str = "\n", quoted: bool = False, bom: bool = False
) -> bytes:
    """``rows`` under ``header``, a comma list; each row has a value for each column."""
    columns = header.split(",")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL)
    writer.writerow(columns)
    for row in rows:
        assert len(row) == len(columns), row
        writer.writerow(row)
    return text.getvalue().encode("utf-8-sig" if bom else "utf-8")


def csv_files(folder: Path) -> dict[str, bytes]:
    """The CSV files in a folder, by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.csv"))}
