"""OneRoster 1.0, 1.1 and 1.2 CSV, bulk and delta, and School Data Sync v2, which has the same files (M1)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress, repeat

from functions.import_step.archive import RosterFile
from functions.import_step.csv_table import Cells, Row, Table, are_one_word, folded
from functions.import_step.formats.columns import named
from functions.import_step.formats.format import (
    Mode,
    PeopleColumns,
    Recognised,
    Sink,
    Where,
    all_there,
    has_control,
    missing_file,
    missing_value,
    several,
    table,
    take_school,
    unknown_role,
)
from functions.import_step.formats.roles import acts_in_class, is_known_role, is_of_schools, role_of
from functions.import_step.formats.terms import Ends
from functions.import_step.records import ClassRow, CourseRow, PersonRow, ReferenceRow, TermRow
from shared.domain.errors import UploadRejected
from shared.domain.report import Kind, Note, Reject

_RENAMED_FROM_1_0 = {
    "grade": "grades",
    "termSourcedId": "termSourcedIds",
    "schoolYearId": "schoolYearSourcedId",
    "userId": "userIds",
    "agents": "agentSourcedIds",
    "orgSourcedId": "orgSourcedIds",
}
_ROLE_DATES = {"roleStartDate": "beginDate", "roleEndDate": "endDate"}
"""School Data Sync's names."""
_DISABLED = ("false", "0", "no", "f", "n")
_ENABLED = ("", "true", "1", "yes", "t", "y")
_USED = {"users", "roles", "classes", "enrollments", "orgs", "courses", "academicsessions"}
"""The files of a roster that are read."""
_VERSIONS = ("1.0", "1.1", "1.2")
_PROPERTIES = {"", "manifest.version", "oneroster.version", "source.systemname", "source.systemcode"}
"""What a manifest says beside what each file is."""
_WORDS = ("absent", "bulk", "delta")
_REMOVED = ("tobedeleted", "inactive")
_FILES = {"users": Kind.USERS, "classes": Kind.CLASSES, "enrollments": Kind.ENROLLMENTS}
_ORDER = ("orgs", "users", "roles", "classes", "enrollments")
_PARTS = ("orgs", "roles", "courses", "academicsessions")
"""They tell more of people and classes."""
_REFERRED_TO = ("academicsessions", "courses")
"""Who reads the beginning of classes.csv reads these, too; without a byte in them they say nothing."""
_USER_COLUMNS = (
    "sourcedId", "status", "role", "username", "userIds", "givenName", "familyName", "email", "orgSourcedIds",
    "primaryOrgSourcedId", "preferredGivenName", "preferredFamilyName", "enabledUser",
)  # fmt: skip
_CLASS_COLUMNS = (
    "sourcedId", "status", "title", "courseSourcedId", "classCode", "schoolSourcedId", "orgSourcedIds", "termSourcedIds",
    "sessionSourcedIds",
)  # fmt: skip
_SCHOOL_YEAR = re.compile(r"[0-9]{4}")
_TWO_YEARS = re.compile(r"([0-9]{4}) ?[-/–] ?([0-9]{2}|[0-9]{4})")
"""As people write a school year: its first year and its last."""
_TERM_COLUMNS = ("sourcedId", "title", "endDate", "schoolYear", "status")


