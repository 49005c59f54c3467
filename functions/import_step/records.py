"""People, classes and who is in them: a row as a format reads it, and a record as a snapshot holds it.

Each is a line of JSON, an array in the order of the fields: files are small, and a line that did not change is equal byte
for byte. A new column is a field at the end of a row and of its record, with a default, so that what was written before is
still read; ``PersonRecord.of`` and ``add`` take it over, and its format reads it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Sequence
from functools import cache, cached_property, reduce
from hashlib import sha256
from typing import Any
from unicodedata import normalize

import msgspec
from msgspec import Struct
from msgspec.json import Decoder, Encoder
from msgspec.structs import replace

from shared.domain.email_address import has_only_another_domain
from shared.domain.id_changes import Known, may_follow
from shared.domain.person_name import names_contradict
from shared.domain.roster import (
    ROLE_PRECEDENCE,
    DistrictClass,
    NumberKind,
    Role,
    RosterUser,
    kind_of,
    number_of,
    person_id,
)

_RANK = {role: rank for rank, role in enumerate(ROLE_PRECEDENCE)}
TEACHING = {"teacher", "aide", "proctor", "professor", "faculty", "lecturer", "staff", "instructor"}
_ATTENDING = "student"
"""The enrollment roles of those who teach a class, and of those who attend it; with another role one is no member."""
TEACHERS, STUDENTS = "t", "s"
"""The two kinds of members of a class, as working files name them."""
_STUDENTS_ALONE = {_ATTENDING: STUDENTS}
_MEMBER_KINDS = {**dict.fromkeys(TEACHING, TEACHERS), **_STUDENTS_ALONE}
MOST_SCHOOLS, MOST_CLEVER_IDS, MOST_ROLES = 800, 20, 1_600
"""Of a person, on all rows together: a roster user is one item of the table, which may have 400 KB."""
_encode = Encoder().encode
_encode_lines = Encoder().encode_lines
_TWO = 2


class Decoded[T]:
    """Reads what is packed. The decoder is made when it is first asked for, as few steps read all that there is."""

    def __init__(self, of: Any) -> None:
        self._of = of

    @cached_property
    def decode(self) -> Callable[[bytes | memoryview], T]:
        decoder: Decoder[T] = Decoder(self._of)
        return decoder.decode


def packed(record: object) -> bytes:
    """A record as a line of a file."""
    return _encode(record) + b"\n"


def packed_lines(records: Sequence[object]) -> bytes:
    """Records as lines of a file."""
    return _encode_lines(records)


class PersonRow(Struct, array_like=True, gc=False):
    """A row about a person. ``role`` is None where another file (roles.csv) has it, or for a role that
    this system does nothing for."""

    sourced_id: str
    role: Role | None
    given_name: str
    family_name: str
    email: str | None = None
    username: str | None = None
    clever_ids: tuple[str, ...] = ()
    school_ids: tuple[str, ...] = ()
    removed: bool = False
    disabled: bool = False
    """``enabledUser`` is false."""
    schools_only: bool = False
    """Of an administrator: of the own schools, and not of the district."""

    @property
    def is_plain(self) -> bool:
        """Whether it says nothing but names, address, one school at most and a role, if any: the record of a person of whom
        there is no other row has what it has."""
        return (
            not (self.clever_ids or self.removed or self.disabled or self.schools_only) and len(self.school_ids) < _TWO
        )


class RoleRow(Struct, array_like=True, gc=False):
    """A row about one of a person's roles."""

    sourced_id: str
    role: Role | None
    school_id: str
    removed: bool = False
    row_id: str = ""
    """The id of the row itself; empty where the format gives it none."""
    is_over: bool = False
    """Whether the role has ended, or not begun."""
    is_unusable: bool = False
    """Whether the row was rejected for its role."""
    schools_only: bool = False
    """As of ``PersonRow``."""

    def told(self) -> ToldRole:
        row_id = self.row_id or f"{self.role or ''}@{self.school_id}"
        return ToldRole(row_id, self.role, self.school_id, self.is_over, self.schools_only)


class ToldRole(Struct, array_like=True, frozen=True, gc=False):
    """What one row says of a person's role and school; ``row_id`` is empty where the person's own row says so."""

    row_id: str
    role: Role | None
    school_id: str
    is_over: bool = False
    """Whether the role has ended, or not begun."""
    schools_only: bool = False
    """As of ``PersonRow``."""


