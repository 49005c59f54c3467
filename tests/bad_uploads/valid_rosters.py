"""One small roster in every format: two teachers, three students, two classes; all else here comes of breaking these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

type Files = dict[str, str | bytes]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One file of a good roster, and what of it the import cannot do without."""

    name: str
    needs: tuple[str, ...]
    """Columns without which the file is of no use."""
    text: str
    id_column: str = ""
    class_column: str = ""
    user_column: str = ""
    role_column: str = ""

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def columns(self) -> list[str]:
        return self.lines[0].split(",")

    @property
    def keys(self) -> list[str]:
        """Columns that say what a row is about, and as what."""
        about = (self.id_column, self.class_column, self.user_column, self.role_column)
        return [column for column in self.columns if column in about]

    @property
    def columns_but_keys(self) -> list[str]:
        return [column for column in self.columns if column not in self.keys]

    @property
    def last_line(self) -> int:
        return len(self.lines)

    def with_header(self, header: str) -> str:
        return "\n".join([header, *self.lines[1:]]) + "\n"

    def with_line(self, line: int, text: str) -> str:
        """Its text with another line in this place; line 1 is the header."""
        return "\n".join([*self.lines[: line - 1], text, *self.lines[line:]]) + "\n"

    def with_value(self, line: int, column: str, value: str) -> str:
        """Its text with another value, as it stands in the file, in one place."""
        cells = self.lines[line - 1].split(",")
        cells[self.columns.index(column)] = value
        return self.with_line(line, ",".join(cells))

    def value(self, line: int, column: str) -> str:
        return self.lines[line - 1].split(",")[self.columns.index(column)]

    def without_column(self, column: str) -> str:
        at = self.columns.index(column)
        rows = (line.split(",") for line in self.lines)
        return "\n".join(",".join(row[:at] + row[at + 1 :]) for row in rows) + "\n"

    def with_column_twice(self, column: str) -> str:
        return "\n".join(f"{line},{self.value(number, column)}" for number, line in enumerate(self.lines, 1)) + "\n"

    def grown(self, like: Mapping[str, str]) -> Sheet:
        """The file with 20 rows more like the one that has these values, each about something new; teachers stay."""
        if "" in like:
            return self
        for line in range(2, self.last_line + 1):
            if all(self.value(line, column) == value for column, value in like.items()):
                rows = [self._with_others(line, like, number) for number in range(20)]
                return replace(self, text=self.text + "".join(rows))
        return self

    def _with_others(self, line: int, like: Mapping[str, str], number: int) -> str:
        row = self
        for column, value in like.items():
            if value != "t1":
                row = replace(row, text=row.with_value(line, column, f"{value}-{number}"))
        return row.lines[line - 1].replace("@", f".{number}@") + "\n"


@dataclass(frozen=True, slots=True)
class Roster:
    """A good roster of one format."""

    format: str
    people: tuple[Sheet, ...]
    classes: Sheet
    enrollments: tuple[Sheet, ...]
    others: tuple[Sheet, ...] = ()
    optional: tuple[str, ...] = ()
    """Files that may be left out."""
    text_only: tuple[tuple[str, str], ...] = ()
    """Files of another kind, such as the manifest."""

    @property
    def sheets(self) -> tuple[Sheet, ...]:
        return (*self.others, *self.people, self.classes, *self.enrollments)

    @property
    def files(self) -> Files:
        return {**dict(self.text_only), **{sheet.name: sheet.text for sheet in self.sheets}}

    @property
    def students(self) -> Sheet:
        """The file in which the students stand."""
        return next(sheet for sheet in self.people if any(line.startswith(("s1,", "o1,s1,")) for line in sheet.lines))

    def sheet(self, name: str) -> Sheet:
        return next(sheet for sheet in self.sheets if sheet.name == name)

    def but(self, **changed: str | bytes) -> Files:
        """Its files with other contents in some; ``users="…"`` stands for ``users.csv``."""
        return {**self.files, **{f"{stem}.csv": body for stem, body in changed.items()}}

    def grown(self) -> Roster:
        """The same with 20 students and classes more: from 20 up a share of what stands may be missed."""
        return replace(
            self,
            people=tuple(sheet.grown({sheet.id_column: "s1"}) for sheet in self.people),
            classes=self.classes.grown({self.classes.id_column: "c1"}),
            enrollments=tuple(
                sheet.grown({sheet.class_column: "c1", sheet.user_column: "s1" if "s1" in sheet.text else "t1"})
                for sheet in self.enrollments
            ),
            others=tuple(sheet.grown({sheet.user_column: "s1"}) for sheet in self.others),
        )

    def with_file(self, name: str, body: str | bytes) -> Files:
        return {**self.files, name: body}

    def without(self, *names: str) -> Files:
        return {name: body for name, body in self.files.items() if name not in names}


MANIFEST = """\
propertyName,value
manifest.version,1.0
oneroster.version,1.1
file.academicSessions,absent
file.classes,bulk
file.courses,absent
file.demographics,absent
file.enrollments,bulk
file.orgs,bulk
file.users,bulk
source.systemName,Lakeside SIS
"""