class OneRoster:
    """OneRoster CSV."""

    also_read: Collection[str] = ("manifest", "academicsessions", "courses")

    def recognise(self, files: dict[str, RosterFile]) -> Recognised | None:
        if not {"manifest", "users", "classes", "roles"} & set(files):
            return None
        manifest = _manifest(files) if "manifest" in files else _Manifest("")
        columns = table(files["users"], None, _Quiet()) if "users" in files else None
        if columns and not {"manifest", "classes"} & set(files):
            _check_whose(columns)
        modes, parts = _modes(files, manifest)
        name, version = _name_and_version(files, manifest, columns)
        # Who is a contact alone has no role in School Data Sync: relationships.csv names them.
        may_have_none = name == "sds" and "relationships" in files
        return Recognised(
            name,
            version,
            modes,
            files,
            (*_disagreements(files, manifest), *manifest.notes),
            parts=parts,
            needs_roles=not (columns is None or columns.has("role") or may_have_none) and parts["roles"] is Mode.BULK,
        )

    def stems(self, upload: Recognised) -> Sequence[str]:
        is_users_only = upload.name == "sds" and not {"classes", "enrollments"} & set(upload.files)
        if upload.mode is Mode.BULK and not is_users_only:
            all_there(upload, _FILES)
        if upload.modes[Kind.USERS] is Mode.BULK and upload.version == "1.2" and not self._tells_roles(upload):
            raise missing_file("roles.csv")
        stems = [stem for stem in _ORDER if stem in upload.files]
        if "classes" in stems:
            return stems
        return [*(stem for stem in _REFERRED_TO if stem in upload.files and upload.files[stem].size), *stems]

    def never_empty(self, upload: Recognised) -> Sequence[str]:
        if upload.modes[Kind.USERS] is not Mode.BULK:
            return ()
        users = table(upload.files["users"], None, _Quiet())
        return ("users",) if users.has("role") or "roles" not in upload.files else ("users", "roles")

    def roles_not_told(self, _upload: Recognised, _seen: Mapping[str, int]) -> Sequence[str]:
        return ()

    @staticmethod
    def _tells_roles(upload: Recognised) -> bool:
        """Whether the upload has roles. A users.csv without ids is no users.csv: that is reported, not a missing roles.csv."""
        users = table(upload.files["users"], None, _Quiet())
        return "roles" in upload.files or users.has("role") or not users.has("sourcedId")

    def read(self, upload: Recognised, stem: str, sink: Sink) -> int:
        reader = _Reader(upload, sink)
        read: dict[str, Callable[[RosterFile], int]] = {
            "orgs": reader.orgs,
            "academicsessions": reader.terms,
            "courses": reader.courses,
            "users": reader.users,
            "roles": reader.roles,
            "classes": reader.classes,
            "enrollments": reader.enrollments,
        }
        return read[stem](upload.files[stem])


@dataclass(frozen=True, slots=True)
class _Group:
    """Enrollments: who is in which class, on which line, under which id."""

    users: Sequence[str]
    classes: Sequence[str]
    lines: Sequence[int]
    row_ids: Sequence[bytes]

    def where(self, chosen: Sequence[bool]) -> _Group:
        """Those that are chosen."""
        return _Group(
            list(compress(self.users, chosen)),
            list(compress(self.classes, chosen)),
            list(compress(self.lines, chosen)),
            list(compress(self.row_ids, chosen)),
        )


