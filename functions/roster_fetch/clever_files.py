"""Rows of Clever's Data API as Clever's CSV files, under the numbers that the district's own files have (``sis_id``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from functions.roster_fetch.csv_files import CsvFiles, Parts
from shared.hubs.roster_api import Row

type Rows = Callable[[str], Iterator[Row]]
"""The rows of a collection, each once."""

_MOST_TEACHERS = 10
_STUDENTS_AT_ONCE = 100_000
"""Whose numbers are in memory together."""
_SCHOOLS = ("School_id", "School_name", "School_number", "State_id")
_STUDENTS = (
    "School_id", "Student_id", "Student_number", "State_id", "Last_name", "Middle_name", "First_name", "Grade", "Student_email",
    "Username",
)  # fmt: skip
_TEACHERS = (
    "School_id", "Teacher_id", "Teacher_number", "State_teacher_id", "Last_name", "Middle_name", "First_name", "Teacher_email",
    "Title", "Username",
)  # fmt: skip
_STAFF = ("School_id", "Staff_id", "Staff_email", "First_name", "Last_name", "Title", "Username", "Role")
_SECTIONS = (
    "School_id", "Section_id", "Teacher_id", *(f"Teacher_{n}_id" for n in range(2, _MOST_TEACHERS + 1)), "Section_number",
    "Name", "Grade", "Course_name", "Course_number", "Period", "Subject", "Term_name", "Term_start", "Term_end",
)  # fmt: skip
_ENROLLMENTS = ("School_id", "Section_id", "Student_id")


@dataclass(frozen=True, slots=True)
class _Numbers:
    """The district's own numbers, by Clever's ids."""

    schools: Mapping[str, str]
    teachers: Mapping[str, str]


def write_clever(rows: Rows, collections: Sequence[str], students: int, files: CsvFiles) -> None:
    """Write what was fetched of these collections; ``students`` is how many there are.

    An id in a section that is not shared is left out: the district keeps it to itself (Clever's sync troubleshooting)."""
    schools = {str(row["id"]): str(row["sis_id"] or row["id"]) for row in rows("schools")}
    files.write("schools.csv", _SCHOOLS, map(_school, rows("schools")))
    files.write("students.csv", _STUDENTS, _people(rows("students"), schools, _student))
    files.write("teachers.csv", _TEACHERS, _people(rows("teachers"), schools, _teacher))
    teachers = dict(map(_number, rows("teachers")))
    if staff := [name for name in ("staff", "district_admins") if name in collections]:
        files.write("staff.csv", _STAFF, (cells for name in staff for cells in _staff(rows(name), name, schools)))
    numbers = _Numbers(schools, teachers)
    terms = {str(row["id"]): row for row in rows("terms")} if "terms" in collections else {}
    courses = {str(row["id"]): row for row in rows("courses")} if "courses" in collections else {}
    files.write("sections.csv", _SECTIONS, (_section(row, numbers, terms, courses) for row in rows("sections")))
    with files.parts(1 + students // _STUDENTS_AT_ONCE) as parts:
        for row in rows("students"):
            parts.add("students", *_number(row))
        for row in rows("sections"):
            school, section = numbers.schools.get(str(row["school"]), ""), _number(row)[1]
            for student in str(row["students"]).split():
                parts.add("places", student, school, section)
        files.write("enrollments.csv", _ENROLLMENTS, _enrollments(parts))


def _number(row: Row) -> tuple[str, str]:
    """Clever's id, and the district's own number."""
    return str(row["id"]), str(row["sis_id"] or row["id"])


def _school(row: Row) -> Sequence[str]:
    return _texts(row["sis_id"] or row["id"], row["name"], row["school_number"], row["state_id"])


def _people(
    rows: Iterator[Row],
    schools: Mapping[str, str],
    cells: Callable[[Row, str, str], Sequence[str]],
) -> Iterator[Sequence[str]]:
    """A row for each school of a person."""
    for row in rows:
        number = _number(row)[1]
        of = [schools[each] for each in str(row["schools"]).split() if each in schools]
        for school in of or [""]:
            yield cells(row, school, number)


def _student(row: Row, school: str, number: str) -> Sequence[str]:
    return _texts(
        school, number, row["number"], row["state_id"], row["last"], row["middle"], row["first"], row["grade"], row["email"],
        row["username"],
    )  # fmt: skip


def _teacher(row: Row, school: str, number: str) -> Sequence[str]:
    return _texts(
        school, number, row["number"], row["state_id"], row["last"], row["middle"], row["first"], row["email"], row["title"],
        row["username"],
    )  # fmt: skip


def _staff(rows: Iterator[Row], collection: str, schools: Mapping[str, str]) -> Iterator[Sequence[str]]:
    role = "District administrator" if collection == "district_admins" else ""
    for row in rows:
        of = [schools[each] for each in str(row["schools"]).split() if each in schools]
        for school in of or [""]:
            yield _texts(
                school,
                row["sis_id"] or row["id"],
                row["email"],
                row["first"],
                row["last"],
                row["title"],
                row["username"],
                role,
            )


def _section(row: Row, numbers: _Numbers, terms: Mapping[str, Row], courses: Mapping[str, Row]) -> Sequence[str]:
    named = dict.fromkeys([str(row["teacher"]), *str(row["teachers"]).split()])
    teachers = [numbers.teachers[each] for each in named if each in numbers.teachers][:_MOST_TEACHERS]
    teachers += [""] * (_MOST_TEACHERS - len(teachers))
    term, course = terms.get(str(row["term_id"]), {}), courses.get(str(row["course"]), {})
    return _texts(
        numbers.schools.get(str(row["school"]), ""), row["sis_id"] or row["id"], *teachers, row["section_number"], row["name"],
        row["grade"], course.get("name", ""), course.get("number", ""), row["period"], row["subject"], term.get("name", ""),
        term.get("start_date", ""), term.get("end_date", ""),
    )  # fmt: skip


def _enrollments(parts: Parts) -> Iterator[Sequence[str]]:
    for part in range(parts.number):
        numbers: dict[str, str] = {}
        for student, number in parts.read("students", part):
            numbers[student] = number
        for student, school, section in parts.read("places", part):
            if student in numbers:
                yield school, section, numbers[student]


def _texts(*values: object) -> Sequence[str]:
    return tuple(str(value) for value in values)
