"""OneRoster deltas: only what has changed, so that nothing that is not named may go away."""

from __future__ import annotations

from collections.abc import Iterator

from tests.bad_uploads.case import At, Case, read, refused, row_refused
from tests.bad_uploads.valid_rosters import MANIFEST, ONE_ROSTER_1_1, Files

DELTA = MANIFEST.replace("bulk", "delta").replace("file.orgs,delta", "file.orgs,absent")

_ONE = ONE_ROSTER_1_1
_USERS, _ENROLLMENTS = _ONE.students, _ONE.enrollments[0]


def delta(users: str = "", enrollments: str = "", manifest: str = DELTA) -> Files:
    """A delta of these rows; a file without rows is left out."""
    files: Files = {"manifest.csv": manifest}
    for sheet, rows in ((_USERS, users), (_ENROLLMENTS, enrollments)):
        if rows:
            files[sheet.name] = f"{sheet.lines[0]}\n{rows}"
    return files


def user(key: str, *, status: str = "active", given: str = "Kim", family: str = "Kerr") -> str:
    address = f"{key[:20]}@lakeside.example"
    return f"{key},{status},2026-09-02T08:00:00Z,true,o1,student,{key},,{given},{family},{address},7,secret\n"


def enrolled(person: str, class_id: str = "c1") -> str:
    return f"e9,active,2026-09-02T08:00:00Z,{class_id},o1,{person},student\n"


def refused_rows() -> Iterator[Case]:
    for description, bad, code, column in (
        ("without an id", user(""), "missing_value", "sourcedId"),
        ("with an id of 300 characters", user("x" * 300), "bad_id", "sourcedId"),
        ("without a name", user("s8", given="", family=""), "missing_value", "givenName"),
        ("with a field too many", user("s8", family="Kerr,more"), "too_many_fields", None),
        ("with a stray quote", user("s8", given='"the "best" one"'), "bad_quotes", None),
    ):
        upload = delta(user("s7") + bad + user("s9"))
        yield row_refused(_ONE, f"a delta of users.csv, line 3 {description}", upload, code, At("users.csv", 3, column))
    for column, bad in (("classSourcedId", enrolled("s1", "")), ("userSourcedId", enrolled(""))):
        upload, description = delta(enrollments=enrolled("s1") + bad), f"line 3 without {column}"
        at = At("enrollments.csv", 3, column)
        yield row_refused(_ONE, f"a delta of enrollments.csv, {description}", upload, "missing_value", at)


def refused_files() -> Iterator[Case]:
    header = _USERS.lines[0]
    for description, body, code, at in (
        ("no bytes", "", "empty_file", At("users.csv", 1)),
        ("no column role", _USERS.without_column("role"), "missing_column", At("users.csv", 1, "role")),
        ("an open quote", f'{header}\n{user("s7")}s8,active,,"open\n', "unclosed_quote", At("users.csv", 3)),
    ):
        upload: Files = {"manifest.csv": DELTA, "users.csv": body}
        yield refused(_ONE, f"a delta of users.csv with {description}", upload, code, at)


def what_is_read() -> Iterator[Case]:
    headers: Files = {sheet.name: sheet.lines[0] for sheet in (_USERS, _ENROLLMENTS)}
    for description, upload in (
        ("with headers alone", {"manifest.csv": DELTA, **headers}),
        ("of enrollments alone", delta(enrollments=enrolled("s1", "c2"))),
        ("that deletes somebody whom nobody knows", delta(user("stranger", status="tobedeleted"))),
        ("whose manifest is in capitals", delta(user("s7"), manifest=DELTA.replace("delta", "Delta"))),
    ):
        yield read(_ONE, f"a delta {description}", upload)


DELTAS: tuple[Case, ...] = (*refused_rows(), *refused_files(), *what_is_read())
