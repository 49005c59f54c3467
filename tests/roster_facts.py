"""A OneRoster roster as facts by id: its files, and the delta that leads from one roster to another, in one upload or more."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hypothesis import strategies as st

type Row = tuple[str, ...]
"""The columns of a row after ``sourcedId``, ``status`` and ``dateLastModified``."""
type Facts = dict[str, dict[str, Row]]
"""By file, the rows by their ids."""

CHANGED_AT = "2026-09-02T08:00:00Z"
_COLUMNS = {
    "orgs": ("name", "type"),
    "academicSessions": ("title", "type", "startDate", "endDate", "schoolYear"),
    "courses": ("title", "courseCode", "orgSourcedId"),
    "classes": ("title", "courseSourcedId", "classCode", "classType", "schoolSourcedId", "termSourcedIds"),
    "users": (
        "enabledUser", "orgSourcedIds", "role", "username", "userIds", "givenName", "familyName", "email", "password",
    ),
    "enrollments": ("classSourcedId", "schoolSourcedId", "userSourcedId", "role", "primary"),
}  # fmt: skip
_COLUMNS_1_2 = {
    **_COLUMNS,
    "users": (
        "enabledUser",
        "username",
        "userIds",
        "givenName",
        "familyName",
        "email",
        "primaryOrgSourcedId",
        "password",
    ),
    "roles": ("userSourcedId", "roleType", "role", "orgSourcedId"),
}
_RANK = {"orgs": 0, "academicSessions": 0, "courses": 0, "classes": 0, "users": 0, "roles": 1, "enrollments": 1}
"""What is of a higher rank refers to what is of a lower one."""


@dataclass(frozen=True)
class Roster:
    """A whole roster, each of its references within it."""

    version: str
    facts: Facts

    @property
    def columns(self) -> Mapping[str, Row]:
        return _COLUMNS_1_2 if self.version == "1.2" else _COLUMNS

    def files(self) -> dict[str, str | bytes]:
        """The roster as a bulk upload."""
        rows = {name: [(key, "", "", *row) for key, row in by_id.items()] for name, by_id in self.facts.items()}
        return _files(self, rows, "bulk")


@dataclass(frozen=True)
class Step:
    """One row of a delta."""

    file: str
    row_id: str
    row: Row
    removed: bool = False

    @property
    def rank(self) -> int:
        """When its turn comes: what it refers to is there before it, and goes after it."""
        rank = _RANK[self.file]
        return 3 - rank if self.removed else rank


@dataclass
class Delta:
    """The rows that lead from one roster to another."""

    to: Roster
    steps: list[Step] = field(default_factory=list)

    @classmethod
    def between(cls, one: Roster, other: Roster) -> Delta:
        steps: list[Step] = []
        for name in other.columns:
            before, after = one.facts[name], other.facts[name]
            steps += [Step(name, key, row) for key, row in after.items() if before.get(key) != row]
            steps += [Step(name, key, row, removed=True) for key, row in before.items() if key not in after]
        return cls(other, steps)

    def files(self, steps: Iterable[Step]) -> dict[str, str | bytes]:
        """Some of its rows as an upload, the files in the order in which the first row of each comes."""
        rows: dict[str, list[Row]] = {}
        for step in steps:
            status = "tobedeleted" if step.removed else "active"
            rows.setdefault(step.file, []).append((step.row_id, status, CHANGED_AT, *step.row))
        return _files(self.to, rows, "delta")


def _files(roster: Roster, rows: Mapping[str, Sequence[Row]], word: str) -> dict[str, str | bytes]:
    manifest = [("propertyName", "value"), ("manifest.version", "1.0"), ("oneroster.version", roster.version)]
    manifest += [(f"file.{name}", word if name in rows else "absent") for name in roster.columns]
    files: dict[str, str | bytes] = {}
    for name, of in rows.items():
        files[f"{name}.csv"] = _sheet([("sourcedId", "status", "dateLastModified", *roster.columns[name]), *of])
    return {**files, "manifest.csv": _sheet(manifest)}


def _sheet(rows: Iterable[Row]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


# Random ones: few ids, so that two rosters have most of them in common, and differ in what they say of them.

_PEOPLE = tuple(f"p{n}" for n in range(6))
_CLASSES = tuple(f"c{n}" for n in range(4))
_COURSES, _TERMS, _ORGS = ("k1", "k2"), ("t1", "t2"), ("o1", "o2")
_ENDS = ("2026-12-19", "2027-01-15", "2027-06-05")
_ROLES_1_1 = ("student", "teacher", "aide", "administrator", "guardian")
_ROLES_1_2 = ("student", "teacher", "aide", "siteAdministrator", "principal", "guardian")
_TITLES = ("Algebra", "Geometry", "Shapes")


@st.composite
def rosters(draw: st.DrawFn, version: str) -> Roster:
    """Any roster whose references resolve."""
    title = st.sampled_from(_TITLES)
    org = st.sampled_from(_ORGS)
    facts: Facts = {
        "orgs": {key: (draw(st.sampled_from(("Lakeside", "Hill High"))), "school") for key in _ORGS},
        "academicSessions": {
            key: (draw(st.sampled_from(("Fall", "Spring"))), "term", "2026-08-20", draw(st.sampled_from(_ENDS)),
                  draw(st.sampled_from(("2026", "2027"))))
            for key in _TERMS
        },
        "courses": {key: (draw(title), "", "o1") for key in _COURSES},
        "classes": {
            key: (draw(title), draw(st.sampled_from(_COURSES)), draw(st.sampled_from(("", "A-1", "B-2"))), "scheduled",
                  draw(org), ",".join(draw(st.lists(st.sampled_from(_TERMS), min_size=1, unique=True))))
            for key in draw(st.lists(st.sampled_from(_CLASSES), min_size=1, unique=True))
        },
        "users": {},
        "enrollments": {},
    }  # fmt: skip
    for key in draw(st.lists(st.sampled_from(_PEOPLE), min_size=1, unique=True)):
        facts["users"][key] = draw(_people(version, key))
    if version == "1.2":
        facts["roles"] = {
            row_id: (user, "primary", draw(st.sampled_from(_ROLES_1_2)), draw(org))
            for row_id, user in _row_ids(draw, "r", facts["users"], at_least=1)
        }
    in_class, role = st.sampled_from(sorted(facts["classes"])), st.sampled_from(("student", "student", "teacher"))
    facts["enrollments"] = {
        row_id: (draw(in_class), "o1", user, draw(role), draw(st.sampled_from(("", "true"))))
        for row_id, user in _row_ids(draw, "e", facts["users"], at_least=0)
    }
    return Roster(version, facts)


def _row_ids(draw: st.DrawFn, of: str, users: Iterable[str], *, at_least: int) -> Iterator[tuple[str, str]]:
    """Ids of rows about each of these people: a row stays one person's."""
    for user in users:
        for number in draw(st.lists(st.integers(0, 2), min_size=at_least, unique=True)):
            yield f"{of}-{user}-{number}", user


