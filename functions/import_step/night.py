"""A night: of a whole roster those rows are read that differ from yesterday's, and all rows of the people whom they are about.

First the lines of each part are compared with yesterday's upload (``same_rows``). Whoever has a row that is new or gone is touched,
and so is whoever something was said of yesterday. Then all rows of these people are read (``row_choice``), and they are compared as
ever. Everybody else stands as before; so do classes, where nothing was said of any yesterday. Where anything is not as yesterday
that all rows depend on, and where anybody turns out to be in doubt, the whole is read.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec.json import encode

from functions.import_step.archive import Piece, RosterFile
from functions.import_step.csv_table import Table, header_line_of
from functions.import_step.formats.format import Format, Mode, Recognised
from functions.import_step.line_feeds import LineFeeds
from functions.import_step.one_person import addresses_of_a_few
from functions.import_step.partition import split
from functions.import_step.plan import PieceOfSnapshot, RowsCompared, RowsOfSnapshot, Touched
from functions.import_step.row_choice import CHOSEN, CLASSES_FILE, USERS
from functions.import_step.row_marks import RowMarks, mark_of, packed_people, unpacked_people
from functions.import_step.same_rows import TooDifferent, difference, head_of, with_lines
from functions.import_step.shards import PackedPeople, PeopleBlock, written_blocks
from shared.domain.errors import UploadRejected
from shared.domain.report import Kind

MOST_TOUCHED = 0.25
"""Of all people; where more are touched, the whole is read at once."""
FEWEST_PEOPLE = 2_000
"""Where fewer stand, the whole is read in less time than it takes to compare."""
MOST_SHARERS = 0.01
"""Of all people: where more have an address that others have, too, they are looked for among those who stand."""
_AS_YESTERDAY = ("orgs", "manifest")
"""The files that are equal byte for byte where rows of the others are to be known again,"""
_CLASSES_REFER_TO = ("courses", "academicsessions")
"""and those that are where rows about classes are."""
_BLOCK = 1 << 20
_CODECS = ("utf-8", "utf-8-sig")


def reading_of(upload: Recognised, hashes: Mapping[str, str], code: str) -> str:
    """What rows of the same text are read alike under: format, columns, encodings, schools, and ``code``.

    Empty where rows of such an upload are not known again.

    That is a whole OneRoster roster in which nothing but users.csv says who people are.
    """
    files = upload.files
    is_plain = upload.name == "oneroster" and upload.mode is Mode.BULK and not (upload.by_kind or upload.needs_roles)
    if not is_plain or "roles" in files or not {*CHOSEN, "classes"} <= files.keys():
        return ""
    encodings = [files[stem].encoding for stem in CHOSEN]
    if any(each is None or each.codec not in _CODECS or each.errors != "strict" for each in encodings):
        return ""
    try:
        columns = [_columns_of(files[stem]) for stem in CHOSEN]
    except UploadRejected:
        # Whoever reads the file says so.
        return ""
    said = (
        code,
        upload.version,
        upload.modes,
        upload.parts,
        [each.codec for each in encodings if each],
        columns,
        {stem: hashes.get(stem, "") for stem in _AS_YESTERDAY},
    )
    return hashlib.sha256(encode(said)).hexdigest()


def _columns_of(file: RosterFile) -> tuple[str, int, list[str], str]:
    """How a file's rows are taken apart."""
    table = Table(file, reject=lambda _reject: None, note=lambda _note: None)
    return table.shown, table.header_line, table.header, table.delimiter


def classes_reading_of(upload: Recognised, hashes: Mapping[str, str]) -> str:
    """What rows about classes that have the same text, in an upload that is read as yesterday's (``reading_of``), are read alike
    under: columns, encoding, courses, and terms. Empty where such rows are not known again."""
    file, referred_to = upload.files[CLASSES_FILE], [upload.parts.get(stem) for stem in _CLASSES_REFER_TO]
    encoding = file.encoding
    if encoding is None or encoding.codec not in _CODECS or encoding.errors != "strict":
        return ""
    if upload.modes[Kind.CLASSES] is not Mode.BULK or Mode.DELTA in referred_to:
        return ""
    try:
        columns = _columns_of(file)
    except UploadRejected:
        return ""
    said = (encoding.codec, columns, {stem: hashes.get(stem, "") for stem in _CLASSES_REFER_TO})
    return hashlib.sha256(encode(said)).hexdigest()


