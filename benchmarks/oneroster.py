"""OneRoster 1.1 and 1.2 CSV, bulk and delta."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from benchmarks import rows
from benchmarks.rows import BEGINS, ENDS, SCHOOL_YEAR, CsvFile, PersonRow
from benchmarks.shape import SUBJECTS, District, Person, School, Shape

MODIFIED = "2026-09-02T02:00:00.000Z"
"""When what a delta holds was last modified."""
_TERMS = (
    (SCHOOL_YEAR, "schoolYear", "2026-08-17", "2027-06-05"),
    ("Fall 2026", "semester", "2026-08-17", "2027-01-16"),
    ("Spring 2027", "semester", "2027-01-16", "2027-06-05"),
)

_RECORD = "sourcedId,status,dateLastModified"
_SESSIONS = f"{_RECORD},title,type,startDate,endDate,parentSourcedId,schoolYear"
_ORGS = f"{_RECORD},name,type,identifier,parentSourcedId"
_COURSES = f"{_RECORD},schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects,subjectCodes"
_USERS_1_1 = (
    f"{_RECORD},enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,middleName,identifier,email,sms,"
    "phone,agentSourcedIds,grades,password"
)
_USERS_1_2 = (
    f"{_RECORD},enabledUser,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,"
    "grades,password,userMasterIdentifier,resourceSourcedIds,preferredGivenName,preferredMiddleName,preferredFamilyName,"
    "primaryOrgSourcedId,pronouns"
)
_ROLES = f"{_RECORD},userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,userProfileSourcedId"
_CLASSES = (
    f"{_RECORD},title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId,termSourcedIds,subjects,"
    "subjectCodes,periods"
)
_ENROLLMENTS = f"{_RECORD},classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate"

_WRITTEN = ("academicSessions", "classes", "courses", "enrollments", "orgs", "users")
_IN_A_MANIFEST = {
    "oneroster-1.1": (
        "academicSessions", "categories", "classes", "classResources", "courses", "courseResources", "demographics",
        "enrollments", "lineItems", "orgs", "resources", "results", "users",
    ),
    "oneroster-1.2": (
        "academicSessions", "categories", "classes", "classResources", "courses", "courseResources", "demographics",
        "enrollments", "lineItemLearningObjectiveIds", "lineItems", "lineItemScoreScales", "orgs", "resources",
        "resultLearningObjectiveIds", "results", "resultScoreScales", "roles", "scoreScales", "userProfiles",
        "userResources", "users",
    ),
}  # fmt: skip


def bulk(district: District) -> Iterator[CsvFile]:
    """All there is, with blank ``status`` and ``dateLastModified``."""
    yield _manifest(district.shape, _WRITTEN, "bulk")
    yield CsvFile("academicSessions.csv", _SESSIONS, _sessions(district))
    yield CsvFile("orgs.csv", _ORGS, _orgs(district))
    yield CsvFile("courses.csv", _COURSES, _courses(district))
    yield from _people(district)
    yield CsvFile("classes.csv", _CLASSES, _classes(district))
    yield CsvFile("enrollments.csv", _ENROLLMENTS, _enrollments(district))


def delta(district: District) -> Iterator[CsvFile]:
    """The changed people as active rows and nothing else; in OneRoster 1.2 with their roles, as they were."""
    yield _manifest(district.shape, ("users",), "delta")
    yield from _people(district, changed_only=True)


def _manifest(shape: Shape, written: Iterable[str], mode: str) -> CsvFile:
    there = {*written, "roles"} if shape.format == "oneroster-1.2" else set(written)
    files = (f"file.{name},{mode if name in there else 'absent'}\n" for name in _IN_A_MANIFEST[shape.format])
    version = shape.format.removeprefix("oneroster-")
    start, end = f"manifest.version,1.0\noneroster.version,{version}\n", "source.systemName,Lakeside SIS\n"
    return CsvFile("manifest.csv", "propertyName,value", (start, *files, end))


def _sessions(district: District) -> Iterator[str]:
    year = district.session_id(0)
    for number, (title, kind, begins, ends) in enumerate(_TERMS):
        yield f"{district.session_id(number)},,,{title},{kind},{begins},{ends},{year if number else ''},2027\n"


def _orgs(district: District) -> Iterator[str]:
    yield f"{district.id},,,Lakeside Schools,district,,\n"
    for school in district.schools():
        yield f"{school.id},,,{school.name},school,{school.number + 1},{district.id}\n"


def _courses(district: District) -> Iterator[str]:
    year = district.session_id(0)
    for number, subject in enumerate(SUBJECTS):
        yield f"{district.course_id(number)},,,{year},{subject},C{number + 1:03d},,{district.id},{subject},\n"


def _people(district: District, *, changed_only: bool = False) -> Iterator[CsvFile]:
    domain = district.shape.domain
    state = f"active,{MODIFIED}" if changed_only else ","

    def user_1_1(person: Person, org: str, role: str) -> str:
        return (
            f"{person.id},{state},true,{org},{role},{role[0]}{person.number},,{person.given_name},{person.family_name},,"
            f"{person.number},{person.id}@{domain},,,,{person.grade},\n"
        )

    def user_1_2(person: Person, org: str, role: str) -> str:
        return (
            f"{person.id},{state},true,{role[0]}{person.number},,{person.given_name},{person.family_name},,"
            f"{person.number},{person.id}@{domain},,,,{person.grade},,,,,,,{org},\n"
        )

    def role_1_2(person: Person, org: str, role: str) -> str:
        word = "districtAdministrator" if role == "administrator" else role
        return f"r-{person.id},{state},{person.id},primary,{word},{BEGINS},,{org},\n"

    def blocks(row: PersonRow) -> Iterator[str]:
        if not changed_only:
            return rows.everybody(district, row)
        return rows.everybody(district, lambda p, org, role: row(p, org, role) if district.is_changed(p.number) else "")

    if district.shape.format == "oneroster-1.1":
        yield CsvFile("users.csv", _USERS_1_1, blocks(user_1_1))
    else:
        yield CsvFile("users.csv", _USERS_1_2, blocks(user_1_2))
        yield CsvFile("roles.csv", _ROLES, blocks(role_1_2))


def _classes(district: District) -> Iterator[str]:
    courses = [district.course_id(number) for number in range(len(SUBJECTS))]
    terms = f'"{district.session_id(1)},{district.session_id(2)}"'

    def row(school: School, number: int, title: str) -> str:
        subject = school.subject_of(number)
        return (
            f"{district.class_id(number)},,,{title},,{courses[subject]},{number},scheduled,,{school.id},{terms},"
            f"{SUBJECTS[subject]},,{subject + 1}\n"
        )

    return rows.classes(district, row)


def _enrollments(district: District) -> Iterator[str]:
    def teacher(number: int, class_id: str, school_id: str, person: str) -> str:
        enrollment = district.enrollment_id(number)
        return f"{enrollment},,,{class_id},{school_id},{person},teacher,true,{BEGINS},{ENDS}\n"

    def student(number: int, class_id: str, school_id: str, person: str) -> str:
        enrollment = district.enrollment_id(number)
        return f"{enrollment},,,{class_id},{school_id},{person},student,false,{BEGINS},{ENDS}\n"

    return rows.by_school(rows.teacher_enrollments(district, teacher), rows.student_enrollments(district, student))
