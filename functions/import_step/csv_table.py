"""Reads one CSV file as a table: its header as people really write it, its rows with their line numbers."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from itertools import accumulate, compress, islice
from operator import itemgetter
from typing import IO

from functions.import_step.archive import WHOLE, NotPlain, Piece, RosterFile
from functions.import_step.encoding import encoding_of, errors_of
from functions.import_step.even_lines import even_lines
from shared.domain.errors import UploadRejected
from shared.domain.report import Note, Reject

csv.field_size_limit(1 << 17)

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_INVISIBLE = re.compile(r"[\s_\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u2064\ufeff\x00-\x1f]+")
_UNSEEN = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_STARTS_OF_UNSEEN = (b"\xc2\xad", b"\xe2\x80", b"\xe2\x81", b"\xef\xbb\xbf")
"""With what those begin in UTF-8."""
AROUND_A_VALUE = "".join(
    chr(letter)
    for first, last in (
        (0x09, 0x0D), (0x1C, 0x20), (0x85, 0x85), (0xA0, 0xA0), (0xAD, 0xAD), (0x1680, 0x1680), (0x2000, 0x200F),
        (0x2028, 0x202F), (0x205F, 0x2064), (0x2066, 0x2069), (0x3000, 0x3000), (0xFEFF, 0xFEFF),
    )
    for letter in range(first, last + 1)
)  # fmt: skip
"""Blanks of every kind, and characters without width: what is copied from a page brings them along."""
_EXCELS_DELIMITER = re.compile(r'\ufeff?"?sep=([^\w\s]|\t)"?\s*', re.IGNORECASE)
"""A first line by which Excel is told the delimiter."""
_MISSPELT = {"datalastmodified": "datelastmodified", "preferedgivenname": "preferredgivenname"}
_AT_ONCE = 512
"""Records that are handled together where they are read one by one. They fit into a processor's cache."""
_SAMPLE = 512
"""Records at the beginning of a file by which it is seen whether its rows leave out what is blank at their end."""
_FEWEST_TRIMMED = 10
"""Of so many rows one at least is short where a file leaves out what is blank."""
_BLOCK = 1 << 16
LONGEST_LINE = 1 << 20
"""In characters."""
_LONGEST_HEADER = 4 * LONGEST_LINE
"""In bytes: a character of UTF-8 has at most four."""
_MARK, _INNER, _QUOTE = "\0", "\1", "\2"
"""In a text that is split as a whole: what stands for a line end, for a delimiter inside of quotes, and for a doubled quote."""
_MARKS = tuple(mark.encode() for mark in ("\r", _MARK, _INNER, _QUOTE))
_BLANKS = "\t\x0b\x0c\x1c\x1d\x1e\x1f "
"""Those of ASCII that stand within a line."""
_MOST_AT_ONCE = 1 << 22
"""Characters of records that are read at once, where fields hold line breaks: such a record may have any number of lines."""
MOST_COLUMNS = 20_000
"""Of a header."""


def folded(header: str) -> str:
    """A column's name without what people get wrong about it: case, blanks, underscores, invisible characters."""
    text = _INVISIBLE.sub("", header).lower()
    return _MISSPELT.get(text, text)


def are_one_word(column: Sequence[str]) -> bool:
    """Whether all values of a column are the same one."""
    # Texts are compared one by one at ten times the cost of what they are joined to.
    word = column[0]
    if column[-1] is word and column.count(word) == len(column):
        return True
    return _MARK not in word and _MARK.join(column) == _MARK.join([word] * len(column))


type Row = tuple[str, ...]
type Cells = list[list[str]]
"""A list of values for each column."""
type Batch = tuple[Sequence[int], Cells, list[bytes]]
"""Lines, what stands on them, and the ids of the rows where these were asked for."""