_ORGS = Sheet(
    "orgs.csv",
    ("sourcedId", "name"),
    """\
sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId
o1,,,Lakeside Middle,school,12,
""",
)
_CLASSES = Sheet(
    "classes.csv",
    ("sourcedId", "title", "schoolSourcedId"),
    """\
sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,schoolSourcedId,termSourcedIds
c1,,,Algebra,7,k1,A1,scheduled,o1,t1
c2,,,Biology,8,k2,B1,scheduled,o1,t1
""",
    id_column="sourcedId",
)
_ENROLLMENTS = Sheet(
    "enrollments.csv",
    ("classSourcedId", "userSourcedId", "role"),
    """\
sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role
e1,,,c1,o1,t1,teacher
e2,,,c2,o1,t2,teacher
e3,,,c1,o1,s1,student
e4,,,c1,o1,s2,student
e5,,,c2,o1,s3,student
""",
    class_column="classSourcedId",
    user_column="userSourcedId",
    role_column="role",
)

ONE_ROSTER_1_1 = Roster(
    "OneRoster 1.1",
    people=(
        Sheet(
            "users.csv",
            ("sourcedId", "givenName", "familyName", "username", "role"),
            """\
sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,email,grades,password
t1,,,true,o1,teacher,ann,,Ann,Ames,ann@lakeside.example,,secret
t2,,,true,o1,teacher,bob,,Bob,Byrd,bob@lakeside.example,,secret
s1,,,true,o1,student,cleo,{LDAP:12},Cleo,Cole,cleo@lakeside.example,7,secret
s2,,,true,o1,student,dan,,Dan,Diaz,dan@lakeside.example,7,secret
s3,,,true,o1,student,eve,,Eve,Egan,eve@lakeside.example,8,secret
""",
            id_column="sourcedId",
            role_column="role",
        ),
    ),
    classes=_CLASSES,
    enrollments=(_ENROLLMENTS,),
    others=(_ORGS,),
    optional=("orgs.csv",),
    text_only=(("manifest.csv", MANIFEST),),
)

ONE_ROSTER_1_2 = Roster(
    "OneRoster 1.2",
    people=(
        Sheet(
            "users.csv",
            ("sourcedId", "givenName", "familyName", "username"),
            """\
sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,email,primaryOrgSourcedId,pronouns
t1,,,true,ann,,Ann,Ames,ann@lakeside.example,o1,
t2,,,true,bob,,Bob,Byrd,bob@lakeside.example,o1,
s1,,,true,cleo,{LDAP:12},Cleo,Cole,cleo@lakeside.example,o1,
s2,,,true,dan,,Dan,Diaz,dan@lakeside.example,o1,
s3,,,true,eve,,Eve,Egan,eve@lakeside.example,o1,
""",
            id_column="sourcedId",
        ),
    ),
    classes=_CLASSES,
    enrollments=(_ENROLLMENTS,),
    others=(
        _ORGS,
        Sheet(
            "roles.csv",
            ("userSourcedId", "role", "orgSourcedId"),
            """\
sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,userProfileSourcedId
r1,,,t1,primary,teacher,,,o1,
r2,,,t2,primary,teacher,,,o1,
r3,,,s1,primary,student,,,o1,
r4,,,s2,primary,student,,,o1,
r5,,,s3,primary,student,,,o1,
""",
            user_column="userSourcedId",
            role_column="role",
        ),
    ),
    optional=("orgs.csv",),
    text_only=(("manifest.csv", MANIFEST.replace("1.1", "1.2") + "file.roles,bulk\nfile.userProfiles,absent\n"),),
)

CLEVER = Roster(
    "Clever",
    people=(
        Sheet(
            "students.csv",
            ("School_id", "Student_id", "First_name", "Last_name"),
            """\
School_id,Student_id,Student_number,Last_name,First_name,Grade,Student_email,Username,Password
o1,s1,101,Cole,Cleo,7,cleo@lakeside.example,cleo,secret
o1,s2,102,Diaz,Dan,7,dan@lakeside.example,dan,secret
o1,s3,103,Egan,Eve,8,eve@lakeside.example,eve,secret
""",
            id_column="Student_id",
        ),
        Sheet(
            "teachers.csv",
            ("School_id", "Teacher_id", "First_name", "Last_name"),
            """\
School_id,Teacher_id,Teacher_number,Teacher_email,First_name,Last_name,Title,Username,Password
o1,t1,1,ann@lakeside.example,Ann,Ames,Ms,ann,secret
o1,t2,2,bob@lakeside.example,Bob,Byrd,Mr,bob,secret
""",
            id_column="Teacher_id",
        ),
    ),
    classes=Sheet(
        "sections.csv",
        ("School_id", "Section_id", "Teacher_id"),
        """\
School_id,Section_id,Teacher_id,Teacher_2_id,Name,Course_name,Period,Term_name
o1,c1,t1,,Algebra,Algebra,1,Fall
o1,c2,t2,,Biology,Biology,2,Fall
""",
        id_column="Section_id",
        user_column="Teacher_id",
    ),
    enrollments=(
        Sheet(
            "enrollments.csv",
            ("Section_id", "Student_id"),
            """\
School_id,Section_id,Student_id
o1,c1,s1
o1,c1,s2
o1,c2,s3
""",
            class_column="Section_id",
            user_column="Student_id",
        ),
    ),
    others=(
        Sheet(
            "schools.csv", ("School_id", "School_name"), "School_id,School_name,School_number\no1,Lakeside Middle,12\n"
        ),
    ),
)

