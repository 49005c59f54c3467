"""A made-up district: people, classes, a roster in OneRoster 1.2 and existing accounts. The same seed makes the same district."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

DISTRICT_ID = "riverbend"
DOMAIN = "riverbend.example"
CLEVER_DISTRICT = "58da8c6b894273be68000042"
PASSWORD = "Correct horse 9 battery"

_GIVEN = (
    "Ada Amir Ana Aiko Ben Bola Carla Chen Dana Dev Elif Emil Fay Farid Gus Hana Hugo Ines Ivo Jae Joy "
    "Kofi Lena Li Mara Mateo Mina Nadia Nils Noor Omar Oona Pia Priya Quinn Rafa Rosa Sami Sofia Tariq "
    "Tess Uma Vera Wen Xenia Yara Yusuf Zoe José Zoë"
).split()
_FAMILY = (
    "Abara Berg Castillo Diaz Eriksen Flores Garcia Haddad Ito Jansen Kim Lopez Moreno Nakamura Okafor "
    "Park Quispe Rossi Silva Tanaka Usman Vogel Weber Xu Yilmaz Zhang O'Brien Núñez Smith-Jones "
    "Lindqvist"
).split()
_COURSES = ("Algebra 1", "Biology", "Grade 6 Math", "Geometry", "US History", "Physics")
SKILLS = tuple(f"skill-{n:02d}" for n in range(1, 25))
SKILL_TITLES = (
    "Solve one-step equations", "Solve two-step equations", "Equations with variables on both sides",
    "Slope from a graph", "Slope from two points", "Graph a line", "Write the equation of a line", "Systems by graphing",
    "Systems by substitution", "Factor quadratics", "Add fractions", "Multiply fractions", "Divide fractions", "Ratios",
    "Percent problems", "Area of triangles", "Volume of prisms", "Angles of a triangle", "Pythagorean theorem",
    "Mean and median", "Parts of a cell", "Photosynthesis", "Food webs", "Forces and motion",
)  # fmt: skip
"""What the skills are called, in their order."""


@dataclass(frozen=True, slots=True)
class Protagonist:
    """Somebody whom the journey follows: on the roster, and on an account of their own."""

    sourced_id: str
    name: str
    official_email: str
    account_id: str | None = None
    username: str | None = None
    clever_id: str | None = None
    google_email: str | None = None


@dataclass(slots=True)
class SampleDistrict:
    """All that is uploaded, and the people whom the journey follows."""

    settings: dict[str, Any]
    tables: dict[str, list[list[str]]]
    accounts: list[dict[str, Any]]
    teacher: Protagonist
    google_teacher: Protagonist
    matched_teacher: Protagonist
    matched_student: Protagonist
    choosing_student: Protagonist
    administrator: Protagonist
    teacher_to_try: Protagonist
    """A teacher and a student whom the journey leaves alone: who tries the demo is one of them."""
    student_to_try: Protagonist
    teachers: int = 0
    expected_mails: int = 0
    logins: dict[str, str] = field(default_factory=dict)
    """username → account id of those who can log in with PASSWORD."""

    def roster_zip(self) -> bytes:
        return zipped({name: as_csv(rows) for name, rows in self.tables.items()})

    def accounts_jsonl(self) -> bytes:
        return _json_lines(self.accounts)

    def skills_jsonl(self) -> bytes:
        return _json_lines(
            {"skill_id": skill, "title": title} for skill, title in zip(SKILLS, SKILL_TITLES, strict=True)
        )


def _json_lines(lines: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)


def as_csv(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return packed.getvalue()


def make(seed: int = 7, *, teachers: int = 18, students: int = 260) -> SampleDistrict:
    """A district; the same seed makes the same one."""
    maker = _Maker(Random(seed), teachers, students)
    return maker.district()


class _Maker:
    def __init__(self, random: Random, teachers: int, students: int) -> None:
        self._random = random
        self._teachers = [self._person("t", n) for n in range(1, teachers + 1)]
        self._students = [self._person("s", n) for n in range(1, students + 1)]
        self._administrators = [self._person("a", 1)]
        self._accounts: list[dict[str, Any]] = []
        self._logins: dict[str, str] = {}
        self._class_students: dict[str, list[str]] = {}
        self._class_teacher: dict[str, str] = {}

    def _person(self, kind: str, number: int) -> dict[str, str]:
        given, family = self._random.choice(_GIVEN), self._random.choice(_FAMILY)
        plain = "".join(
            c
            for c in f"{given}.{family}".lower().replace("é", "e").replace("ë", "e").replace("ú", "u").replace("ñ", "n")
            if c.isascii() and (c.isalnum() or c == ".")
        )
        return {
            "id": f"{kind}{number:04d}",
            "given": given,
            "family": family,
            "email": f"{plain}.{kind}{number}@{DOMAIN}",
            "clever": f"{self._random.getrandbits(96):024x}",
        }

    def district(self) -> SampleDistrict:
        self._classes()
        teacher = self._teacher_with_own_account(self._teachers[0], google=False)
        google_teacher = self._teacher_with_own_account(self._teachers[1], google=True)
        matched = []
        for person in self._teachers[2:6]:
            matched.append(self._account(person, "teacher", verified=True))
        squatter = self._teachers[6]
        self._accounts.append(
            _line("acc-squatter", "teacher", "Somebody", "somebody", squatter["email"], verified=False)
        )
        by_clever, by_choice = self._students[0], self._students[1]
        for person in self._students[2:60]:
            self._account(person, "student", verified=True)
        sample = SampleDistrict(
            settings={
                "name": "Riverbend Unified School District",
                "email_domains": [DOMAIN],
                "time_zone": "America/Chicago",
                "locale": "en",
                "support_url": "https://help.riverbend.example/",
                "clever_district_id": CLEVER_DISTRICT,
                "nudges": {
                    "first_after_days": 0,
                    "quiet_hours": [],
                    "repeat_after_days": [14, 30, 60],
                    "school_days": ("mon tue wed thu fri sat sun").split(),
                },
            },
            tables=self._tables(),
            accounts=self._accounts,
            teacher=teacher,
            google_teacher=google_teacher,
            matched_teacher=matched[0],
            matched_student=self._student_account(by_clever, with_clever=True),
            choosing_student=self._student_account(by_choice, with_clever=False),
            administrator=_protagonist(self._administrators[0]),
            teacher_to_try=self._teacher_with_own_account(self._teachers[7], google=False),
            student_to_try=self._student_account(self._students[60], with_clever=False),
            teachers=len(self._teachers),
            expected_mails=len(self._teachers) - len(matched),
            logins=self._logins,
        )
        self._own_classes(sample)
        return sample

    def _classes(self) -> None:
        number = 0
        for index, teacher in enumerate(self._teachers):
            for _ in range(2):
                number += 1
                key = f"c{number:04d}"
                self._class_teacher[key] = teacher["id"]
                members = self._random.sample(self._students[2:], 24)
                if index == 0:
                    members = self._students[:2] + members[:22]
                self._class_students[key] = [s["id"] for s in members]

    def _account(self, person: dict[str, str], role: str, *, verified: bool) -> Protagonist:
        account_id = f"acc-{person['id']}"
        username = f"{person['given'].lower()}_{person['id']}"
        name = f"{person['given']} {person['family']}"
        self._accounts.append(
            {**_line(account_id, role, name, username, person["email"], verified=verified), "mastery": self._mastery()}
        )
        return _protagonist(person, account_id=account_id, username=username)

    def _teacher_with_own_account(self, person: dict[str, str], *, google: bool) -> Protagonist:
        account_id, username = f"acc-{person['id']}", f"{person['given'].lower()}_teaches_{person['id']}"
        private = f"{username}@mail.example"
        line = _line(account_id, "teacher", f"{person['given']} {person['family']}", username, private, verified=True)
        if google:
            line["google_sub"] = f"google-{private}"
        self._accounts.append(line)
        self._logins[username] = account_id
        return _protagonist(person, account_id=account_id, username=username, google_email=private if google else None)

    def _student_account(self, person: dict[str, str], *, with_clever: bool) -> Protagonist:
        account_id, username = f"acc-{person['id']}", f"{person['given'].lower()}_{person['id']}"
        line = _line(account_id, "student", f"{person['given']} {person['family']}", username, None, verified=False)
        line["clever_id"] = person["clever"] if with_clever else None
        line["mastery"] = self._mastery()
        self._accounts.append(line)
        self._logins[username] = account_id
        return _protagonist(person, account_id=account_id, username=username)

    def _mastery(self) -> dict[str, Any]:
        return {
            skill: {"points": self._random.choice((20, 40, 60, 80, 100)), "updated_at": "2026-05-14T15:00:00Z"}
            for skill in self._random.sample(SKILLS, 10)
        }

    def _own_classes(self, sample: SampleDistrict) -> None:
        """The protagonists' teacher had these students in a class of her own before."""
        students = [sample.matched_student.account_id, sample.choosing_student.account_id]
        goal = {"goal_id": "goal-1", "title": "Linear equations", "skill_ids": list(SKILLS[:6])}
        for line in self._accounts:
            if line["account_id"] == sample.teacher.account_id:
                line["classes"] = [
                    {
                        "class_id": "own-algebra",
                        "name": "Period 3 Algebra",
                        "created_at": "2025-08-20T14:00:00Z",
                        "last_activity_at": "2026-05-28T16:00:00Z",
                        "student_account_ids": students,
                        "goals": [goal],
                        "assignments": [
                            {
                                "assignment_id": "a-1",
                                "title": "Slope quiz",
                                "content_id": "slope-1",
                                "scores": {students[0]: 90, students[1]: 70},
                            }
                        ],
                    },
                    {
                        "class_id": "own-club",
                        "name": "Math Club",
                        "created_at": "2024-09-01T14:00:00Z",
                        "last_activity_at": "2025-05-28T16:00:00Z",
                        "student_account_ids": students[:1],
                        "goals": [],
                        "assignments": [],
                    },
                ]
            if line["account_id"] == sample.teacher_to_try.account_id:
                line["classes"] = [_class_to_try(sample)]
            if line["account_id"] in (*students, sample.student_to_try.account_id):
                line["mastery"] |= {skill: {"points": 50, "updated_at": "2026-05-14T15:00:00Z"} for skill in SKILLS[:6]}

    def _tables(self) -> dict[str, list[list[str]]]:
        people = [*self._teachers, *self._students, *self._administrators]
        roles = {"t": "teacher", "s": "student", "a": "districtAdministrator"}
        users = [
            [
                p["id"],
                "",
                "",
                "true",
                p["email"].split("@")[0],
                f"{{Clever:{p['clever']}}}" if p["id"].startswith("s") else "",
                p["given"],
                p["family"],
                "",
                "",
                p["email"],
                "",
                "",
                "",
                "",
                "",
                "",
                "",
                "",
                "",
                "",
                "school-1",
                "",
            ]
            for p in people
        ]
        enrollments = []
        for key, teacher in self._class_teacher.items():
            enrollments.append([f"e-{key}-{teacher}", "", "", key, "school-1", teacher, "teacher", "true", "", ""])
            enrollments += [
                [f"e-{key}-{s}", "", "", key, "school-1", s, "student", "false", "", ""]
                for s in self._class_students[key]
            ]
        return {
            "manifest.csv": [
                ["propertyName", "value"],
                ["manifest.version", "1.0"],
                ["oneroster.version", "1.2"],
                *(
                    [f"file.{name}", mode]
                    for name, mode in (
                        ("academicSessions", "bulk"),
                        ("orgs", "bulk"),
                        ("courses", "bulk"),
                        ("classes", "bulk"),
                        ("users", "bulk"),
                        ("roles", "bulk"),
                        ("enrollments", "bulk"),
                        ("demographics", "absent"),
                    )
                ),
            ],
            "academicSessions.csv": [
                ("sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear").split(
                    ","
                ),
                ["term-1", "", "", "Fall 2026", "semester", "2026-08-17", "2026-12-19", "", "2027"],
            ],
            "orgs.csv": [
                ("sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId").split(","),
                ["school-1", "", "", "Riverbend Middle School", "school", "", ""],
            ],
            "courses.csv": [
                (
                    "sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects,"
                    "subjectCodes"
                ).split(","),
                *([f"course-{n}", "", "", "", title, "", "", "school-1", "", ""] for n, title in enumerate(_COURSES)),
            ],
            "classes.csv": [
                (
                    "sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,"
                    "schoolSourcedId,termSourcedIds,subjects,subjectCodes,periods"
                ).split(","),
                *(
                    [
                        key,
                        "",
                        "",
                        f"{_COURSES[n % len(_COURSES)]} – {n % 7 + 1}",
                        "",
                        f"course-{n % len(_COURSES)}",
                        "",
                        "scheduled",
                        "",
                        "school-1",
                        "term-1",
                        "",
                        "",
                        "",
                    ]
                    for n, key in enumerate(self._class_teacher)
                ),
            ],
            "users.csv": [
                (
                    "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,middleName,"
                    "identifier,email,sms,phone,agentSourcedIds,grades,password,userMasterIdentifier,resourceSourcedIds,"
                    "preferredGivenName,preferredMiddleName,preferredFamilyName,primaryOrgSourcedId,pronouns"
                ).split(","),
                *users,
            ],
            "roles.csv": [
                (
                    "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,"
                    "userProfileSourcedId"
                ).split(","),
                *(
                    [f"r-{p['id']}", "", "", p["id"], "primary", roles[p["id"][0]], "", "", "school-1", ""]
                    for p in people
                ),
            ],
            "enrollments.csv": [
                (
                    "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,"
                    "beginDate,endDate"
                ).split(","),
                *enrollments,
            ],
        }