class Block:
    """Whole lines without quotes, each of them a record: their columns are taken at once, and not record by record."""

    def __init__(self, body: bytes, delimiter: str) -> None:
        """``body`` is in UTF-8; where it holds ``_INNER``, that is a delimiter within a field. Raises UnicodeDecodeError."""
        self._body = body if body.endswith(b"\n") else body + b"\n"
        self._delimiter = delimiter
        self._between = f"{delimiter}{_MARK}{delimiter}"
        self._even = even_lines(self._body, delimiter.encode(), _INNER.encode())
        if self._even:
            self._lines = len(self._even)
        else:
            self._mark()

    def _mark(self) -> None:
        # In bytes a letter is replaced ten times as fast as in a text, where it is counted first.
        marked = self._body.replace(b"\n", between := self._between.encode())
        self._lines = (len(marked) - len(self._body)) // (len(between) - 1)
        self._marked = marked.decode()
        """The lines with a mark between delimiters instead of each line end."""
        self._has_inner = _INNER in self._marked
        self._has_blanks = not self._marked.isascii() or any(blank in self._marked for blank in _BLANKS)
        """Whether there may be blanks around values."""

    def __len__(self) -> int:
        return self._lines

    def records(self) -> list[list[str]]:
        if self._even:
            self._mark()
        lines = self._marked.removesuffix(self._between).split(self._between)
        records = [line.split(self._delimiter) for line in lines]
        return [*map(self._restored, records)] if self._has_inner else records

    def columns(
        self, indexes: Iterable[int], width: int, strip: Callable[[str], str] = str.strip, ids: int | None = None
    ) -> tuple[Cells, list[bytes]] | None:
        """These columns, stripped, an empty one for -1, and that of ``ids`` in UTF-8; None where not every record has just
        ``width`` fields."""
        if self._even:
            return self._even.columns(indexes, ids) if self._even.width == width else None
        cells = self._columns(indexes if ids is None else (*indexes, ids), width, strip)
        if cells is None:
            return None
        return cells, [] if ids is None else [*map(str.encode, cells.pop())]

    def _columns(self, indexes: Iterable[int], width: int, strip: Callable[[str], str]) -> Cells | None:
        fields = self._marked.split(self._delimiter)
        # Behind the last mark is an empty one.
        fields.pop()
        step = width + 1
        if len(fields) != self._lines * step or fields[width::step].count(_MARK) != self._lines:
            return None
        columns = [fields[index::step] if index >= 0 else [""] * self._lines for index in indexes]
        return [self._values(column, strip) for column in columns] if self._has_inner or self._has_blanks else columns

    def _values(self, column: list[str], strip: Callable[[str], str]) -> list[str]:
        # Most columns of a block with names hold neither accents nor blanks.
        together = "".join(column)
        if _INNER in together:
            column = self._restored(column)
        if together.isascii() and not any(blank in together for blank in _BLANKS):
            return column
        return list(map(strip, column))

    def _restored(self, fields: list[str]) -> list[str]:
        return [field.replace(_INNER, self._delimiter) if _INNER in field else field for field in fields]


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
        is_ragged: bool = False,
    ) -> None:
        """``renamed`` maps another format version's column names to the ones asked for. ``is_ragged`` says that rows may be
        shorter than the header."""
        self.file = file
        self.shown = file.name.rsplit("/", 1)[-1]
        self._reject = reject
        self._encoding = encoding_of(file)
        self._errors = errors_of(self._encoding)
        if not file.piece.start:
            self._tell_encoding(note)
        self._has_unseen = False
        """Whether the text that is read holds characters without width."""
        self._is_trimmed: bool | None = True if is_ragged else None
        """Whether rows leave out what is blank at their end; None where that was not asked yet."""
        self._dialect = self._find_delimiter()
        self.header: list[str] = []
        self.header_line, self.header = self._read_header()
        self._check_width()
        self._at: dict[str, int] = {}
        self._twice: set[str] = set()
        self._find_columns({folded(old): folded(new) for old, new in (renamed or {}).items()})
        self._counted: dict[str, Counter[str]] = {}
        """The columns whose values are counted while rows are read."""

    def _check_width(self) -> None:
        if len(self.header) > MOST_COLUMNS:
            raise UploadRejected(
                "too_many_columns",
                f"The header of {self.shown} names {len(self.header)} columns; at most {MOST_COLUMNS} are read. Leave out "
                "those that no roster has.",
                file=self.shown,
                line=self.header_line,
            )

    def _find_columns(self, renamed: dict[str, str]) -> None:
        """A column that has the name itself goes before one that another version calls otherwise."""
        written = [folded(name) for name in self.header]
        names = set(written)
        for index, name in enumerate(written):
            asked = renamed.get(name, name)
            if asked != name and asked in names:
                continue
            if asked in self._at:
                self._twice.add(asked)
            elif asked:
                self._at[asked] = index

    def _tell_encoding(self, note: Callable[[Note], None]) -> None:
        if self._errors != "strict":
            text = (
                "The file is in UTF-8 with single letters in the encoding of Windows; both were read. Save it as UTF-8."
            )
            note(Note("mixed_encodings", text, self.shown))
        elif self._encoding.assumed:
            note(Note("encoding_assumed", f"The file is not UTF-8; it was read as {self._encoding.codec}.", self.shown))

    def whole(self) -> Table:
        """Return the table of all rows of the file, also where this one is of a piece. It rejects and notes nothing."""
        whole = copy(self)
        whole.file = replace(self.file, piece=WHOLE, choice=None, numbers=None)
        whole._reject = lambda _reject: None
        whole._counted = {}
        return whole

    @property
    def delimiter(self) -> str:
        """What stands between fields."""
        return self._dialect

    def has(self, column: str) -> bool:
        return folded(column) in self._at

    def require(self, columns: Sequence[str]) -> None:
        """Raises UploadRejected that names the first of these columns that is missing, or is there twice."""
        for column in columns:
            self._check_once(column)
            if not self.has(column):
                raise UploadRejected(
                    "missing_column",
                    f"{self.shown} has no column {column}. Add it to the header (line {self.header_line}) and upload again.",
                    file=self.shown,
                    line=self.header_line,
                    column=column,
                )

    def _check_once(self, column: str) -> None:
        if folded(column) in self._twice:
            raise UploadRejected(
                "column_twice",
                f"The column {column} is in {self.shown} twice. Leave one of them out.",
                file=self.shown,
                line=self.header_line,
                column=column,
            )

    def rows(self, columns: Sequence[str]) -> Iterator[tuple[int, Row]]:
        """(line, values of these columns, stripped; an absent column is empty). Rows that cannot be read are rejected."""
        for lines, cells in self.batches(columns):
            yield from zip(lines, zip(*cells, strict=True), strict=True)

    def count(self, column: str) -> Counter[str]:
        """Return how often each value of a column comes, once the rows were read; nothing where the file has no such column."""
        counts = Counter[str]()
        if self.has(column) and folded(column) not in self._twice:
            self._counted[column] = counts
        return counts

    def batches(self, columns: Sequence[str]) -> Iterator[tuple[Sequence[int], Cells]]:
        """The same as ``rows``, many at a time: (lines, a list for each column).

        Raises UploadRejected when one of these columns is there twice: which of the two holds is not ours to guess.
        """
        for lines, cells, _ in self._batches((*columns, *self._counted)):
            for counts, values in zip(self._counted.values(), cells[len(columns) :], strict=True):
                counts.update(values)
            yield lines, cells[: len(columns)]

    def batches_with_ids(self, columns: Sequence[str], ids: str) -> Iterator[Batch]:
        """The same, with the column of ``ids`` in UTF-8: none of it where there is no such column."""
        yield from self._batches(columns, ids)

    def _batches(self, columns: Sequence[str], ids: str | None = None) -> Iterator[Batch]:
        for column in (*columns, *((ids,) if ids else ())):
            self._check_once(column)
        indexes, choice = self._indexes(columns), self.file.choice
        of_ids = self._at.get(folded(ids)) if ids else None
        for lines, records in self._records(self.file.piece):
            passed = sum(line <= self.header_line for line in lines) if lines[0] <= self.header_line else 0
            found = self._cells_of_block(records, indexes, of_ids) if isinstance(records, Block) else None
            if found is None:
                self._note_not_plain()
                for chunk, rows in _chunks(lines[passed:], _rows_of(records)[passed:]):
                    yield from self._batch_of_rows(chunk, rows, indexes, of_ids)
            elif lines[passed:]:
                cells, row_ids = found
                if passed:
                    lines, cells, row_ids = lines[passed:], [column[passed:] for column in cells], row_ids[passed:]
                rows = _rows_of(records)[passed:] if "" in cells[0] else []
                for batch in _without_blank_rows(lines, cells, row_ids, rows):
                    if choice:
                        choice.begin()
                    yield batch
                    if choice:
                        choice.end(batch[0], dict(zip(columns, batch[1], strict=True)))

    def _note_not_plain(self) -> None:
        if self.file.numbers is not None:
            # What rows of another width are is seen by the others, which are not here.
            raise NotPlain
        if self.file.choice:
            self.file.choice.not_plain()

    def _indexes(self, columns: Sequence[str]) -> list[int]:
        return [self._at.get(folded(column), -1) for column in columns]

    def _cells_of_block(
        self, block: Block, indexes: Sequence[int], ids: int | None
    ) -> tuple[Cells, list[bytes]] | None:
        return block.columns(indexes, len(self.header), self._strip, ids)

    def _batch_of_rows(
        self, lines: Sequence[int], rows: list[list[str]], indexes: Sequence[int], ids: int | None
    ) -> Iterator[Batch]:
        width = len(self.header)
        if set(map(len, rows)) - {width}:
            lines, rows = self._squared(lines, rows, width, max(*indexes, -1 if ids is None else ids) + 1)
        strip = self._strip
        cells = [list(map(strip, map(itemgetter(i), rows))) if i >= 0 else [""] * len(rows) for i in indexes]
        row_ids = [] if ids is None else [strip(row[ids]).encode() for row in rows]
        yield from _without_blank_rows(lines, cells, row_ids, rows)

    @property
    def _strip(self) -> Callable[[str], str]:
        return _strip_unseen if self._has_unseen else str.strip

    def _squared(
        self, lines: Sequence[int], records: list[list[str]], width: int, needed: int
    ) -> tuple[Sequence[int], list[list[str]]]:
        """Records with at least the fields that are ``needed``; those that hold more or fewer than the header are rejected.

        A row that lost a field would be read as somebody else: its values stand under the wrong headers. Only in a file whose
        rows all leave out what is blank at their end is a short row whole. Nothing is filled up beyond what is needed: a wide
        header and many short rows are few bytes, and would be much memory.
        """
        fitting: list[tuple[int, list[str]]] = []
        for line, cells in zip(lines, records, strict=True):
            if not cells or not any(map(str.strip, cells)):
                continue
            if len(cells) > width and any(cell.strip() for cell in cells[width:]):
                advice = "Put fields that hold a comma into quotes."
                self._reject_width("too_many_fields", line, len(cells), advice)
            elif len(cells) < width and not self._leaves_out_blanks():
                self._reject_width("too_few_fields", line, len(cells), "Fill in the comma that is missing.")
            else:
                fitting.append((line, cells[:width] + [""] * (needed - len(cells))))
        return [line for line, _ in fitting], [cells for _, cells in fitting]

    def _reject_width(self, code: str, line: int, fields: int, advice: str) -> None:
        message = f"The row has {fields} fields, the header {len(self.header)}. {advice}"
        self._reject(Reject(self.shown, line, None, code, message))

    def _leaves_out_blanks(self) -> bool:
        """Whether the rows of this file leave out what is blank at their end, as its first ones show: no row ends with a
        blank, and there are more short ones than a slip makes; or all of them are equally short."""
        if self._is_trimmed is None:
            widths: list[int] = []
            ends_blank = False
            for lines, records in self.whole()._rows(WHOLE):
                rows = [cells for line, cells in zip(lines, records, strict=True)
                        if line > self.header_line and any(map(str.strip, cells))]  # fmt: skip
                widths += map(len, rows)
                ends_blank |= any(not cells[-1].strip() for cells in rows)
                if len(widths) >= _SAMPLE:
                    break
            short = sum(width < len(self.header) for width in widths)
            is_alike = len(set(widths)) == 1 and short > 1
            self._is_trimmed = is_alike or (short > 1 and short * _FEWEST_TRIMMED >= len(widths) and not ends_blank)
        return self._is_trimmed

    def _rows(self, piece: Piece) -> Iterator[tuple[Sequence[int], list[list[str]]]]:
        """All records one by one, ``_AT_ONCE`` at a time, with the line on which each begins."""
        for lines, records in self._records(piece):
            yield from _chunks(lines, _rows_of(records))

    def _records(self, piece: Piece) -> Iterator[tuple[Sequence[int], list[list[str]] | Block]]:
        """All records, many at a time, with the line on which each begins. Records with broken quotes are rejected."""
        with self.file.reading(piece) as binary:
            lines = _Lines(_in_utf_8(binary, self._encoding.codec, self._errors), self._errors, self._dialect)
            reader = csv.reader(lines, delimiter=self._dialect, strict=True)
            line = piece.line
            try:
                while lines.are_left():
                    self._has_unseen = lines.has_unseen
                    if block := lines.block():
                        yield self._numbers(piece, line, len(block)), block
                        line += len(block)
                        continue
                    records: list[list[str]] = []
                    # The text alone: an exception that is kept holds this frame, and that the archive, for long.
                    failed = ""
                    before = lines.pulled
                    lines.begin()
                    try:
                        records.extend(islice(reader, lines.ready(_AT_ONCE)))
                    except csv.Error as error:
                        failed = str(error)
                    except _LineTooLong:
                        line += sum(map(_height, records))
                        raise
                    end = line + lines.pulled - before
                    if not failed and end - line == len(records):
                        starts: Sequence[int] = range(line, end)
                    else:
                        *starts, line = accumulate(map(_height, records), initial=line)
                    if records:
                        yield starts, records
                    if failed:
                        self._reject_quotes(failed, line, end - line)
                    line = end
            except UnicodeDecodeError:
                raise self._not_text() from None
            except _LineTooLong:
                raise UploadRejected(
                    "line_too_long",
                    f"A row of this file is longer than {LONGEST_LINE} characters. Export the file again.",
                    file=self.shown,
                    line=line,
                ) from None

    def _numbers(self, piece: Piece, line: int, lines: int) -> Sequence[int]:
        """The numbers of so many lines of a piece from ``line`` on, as they are counted here."""
        if self.file.numbers is None or piece is not self.file.piece:
            return range(line, line + lines)
        place = line - piece.line
        return self.file.numbers[place : place + lines]

    def _reject_quotes(self, error: str, line: int, height: int) -> None:
        is_too_long = "field larger" in error
        if "unexpected end" in error or (is_too_long and height > 1):
            raise UploadRejected(
                "unclosed_quote",
                "A quoted field that begins in this line does not end. Close the quote and upload again.",
                file=self.shown,
                line=line,
            ) from None
        code, message = (
            ("field_too_long", f"A field of this row holds more than {csv.field_size_limit()} characters. Shorten it.")
            if is_too_long
            else (
                "bad_quotes",
                "The quotes in this row do not fit together. Double every quote inside of a quoted field.",
            )
        )
        if not self.header:
            raise UploadRejected(code, message, file=self.shown, line=line) from None
        self._reject(Reject(self.shown, line, None, code, message))

    def _not_text(self) -> UploadRejected:
        line = 1
        decoder = codecs.getincrementaldecoder(self._encoding.codec)()
        with self.file.reading() as stream:
            try:
                while block := stream.read(256):
                    line += len(_LINE_BREAK.findall(decoder.decode(block)))
            except UnicodeDecodeError as error:
                before = error.object[: error.start].decode(self._encoding.codec, "replace")
                line += len(_LINE_BREAK.findall(before))
        return UploadRejected(
            "bad_encoding",
            "The file cannot be read as text. Save it as UTF-8 and upload again.",
            file=self.shown,
            line=line,
        )

    def _read_header(self) -> tuple[int, list[str]]:
        start = Piece(0, min(self.file.size, _LONGEST_HEADER)) if self.file.piece.start else WHOLE
        for lines, records in self._rows(start):
            for line, cells in zip(lines, records, strict=True):
                if any(cell.strip() for cell in cells) and not _EXCELS_DELIMITER.fullmatch(self._dialect.join(cells)):
                    return line, cells
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
        if told := _EXCELS_DELIMITER.match(first):
            return told[1]
        if "," in first:
            return ","
        return next((d for d in ("\t", ";", "|") if d in first), ",")