class _Reader:
    def __init__(self, upload: Recognised, sink: Sink) -> None:
        self._upload = upload
        self._sink = sink
        self._referred_to = 0
        """Courses and terms that have an id."""

    def _is_removed(self, status: str, where: Where, mode: Mode, count: int = 1) -> bool:
        """In bulk ``status`` must be blank; files that fill it in are read, and ``tobedeleted`` is believed. ``mode`` is what the
        row's file holds."""
        word = status.lower()
        if word == "active":
            return False
        is_bulk = mode is Mode.BULK
        if not word:
            if not is_bulk:
                text = "Rows of a delta without a status were read as active. Fill in active or tobedeleted."
                self._sink.note(Note("no_status", text, where.file, count, where.line))
            return False
        if word in _REMOVED:
            if is_bulk:
                text = "A bulk file marks rows as deleted; they were left out."
                self._sink.note(Note("status_in_bulk", text, where.file, count, where.line))
            return True
        text = "An unknown status was read as active."
        self._sink.note(Note("unknown_status", text, where.file, count, where.line))
        return False

    @staticmethod
    def _is_unclear(status: str, mode: Mode) -> bool:
        """Whether a status is unknown in a delta, where it decides who leaves."""
        return bool(status) and mode is Mode.DELTA and status.lower() not in ("active", *_REMOVED)

    def _part(self, stem: str) -> Mode:
        """What a file holds that tells more of people or classes."""
        return self._upload.parts.get(stem, Mode.BULK)

    def _reject_status(self, kind: Kind, file: str, lines: Sequence[int]) -> None:
        message = "The status of this row is not known. Write active or tobedeleted."
        for line in lines:
            self._sink.reject(kind, Reject(file, line, "status", "unknown_status", message))

    def _reject_empty(self, kind: Kind, where: Where, column: str, message: str) -> None:
        self._sink.reject(kind, Reject(where.file, where.line, column, "missing_value", message))

    def _reject_role(self, role: str, file: str, line: int) -> None:
        self._sink.reject(Kind.USERS, (unknown_role if role else missing_value)(file, line, "role"))

    def orgs(self, file: RosterFile) -> int:
        orgs = table(file, None, self._sink)
        orgs.require(["sourcedId", "name"])
        seen = 0
        mode = self._part("orgs")
        for line, (sourced_id, name, status) in orgs.rows(["sourcedId", "name", "status"]):
            seen += 1
            where = Where(orgs.shown, line)
            if not (status and self._is_removed(status, where, mode)):
                take_school(self._sink, orgs.shown, line, sourced_id, name)
            elif mode is Mode.DELTA:
                text = "Rows that delete schools were read; the names stay for who is in them still."
                self._sink.note(Note("school_kept", text, orgs.shown, 1, line))
        return seen

    def users(self, file: RosterFile) -> int:
        users = table(file, Kind.USERS, self._sink, _RENAMED_FROM_1_0)
        users.require(["sourcedId", "givenName", "familyName", "username"])
        # Whoever changes without a change of role keeps the standing one.
        mode = self._upload.modes[Kind.USERS]
        is_delta = mode is Mode.DELTA
        if "roles" not in self._upload.files and not (self._upload.version == "1.2" and is_delta):
            users.require(["role"])
        needs_role = "roles" not in self._upload.files and users.has("role")
        seen = 0
        where = Where(users.shown, 1, untold=self._untold(users, is_delta=is_delta))
        grades = users.count("grades")
        for lines, cells in users.batches(_USER_COLUMNS):
            seen += len(lines)
            people = None if is_delta else _plain_people(lines, cells, needs_role=needs_role)
            if people:
                self._sink.people(people, where)
                continue
            for line, row in zip(lines, zip(*cells, strict=True), strict=True):
                where.line = line
                self._user(row, where, mode, needs_role=needs_role)
        self._sink.grades(grades)
        return seen

    def _user(self, row: Row, where: Where, mode: Mode, *, needs_role: bool) -> None:
        (
            sourced_id, status, role, username, ids, given, family, email, orgs, primary, pref_given, pref_family, enabled,
        ) = row  # fmt: skip
        is_delta = mode is Mode.DELTA
        if is_delta and self._is_unclear(status, mode):
            self._reject_status(Kind.USERS, where.file, (where.line,))
            return
        removed = (is_delta or bool(status)) and self._is_removed(status, where, mode)
        if not (pref_given or given or pref_family or family) and not removed:
            self._reject_empty(
                Kind.USERS, where, "givenName", "The row names nobody. Fill in givenName and familyName."
            )
            return
        is_missing_role = needs_role and not is_known_role(role) and not removed
        # Where the id cannot be used, the sink rejects the row for that.
        if is_missing_role and sourced_id and not has_control(sourced_id):
            self._reject_role(role, where.file, where.line)
            return
        person = PersonRow(
            sourced_id,
            role_of(role) if role else None,
            pref_given or given,
            pref_family or family,
            email,
            username,
            self._clever_ids(ids, where),
            tuple(dict.fromkeys((primary, *several(orgs)))) if primary else several(orgs),
            removed,
            enabled != "true" and self._is_disabled(enabled, where),
            bool(role) and is_of_schools(role),
        )
        self._sink.person(person, where)

    def _untold(self, users: Table, *, is_delta: bool) -> tuple[str, ...]:
        """The fields of people of which this file says nothing: what stood of them stays."""
        untold = _untold_of_people(users)
        if is_delta:
            return untold
        return tuple(name for name in untold if name in KEPT_IN_BULK) if self._upload.name == "oneroster" else ()

    def _clever_ids(self, ids: str, where: Where) -> tuple[str, ...]:
        """Clever's own ids; where they are named in a way that is not read, that is noted."""
        found = _clever_ids(ids)
        if ids and not found and "clever" in ids.lower():
            text = "Clever ids in userIds that are not written as {Clever:id} were not used. Put them into braces."
            self._sink.note(Note("user_ids_not_read", text, where.file, 1, where.line))
        return found

    def _is_disabled(self, enabled: str, where: Where) -> bool:
        """Whether ``enabledUser`` is false, in whatever way it is written."""
        word = enabled.lower()
        if word not in _ENABLED and word not in _DISABLED:
            text = "Words of enabledUser that are not known were read as true. Write true or false."
            self._sink.note(Note("unknown_enabled", text, where.file, 1, where.line))
        return word in _DISABLED

    def roles(self, file: RosterFile) -> int:
        roles = table(file, Kind.USERS, self._sink, _ROLE_DATES)
        roles.require(["userSourcedId", "role", "orgSourcedId"])
        dates = self._dates(roles, "beginDate", "endDate")
        grades = roles.count("grade")
        columns = ("userSourcedId", "role", "orgSourcedId", "status", "sourcedId", "beginDate", "endDate")
        mode = self._part("roles")
        seen = 0
        for line, (user, role, org, status, row_id, begins, ends) in roles.rows(columns):
            seen += 1
            if status and self._is_unclear(status, mode):
                self._reject_status(Kind.USERS, roles.shown, (line,))
                continue
            where = Where(roles.shown, line)
            removed = self._is_removed(status, where, mode)
            acts = role_of(role)
            is_unusable = acts is None and not is_known_role(role) and not removed
            if acts is None and not (is_unusable or removed):
                text = "Roles that neither teach nor learn nor administer do nothing."
                self._sink.note(Note("role_does_nothing", text, roles.shown, 1, line))
            if is_unusable:
                self._reject_role(role, roles.shown, line)
                if not user or has_control(user):
                    continue
            is_over = bool(begins or ends) and self._is_not_now(dates, begins, ends, line)
            self._sink.role(
                user,
                acts,
                org,
                where,
                removed=removed,
                row_id=row_id,
                is_over=is_over,
                is_unusable=is_unusable,
                schools_only=is_of_schools(role),
            )
        self._sink.grades(grades)
        return seen

    def _dates(self, dated: Table, *columns: str) -> Ends:
        """How the dates of these columns are read. An end is the day after the last one in OneRoster; in School Data Sync it is
        the last day."""
        return Ends(dated, columns, self._sink, is_exclusive=self._upload.name != "sds")

    def _is_not_now(self, dates: Ends, begins: str, ends: str, line: int) -> bool:
        """Whether something is over today, or has not begun."""
        after, first = dates.after(ends, line), dates.first(begins, line)
        self._turns(after, first)
        return (after is not None and after <= self._upload.on) or (first is not None and first > self._upload.on)

    def classes(self, file: RosterFile) -> int:
        if not file.piece.start:
            self._references()
        classes = table(file, Kind.CLASSES, self._sink, _RENAMED_FROM_1_0)
        classes.require(
            ["sourcedId", "title", "schoolSourcedId"] if self._upload.name != "sds" else ["sourcedId", "title"]
        )
        mode = self._upload.modes[Kind.CLASSES]
        untold = () if mode is Mode.DELTA else _untold_of_classes(classes)
        seen = 0
        for lines, cells in classes.batches(_CLASS_COLUMNS):
            seen += len(lines)
            where = Where(classes.shown, lines[0], untold=untold)
            plain = _plain_classes(cells) if mode is Mode.BULK else None
            if plain:
                self._sink.school_classes(plain, lines, where)
                continue
            for line, row in zip(lines, zip(*cells, strict=True), strict=True):
                where.line = line
                self._school_class(row, where, mode)
        return seen

    def _school_class(self, row: Row, where: Where, mode: Mode) -> None:
        sourced_id, status, title, course, code, school, org, term, session = row
        if status and self._is_unclear(status, mode):
            self._reject_status(Kind.CLASSES, where.file, (where.line,))
            return
        removed = self._is_removed(status, where, mode)
        if not title and not removed:
            self._reject_empty(Kind.CLASSES, where, "title", "The class has no title. Fill it in.")
            return
        told = ClassRow(
            sourced_id,
            title,
            school or org,
            class_code=code,
            removed=removed,
            course_id=course or None,
            term_ids=several(term or session),
        )
        self._sink.school_class(told, where)

    def _references(self) -> None:
        """What the classes refer to."""
        for stem, read in (("academicsessions", self.terms), ("courses", self.courses)):
            referred_to = self._upload.files.get(stem)
            if referred_to is None:
                continue
            shown = referred_to.name.rsplit("/", 1)[-1]
            before = self._referred_to
            if referred_to.size:
                self._sink.also_read(stem, shown, read(referred_to))
            if self._referred_to == before:
                text = "The file has no row that can be used; classes keep the terms and courses that they had."
                self._sink.note(Note("part_not_usable", text, shown))

    def courses(self, file: RosterFile) -> int:
        courses = table(file, None, self._sink)
        mode = self._part("courses")
        seen = 0
        for line, (sourced_id, title, status) in courses.rows(["sourcedId", "title", "status"]):
            seen += 1
            where = Where(courses.shown, line)
            self._refer_to(CourseRow(sourced_id, title), status, where, mode)
        return seen

    def terms(self, file: RosterFile) -> int:
        sessions = table(file, None, self._sink)
        ends = self._dates(sessions, "startDate", "endDate")
        mode = self._part("academicsessions")
        seen = 0
        for line, (sourced_id, title, end, year, status) in sessions.rows(_TERM_COLUMNS):
            seen += 1
            where = Where(sessions.shown, line)
            row = TermRow(sourced_id, title, ends.after(end, line), self._school_year(year, where))
            self._refer_to(row, status, where, mode)
        return seen

    def _school_year(self, year: str, where: Where) -> str:
        """The year in which a school year ends; empty where it is not told, or not understood."""
        if not year or _SCHOOL_YEAR.fullmatch(year):
            return year
        both = _TWO_YEARS.fullmatch(year)
        if both and (int(both[1]) + 1) % 100 == int(both[2][-2:]):
            return str(int(both[1]) + 1)
        text = "School years that are not written as the year in which they end were not used. Write for example 2027."
        self._sink.note(Note("no_school_year", text, where.file, 1, where.line))
        return ""

    def _refer_to(self, row: ReferenceRow, status: str, where: Where, mode: Mode) -> None:
        """Hand a course or a term to the sink; one that a whole roster marks as deleted is left out."""
        if not row.sourced_id:
            text = "Rows without a sourcedId were not used: no class can refer to them. Fill it in."
            self._sink.note(Note("row_without_id", text, where.file, 1, where.line))
            return
        row.removed = bool(status) and self._is_removed(status, where, mode)
        self._referred_to += 1
        if not (row.removed and mode is Mode.BULK):
            self._sink.reference(row, where)

    def enrollments(self, file: RosterFile) -> int:
        enrollments = table(file, Kind.ENROLLMENTS, self._sink)
        enrollments.require(["classSourcedId", "userSourcedId", "role"])
        dates = self._dates(enrollments, "beginDate", "endDate")
        seen = 0
        columns = ["userSourcedId", "classSourcedId", "role", "status", "endDate"]
        for lines, cells, row_ids in enrollments.batches_with_ids(columns, "sourcedId"):
            seen += len(lines)
            users, classes, roles, statuses, ends = cells
            over = self._over(dates, ends, lines)
            group = _Group(users, classes, lines, row_ids)
            if are_one_word(roles) and are_one_word(statuses) and over.count(over[0]) == len(over):
                self._enroll(enrollments.shown, roles[0], statuses[0], over[0], group)
                continue
            said = list(zip(roles, statuses, over, strict=True))
            for group_of in sorted(set(said)):
                chosen = group.where([each == group_of for each in said])
                self._enroll(enrollments.shown, *group_of, chosen)
        return seen

    def _over(self, dates: Ends, ends: Sequence[str], lines: Sequence[int]) -> Sequence[bool]:
        """Of each enrollment, whether its last day is past. One that has not begun is read: its class is there already."""
        days = {ends[0]: len(ends)} if are_one_word(ends) else Counter(ends)
        if not any(days):
            return [False] * len(ends)
        after = {day: dates.after(day, lines[ends.index(day)], days[day]) for day in sorted(days)}
        self._turns(*after.values())
        past = {day for day, next_day in after.items() if next_day is not None and next_day <= self._upload.on}
        if not past:
            return [False] * len(ends)
        return [end in past for end in ends]

    def _turns(self, *days: str | None) -> None:
        """Tell of those of these days that lie ahead."""
        for day in days:
            if day is not None and day > self._upload.on:
                self._sink.turns(day)

    def _enroll(self, file: str, role: str, status: str, is_over: bool, group: _Group) -> None:
        """Hand enrollments with the same role and status to the sink."""
        mode = self._upload.modes[Kind.ENROLLMENTS]
        if self._is_unclear(status, mode):
            self._reject_status(Kind.ENROLLMENTS, file, group.lines)
            return
        where = Where(file, group.lines[0])
        removed = self._is_removed(status, where, mode, len(group.lines))
        if not removed and not is_known_role(role):
            group = self._without_role(file, role, group)
        elif not removed and is_over:
            text = "Enrollments whose last day is past are over; nobody is in a class by them."
            self._sink.note(Note("enrollment_over", text, file, len(group.lines), group.lines[0]))
        elif not removed and not acts_in_class(role):
            text = "Enrollments with roles that neither teach nor attend a class are counted, and do nothing."
            self._sink.note(Note("role_does_nothing", text, file, len(group.lines), group.lines[0]))
        self._sink.enrollments(
            where,
            role.lower(),
            group.users,
            group.classes,
            group.lines,
            removed=removed or is_over,
            row_ids=group.row_ids,
        )

    def _without_role(self, file: str, role: str, group: _Group) -> _Group:
        """Reject enrollments that lack nothing but a role that is known. Return the others: the sink rejects them for their
        ids."""
        lacks_role = [
            bool(user and class_id and not has_control(user + class_id))
            for user, class_id in zip(group.users, group.classes, strict=True)
        ]
        for line in compress(group.lines, lacks_role):
            self._sink.reject(Kind.ENROLLMENTS, (unknown_role if role else missing_value)(file, line, "role"))
        return group.where([not lacks for lacks in lacks_role])


