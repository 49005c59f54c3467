"""Numbers that change (B11): who is the same under another one, and what stands read with the new numbers.

What stands is compared once more then, as if it had always had them: nobody is removed and nobody comes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from msgspec.structs import replace

from functions.import_step.class_history import ClassHistory, ToldClass
from functions.import_step.plan import (
    CLASS,
    SET_ASIDE,
    IdMap,
    IdPair,
    IdResult,
    ImportPlan,
    MapRow,
    SnapshotRef,
    WritePlan,
)
from functions.import_step.records import (
    ClassRecord,
    MembersRecord,
    PersonRecord,
    RoleEnrollments,
    packed,
    sourced_id_of,
)
from functions.import_step.shards import shard_of
from functions.import_step.working_files import CLASSES, HISTORY, MEMBERS, PEOPLE, Records, WorkingFiles
from shared.domain.id_changes import Ground, Pairing, People, may_follow
from shared.domain.report import Note, Reject
from shared.domain.roster import KIND_OF_ROLE, NumberKind, Role, RosterUserKey, number_of, person_id
from shared.stores.renumbering import set_aside


def find_changes(
    files: WorkingFiles, plan: ImportPlan, id_map: IdMap, *, run: str, rolls_over: bool
) -> tuple[list[IdPair], IdResult]:
    """Who is the same under another number: as a map says, and as those who are gone and who came show it. Return the pairs,
    and what a report says of them.

    ``rolls_over`` says that a school year begins: then no class of the last one goes on, unless a map says so.
    """
    result = IdResult(rejects=list(id_map.rejects), notes=list(id_map.notes))
    mapped = _mapped(files, plan, id_map.rows, result)
    kinds, pairs = _learnt(files, plan, mapped, rolls_over=rolls_over)
    people = [pair for pair in pairs if not pair.is_of_class]
    result.people, result.classes = len(people), len(pairs) - len(people)
    result.learnt = sum(pair.ground != Ground.MAP for pair in people)
    if people:
        result.notes.append(Note("sourced_id_changed", _CHANGED, count=len(people)))
    if plan.moves_people:
        # What stands has no kinds: they come with this import, too.
        return [IdPair(pair.kind, number_of(pair.old), pair.new, pair.ground) for pair in pairs], result
    return [*pairs, *_vacated(people, kinds, run)], result


# What a map says.


def _mapped(files: WorkingFiles, plan: ImportPlan, rows: list[MapRow], result: IdResult) -> list[IdPair]:
    """The pairs of a map that can be used; another row is rejected with its line."""
    had_kinds = plan.moves_people or (plan.before is not None and plan.before.by_kind)
    if not rows or plan.before is None:
        return []
    gone, came = _strangers_of(files, plan, rows)
    pairs, untold = list[IdPair](), list[MapRow]()
    for row in rows:
        old_id, new_id = _key(row, row.old, has_kinds=had_kinds), _key(row, row.new, has_kinds=plan.by_kind)
        then, now = gone.get((row.is_of_class, old_id)), came.get((row.is_of_class, new_id))
        if then is None and now is None:
            untold.append(row)
        elif why := _why_not(row, then, now):
            result.rejects.append(why)
        else:
            pairs.append(IdPair(row.kind, old_id, new_id, Ground.MAP))
    _tell_untold(files, plan, untold, result)
    return pairs


def _strangers_of(files: WorkingFiles, plan: ImportPlan, rows: list[MapRow]) -> tuple[Strangers, Strangers]:
    """Who is gone and who came, people and classes, as far as a map names them."""
    named = {(row.is_of_class, number) for row in rows for number in (row.old, row.new)}
    gone: Strangers = {}
    came: Strangers = {}
    for old, new in files.strangers(PEOPLE, plan):
        for person, side in ((old, gone), (new, came)):
            if person and (False, number_of(person.sourced_id)) in named:
                side[False, person.sourced_id] = person
    for before, after in files.strangers(CLASSES, plan):
        for record, side in ((before, gone), (after, came)):
            if record and (True, record.sourced_id) in named:
                side[True, record.sourced_id] = record
    return gone, came


def _key(row: MapRow, number: str, *, has_kinds: bool) -> str:
    return person_id(row.kind, number) if has_kinds and not row.is_of_class else number


def _not_gone(row: MapRow) -> Reject:
    word = "class" if row.is_of_class else "person"
    message = (
        f"No {word} that stands is gone under this number with this upload. Correct the number or leave the row out."
    )
    return row.rejected("unknown_id", message, "oldSourcedId", row.old)


def _why_not(row: MapRow, then: Stranger, now: Stranger) -> Reject | None:
    """Why a row is not used; None where it is."""
    word = "class" if row.is_of_class else "person"
    if then is None:
        return _not_gone(row)
    if now is None:
        message = f"No {word} comes under this number with this upload. Correct the number or leave the row out."
        return row.rejected("unknown_id", message, "newSourcedId", row.new)
    if not (isinstance(then, PersonRecord) and isinstance(now, PersonRecord)):
        return None
    is_student = row.kind == NumberKind.STUDENT
    if any((record.role is Role.STUDENT) is not is_student for record in (then, now)):
        return row.rejected(
            "wrong_kind", "The roster has this person in another role. Correct the kind.", "kind", row.kind
        )
    if not may_follow(then.known().person, now.known().person):
        message = "The roster names another person under the new number: name and address differ. Correct the row."
        return row.rejected("id_of_somebody_else", message, "newSourcedId", row.new)
    return None


def _tell_untold(files: WorkingFiles, plan: ImportPlan, rows: list[MapRow], result: IdResult) -> None:
    """Of rows whose numbers this upload changes in nothing: those that an earlier import carried out, and unknown ones."""
    if not rows:
        return
    named = {(row.is_of_class, number) for row in rows for number in (row.old, row.new)}
    standing = named.intersection(_standing(files, plan))
    taken = {(True, row.new) for row in rows if row.is_of_class}
    used = 0
    for row in rows:
        old, new = (row.is_of_class, row.old), (row.is_of_class, row.new)
        # Of classes that changed ids with each other both stand.
        if new in standing and (old not in standing or old in taken):
            used += 1
        else:
            result.rejects.append(_not_gone(row))
    if used:
        result.notes.append(
            Note("id_map_used", "Rows of a map of numbers were carried out by an earlier import.", count=used)
        )


def _standing(files: WorkingFiles, plan: ImportPlan) -> Iterator[tuple[bool, str]]:
    """Whether it is a class, and the number, of all that stands."""
    for shard in range(PEOPLE.shards_of(plan.shards)):
        for line in files.standing_lines(PEOPLE, plan.before, shard, plan.shards):
            yield False, number_of(sourced_id_of(line))
    for shard in range(CLASSES.shards_of(plan.shards)):
        for line in files.standing_lines(CLASSES, plan.before, shard, plan.shards):
            yield True, sourced_id_of(line)


# What shows by itself.


def _learnt(
    files: WorkingFiles, plan: ImportPlan, mapped: list[IdPair], *, rolls_over: bool
) -> tuple[dict[str, str], list[IdPair]]:
    """The kinds of all who are gone, and the pairs: those of the map, and those that are found."""
    known = {side: {pair_side(pair) for pair in mapped if not pair.is_of_class} for side, pair_side in _SIDES.items()}
    gone, came = People(), People()
    kinds: dict[str, str] = {}
    classes: dict[str, tuple[str, ...]] = {}
    for old, new in files.strangers(PEOPLE, plan):
        side, record = ("old", old) if old else ("new", new)
        if record is None:
            continue
        if old:
            kinds[old.sourced_id] = _kind(old)
        if record.sourced_id in known[side]:
            classes[f"{side} {record.sourced_id}"] = record.known().class_ids
        else:
            (gone if old else came).add(record.known())
    if not mapped and not (len(gone) and len(came)):
        return kinds, mapped
    pairing = Pairing(gone, came)
    for pair in mapped:
        pairing.stand(classes.get(f"old {pair.old}", ()), classes.get(f"new {pair.new}", ()))
    for class_id in gone.class_ids().keys() & came.class_ids().keys():
        pairing.stand([class_id], [class_id])
    for before, after in _who_stay(files, plan):
        pairing.stand(before.known().class_ids, after.known().class_ids)
    found = [IdPair(kinds[each.old], each.old, each.new, each.ground.value) for each in pairing.find()]
    pairs = [*mapped, *found]
    if not pairs or rolls_over:
        return kinds, pairs
    named = {number for pair in mapped if pair.is_of_class for number in (pair.old, pair.new)}
    titles = ({key: title for key, title in side.items() if key not in named} for side in _titles(files, plan))
    found_classes = pairing.find_classes(*titles)
    return kinds, [*pairs, *(IdPair(CLASS, old, new, "class_company") for old, new in sorted(found_classes.items()))]


def _who_stay(files: WorkingFiles, plan: ImportPlan) -> Iterator[tuple[PersonRecord, PersonRecord]]:
    """Who stays under the own number and changes: as they were, and as they are."""
    for shard in range(plan.shards):
        for old, new in files.changes(PEOPLE, plan, shard):
            if old and new:
                yield old, new


_SIDES: dict[str, Callable[[IdPair], str]] = {"old": attrgetter("old"), "new": attrgetter("new")}
type Stranger = PersonRecord | ClassRecord | None
type Strangers = dict[tuple[bool, str], Stranger]
"""By whether it is a class, and the id."""


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
    exchanged = gone.keys() & came.keys()
    for key in exchanged:
        del gone[key], came[key]
    return gone, came


def _vacated(found: list[IdPair], kinds: dict[str, str], run: str) -> list[IdPair]:
    """Numbers of people who left that are other people's now: who left is kept under one of their own."""
    olds, news = {pair.old for pair in found}, {pair.new for pair in found}
    return [
        IdPair(kinds[number], number, set_aside(RosterUserKey.of_person_id("", number), run).person_id, SET_ASIDE)
        for number in sorted(news & kinds.keys() - olds)
    ]


