"""Microsoft School Data Sync v1, with the variant of the United Kingdom (formats.md). v2 and v2.1 have OneRoster's files."""

from __future__ import annotations

from functions.import_step.formats import (
    ClassRow,
    Kind,
    Mode,
    Person,
    Recognised,
    Sink,
    Where,
    missing_file,
    no_rows,
    table,
)
from functions.import_step.opening import RosterFile
from functions.import_step.tables import Table
from shared.report import Note
from shared.roster import Role

_NEEDED = ("school", "section", "student", "teacher", "studentenrollment", "teacherroster")
_BRITISH = {
    "ID": "SIS ID",
    "DfE Number": "SIS ID",
    "School DfE Number": "School SIS ID",
    "Section ID": "Section SIS ID",
}


class SchoolDataSync:
    """School Data Sync v1: the whole roster at every upload."""

    def recognise(self, files: dict[str, RosterFile]) -> Recognised | None:
        if not ({"studentenrollment", "teacherroster"} & set(files) or {"section", "student", "teacher"} <= set(files)):
            return None
        return Recognised("sds", "1", dict.fromkeys(Kind, Mode.BULK), files)

    def read(self, what: Recognised, sink: Sink) -> None:
        for stem in _NEEDED:
            if stem not in what.files:
                raise missing_file(f"{stem}.csv")
        self._schools(what.files["school"], sink)
        self._people(what.files["student"], Role.STUDENT, sink)
        self._people(what.files["teacher"], Role.TEACHER, sink)
        self._sections(what.files["section"], sink)
        self._enrollments(what.files["studentenrollment"], "student", sink)
        self._enrollments(what.files["teacherroster"], "teacher", sink)

    @staticmethod
    def _table(file: RosterFile, kind: Kind | None, sink: Sink) -> Table:
        return table(file, kind, sink, _BRITISH)

    def _schools(self, file: RosterFile, sink: Sink) -> None:
        schools = self._table(file, None, sink)
        schools.require(["SIS ID", "Name"])
        for _, (school_id, name) in schools.rows(["SIS ID", "Name"]):
            if school_id and name:
                sink.school(school_id, name)

    def _people(self, file: RosterFile, role: Role, sink: Sink) -> None:
        """Names are optional here: whoever has none goes by the username."""
        people = self._table(file, Kind.USERS, sink)
        people.require(["SIS ID", "School SIS ID", "Username"])
        columns = ("SIS ID", "School SIS ID", "First Name", "Last Name", "Username", "Status")
        seen = 0
        for line, (sis_id, school, first, last, username, status) in people.rows(columns):
            seen += 1
            removed = self._is_inactive(status, people.shown, sink)
            named = (first, last) if first or last else (username.partition("@")[0], "")
            schools = (school,) if school else ()
            where = Where(people.shown, line, "SIS ID")
            sink.person(Person(sis_id, *named, "", username, role, school_ids=schools, removed=removed), where)
        if not seen:
            raise no_rows(people.shown)

    def _sections(self, file: RosterFile, sink: Sink) -> None:
        sections = self._table(file, Kind.CLASSES, sink)
        sections.require(["SIS ID", "School SIS ID", "Section Name"])
        columns = ("SIS ID", "School SIS ID", "Section Name", "Course Name", "Section Number", "Term Name", "Status")
        for line, (section, school, name, course, number, term, status) in sections.rows(columns):
            removed = self._is_inactive(status, sections.shown, sink)
            title = name or course or section
            where = Where(sections.shown, line, "SIS ID")
            sink.school_class(ClassRow(section, title, school, course, number, term, removed), where)

    def _enrollments(self, file: RosterFile, role: str, sink: Sink) -> None:
        enrollments = self._table(file, Kind.ENROLLMENTS, sink)
        enrollments.require(["Section SIS ID", "SIS ID"])
        for line, (section, person) in enrollments.rows(["Section SIS ID", "SIS ID"]):
            where = Where(enrollments.shown, line)
            sink.enrollment(section, person, role, where, user_column="SIS ID", class_column="Section SIS ID")

    @staticmethod
    def _is_inactive(status: str, file: str, sink: Sink) -> bool:
        if status.lower() in ("inactive", "deleted", "tobedeleted"):
            sink.note(Note("status_in_bulk", "A bulk file marks rows as deleted; they were left out.", file, 1))
            return True
        return False
