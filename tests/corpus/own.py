"""The project's own corpus: every format, with the oddities of real exports."""

from __future__ import annotations

from collections.abc import Sequence

from tests.corpus.corpus import Corpus, NamesOutsideLatin, RosterSet
from tests.corpus.hostile_text import ADDRESSES, CSV_FILES, STRINGS
from tests.corpus.sheet import CR, CRLF, sheet

_SCHOOLS = ("04M210", "11X385", "30Q117")
_GIVEN = ("Amara", "Bruno", "Chen", "Dara", "Emil", "Farah", "Goran", "Hana", "Ilse", "Jomo", "Kaito", "Lena", "Malik")
_FAMILY = (
    "Abara",
    "Bergmann",
    "Castillo",
    "Duarte",
    "Eriksen",
    "Fontaine",
    "Grau",
    "Hosseini",
    "Ivanova",
    "Jansen",
    "Kato",
)


def _clever() -> RosterSet:
    """A district as Clever exports it.

    Three files end their lines with CR alone; ids were rounded by a spreadsheet; dates are M/D/YY. Sections have up to four
    teachers, some of them named twice or of another school; some teachers have none. Usernames and contacts repeat; so do
    names of sections. Passwords are there in plain text.
    """
    teachers, students, sections = range(84), range(920), range(310)
    teacher_rows = [
        (_SCHOOLS[n % 3], 40 + n, 230000 + n, 751880000 + n, _FAMILY[n % 11], "", _GIVEN[n % 13],
         f"{_GIVEN[n % 13]}_{_FAMILY[n % 11]}{n}@staff.example".lower(), "Teacher, Grade 9" if n % 5 else "", f"t{n // 2}", "pa55")
        for n in teachers
    ]  # fmt: skip
    student_rows = [
        (_SCHOOLS[n % 3], 700000000 + 7919 * n, n, 110000000 + n, _FAMILY[n % 11], "", _GIVEN[n % 13], "female", "9/30/08",
         9 + n % 4, f"{10000 + n}", f"s{n}@pupils.example" if n % 7 else "", "Pat Kin", "Aunt", "(555) 010-0199 x7",
         f"kin{n // 2}@mail.example", f"s{n - n % 301 // 300}", "pa55")
        for n in students
    ]  # fmt: skip
    section_rows, taught = [], 0
    for n in sections:
        # Ten teachers have no section; every sixth section has more than one teacher, and some of these repeat the first.
        staff = [n % 74]
        if n % 6 == 0:
            staff += [(n + 1) % 74, (n + 2) % 74]
        if n % 18 == 0:
            staff.append(staff[0])
        taught += len(set(staff))
        ids = [40 + teacher for teacher in staff] + [""] * (4 - len(staff))
        name = f"Advisory - {n // 2} (Section 1)"
        section_rows.append((_SCHOOLS[n % 3], 500 + n, *ids, name, 9, "Advisory", n, 1, "Y1", "8/3/26", "6/18/27"))
    enrolled = [
        (_SCHOOLS[student % 3], 700000000 + 7919 * student, 500 + (student * 7 + step * 31) % 310)
        for student in students
        for step in range(6)
    ]
    school_rows = [
        (
            school,
            f"School {n}",
            712340 + n,
            360008000000,
            "1 Main Street",
            "Springfield",
            "NY",
            "10001",
            "",
            9,
            12,
            "Dr. No",
            "",
        )
        for n, school in enumerate(_SCHOOLS)
    ]
    return RosterSet(
        "clever",
        {
            "schools.csv": sheet(
                "School_id,School_name,State_id,Nces_id,School_address,School_city,School_state,School_zip,School_phone,"
                "Low_grade,High_grade,Principal,Principal_email",
                school_rows,
                end=CR,
            ),
            "teachers.csv": sheet(
                "School_id,Teacher_id,Teacher_number,State_teacher_id,Last_name,Middle_name,First_name,Teacher_email,Title,"
                "Username,Password",
                teacher_rows,
            ),
            "students.csv": sheet(
                "School_id,Student_id,Student_number,State_id,Last_name,Middle_name,First_name,Gender,Dob,Grade,Student_zip,"
                "Student_email,Contact_name,Contact_type,Contact_phone,Contact_email,Username,Password",
                student_rows,
                end=CR,
            ),
            "sections.csv": sheet(
                "School_id,Section_id,Teacher_id,Teacher_2_id,Teacher_3_id,Teacher_4_id,Name,Grade,Course_name,Course_number,"
                "Period,Term_name,Term_start,Term_end",
                section_rows,
                end=CR,
            ),
            "enrollments.csv": sheet("School_id,Student_id,Section_id", enrolled),
        },
        people=len(students) + len(teachers),
        classes=len(sections),
        enrollments=len(set(enrolled)) + taught,
        invited=len(teachers),
    )


