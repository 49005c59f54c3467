"""Who is in which class: what changed for people changes the members of their classes, and nothing else is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from functions.import_step.records import (
    STUDENTS,
    TEACHERS,
    MembersRecord,
    Moves,
    PersonRecord,
    packed,
)
from functions.import_step.shards import shard_of
from shared.domain.roster import Role, number_of


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


class Roll:
    """The members of all classes of a shard, before and after the moves.

    It also holds those of classes that are not there: when such a class comes back, its people are in it.
    """

    def __init__(self, standing: Iterable[MembersRecord], moved: Iterable[Moves]) -> None:
        self._standing = {members.class_id: members for members in standing}
        self._came: dict[str, MembersRecord] = {}
        self._went: dict[str, MembersRecord] = {}
        one_text: dict[str, str] = {}
        for line in moved:
            into, are_teachers = self._came if line.come else self._went, line.kind == TEACHERS
            for text in line.texts.split("\n"):
                class_id, sourced_id = text.split("\t")
                members = into.get(class_id)
                if members is None:
                    members = into[class_id] = MembersRecord(class_id, [], [])
                # A person is in many classes: an id is kept once.
                moved_people = members.teachers if are_teachers else members.students
                moved_people.append(one_text.setdefault(sourced_id, sourced_id))

    def of(self, class_id: str) -> MembersRecord:
        """The members of a class after the moves."""
        nobody = MembersRecord(class_id, [], [])
        stood = self._standing.get(class_id, nobody)
        if not self.is_touched(class_id):
            return stood
        came, went = self._came.get(class_id, nobody), self._went.get(class_id, nobody)
        teachers, students = (
            sorted(set(stood.of_kind(kind)).difference(went.of_kind(kind)).union(came.of_kind(kind)))
            for kind in (TEACHERS, STUDENTS)
        )
        return MembersRecord(class_id, teachers, students)

    def stood(self, class_id: str) -> int:
        """How many students a class had before the moves."""
        members = self._standing.get(class_id)
        return len(members.students) if members else 0

    def is_touched(self, class_id: str) -> bool:
        return class_id in self._came or class_id in self._went

    def has_other_students(self, class_id: str) -> bool:
        return any(class_id in moved and moved[class_id].students for moved in (self._came, self._went))

    def records(self) -> Iterator[MembersRecord]:
        """As the next snapshot holds them."""
        for class_id in sorted({*self._standing, *self._came}):
            members = self.of(class_id)
            if members.teachers or members.students:
                yield members