class ClassRow(Struct, array_like=True, gc=False):
    """A row about a class."""

    sourced_id: str
    title: str
    school_id: str | None = None
    course_title: str | None = None
    class_code: str | None = None
    term_title: str | None = None
    ends_on: str | None = None
    """The day after its last one, as the roster's terms say (OneRoster 1.2: ``endDate`` is exclusive)."""
    removed: bool = False
    course_id: str | None = None
    term_ids: tuple[str, ...] = ()
    """Where other rows tell what the course and the terms are: ``References``."""

    def is_another_than(self, other: ClassRow) -> bool:
        """Whether two rows with one id are two classes, and not one class in two terms or one row twice."""
        if (self.school_id or "") != (other.school_id or ""):
            return True
        is_one_term = (self.term_title, self.ends_on) == (other.term_title, other.ends_on)
        has_another_code = bool(self.class_code and other.class_code and self.class_code != other.class_code)
        if self.title.casefold() == other.title.casefold():
            return has_another_code and is_one_term
        return is_one_term or has_another_code or not self.course_title or self.course_title != other.course_title


class CourseRow(Struct, array_like=True, tag="course", gc=False):
    """A row about a course, to which classes refer."""

    sourced_id: str
    title: str
    removed: bool = False


class TermRow(Struct, array_like=True, tag="term", gc=False):
    """A row about a term (an academic session), to which classes refer."""

    sourced_id: str
    title: str
    ends_on: str | None
    """The day after its last one, YYYY-MM-DD."""
    school_year: str = ""
    """The year in which it ends, such as 2026; empty where the row does not say."""
    removed: bool = False


type ReferenceRow = CourseRow | TermRow


class RoleEnrollments(Struct, array_like=True, gc=False):
    """The classes that a person is in with one role; ids sorted."""

    role: str
    class_ids: list[str]
    row_ids: list[int] = []
    """Of the row that says so of each class, a checksum of its own id; empty where rows have no ids."""
    more: list[tuple[str, int]] = []
    """Class and row of others that say the same."""


