"""Microsoft School Data Sync CSV, v1 and v2.1."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import rows
from benchmarks.rows import BEGINS, ENDS, SCHOOL_YEAR, CsvFile
from benchmarks.shape import SUBJECTS, District, Person, School

_SCHOOL = (
    "SIS ID,Name,School Number,School NCES_ID,State ID,Grade Low,Grade High,Principal SIS ID,Principal Name,"
    "Principal Secondary Email,Address,City,State,Country,Zip,Phone,Zone"
)
_SECTION = (
    "SIS ID,School SIS ID,Section Name,Section Number,Term SIS ID,Term Name,Term StartDate,Term EndDate,Course SIS ID,"
    "Course Name,Course Number,Course Description,Course Subject,Periods,Status"
)
_STUDENT = (
    "SIS ID,School SIS ID,First Name,Last Name,Username,Password,State ID,Secondary Email,Student Number,Middle Name,"
    "Grade,Status,Birthdate,Graduation Year"
)
_TEACHER = (
    "SIS ID,School SIS ID,First Name,Last Name,Username,Password,State ID,Teacher Number,Status,Middle Name,"
    "Secondary Email,Title,Qualification"
)
_ROSTER = "Section SIS ID,SIS ID"

_USERS = "sourcedId,username,givenName,familyName,password,activeDirectoryMatchId,email,phone,sms"
_ROLES = "userSourcedId,orgSourcedId,role,sessionSourcedId,grade,isPrimary,roleStartDate,roleEndDate"


def version_1(district: District) -> Iterator[CsvFile]:
    """Nobody has an email column; the username is the official address. There is no file for administrators."""
    domain, term = district.shape.domain, district.session_id(0)

    def student(person: Person, school_id: str, _: str) -> str:
        return (
            f"{person.id},{school_id},{person.given_name},{person.family_name},{person.id}@{domain},,,,{person.number},,"
            f"{person.grade},Active,,\n"
        )

    def teacher(person: Person, school_id: str, _: str) -> str:
        return (
            f"{person.id},{school_id},{person.given_name},{person.family_name},{person.id}@{domain},,,{person.number},"
            "Active,,,Teacher,\n"
        )

    def section(school: School, number: int, title: str) -> str:
        subject = school.subject_of(number)
        return (
            f"{district.class_id(number)},{school.id},{title},{number},{term},{SCHOOL_YEAR},8/17/2026,6/4/2027,"
            f"{district.course_id(subject)},{SUBJECTS[subject]},C{subject + 1:03d},,{SUBJECTS[subject]},{subject + 1},"
            "Active\n"
        )

    yield CsvFile("School.csv", _SCHOOL, _schools(district))
    yield CsvFile("Section.csv", _SECTION, rows.classes(district, section))
    yield CsvFile("Student.csv", _STUDENT, rows.students(district, student))
    yield CsvFile("Teacher.csv", _TEACHER, rows.teachers(district, teacher))
    yield CsvFile("StudentEnrollment.csv", _ROSTER, rows.student_enrollments(district, _in_roster))
    yield CsvFile("TeacherRoster.csv", _ROSTER, rows.teacher_enrollments(district, _in_roster))


def _in_roster(_: int, class_id: str, __: str, person: str) -> str:
    return f"{class_id},{person}\n"


def _schools(district: District) -> Iterator[str]:
    for school in district.schools():
        yield f"{school.id},{school.name},{school.number + 1},,,6,12,,,,,Lakeside,IL,US,60601,,\n"


def version_2_1(district: District) -> Iterator[CsvFile]:
    """OneRoster's file names and ids; no status column and no manifest."""
    domain, year = district.shape.domain, district.session_id(0)

    def user(person: Person, _: str, __: str) -> str:
        address = f"{person.id}@{domain}"
        return f"{person.id},{address},{person.given_name},{person.family_name},,,{address},,\n"

    def role(person: Person, org: str, role: str) -> str:
        return f"{person.id},{org},{role},{year},{person.grade},TRUE,{BEGINS},{ENDS}\n"

    def school_class(school: School, number: int, title: str) -> str:
        course = district.course_id(school.subject_of(number))
        return f"{district.class_id(number)},{school.id},{title},{year},{course}\n"

    def teacher(_: int, class_id: str, __: str, person: str) -> str:
        return f"{class_id},{person},teacher\n"

    def student(_: int, class_id: str, __: str, person: str) -> str:
        return f"{class_id},{person},student\n"

    session = f"{year},{SCHOOL_YEAR},schoolYear,2026,{BEGINS},{ENDS}\n"
    enrollments = rows.by_school(
        rows.teacher_enrollments(district, teacher), rows.student_enrollments(district, student)
    )
    yield CsvFile("orgs.csv", "sourcedId,name,type,parentSourcedId", _orgs(district))
    yield CsvFile("academicSessions.csv", "sourcedId,title,type,schoolYear,startDate,endDate", (session,))
    yield CsvFile(
        "courses.csv", "sourcedId,orgSourcedId,title,code,schoolYearSourcedId,subject,grade", _courses(district)
    )
    yield CsvFile("users.csv", _USERS, rows.everybody(district, user))
    yield CsvFile("roles.csv", _ROLES, rows.everybody(district, role))
    yield CsvFile(
        "classes.csv",
        "sourcedId,orgSourcedId,title,sessionSourcedIds,courseSourcedId",
        rows.classes(district, school_class),
    )
    yield CsvFile("enrollments.csv", "classSourcedId,userSourcedId,role", enrollments)


def _orgs(district: District) -> Iterator[str]:
    yield f"{district.id},Lakeside Schools,district,\n"
    for school in district.schools():
        yield f"{school.id},{school.name},school,{district.id}\n"


def _courses(district: District) -> Iterator[str]:
    year = district.session_id(0)
    for number, subject in enumerate(SUBJECTS):
        yield f"{district.course_id(number)},{district.id},{subject},C{number + 1:03d},{year},{subject},\n"
