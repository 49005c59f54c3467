"""Clever CSV: the whole roster at every upload, sections with up to ten teachers (formats.md)."""

from __future__ import annotations

from functions.import_step.formats import (
    ClassRow,
    Kind,
    Mode,
    Person,
    Recognised,
    Sink,
    Where,
    missing_file,
    no_rows,
    table,
)
from functions.import_step.opening import RosterFile
from shared.report import Reject
from shared.roster import Role

_TEACHER_COLUMNS = ("Teacher_id", *(f"Teacher_{n}_id" for n in range(2, 11)))
_NEEDED = ("schools", "students", "teachers", "sections", "enrollments")


class Clever:
    """Clever CSV."""

    def recognise(self, files: dict[str, RosterFile]) -> Recognised | None:
        if "users" in files or not ({"sections"} & set(files) or {"students", "teachers"} <= set(files)):
            return None
        return Recognised("clever", "csv", dict.fromkeys(Kind, Mode.BULK), files)

    def read(self, what: Recognised, sink: Sink) -> None:
        for stem in _NEEDED:
            if stem not in what.files:
                raise missing_file(f"{stem}.csv")
        self._schools(what.files["schools"], sink)
        people = self._people(what.files["students"], "Student_id", "Student_email", Role.STUDENT, sink)
        teachers = self._people(what.files["teachers"], "Teacher_id", "Teacher_email", Role.TEACHER, sink)
        for stem, count in (("students", people), ("teachers", teachers)):
            if not count:
                raise no_rows(f"{stem}.csv")
        if staff := what.files.get("staff"):
            self._staff(staff, sink)
        self._sections(what.files["sections"], sink)
        self._enrollments(what.files["enrollments"], sink)

    @staticmethod
    def _schools(file: RosterFile, sink: Sink) -> None:
        schools = table(file, None, sink)
        schools.require(["School_id", "School_name"])
        for _, (school_id, name) in schools.rows(["School_id", "School_name"]):
            if school_id and name:
                sink.school(school_id, name)

    @staticmethod
    def _people(file: RosterFile, id_column: str, email_column: str, role: Role, sink: Sink) -> int:
        people = table(file, Kind.USERS, sink)
        people.require(["School_id", id_column, "First_name", "Last_name"])
        seen = 0
        columns = (id_column, "School_id", "First_name", "Last_name", email_column, "Username")
        for line, (sis_id, school, first, last, email, username) in people.rows(columns):
            seen += 1
            if not (first or last):
                sink.reject(
                    Kind.USERS,
                    Reject(
                        people.shown,
                        line,
                        "First_name",
                        "missing_value",
                        "The row names nobody. Fill in First_name and Last_name.",
                    ),
                )
                continue
            # Ids of students and teachers are counted separately by some student information systems.
            row = Person(sis_id, first, last, email, username, role, school_ids=(school,) if school else ())
            sink.person(row, Where(people.shown, line, id_column))
        return seen

    @staticmethod
    def _staff(file: RosterFile, sink: Sink) -> None:
        staff = table(file, Kind.USERS, sink)
        staff.require(["Staff_id", "First_name", "Last_name"])
        columns = ("Staff_id", "School_id", "First_name", "Last_name", "Staff_email", "Username")
        for line, (sis_id, school, first, last, email, username) in staff.rows(columns):
            row = Person(
                sis_id, first, last, email, username, Role.ADMINISTRATOR, school_ids=(school,) if school else ()
            )
            sink.person(row, Where(staff.shown, line, "Staff_id"))

    @staticmethod
    def _sections(file: RosterFile, sink: Sink) -> None:
        sections = table(file, Kind.CLASSES, sink)
        sections.require(["School_id", "Section_id", "Teacher_id"])
        columns = (
            "Section_id",
            "School_id",
            "Name",
            "Course_name",
            "Section_number",
            "Period",
            "Term_name",
            *_TEACHER_COLUMNS,
        )
        for line, (section, school, name, course, number, period, term, *teachers) in sections.rows(columns):
            where = Where(sections.shown, line, "Section_id")
            title = (
                name
                or " – ".join(part for part in (course, f"Period {period}" if period else number) if part)
                or section
            )
            sink.school_class(ClassRow(section, title, school, course, number, term), where)
            for column, teacher in zip(_TEACHER_COLUMNS, teachers, strict=True):
                if teacher and section:
                    sink.enrollment(section, teacher, "teacher", where, user_column=column, class_column="Section_id")

    @staticmethod
    def _enrollments(file: RosterFile, sink: Sink) -> None:
        enrollments = table(file, Kind.ENROLLMENTS, sink)
        enrollments.require(["Section_id", "Student_id"])
        for line, (section, student) in enrollments.rows(["Section_id", "Student_id"]):
            sink.enrollment(
                section,
                student,
                "student",
                Where(enrollments.shown, line),
                user_column="Student_id",
                class_column="Section_id",
            )
