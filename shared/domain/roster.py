"""What a roster says: people, classes and schools, in the words of OneRoster 1.2, whatever its format.

A *roster user* is a person as the district names them; the key is district + ``sourcedId``.
"""

from __future__ import annotations

import re
import unicodedata
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
    ``sourcedId`` (M6). ``teaches`` and ``attends`` hold class sourcedIds, sorted; only a teacher teaches, whatever a row of
    enrollments says (M20). ``active`` is False for somebody who left the roster (M5): they keep account, progress and
    grassroots classes, and have no district classes.
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
    also_administers: bool = False
    """Of a teacher: whether the roster says that the same person is an administrator, too."""

    @property
    def administers(self) -> bool:
        """Whether the console is open to this person by what the roster says of them."""
        return self.role is Role.ADMINISTRATOR or self.also_administers

    def is_administrator_of_same_name(self, teacher: RosterUser) -> bool:
        """Whether this administrator's row is about the same human as that teacher's, their addresses being equal.

        Clever numbers teachers and staff separately: who teaches and administers has a row in each file.
        """
        return (
            self.role is Role.ADMINISTRATOR
            and teacher.role is Role.TEACHER
            and names_agree((self.given_name, self.family_name), (teacher.given_name, teacher.family_name))
        )

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


type Name = tuple[str, str]
"""Given name and family name."""

_NO_LETTERS = re.compile(r"[\W\d_]+")


def names_agree(one: Name, other: Name) -> bool:
    """Whether two names may be one person's: given names share a part, and so do family names, accents and case aside."""
    return all(_parts(mine) & _parts(theirs) for mine, theirs in zip(one, other, strict=True))


def _parts(name: str) -> set[str]:
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return set(_NO_LETTERS.split(plain.casefold())) - {""}