class PersonRecord(Struct, array_like=True, gc=False):
    """A person as a snapshot holds them; lists are sorted. Nobody without a role is in a snapshot.

    Where numbers have kinds, ``sourced_id`` is a ``person_id``: kind and number.
    """

    sourced_id: str
    role: Role | None
    given_name: str
    family_name: str
    email: str | None
    username: str | None
    clever_ids: list[str]
    school_ids: list[str]
    enrollments: list[RoleEnrollments]
    also_administers: bool = False
    """Whether a teacher has a row as an administrator, too."""
    roles: list[ToldRole] = []
    """What role and schools were taken from, sorted, where rows of their own tell roles; else empty."""
    disabled: bool = False
    """Whether the roster disables the person: no row is enabled."""
    schools_only: bool = False
    """Of an administrator: of the own schools, and not of the district, as far as every row says."""

    @classmethod
    def of(cls, row: PersonRow) -> PersonRecord:
        """The person of this row, without enrollments."""
        return cls(
            row.sourced_id,
            row.role,
            row.given_name,
            row.family_name,
            row.email,
            row.username,
            sorted(row.clever_ids) if row.clever_ids else [],
            sorted(row.school_ids) if len(row.school_ids) > 1 else list(row.school_ids),
            [],
            disabled=row.disabled,
            schools_only=row.schools_only,
        )

    def disagreement(self, row: PersonRow) -> str | None:
        """What another row of this person says otherwise: a message for the report, or None."""
        if (self.given_name, self.family_name) != (row.given_name, row.family_name):
            return "Rows of one person name the person differently; the first was taken."
        if self.email and row.email and self.email != row.email:
            return "Rows of one person give different addresses; the first was taken."
        return None

    def add(self, row: PersonRow) -> None:
        """Add another row of the same person; the names of the first one stay."""
        self._take_role(row.role, schools_only=row.schools_only)
        self.disabled &= row.disabled
        self.email = self.email or row.email
        self.username = self.username or row.username
        _add(self.clever_ids, row.clever_ids)
        _add(self.school_ids, row.school_ids)

    def join(self, other: PersonRecord) -> None:
        """Have the roles, schools and Clever ids of another number of this person, too."""
        if self.roles or other.roles:
            self.take_roles([*self.told_roles(), *other.told_roles()])
        else:
            if other.also_administers:
                self.schools_only = other.schools_only and (self.schools_only or not self._administers)
            self.also_administers |= other.also_administers
            _add(self.school_ids, other.school_ids)
        _add(self.clever_ids, other.clever_ids)

    def add_role(self, row: RoleRow) -> None:
        """Add one of the person's roles, and its school. ``settle_roles`` follows once all are added, or ``take_roles`` where one
        of them is over."""
        if not self.roles:
            self.roles = self.told_roles()
        self.roles.append(row.told())
        self._take_role(row.role, schools_only=row.schools_only)
        if row.school_id:
            _add(self.school_ids, (row.school_id,))

    def settle_roles(self) -> None:
        """Bring what told the roles into the one order in which a snapshot has it."""
        self.roles = sorted(set(self.roles), key=_place_of_role)

    def told_roles(self) -> list[ToldRole]:
        """What tells the person's role and schools: the rows of roles, and the person's own."""
        if self.roles:
            return list(self.roles)
        roles = [self.role, *([Role.ADMINISTRATOR] if self.also_administers else [])]
        schools = self.school_ids or ([""] if self.role else [])
        return [_own_role(role, school, self) for role in roles for school in schools]

    def take_roles(self, told: Iterable[ToldRole]) -> None:
        """Have the role and the schools that these rows tell, and no others."""
        self.roles = list(told)
        self.settle_roles()
        counted = [each for each in self.roles if not each.is_over]
        if self._has_no_role_now():
            # Who has no other role keeps those that are over, and is off.
            counted = self.roles
        roles = {each.role for each in counted}
        self.role = reduce(foremost, roles, None)
        self.also_administers = {Role.TEACHER, Role.ADMINISTRATOR} <= roles
        administers = [each for each in counted if each.role is Role.ADMINISTRATOR]
        self.schools_only = bool(administers) and all(each.schools_only for each in administers)
        self.school_ids = sorted({each.school_id for each in counted if each.school_id})
        if not any(each.row_id for each in self.roles):
            self.roles = []

    def keep(self, stood: PersonRecord, untold: Container[str]) -> bool:
        """Have what stood where the whole roster has no column for it. Return whether anything was kept."""
        kept = False
        if "email" in untold and not self.email and stood.email:
            self.email, kept = stood.email, True
        if "clever_ids" in untold and stood.clever_ids:
            self.clever_ids, kept = stood.clever_ids, True
        if "disabled" in untold and stood.disabled:
            self.disabled = kept = True
        return kept

    def after(self, told: PersonRecord, untold: Container[str]) -> PersonRecord:
        """The person after a delta's rows: what their file has no column for stays, and so do the rows of roles."""
        new = replace(told, enrollments=self.enrollments)
        if "email" in untold:
            new.email = self.email
        if "clever_ids" in untold:
            new.clever_ids = self.clever_ids
        if "disabled" in untold:
            new.disabled = self.disabled
        rows = [each for each in self.roles if each.row_id]
        new.take_roles([*rows, *self._own_roles_after(told, untold)])
        return new

    def _own_roles_after(self, told: PersonRecord, untold: Container[str]) -> Iterable[ToldRole]:
        """What the person's own row tells of role and schools after a delta's row."""
        own = [each for each in self.told_roles() if not each.row_id]
        if "role" not in untold and "school_ids" not in untold:
            return told.told_roles()
        if "role" not in untold:
            roles = {each.role for each in told.told_roles()} or {told.role}
            schools = {each.school_id for each in own} or {""}
            return [_own_role(role, school, told) for role in roles for school in schools]
        if "school_ids" in untold:
            return own
        return [*(each for each in own if each.role), *(ToldRole("", None, school) for school in told.school_ids)]

    def has_room_for(self, schools: Iterable[str], clever_ids: Iterable[str] = ()) -> bool:
        """Whether these schools and Clever ids can be kept beside those that the person has."""
        return (
            len(self.roles) < MOST_ROLES
            and len(self.school_ids) + sum(not _is_in(self.school_ids, each) for each in schools) <= MOST_SCHOOLS
            and len(self.clever_ids) + sum(not _is_in(self.clever_ids, each) for each in clever_ids) <= MOST_CLEVER_IDS
        )

    @property
    def administers_district(self) -> bool:
        """Whether the console of the whole district is open to this person."""
        return self._administers and not self.schools_only and not self.is_off

    @property
    def _administers(self) -> bool:
        return self.role is Role.ADMINISTRATOR or self.also_administers

    def _take_role(self, role: Role | None, *, schools_only: bool) -> None:
        if role is Role.ADMINISTRATOR:
            # The district's administrator is that also with a row as a school's.
            self.schools_only = schools_only and (self.schools_only or not self._administers)
        self.also_administers |= {self.role, role} == {Role.TEACHER, Role.ADMINISTRATOR}
        self.role = foremost(self.role, role)

    def is_somebody_else(self, other: PersonRecord | PersonRow) -> bool:
        """Whether given name, family name and address all differ."""
        return (
            self.given_name != other.given_name and self.family_name != other.family_name and self.email != other.email
        )

    def contradicts(self, row: PersonRow) -> bool:
        """Whether another row of this number in the same upload is about somebody else: both names contradict, and no common
        address says that they are one. That both lack an address says nothing."""
        if self.email and self.email == row.email:
            return False
        return names_contradict((self.given_name, self.family_name), (row.given_name, row.family_name))

    def with_enrollments(self, enrollments: list[RoleEnrollments]) -> PersonRecord:
        return replace(self, enrollments=enrollments)

    def classes_by_role(self) -> list[tuple[str, list[str]]]:
        """The classes of each role, whatever rows say so."""
        return [(each.role, each.class_ids) for each in self.enrollments]

    def equals_but_for_enrollments(self, other: PersonRecord) -> bool:
        return self.acts_like(other.with_enrollments(self.enrollments))

    def in_one_form(self) -> PersonRecord:
        """The same person with names in the form in which they are read: NFC, whatever an earlier version kept."""
        given, family, username = (
            normalize("NFC", name or "") for name in (self.given_name, self.family_name, self.username)
        )
        return replace(self, given_name=given, family_name=family, username=username or None)

    @property
    def is_off(self) -> bool:
        """Whether nobody is to be mailed or let in as this person: disabled, or without a role that has begun and is not over."""
        return self.disabled or self._has_no_role_now()

    def _has_no_role_now(self) -> bool:
        roles = [each.is_over for each in self.roles if each.row_id or each.role]
        return bool(roles) and all(roles)

    def is_matched_like(self, other: PersonRecord) -> bool:
        """Whether nothing that a match rests on differs: role, family name, address, Clever ids, being off."""
        return (
            self.role == other.role
            and self.is_off == other.is_off
            and self.email == other.email
            and self.clever_ids == other.clever_ids
            and self.family_name == other.family_name
        )

    def is_readdressed_as(self, other: PersonRecord, domains: Collection[str]) -> bool:
        """Whether the person stays, and the address has another one of these domains of the district's, and is otherwise the
        same (B11)."""
        return has_only_another_domain(self.email, other.email, domains) and may_follow(
            self.known().person, other.known().person
        )

    def pairs(self) -> set[tuple[str, str]]:
        """(class id, enrollment role) of all enrollments."""
        return {(class_id, each.role) for each in self.enrollments for class_id in each.class_ids}

    def number_of_enrollments(self) -> int:
        if len(self.enrollments) == 1:
            return len(self.enrollments[0].class_ids)
        return sum(len(each.class_ids) for each in self.enrollments)

    def names_as_teacher(self) -> bool:
        """Whether an enrollment says that the person teaches, while only staff do: it gives no rights (M20)."""
        return self.role is not Role.TEACHER and any(each.role in TEACHING for each in self.enrollments)

    def memberships(self) -> set[tuple[str, str]]:
        """(class id, ``TEACHERS`` or ``STUDENTS``) for each class that the person teaches or attends; none of who is off."""
        if self.is_off:
            return set()
        kinds = _MEMBER_KINDS if self.role is Role.TEACHER else _STUDENTS_ALONE
        return self._memberships(kinds)

    def memberships_as_named(self) -> set[tuple[str, str]]:
        """The same by the enrollments alone, as an earlier version of this service may have noted them."""
        return self._memberships(_MEMBER_KINDS)

    def _memberships(self, kinds: dict[str, str]) -> set[tuple[str, str]]:
        return {
            (class_id, kinds[each.role])
            for each in self.enrollments
            if each.role in kinds
            for class_id in each.class_ids
        }

    def roster_user(self, district_id: str, *, active: bool = True) -> RosterUser:
        """Return the roster user that this is; one who is not active has no classes. Who is off is as one who left."""
        if self.role is None:
            raise ValueError("somebody without a role is no roster user")
        active = active and not self.is_off
        enrollments = self.enrollments if active else ()
        teaching = TEACHING if self.role is Role.TEACHER else ()
        teaches = {class_id for each in enrollments if each.role in teaching for class_id in each.class_ids}
        attends = {class_id for each in enrollments if each.role == _ATTENDING for class_id in each.class_ids}
        return RosterUser(
            district_id,
            number_of(self.sourced_id),
            self.role,
            self.given_name,
            self.family_name,
            self.email,
            self.username,
            tuple(self.clever_ids),
            tuple(self.school_ids),
            tuple(sorted(teaches)),
            tuple(sorted(attends)),
            active,
            self.also_administers,
            kind_of(self.sourced_id),
            self.schools_only,
        )

    def known(self) -> Known:
        """The person as people are compared whose number may have changed (B11)."""
        return Known(
            self.sourced_id,
            self.role or Role.STUDENT,
            self.given_name,
            self.family_name,
            self.email,
            self.username,
            tuple(self.clever_ids),
            tuple(self.school_ids),
            tuple(class_id for each in self.enrollments for class_id in each.class_ids),
        )

    def of_kind(self, kind: NumberKind) -> PersonRecord:
        """The same person where numbers have kinds: with the enrollments of that kind, and no others."""
        roles = {NumberKind.STUDENT: {_ATTENDING}, NumberKind.TEACHER: TEACHING, NumberKind.STAFF: set[str]()}[kind]
        enrollments = [each for each in self.enrollments if each.role in roles]
        return replace(self, sourced_id=person_id(kind, self.sourced_id), enrollments=enrollments)

    def acts_like(self, other: PersonRecord) -> bool:
        """Whether nothing differs that the table has of the person."""
        return (
            self.is_off == other.is_off
            and self.classes_by_role() == other.classes_by_role()
            and self == replace(other, roles=self.roles, disabled=self.disabled, enrollments=self.enrollments)
        )

    def has_name(self) -> bool:
        return bool(self.given_name or self.family_name)

    def has_name_of(self, other: PersonRecord) -> bool:
        return (self.given_name, self.family_name) == (other.given_name, other.family_name)