def header_line_of(file: RosterFile) -> int:
    """On which line of a file its header stands."""
    whole = replace(file, piece=WHOLE, choice=None, numbers=None)
    return Table(whole, reject=lambda _reject: None, note=lambda _note: None).header_line


def _strip_unseen(text: str) -> str:
    return text.strip(AROUND_A_VALUE)


def _rows_of(records: list[list[str]] | Block) -> list[list[str]]:
    return records.records() if isinstance(records, Block) else records


def _chunks(lines: Sequence[int], rows: list[list[str]]) -> Iterator[tuple[Sequence[int], list[list[str]]]]:
    for start in range(0, len(rows), _AT_ONCE):
        yield lines[start : start + _AT_ONCE], rows[start : start + _AT_ONCE]


def _without_blank_rows(
    lines: Sequence[int], cells: Cells, row_ids: list[bytes], rows: list[list[str]]
) -> Iterator[Batch]:
    """The same without the rows in which nothing stands at all; ``rows`` are needed where the first column has gaps."""
    if "" in cells[0]:
        kept = [any(map(str.strip, row)) for row in rows]
        if not all(kept):
            lines = list(compress(lines, kept))
            cells, row_ids = [list(compress(column, kept)) for column in cells], list(compress(row_ids, kept))
    if lines:
        yield lines, cells, row_ids