def _plain_people(lines: Sequence[int], cells: Cells, *, needs_role: bool) -> PeopleColumns | None:
    """Rows of a whole users.csv that name everybody, and nobody in an unusual way; None where a row has to be looked at."""
    (
        ids,
        statuses,
        words,
        usernames,
        user_ids,
        given,
        family,
        emails,
        orgs,
        primary,
        pref_given,
        pref_family,
        enabled,
    ) = cells
    if any(map(any, (statuses, user_ids, primary, pref_given, pref_family))) or not {*enabled} <= {"", "true"}:
        return None
    known = {word: role_of(word) if word else None for word in set(words)}
    if not (all(given) or all(family)) or (needs_role and not all(map(is_known_role, known))):
        return None
    schools = {text: several(text) for text in set(orgs)}
    of_schools = {word for word in known if is_of_schools(word)}
    return PeopleColumns(
        lines,
        ids,
        list(map(known.__getitem__, words)),
        given,
        family,
        emails,
        usernames,
        list(map(schools.__getitem__, orgs)),
        [word in of_schools for word in words] if of_schools else None,
    )


def _plain_classes(cells: Cells) -> list[ClassRow] | None:
    """Rows of a whole classes.csv that are all there and have a title; None where a row has to be looked at."""
    ids, statuses, titles, courses, codes, schools, orgs, terms, sessions = cells
    if any(statuses) or not all(titles):
        return None
    told_terms = [term or session for term, session in zip(terms, sessions, strict=True)]
    term_ids = {text: several(text) for text in set(told_terms)}
    rows = map(
        ClassRow,
        ids,
        titles,
        (school or org or None for school, org in zip(schools, orgs, strict=True)),
        repeat(None),
        (code or None for code in codes),
        repeat(None),
        repeat(None),
        repeat(False),
        (course or None for course in courses),
        map(term_ids.__getitem__, told_terms),
    )
    return list(rows)