def _one_roster_1_0() -> RosterSet:
    """Singular headers, no manifest, leading zeros lost, usernames with a blank in them, terms as a list in one cell."""
    people = [
        (6100 + n, "", "", 7001, "student", f"Kim Lee {n}", "", "Kim", f"Lee {n}", "", f"Kim.Lee{n}@pupils.example")
        for n in range(7)
    ]
    people += [
        (210 + n, "", "", 7001, "teacher", f"Pat Moss {n}", "", "Pat", "Moss", "", f"Pat.Moss{n}@staff.example")
        for n in range(2)
    ]
    terms = "7001_2026_Fall,7001_2026_Spring"
    return RosterSet(
        "oneroster-1.0",
        {
            "orgs.csv": sheet(
                "sourcedId,status,dateLastModified,name,type,identifier,metadata.classification,parentSourcedId",
                [(7000, "", "", "Lake District", "district", "", "public", ""), (7001, "", "", "Lake High", "school", "", "", 7000)],
            ),
            "courses.csv": sheet(
                "sourcedId,status,dateLastModified,schoolYearId,metadata.duration,title,courseCode,grade,orgSourcedId,subjects",
                [(3100500, "", "", "7001_2026", "", "Algebra I", "ALG-1", 9, 7000, "Algebra")],
            ),
            "classes.csv": sheet(
                "sourcedId,status,dateLastModified,title,grade,courseSourcedId,classCode,classType,location,schoolSourcedId,"
                "termSourcedId,subjects",
                [
                    ("7001Trad120ALG1", "", "", "ALG-1", 9, 3100500, "A1", "scheduled", 120, 7001, terms, "Algebra"),
                    ("7001Trad220ALG1", "", "", "ALG-1", 9, 3100500, "A1", "Scheduled", 220, 7001, terms, "Algebra"),
                ],
            ),
            "users.csv": sheet(
                "sourcedId,status,dateLastModified,orgSourcedIds,role,username,userId,givenName,familyName,identifier,email", people
            ),
            "enrollments.csv": sheet(
                "sourcedId,classSourcedId,schoolSourcedId,userSourcedId,role,status,dateLastModified,primary",
                [(f"e{n}", f"7001Trad{1 + n % 2}20ALG1", 7001, person[0], person[4], "", "", "") for n, person in enumerate(people)],
            ),
        },
        people=len(people),
        classes=2,
        enrollments=len(people),
        invited=2,
    )  # fmt: skip


_MANIFEST_1_1 = [
    ("manifest.version", "1.0"),
    ("oneroster.version", "1.1"),
    ("source.systemName", "Lakeside SIS"),
    *((f"file.{name}", "bulk") for name in ("academicSessions", "orgs", "courses", "classes", "users", "enrollments")),
    ("fiel.demographics", "absent"),
]
_USERS_1_1 = (
    "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,middleName,"
    "identifier,email,sms,phone,agentSourcedIds,grades,password"
)
_CLASSES_1_1 = (
    "sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId,termSourcedIds,"
    "subjects,subjectCodes,periods"
)
_ENROLLMENTS_1_1 = (
    "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate"
)


