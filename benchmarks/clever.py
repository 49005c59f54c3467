"""Clever CSV."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import rows
from benchmarks.rows import SCHOOL_YEAR, CsvFile
from benchmarks.shape import SUBJECTS, District, Person, School

_SCHOOLS = "School_id,School_name,School_number,State_id,Low_grade,High_grade,Principal,Principal_email"
_STUDENTS = (
    "School_id,Student_id,Student_number,State_id,Last_name,Middle_name,First_name,Grade,Gender,DOB,Student_email,"
    "Username,Password"
)
_TEACHERS = (
    "School_id,Teacher_id,Teacher_number,State_teacher_id,Teacher_email,First_name,Middle_name,Last_name,Title,Username,"
    "Password"
)
_STAFF = "School_id,Staff_id,Staff_email,First_name,Last_name,Department,Title,Username,Password,Role"
_SECTIONS = (
    "School_id,Section_id,Teacher_id,Teacher_2_id,Section_number,Name,Grade,Course_name,Course_number,"
    "Course_description,Period,Subject,Term_name,Term_start,Term_end"
)
_ENROLLMENTS = "School_id,Section_id,Student_id"


def bulk(district: District) -> Iterator[CsvFile]:
    """The whole roster; a class's teacher stands in its section and has no row in ``enrollments.csv``."""
    domain = district.shape.domain

    def student(person: Person, school_id: str, _: str) -> str:
        return (
            f"{school_id},{person.id},{person.number},,{person.family_name},,{person.given_name},{person.grade},,,"
            f"{person.id}@{domain},s{person.number},\n"
        )

    def teacher(person: Person, school_id: str, _: str) -> str:
        return (
            f"{school_id},{person.id},{person.number},,{person.id}@{domain},{person.given_name},,{person.family_name},"
            f"Teacher,t{person.number},\n"
        )

    def administrator(person: Person, _: str, __: str) -> str:
        return (
            f",{person.id},{person.id}@{domain},{person.given_name},{person.family_name},Administration,Director,"
            f"a{person.number},,District Admin\n"
        )

    def section(school: School, number: int, title: str) -> str:
        subject = school.subject_of(number)
        return (
            f"{school.id},{district.class_id(number)},{district.user_id(school.teacher_of(number))},,{number},{title},,"
            f"{SUBJECTS[subject]},C{subject + 1:03d},,{subject + 1},{SUBJECTS[subject]},{SCHOOL_YEAR},8/17/2026,6/4/2027\n"
        )

    def enrollment(_: int, class_id: str, school_id: str, person: str) -> str:
        return f"{school_id},{class_id},{person}\n"

    yield CsvFile("schools.csv", _SCHOOLS, _schools(district))
    yield CsvFile("students.csv", _STUDENTS, rows.students(district, student))
    yield CsvFile("teachers.csv", _TEACHERS, rows.teachers(district, teacher))
    yield CsvFile("staff.csv", _STAFF, rows.administrators(district, administrator))
    yield CsvFile("sections.csv", _SECTIONS, rows.classes(district, section))
    yield CsvFile("enrollments.csv", _ENROLLMENTS, rows.student_enrollments(district, enrollment))


def _schools(district: District) -> Iterator[str]:
    for school in district.schools():
        yield f"{school.id},{school.name},{school.number + 1},{school.id},6,12,,\n"
