"""Reads one CSV file as a table: its encoding, its header as people really write it, its rows with their line numbers."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from functions.import_step.opening import RosterFile
from shared.errors import UploadRejected
from shared.report import Note, Reject

csv.field_size_limit(1 << 17)

_INVISIBLE = re.compile(r"[\s_\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u2064\ufeff\x00-\x1f]+")
_MISSPELT = {"datalastmodified": "datelastmodified", "preferedgivenname": "preferredgivenname"}
_JAPANESE = re.compile("[\u3041-\u30ff\u4e00-\u9fff]")
_SAMPLE = 1 << 20


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a file's bytes are read; ``assumed`` when nothing in the file says so."""

    codec: str
    assumed: bool


def encoding_of(file: RosterFile) -> Encoding:
    """UTF-8 unless a byte order mark or the bytes themselves say otherwise."""
    with file.reading() as stream:
        start = stream.read(_SAMPLE)
        for mark, codec in (
            (codecs.BOM_UTF8, "utf-8-sig"),
            (codecs.BOM_UTF16_LE, "utf-16"),
            (codecs.BOM_UTF16_BE, "utf-16"),
        ):
            if start.startswith(mark):
                return Encoding(codec, assumed=False)
        if start[1:2] == b"\0" or start[:1] == b"\0":
            return Encoding("utf-16-le" if start[1:2] == b"\0" else "utf-16-be", assumed=True)
        if _decodes(start, stream, "utf-8"):
            return Encoding("utf-8", assumed=False)
    with file.reading() as stream:
        start = stream.read(_SAMPLE)
        if _JAPANESE.search(start.decode("cp932", "replace")) and _decodes(start, stream, "cp932"):
            return Encoding("cp932", assumed=True)
    with file.reading() as stream:
        if _decodes(b"", stream, "cp1252"):
            return Encoding("cp1252", assumed=True)
    return Encoding("latin-1", assumed=True)


def _decodes(start: bytes, stream: IO[bytes], codec: str) -> bool:
    decoder = codecs.getincrementaldecoder(codec)()
    try:
        decoder.decode(start)
        while chunk := stream.read(_SAMPLE):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


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
        if self._encoding.assumed:
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
        indexes = [self._at.get(folded(column), -1) for column in columns]
        width = len(self.header)
        for line, cells in self._records():
            if line <= self.header_line:
                continue
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
                continue
            yield line, tuple(cells[i].strip() if -1 < i < len(cells) else "" for i in indexes)

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """All non-empty records with the line on which each begins."""
        with self.file.reading() as binary:
            text = io.TextIOWrapper(binary, encoding=self._encoding.codec, newline="")
            reader = csv.reader(text, delimiter=self._dialect, strict=True)
            while True:
                line = reader.line_num + 1
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
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
                    continue
                except UnicodeDecodeError:
                    raise UploadRejected(
                        "bad_encoding",
                        "The file cannot be read as text. Save it as UTF-8 and upload again.",
                        file=self.shown,
                        line=line,
                    ) from None
                if any(cell.strip() for cell in cells):
                    yield line, cells

    def _read_header(self) -> tuple[int, list[str]]:
        for line, cells in self._records():
            return line, cells
        raise UploadRejected(
            "empty_file",
            f"{self.shown} is empty; not even a header is in it. Export it again.",
            file=self.shown,
            line=1,
        )

    def _find_delimiter(self) -> str:
        with self.file.reading() as binary:
            first = io.TextIOWrapper(binary, encoding=self._encoding.codec, errors="replace", newline="").readline(
                1 << 16
            )
        if "," in first:
            return ","
        return next((d for d in ("\t", ";", "|") if d in first), ",")
