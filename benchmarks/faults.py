"""Faults of rosters. Each fault changes the finished files of a clean roster at a seeded place, and returns what the
import's report must say."""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import IO

from benchmarks.files import write_bulk
from benchmarks.shape import District, Shape

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """The row that is rejected: what it counts as, why, and where (``line`` 1 is the header)."""

    kind: str
    code: str
    file: str
    line: int
    column: str | None


@dataclass(frozen=True, slots=True)
class Expected:
    """What a report says of a roster with a fault.

    ``reject``: a row that was added; it counts as read and as rejected on top of what a clean roster counts.
    ``note``: the code of a note that is there. ``reason``: the code for which the import did not go on.
    ``after_whole``: this is so once the same roster without the fault has been imported.
    """

    status: str = "completed"
    reject: RejectedRow | None = None
    note: str | None = None
    reason: str | None = None
    after_whole: bool = False


type Fault = Callable[[Shape, Path], Expected]


@dataclass(frozen=True, slots=True)
class _Names:
    """The names of the files and columns that faults change; ``people`` lists the files with one row for each person."""

    people: tuple[str, ...]
    person_id: str
    classes: str
    class_id: str
    class_title: str
    enrollments: str
    class_of_enrollment: str
    person_of_enrollment: str


_ONEROSTER = _Names(
    ("users.csv",),
    "sourcedId",
    "classes.csv",
    "sourcedId",
    "title",
    "enrollments.csv",
    "classSourcedId",
    "userSourcedId",
)
_NAMES = {
    "oneroster-1.1": _ONEROSTER,
    "oneroster-1.2": replace(_ONEROSTER, people=("users.csv", "roles.csv")),
    "clever": _Names(
        ("students.csv",),
        "Student_id",
        "sections.csv",
        "Section_id",
        "Name",
        "enrollments.csv",
        "Section_id",
        "Student_id",
    ),
    "sds-1": _Names(
        ("Student.csv",),
        "SIS ID",
        "Section.csv",
        "SIS ID",
        "Section Name",
        "StudentEnrollment.csv",
        "Section SIS ID",
        "SIS ID",
    ),
    "sds-2.1": replace(_ONEROSTER, people=("users.csv", "roles.csv")),
}
_TOO_MANY = Expected("held", reason="too_many_removed", after_whole=True)


def corrupt(shape: Shape, folder: Path) -> tuple[Expected, ...]:
    """Apply the shape's faults to the files in this folder. Return what is expected, in the order of FAULTS.

    Faults that leave rows out come first and encodings last, whatever the order in which they are named.
    """
    check(shape.faults)
    expected: list[Expected] = []
    for name, fault in FAULTS.items():
        if name in shape.faults:
            added = fault(shape, folder)
            expected = [_moved_down(earlier, added) for earlier in expected]
            expected.append(added)
    return tuple(expected)


def check(names: tuple[str, ...]) -> None:
    """Raises ValueError when one of these is no fault."""
    if unknown := sorted(set(names) - set(FAULTS)):
        raise ValueError(f"there is no fault {', '.join(unknown)}; there are {', '.join(FAULTS)}")


def _moved_down(earlier: Expected, later: Expected) -> Expected:
    """A row that was added above another moves that one down by a line."""
    old, new = earlier.reject, later.reject
    if old and new and old.file == new.file and old.line >= new.line:
        return replace(earlier, reject=replace(old, line=old.line + 1))
    return earlier


# Rows that are missing.


def half_schools(shape: Shape, folder: Path) -> Expected:
    """Every second school is missing, with its people, classes and enrollments."""
    write_bulk(District(shape, range(shape.seed % 2, shape.schools, 2)), folder)
    return _TOO_MANY


