"""Microsoft School Data Sync v1, with the variant of the United Kingdom (M1). v2 and v2.1 have OneRoster's files."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from functions.import_step.archive import RosterFile
from functions.import_step.csv_table import Table
from functions.import_step.formats.format import (
    Mode,
    Recognised,
    Sink,
    Where,
    all_there,
    missing_value,
    table,
    take_school,
    two_formats,
)
from functions.import_step.formats.terms import Ends
from functions.import_step.records import ClassRow, PersonRow
from shared.domain.report import Kind, Note
from shared.domain.roster import KIND_OF_ROLE, NumberKind, Role

_NEEDED = ("school", "student", "teacher", "section", "studentenrollment", "teacherroster")
"""In the order in which they are read."""
_OF_CLASSES = {"section", "studentenrollment", "teacherroster"}
"""All of them may be left out by who manages users alone."""
_BRITISH = {
    "ID": "SIS ID",
    "DfE Number": "SIS ID",
    "School DfE Number": "School SIS ID",
    "Section ID": "Section SIS ID",
}


class SchoolDataSync:
    """School Data Sync v1: the whole roster at every upload."""

    also_read: Collection[str] = ()

    def recognise(self, files: dict[str, RosterFile]) -> Recognised | None:
        known = (
            {"studentenrollment", "teacherroster"} & set(files),
            {"section", "student", "teacher"} <= set(files),
            {"school", "student", "teacher"} <= set(files),
        )
        if not any(known):
            return None
        if {"users", "classes"} & set(files):
            raise two_formats("School Data Sync 1", "OneRoster or School Data Sync 2")
        modes = dict.fromkeys(Kind, Mode.BULK)
        if not _OF_CLASSES & set(files):
            modes |= {Kind.CLASSES: Mode.ABSENT, Kind.ENROLLMENTS: Mode.ABSENT}
        return Recognised("sds", "1", modes, files, by_kind=True)

    def stems(self, upload: Recognised) -> Sequence[str]:
        is_users_only = upload.modes[Kind.CLASSES] is Mode.ABSENT
        needed = [stem for stem in _NEEDED if stem not in _OF_CLASSES] if is_users_only else _NEEDED
        all_there(upload, needed)
        return needed

    def never_empty(self, _upload: Recognised) -> Sequence[str]:
        return ("student", "teacher")

    def roles_not_told(self, _upload: Recognised, _seen: Mapping[str, int]) -> Sequence[str]:
        return ()

    def read(self, upload: Recognised, stem: str, sink: Sink) -> int:
        file = upload.files[stem]
        match stem:
            case "school":
                return self._schools(file, sink)
            case "student":
                return self._people(file, Role.STUDENT, sink)
            case "teacher":
                return self._people(file, Role.TEACHER, sink)
            case "section":
                return self._sections(file, sink)
            case _:
                return self._enrollments(
                    file, NumberKind.STUDENT if stem == "studentenrollment" else NumberKind.TEACHER, sink
                )

    @staticmethod
    def _table(file: RosterFile, kind: Kind | None, sink: Sink) -> Table:
        return table(file, kind, sink, _BRITISH)

    def _schools(self, file: RosterFile, sink: Sink) -> int:
        schools = self._table(file, None, sink)
        schools.require(["SIS ID", "Name"])
        seen = 0
        for line, (school_id, name) in schools.rows(["SIS ID", "Name"]):
            seen += 1
            take_school(sink, schools.shown, line, school_id, name)
        return seen

    def _people(self, file: RosterFile, role: Role, sink: Sink) -> int:
        """Names are optional here: a person without one goes by the username."""
        people = self._table(file, Kind.USERS, sink)
        people.require(["SIS ID", "School SIS ID", "Username"])
        columns = ("SIS ID", "School SIS ID", "First Name", "Last Name", "Username", "Status")
        grades = people.count("Grade")
        seen = 0
        for line, (sis_id, school, first, last, username, status) in people.rows(columns):
            seen += 1
            removed = self._is_inactive(status, people.shown, line, sink)
            if not school and not removed:
                sink.reject(Kind.USERS, missing_value(people.shown, line, "School SIS ID"))
                continue
            named = (first, last) if first or last else (username.partition("@")[0], "")
            schools = (school,) if school else ()
            where = Where(people.shown, line, "SIS ID", KIND_OF_ROLE[role])
            sink.person(PersonRow(sis_id, role, *named, "", username, school_ids=schools, removed=removed), where)
        sink.grades(grades)
        return seen

    def _sections(self, file: RosterFile, sink: Sink) -> int:
        sections = self._table(file, Kind.CLASSES, sink)
        sections.require(["SIS ID", "School SIS ID", "Section Name"])
        ends = Ends(sections, ("Term StartDate", "Term EndDate"), sink)
        columns = (
            "SIS ID", "School SIS ID", "Section Name", "Course Name", "Section Number", "Term Name", "Term EndDate", "Status",
        )  # fmt: skip
        seen = 0
        for line, (section, school, name, course, number, term, ends_on, status) in sections.rows(columns):
            seen += 1
            removed = self._is_inactive(status, sections.shown, line, sink)
            if not school and not removed:
                sink.reject(Kind.CLASSES, missing_value(sections.shown, line, "School SIS ID"))
                continue
            title = name or course or section
            where = Where(sections.shown, line, "SIS ID")
            row = ClassRow(section, title, school, course, number, term, ends.after(ends_on, line), removed)
            sink.school_class(row, where)
        return seen

    def _enrollments(self, file: RosterFile, role: NumberKind, sink: Sink) -> int:
        """The enrollments of one kind of people: their kind of number is their role's name, too."""
        enrollments = self._table(file, Kind.ENROLLMENTS, sink)
        enrollments.require(["Section SIS ID", "SIS ID"])
        where = Where(enrollments.shown, 1, "SIS ID", role)
        seen = 0
        for lines, (sections, people) in enrollments.batches(["Section SIS ID", "SIS ID"]):
            seen += len(lines)
            sink.enrollments(where, role.value, people, sections, lines, class_column="Section SIS ID")
        return seen

    @staticmethod
    def _is_inactive(status: str, file: str, line: int, sink: Sink) -> bool:
        if status.lower() in ("inactive", "deleted", "tobedeleted"):
            sink.note(Note("status_in_bulk", "A bulk file marks rows as deleted; they were left out.", file, 1, line))
            return True
        return False
