"""What a roster says: people, classes and schools, in the words of OneRoster 1.2, whatever its format.

A *roster user* is a person as the district names them; the key is district + ``sourcedId``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """The roles that the system acts for. Of several, teacher counts before administrator before student (M20)."""

    TEACHER = "teacher"
    ADMINISTRATOR = "administrator"
    STUDENT = "student"


ROLE_PRECEDENCE = (Role.TEACHER, Role.ADMINISTRATOR, Role.STUDENT)


@dataclass(frozen=True, slots=True)
class RosterUserKey:
    """Who a roster user is: sourcedIds of two districts may be equal, so the district is part of the key."""

    district_id: str
    sourced_id: str


@dataclass(frozen=True, slots=True)
class RosterUser:
    """A person of a district.

    ``official_email`` is normalised, or None; ``clever_ids`` come from ``userIds`` ``{Clever:…}`` only, never from the
    ``sourcedId`` (M6). ``teaches`` and ``attends`` hold class sourcedIds, sorted. ``active`` is False for somebody who
    left the roster (M5): they keep account, progress and grassroots classes, and have no district classes.
    """

    district_id: str
    sourced_id: str
    role: Role
    given_name: str
    family_name: str
    official_email: str | None = None
    username: str | None = None
    clever_ids: tuple[str, ...] = ()
    school_ids: tuple[str, ...] = ()
    teaches: tuple[str, ...] = ()
    attends: tuple[str, ...] = ()
    active: bool = True

    @property
    def key(self) -> RosterUserKey:
        return RosterUserKey(self.district_id, self.sourced_id)

    @property
    def display_name(self) -> str:
        return f"{self.given_name} {self.family_name}".strip()


@dataclass(frozen=True, slots=True)
class DistrictClass:
    """A class of a district, as the roster names it. People are sourcedIds, sorted."""

    district_id: str
    sourced_id: str
    title: str
    school_id: str | None = None
    course_title: str | None = None
    class_code: str | None = None
    term_title: str | None = None
    ends_on: str | None = None
    """The day after its last day, YYYY-MM-DD, if the roster says so; from then on it is not current."""
    teacher_ids: tuple[str, ...] = ()
    student_ids: tuple[str, ...] = ()
    counted: int | None = None
    """How many students there are, if that is known without reading them."""

    @property
    def size(self) -> int:
        return len(self.student_ids) if self.counted is None else self.counted


@dataclass(frozen=True, slots=True)
class School:
    """An organisation that people belong to; only its name is shown."""

    district_id: str
    sourced_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Roster:
    """A whole roster in memory: the shard of a small district, and the builders of tests."""

    users: tuple[RosterUser, ...] = ()
    classes: tuple[DistrictClass, ...] = ()
    schools: tuple[School, ...] = field(default=())
