"""Generated districts: how many people, schools and classes they have, and who is in which. Everything follows from a
number and the seed, so that nothing is kept and any person can be computed alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import gcd
from random import Random

FORMATS = ("oneroster-1.1", "oneroster-1.2", "clever", "sds-1", "sds-2.1")
FEWEST_PEOPLE, MOST_PEOPLE = 100, 1_000_000
PEOPLE_PER_SCHOOL = 600
STUDENTS_PER_TEACHER = 15
STUDENTS_PER_CLASS = 30
CLASSES_PER_STUDENT = 7
SUBJECTS = ("Algebra 1", "Biology", "English 2", "World History", "Spanish", "Art & Design", "Physical Education")
"""What is taught in each of the periods; a student has one class in each."""

GIVEN_NAMES = (
    "José", "Ada", "美咲", "Kofi", '"Kim, Ann"', "Zoë", "Mateo", "Priya", '"William ""Bill"""', "Nadia", "Yusuf", "Tess",
    "André", "Linh", "Omar", "Björn", "Rosa", "Jae-won", "Mary Lou", "D'Arcy", "Ivo", "Chloé", "Sami",
)  # fmt: skip
FAMILY_NAMES = (
    "O'Brien", "Núñez", "Okafor", "田中", "Smith-Jones", "Nguyễn", "de la Cruz", "Haddad", "Müller", "Park", "Silva", "Quispe",
    "Łukasik", "Rossi", '"King, Jr."', "Yilmaz", "Berg", "Abara", "Tanaka",
)  # fmt: skip
"""Names as they stand in a CSV file: those that need quotes have them."""

_GOLDEN = 0x9E3779B97F4A7C15
_WORD = (1 << 64) - 1
_GUID = (1 << 128) - 1
_SIS_NUMBERS = 9_000_000
_CLASS_NUMBERS_PER_SCHOOL = 1_000


@dataclass(frozen=True)
class Shape:
    """A district to generate. The same shape gives the same bytes.

    people: how many, 100 to 1,000,000: a teacher to 15 students and a handful of administrators.
    format: one of FORMATS.
    faults: names of what is wrong with the files (benchmarks.faults.FAULTS); none for a clean roster.
    change: the share of the people (0 to 1) whose given name is another one than with a change of 0: the next night's
        roster.
    domain: that of the official addresses, ``{id}@{domain}``.

    There are schools of about 600 people, at least two. Each student is enrolled in seven classes of about 30, and each
    class has one teacher, whose enrollment comes on top: 6.8 enrollments per person.
    """

    people: int
    seed: int = 1
    format: str = "oneroster-1.1"
    faults: tuple[str, ...] = ()
    change: float = 0.0
    domain: str = "lakeside.example"

    def __post_init__(self) -> None:
        if not FEWEST_PEOPLE <= self.people <= MOST_PEOPLE:
            raise ValueError(f"people must be {FEWEST_PEOPLE} to {MOST_PEOPLE}, not {self.people}")
        if self.format not in FORMATS:
            raise ValueError(f"format must be one of {', '.join(FORMATS)}, not {self.format}")
        if not 0 <= self.change <= 1:
            raise ValueError(f"change must be a share from 0 to 1, not {self.change}")

    @property
    def is_oneroster(self) -> bool:
        return self.format.startswith("oneroster")

    @property
    def administrators(self) -> int:
        """School Data Sync v1 has no file for them."""
        return 0 if self.format == "sds-1" else 3 + self.people // 100_000

    @property
    def teachers(self) -> int:
        return (self.people - self.administrators) // (1 + STUDENTS_PER_TEACHER)

    @property
    def students(self) -> int:
        return self.people - self.administrators - self.teachers

    @property
    def schools(self) -> int:
        return max(2, round(self.people / PEOPLE_PER_SCHOOL))

    @property
    def changed_people(self) -> int:
        """How many people have another given name than with a change of 0."""
        return round(self.change * self.people)


@dataclass(frozen=True, slots=True)
class Person:
    """A roster user. ``number`` counts all people of the district, students first; names stand as in a CSV file."""

    number: int
    id: str
    given_name: str
    family_name: str
    grade: str = ""


