"""Rows of a OneRoster source as OneRoster's bulk CSV files (1EdTech's CSV binding)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from functions.roster_fetch.csv_files import CsvFiles
from shared.domain.roster_source import Version
from shared.hubs.oneroster_api import DATE
from shared.hubs.roster_api import Row

type Rows = Callable[[str], Iterator[Row]]
"""The rows of a collection, each once."""

_GONE = ("tobedeleted", "inactive")
_COLUMNS: Mapping[str, Sequence[str]] = {
    "orgs": ("name", "type", "identifier", "parentSourcedId"),
    "academicSessions": ("title", "type", "startDate", "endDate", "parentSourcedId", "schoolYear"),
    "courses": ("schoolYearSourcedId", "title", "courseCode", "orgSourcedId"),
    "classes": ("title", "grades", "courseSourcedId", "classCode", "classType", "schoolSourcedId", "termSourcedIds"),
    "users": (
        "enabledUser", "orgSourcedIds", "role", "username", "userIds", "givenName", "familyName", "middleName", "identifier",
        "email", "grades",
    ),
    "enrollments": ("classSourcedId", "schoolSourcedId", "userSourcedId", "role", "primary", "beginDate", "endDate"),
}  # fmt: skip
_USERS_OF_1_2 = (
    "enabledUser", "username", "userIds", "givenName", "familyName", "middleName", "identifier", "email", "grades",
    "preferredGivenName", "preferredFamilyName", "primaryOrgSourcedId",
)  # fmt: skip
_ROLES = ("userSourcedId", "roleType", "role", "beginDate", "endDate", "orgSourcedId")
_HEAD = ("sourcedId", "status", "dateLastModified")


def write_oneroster(rows: Rows, collections: Sequence[str], version: Version, files: CsvFiles) -> None:
    """Write what was fetched of these collections. Rows that are marked as deleted are left out, and so are the enrollments of
    deleted people and in deleted classes: in a whole roster a row that is missing is a deleted one."""
    gone: dict[str, set[str]] = {"users": set(), "classes": set()}
    for collection in collections:
        if collection == "users" and version == "1.2":
            _write_users_and_roles(rows, gone["users"], files)
            continue
        columns = _COLUMNS[collection]
        kept = _kept(rows(collection), gone.get(collection, set()))
        if collection == "enrollments":
            kept = _of_those_who_stay(kept, gone)
        files.write(f"{collection}.csv", (*_HEAD, *columns), (_cells(row, columns) for row in kept))
    _write_manifest(collections, version, files)


def write_changes(rows: Rows, collections: Sequence[str], files: CsvFiles) -> None:
    """Write what changed of these collections as a delta of OneRoster 1.1: who is not named in it stays as it is. Enrollments of
    people who are deleted, and in classes that are, go with them."""
    gone: dict[str, set[str]] = {"users": set(), "classes": set()}
    for collection in collections:
        columns = _COLUMNS[collection]
        told = _told(rows(collection), gone.get(collection, set()))
        if collection == "enrollments":
            told = (row for row in told if _is_gone(row) or not _is_of_the_gone(row, gone))
        files.write(f"{collection}.csv", (*_HEAD, *columns), (_told_cells(row, columns) for row in told))
    _write_manifest(collections, "1.1", files, mode="delta")


def _told(rows: Iterator[Row], gone: set[str]) -> Iterator[Row]:
    for row in rows:
        if _is_gone(row):
            gone.add(str(row["sourcedId"]))
        yield row


def _is_gone(row: Row) -> bool:
    return str(row.get("status", "")).strip().lower() in _GONE


def _is_of_the_gone(row: Row, gone: Mapping[str, set[str]]) -> bool:
    return row["userSourcedId"] in gone["users"] or row["classSourcedId"] in gone["classes"]


def _told_cells(row: Row, columns: Sequence[str]) -> Sequence[str]:
    status = "tobedeleted" if _is_gone(row) else "active"
    return (str(row["sourcedId"]), status, str(row[DATE]), *(str(row.get(name, "")) for name in columns))


def _write_users_and_roles(rows: Rows, gone: set[str], files: CsvFiles) -> None:
    users = (_cells(row, _USERS_OF_1_2) for row in _kept(rows("users"), gone))
    files.write("users.csv", (*_HEAD, *_USERS_OF_1_2), users)
    files.write("roles.csv", (*_HEAD, *_ROLES), _roles(rows, set()))


def _roles(rows: Rows, gone: set[str]) -> Iterator[Sequence[str]]:
    for user in _kept(rows("users"), gone):
        user_id = str(user["sourcedId"])
        roles = user.get("roles")
        for number, role in enumerate(roles if isinstance(roles, list) else ()):
            cells = (user_id, *(role.get(name, "") for name in _ROLES[1:]))
            yield (f"{user_id}-{number}", "", "", *cells)


def _kept(rows: Iterator[Row], gone: set[str]) -> Iterator[Row]:
    for row in rows:
        if _is_gone(row):
            gone.add(str(row["sourcedId"]))
        else:
            yield row


def _of_those_who_stay(rows: Iterator[Row], gone: Mapping[str, set[str]]) -> Iterator[Row]:
    for row in rows:
        if not _is_of_the_gone(row, gone):
            yield row


def _cells(row: Row, columns: Sequence[str]) -> Sequence[str]:
    return (str(row["sourcedId"]), "", "", *(str(row.get(name, "")) for name in columns))


def _write_manifest(collections: Sequence[str], version: Version, files: CsvFiles, *, mode: str = "bulk") -> None:
    files_of = [*collections, *(["roles"] if version == "1.2" else [])]
    properties = [("manifest.version", "1.0"), ("oneroster.version", version)]
    properties += [(f"file.{name}", mode) for name in files_of]
    files.write("manifest.csv", ("propertyName", "value"), properties)