@dataclass(frozen=True, slots=True)
class Yesterday:
    """What is known of the upload that made the standing snapshot."""

    files: Mapping[str, RosterFile]
    """Those of which not all rows may have to be read, by stem."""
    pieces: Mapping[str, list[PieceOfSnapshot]]
    """By stem: the pieces in which they were read."""
    marks: Callable[[str, int], RowMarks | None]
    """Whom the lines of a piece are about, by its stem and part; None where that is not there."""
    classes_reading: str = ""
    """As in ``OpenedUpload``."""


@dataclass(slots=True)
class PieceCompared:
    """By what a piece of a file differs from yesterday's."""

    touched: set[int]
    """Of whom some row differs (``mark_of``)."""
    lines: list[int]
    """The lines that are new."""
    marks: RowMarks
    """Whom the lines of the piece are about today."""
    addresses: set[int]
    """The hashes of the addresses in new rows."""
    gone: set[str]
    """Of a piece of users.csv: the ids in rows that are gone, and in no new row of the piece."""


def compare_rows(
    form: Format, upload: Recognised, stem: str, yesterday: Yesterday, folder: Path, feeds: LineFeeds | None
) -> PieceCompared:
    """By what the rows of a file, as far as the piece of it goes, differ from yesterday's; ``feeds`` are those of the piece.

    Raises TooDifferent, or UploadRejected, where the whole is to be read.
    """
    file = upload.files[stem]
    if not yesterday.pieces.get(stem) or feeds is None:
        raise TooDifferent
    found = difference(file, yesterday.files[stem], feeds)
    first = _line_at(yesterday, stem, found.start)
    stood = _standing_marks(yesterday, stem, first, first + found.stood)
    came, come = _rows_of(form, upload, stem, found.new, folder)
    _, gone_ids = _rows_of(form, upload, stem, found.gone if stem == USERS else [], folder)
    at, next_new = first, came.first
    gone_marks = set[int]()
    pieces: list[tuple[RowMarks, int, int]] = []
    for place, gone, new in found.places:
        pieces += ((stood, at, first + place), (came, next_new, next_new + new))
        if gone:
            gone_marks.update(stood.between(first + place, first + place + gone))
        at, next_new = first + place + gone, next_new + new
    pieces.append((stood, at, first + found.stood))
    marks = RowMarks.together(file.piece.line, pieces, tells_more=stem == USERS)
    are_known = stem != USERS or {0, *map(mark_of, gone_ids)} >= gone_marks
    if not (came.fits and marks.fits and are_known):
        raise TooDifferent
    return PieceCompared(
        gone_marks.union(came.marks) - {0}, found.lines, marks, {*came.addresses} - {0}, gone_ids - come
    )


def _line_at(yesterday: Yesterday, stem: str, offset: int) -> int:
    """Which line of yesterday's file begins at an offset."""
    piece = min(yesterday.pieces[stem], key=lambda each: abs(each.start - offset))
    start, end = sorted((piece.start, offset))
    lines = 0
    with yesterday.files[stem].reading(Piece(start, end)) as stream:
        while block := stream.read(_BLOCK):
            lines += block.count(b"\n")
    return piece.line + (lines if offset > piece.start else -lines)


def _standing_marks(yesterday: Yesterday, stem: str, first: int, end: int) -> RowMarks:
    """Whom lines of yesterday's file are about."""
    pieces = yesterday.pieces[stem]
    found: list[tuple[RowMarks, int, int]] = []
    for piece, next_ in zip(pieces, [*(each.line for each in pieces[1:]), end], strict=True):
        start, stop = max(first, piece.line), min(end, max(next_, piece.line))
        if start < stop:
            marks = yesterday.marks(stem, piece.part)
            if marks is None:
                raise TooDifferent
            found.append((marks, start, stop))
    return RowMarks.together(first, found, tells_more=stem == USERS)