@st.composite
def _people(draw: st.DrawFn, version: str, key: str) -> Row:
    given, family = draw(st.sampled_from(("Kim", "Ann"))), draw(st.sampled_from(("Person", "Lee")))
    address = draw(st.sampled_from(("", f"{key}@lakeside.example", f"{key}.new@lakeside.example")))
    ids = draw(st.sampled_from(("", f"{{Clever:{key}}}", f"{{LDAP:{key}}}")))
    names = (key, ids, given, family, address)
    if version == "1.2":
        return ("true", *names, draw(st.sampled_from(("", *_ORGS))), "secret")
    schools = draw(st.lists(st.sampled_from(_ORGS), min_size=1, unique=True))
    return ("true", ",".join(schools), draw(st.sampled_from(_ROLES_1_1)), *names, "secret")


@st.composite
def uploads(draw: st.DrawFn, delta: Delta, most: int = 4) -> list[dict[str, str | bytes]]:
    """The delta in one upload or several, none of whose rows names what is not there yet, in any order besides."""
    steps = sorted(draw(st.permutations(delta.steps)), key=lambda step: step.rank)
    cuts = sorted(draw(st.lists(st.integers(0, len(steps)), max_size=most - 1)))
    parts = [steps[start:end] for start, end in zip([0, *cuts], [*cuts, len(steps)], strict=True)]
    return [delta.files(draw(st.permutations(part))) for part in parts if part]
