"""A night: of a whole roster those rows are read that differ from yesterday's, and all rows of the people whom they are about.

First the lines of each part are compared with yesterday's upload (``same_rows``). Whoever has a row that is new or gone is touched,
and so is whoever something was said of yesterday. Then all rows of these people are read (``row_choice``), and they are compared as
ever. Everybody else stands as before. Where anything is not as yesterday that all rows depend on, and where anybody turns out to
be in doubt, the whole is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from msgspec.json import encode

from functions.import_step.archive import WHOLE, RosterFile
from functions.import_step.csv_table import Table
from functions.import_step.formats.format import Format, Mode, Recognised
from functions.import_step.partition import split
from functions.import_step.plan import RowsCompared, RowsOfSnapshot, Touched
from functions.import_step.row_choice import CHOSEN, packed_people, unpacked_people
from functions.import_step.same_rows import difference, head_of, with_lines
from shared.domain.errors import UploadRejected

MOST_TOUCHED = 0.25
"""Of all people; where more are touched, the whole is read at once."""
FEWEST_PEOPLE = 2_000
"""Where fewer stand, the whole is read in less time than it takes to compare."""
_AS_YESTERDAY = ("orgs", "manifest")
"""The files that are equal byte for byte where rows of the others are to be known again."""
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


def compare_rows(
    form: Format, upload: Recognised, yesterday: Mapping[str, RosterFile], stems: Iterable[str], folder: Path
) -> RowsCompared:
    """By what the rows of these files, each with the piece of it that is looked at, differ from yesterday's files.

    Raises TooDifferent, or UploadRejected, where the whole is to be read.
    """
    touched, lines = set[int](), dict[str, list[int]]()
    for stem in stems:
        if stem in CHOSEN:
            found = difference(upload.files[stem], yesterday[stem])
            lines[stem] = found.lines
            touched |= _people_of(form, upload, upload.files[stem], stem, found.new, folder)
            touched |= _people_of(form, upload, yesterday[stem], stem, found.gone, folder)
    return RowsCompared(touched=packed_people(touched), lines=lines)


def _people_of(
    form: Format, upload: Recognised, file: RosterFile, stem: str, lines: list[bytes], folder: Path
) -> set[int]:
    """Whom lines of a file are about."""
    if not lines:
        return set()
    header_line = Table(replace(file, piece=WHOLE), reject=lambda _reject: None, note=lambda _note: None).header_line
    those = with_lines(file, head_of(file, header_line), lines)
    done = split(form, replace(upload, files={**upload.files, stem: those}), [stem], 1, folder)
    return set(done.sink.taken)


def touched_people(parts: Iterable[RowsCompared], rows: RowsOfSnapshot) -> Touched | None:
    """Of whom all rows are read; None where it is the whole that is read."""
    compared = [*parts]
    if any(part.is_doubtful for part in compared):
        return None
    touched = unpacked_people(rows.watched).union(*(unpacked_people(part.touched) for part in compared))
    if len(touched) > MOST_TOUCHED * rows.people:
        return None
    return Touched(people=packed_people(touched))


def gone_classes(class_ids: Iterable[list[str]], rows: RowsOfSnapshot) -> list[str]:
    """Yesterday's classes that are not among today's (``WorkingFiles.class_ids``)."""
    gone = {*rows.class_ids.split("\n")}
    deleted = set[str]()
    for ids in class_ids:
        gone.difference_update(ids)
        deleted.update(*(each.split("\t") for each in ids[-1:] if each.startswith("\t")))
    return sorted((gone | (deleted & {*rows.class_ids.split("\n")})) - {""})
