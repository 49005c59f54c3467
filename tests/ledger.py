"""The ledger of an upload: for each of its files, which rows are acted on, rejected, or noted (M2).

It reads the files by itself, and looks at what stands after the import: a row that neither stands nor is rejected has to be
counted by a note of its file.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from functions.import_step.csv_table import AROUND_A_VALUE, folded
from functions.import_step.formats.roles import acts_in_class, role_of
from shared.domain.roster import Role
from shared.stores.keys import user_of_pk
from tests.harness import World

PEOPLE = {
    "users": "",
    "students": "student",
    "teachers": "teacher",
    "staff": "staff",
    "student": "student",
    "teacher": "teacher",
}
"""The files of people, and of which kind their numbers are."""
CLASSES = ("classes", "sections", "section")
ENROLLMENTS = {"enrollments": "", "studentenrollment": "student", "teacherroster": "teacher"}
SCHOOLS = ("orgs", "schools", "school")
REFERENCES = ("courses", "academicsessions")
OF_ROWS = {
    "people": {"several_rows_per_person", "several_numbers", "guardians_left_out", "staff_left_out", "waits_for_role"},
    "roles": {"role_does_nothing", "roles_over"},
    "classes": {"several_rows_per_class"},
    "enrollments": {
        "repeated_enrollments", "enrollments_left_out", "enrollment_over", "role_does_nothing", "not_a_teacher",
    },
    "schools": {"school_not_usable", "repeated_rows", "school_kept"},
    "references": {"row_without_id", "repeated_rows"},
}  # fmt: skip
"""By kind of file: the notes that count rows of which nothing stands."""
OF_ALL = {"status_in_bulk", "nothing_to_delete"}
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Row(NamedTuple):
    """A row of a file: the line on which it begins, and its values by folded header."""

    line: int
    values: Mapping[str, str]

    def get(self, *columns: str) -> str:
        """The first of these columns that the file has."""
        return next((self.values[column] for column in columns if column in self.values), "")


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands in a district."""

    people: Mapping[tuple[str, str], Mapping[str, Any]]
    """By kind and number."""
    classes: frozenset[str]
    schools: frozenset[str]

    @classmethod
    def of(cls, world: World) -> Standing:
        """What stands now."""
        people, classes, schools = {}, set(), set()
        for (pk, sk), item in world.table.items.items():
            if sk == "ROSTER":
                user = user_of_pk(pk)
                people[user.kind, user.sourced_id] = item
            elif sk == "CLASS":
                classes.add(pk.split("#", 2)[2])
            elif sk.startswith("SCHOOL#"):
                schools.add(sk.removeprefix("SCHOOL#"))
        return cls(people, frozenset(classes), frozenset(schools))

    def is_in(self, person: tuple[str, str], class_id: str, role: str = "teacher") -> bool:
        """Whether somebody is in a class in this role; whoever is disabled is in none, and that is noted."""
        item = self.people.get(person)
        if item is None or not item["active"]:
            return item is not None
        return class_id in item.get("attends" if role_of(role) is Role.STUDENT else "teaches", ())


@dataclass(slots=True)
class Account:
    """What became of a file's rows."""

    file: str
    rows: int = 0
    acted: int = 0
    rejected: int = 0
    noted: int = 0
    notes: dict[str, int] = field(default_factory=dict)

    @property
    def is_balanced(self) -> bool:
        return self.rows == self.acted + self.rejected + self.noted


def stem(name: str) -> str:
    """The name by which a file is known."""
    return name.rpartition("/")[2].lower().removesuffix(".csv")


