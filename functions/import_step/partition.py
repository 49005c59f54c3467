"""Split: read a part of the upload once; good rows go to the shards of people and classes, bad ones into the rejects."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace as dataclass_replace
from functools import lru_cache
from itertools import compress, repeat
from operator import itemgetter
from pathlib import Path
from sys import getsizeof
from types import MappingProxyType
from unicodedata import is_normalized, normalize
from zlib import crc32

from functions.import_step.csv_table import header_line_of
from functions.import_step.formats.format import Format, PeopleColumns, Recognised, Where
from functions.import_step.records import (
    MOST_CLEVER_IDS,
    MOST_SCHOOLS,
    ClassRow,
    PersonRow,
    ReferenceRow,
    RoleRow,
    packed,
)
from functions.import_step.row_choice import CLASSES_FILE, Chosen, RowChoice, chosen_rows
from functions.import_step.shards import (
    ClassesBlock,
    EnrollmentsHead,
    PeopleBlock,
    RolesBlock,
    RowsHead,
    ShardWriter,
    class_shards_of,
)
from shared.domain.email_address import normalise, normalise_all
from shared.domain.errors import UploadRejected
from shared.domain.report import Kind, Note, Reject, merged_notes
from shared.domain.roster import Role, person_id

ID = re.compile(r"[^\x00-\x1f\x7f]{1,255}")
LONGEST_ID = 800
"""Of an id, in bytes of UTF-8: it is part of sort keys, which have 1,024 of them."""
_SURELY_SHORT_ID = LONGEST_ID // 4
"""In characters, whatever they are."""
LONGEST_NAMED_ID = 255
"""Of a school's id or a Clever id that a row names, in bytes."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]+")
_ASCII_CONTROL = bytes((*range(0x20), 0x7F))
_UNSEEN = re.compile(r"[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
_LONGEST_NAME = 200
_IS_GRADE = re.compile(r"[\w -]{1,20}")
"""One grade: who teaches may have a list of several."""
_MOST_NAMED_SCHOOLS = 5_000
"""Of a part, as far as it is looked whether they are there."""
_MOST_NAMED_CLASSES = 100_000
"""Of a part, as far as it is looked at once for all shards whether they are there."""
MOST_OF_REFERENCES = 64 << 20
"""Bytes of memory for courses and terms: every worker on classes holds all of them."""
_AROUND_A_REFERENCE = 200
"""Bytes of memory that a course or a term takes beside its texts."""
_SCHOOL_COLUMNS = {
    ("oneroster", ""): "orgSourcedIds",
    ("clever", ""): "School_id",
    ("sds", ""): "orgSourcedIds",
    ("sds", "1"): "School SIS ID",
}
"""The column that names schools, by format and version."""


class SplitSink:
    """Sends what a format reads to the shards, and keeps what a report needs."""

    def __init__(self, upload: Recognised, people: ShardWriter, classes: ShardWriter, folder: Path) -> None:
        self._upload = upload
        self._people = people
        self._classes = classes
        self._class_ids = (folder / "class-ids").open("w", encoding="utf-8", newline="\n")
        self._rejects = (folder / "rejects").open("wb")
        self._references = (folder / "references").open("wb")
        self._told: set[tuple[str, str, bool]] = set()
        """The courses and terms, by file, that are told or taken away."""
        self._deleted_classes: list[str] = []
        self.remarks = 0
        """How many notes and rejects there were so far."""
        self.rejected: dict[Kind, int] = dict.fromkeys(Kind, 0)
        self.notes: list[Note] = []
        self.schools: dict[str, str] = {}
        self.addresses = array("I")
        """A hash of each row's address (``one_person``)."""
        self.named_schools: dict[str, dict[str, int]] = {}
        """By file: the schools that its rows name, and the first line of each."""
        self.of_grades = Counter[str]()
        """How many rows of students each grade has."""
        self.also_seen: dict[str, tuple[str, int]] = {}
        """The files that were read beside the others, by stem: their name, and how many rows they had."""
        self._file_of_schools = ""
        self._known_schools: set[tuple[str, ...]] = set()
        self.references = 0
        """Bytes of memory that the courses and terms take."""
        self._school_column = _SCHOOL_COLUMNS.get((upload.name, upload.version)) or _SCHOOL_COLUMNS.get(
            (upload.name, "")
        )
        self.rows = 0
        """How many rows were taken."""
        self.turns_on = ""
        """The first day ahead from which something is read otherwise; empty for none."""
        self._named_classes: set[str] = set()

    def close(self) -> None:
        if self._deleted_classes:
            self._class_ids.write(f"\t{'\t'.join(self._deleted_classes)}\n")
        self._class_ids.close()
        self._rejects.close()
        self._references.close()

    def named_classes(self) -> str | None:
        """The classes that enrollments name, a line for each; None where they are too many to be kept."""
        return "\n".join(self._named_classes) if len(self._named_classes) <= _MOST_NAMED_CLASSES else None

    def person(self, row: PersonRow, where: Where) -> None:
        column = where.column or "sourcedId"
        if not self._usable_id(Kind.USERS, row.sourced_id, where, column):
            return
        if not self._usable_names(row, where):
            return
        # Nearly all are ASCII, and every row comes by here.
        email = normalise(row.email) if row.email is None or row.email.isascii() else _address(row.email)
        if row.email and not email:
            text = "Addresses that are not valid were read as if there were none."
            self.note(Note("email_not_usable", text, where.file, 1, where.line))
        if not row.email and self._upload.name == "sds":
            email = _address(row.username)
        self.rows += 1
        row.given_name, row.family_name = _names(row.given_name, row.family_name)
        row.email = email
        row.username = _name(row.username or "") or None
        if row.school_ids and (row.school_ids not in self._known_schools or where.file != self._file_of_schools):
            self._name_schools(row.school_ids, where)
        if self._upload.by_kind:
            row.sourced_id = person_id(where.kind, row.sourced_id)
        address = 0
        if email and not row.removed:
            address = crc32(email.encode())
            self.addresses.append(address)
            if self._people.marks:
                self._people.marks.of_addresses((where.line,), (address,))
        self._people.add(self._head(PeopleBlock, where.file, column, where.untold), row, where.line, address)

    def people(self, people: PeopleColumns, where: Where) -> None:
        emails = normalise_all(people.emails)
        if not self._are_plain(people) or emails.count(None) != people.emails.count(""):
            for line, row in people.rows():
                where.line = line
                self.person(row, where)
            return
        self.rows += len(emails)
        self._name_schools_of(people, where)
        ids = [person_id(where.kind, key) for key in people.sourced_ids] if self._upload.by_kind else people.sourced_ids
        addresses = [crc32(email.encode()) if email else 0 for email in emails]
        self.addresses.extend(compress(addresses, emails))
        if self._people.marks:
            self._people.marks.of_addresses(people.lines, addresses)
        usernames = [username or None for username in people.usernames] if "" in people.usernames else people.usernames
        of_schools = people.schools_only or repeat(False)
        head = self._head(PeopleBlock, where.file, where.column or "sourcedId", where.untold)
        names = people.given_names, people.family_names, emails, usernames, repeat(())
        if where.untold:
            rows = map(PersonRow, ids, people.roles, *names, people.schools, repeat(False), repeat(False), of_schools)
            self._people.add_rows(head, people.sourced_ids, rows, people.lines)
            return
        kinds, of = _kinds_of(people)
        roles = map([role.value if role else None for role in map(itemgetter(0), kinds)].__getitem__, of)
        told = zip(ids, roles, *names, people.schools, repeat(False), repeat(False), of_schools)
        plain = [(role, schools) if is_plain else None for role, schools, is_plain in kinds]
        self._people.add_people(head, people.sourced_ids, told, ids, people.lines, addresses, plain, of)

    def _are_plain(self, people: PeopleColumns) -> bool:
        """Whether all of these can be taken as they stand, their addresses left aside."""
        if self._upload.name == "sds" and not all(people.emails):
            return False
        ids, of_people = people.sourced_ids, (people.given_names, people.family_names)
        names = " ".join(map(" ".join, (*of_people, people.usernames)))
        return (
            all(ids)
            and "".join(ids).isprintable()
            and max(map(len, ids)) <= _SURELY_SHORT_ID
            and names.isprintable()
            and is_normalized("NFC", names)
            and max(max(map(len, of)) for of in of_people) <= _LONGEST_NAME // 2
            and max(map(len, people.usernames)) <= _LONGEST_NAME
            and all(map(_are_surely_short, set(people.schools)))
        )

    def _name_schools_of(self, people: PeopleColumns, where: Where) -> None:
        for schools in dict.fromkeys(people.schools):
            if schools:
                where.line = people.lines[people.schools.index(schools)]
                self._name_schools(schools, where)

    def role(
        self,
        sourced_id: str,
        role: Role | None,
        school_id: str,
        where: Where,
        *,
        removed: bool = False,
        row_id: str = "",
        is_over: bool = False,
        is_unusable: bool = False,
        schools_only: bool = False,
    ) -> None:
        if not self._usable_id(Kind.USERS, sourced_id, where, "userSourcedId"):
            return
        if not self._fits(Kind.USERS, (school_id,), 1, where, "orgSourcedId"):
            return
        self.rows += 1
        if school_id:
            self._name_schools((school_id,), where)
        row = RoleRow(
            sourced_id, role, school_id, removed, row_id[:LONGEST_NAMED_ID], is_over, is_unusable, schools_only
        )
        self._people.add(self._head(RolesBlock, where.file, "userSourcedId"), row, where.line)

    def school(self, sourced_id: str, name: str, where: Where) -> None:
        if not ID.fullmatch(sourced_id) or len(sourced_id.encode()) > LONGEST_NAMED_ID:
            text = "Schools whose id is too long or holds control characters were not used. Correct the id."
            self.note(Note("school_not_usable", text, where.file, 1, where.line))
        elif sourced_id in self.schools:
            self._note_repeated(where)
        else:
            self.schools[sourced_id] = _name(name)

    def _note_repeated(self, where: Where) -> None:
        text = "Rows with the id of an earlier row of their file were not used: the first one counts."
        self.note(Note("repeated_rows", text, where.file, 1, where.line))

    def turns(self, day: str) -> None:
        self.turns_on = min(self.turns_on or day, day)

    def also_read(self, stem: str, file: str, rows: int) -> None:
        self.also_seen[stem] = (file, rows)

    def grades(self, rows: Mapping[str, int]) -> None:
        self.of_grades.update({grade: number for grade, number in rows.items() if _IS_GRADE.fullmatch(grade)})

    def reference(self, row: ReferenceRow, where: Where) -> None:
        told = (where.file, row.sourced_id, row.removed)
        if told in self._told:
            self._note_repeated(where)
            return
        self._told.add(told)
        row.title = _name(row.title)
        self.references += _AROUND_A_REFERENCE + getsizeof(row.sourced_id) + getsizeof(row.title)
        if self.references > MOST_OF_REFERENCES:
            raise too_many_references(where.file, where.line)
        self._references.write(packed(row))

    def passed_over(self, grades: Mapping[str, int], rows: int) -> None:
        self.rows += rows
        self.grades(grades)

    def school_class(self, row: ClassRow, where: Where) -> None:
        column = where.column or "sourcedId"
        if not self._usable_id(Kind.CLASSES, row.sourced_id, where, column):
            return
        self.rows += 1
        if row.school_id and len(row.school_id.encode()) > LONGEST_NAMED_ID:
            row.school_id = None
            text = "Ids of schools that are too long were read as if there were none. Shorten them."
            self.note(Note("school_not_usable", text, where.file, 1, where.line))
        if row.school_id:
            self._name_schools((row.school_id,), where)
        if row.removed:
            self._deleted_classes.append(row.sourced_id)
        else:
            self._class_ids.write(row.sourced_id + "\n")
        row.title = _name(row.title)
        row.school_id = row.school_id or None
        row.course_title = _name(row.course_title or "") or None
        row.class_code = _name(row.class_code or "") or None
        row.term_title = _name(row.term_title or "") or None
        self._classes.add(self._head(ClassesBlock, where.file, column, where.untold), row, where.line)

    def school_classes(self, rows: Sequence[ClassRow], lines: Sequence[int], where: Where) -> None:
        schools = [row.school_id for row in rows]
        if not _are_plain_classes(rows, schools):
            for line, row in zip(lines, rows, strict=True):
                where.line = line
                self.school_class(row, where)
            return
        self.rows += len(rows)
        for school in dict.fromkeys(schools):
            if school:
                where.line = lines[schools.index(school)]
                self._name_schools((school,), where)
        ids = [row.sourced_id for row in rows]
        self._class_ids.write("\n".join(ids) + "\n")
        head = self._head(ClassesBlock, where.file, where.column or "sourcedId", where.untold)
        self._classes.add_rows(head, ids, rows, lines)

    def enrollments(
        self,
        where: Where,
        role: str,
        users: Sequence[str],
        classes: Sequence[str],
        lines: Sequence[int],
        *,
        removed: bool = False,
        class_column: str = "classSourcedId",
        row_ids: Sequence[bytes] = (),
    ) -> None:
        user_column = where.column or "userSourcedId"
        people = [person_id(where.kind, user) for user in users] if self._upload.by_kind else users
        if row_ids and _has_control(b"".join(row_ids)):
            row_ids = [_CONTROL.sub(" ", row_id.decode()).encode() for row_id in row_ids]
        if not (all(users) and all(classes) and _are_plain_ids(users) and _are_plain_ids(classes)):
            usable = [
                self._usable_id(Kind.ENROLLMENTS, class_id, Where(where.file, line), class_column)
                and self._usable_id(Kind.ENROLLMENTS, user, Where(where.file, line), user_column)
                for user, class_id, line in zip(users, classes, lines, strict=True)
            ]
            users, people, classes = (list(compress(ids, usable)) for ids in (users, people, classes))
            lines, row_ids = list(compress(lines, usable)), list(compress(row_ids, usable))
        self.rows += len(users)
        if len(self._named_classes) <= _MOST_NAMED_CLASSES:
            self._named_classes.update(classes)
        head = EnrollmentsHead(where.file, user_column, class_column, role, removed)
        self._people.add_enrollments(head, users, people, classes, row_ids, lines)

    def _name_schools(self, schools: tuple[str, ...], where: Where) -> None:
        """Keep which schools the rows of a file name, and on which line first."""
        if where.file != self._file_of_schools:
            self._file_of_schools = where.file
            self._known_schools.clear()
        if schools in self._known_schools or len(self._known_schools) >= _MOST_NAMED_SCHOOLS:
            return
        self._known_schools.add(schools)
        lines = self.named_schools.setdefault(where.file, {})
        for school in schools:
            lines.setdefault(school, where.line)

    def reject(self, kind: Kind | None, reject: Reject) -> None:
        self._rejects.write(packed(reject))
        self.remarks += 1
        if kind:
            self.rejected[kind] += 1

    def note(self, note: Note) -> None:
        self.remarks += 1
        self.notes.append(note)
        if len(self.notes) > 1000:
            self.notes = merged_notes(self.notes)

    @staticmethod
    @lru_cache
    def _head(
        block: type[PeopleBlock | RolesBlock | ClassesBlock], file: str, column: str, untold: tuple[str, ...] = ()
    ) -> RowsHead:
        return RowsHead(block, file, column, untold)

    def _usable_id(self, kind: Kind, key: str, where: Where, column: str) -> bool:
        if not key:
            message = f"The row has no {column}. Fill it in."
        elif len(key) > 255 or (not key.isprintable() and not ID.fullmatch(key)):
            message = f"{column} is longer than 255 characters or holds control characters. Shorten it."
        elif not key.isascii() and len(key.encode()) > LONGEST_ID:
            message = f"{column} is longer than {LONGEST_ID} bytes in UTF-8. Shorten it."
        else:
            return True
        self.reject(kind, Reject(where.file, where.line, column, "bad_id" if key else "missing_value", message))
        return False

    def _usable_names(self, row: PersonRow, where: Where) -> bool:
        """Whether the schools and Clever ids of a row can be kept; else it is rejected for them."""
        schools, clever_ids = row.school_ids, row.clever_ids
        return (not clever_ids or self._fits(Kind.USERS, clever_ids, MOST_CLEVER_IDS, where, "userIds")) and (
            not schools or self._fits(Kind.USERS, schools, MOST_SCHOOLS, where, self._school_column)
        )

    def _fits(self, kind: Kind, ids: Sequence[str], most: int, where: Where, column: str | None) -> bool:
        if len(ids) > most:
            message = f"The row names {len(ids)} ids; at most {most} are kept. Leave out those that are not needed."
        elif any(len(named) * 4 > LONGEST_NAMED_ID and len(named.encode()) > LONGEST_NAMED_ID for named in ids):
            message = f"The row names an id that is longer than {LONGEST_NAMED_ID} bytes in UTF-8. Shorten it."
        else:
            return True
        self.reject(kind, Reject(where.file, where.line, column, "bad_id", message))
        return False


def too_many_references(file: str, line: int | None = None) -> UploadRejected:
    message = f"{file} has more rows than any roster needs. Leave out what no class refers to."
    return UploadRejected("too_many_rows", message, file=file, line=line)


class Splitting:
    """What came of a part: the sink, how many rows each file had, and the files that are now on disk."""

    def __init__(
        self,
        sink: SplitSink,
        seen: dict[str, int],
        people: ShardWriter,
        classes: ShardWriter,
        choices: dict[str, RowChoice],
    ) -> None:
        self.sink = sink
        self.seen = seen
        self.choices = choices
        """Of the files of which some rows were read alone, by stem."""
        self.people, self.people_extents = people.together()
        self.classes, self.classes_extents = classes.together()


def split(
    form: Format,
    upload: Recognised,
    stems: Iterable[str],
    shards: int,
    folder: Path,
    chosen: Mapping[str, Chosen | None] = MappingProxyType({}),
) -> Splitting:
    """Read these files of the upload into shards; what is written lies in ``folder``. Raises UploadRejected.

    ``chosen`` are the files, by stem, of which some rows are read alone (all for None). The others count as if they had been.
    """
    seen: dict[str, int] = {}
    choices: dict[str, RowChoice] = {}
    with (
        ShardWriter(folder, "people", shards) as people,
        ShardWriter(folder, "classes", class_shards_of(shards)) as classes,
    ):
        sink = SplitSink(upload, people, classes, folder)
        try:
            for stem in stems:
                if stem in chosen:
                    piece = upload.files[stem].piece
                    of_night = chosen[stem]
                    choice = choices[stem] = RowChoice(stem, sink, first=piece.line, notes_marks=of_night is None)
                    marking = classes if stem == CLASSES_FILE else people
                    marking.marks = choice.marks
                    file, passed = dataclass_replace(upload.files[stem], choice=choice), 0
                    if of_night:
                        file, passed = chosen_rows(file, header_line_of(file), of_night, sink)
                    of_stem = dataclass_replace(upload, files={**upload.files, stem: file})
                    seen[stem] = form.read(of_stem, stem, sink) + passed
                    marking.marks = None
                else:
                    seen[stem] = form.read(upload, stem, sink)
        finally:
            sink.close()
    sink.notes = merged_notes(sink.notes)
    return Splitting(sink, seen, people, classes, choices)


def _kinds_of(people: PeopleColumns) -> tuple[list[tuple[Role | None, tuple[str, ...], bool]], list[int]]:
    """Role and schools that people have, with whether that is plain (``PersonRow.is_plain``); and which of these each has."""
    # Those of a block that are alike are the same objects: to compare them costs less than to look at what they hold.
    of_schools = people.schools_only or [False] * len(people.roles)
    marks = [*zip(map(id, people.roles), map(id, people.schools), of_schools, strict=True)]
    places = {mark: place for place, mark in enumerate(dict.fromkeys(marks))}
    kinds = []
    for mark in places:
        first = marks.index(mark)
        role, schools = people.roles[first], people.schools[first]
        kinds.append((role, schools, PersonRow("", role, "", "", school_ids=schools, schools_only=mark[2]).is_plain))
    return kinds, [*map(places.__getitem__, marks)]


def _has_control(text: bytes) -> bool:
    if text.isascii():
        return len(text.translate(None, _ASCII_CONTROL)) != len(text)
    return _CONTROL.search(text.decode()) is not None


def _are_plain_ids(ids: Iterable[str]) -> bool:
    together = "".join(ids)
    return "\x7f" not in together and "\t" not in together and "\n" not in together


def _are_plain_classes(rows: Sequence[ClassRow], schools: Sequence[str | None]) -> bool:
    """Whether all of these can be taken as they stand."""
    ids = [row.sourced_id for row in rows]
    words = [*(row.title for row in rows), *(row.class_code or "" for row in rows)]
    together = " ".join(words)
    return (
        all(ids)
        and "".join(ids).isprintable()
        and max(map(len, ids)) <= _SURELY_SHORT_ID
        and together.isprintable()
        and is_normalized("NFC", together)
        and max(map(len, words)) <= _LONGEST_NAME
        and all(_are_surely_short((school or "",)) for school in set(schools))
    )


def _are_surely_short(ids: Sequence[str]) -> bool:
    """Whether ids that a row names can be kept, whatever their letters are."""
    return len(ids) <= MOST_SCHOOLS and all(len(named) * 4 <= LONGEST_NAMED_ID for named in ids)


def _names(given: str, family: str) -> tuple[str, str]:
    both = given + family
    is_plain = both.isprintable() and len(both) <= _LONGEST_NAME and (both.isascii() or is_normalized("NFC", both))
    return (given, family) if is_plain else (_name(given), _name(family))


def _name(text: str) -> str:
    """A name in one form whatever way its accents are written, without control and direction characters, and not longer than
    a page can bear."""
    if not text.isprintable():
        text = _CONTROL.sub(" ", text).strip()
    if not text.isascii():
        text = normalize("NFC", text)
    return text[:_LONGEST_NAME]


def _address(text: str | None) -> str | None:
    """An address without the characters of no width that copying brings into it; None where it cannot be used."""
    if text and not text.isascii():
        text = _UNSEEN.sub("", text)
    return normalise(text)
