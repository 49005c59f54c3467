"""People as a snapshot holds them, and what they are as roster users."""

from __future__ import annotations

from typing import Any

from shared.domain.roster import Role, RosterUser

type Record = list[Any]
"""A person as the snapshot holds it: [sourcedId, role, given, family, email, username, clever ids, school ids,
[[enrollment role, [class id, …]], …]], lists sorted."""


type Block = list[Any]
"""Rows of one file, as ``split.SplitSink`` writes them."""


_STAFF_OF_A_CLASS = {"teacher", "aide", "proctor", "professor", "faculty", "lecturer", "staff", "instructor"}


type ByPerson = dict[str, dict[str, list[str]]]
"""Enrollment role → person → class ids, as they come."""


def roster_user(district_id: str, record: Record, *, active: bool = True) -> RosterUser:
    """The person that a record of the snapshot is."""
    sourced_id, role, given, family, email, username, clever_ids, schools, enrollments = record
    teaches = sorted({c for r, classes in enrollments if r in _STAFF_OF_A_CLASS for c in classes})
    attends = sorted({c for r, classes in enrollments if r == "student" for c in classes})
    return RosterUser(
        district_id,
        sourced_id,
        Role(role),
        given,
        family,
        email,
        username,
        tuple(clever_ids),
        tuple(schools),
        tuple(teaches) if active else (),
        tuple(attends) if active else (),
        active,
    )


_MEMBER_KINDS = {**dict.fromkeys(_STAFF_OF_A_CLASS, "t"), "student": "s"}


def memberships(record: Record | None) -> set[tuple[str, str]]:
    """(class id, "t" or "s") for each class that a person teaches or attends."""
    if record is None:
        return set()
    return {
        (class_id, _MEMBER_KINDS[role]) for role, classes in record[8] if role in _MEMBER_KINDS for class_id in classes
    }
