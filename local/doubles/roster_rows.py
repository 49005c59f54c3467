"""Rows of a roster's CSV files as APIs give them: OneRoster's, and Clever's."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

type Row = dict[str, Any]
type Rows = dict[str, list[Row]]

_LISTS = ("grades", "subjects", "subjectCodes", "periods", "resources")
_REFERENCES = {
    "parentSourcedId": "parent", "orgSourcedId": "org", "courseSourcedId": "course", "schoolSourcedId": "school",
    "classSourcedId": "class", "userSourcedId": "user", "primaryOrgSourcedId": "primaryOrg", "schoolYearSourcedId": "schoolYear",
}  # fmt: skip
_LISTS_OF_REFERENCES = {"termSourcedIds": "terms", "orgSourcedIds": "orgs", "agentSourcedIds": "agents"}
_TYPES = {
    "parent": "org", "org": "org", "course": "course", "school": "org", "class": "class", "user": "user", "primaryOrg": "org",
    "schoolYear": "academicSession", "terms": "academicSession", "orgs": "org", "agents": "user",
}  # fmt: skip
_NAMES_OF_REST = {"preferredGivenName": "preferredFirstName", "preferredFamilyName": "preferredLastName"}
_WORDS = ("primary", "beginDate", "endDate", "classType")
"""Of a vocabulary, or dates: an empty one is left out."""
_FILES = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments")
_USER_ID = re.compile(r"\{([^:{}]*):([^{}]*)\}")


def table(files: Mapping[str, bytes], stem: str) -> list[dict[str, str]]:
    """The rows of a CSV file, whatever the case of its name; none where it is not there."""
    body = next((body for name, body in files.items() if name.rpartition("/")[2].lower() == f"{stem.lower()}.csv"), b"")
    return [dict(row) for row in csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""))]


def oneroster_rows(files: Mapping[str, bytes], version: str) -> Rows:
    """What a OneRoster provider has of these files."""
    rows = {stem: [_oneroster(stem, row) for row in table(files, stem)] for stem in _FILES}
    if version == "1.2":
        by_user: dict[str, list[Row]] = {}
        for role in table(files, "roles"):
            by_user.setdefault(role["userSourcedId"], []).append(_role(role))
        for user in rows["users"]:
            user["roles"] = by_user.get(user["sourcedId"], [])
            user.pop("role", None)
    return rows


def _oneroster(stem: str, row: Mapping[str, str]) -> Row:
    made: Row = {"status": "active", "dateLastModified": "2026-08-01T02:00:00.000Z"}
    for name, value in row.items():
        if name in ("status", "dateLastModified"):
            made[name] = value or made[name]
        elif name in _REFERENCES and not (stem == "academicSessions" and name == "schoolYear"):
            if value:
                kind = "academicSession" if stem == "academicSessions" else _TYPES[_REFERENCES[name]]
                made[_REFERENCES[name]] = _reference(value, kind)
        elif name in _LISTS_OF_REFERENCES:
            listed = _LISTS_OF_REFERENCES[name]
            made[listed] = [_reference(each, _TYPES[listed]) for each in _split(value)]
        elif name == "userIds":
            made[name] = [{"type": kind, "identifier": number} for kind, number in _USER_ID.findall(value)]
        elif name in _LISTS:
            made[name] = _split(value)
        elif name == "enabledUser":
            made[name] = "false" if value.strip().lower() == "false" else "true"
        elif name and not name.startswith("metadata") and (value or name not in _WORDS):
            made[_NAMES_OF_REST.get(name, name)] = value
    return made


def _role(row: Mapping[str, str]) -> Row:
    dates = {name: row[name] for name in ("beginDate", "endDate") if row.get(name)}
    return {"roleType": row["roleType"], "role": row["role"], "org": _reference(row["orgSourcedId"], "org"), **dates}


def _reference(sourced_id: str, kind: str) -> Row:
    return {"href": f"https://elsewhere.example/{quote(sourced_id)}", "sourcedId": sourced_id, "type": kind}


def _split(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def clever_id(kind: str, number: str) -> str:
    """An id as Clever gives it to somebody of this number."""
    return hashlib.sha256(f"{kind} {number}".encode()).hexdigest()[:24]


def clever_rows(files: Mapping[str, bytes], district_id: str) -> Rows:
    """What Clever has of these files."""
    rows: Rows = {"schools": [], "terms": [], "courses": [], "users": [], "sections": []}
    for row in table(files, "schools"):
        number = row["School_id"]
        rows["schools"].append(
            {
                "id": clever_id("school", number), "district": district_id, "sis_id": number, "name": row["School_name"],
                "school_number": row.get("School_number", ""), "state_id": row.get("State_id", ""),
            }
        )  # fmt: skip
    rows["users"] = [
        *_people(files, "students", "Student_id", "Student_email", "student"),
        *_people(files, "teachers", "Teacher_id", "Teacher_email", "teacher"),
        *_people(files, "staff", "Staff_id", "Staff_email", "staff"),
    ]
    _sections(files, rows)
    return rows


def _people(files: Mapping[str, bytes], stem: str, number: str, email: str, role: str) -> Iterator[Row]:
    found: dict[str, Row] = {}
    for row in table(files, stem):
        sis_id, school = row[number], clever_id("school", row.get("School_id", ""))
        known = found.setdefault(
            sis_id,
            {
                "id": clever_id(role, sis_id),
                "name": {"first": row["First_name"], "last": row["Last_name"], "middle": row.get("Middle_name", "")},
                "email": row.get(email, ""),
                "roles": {role: _of_role(row, role, sis_id, school)},
            },
        )
        told = known["roles"][role]
        told["schools"] = list(dict.fromkeys([*told["schools"], school]))
    yield from found.values()


def _of_role(row: Mapping[str, str], role: str, sis_id: str, school: str) -> Row:
    return {
        ("staff_id" if role == "staff" else "sis_id"): sis_id,
        "school": school,
        "schools": [school],
        "grade": row.get("Grade", ""),
        "title": row.get("Role", "") or row.get("Title", ""),
        "dob": row.get("DOB", ""),
        "credentials": {"district_username": row.get("Username", ""), "district_password": row.get("Password", "")},
    }


def _sections(files: Mapping[str, bytes], rows: Rows) -> None:
    students: dict[str, list[str]] = {}
    for row in table(files, "enrollments"):
        students.setdefault(row["Section_id"], []).append(clever_id("student", row["Student_id"]))
    terms, courses = dict[str, Row](), dict[str, Row]()
    for row in table(files, "sections"):
        teachers = [
            number for column, number in row.items() if re.fullmatch(r"Teacher_(\d+_)?id", column or "") and number
        ]
        section: Row = {
            "id": clever_id("section", row["Section_id"]), "sis_id": row["Section_id"], "name": row.get("Name", ""),
            "school": clever_id("school", row["School_id"]), "section_number": row.get("Section_number", ""),
            "period": row.get("Period", ""), "subject": row.get("Subject", ""), "grade": row.get("Grade", ""),
            "teachers": [clever_id("teacher", number) for number in teachers],
            "students": list(dict.fromkeys(students.get(row["Section_id"], []))),
        }  # fmt: skip
        if teachers:
            section["teacher"] = clever_id("teacher", teachers[0])
        if term := row.get("Term_name", ""):
            key = clever_id("term", f"{term} {row.get('Term_start')} {row.get('Term_end')}")
            terms[key] = {
                "id": key,
                "name": term,
                "start_date": row.get("Term_start", ""),
                "end_date": row.get("Term_end", ""),
            }
            section["term_id"] = key
        if course := row.get("Course_name", ""):
            key = clever_id("course", f"{course} {row.get('Course_number')}")
            courses[key] = {"id": key, "name": course, "number": row.get("Course_number", "")}
            section["course"] = key
        rows["sections"].append(section)
    rows["terms"], rows["courses"] = list(terms.values()), list(courses.values())


def by_role(rows: Sequence[Row], role: str) -> list[Row]:
    """The people of a role."""
    return [row for row in rows if role in row["roles"]]