def half_rows(shape: Shape, folder: Path) -> Expected:
    """People (for Clever and School Data Sync v1 the students) and enrollments break off after half of the rows."""
    names = _NAMES[shape.format]
    for name in (*names.people, names.enrollments):
        _keep_rows(folder / name, _rows_in(folder / name) // 2)
    return _TOO_MANY


def half_files(shape: Shape, folder: Path) -> Expected:
    """The file of enrollments has its header and nothing else."""
    _keep_rows(folder / _NAMES[shape.format].enrollments, 0)
    return Expected("held", reason="header_only", after_whole=True)


# A row that cannot be used, added below one that can.


def missing_id(shape: Shape, folder: Path) -> Expected:
    """Somebody has no id yet."""
    names = _NAMES[shape.format]
    line = _add_like(folder / names.people[0], _draw("missing_id", shape), {names.person_id: ""})
    return _rejected("users", "missing_value", names.people[0], line, names.person_id)


def ragged(shape: Shape, folder: Path) -> Expected:
    """Somebody's row has a field too many."""
    name = _NAMES[shape.format].people[0]
    line = _add_like(folder / name, _draw("ragged", shape), {}, surplus=("surplus",))
    return _rejected("users", "too_many_fields", name, line, None)


def duplicate_class(shape: Shape, folder: Path) -> Expected:
    """Another class has the id of one that is there."""
    names = _NAMES[shape.format]
    line = _add_like(folder / names.classes, _draw("duplicate_class", shape), {names.class_title: "Pottery"})
    return _rejected("classes", "class_twice", names.classes, line, names.class_id)


def unknown_class(shape: Shape, folder: Path) -> Expected:
    """Somebody is enrolled in a class that is not there."""
    names = _NAMES[shape.format]
    changes = {"sourcedId": "unknown-class", names.class_of_enrollment: "no-such-class"}
    line = _add_like(folder / names.enrollments, _draw("unknown_class", shape), changes)
    return _rejected("enrollments", "unknown_class", names.enrollments, line, names.class_of_enrollment)


def unknown_user(shape: Shape, folder: Path) -> Expected:
    """Somebody who is not there is enrolled in a class."""
    names = _NAMES[shape.format]
    changes = {"sourcedId": "unknown-user", names.person_of_enrollment: "no-such-user"}
    line = _add_like(folder / names.enrollments, _draw("unknown_user", shape), changes)
    return _rejected("enrollments", "unknown_user", names.enrollments, line, names.person_of_enrollment)


# How the bytes are written; nothing else is amiss.


def utf16(shape: Shape, folder: Path) -> Expected:
    """All files are UTF-16 with a byte order mark."""
    _recode(folder, "utf-16")
    return Expected()


def bom(shape: Shape, folder: Path) -> Expected:
    """All files are UTF-8 with a byte order mark."""
    _recode(folder, "utf-8-sig")
    return Expected()


def cp1252(shape: Shape, folder: Path) -> Expected:
    """All files are in Windows' Western code page, and nothing says so; what it does not have has become ``?``."""
    _recode(folder, "cp1252")
    return Expected(note="encoding_assumed")


def cr_only(shape: Shape, folder: Path) -> Expected:
    """Lines end with a carriage return alone, as on an old Macintosh."""
    for path in _csv_files(folder):
        with path.open("r+b") as file:
            while chunk := file.read(_CHUNK):
                file.seek(-len(chunk), os.SEEK_CUR)
                file.write(chunk.replace(b"\n", b"\r"))
    return Expected()


FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        half_schools, half_rows, half_files, missing_id, ragged, duplicate_class, unknown_class, unknown_user, cr_only,
        utf16, bom, cp1252,
    )
}  # fmt: skip


def _draw(fault: str, shape: Shape) -> Random:
    return Random(f"{fault} {shape.seed}")


def _rejected(kind: str, code: str, file: str, line: int, column: str | None) -> Expected:
    return Expected(reject=RejectedRow(kind, code, file, line, column))


def _csv_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.csv"))


def _rows_in(path: Path) -> int:
    """How many rows a file has, its header not counted; no field holds a line end."""
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(_CHUNK), b"")) - 1


def _keep_rows(path: Path, rows: int) -> None:
    """Cut a file off after its header and so many rows."""
    with path.open("r+b") as file:
        for _ in range(rows + 1):
            file.readline()
        file.truncate(file.tell())


def _add_like(path: Path, draw: Random, changes: Mapping[str, str], *, surplus: tuple[str, ...] = ()) -> int:
    """Copy a drawn row, with these columns and surplus fields changed, below it. Return the line of the copy."""
    rows = _rows_in(path)
    if not rows:
        raise ValueError(f"{path.name} has no row to begin with")
    line = draw.randrange(2, rows + 2)
    with _rewriting(path) as (source, target):
        header = source.readline()
        target.write(header)
        for _ in range(line - 2):
            target.write(source.readline())
        row = source.readline()
        target.write(row)
        columns, cells = next(csv.reader([header.decode()])), next(csv.reader([row.decode()]))
        changed = [changes.get(column, cell) for column, cell in zip(columns, cells, strict=True)]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow([*changed, *surplus])
        target.write(text.getvalue().encode())
        shutil.copyfileobj(source, target, _CHUNK)
    return line + 1


def _recode(folder: Path, codec: str) -> None:
    for path in _csv_files(folder):
        with (
            _rewriting(path) as (source, target),
            io.TextIOWrapper(source, encoding="utf-8", newline="") as text,
            io.TextIOWrapper(target, encoding=codec, errors="replace", newline="") as recoded,
        ):
            shutil.copyfileobj(text, recoded, _CHUNK)


@contextmanager
def _rewriting(path: Path) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """The file as it was and the one that takes its place at the end."""
    beside = path.with_suffix(".new")
    with path.open("rb") as source, beside.open("wb") as target:
        yield source, target
    beside.replace(path)