@cache
def _ends() -> tuple[int, bytes]:
    """How many bytes a plain row ends with that its record has elsewhere, and what a record has behind its enrollments."""
    row, record = PersonRow("", None, "", ""), PersonRecord("", None, "", "", None, None, [], [], [])
    before = _encode(row)[1:].index(b"[],[]") + len(b"[],[]") + 1
    return len(_encode(row)) - before, packed(record)[before + len(b",[]") :]


def packed_records(rows: Iterable[bytes], enrollments: Iterable[bytes]) -> list[bytes]:
    """The packed records of people of whom there is one row each, a plain one (``PersonRow.is_plain``), with packed enrollments.

    >>> packed_records([packed(PersonRow("s1", Role.STUDENT, "Ann", "Lee"))[:-1]], [b"[]"]) == [packed(
    ...     PersonRecord("s1", Role.STUDENT, "Ann", "Lee", None, None, [], [], [])
    ... )]
    True
    """
    behind, end = _ends()
    # Quicker than to write them by a pattern.
    join = b"".join
    return [join((row[:-behind], b",", enrolled, end)) for row, enrolled in zip(rows, enrollments, strict=True)]


class ClassRecord(Struct, array_like=True, gc=False):
    """A class as a snapshot holds it; who is in it is a ``MembersRecord``."""

    sourced_id: str
    title: str
    school_id: str | None
    course_title: str | None
    class_code: str | None
    term_title: str | None
    ends_on: str | None
    """The day after its last one, YYYY-MM-DD."""
    course_id: str | None = None
    term_ids: tuple[str, ...] = ()
    """What the course's title, the terms' and the end were taken from (``References``)."""

    @classmethod
    def of(cls, row: ClassRow) -> ClassRecord:
        """The class of this row."""
        return cls(
            row.sourced_id,
            row.title,
            row.school_id,
            row.course_title,
            row.class_code,
            row.term_title,
            row.ends_on,
            row.course_id,
            row.term_ids,
        )

    @classmethod
    def of_rows(cls, rows: Sequence[ClassRow]) -> ClassRecord:
        """The class of several rows, one for each term or quarter, in whatever order: named as in its first term, with the
        terms of all of them and the latest end. One whose row has no end has none."""
        in_order = sorted(rows, key=lambda row: (row.ends_on or "9999-12-31", row.term_title or "", row.title))
        terms = dict.fromkeys(row.term_title for row in in_order if row.term_title)
        record = cls.of(in_order[0])
        record.term_ids = tuple(dict.fromkeys(term_id for row in in_order for term_id in row.term_ids))
        record.term_title = ", ".join([*terms][:2]) or None
        record.ends_on = in_order[-1].ends_on
        return record

    def after(self, told: ClassRecord) -> ClassRecord:
        """The class after a delta's rows about it: what they must say and do not, stays."""
        told.school_id = told.school_id or self.school_id
        if not told.course_id:
            told.course_id, told.course_title = self.course_id, told.course_title or self.course_title
        elif told.course_id == self.course_id or self.course_id is None:
            told.course_title = told.course_title or self.course_title
        if not told.term_ids:
            told.term_ids = self.term_ids
        if told.term_ids == self.term_ids or not self.term_ids:
            told.term_title, told.ends_on = told.term_title or self.term_title, told.ends_on or self.ends_on
        return told

    def keep(self, stood: ClassRecord, untold: Iterable[str]) -> bool:
        """Have what stood in these fields, of which the upload says nothing. Return whether anything differed."""
        differs = False
        for name in untold:
            differs |= getattr(self, name) != getattr(stood, name)
            setattr(self, name, getattr(stood, name))
        return differs

    def acts_like(self, other: ClassRecord) -> bool:
        """Whether nothing differs that is shown of the class."""
        return self == other or self.district_class("", _NOBODY, by_kind=False) == other.district_class(
            "", _NOBODY, by_kind=False
        )

    def is_over(self, on: str) -> bool:
        """Whether its last day is past; ``on`` is today, YYYY-MM-DD."""
        return self.ends_on is not None and self.ends_on <= on

    def district_class(self, district_id: str, members: MembersRecord, *, by_kind: bool) -> DistrictClass:
        """The class that this is, with its people; ``by_kind`` says whether their numbers have kinds."""
        return DistrictClass(
            district_id,
            self.sourced_id,
            self.title,
            self.school_id,
            self.course_title,
            self.class_code,
            self.term_title,
            self.ends_on,
            tuple(members.teachers),
            tuple(members.students),
            by_kind=by_kind,
        )


