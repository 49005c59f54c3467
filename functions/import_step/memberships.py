"""Who is in which class: what changed for people changes the members of their classes, and nothing else is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.json import Decoder

from functions.import_step.records import (
    STUDENTS,
    TEACHERS,
    MembersRecord,
    Moves,
    PersonRecord,
    packed,
    sourced_id_of,
)
from functions.import_step.shards import shard_of
from shared.domain.roster import Role, number_of

_unpacked = Decoder(MembersRecord).decode


def moves(changes: Iterable[tuple[PersonRecord | None, PersonRecord | None]], shards: int) -> list[bytearray]:
    """Who comes into and goes out of which class: lines of ``Moves``, a part for each shard of classes."""
    texts: dict[tuple[str, bool], list[list[str]]] = {
        (kind, come): [[] for _ in range(shards)] for kind in (TEACHERS, STUDENTS) for come in (False, True)
    }
    for old, new in changes:
        before = old.memberships() if old else set()
        # Going out of a class in which one never was does no harm.
        noted = old.memberships_as_named() if old else set()
        after = new.memberships() if new else set()
        person = new or old
        # Who teaches has a teacher's number, who attends a student's: the kind need not be said.
        behind = f"\t{number_of(person.sourced_id) if person else None}"
        for come, moved in ((False, noted - after), (True, after - before)):
            for class_id, kind in moved:
                texts[kind, come][shard_of(class_id, shards)].append(class_id + behind)
    parts = [bytearray() for _ in range(shards)]
    for (kind, come), by_shard in texts.items():
        for part, texts_of_shard in zip(parts, by_shard, strict=True):
            if texts_of_shard:
                part += packed(Moves(kind, come, "\n".join(texts_of_shard)))
    return parts


def is_about_a_teacher(change: tuple[PersonRecord | None, PersonRecord | None]) -> bool:
    """Whether somebody teaches before or after a change."""
    return any(record is not None and record.role is Role.TEACHER for record in change)


type _Numbers = dict[str, bytearray]
"""By class: the numbers of people, tabs between. As texts of their own they would take most of what a worker has."""


class Roll:
    """The members of all classes of a shard, before and after the moves.

    It also holds those of classes that are not there: when such a class comes back, its people are in it.
    """

    def __init__(self, standing: Iterable[bytes], moved: Iterable[Moves]) -> None:
        """``standing`` are the packed records of the classes."""
        self._standing = {sourced_id_of(line): line for line in standing}
        self._moved: dict[tuple[bool, str], _Numbers] = {
            (come, kind): {} for come in (True, False) for kind in (TEACHERS, STUDENTS)
        }
        for line in moved:
            into = self._moved[line.come, line.kind]
            for text in line.texts.split("\n"):
                class_id, _, number = text.partition("\t")
                numbers = into.get(class_id)
                if numbers is None:
                    into[class_id] = bytearray(number.encode())
                else:
                    numbers += b"\t"
                    numbers += number.encode()

    def of(self, class_id: str) -> MembersRecord:
        """The members of a class after the moves."""
        line = self._standing.get(class_id)
        stood = _unpacked(line) if line else MembersRecord(class_id, [], [])
        if not self.is_touched(class_id):
            return stood
        teachers, students = (
            sorted(
                set(stood.of_kind(kind))
                .difference(self._numbers(class_id, kind, come=False))
                .union(self._numbers(class_id, kind, come=True))
            )
            for kind in (TEACHERS, STUDENTS)
        )
        return MembersRecord(class_id, teachers, students)

    def _numbers(self, class_id: str, kind: str, *, come: bool) -> list[str]:
        numbers = self._moved[come, kind].get(class_id)
        return numbers.decode().split("\t") if numbers is not None else []

    def stood(self, class_id: str) -> int:
        """How many students a class had before the moves."""
        line = self._standing.get(class_id)
        return len(_unpacked(line).students) if line else 0

    def is_touched(self, class_id: str) -> bool:
        return any(class_id in moved for moved in self._moved.values())

    def has_other_students(self, class_id: str) -> bool:
        return any(class_id in self._moved[come, STUDENTS] for come in (True, False))

    def lines(self) -> Iterator[bytes]:
        """The packed records as the next snapshot holds them."""
        came = {class_id for (come, _), moved in self._moved.items() if come for class_id in moved}
        for class_id in sorted(came.union(self._standing)):
            if not self.is_touched(class_id):
                yield self._standing[class_id]
                continue
            members = self.of(class_id)
            if members.teachers or members.students:
                yield packed(members)
