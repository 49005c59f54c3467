"""Rows in blocks, a school's at a time, for files of whatever format: memory holds one school, not the district."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from benchmarks.shape import CLASSES_PER_STUDENT, SUBJECTS, District, Person, School

BEGINS, ENDS = "2026-08-17", "2027-06-04"
"""The first and the last day of the school year."""
SCHOOL_YEAR = "2026-2027"

type Role = Literal["student", "teacher", "administrator"]
type PersonRow = Callable[[Person, str, Role], str]
"""The row of a person, given the id of the school (of the district, for an administrator) and the role."""
type ClassRow = Callable[[School, int, str], str]
"""The row of a class, given its school, number and title."""
type EnrollmentRow = Callable[[int, str, str, str], str]
"""The row of an enrollment, given its number and the ids of class, school and person. Called millions of times."""


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A file to write: its header, and its rows in blocks, each row with its line end."""

    name: str
    header: str
    blocks: Iterable[str]


def students(district: District, row: PersonRow) -> Iterator[str]:
    for school in district.schools():
        yield "".join(row(district.student(number), school.id, "student") for number in school.students)


def teachers(district: District, row: PersonRow) -> Iterator[str]:
    for school in district.schools():
        yield "".join(row(district.staff(number), school.id, "teacher") for number in school.teachers)


def administrators(district: District, row: PersonRow) -> Iterator[str]:
    yield "".join(row(district.staff(number), district.id, "administrator") for number in district.administrators())


def everybody(district: District, row: PersonRow) -> Iterator[str]:
    """School by school, teachers before students; administrators last."""
    yield from by_school(teachers(district, row), students(district, row))
    yield from administrators(district, row)


def classes(district: District, row: ClassRow) -> Iterator[str]:
    for school in district.schools():
        yield "".join(
            row(school, number, f"{SUBJECTS[index // school.groups]} - {index % school.groups + 1}")
            for index, number in enumerate(school.classes)
        )


def student_enrollments(district: District, row: EnrollmentRow) -> Iterator[str]:
    for school in district.schools():
        rows = []
        class_ids = [district.class_id(number) for number in school.classes]
        for place, number in enumerate(school.students):
            person = district.user_id(number)
            for period in range(CLASSES_PER_STUDENT):
                class_id = class_ids[school.class_at(place, period)]
                rows.append(row(number * CLASSES_PER_STUDENT + period, class_id, school.id, person))
        yield "".join(rows)


def teacher_enrollments(district: District, row: EnrollmentRow) -> Iterator[str]:
    """Each class's teacher; their numbers begin after those of the students."""
    after = district.shape.students * CLASSES_PER_STUDENT
    for school in district.schools():
        yield "".join(
            row(after + number, district.class_id(number), school.id, district.user_id(school.teacher_of(number)))
            for number in school.classes
        )


def by_school(*several: Iterator[str]) -> Iterator[str]:
    """One file out of blocks of different kinds, school by school."""
    for blocks in zip(*several, strict=True):
        yield from blocks
