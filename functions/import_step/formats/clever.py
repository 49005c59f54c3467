"""Clever CSV: the whole roster at every upload, sections with up to ten teachers (M1)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from operator import or_

from functions.import_step.archive import RosterFile
from functions.import_step.formats.dates import DateOrder
from functions.import_step.formats.format import (
    Mode,
    PeopleColumns,
    Recognised,
    Sink,
    Where,
    all_there,
    has_control,
    table,
    take_school,
    two_formats,
)
from functions.import_step.formats.roles import is_administrator, is_of_schools
from functions.import_step.formats.terms import Ends
from functions.import_step.records import ClassRow, PersonRow
from shared.domain.report import Kind, Note, Reject
from shared.domain.roster import KIND_OF_ROLE, NumberKind, Role

_TEACHER_COLUMNS = ("Teacher_id", *(f"Teacher_{n}_id" for n in range(2, 11)))
_STAFF_LEFT_OUT = (
    "Staff whose Role and Title do not say that they are administrators were left out. Write administrator, principal, or "
    "site, district or system administrator for those who are to see the console."
)
_NEEDED = ("schools", "students", "teachers", "sections", "enrollments")


class Clever:
    """Clever CSV."""

    also_read: Collection[str] = ()

    def recognise(self, files: dict[str, RosterFile]) -> Recognised | None:
        if {*_NEEDED, "users", "classes"} <= set(files):
            raise two_formats("Clever", "OneRoster")
        if "users" in files or not ({"sections"} & set(files) or {"students", "teachers"} <= set(files)):
            return None
        return Recognised("clever", "csv", dict.fromkeys(Kind, Mode.BULK), files, by_kind=True)

    def stems(self, upload: Recognised) -> Sequence[str]:
        all_there(upload, _NEEDED)
        return (
            "schools",
            "students",
            "teachers",
            *(["staff"] if "staff" in upload.files else []),
            "sections",
            "enrollments",
        )

    def never_empty(self, _upload: Recognised) -> Sequence[str]:
        return ("students", "teachers")

    def roles_not_told(self, _upload: Recognised, seen: Mapping[str, int]) -> Sequence[str]:
        """staff.csv may be left out, and an export without its rows is no word about administrators."""
        return () if seen.get("staff") else (Role.ADMINISTRATOR.value,)

    def read(self, upload: Recognised, stem: str, sink: Sink) -> int:
        file = upload.files[stem]
        match stem:
            case "schools":
                return self._schools(file, sink)
            case "students":
                return self._people(file, "Student_id", "Student_email", Role.STUDENT, sink)
            case "teachers":
                return self._people(file, "Teacher_id", "Teacher_email", Role.TEACHER, sink)
            case "staff":
                return self._staff(file, sink)
            case "sections":
                return self._sections(file, sink)
            case _:
                return self._enrollments(file, sink)

    @staticmethod
    def _schools(file: RosterFile, sink: Sink) -> int:
        schools = table(file, None, sink)
        schools.require(["School_id", "School_name"])
        seen = 0
        for line, (school_id, name) in schools.rows(["School_id", "School_name"]):
            seen += 1
            take_school(sink, schools.shown, line, school_id, name)
        return seen

    @staticmethod
    def _people(file: RosterFile, id_column: str, email_column: str, role: Role, sink: Sink) -> int:
        people = table(file, Kind.USERS, sink)
        people.require(["School_id", id_column, "First_name", "Last_name"])
        seen = 0
        untold = () if people.has(email_column) else ("email",)
        grades = people.count("Grade")
        columns = (id_column, "School_id", "First_name", "Last_name", email_column, "Username")
        where = Where(people.shown, 1, id_column, KIND_OF_ROLE[role], untold)
        for lines, (ids, schools, firsts, lasts, emails, usernames) in people.batches(columns):
            seen += len(lines)
            roles, of = [role] * len(lines), {school: (school,) if school else () for school in set(schools)}
            rows = PeopleColumns(
                lines, ids, roles, firsts, lasts, emails, usernames, list(map(of.__getitem__, schools))
            )
            if all(map(or_, map(bool, firsts), map(bool, lasts))):
                sink.people(rows, where)
                continue
            for line, row in rows.rows():
                where.line = line
                if row.given_name or row.family_name:
                    sink.person(row, where)
                else:
                    sink.reject(Kind.USERS, _names_nobody(people.shown, line))
        sink.grades(grades)
        return seen

    @staticmethod
    def _staff(file: RosterFile, sink: Sink) -> int:
        staff = table(file, Kind.USERS, sink)
        staff.require(["Staff_id", "First_name", "Last_name"])
        columns = ("Staff_id", "School_id", "First_name", "Last_name", "Staff_email", "Username", "Role", "Title")
        seen = 0
        for line, (sis_id, school, first, last, email, username, role, title) in staff.rows(columns):
            seen += 1
            # Everybody who works there is in this file; who administers is who it says does (M20).
            administers = is_administrator(role) or is_administrator(title)
            if not administers:
                sink.note(Note("staff_left_out", _STAFF_LEFT_OUT, staff.shown, 1, line))
            row = PersonRow(
                sis_id,
                Role.ADMINISTRATOR if administers else None,
                first,
                last,
                email,
                username,
                school_ids=(school,) if school else (),
                schools_only=administers
                and not any(is_administrator(w) and not is_of_schools(w) for w in (role, title)),
            )
            sink.person(row, Where(staff.shown, line, "Staff_id", NumberKind.STAFF))
        return seen

    @staticmethod
    def _sections(file: RosterFile, sink: Sink) -> int:
        sections = table(file, Kind.CLASSES, sink)
        sections.require(["School_id", "Section_id", "Teacher_id"])
        untold = tuple(
            name
            for name, column in (("term_title", "Term_name"), ("ends_on", "Term_end"), ("course_title", "Course_name"))
            if not sections.has(column)
        )
        ends = Ends(sections, ("Term_start", "Term_end"), sink, otherwise=DateOrder.MONTH_FIRST)
        columns = (
            "Section_id",
            "School_id",
            "Name",
            "Course_name",
            "Section_number",
            "Period",
            "Term_name",
            "Term_end",
            *_TEACHER_COLUMNS,
        )
        seen = 0
        for line, (section, school, name, course, number, period, term, ends_on, *teachers) in sections.rows(columns):
            seen += 1
            where = Where(sections.shown, line, "Section_id", untold=untold)
            title = (
                name
                or " – ".join(part for part in (course, f"Period {period}" if period else number) if part)
                or section
            )
            sink.school_class(ClassRow(section, title, school, course, number, term, ends.after(ends_on, line)), where)
            if not section or has_control(section):
                continue
            for column, teacher in zip(_TEACHER_COLUMNS, teachers, strict=True):
                if teacher:
                    # A teacher's number, whatever the students' file holds.
                    cell = Where(sections.shown, line, column, NumberKind.TEACHER)
                    sink.enrollments(cell, "teacher", (teacher,), (section,), (line,), class_column="Section_id")
        return seen

    @staticmethod
    def _enrollments(file: RosterFile, sink: Sink) -> int:
        enrollments = table(file, Kind.ENROLLMENTS, sink)
        enrollments.require(["Section_id", "Student_id"])
        where = Where(enrollments.shown, 1, "Student_id", NumberKind.STUDENT)
        seen = 0
        for lines, (sections, students) in enrollments.batches(["Section_id", "Student_id"]):
            seen += len(lines)
            sink.enrollments(where, "student", students, sections, lines, class_column="Section_id")
        return seen


def _names_nobody(file: str, line: int) -> Reject:
    message = "The row names nobody. Fill in First_name and Last_name."
    return Reject(file, line, "First_name", "missing_value", message)
