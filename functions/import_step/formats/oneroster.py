"""OneRoster 1.0, 1.1 and 1.2 CSV, bulk and delta, and School Data Sync v2, which has the same files (formats.md)."""

from __future__ import annotations

import re

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
    role_of,
    several,
    table,
)
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

    def read(self, what: Recognised, sink: Sink) -> None:
        reader = _Reader(what, sink)
        if what.mode is Mode.BULK:
            for stem in ("users", "classes", "enrollments"):
                if stem not in what.files:
                    raise missing_file(f"{stem}.csv")
        reader.orgs()
        reader.users()
        reader.roles()
        reader.classes()
        reader.enrollments()


class _Reader:
    def __init__(self, what: Recognised, sink: Sink) -> None:
        self._what = what
        self._sink = sink

    def _is_removed(self, status: str, where: Where, kind: Kind) -> bool:
        """M: in bulk ``status`` must be blank; files that fill it in are read, and ``tobedeleted`` is believed."""
        word = status.lower()
        if word in ("", "active"):
            return False
        if word in ("tobedeleted", "inactive"):
            if self._what.modes[kind] is Mode.BULK:
                self._sink.note(
                    Note("status_in_bulk", "A bulk file marks rows as deleted; they were left out.", where.file, 1)
                )
            return True
        self._sink.note(Note("unknown_status", "An unknown status was read as active.", where.file, 1))
        return False

    def orgs(self) -> None:
        if file := self._what.files.get("orgs"):
            orgs = table(file, None, self._sink)
            orgs.require(["sourcedId", "name"])
            for _, (sourced_id, name) in orgs.rows(["sourcedId", "name"]):
                if sourced_id and name:
                    self._sink.school(sourced_id, name)

    def users(self) -> None:
        file = self._what.files.get("users")
        if not file:
            return
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
        for line, row in users.rows(columns):
            seen += 1
            sourced_id, status, role, username, ids, given, family, email, orgs, primary, pref_given, pref_family = row
            where = Where(users.shown, line)
            removed = self._is_removed(status, where, Kind.USERS)
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
                    tuple(dict.fromkeys((*([primary] if primary else []), *several(orgs)))),
                    removed,
                ),
                where,
            )
        if not seen and self._what.modes[Kind.USERS] is Mode.BULK:
            raise no_rows(users.shown)

    def roles(self) -> None:
        if file := self._what.files.get("roles"):
            roles = table(file, Kind.USERS, self._sink)
            roles.require(["userSourcedId", "role", "orgSourcedId"])
            for line, (user, role, org, status) in roles.rows(["userSourcedId", "role", "orgSourcedId", "status"]):
                where = Where(roles.shown, line)
                self._sink.role(user, role_of(role), org, where, removed=self._is_removed(status, where, Kind.USERS))

    def classes(self) -> None:
        file = self._what.files.get("classes")
        if not file:
            return
        courses = self._titles("courses", "title")
        terms = self._titles("academicsessions", "title")
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
        for line, (sourced_id, status, title, course, code, school, org, term, session) in classes.rows(columns):
            where = Where(classes.shown, line)
            removed = self._is_removed(status, where, Kind.CLASSES)
            if not title and not removed:
                self._sink.reject(
                    Kind.CLASSES,
                    Reject(classes.shown, line, "title", "missing_value", "The class has no title. Fill it in."),
                )
                continue
            first_terms = [terms[t] for t in several(term or session) if t in terms]
            self._sink.school_class(
                ClassRow(
                    sourced_id, title, school or org, courses.get(course, ""), code, ", ".join(first_terms[:2]), removed
                ),
                where,
            )

    def enrollments(self) -> None:
        file = self._what.files.get("enrollments")
        if not file:
            return
        enrollments = table(file, Kind.ENROLLMENTS, self._sink)
        enrollments.require(["classSourcedId", "userSourcedId", "role"])
        for line, (class_id, user_id, role, status) in enrollments.rows(
            ["classSourcedId", "userSourcedId", "role", "status"]
        ):
            where = Where(enrollments.shown, line)
            removed = self._is_removed(status, where, Kind.ENROLLMENTS)
            self._sink.enrollment(class_id, user_id, role.lower(), where, removed=removed)

    def _titles(self, stem: str, column: str) -> dict[str, str]:
        file = self._what.files.get(stem)
        if not file or not file.size:
            return {}
        titles = table(file, None, self._sink)
        return {sourced_id: title for _, (sourced_id, title) in titles.rows(["sourcedId", column]) if sourced_id}


def _clever_ids(user_ids: str) -> tuple[str, ...]:
    """Clever's own ids from ``userIds`` such as ``{Clever:58da8c6b894273be68000295},{LDAP:12}`` (M6)."""
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
    def school_class(self, row: ClassRow, where: Where) -> None: ...
    def enrollment(self, *_args: object, **_more: object) -> None: ...
    def reject(self, kind: Kind | None, reject: Reject) -> None: ...
    def note(self, note: Note) -> None: ...