class MembersRecord(Struct, array_like=True, gc=False):
    """Who is in a class, as a snapshot holds it: numbers, sorted."""

    class_id: str
    teachers: list[str]
    students: list[str]

    def of_kind(self, kind: str) -> list[str]:
        """The teachers or the students (``TEACHERS``, ``STUDENTS``)."""
        return self.teachers if kind == TEACHERS else self.students


_NOBODY = MembersRecord("", [], [])


class References:
    """The courses and the terms to which classes refer, by their ids."""

    def __init__(self, rows: Iterable[ReferenceRow] = ()) -> None:
        self.courses: dict[str, CourseRow] = {}
        self.terms: dict[str, TermRow] = {}
        self._titles: dict[tuple[str, ...], tuple[str | None, str | None] | None] = {}
        self._years: dict[tuple[str, ...], str] = {}
        """What was found of the same terms before: many classes have them."""
        self.add(rows)

    def add(self, rows: Iterable[ReferenceRow]) -> None:
        """Take rows over those of the same ids; removed ones go, unless another row of these tells them."""
        self._titles.clear()
        self._years.clear()
        told = [*rows]
        for row in sorted(told, key=lambda row: not row.removed):
            of_kind: dict[str, Any] = self.courses if isinstance(row, CourseRow) else self.terms
            if row.removed:
                of_kind.pop(row.sourced_id, None)
            else:
                of_kind[row.sourced_id] = row

    def replace(self, rows: Iterable[ReferenceRow], of: type[CourseRow] | type[TermRow]) -> None:
        """Take these rows for all courses, or for all terms; where there are none, what was known stays."""
        known = self.courses if of is CourseRow else self.terms
        told = [row for row in rows if isinstance(row, of)]
        if told:
            known.clear()
        self.add(told)

    def rows(self) -> Iterator[ReferenceRow]:
        """All of them, in the order of their ids."""
        yield from (self.courses[key] for key in sorted(self.courses))
        yield from (self.terms[key] for key in sorted(self.terms))

    def settle(self, record: ClassRecord | ClassRow) -> None:
        """Give a class the title of its course, and the titles and the end of its terms, as far as they are known here."""
        if course := self.courses.get(record.course_id or ""):
            record.course_title = course.title or None
        if record.term_ids not in self._titles:
            self._titles[record.term_ids] = self._of_terms(record.term_ids)
        if of_terms := self._titles[record.term_ids]:
            record.term_title, record.ends_on = of_terms

    def _of_terms(self, term_ids: Sequence[str]) -> tuple[str | None, str | None] | None:
        """The titles and the end of terms; None where none of them is known."""
        terms = [self.terms[term_id] for term_id in term_ids if term_id in self.terms]
        if not terms:
            return None
        titles = dict.fromkeys(term.title for term in terms if term.title)
        last = [term.ends_on for term in terms if term.ends_on]
        return ", ".join([*titles][:2]) or None, max(last) if len(last) == len(term_ids) else None

    def school_year_of(self, record: ClassRecord | ClassRow) -> str:
        """The latest school year of the class's terms; empty where none is told."""
        year = self._years.get(record.term_ids)
        if year is None:
            years = (self.terms[each].school_year for each in record.term_ids if each in self.terms)
            year = self._years[record.term_ids] = max(years, default="")
        return year