def _one_roster_1_1() -> RosterSet:
    """Ids in braces, each enrollment twice (once a term), a sheet without an end of its last line, files that nobody needs."""
    users = [
        (f"06{n:03}", "", "", "true", "0901", "student", f"kim {n}", f"{{LDAP:{n:03}}},{{LTI:{n}}}", "Kim", f"O'Lee-{n}", "", "",
         f"Kim.{n}@pupils.example", "", "(555) 010 0100", "", "09,10", "pa55")
        for n in range(6)
    ]  # fmt: skip
    users += [
        (f"02{n:03}", "", "", "1", "0901,0902", "teacher", f"pat {n}", "", "Pat", "Moss", "Q.", "", f"Pat.{n}@staff.example",
         "", "", "", "", "")
        for n in range(2)
    ]  # fmt: skip
    guardian = (
        "09001",
        "",
        "",
        "TRUE",
        "0901",
        "guardian",
        "gran",
        "",
        "Gran",
        "Lee",
        "",
        "",
        "gran@mail.example",
        "",
        "",
        "06000",
        "",
        "",
    )
    classes = [
        (
            f"c{n}",
            "",
            "",
            "Algebra I",
            "09",
            "k1",
            "A-1",
            "homeroom" if n else "scheduled",
            "",
            "0901",
            "t1,t2",
            "Algebra, pure",
            "01",
            "1",
        )
        for n in range(2)
    ]
    terms = (("2026-08-17", "2026-12-18"), ("2027-01-04", "2099-05-28"))
    enrollments = [
        (
            f"e{user[0]}-{term}",
            "",
            "",
            f"c{n % 2}",
            "0901",
            user[0],
            user[5],
            "true" if user[5] == "teacher" else "",
            *terms[term],
        )
        for n, user in enumerate(users)
        for term in (0, 1)
    ]
    return RosterSet(
        "oneroster-1.1",
        {
            "manifest.csv": sheet("propertyName,value", _MANIFEST_1_1),
            "orgs.csv": sheet(
                "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId,metadata.city",
                [("0900", "", "", "Lakeside", "district", "", "", ""), ("0901", "", "", "North", "school", "", "0900", "Lakeside")],
            ),
            "academicSessions.csv": sheet(
                "sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear",
                [(f"t{n}", "", "", f"Term {n}", "term", *terms[n - 1], "", 2027) for n in (1, 2)],
            ),
            "courses.csv": sheet(
                "sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects,subjectCodes",
                [("k1", "", "", "", "Algebra I", "A-1", "09", "0900", "Algebra", "01")],
            ),
            "classes.csv": sheet(_CLASSES_1_1, classes),
            "users.csv": sheet(_USERS_1_1, [*users, guardian]).rstrip(),
            "enrollments.csv": sheet(_ENROLLMENTS_1_1, enrollments).rstrip(),
        },
        people=len(users),
        classes=2,
        invited=2,
    )  # fmt: skip


_NAMES = (
    ("佐藤", "陽菜"), ("鈴木", "蓮"), ("Ивано́ва", "Анна"), ("O’Brien–Núñez", "Zoë"), ("محمد", "ليلى"),
    ("כהן", "נועה"), ("𠮷野", "さくら"), ("Nguyễn", "Thị Ánh"), ("शर्मा", "अनन्या"), ("ｱﾍﾞ", "ﾊﾅ"),
)  # fmt: skip
"""Family and given: beyond the basic plane, right to left, half width, combining marks."""


def _outside_latin() -> tuple[RosterSet, NamesOutsideLatin]:
    """Every field quoted, columns of the vendor's own behind the standard's, names in many scripts."""
    users = [
        (f"us{n:02}", "", "", "true", "or1", "student" if n else "teacher", f"user{n:02}", "", given, family, "", "",
         f"user{n:02}@gakuen.example", "", "", "", "", "", "メイ", "セイ")
        for n, (family, given) in enumerate(_NAMES)
    ]  # fmt: skip
    files = {
        "manifest.csv": sheet("propertyName,value", _MANIFEST_1_1, quoted=True),
        "orgs.csv": sheet(
            "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId",
            [("or1", "", "", "湖畔学園", "school", "", "")],
            quoted=True,
        ),
        "academicSessions.csv": sheet(
            "sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear",
            [("as1", "", "", "2026年度 前期", "term", "2026-04-01", "2099-10-01", "", "2027")],
            quoted=True,
        ),
        "courses.csv": sheet(
            "sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects,subjectCodes",
            [("co1", "", "", "", "統計学", "S1", "", "or1", "", "")],
            quoted=True,
        ),
        "classes.csv": sheet(
            _CLASSES_1_1,
            [
                (f"cl{n}", "", "", "統計学入門", "", "co1", f"S{n}", "scheduled", "", "or1", "as1", "", "", "月 1-2")
                for n in (1, 2)
            ],
            quoted=True,
        ),
        "users.csv": sheet(f"{_USERS_1_1},metadata.phoneticGivenName,metadata.phoneticFamilyName", users, quoted=True),
        "enrollments.csv": sheet(
            _ENROLLMENTS_1_1,
            [
                (f"en{n}", "", "", f"cl{1 + n % 2}", "or1", user[0], user[5], "false", "", "")
                for n, user in enumerate(users)
            ],
            quoted=True,
        ),
    }
    roster = RosterSet("oneroster-1.1-quoted", files, people=len(users), classes=2, enrollments=len(users), invited=1)
    return roster, NamesOutsideLatin(files, "user01@gakuen.example", "蓮 鈴木", "統計学入門", "gakuen.example")


