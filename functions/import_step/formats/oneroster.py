"""OneRoster 1.0, 1.1 and 1.2 CSV, bulk and delta, and School Data Sync v2, which has the same files (formats.md)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import compress

from functions.import_step.formats import (
    ClassRow,
    Kind,
    Mode,
    Person,
    Recognised,
    Sink,
    Where,
    all_there,
    role_of,
    several,
    table,
)
from functions.import_step.formats.terms import Ends
from functions.import_step.opening import RosterFile
from shared.report import Note, Reject

_RENAMED_FROM_1_0 = {
    "grade": "grades",
    "termSourcedId": "termSourcedIds",
    "schoolYearId": "schoolYearSourcedId",
    "userId": "userIds",
    "agents": "agentSourcedIds",
    "orgSourcedId": "orgSourcedIds",
}
_FILES = {"users": Kind.USERS, "classes": Kind.CLASSES, "enrollments": Kind.ENROLLMENTS}
_ORDER = ("orgs", "users", "roles", "classes", "enrollments")
_SCHOOL_YEAR = re.compile(r"[0-9]{4}")
_USER_ID = re.compile(r"\{\s*([^:{}]+?)\s*:\s*([^{}]*?)\s*\}")


class OneRoster:
    """OneRoster CSV."""

    def recognise(self, files: dict[str, RosterFile]) -> Recognised | None:
        if "manifest" not in files and "users" not in files:
            return None
        quiet = _Quiet()
        said: dict[str, str] = {}
        if manifest := files.get("manifest"):
            said = _manifest(manifest, quiet)
        users = table(files["users"], None, quiet) if "users" in files else None
        version = said.get("oneroster.version", "")
        if not version:
            if "roles" in files or (users and not users.has("role")):
                version = "1.2"
            else:
                version = "1.0" if users and users.has("userId") and not users.has("userIds") else "1.1"
        if users and not manifest and not users.has("status") and "roles" not in files and users.has("role"):
            return Recognised("sds", "2", self._modes(files, said), files)
        if users and not manifest and not users.has("status") and "roles" in files:
            return Recognised("sds", "2.1", self._modes(files, said), files)
        return Recognised("oneroster", version, self._modes(files, said), files)

    @staticmethod
    def _modes(files: dict[str, RosterFile], said: dict[str, str]) -> dict[Kind, Mode]:
        modes = {}
        for stem, kind in _FILES.items():
            if stem not in files:
                modes[kind] = Mode.ABSENT
            else:
                modes[kind] = Mode.DELTA if said.get(f"file.{stem}", "").lower() == "delta" else Mode.BULK
        return modes

    def stems(self, what: Recognised) -> Sequence[str]:
        if what.mode is Mode.BULK:
            all_there(what, _FILES)
        return [stem for stem in _ORDER if stem in what.files]

    def never_empty(self, what: Recognised) -> Sequence[str]:
        return ("users",) if what.modes[Kind.USERS] is Mode.BULK else ()

    def read(self, what: Recognised, stem: str, sink: Sink) -> int:
        reader = _Reader(what, sink)
        read: dict[str, Callable[[RosterFile], int]] = {
            "orgs": reader.orgs,
            "users": reader.users,
            "roles": reader.roles,
            "classes": reader.classes,
            "enrollments": reader.enrollments,
        }
        return read[stem](what.files[stem])


class _Reader:
    def __init__(self, what: Recognised, sink: Sink) -> None:
        self._what = what
        self._sink = sink

    def _is_removed(self, status: str, where: Where, kind: Kind, count: int = 1) -> bool:
        """In bulk ``status`` must be blank; files that fill it in are read, and ``tobedeleted`` is believed."""
        word = status.lower()
        if word in ("", "active"):
            return False
        if word in ("tobedeleted", "inactive"):
            if self._what.modes[kind] is Mode.BULK:
                self._sink.note(
                    Note("status_in_bulk", "A bulk file marks rows as deleted; they were left out.", where.file, count)
                )
            return True
        self._sink.note(Note("unknown_status", "An unknown status was read as active.", where.file, count))
        return False

    def orgs(self, file: RosterFile) -> int:
        orgs = table(file, None, self._sink)
        orgs.require(["sourcedId", "name"])
        seen = 0
        for _, (sourced_id, name) in orgs.rows(["sourcedId", "name"]):
            seen += 1
            if sourced_id and name:
                self._sink.school(sourced_id, name)
        return seen

    def users(self, file: RosterFile) -> int:
        users = table(file, Kind.USERS, self._sink, _RENAMED_FROM_1_0)
        users.require(["sourcedId", "givenName", "familyName", "username"])
        if "roles" not in self._what.files:
            users.require(["role"])
        columns = (
            "sourcedId",
            "status",
            "role",
            "username",
            "userIds",
            "givenName",
            "familyName",
            "email",
            "orgSourcedIds",
            "primaryOrgSourcedId",
            "preferredGivenName",
            "preferredFamilyName",
        )
        seen = 0
        where = Where(users.shown, 1)
        for line, row in users.rows(columns):
            seen += 1
            sourced_id, status, role, username, ids, given, family, email, orgs, primary, pref_given, pref_family = row
            where.line = line
            removed = bool(status) and self._is_removed(status, where, Kind.USERS)
            if not (pref_given or given or pref_family or family) and not removed:
                self._sink.reject(
                    Kind.USERS,
                    Reject(
                        users.shown,
                        line,
                        "givenName",
                        "missing_value",
                        "The row names nobody. Fill in givenName and familyName.",
                    ),
                )
                continue
            self._sink.person(
                Person(
                    sourced_id,
                    pref_given or given,
                    pref_family or family,
                    email,
                    username,
                    role_of(role) if role else None,
                    _clever_ids(ids),
                    tuple(dict.fromkeys((primary, *several(orgs)))) if primary else several(orgs),
                    removed,
                ),
                where,
            )
        return seen

    def roles(self, file: RosterFile) -> int:
        roles = table(file, Kind.USERS, self._sink)
        roles.require(["userSourcedId", "role", "orgSourcedId"])
        seen = 0
        for line, (user, role, org, status) in roles.rows(["userSourcedId", "role", "orgSourcedId", "status"]):
            seen += 1
            where = Where(roles.shown, line)
            self._sink.role(user, role_of(role), org, where, removed=self._is_removed(status, where, Kind.USERS))
        return seen

    def classes(self, file: RosterFile) -> int:
        courses = self._titles("courses")
        terms, ends = self._terms()
        classes = table(file, Kind.CLASSES, self._sink, _RENAMED_FROM_1_0)
        classes.require(
            ["sourcedId", "title", "schoolSourcedId"] if self._what.name != "sds" else ["sourcedId", "title"]
        )
        columns = (
            "sourcedId",
            "status",
            "title",
            "courseSourcedId",
            "classCode",
            "schoolSourcedId",
            "orgSourcedIds",
            "termSourcedIds",
            "sessionSourcedIds",
        )
        seen = 0
        for line, (sourced_id, status, title, course, code, school, org, term, session) in classes.rows(columns):
            seen += 1
            where = Where(classes.shown, line)
            removed = self._is_removed(status, where, Kind.CLASSES)
            if not title and not removed:
                self._sink.reject(
                    Kind.CLASSES,
                    Reject(classes.shown, line, "title", "missing_value", "The class has no title. Fill it in."),
                )
                continue
            in_terms = several(term or session)
            titles = ", ".join([terms[t] for t in in_terms if t in terms][:2])
            last = [ends.get(t) for t in in_terms]
            ends_on = max((day for day in last if day), default=None) if all(last) else None
            self._sink.school_class(
                ClassRow(
                    sourced_id, title, school or org, courses.get(course, ""), code, titles, ends_on, removed=removed
                ),
                where,
            )
        return seen

    def enrollments(self, file: RosterFile) -> int:
        enrollments = table(file, Kind.ENROLLMENTS, self._sink)
        enrollments.require(["classSourcedId", "userSourcedId", "role"])
        seen = 0
        for lines, columns in enrollments.batches(["userSourcedId", "classSourcedId", "role", "status"]):
            seen += len(lines)
            users, classes, roles, statuses = columns
            groups = set(zip(roles, statuses, strict=True))
            for role, status in sorted(groups):
                some, theirs, at = users, classes, lines
                if len(groups) > 1:
                    chosen = [pair == (role, status) for pair in zip(roles, statuses, strict=True)]
                    some, theirs = list(compress(users, chosen)), list(compress(classes, chosen))
                    at = list(compress(lines, chosen))
                where = Where(enrollments.shown, 1)
                removed = self._is_removed(status, where, Kind.ENROLLMENTS, len(at))
                self._sink.enrollments(where, role.lower(), some, theirs, at, removed=removed)
        return seen

    def _terms(self) -> tuple[dict[str, str], dict[str, str | None]]:
        """The titles of academic sessions, and the day after the last one of each."""
        file = self._what.files.get("academicsessions")
        if not file or not file.size:
            return {}, {}
        sessions = table(file, None, self._sink)
        ends = Ends(sessions, ("startDate", "endDate"), self._sink, is_exclusive=True)
        titles: dict[str, str] = {}
        days: dict[str, str | None] = {}
        for _, (sourced_id, title, end, year) in sessions.rows(["sourcedId", "title", "endDate", "schoolYear"]):
            if _SCHOOL_YEAR.fullmatch(year):
                self._sink.school_year(year)
            if sourced_id:
                titles[sourced_id] = title
                days[sourced_id] = ends.after(end)
        return titles, days

    def _titles(self, stem: str) -> dict[str, str]:
        file = self._what.files.get(stem)
        if not file or not file.size:
            return {}
        titles = table(file, None, self._sink)
        return {sourced_id: title for _, (sourced_id, title) in titles.rows(["sourcedId", "title"]) if sourced_id}


def _clever_ids(user_ids: str) -> tuple[str, ...]:
    """Clever's own ids from ``userIds`` such as ``{Clever:58da8c6b894273be68000295},{LDAP:12}`` (M6)."""
    if not user_ids:
        return ()
    return tuple(dict.fromkeys(i for kind, i in _USER_ID.findall(user_ids) if kind.strip().lower() == "clever" and i))


def _manifest(file: RosterFile, sink: Sink) -> dict[str, str]:
    """propertyName → value, also where the header is missing."""
    if not file.size:
        return {}
    manifest = table(file, None, sink)
    found: dict[str, str] = {}
    if manifest.has("propertyName"):
        found = {name: value for _, (name, value) in manifest.rows(["propertyName", "value"])}
    elif len(manifest.header) >= 2:
        first, second = manifest.header[:2]
        found = {first: second, **{name: value for _, (name, value) in manifest.rows([first, second])}}
    return {name.lower(): value for name, value in found.items()}


class _Quiet:
    """A sink for looking before reading: what is wrong is told when the file is read."""

    def person(self, row: Person, where: Where) -> None: ...
    def role(self, *_args: object, **_more: object) -> None: ...
    def school(self, sourced_id: str, name: str) -> None: ...
    def school_year(self, name: str) -> None: ...
    def school_class(self, row: ClassRow, where: Where) -> None: ...
    def enrollments(self, *_args: object, **_more: object) -> None: ...
    def reject(self, kind: Kind | None, reject: Reject) -> None: ...
    def note(self, note: Note) -> None: ...