def _rows_of(
    form: Format, upload: Recognised, stem: str, lines: list[bytes], folder: Path
) -> tuple[RowMarks, set[str]]:
    """Whom lines of a file are about, as if they stood below its header; and the ids in those of users.csv."""
    file = upload.files[stem]
    if not lines:
        return RowMarks(), set()
    header_line = header_line_of(file)
    those = with_lines(file, head_of(file, header_line), lines)
    done = split(form, replace(upload, files={**upload.files, stem: those}), [stem], 1, folder, {stem: None})
    found, first = done.choices[stem].marks or RowMarks(), header_line + 1
    marks = RowMarks.together(first, [(found, first, first + len(lines))], tells_more=stem == USERS)
    marks.fits = found.fits
    return marks, _ids_of(done.people) if stem == USERS else set()


def _ids_of(people: Path) -> set[str]:
    """Whom rows of users.csv are about, as they were split."""
    ids = set[str]()
    for block in written_blocks(people.read_bytes()):
        rows = block.block() if isinstance(block, PackedPeople) else block
        if isinstance(rows, PeopleBlock):
            ids.update(row.sourced_id for row in rows.rows)
    return ids


def touched_people(parts: Iterable[RowsCompared], rows: RowsOfSnapshot) -> Touched | None:
    """Of whom all rows are read; None where it is the whole that is read."""
    compared = [*parts]
    if any(part.is_doubtful or part.gone is None for part in compared):
        return None
    touched = unpacked_people(rows.watched).union(*(unpacked_people(part.touched) for part in compared))
    if len(touched) > MOST_TOUCHED * rows.people:
        return None
    classes = None
    if all(part.classes is not None for part in compared):
        classes = packed_people(mark for part in compared for mark in unpacked_people(part.classes or b""))
    gone = sorted({key for part in compared for key in part.gone or ()})
    return Touched(people=packed_people(touched), classes=classes, gone=gone)


def note_sharers(touched: Touched, addresses: Set[int], rows: RowsOfSnapshot, marks: Iterable[RowMarks]) -> None:
    """See which addresses several rows of users.csv have, by the ``marks`` of all of it; ``addresses`` are those of new rows.

    An address that several have today was one of several yesterday, or is in a new row. Whoever has one is read, too, unless
    these are many.
    """
    counts, those = Counter[int](), [*marks]
    for each in those:
        counts.update(each.count(addresses | unpacked_people(rows.shared)))
    touched.shared = {address: number for address, number in counts.items() if number > 1}
    shared = {*addresses_of_a_few(touched.shared)}
    sharers = {person for each in those for person in each.sharing(shared)} if shared else set()
    if len(sharers) <= MOST_SHARERS * rows.people:
        touched.people = packed_people(sharers | unpacked_people(touched.people))
    else:
        touched.sharers = packed_people(sharers)


def kept_class_ids(rows: RowsOfSnapshot, touched: bytes) -> str:
    """Yesterday's classes of which no row is read, a line for each; ``touched`` are the others (``packed_people``)."""
    marks = unpacked_people(touched)
    if not marks:
        return rows.class_ids
    return "\n".join(class_id for class_id in rows.class_ids.split("\n") if mark_of(class_id) not in marks)


def gone_classes(class_ids: Iterable[list[str]], rows: RowsOfSnapshot) -> list[str]:
    """Yesterday's classes that are not among today's (``WorkingFiles.class_ids``)."""
    gone = {*rows.class_ids.split("\n")}
    deleted = set[str]()
    for ids in class_ids:
        gone.difference_update(ids)
        deleted.update(*(each.split("\t") for each in ids[-1:] if each.startswith("\t")))
    return sorted((gone | (deleted & {*rows.class_ids.split("\n")})) - {""})
