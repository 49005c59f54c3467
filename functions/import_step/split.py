"""Split: read the upload once, row by row; good rows go into shards by person and by class, bad ones into the rejects."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, cast

from functions.import_step.formats import ClassRow, Format, Kind, Mode, Person, Recognised, Where
from shared.email_address import normalise
from shared.report import Note, Reject, merged_notes
from shared.roster import Role

ID = re.compile(r"[^\x00-\x1f\x7f]{1,255}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]+")
_LONGEST_NAME = 200
PEOPLE_PER_SHARD = 20_000


def shard_of(key: str, shards: int) -> int:
    """Which shard a sourcedId belongs to; the same for ever."""
    return zlib.crc32(key.encode()) % shards


class SplitSink:
    """Writes what a format reads into one file per shard and kind, and keeps what a report needs.

    Person shards get ``["u", …]``, ``["r", …]`` and ``["e", …]`` lines, class shards get ``["c", …]``.
    """

    def __init__(self, what: Recognised, shards: int, people: list[IO[bytes]], classes: list[IO[bytes]]) -> None:
        self._what = what
        self._shards = shards
        self._people = people
        self._classes = classes
        self._user_ids: set[str] = set()
        self._class_ids: set[str] = set()
        self.rejects: list[Reject] = []
        self.rejected: dict[str, int] = dict.fromkeys(Kind, 0)
        self.notes: list[Note] = []
        self.schools: dict[str, str] = {}
        self.rows = 0
        """How many rows were taken."""

    def person(self, row: Person, where: Where) -> None:
        if not self._usable_id(Kind.USERS, row.sourced_id, where, where.column or "sourcedId"):
            return
        email = normalise(row.email)
        if row.email and not email:
            self.note(
                Note("email_not_usable", "Addresses that are not valid were read as if there were none.", where.file, 1)
            )
        if not row.email and self._what.name == "sds":
            email = normalise(row.username)
        self._user_ids.add(row.sourced_id)
        self._write(
            self._people,
            row.sourced_id,
            [
                "u",
                row.sourced_id,
                row.role.value if row.role else None,
                _name(row.given_name),
                _name(row.family_name),
                email,
                _name(row.username) or None,
                list(row.clever_ids),
                list(row.school_ids),
                row.removed,
            ],
        )

    def role(self, sourced_id: str, role: Role | None, school_id: str, where: Where, *, removed: bool = False) -> None:
        if not sourced_id or not self._is_known(sourced_id, self._user_ids, Kind.USERS):
            self.reject(
                Kind.USERS,
                Reject(
                    where.file,
                    where.line,
                    "userSourcedId",
                    "unknown_user",
                    "The row is about a person who is not in users.csv. Add the person, or leave the row out.",
                    sourced_id[:80],
                ),
            )
            return
        self._write(self._people, sourced_id, ["r", sourced_id, role.value if role else None, school_id, removed])

    def school(self, sourced_id: str, name: str) -> None:
        if ID.fullmatch(sourced_id):
            self.schools[sourced_id] = _name(name)

    def school_class(self, row: ClassRow, where: Where) -> None:
        if not self._usable_id(Kind.CLASSES, row.sourced_id, where, where.column or "sourcedId"):
            return
        if row.sourced_id in self._class_ids:
            self.reject(
                Kind.CLASSES,
                Reject(
                    where.file,
                    where.line,
                    where.column or "sourcedId",
                    "class_twice",
                    "A class with this id was in an earlier row. Give every class an id of its own.",
                    row.sourced_id[:80],
                ),
            )
            return
        self._class_ids.add(row.sourced_id)
        self._write(
            self._classes,
            row.sourced_id,
            [
                "c",
                row.sourced_id,
                _name(row.title),
                row.school_id or None,
                _name(row.course_title) or None,
                _name(row.class_code) or None,
                _name(row.term_title) or None,
                row.removed,
            ],
        )

    def enrollment(
        self,
        class_id: str,
        user_id: str,
        role: str,
        where: Where,
        *,
        removed: bool = False,
        user_column: str = "userSourcedId",
        class_column: str = "classSourcedId",
    ) -> None:
        if not self._is_known(class_id, self._class_ids, Kind.CLASSES):
            self.reject(
                Kind.ENROLLMENTS,
                Reject(
                    where.file,
                    where.line,
                    class_column,
                    "unknown_class",
                    "The row names a class that is not in this upload. Add the class, or leave the row out.",
                    class_id[:80],
                ),
            )
        elif not self._is_known(user_id, self._user_ids, Kind.USERS):
            self.reject(
                Kind.ENROLLMENTS,
                Reject(
                    where.file,
                    where.line,
                    user_column,
                    "unknown_user",
                    "The row names a person who is not in this upload. Add the person, or leave the row out.",
                    user_id[:80],
                ),
            )
        else:
            self._write(self._people, user_id, ["e", user_id, class_id, role, removed])

    def reject(self, kind: Kind | None, reject: Reject) -> None:
        self.rejects.append(reject)
        if kind:
            self.rejected[kind] += 1

    def note(self, note: Note) -> None:
        self.notes.append(note)
        if len(self.notes) > 1000:
            self.notes = merged_notes(self.notes)

    def _is_known(self, key: str, ids: set[str], kind: Kind) -> bool:
        """References resolve within a bulk set; a delta may name what stands already."""
        return bool(key) and (key in ids or self._what.modes[kind] is not Mode.BULK)

    def _usable_id(self, kind: Kind, key: str, where: Where, column: str) -> bool:
        if not key:
            message = f"The row has no {column}. Fill it in."
        elif not ID.fullmatch(key):
            message = f"{column} is longer than 255 characters or holds control characters. Shorten it."
        else:
            return True
        self.reject(kind, Reject(where.file, where.line, column, "bad_id" if key else "missing_value", message))
        return False

    def _write(self, files: list[IO[bytes]], key: str, record: list[Any]) -> None:
        self.rows += 1
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        files[shard_of(key, self._shards)].write(line)


@contextmanager
def shard_files(folder: Path, name: str, shards: int) -> Iterator[list[IO[bytes]]]:
    with ExitStack() as stack:
        yield [
            cast(IO[bytes], stack.enter_context(gzip.open(folder / f"{name}-{shard}.jsonl.gz", "wb", compresslevel=1)))
            for shard in range(shards)
        ]


def split(one: Format, what: Recognised, shards: int, folder: Path) -> SplitSink:
    """Read the upload into ``people-i`` and ``classes-i`` files in this folder. Raises UploadRejected."""
    with shard_files(folder, "people", shards) as people, shard_files(folder, "classes", shards) as classes:
        sink = SplitSink(what, shards, people, classes)
        one.read(what, sink)
    sink.notes = merged_notes(sink.notes)
    return sink


def shards_for(what: Recognised, before: int | None) -> int:
    """How many shards: enough for the size of the files, and never another number than the standing snapshot's."""
    if before:
        return before
    people = sum(what.files[stem].size for stem in ("users", "students", "teachers") if stem in what.files) // 100
    shards = 1
    while shards * PEOPLE_PER_SHARD < people and shards < 64:
        shards *= 2
    return shards


def _name(text: str) -> str:
    """A name without control and direction characters, and not longer than a page can bear."""
    return _CONTROL.sub(" ", text).strip()[:_LONGEST_NAME]