def _height(cells: list[str]) -> int:
    """Over how many lines a record goes."""
    return 1 + sum(len(_LINE_BREAK.findall(cell)) for cell in cells)


class _LineTooLong(Exception):
    """No line end, or no end of a record, for longer than any row is."""


class _Lines:
    """A text's lines, block by block: to be split at once where a block is plain, else for ``csv.reader``.

    ``pulled`` counts the lines that ``csv.reader`` took.
    """

    def __init__(self, read: Callable[[], bytes], errors: str, delimiter: str) -> None:
        """``read`` gives the next bytes of the text, in UTF-8, none at its end; ``errors`` says what becomes of those that are
        not."""
        self._read = read
        self._errors = errors
        self._delimiter = delimiter
        self._held: list[bytes] = []
        """The beginning of a line whose end is not read yet."""
        self._block = b""
        """What is read and not taken apart yet."""
        self._lines: list[str] = []
        self._at = 0
        self._is_over = False
        self.has_unseen = False
        """Whether characters without width were among what was read."""
        self.pulled = 0
        self._taken = 0

    def begin(self) -> None:
        """``csv.reader`` begins with another record."""
        self._taken = 0

    def are_left(self) -> bool:
        while not self._block and self._at >= len(self._lines) and not self._is_over:
            self._block = self._whole_lines()
            if self._errors != "strict":
                self._block = self._block.decode("utf-8", self._errors).encode()
            self.has_unseen = self.has_unseen or _holds_unseen(self._block)
        return bool(self._block) or self._at < len(self._lines)

    def block(self) -> Block | None:
        """All that is here, when nothing in it needs more than to be split."""
        plain = _plain(self._block, self._delimiter) if self._block else None
        if plain is None:
            return None
        self._block = b""
        return Block(plain, self._delimiter)

    def ready(self, most: int) -> int:
        """How many records there are at most in the lines that are here; ``csv.reader`` goes further only within one."""
        self._split()
        return min(len(self._lines) - self._at, most)

    def _split(self) -> None:
        if self._block:
            self._lines = list(io.StringIO(self._block.decode(), newline=""))
            self._at = 0
            self._block = b""

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if not self.are_left():
            raise StopIteration
        self._split()
        line = self._lines[self._at]
        self._at += 1
        self.pulled += 1
        self._taken += len(line)
        if self._taken > _MOST_AT_ONCE:
            raise _LineTooLong
        return line

    def _whole_lines(self) -> bytes:
        """The next block, up to the last line end that is in it. Each byte is looked at once."""
        held, size = self._held, sum(map(len, self._held))
        while read := self._read():
            # A carriage return at the end of what is held may be half of a line end.
            before = held[-1][-1:] if held else b""
            end = _end_of_lines(before + read) - len(before)
            if end >= 0 and (end or before == b"\r"):
                self._held = [read[end:]] if end < len(read) else []
                return b"".join((*held, read[:end]))
            held.append(read)
            size += len(read)
            if size > LONGEST_LINE and len(b"".join(held).decode("utf-8", "replace")) > LONGEST_LINE:
                raise _LineTooLong
        self._is_over = True
        self._held = []
        return b"".join(held)