def _untold_of_people(users: Table) -> tuple[str, ...]:
    """The fields of people for which users.csv has no column."""
    columns = {
        "role": ("role",),
        "email": ("email",),
        "clever_ids": ("userIds",),
        "disabled": ("enabledUser",),
        "school_ids": ("orgSourcedIds", "primaryOrgSourcedId"),
    }
    return tuple(name for name, of in columns.items() if not any(map(users.has, of)))


KEPT_IN_BULK = ("email", "clever_ids", "disabled")
"""The fields of people that stay as they stood where a whole roster has no column for them."""


def _untold_of_classes(classes: Table) -> tuple[str, ...]:
    """The fields of classes for which classes.csv has no column."""
    untold: tuple[str, ...] = ()
    if not classes.has("termSourcedIds") and not classes.has("sessionSourcedIds"):
        untold += ("term_ids", "term_title", "ends_on")
    if not classes.has("courseSourcedId"):
        untold += ("course_id", "course_title")
    return untold


def _check_whose(users: Table) -> None:
    """Raises UploadRejected that says what a users.csv is that comes from another system, or is a list of somebody's own."""
    if users.has("sourcedId"):
        return
    if users.has("user_id") and users.has("login_id"):
        whose = "users.csv is Canvas' own file of users"
    elif {"username", "firstname"} <= set(users.header):
        whose = "users.csv is Moodle's own file of users"
    else:
        whose = "users.csv has no column sourcedId: it is a list of another system"
    raise UploadRejected(
        "unknown_format",
        f"{whose}, and no roster that is known here. Export a roster as OneRoster 1.1 or 1.2 CSV, Clever CSV or School Data "
        "Sync CSV from the district's information system, and upload that.",
        file=users.shown,
        line=users.header_line,
    )