def _one_roster_1_2() -> RosterSet:
    """A BOM in each file and CRLF; roles apart, one person with several, some of them over; people without an address."""
    users = [
        (
            f"u{n}",
            "",
            "",
            "TRUE",
            f"login{n}",
            "",
            "Robin",
            f"Vale {n}",
            "",
            "",
            f"robin{n}@district.example" if n % 2 else "",
        )
        for n in range(9)
    ]
    roles = [(f"r{n}", "", "", f"u{n}", "primary", "student" if n > 2 else "teacher", "", "", "o1") for n in range(9)]
    roles += [
        ("r-also", "", "", "u1", "secondary", "siteAdministrator", "", "", "o1"),
        ("r-over", "", "", "u2", "secondary", "principal", "2019-08-01", "2020-08-01", "o1"),
    ]
    manifest = [("manifest.version", "1.0"), ("oneroster.version", "1.2"), ("source.systemCode", "SIS")]
    manifest += [
        (f"file.{name}", "bulk")
        for name in ("orgs", "classes", "users", "roles", "enrollments", "academicSessions", "courses")
    ]
    tables: dict[str, tuple[str, Sequence[Sequence[object]]]] = {
        "manifest.csv": ("propertyName,value", manifest),
        "orgs.csv": (
            "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId",
            [("o1", "", "", "Vale Middle", "school", "", "")],
        ),
        "academicSessions.csv": (
            "sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear",
            [("y1", "", "", "2026/27", "schoolYear", "2026-08-17", "2099-06-18", "", "2027")],
        ),
        "courses.csv": (
            "sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects,subjectCodes",
            [("k1", "", "", "y1", "Science", "", "", "o1", "", "")],
        ),
        "classes.csv": (
            _CLASSES_1_1,
            [("c1", "", "", "Science\n(double)", "", "k1", "", "scheduled", "", "o1", "y1", "", "", "")],
        ),
        "users.csv": (
            "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,middleName,identifier,email",
            users,
        ),
        "roles.csv": (
            "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId",
            roles,
        ),
        "enrollments.csv": (
            _ENROLLMENTS_1_1,
            [(f"e{n}", "", "", "c1", "o1", f"u{n}", "student" if n > 2 else "teacher", "", "", "") for n in range(9)],
        ),
    }
    return RosterSet(
        "oneroster-1.2",
        {name: sheet(header, rows, end=CRLF, bom=True) for name, (header, rows) in tables.items()},
        people=9,
        classes=1,
        enrollments=9,
        invited=1,
    )  # fmt: skip


def _school_data_sync_1(
    name: str, *, school: str = "School SIS ID", key: str = "SIS ID", more: bool = True
) -> RosterSet:
    """Version 1, with CRLF: usernames that are no addresses, dates as M/D/YYYY."""
    students = [(100 + n, 1, f"SLee{n}", "Sam", f"Lee{n}", "Active", "4/2/2010") for n in range(12)]
    teachers = [(700 + n, 1, f"TBohr{n}", "Toni", f"Bohr{n}", "Active", "") for n in range(3)]
    columns = 7 if more else 3
    person = f"{key},{school},Username" + (",First Name,Last Name,Status,Birthdate" if more else "")
    section = "Section ID" if key == "ID" else "Section SIS ID"
    return RosterSet(
        name,
        {
            "School.csv": sheet(f"{'DfE Number' if key == 'ID' else 'SIS ID'},Name", [(1, "Harbour High"), (2, "Hill High")], end=CRLF),
            "Section.csv": sheet(
                f"{key},{school},Section Name" + (",Term StartDate,Term EndDate,Status" if more else ""),
                [(900 + n, 1, f"Math - Algebra {n}", *(("7/1/2026", "6/30/2099", "Active") if more else ())) for n in range(4)],
                end=CRLF,
            ),
            "Student.csv": sheet(person, [row[:columns] for row in students], end=CRLF),
            "Teacher.csv": sheet(person, [row[:columns] for row in teachers], end=CRLF),
            "StudentEnrollment.csv": sheet(f"{section},{key}", [(900 + n % 4, 100 + n) for n in range(12)], end=CRLF),
            "TeacherRoster.csv": sheet(f"{section},{key}", [(900 + n, 700 + n % 3) for n in range(4)], end=CRLF),
        },
        people=15,
        classes=4,
        enrollments=16,
        invited=0,
    )  # fmt: skip