def _in_utf_8(binary: IO[bytes], codec: str, errors: str) -> Callable[[], bytes]:
    """Reads a text block by block, whatever it is written in, as UTF-8. Of that nothing is decoded yet."""
    if codec == "utf-8":
        return partial(binary.read, _BLOCK)
    text = io.TextIOWrapper(binary, encoding=codec, errors=errors, newline="")
    return lambda: text.read(_BLOCK).encode()


def _end_of_lines(text: bytes) -> int:
    """Up to where a text consists of whole lines; a carriage return at its very end may yet be half of a line end."""
    return max(text.rfind(b"\n"), text.rfind(b"\r", 0, -1)) + 1


def _holds_unseen(body: bytes) -> bool:
    """Whether there are characters without width in a text."""
    # Most letters beyond ASCII are written with other bytes.
    if body.isascii() or not any(start[:1] in body and start in body for start in _STARTS_OF_UNSEEN):
        return False
    return _UNSEEN.search(body.decode("utf-8", "replace")) is not None


def _plain(block: bytes, delimiter: str) -> bytes | None:
    """The lines of a block with line feeds at their ends and without quotes; None where a field has to be looked for with care.

    A field in quotes that begins and ends beside delimiters, within its line, is what stands between them; a delimiter in it
    becomes ``_INNER``.
    """
    lines = block.replace(b"\r\n", b"\n") if b"\r" in block else block
    # A field may be as long as the whole.
    if len(lines) > csv.field_size_limit() or any(mark in lines for mark in _MARKS):
        return None
    return _unquoted(lines, delimiter.encode()) if b'"' in lines else lines