def _name_and_version(files: dict[str, RosterFile], manifest: _Manifest, users: Table | None) -> tuple[str, str]:
    if users and "manifest" not in files and not users.has("status"):
        if "roles" in files:
            return "sds", "2.1"
        if users.has("role"):
            return "sds", "2"
    return "oneroster", manifest.version if manifest.version in _VERSIONS else _version_by_files(files, users)


def _clever_ids(user_ids: str) -> tuple[str, ...]:
    """Clever's own ids from ``userIds`` such as ``{Clever:58da8c6b894273be68000295},{LDAP:12}`` (M6)."""
    if not user_ids:
        return ()
    pairs = (part.rpartition("{")[2].partition(":") for part in user_ids.split("}")[:-1] if "{" in part)
    return tuple(dict.fromkeys(i.strip() for kind, _, i in pairs if kind.strip().lower() == "clever" and i.strip()))


@dataclass(slots=True)
class _Manifest:
    """A manifest: the version of OneRoster, and for each file ``absent``, ``bulk`` or ``delta``."""

    file: str
    version: str = ""
    words: dict[str, str] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    """What it says unclearly of files that are not used."""


def _manifest(files: dict[str, RosterFile]) -> _Manifest:
    """Raises UploadRejected where it does not say clearly what a file is that is used: a delta that is taken for the whole roster
    would remove everybody whom it does not name."""
    shown = files["manifest"].name.rsplit("/", 1)[-1]
    found = _Manifest(shown)
    not_read: dict[str, int] = {}
    for line, name, value in _properties(files["manifest"]):
        if name == "oneroster.version":
            found.version = value
        stem = name.removeprefix("file.")
        if stem == name:
            if name not in _PROPERTIES:
                not_read.setdefault(name, line)
            continue
        word = value.lower()
        what = ""
        if word not in _WORDS:
            what = f"The manifest does not say what {stem}.csv is. Write absent, bulk or delta."
        elif found.words.setdefault(stem, word) != word:
            what = f"The manifest says two things of {stem}.csv. Leave one of them out."
        if what and stem in _USED and stem in files:
            raise _bad_manifest(shown, line, what)
        if what:
            found.notes.append(Note("manifest_unclear", f"{what} The file is not used.", shown, 1, line))
    if not_read:
        text = f"Lines of the manifest that are not known here were not read: {named([*not_read])}."
        found.notes.append(Note("manifest_not_read", text, shown, len(not_read), min(not_read.values())))
    return found