class Moves(Struct, array_like=True, gc=False):
    """Who comes into classes or goes out of them: a line of text for each, class and number with a tab between."""

    kind: str
    """``TEACHERS`` or ``STUDENTS``."""
    come: bool
    texts: str


class Bearer(Struct, array_like=True, gc=False):
    """Somebody who has an address: who ``left`` or ``came``; or, in a preview, who ``holds`` an address."""

    identifier: str
    state: str
    sourced_id: str
    role: Role | None
    given_name: str = ""
    family_name: str = ""
    """The names of those who hold an address."""


def digest_of(changes: Iterable[tuple[object, object]], standing: bytes = b"") -> str:
    """What tells these changes, (before, after), from all others, in their order; ``standing`` are lines of which all are new."""
    told = sha256(standing)
    for change in changes:
        told.update(packed(change))
    return told.hexdigest()


def _own_role(role: Role | None, school_id: str, person: PersonRecord) -> ToldRole:
    """A role that the person's own row tells."""
    return ToldRole("", role, school_id, schools_only=role is Role.ADMINISTRATOR and person.schools_only)


def _place_of_role(told: ToldRole) -> tuple[str, str, str, bool]:
    return told.row_id, told.school_id, told.role or "", told.is_over


def _is_in(ordered: list[str], text: str) -> bool:
    place = bisect_left(ordered, text)
    return place < len(ordered) and ordered[place] == text


def _add(ordered: list[str], texts: Iterable[str]) -> None:
    """Put texts where they belong in a sorted list, those that are not there yet."""
    for text in texts:
        if not _is_in(ordered, text):
            insort(ordered, text)


def foremost(first: Role | None, second: Role | None) -> Role | None:
    """Of two roles of one person the one that counts: teacher over administrator over student (M20)."""
    if first == second or second is None:
        return first
    return second if first is None else min(first, second, key=_RANK.__getitem__)


def sourced_id_of(line: bytes) -> str:
    """The id in a packed record, which is its first text; the rest is not read."""
    text = line[2 : line.index(b'"', 2)]
    return str(msgspec.json.decode(line)[0]) if b"\\" in text else text.decode()
