"""Numbers that change (B11): who is the same under another one, and what stands read with the new numbers.

What stands is compared once more then, as if it had always had them: nobody is removed and nobody comes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from functions.import_step.plan import CLASS, SET_ASIDE, IdPair, IdResult, ImportPlan, SnapshotRef, WritePlan
from functions.import_step.records import (
    ClassRecord,
    MembersRecord,
    PersonRecord,
    RoleEnrollments,
    packed,
    sourced_id_of,
)
from functions.import_step.shards import shard_of
from functions.import_step.working_files import CLASSES, MEMBERS, PEOPLE, Records, WorkingFiles
from shared.domain.id_changes import Ground, Pairing, People
from shared.domain.report import Note
from shared.domain.roster import KIND_OF_ROLE, NumberKind, Role, RosterUserKey, number_of, person_id
from shared.stores.renumbering import set_aside


def learn(files: WorkingFiles, plan: ImportPlan, *, run: str, rolls_over: bool) -> list[IdPair]:
    """Who of those who are gone is who of those who came, and which classes are which, as far as they show it.

    ``rolls_over`` says that a school year begins: then no class of the last one goes on.
    """
    gone, came = People(), People()
    kinds: dict[str, str] = {}
    for old, new in files.strangers(PEOPLE, plan):
        if record := old or new:
            (gone if old else came).add(record.known())
            if old:
                kinds[old.sourced_id] = _kind(old)
    if not (len(gone) and len(came)):
        return []
    pairing = Pairing(gone, came)
    for class_id in gone.class_ids().keys() & came.class_ids().keys():
        pairing.stand([class_id], [class_id])
    for shard in range(plan.shards):
        for old, new in files.changes(PEOPLE, plan, shard):
            if old and new:
                pairing.stand(old.known().class_ids, new.known().class_ids)
    found = [IdPair(kinds[each.old], each.old, each.new, each.ground.value) for each in pairing.find()]
    if not found:
        return []
    classes = {} if rolls_over else pairing.find_classes(*_titles(files, plan))
    if plan.moves_people:
        # What stands has no kinds: they come with this import, too.
        found = [IdPair(pair.kind, number_of(pair.old), pair.new, pair.ground) for pair in found]
    else:
        found += _vacated(found, kinds, run)
    return [*found, *(IdPair(CLASS, old, new, "class_company") for old, new in sorted(classes.items()))]


def id_result(pairs: Iterable[IdPair]) -> IdResult:
    """What a report says of these changes."""
    shown = [pair for pair in pairs if pair.is_shown]
    people = sum(not pair.is_of_class for pair in shown)
    learnt = sum(not pair.is_of_class and pair.ground != Ground.MAP for pair in shown)
    notes = [Note("sourced_id_changed", _CHANGED, count=people)] if people else []
    return IdResult(people=people, learnt=learnt, classes=len(shown) - people, notes=notes)


_CHANGED = (
    "People came under other numbers than before. Links, mails that are out and goals follow them; id-changes.csv lists "
    "them."
)


def _kind(record: PersonRecord) -> str:
    return KIND_OF_ROLE[record.role or Role.STUDENT].value


def _titles(files: WorkingFiles, plan: ImportPlan) -> tuple[dict[str, str], dict[str, str]]:
    """The titles of the classes that are gone before their end, and of those that came, by id."""
    gone, came = dict[str, str](), dict[str, str]()
    for old, new in files.strangers(CLASSES, plan):
        if old and not old.is_over(plan.on):
            gone[old.sourced_id] = old.title
        elif new:
            came[new.sourced_id] = new.title
    return gone, came


def _vacated(found: list[IdPair], kinds: dict[str, str], run: str) -> list[IdPair]:
    """Numbers of people who left that are other people's now: who left is kept under one of their own."""
    olds, news = {pair.old for pair in found}, {pair.new for pair in found}
    return [
        IdPair(kinds[number], number, set_aside(RosterUserKey.of_person_id("", number), run).person_id, SET_ASIDE)
        for number in sorted(news & kinds.keys() - olds)
    ]