def _bad_manifest(shown: str, line: int, message: str) -> UploadRejected:
    return UploadRejected("bad_manifest", message, file=shown, line=line, column="value")


def _properties(file: RosterFile) -> Iterator[tuple[int, str, str]]:
    """Line, name and value of each property, also where the header is missing."""
    if not file.size:
        return
    manifest = table(file, None, _Quiet(), is_ragged=True)
    columns = ["propertyName", "value"]
    if not manifest.has("propertyName"):
        columns = manifest.header[:2]
        if len(columns) < 2 or folded(columns[0]) == folded(columns[1]):
            return
        yield manifest.header_line, columns[0].strip().lower(), columns[1].strip()
    for line, (name, value) in manifest.rows(columns):
        yield line, name.lower(), value


def _modes(files: dict[str, RosterFile], manifest: _Manifest) -> tuple[dict[Kind, Mode], dict[str, Mode]]:
    """What each file holds, by kind, and by stem of those that tell more of people and classes.

    Of files that the manifest does not name the others say what they are: beside deltas alone there is no whole roster.
    """
    words = set(manifest.words.values())
    otherwise = Mode.DELTA if "delta" in words and "bulk" not in words else Mode.BULK

    def mode(stem: str) -> Mode:
        word = manifest.words.get(stem, "absent")
        return (otherwise if word == "absent" else Mode(word)) if stem in files else Mode.ABSENT

    return {kind: mode(stem) for stem, kind in _FILES.items()}, {stem: mode(stem) for stem in _PARTS}