def _unquoted(lines: bytes, delimiter: bytes) -> bytes | None:
    """The same without quotes; None where one of them stands elsewhere than around a field, or opens a field of several lines."""
    quote, inner = _QUOTE.encode(), _INNER.encode()
    parts = _doubled_once(lines.split(b'"'), quote)
    first, *between = parts[::2]
    inside = parts[1::2]
    if len(inside) != len(between) or b"\n" in b"".join(inside):
        return None
    last, ends = between.pop() if between else b"", (delimiter, b"\n")
    if (first and inside and not first.endswith(ends)) or (last and not last.startswith(ends)):
        return None
    if not all(part.startswith(ends) and part.endswith(ends) for part in between):
        return None
    for index in range(0, len(parts), 2):
        if quote in parts[index]:
            # Two quotes that stand alone are an empty field.
            fields = parts[index].replace(b"\n", delimiter).split(delimiter)
            if not all(field == quote or quote not in field for field in fields):
                return None
            parts[index] = parts[index].replace(quote, b"")
    parts[1::2] = [part.replace(delimiter, inner).replace(quote, b'"') for part in inside]
    return b"".join(parts)


def _doubled_once(parts: list[bytes], quote: bytes) -> list[bytes]:
    """What stands between single quotes, given what stands between all; of two that follow each other ``quote`` is left.

    To look for two letters in all of a text takes longer than to look for one.

    >>> _doubled_once(b'a,"b""c",""'.split(b'"'), b"!")
    [b'a,', b'b!c', b',!']
    """
    if b"" not in parts:
        return parts
    found, at, last = [parts[0]], 1, len(parts) - 1
    while at <= last:
        if parts[at] or at == last:
            found.append(parts[at])
            at += 1
        else:
            found[-1] += quote + parts[at + 1]
            at += 2
    return found