SDS_V1 = Roster(
    "School Data Sync 1",
    people=(
        Sheet(
            "Student.csv",
            ("SIS ID", "School SIS ID", "Username"),
            """\
SIS ID,School SIS ID,First Name,Last Name,Username,Grade,Status
s1,o1,Cleo,Cole,cleo@lakeside.example,7,Active
s2,o1,Dan,Diaz,dan@lakeside.example,7,Active
s3,o1,Eve,Egan,eve@lakeside.example,8,Active
""",
            id_column="SIS ID",
        ),
        Sheet(
            "Teacher.csv",
            ("SIS ID", "School SIS ID", "Username"),
            """\
SIS ID,School SIS ID,First Name,Last Name,Username,Status,Title
t1,o1,Ann,Ames,ann@lakeside.example,Active,Ms
t2,o1,Bob,Byrd,bob@lakeside.example,Active,Mr
""",
            id_column="SIS ID",
        ),
    ),
    classes=Sheet(
        "Section.csv",
        ("SIS ID", "School SIS ID", "Section Name"),
        """\
SIS ID,School SIS ID,Section Name,Section Number,Term Name,Course Name,Status
c1,o1,Algebra,1,Fall,Algebra,Active
c2,o1,Biology,2,Fall,Biology,Active
""",
        id_column="SIS ID",
    ),
    enrollments=(
        Sheet(
            "StudentEnrollment.csv",
            ("Section SIS ID", "SIS ID"),
            "Section SIS ID,SIS ID\nc1,s1\nc1,s2\nc2,s3\n",
            class_column="Section SIS ID",
            user_column="SIS ID",
        ),
        Sheet(
            "TeacherRoster.csv",
            ("Section SIS ID", "SIS ID"),
            "Section SIS ID,SIS ID\nc1,t1\nc2,t2\n",
            class_column="Section SIS ID",
            user_column="SIS ID",
        ),
    ),
    others=(Sheet("School.csv", ("SIS ID", "Name"), "SIS ID,Name,School Number\no1,Lakeside Middle,12\n"),),
)

SDS_V2_1 = Roster(
    "School Data Sync 2.1",
    people=(
        Sheet(
            "users.csv",
            ("sourcedId", "givenName", "familyName", "username"),
            """\
sourcedId,username,givenName,familyName,password,activeDirectoryMatchId,email,phone,sms
t1,ann@lakeside.example,Ann,Ames,secret,,ann@lakeside.example,,
t2,bob@lakeside.example,Bob,Byrd,secret,,bob@lakeside.example,,
s1,cleo@lakeside.example,Cleo,Cole,secret,,cleo@lakeside.example,,
s2,dan@lakeside.example,Dan,Diaz,secret,,dan@lakeside.example,,
s3,eve@lakeside.example,Eve,Egan,secret,,eve@lakeside.example,,
""",
            id_column="sourcedId",
        ),
    ),
    classes=Sheet(
        "classes.csv",
        ("sourcedId", "title"),
        """\
sourcedId,orgSourcedId,title,sessionSourcedIds,courseSourcedId
c1,o1,Algebra,SY2026,k1
c2,o1,Biology,SY2026,k2
""",
        id_column="sourcedId",
    ),
    enrollments=(
        Sheet(
            "enrollments.csv",
            ("classSourcedId", "userSourcedId", "role"),
            "classSourcedId,userSourcedId,role\nc1,t1,teacher\nc2,t2,teacher\nc1,s1,student\nc1,s2,student\nc2,s3,student\n",
            class_column="classSourcedId",
            user_column="userSourcedId",
            role_column="role",
        ),
    ),
    others=(
        Sheet("orgs.csv", ("sourcedId", "name"), "sourcedId,name,type,parentSourcedId\no1,Lakeside Middle,school,\n"),
        Sheet(
            "roles.csv",
            ("userSourcedId", "role", "orgSourcedId"),
            """\
userSourcedId,orgSourcedId,role,sessionSourcedId,grade,isPrimary,roleStartDate,roleEndDate
t1,o1,teacher,SY2026,,TRUE,2026-08-24,2027-06-11
t2,o1,teacher,SY2026,,TRUE,2026-08-24,2027-06-11
s1,o1,student,SY2026,7,TRUE,2026-08-24,2027-06-11
s2,o1,student,SY2026,7,TRUE,2026-08-24,2027-06-11
s3,o1,student,SY2026,8,TRUE,2026-08-24,2027-06-11
""",
            user_column="userSourcedId",
            role_column="role",
        ),
    ),
    optional=("orgs.csv",),
)

EVERY_FORMAT = (ONE_ROSTER_1_1, ONE_ROSTER_1_2, CLEVER, SDS_V1, SDS_V2_1)