# What stands, with the new numbers.


@dataclass(slots=True)
class _Numbers:
    """The changes by the number before."""

    people: dict[str, str]
    classes: dict[str, str]
    had_kinds: bool

    @classmethod
    def of(cls, pairs: Iterable[IdPair], *, had_kinds: bool, get_kinds: bool) -> _Numbers:
        """Where numbers get kinds with this import, what stands is read without them before (``diff_people``)."""
        people, classes = dict[str, str](), dict[str, str]()
        for pair in pairs:
            new = number_of(pair.new) if get_kinds else pair.new
            (classes if pair.is_of_class else people)[pair.old] = new
        return cls(people, classes, had_kinds)

    def of_person(self, line: bytes) -> PersonRecord | None:
        new = self.people.get(sourced_id_of(line))
        if new is None and not self.classes:
            return None
        record = PEOPLE.decode(line)
        enrollments = [
            RoleEnrollments(each.role, sorted(self.classes.get(class_id, class_id) for class_id in each.class_ids))
            for each in record.enrollments
        ]
        if new is None and enrollments == record.enrollments:
            return None
        return replace(record, sourced_id=new or record.sourced_id, enrollments=enrollments)

    def of_class(self, line: bytes) -> ClassRecord | None:
        new = self.classes.get(sourced_id_of(line))
        return replace(CLASSES.decode(line), sourced_id=new) if new else None

    def of_members(self, line: bytes) -> MembersRecord | None:
        record = MEMBERS.decode(line)
        renumbered = MembersRecord(
            self.classes.get(record.class_id, record.class_id),
            self._numbers(record.teachers, NumberKind.TEACHER),
            self._numbers(record.students, NumberKind.STUDENT),
        )
        return renumbered if renumbered != record else None

    def _numbers(self, numbers: list[str], kind: NumberKind) -> list[str]:
        if not self.people:
            return numbers
        ids = ((number, person_id(kind if self.had_kinds else "", number)) for number in numbers)
        return sorted(number_of(self.people.get(text, number)) for number, text in ids)


def renumber(
    files: WorkingFiles, plan: WritePlan, name: str, pairs: list[IdPair], *, get_kinds: bool = False
) -> SnapshotRef | None:
    """Note the pairs under this name, and what stands as it reads with the new numbers. Return how it is to be read.

    ``get_kinds`` says that numbers get kinds with this import, too.
    """
    if plan.before is None:
        return None
    before = replace(plan.before, renumbered="")
    files.write_id_pairs(name, pairs)
    numbers = _Numbers.of(pairs, had_kinds=before.by_kind, get_kinds=get_kinds)
    _renumber(files, PEOPLE, before, plan.shards, numbers.of_person)
    _renumber(files, CLASSES, before, plan.shards, numbers.of_class)
    _renumber(files, MEMBERS, before, plan.shards, numbers.of_members)
    return replace(before, renumbered=name)


def _renumber[T](
    files: WorkingFiles, kind: Records[T], before: SnapshotRef, shards: int, renumbered: Callable[[bytes], T | None]
) -> None:
    """Write what of one kind stands otherwise with the new numbers, shard by shard."""
    own_shards = kind.shards_of(shards)
    left: list[list[str]] = [[] for _ in range(own_shards)]
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        paths = [Path(name) / str(shard) for shard in range(own_shards)]
        targets = [stack.enter_context(path.open("wb")) for path in paths]
        for shard in range(own_shards):
            for line in files.standing_lines(kind, before, shard, shards):
                record = renumbered(line)
                if record is not None:
                    left[shard].append(sourced_id_of(line))
                    new_line = packed(record)
                    targets[shard_of(sourced_id_of(new_line), own_shards)].write(new_line)
        stack.close()
        for shard, path in enumerate(paths):
            files.write_renumbered(kind, shard, left[shard], path)