def _class_to_try(sample: SampleDistrict) -> dict[str, Any]:
    """The class that the teacher to try had before, with the student to try in it."""
    student = sample.student_to_try.account_id
    return {
        "class_id": "own-biology",
        "name": "Biology, 2nd period",
        "created_at": "2025-08-20T14:00:00Z",
        "last_activity_at": "2026-05-28T16:00:00Z",
        "student_account_ids": [student],
        "goals": [{"goal_id": "goal-2", "title": "Cells and energy", "skill_ids": list(SKILLS[:6])}],
        "assignments": [
            {"assignment_id": "a-2", "title": "Cell quiz", "content_id": "cell-1", "scores": {student: 85}}
        ],
    }


def _line(account_id: str, role: str, name: str, username: str, email: str | None, *, verified: bool) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "role": role,
        "display_name": name,
        "username": username,
        "email": email,
        "email_verified": verified,
        "google_sub": None,
        "clever_id": None,
        "created_at": "2024-09-01T14:00:00Z",
        "mastery": {},
        "classes": [],
    }


def _protagonist(
    person: dict[str, str],
    *,
    account_id: str | None = None,
    username: str | None = None,
    google_email: str | None = None,
) -> Protagonist:
    return Protagonist(
        person["id"],
        f"{person['given']} {person['family']}",
        person["email"],
        account_id,
        username,
        person["clever"],
        google_email,
    )
