"""Split: read a part of the upload once; good rows go to the shards of people and classes, bad ones into the rejects."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import compress
from pathlib import Path

from functions.import_step.formats.format import ClassRow, Format, Person, Recognised, Where
from functions.import_step.shards import ShardWriter, class_shards_of
from shared.domain.email_address import normalise
from shared.domain.report import Kind, Note, Reject, merged_notes
from shared.domain.roster import Role
from shared.stores.import_files import packed

ID = re.compile(r"[^\x00-\x1f\x7f]{1,255}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]+")
_LONGEST_NAME = 200


class SplitSink:
    """Sends what a format reads to the shards, and keeps what a report needs.

    People's shards get blocks ``["u", file, id column, rows, lines]``, ``["r", …]`` and ``["e", file, user column, class
    column, role, removed, texts]``, a text being user, class and line with tabs between. Those of classes get
    ``["c", file, id column, rows, lines]``.
    """

    def __init__(self, what: Recognised, people: ShardWriter, classes: ShardWriter, folder: Path) -> None:
        self._what = what
        self._people = people
        self._classes = classes
        self._class_ids = (folder / "class-ids").open("w", encoding="utf-8", newline="\n")
        self._rejects = (folder / "rejects").open("wb")
        self.rejected: dict[str, int] = dict.fromkeys(Kind, 0)
        self.notes: list[Note] = []
        self.schools: dict[str, str] = {}
        self.latest_school_year = ""
        self.rows = 0
        """How many rows were taken."""

    def close(self) -> None:
        self._class_ids.close()
        self._rejects.close()

    def person(self, row: Person, where: Where) -> None:
        column = where.column or "sourcedId"
        if not self._usable_id(Kind.USERS, row.sourced_id, where, column):
            return
        email = normalise(row.email)
        if row.email and not email:
            self.note(
                Note("email_not_usable", "Addresses that are not valid were read as if there were none.", where.file, 1)
            )
        if not row.email and self._what.name == "sds":
            email = normalise(row.username)
        self.rows += 1
        record = (
            row.sourced_id,
            row.role.value if row.role else None,
            *_names(row.given_name, row.family_name),
            email,
            _name(row.username) or None,
            row.clever_ids,
            row.school_ids,
            row.removed,
        )
        self._people.add(self._head("u", where.file, column), row.sourced_id, record, where.line)

    def role(self, sourced_id: str, role: Role | None, school_id: str, where: Where, *, removed: bool = False) -> None:
        if not self._usable_id(Kind.USERS, sourced_id, where, "userSourcedId"):
            return
        self.rows += 1
        record = (sourced_id, role.value if role else None, school_id, removed)
        self._people.add(self._head("r", where.file, "userSourcedId"), sourced_id, record, where.line)

    def school(self, sourced_id: str, name: str) -> None:
        if ID.fullmatch(sourced_id):
            self.schools[sourced_id] = _name(name)

    def school_year(self, name: str) -> None:
        self.latest_school_year = max(self.latest_school_year, name)

    def school_class(self, row: ClassRow, where: Where) -> None:
        column = where.column or "sourcedId"
        if not self._usable_id(Kind.CLASSES, row.sourced_id, where, column):
            return
        self.rows += 1
        self._class_ids.write(row.sourced_id + "\n")
        record = (
            row.sourced_id,
            _name(row.title),
            row.school_id or None,
            _name(row.course_title) or None,
            _name(row.class_code) or None,
            _name(row.term_title) or None,
            row.ends_on,
            row.removed,
        )
        self._classes.add(self._head("c", where.file, column), row.sourced_id, record, where.line)

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
    ) -> None:
        user_column = where.column or "userSourcedId"
        texts = list(map("\t".join, zip(users, classes, map(str, lines), strict=True)))
        together = "\n".join(texts)
        is_plain = together.count("\n") == len(texts) - 1 and together.count("\t") == 2 * len(texts)
        if not (is_plain and all(users) and all(classes)):
            usable = [
                self._usable_id(Kind.ENROLLMENTS, class_id, Where(where.file, line), class_column)
                and self._usable_id(Kind.ENROLLMENTS, user, Where(where.file, line), user_column)
                for user, class_id, line in zip(users, classes, lines, strict=True)
            ]
            users, texts = list(compress(users, usable)), list(compress(texts, usable))
        self.rows += len(users)
        self._people.add_texts(("e", where.file, user_column, class_column, role, removed), users, texts)

    def reject(self, kind: Kind | None, reject: Reject) -> None:
        self._rejects.write(packed(reject))
        if kind:
            self.rejected[kind] += 1

    def note(self, note: Note) -> None:
        self.notes.append(note)
        if len(self.notes) > 1000:
            self.notes = merged_notes(self.notes)

    @staticmethod
    @lru_cache
    def _head(kind: str, file: str, column: str) -> tuple[str, ...]:
        return kind, file, column

    def _usable_id(self, kind: Kind, key: str, where: Where, column: str) -> bool:
        if not key:
            message = f"The row has no {column}. Fill it in."
        elif len(key) > 255 or (not key.isprintable() and not ID.fullmatch(key)):
            message = f"{column} is longer than 255 characters or holds control characters. Shorten it."
        else:
            return True
        self.reject(kind, Reject(where.file, where.line, column, "bad_id" if key else "missing_value", message))
        return False


class Splitting:
    """What came of a part: the sink, how many rows each file had, and the files that are now on disk."""

    def __init__(self, sink: SplitSink, seen: dict[str, int], people: ShardWriter, classes: ShardWriter) -> None:
        self.sink = sink
        self.seen = seen
        self.people, self.people_extents = people.together()
        self.classes, self.classes_extents = classes.together()


def split(one: Format, what: Recognised, stems: Iterable[str], shards: int, folder: Path) -> Splitting:
    """Read these files of the upload into shards; what is written lies in ``folder``. Raises UploadRejected."""
    seen: dict[str, int] = {}
    with (
        ShardWriter(folder, "people", shards) as people,
        ShardWriter(folder, "classes", class_shards_of(shards)) as classes,
    ):
        sink = SplitSink(what, people, classes, folder)
        try:
            for stem in stems:
                seen[stem] = one.read(what, stem, sink)
        finally:
            sink.close()
    sink.notes = merged_notes(sink.notes)
    return Splitting(sink, seen, people, classes)


def _names(given: str, family: str) -> tuple[str, str]:
    both = given + family
    return (given, family) if both.isprintable() and len(both) <= _LONGEST_NAME else (_name(given), _name(family))


def _name(text: str) -> str:
    """A name without control and direction characters, and not longer than a page can bear."""
    if not text.isprintable():
        text = _CONTROL.sub(" ", text).strip()
    return text[:_LONGEST_NAME]