def _school_data_sync_2() -> RosterSet:
    """Version 2: OneRoster's file names without its manifest and status, roles with a capital."""
    users = [
        (f"13{n:03}", "1001", "Kim", f"Lee{n}", f"KLee{n}@tenant.example", "pa55", "Student" if n else "Teacher", 6)
        for n in range(8)
    ]
    return RosterSet(
        "sds-2",
        {
            "orgs.csv": sheet(
                "sourcedId,name,type,parentSourcedId",
                [("1000", "Ministry of Schools", "ministryofeducation", ""), ("1001", "Harbour High", "school", "1000")],
                end=CRLF,
            ),
            "users.csv": sheet(
                "sourcedId,orgSourcedIds,givenName,familyName,username,password,role,grade", users, end=CRLF
            ),
            "classes.csv": sheet("sourcedId,orgSourcedId,title", [("11001", "1001", "Agriculture 101")], end=CRLF),
            "enrollments.csv": sheet("classSourcedId,userSourcedId,role", [("11001", user[0], user[6]) for user in users], end=CRLF),
        },
        people=8,
        classes=1,
        enrollments=8,
        invited=1,
    )  # fmt: skip


def _school_data_sync_2_1() -> RosterSet:
    """Version 2.1: a college, a professor, guardians with rows of their own, roles and sessions apart."""
    users = [
        (
            f"14{n:03}",
            f"u{n}@tenant.example",
            "Robin",
            f"Hale{n}",
            "pa55",
            "" if n == 5 else f"u{n}@tenant.example",
            "",
            "+15550100",
        )
        for n in range(6)
    ]
    roles = [
        (
            f"14{n:03}",
            "1101",
            "professor" if n == 0 else "guardian" if n == 5 else "student",
            "SY27",
            "10",
            "TRUE",
            "2026-08-24",
            "2099-06-11",
        )
        for n in range(6)
    ]
    return RosterSet(
        "sds-2.1",
        {
            "orgs.csv": sheet(
                "sourcedId,name,type,parentSourcedId",
                [("1101", "College of Engineering", "college", ""), ("1102", "Department", "department", "1101")],
                end=CRLF,
            ),
            "academicSessions.csv": sheet(
                "sourcedId,title,type,schoolYear,startDate,endDate", [("SY27", "2027", "schoolYear", "2027", "2026-08-24", "2099-06-11")],
                end=CRLF,
            ),
            "users.csv": sheet("sourcedId,username,givenName,familyName,password,activeDirectoryMatchId,email,phone", users, end=CRLF),
            "roles.csv": sheet(
                "userSourcedId,orgSourcedId,role,sessionSourcedId,grade,isPrimary,roleStartDate,roleEndDate", roles, end=CRLF
            ),
            "relationships.csv": sheet(
                "userSourcedId,relationshipUserSourcedId,relationshipRole", [("14001", "14005", "guardian")], end=CRLF
            ),
            "userFlags.csv": sheet("userSourcedId,flag", [("14001", "504")], end=CRLF),
            "classes.csv": sheet(
                "sourcedId,orgSourcedId,title,sessionSourcedIds,courseSourcedId", [("1201", "1101", "Computing 101", "SY27", "C1")], end=CRLF
            ),
            "enrollments.csv": sheet(
                "classSourcedId,userSourcedId,role", [("1201", row[0], row[2]) for row in roles[:5]], end=CRLF
            ),
        },
        people=5,
        classes=1,
        enrollments=5,
        invited=1,
    )  # fmt: skip


def make() -> Corpus:
    """The same bytes each time."""
    clever, one_one = _clever(), _one_roster_1_1()
    quoted, outside_latin = _outside_latin()
    return Corpus(
        "own",
        clever=clever,
        rosters=(
            clever,
            _one_roster_1_0(),
            one_one,
            quoted,
            _one_roster_1_2(),
            _school_data_sync_1("sds-1"),
            _school_data_sync_1("sds-1-minimal", more=False),
            _school_data_sync_1("sds-1-uk", school="School DfE Number", key="ID"),
            _school_data_sync_2(),
            _school_data_sync_2_1(),
        ),
        loose=(one_one, quoted),
        outside_latin=outside_latin,
        csv_files=CSV_FILES,
        strings=STRINGS,
        addresses=ADDRESSES,
        usable_address="ann.lee@school.example",
    )
