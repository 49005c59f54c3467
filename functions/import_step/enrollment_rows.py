"""The rows that put a person into classes: each is a fact of its own, known by its id where it has one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat

from functions.import_step.records import RoleEnrollments

type EnrollmentRow = tuple[str, str, int]
"""Class id, role, and what is kept of the row's own id; 0 where it has none."""
type Pair = tuple[str, str]
"""Class id and role, of one row or of several."""


def rows_of(enrollments: Iterable[RoleEnrollments]) -> set[EnrollmentRow]:
    """The rows that these enrollments came of."""
    rows: set[EnrollmentRow] = set()
    for each in enrollments:
        rows.update(zip(each.class_ids, repeat(each.role), each.row_ids or repeat(0)))
        rows.update((class_id, each.role, row_id) for class_id, row_id in each.more)
    return rows


def pairs_of(rows: Iterable[EnrollmentRow]) -> set[Pair]:
    return {(class_id, role) for class_id, role, _ in rows}


def enrollments_of(rows: Iterable[EnrollmentRow]) -> list[RoleEnrollments]:
    """These rows as a snapshot holds them."""
    by_role: dict[str, list[tuple[str, int]]] = {}
    for class_id, role, row_id in rows:
        by_role.setdefault(role, []).append((class_id, row_id))
    return [role_enrollments(role, sorted(listed)) for role, listed in sorted(by_role.items())]


def role_enrollments(role: str, listed: Sequence[tuple[str, int]]) -> RoleEnrollments:
    """Rows with one role, (class id, row id) in order; a row that is there twice is one."""
    classes: list[str] = []
    ids: list[int] = []
    more: list[tuple[str, int]] = []
    for class_id, row_id in listed:
        if not classes or classes[-1] != class_id:
            classes.append(class_id)
            ids.append(row_id)
        elif row_id not in (ids[-1], *(other for _, other in more)):
            more.append((class_id, row_id))
    return RoleEnrollments(role, classes, ids if any(ids) else [], more)


def without_shared_ids(enrollments: list[RoleEnrollments]) -> list[RoleEnrollments]:
    """The same; where one id is several rows' the ids say nothing, and are left out."""
    if len(enrollments) == 1 and not enrollments[0].more:
        ids = enrollments[0].row_ids
    else:
        ids = [row_id for each in enrollments for row_id in (*each.row_ids, *(more for _, more in each.more))]
    if len(set(ids)) == len(ids):
        return enrollments
    return [RoleEnrollments(each.role, each.class_ids) for each in enrollments]


def after_delta(
    stood: set[EnrollmentRow], named: set[EnrollmentRow], ended: set[EnrollmentRow]
) -> tuple[set[EnrollmentRow], set[EnrollmentRow]]:
    """The rows after a delta that names some and ends others, and those of ``ended`` that were not there.

    A row with an id that stood takes its place, whatever class it was of. Of an active and an ended row of one id, or of one
    class and role where rows have no ids, the active one counts.
    """
    ids, pairs = {row_id for *_, row_id in named if row_id}, pairs_of(named)
    rows = {row for row in stood if row[2] not in ids and (row[2] or row[:2] not in pairs)}
    not_there: set[EnrollmentRow] = set()
    for row in ended:
        if row[2] in ids or (not row[2] and row[:2] in pairs):
            continue
        gone = _ended_by(row, rows)
        rows -= gone
        if not gone and row[:2] not in pairs:
            not_there.add(row)
    stand = pairs_of(rows)
    return rows | {row for row in named if row[2] or row[:2] not in stand}, not_there


def _ended_by(row: EnrollmentRow, rows: set[EnrollmentRow]) -> set[EnrollmentRow]:
    class_id, role, row_id = row
    if row_id and (known := {each for each in rows if each[2] == row_id}):
        return known
    # A row without an id, here or there, is known by what it says.
    return {each for each in rows if each[0] == class_id and (not role or each[1] == role) and not (row_id and each[2])}