@dataclass(frozen=True, slots=True)
class School:
    """A school: which of the district's people and classes are its own. Ranges are of numbers."""

    number: int
    id: str
    name: str
    students: range
    teachers: range
    groups: int
    """How many classes of a subject there are."""

    @property
    def classes(self) -> range:
        first = self.number * _CLASS_NUMBERS_PER_SCHOOL
        return range(first, first + self.groups * CLASSES_PER_STUDENT)

    def class_at(self, place: int, period: int) -> int:
        """Which of the school's classes (0 …) the student at this place (0 …) has in this period (0 … 6).

        Every class is about as full as every other, and classmates differ from period to period.
        """
        students = len(self.students)
        return period * self.groups + (place + 11 * period) % students * self.groups // students

    def subject_of(self, class_number: int) -> int:
        """Which of SUBJECTS is taught in this class."""
        return class_number % _CLASS_NUMBERS_PER_SCHOOL // self.groups

    def teacher_of(self, class_number: int) -> int:
        """The number of the person who teaches this class."""
        return self.teachers[class_number % len(self.teachers)]


class District:
    """The people and schools of a shape, computed as they are asked for.

    ``schools_kept`` are the numbers of those that are in the roster: all of them, but for a fault.
    """

    def __init__(self, shape: Shape, schools_kept: range | None = None) -> None:
        self.shape = shape
        self.schools_kept = range(shape.schools) if schools_kept is None else schools_kept
        draw = Random(f"district {shape.seed}")
        self.number = draw.randrange(100_000, 1_000_000)
        self._name_draw = draw.getrandbits(64)
        self._changed_from = draw.randrange(shape.people)
        ids = guids if shape.is_oneroster else sis_numbers
        self.user_id = ids(shape.seed, "user")
        self.class_id = ids(shape.seed, "class")
        self.course_id = ids(shape.seed, "course")
        self.session_id = ids(shape.seed, "session")
        self.enrollment_id = guids(shape.seed, "enrollment")

    @property
    def id(self) -> str:
        """The district's own organisation."""
        return str(self.number)

    def schools(self) -> Iterator[School]:
        for number in self.schools_kept:
            students = self._share(number, self.shape.students)
            teachers = self._share(number, self.shape.teachers, after=self.shape.students)
            groups = max(1, (len(students) + STUDENTS_PER_CLASS // 2) // STUDENTS_PER_CLASS)
            yield School(number, self.school_id(number), f"Lakeside School {number + 1}", students, teachers, groups)

    def school_id(self, number: int) -> str:
        return f"{self.number}{number + 1:04d}"

    def counts(self) -> dict[str, int]:
        """What the report of a clean import counts as read."""
        users, classes, enrollments = len(self.administrators()), 0, 0
        for school in self.schools():
            users += len(school.students) + len(school.teachers)
            classes += len(school.classes)
            enrollments += len(school.students) * CLASSES_PER_STUDENT + len(school.classes)
        return {"users": users, "classes": classes, "enrollments": enrollments}

    def administrators(self) -> range:
        """Their numbers; they work for the district and not for one of its schools."""
        return range(self.shape.students + self.shape.teachers, self.shape.people)

    def student(self, number: int) -> Person:
        return self._person(number, f"{6 + number % 7:02d}")

    def staff(self, number: int) -> Person:
        """A teacher or an administrator."""
        return self._person(number, "")

    def is_changed(self, number: int) -> bool:
        """Whether this person has another given name than with a change of 0; they are spread evenly."""
        changed, people = self.shape.changed_people, self.shape.people
        place = (number + self._changed_from) % people
        return changed > 0 and (place + 1) * changed // people > place * changed // people

    def _person(self, number: int, grade: str) -> Person:
        mixed = (number * _GOLDEN + self._name_draw) & _WORD
        given = (mixed >> 40) + self.is_changed(number)
        family = (mixed >> 16) & 0xFFFFFF
        return Person(
            number,
            self.user_id(number),
            GIVEN_NAMES[given % len(GIVEN_NAMES)],
            FAMILY_NAMES[family % len(FAMILY_NAMES)],
            grade,
        )

    def _share(self, school: int, of: int, *, after: int = 0) -> range:
        schools = self.shape.schools
        return range(after + of * school // schools, after + of * (school + 1) // schools)


type Ids = Callable[[int], str]
"""The id of the thing with this number; no two are equal."""


def guids(seed: int, kind: str) -> Ids:
    """Ids of 36 characters that look drawn."""
    draw = Random(f"guids {seed} {kind}")
    factor, start = draw.getrandbits(128) | 1, draw.getrandbits(128)

    def guid(number: int) -> str:
        text = f"{(number * factor + start) & _GUID:032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    return guid


def sis_numbers(seed: int, kind: str) -> Ids:
    """Ids of seven digits, as student information systems count."""
    draw = Random(f"numbers {seed} {kind}")
    start, factor = draw.randrange(_SIS_NUMBERS), 0
    while gcd(factor, _SIS_NUMBERS) != 1:
        factor = draw.randrange(_SIS_NUMBERS)

    def sis_number(number: int) -> str:
        return str(1_000_000 + (number * factor + start) % _SIS_NUMBERS)

    return sis_number