def _disagreements(files: dict[str, RosterFile], manifest: _Manifest) -> Iterator[Note]:
    """Where a manifest and the files disagree, the files win."""
    named = [stem for stem, word in manifest.words.items() if word != "absent" and stem not in files]
    hidden = [stem for stem, word in manifest.words.items() if word == "absent" and stem in files]
    unknown = manifest.version and manifest.version not in _VERSIONS
    for count, message in (
        (len(named), "The manifest names files that are not in the upload; the files that are there were read."),
        (len(hidden), "The manifest calls files absent that are in the upload; they were read."),
        (
            1 if unknown else 0,
            "The manifest names a version of OneRoster that is not known; the files tell the version.",
        ),
    ):
        if count:
            yield Note("manifest_disagrees", message, manifest.file, count)


def _version_by_files(files: dict[str, RosterFile], users: Table | None) -> str:
    if "roles" in files or (users and not users.has("role")):
        return "1.2"
    return "1.0" if users and users.has("userId") and not users.has("userIds") else "1.1"


class _Quiet:
    """A sink for a look at a file before it is read; errors are reported when it is."""

    def person(self, row: PersonRow, where: Where) -> None: ...
    def people(self, people: PeopleColumns, where: Where) -> None: ...
    def role(self, *_args: object, **_more: object) -> None: ...
    def school(self, sourced_id: str, name: str, where: Where) -> None: ...
    def reference(self, row: ReferenceRow, where: Where) -> None: ...
    def also_read(self, stem: str, file: str, rows: int) -> None: ...
    def grades(self, rows: Mapping[str, int]) -> None: ...
    def school_class(self, row: ClassRow, where: Where) -> None: ...
    def school_classes(self, *_args: object) -> None: ...
    def enrollments(self, *_args: object, **_more: object) -> None: ...
    def turns(self, day: str) -> None: ...
    def reject(self, kind: Kind | None, reject: Reject) -> None: ...
    def note(self, note: Note) -> None: ...