def rows_of(body: bytes) -> list[Row]:
    """The rows of a CSV file, blank lines aside. Raises csv.Error where it is none."""
    text = _text(body)
    first = text.partition("\n")[0]
    if first.lower().startswith("sep="):
        text, first = text.partition("\n")[2], text.partition("\n")[2].partition("\n")[0]
    mark = next((each for each in ",\t;|" if each in first), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    header: list[str] = []
    found, line = [], 1
    for cells in reader:
        begins, line = line, reader.line_num + 1
        values = [cell.strip(AROUND_A_VALUE) for cell in cells]
        if not any(values):
            continue
        if not header:
            header = list(map(folded, values))
            continue
        found.append(Row(begins, dict(zip(header, values, strict=False))))
    return found


def _text(body: bytes) -> str:
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return body.decode("utf-16")
    if b"\0" in body[:4]:
        return body.decode("utf-16-le" if body[1:2] == b"\0" else "utf-16-be")
    for codec in ("utf-8-sig", "cp932", "cp1252"):
        try:
            return body.decode(codec)
        except UnicodeDecodeError:
            continue
    return body.decode("latin-1")


class Ledger:
    """The accounts of an upload's files. ``before`` is what stood."""

    def __init__(
        self, world: World, report: Mapping[str, Any], files: Mapping[str, str | bytes], before: Standing | None = None
    ) -> None:
        self._report = report
        self._before = before or Standing({}, frozenset(), frozenset())
        self._after = Standing.of(world)
        self._on = world.now.date().isoformat()
        bodies = {name: body.encode() if isinstance(body, str) else body for name, body in files.items()}
        self._names = {stem(name): name.rpartition("/")[2] for name in bodies if name.lower().endswith(".csv")}
        self._rows = {stem(name): rows_of(body) for name, body in bodies.items() if name.lower().endswith(".csv")}
        self._rejects = _rejects(world, report)
        self._rejected: dict[str, set[int]] = {}
        for each in self._rejects:
            if each["line"] and not _is_of_a_cell(each):
                self._rejected.setdefault(each["file"], set()).add(int(each["line"]))
        self._is_exclusive = report["format"]["name"] != "sds"
        self._other_numbers = self._aliases() if self._count("several_numbers") else {}

    def accounts(self) -> Iterator[Account]:
        """An account for each file whose rows are read."""
        for name in self._rows:
            if name in PEOPLE:
                yield self._account(name, "people", self._people(name))
            elif name == "roles":
                yield self._account(name, "roles", self._roles())
            elif name in CLASSES:
                yield self._account(name, "classes", self._classes(name))
                if name == "sections":
                    yield self._teachers_of_sections()
            elif name in ENROLLMENTS:
                yield self._account(name, "enrollments", self._enrollments(name))
            elif name in SCHOOLS:
                yield self._account(name, "schools", self._schools(name))
            elif name in REFERENCES:
                yield self._account(name, "references", self._references(name))

    # Each gives the lines of a file's rows that are acted on.

    def _people(self, name: str) -> Iterator[int]:
        seen = set()
        for row in self._rows[name]:
            person = (PEOPLE[name], row.get("sourcedid", "studentid", "teacherid", "staffid", "sisid", "id"))
            stands = person in self._after.people or person in self._before.people
            if person not in seen and stands and not self._is_left_out(row):
                yield row.line
                seen.add(person)

    def _roles(self) -> Iterator[int]:
        for row in self._rows["roles"]:
            person = self._person("", row.get("usersourcedid"))
            stands = person in self._after.people or person in self._before.people
            if stands and role_of(row.get("role")) and not self._is_left_out(row) and not self._is_not_now(row):
                yield row.line

    def _classes(self, name: str) -> Iterator[int]:
        seen = set()
        for row in self._rows[name]:
            class_id = row.get("sourcedid", "sectionid", "sisid", "id")
            stands = class_id in {*self._after.classes, *self._before.classes}
            if class_id not in seen and stands and not self._is_left_out(row):
                yield row.line
                seen.add(class_id)

    def _enrollments(self, name: str) -> Iterator[int]:
        seen = set()
        kind = ENROLLMENTS[name] or ("student" if self._report["format"]["name"] == "clever" else "")
        for row in self._rows[name]:
            class_id = row.get("classsourcedid", "sectionid", "sectionsisid")
            person = self._person(kind, row.get("usersourcedid", "studentid", "sisid", "id"))
            role = row.get("role").lower() or kind
            told = (person, class_id, role)
            if told in seen or not acts_in_class(role) or self._is_left_out(row) or self._ended(row):
                continue
            if self._after.is_in(person, class_id, role) or self._before.is_in(person, class_id, role):
                yield row.line
                seen.add(told)

    def _schools(self, name: str) -> Iterator[int]:
        seen = set()
        for row in self._rows[name]:
            school = row.get("sourcedid", "schoolid", "sisid", "dfenumber")
            stands = school in self._after.schools and bool(row.get("name", "schoolname"))
            if school not in seen and stands and not _is_deleted(row):
                yield row.line
                seen.add(school)

    def _references(self, name: str) -> Iterator[int]:
        seen = set()
        for row in self._rows[name]:
            if (told := row.get("sourcedid")) and told not in seen and not self._is_left_out(row):
                yield row.line
                seen.add(told)

    # Accounts.

    def _account(self, name: str, kind: str, acted: Iterable[int]) -> Account:
        file, rejected = self._names[name], self._rejected.get(self._names[name], set())
        lines = {row.line for row in self._rows[name]}
        notes = {code: self._count(code, file) for code in sorted(OF_ROWS[kind] | OF_ALL)}
        notes = {code: number for code, number in notes.items() if number}
        return Account(
            file,
            rows=len(lines),
            acted=len(set(acted) - rejected),
            rejected=len(lines & rejected),
            noted=sum(notes.values()),
            notes=notes,
        )

    def _teachers_of_sections(self) -> Account:
        """The cells of a section that name teachers are its enrollments."""
        account, seen = Account(f"{self._names['sections']}: teachers"), set()
        rejected = {(int(each["line"]), folded(each["column"])) for each in self._rejects if _is_of_a_cell(each)}
        whole_rows = self._rejected.get(self._names["sections"], set())
        for row in self._rows["sections"]:
            for column, number in row.values.items():
                if column.startswith("teacher") and column.endswith("id") and number:
                    account.rows += 1
                    told = (("teacher", number), row.get("sectionid"))
                    if row.line in whole_rows or (row.line, column) in rejected:
                        account.rejected += 1
                    else:
                        account.acted += told not in seen and self._after.is_in(*told)
                        seen.add(told)
        account.noted = sum(self._count(code, self._names["sections"]) for code in OF_ROWS["enrollments"])
        return account

    def _count(self, code: str, file: str | None = None) -> int:
        notes = [note for note in self._report["notes"] if note["code"] == code]
        return sum(note["count"] for note in notes if file is None or note.get("file") == file)

    # What rows say.

    def _person(self, kind: str, number: str) -> tuple[str, str]:
        return self._other_numbers.get((kind, number), (kind, number))

    def _aliases(self) -> dict[tuple[str, str], tuple[str, str]]:
        """Numbers under which somebody does not stand who is known by name and address under another one."""
        known = {
            (item["given_name"], item["family_name"], item.get("email")): person
            for person, item in self._after.people.items()
        }
        found = {}
        for name, kind in PEOPLE.items():
            for row in self._rows.get(name, ()):
                number = row.get("sourcedid", "studentid", "teacherid", "staffid", "sisid", "id")
                called = (row.get("givenname", "firstname"), row.get("familyname", "lastname"))
                address = row.get("email", "studentemail", "teacheremail", "staffemail").lower()
                if (kind, number) not in self._after.people and (*called, address) in known:
                    found[kind, number] = known[*called, address]
        return found

    def _is_left_out(self, row: Row) -> bool:
        """Whether a whole roster marks the row as deleted, or it deletes what did not stand."""
        return _is_deleted(row) and (self._report["format"]["mode"] == "bulk" or not self._stood(row))

    def _stood(self, row: Row) -> bool:
        person = ("", row.get("usersourcedid"))
        if class_id := row.get("classsourcedid"):
            return self._before.is_in(person, class_id, row.get("role"))
        if row.get("usersourcedid"):
            return person in self._before.people
        return ("", row.get("sourcedid")) in self._before.people or row.get("sourcedid") in self._before.classes

    def _ended(self, row: Row) -> bool:
        end = _day(row.get("enddate", "roleenddate"))
        return bool(end) and (end <= self._on if self._is_exclusive else end < self._on)

    def _is_not_now(self, row: Row) -> bool:
        return self._ended(row) or _day(row.get("begindate", "rolestartdate")) > self._on


def _day(text: str) -> str:
    """A date as the standard writes it; "" for anything else."""
    found = _ISO_DAY.match(text)
    return found[0] if found else ""


def _is_deleted(row: Row) -> bool:
    return row.get("status").lower() in ("tobedeleted", "inactive", "deleted")


def _rejects(world: World, report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """All of them, not the first hundred alone."""
    if not report.get("rejects_key"):
        return list(report["rejects"])
    body = world.s3.objects["reports", report["rejects_key"]].decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(body, newline="")))


def _is_of_a_cell(reject: Mapping[str, Any]) -> bool:
    """Whether a section's teacher is rejected, and not the section."""
    return stem(reject["file"]) == "sections" and (reject["column"] or "").startswith("Teacher_")


def without_balance(
    world: World, report: Mapping[str, Any], files: Mapping[str, str | bytes], before: Standing | None = None
) -> list[Account]:
    """Return the accounts in which rows are missing. A file whose quotes do not fit together has none: its rows are counted in
    no other way than the import does."""
    try:
        return [each for each in Ledger(world, report, files, before).accounts() if not each.is_balanced]
    except csv.Error:
        return []