def readdressed(files: WorkingFiles, plan: ImportPlan) -> Iterator[PersonRecord]:
    """Whose address has another domain of the district's and is otherwise the same, as the upload has them."""
    for shard in range(plan.shards) if plan.before and len(plan.domains) > 1 else ():
        for old, new in files.changes(PEOPLE, plan, shard):
            if old and new and old.is_readdressed_as(new, plan.domains):
                yield new


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

    def of_history(self, line: bytes) -> ClassHistory | None:
        """The history of a class goes where the class goes; that of one that left stays with its id."""
        record = HISTORY.decode(line)
        new = record.sourced_id if record.left_on else self.classes.get(record.sourced_id, record.sourced_id)
        before = self._told(record.before) if record.before else None
        earlier = record.earlier
        if earlier:
            earlier = replace(earlier, told=self._told(earlier.told))
        renumbered = replace(record, sourced_id=new, before=before, earlier=earlier)
        return renumbered if renumbered != record else None

    def _told(self, told: ToldClass) -> ToldClass:
        return replace(told, teachers=self._numbers(told.teachers, NumberKind.TEACHER))

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
    _renumber(files, HISTORY, before, plan.shards, numbers.of_history)
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


def with_kinds(lines: Iterable[bytes], people: dict[str, PersonRecord]) -> dict[str, bytes]:
    """Lines of a snapshot without kinds as they are with kinds, by ``person_id``.

    The kind is the role's; but where an earlier version took rows of two kinds for one person, the name tells whose it was.
    """
    found: dict[str, bytes] = {}
    for stood in map(PEOPLE.decode, lines):
        first = KIND_OF_ROLE[stood.role or Role.STUDENT]
        kinds = sorted(NumberKind, key=lambda kind: kind is not first)
        rows = ((kind, people.get(person_id(kind, stood.sourced_id))) for kind in kinds)
        kind = next((kind for kind, row in rows if row and row.has_name_of(stood)), first)
        record = stood.of_kind(kind)
        found[record.sourced_id] = packed(record)
    return found
