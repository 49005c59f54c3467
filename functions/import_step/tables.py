"""Reads one CSV file as a table: its header as people really write it, its rows with their line numbers."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from itertools import accumulate, compress, islice
from operator import itemgetter

from functions.import_step.opening import WHOLE, Piece, RosterFile
from functions.import_step.scanning import encoding_of
from shared.errors import UploadRejected
from shared.report import Note, Reject

csv.field_size_limit(1 << 17)

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_INVISIBLE = re.compile(r"[\s_\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u2064\ufeff\x00-\x1f]+")
_MISSPELT = {"datalastmodified": "datelastmodified", "preferedgivenname": "preferredgivenname"}
_AT_ONCE = 2_048
"""Records that are handled together: what is the same for all of them is looked at once."""
_LONGEST_HEADER = 1 << 20


def folded(header: str) -> str:
    """A column's name without what people get wrong about it: case, blanks, underscores, invisible characters."""
    text = _INVISIBLE.sub("", header).lower()
    return _MISSPELT.get(text, text)


type Row = tuple[str, ...]


class Table:
    """One CSV file, its header read. ``rows`` gives only the columns that are asked for; all others, passwords among
    them, are dropped while reading."""

    def __init__(
        self,
        file: RosterFile,
        *,
        reject: Callable[[Reject], None],
        note: Callable[[Note], None],
        renamed: dict[str, str] | None = None,
    ) -> None:
        """``renamed`` maps another format version's column names to the ones asked for."""
        self.file = file
        self.shown = file.name.rsplit("/", 1)[-1]
        self._reject = reject
        self._encoding = encoding_of(file)
        if self._encoding.assumed and not file.piece.start:
            note(Note("encoding_assumed", f"The file is not UTF-8; it was read as {self._encoding.codec}.", self.shown))
        self._dialect = self._find_delimiter()
        names = {folded(old): folded(new) for old, new in (renamed or {}).items()}
        self.header_line, self.header = self._read_header()
        self._at: dict[str, int] = {}
        self._twice: set[str] = set()
        for index, written in enumerate(self.header):
            name = names.get(folded(written), folded(written))
            if name in self._at:
                self._twice.add(name)
            elif name:
                self._at[name] = index

    def whole(self) -> Table:
        """The table of all of the file's rows, whatever piece this one is of; nothing of it is rejected or noted."""
        whole = copy(self)
        whole.file = replace(self.file, piece=WHOLE)
        whole._reject = lambda _reject: None
        return whole

    def has(self, column: str) -> bool:
        return folded(column) in self._at

    def require(self, columns: Sequence[str]) -> None:
        """Raises UploadRejected that names the first of these columns that is missing, or is there twice."""
        for column in columns:
            if folded(column) in self._twice:
                raise UploadRejected(
                    "column_twice",
                    f"The column {column} is in {self.shown} twice. Leave one of them out.",
                    file=self.shown,
                    line=self.header_line,
                    column=column,
                )
            if not self.has(column):
                raise UploadRejected(
                    "missing_column",
                    f"{self.shown} has no column {column}. Add it to the header (line {self.header_line}) and upload again.",
                    file=self.shown,
                    line=self.header_line,
                    column=column,
                )

    def rows(self, columns: Sequence[str]) -> Iterator[tuple[int, Row]]:
        """(line, values of these columns, stripped; an absent column is empty). Rows that cannot be read are rejected."""
        for lines, cells in self.batches(columns):
            yield from zip(lines, zip(*cells, strict=True), strict=True)

    def batches(self, columns: Sequence[str]) -> Iterator[tuple[Sequence[int], list[list[str]]]]:
        """The same as ``rows``, many at a time: (lines, a list for each column)."""
        indexes = [self._at.get(folded(column), -1) for column in columns]
        width = len(self.header)
        for lines, records in self._records(self.file.piece):
            if lines and lines[0] <= self.header_line:
                passed = sum(line <= self.header_line for line in lines)
                lines, records = lines[passed:], records[passed:]
            if set(map(len, records)) - {width}:
                lines, records = self._squared(lines, records, width)
            if not records:
                continue
            cells = [
                list(map(str.strip, map(itemgetter(i), records))) if i >= 0 else [""] * len(records) for i in indexes
            ]
            if "" in cells[0]:
                kept = [any(map(str.strip, record)) for record in records]
                if not all(kept):
                    lines = list(compress(lines, kept))
                    cells = [list(compress(column, kept)) for column in cells]
            if lines:
                yield lines, cells

    def _squared(
        self, lines: Sequence[int], records: list[list[str]], width: int
    ) -> tuple[Sequence[int], list[list[str]]]:
        """Records as wide as the header; those that hold more are rejected."""
        fitting: list[tuple[int, list[str]]] = []
        for line, cells in zip(lines, records, strict=True):
            if len(cells) > width and any(cell.strip() for cell in cells[width:]):
                self._reject(
                    Reject(
                        self.shown,
                        line,
                        None,
                        "too_many_fields",
                        f"The row has {len(cells)} fields, the header {width}. Put fields that hold a comma into quotes.",
                    )
                )
            elif cells:
                fitting.append((line, cells[:width] + [""] * (width - len(cells))))
        return [line for line, _ in fitting], [cells for _, cells in fitting]

    def _records(self, piece: Piece, at_once: int = _AT_ONCE) -> Iterator[tuple[Sequence[int], list[list[str]]]]:
        """All records, many at a time, with the line on which each begins. Records with broken quotes are rejected."""
        with self.file.reading(piece) as binary:
            text = io.TextIOWrapper(binary, encoding=self._encoding.codec, newline="")
            reader = csv.reader(text, delimiter=self._dialect, strict=True)
            line = piece.line
            while True:
                records: list[list[str]] = []
                failed: csv.Error | None = None
                try:
                    records.extend(islice(reader, at_once))
                except csv.Error as error:
                    failed = error
                except UnicodeDecodeError:
                    raise self._not_text() from None
                end = piece.line + reader.line_num
                if failed is None and end - line == len(records):
                    lines: Sequence[int] = range(line, end)
                else:
                    heights = (1 + sum(len(_LINE_BREAK.findall(cell)) for cell in cells) for cells in records)
                    *starts, line = accumulate(heights, initial=line)
                    lines = starts
                if records:
                    yield lines, records
                if failed:
                    self._reject_quotes(failed, line)
                elif not records:
                    return
                line = end

    def _reject_quotes(self, error: csv.Error, line: int) -> None:
        if "unexpected end" in str(error) or "field larger" in str(error):
            raise UploadRejected(
                "unclosed_quote",
                "A quoted field that begins in this line does not end. Close the quote and upload again.",
                file=self.shown,
                line=line,
            ) from None
        self._reject(
            Reject(
                self.shown,
                line,
                None,
                "bad_quotes",
                "The quotes in this row do not fit together. Double every quote inside of a quoted field.",
            )
        )

    def _not_text(self) -> UploadRejected:
        line = 1
        decoder = codecs.getincrementaldecoder(self._encoding.codec)()
        with self.file.reading() as stream:
            try:
                while block := stream.read(256):
                    line += decoder.decode(block).count("\n")
            except UnicodeDecodeError as error:
                line += error.object[: error.start].decode(self._encoding.codec, "replace").count("\n")
        return UploadRejected(
            "bad_encoding",
            "The file cannot be read as text. Save it as UTF-8 and upload again.",
            file=self.shown,
            line=line,
        )

    def _read_header(self) -> tuple[int, list[str]]:
        start = Piece(0, min(self.file.size, _LONGEST_HEADER)) if self.file.piece.start else WHOLE
        for lines, records in self._records(start, at_once=1):
            if any(cell.strip() for cell in records[0]):
                return lines[0], records[0]
        raise UploadRejected(
            "empty_file",
            f"{self.shown} is empty; not even a header is in it. Export it again.",
            file=self.shown,
            line=1,
        )

    def _find_delimiter(self) -> str:
        with self.file.reading(Piece(0, min(self.file.size, _LONGEST_HEADER))) as binary:
            first = io.TextIOWrapper(binary, encoding=self._encoding.codec, errors="replace", newline="").readline(
                1 << 16
            )
        if "," in first:
            return ","
        return next((d for d in ("\t", ";", "|") if d in first), ",")
