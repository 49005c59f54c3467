"""What a roster says: people, classes and schools, in the words of OneRoster 1.2, whatever its format.

A *roster user* is a person as the district names them; the key is district + ``sourcedId``, and the kind of number in
formats that number students, teachers and staff separately.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from shared.domain.person_name import share_a_part


class Role(StrEnum):
    """The roles that the system acts for. Of several, teacher counts before administrator before student (M20)."""

    TEACHER = "teacher"
    ADMINISTRATOR = "administrator"
    STUDENT = "student"


ROLE_PRECEDENCE = (Role.TEACHER, Role.ADMINISTRATOR, Role.STUDENT)


class NumberKind(StrEnum):
    """The three sets of numbers in Clever CSV and School Data Sync v1 (M20): equal numbers of two kinds are two people."""

    STUDENT = "student"
    TEACHER = "teacher"
    STAFF = "staff"


KIND_OF_ROLE = {
    Role.STUDENT: NumberKind.STUDENT,
    Role.TEACHER: NumberKind.TEACHER,
    Role.ADMINISTRATOR: NumberKind.STAFF,
}

_KIND_ENDS = "\x7f"
"""Between kind and number in a ``person_id``; no number of a roster holds a control character."""


@dataclass(frozen=True, slots=True)
class RosterUserKey:
    """Who a roster user is: sourcedIds of two districts may be equal, and of two kinds within one.

    ``kind`` is a ``NumberKind``; empty where the format has one set of numbers (OneRoster).
    """

    district_id: str
    sourced_id: str
    kind: str = ""

    @property
    def person_id(self) -> str:
        """Kind and number in one text: what tells this person from everybody else of the district."""
        return person_id(self.kind, self.sourced_id)

    @classmethod
    def of_person_id(cls, district_id: str, text: str) -> RosterUserKey:
        """The roster user whose ``person_id`` this is."""
        kind, _, number = text.rpartition(_KIND_ENDS)
        return cls(district_id, number, kind)


def person_id(kind: str, number: str) -> str:
    """Kind and number in one text; the number alone where there is no kind."""
    return f"{kind}{_KIND_ENDS}{number}" if kind else number


def number_of(text: str) -> str:
    """The number in a ``person_id``."""
    return text.rpartition(_KIND_ENDS)[2]


def kind_of(text: str) -> str:
    """The kind in a ``person_id``; empty where there is none."""
    return text.rpartition(_KIND_ENDS)[0]


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
    kind: str = ""
    """A ``NumberKind`` where the format numbers by kind."""
    schools_only: bool = False
    """Of an administrator: of the own schools (a principal, a site administrator), and not of the district."""

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
        return RosterUserKey(self.district_id, self.sourced_id, self.kind)

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
    by_kind: bool = False
    """Whether its people are numbered by kind: then its students' numbers are students', and its teachers' teachers'."""
    since: str = ""
    """Tells it from earlier classes of the same id; empty for the first one. What is made in a class has its name, too."""
    noted_by: str = ""
    """Of a past class: the import that noted it."""

    @property
    def reference(self) -> str:
        """What names it among all of the district, past ones too: its sourcedId, where it is not past."""
        return past_reference(self.sourced_id, self.noted_by) if self.noted_by else self.sourced_id

    @property
    def student_keys(self) -> list[RosterUserKey]:
        """Who its students are."""
        kind = NumberKind.STUDENT if self.by_kind else ""
        return [RosterUserKey(self.district_id, number, kind) for number in self.student_ids]

    @property
    def size(self) -> int:
        return len(self.student_ids) if self.counted is None else self.counted


_PAST = "\x7f"
"""Between a class id and what noted it as past; no id of a roster holds a control character."""


def past_reference(class_id: str, noted_by: str) -> str:
    """What names a past class of this id."""
    return f"{class_id}{_PAST}{noted_by}"


def class_of_reference(reference: str) -> tuple[str, str]:
    """The class id that a reference names, and for a past class the import that noted it."""
    class_id, _, noted_by = reference.partition(_PAST)
    return class_id, noted_by


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


def names_agree(one: Name, other: Name) -> bool:
    """Whether two names may be one person's: given names share a part, and so do family names, accents and case aside."""
    return all(share_a_part(mine, theirs) for mine, theirs in zip(one, other, strict=True))
