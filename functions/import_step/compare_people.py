"""People: one shard's rows against the last applied snapshot: who is created, changed, removed, unchanged (M4, M5)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from itertools import chain
from zlib import crc32

from msgspec.json import Decoder
from msgspec.structs import replace

from functions.import_step.deletion_notes import NotThere
from functions.import_step.enrollment_notes import Unused
from functions.import_step.enrollment_rows import (
    EnrollmentRow,
    after_delta,
    enrollments_of,
    pairs_of,
    role_enrollments,
    rows_of,
    without_shared_ids,
)
from functions.import_step.formats.format import Mode
from functions.import_step.hurt import HurtCount
from functions.import_step.one_person import Holder, has_address_of, holder_of, join
from functions.import_step.plan import ImportPlan
from functions.import_step.records import (
    MOST_CLEVER_IDS,
    MOST_SCHOOLS,
    TEACHING,
    PersonRecord,
    RoleEnrollments,
    RoleRow,
    ToldRole,
    packed,
    sourced_id_of,
)
from functions.import_step.shards import AnyPeopleBlock, EnrollmentsBlock, PeopleBlock, RolesBlock
from shared.domain.id_changes import may_follow
from shared.domain.import_safety import Fate
from shared.domain.ordinary_nights import Hurt
from shared.domain.report import Counts, Kind, Note, Reject, Tally
from shared.domain.roster import KIND_OF_ROLE, NumberKind, Role, number_of, person_id

MOST_OF_CLASSES = 150_000
"""Bytes of the ids of all classes that a person is in: a roster user is one item of the table, which may have 400 KB."""
_ID_OF_ROW = 3
"""Which column of an enrollment's text is the row's own id."""
_SURELY_FEW = 20
"""Classes with one role: however long their ids are, those of all roles fit."""
type ByPerson = dict[str, dict[str, list[str]]]
"""Enrollment role → person → class and the row's own id in turn, as they come; the id is empty where the row has none."""
_unpacked = Decoder(PersonRecord).decode


@dataclass(slots=True)
class PeopleDiff:
    """What one shard of people comes to."""

    users: Counts = field(default_factory=Counts)
    enrollments: Counts = field(default_factory=Counts)
    standing: bytearray = field(default_factory=bytearray)
    """Everybody afterwards, as the next snapshot holds them: lines in the order of their ids."""
    stand: int = 0
    """How many they are."""
    aside: bytearray = field(default_factory=bytearray)
    """Everybody without a role for which anything is done, in the same way."""
    changes: list[tuple[PersonRecord | None, PersonRecord | None]] = field(default_factory=list)
    """(before, after) of those who differ, where None stands for not there; empty where there was no snapshot."""
    rejects: list[Reject] = field(default_factory=list)
    """Rows about people or classes that are not in the upload, in the order in which they were read."""
    notes: list[Note] = field(default_factory=list)
    put_off: int = 0
    put_off_enrollments: int = 0
    schools: dict[str, tuple[Fate, Fate]] = field(default_factory=dict)
    """By school: its people, and their enrollments."""
    enrolled: int = 0
    """How many enrollments there are afterwards."""
    reused: list[str] = field(default_factory=list)
    """Ids that name another person than before: given name, family name and address all differ."""
    holders: list[Holder] = field(default_factory=list)
    """Who has an address that another number has, too."""
    records_of_holders: bytearray = field(default_factory=bytearray)
    hurt: HurtCount = field(default_factory=HurtCount)
    moved: list[str] = field(default_factory=list)
    """Everybody who stood without a kind, by the ``person_id`` that they have now that numbers have kinds."""
    strangers: list[tuple[PersonRecord | None, PersonRecord | None]] = field(default_factory=list)
    """Who is gone, (before, None), and who came, (None, after); both for a number that names somebody else now."""

    def note_holder(self, person: PersonRecord, *, stands: bool) -> None:
        """Keep somebody who may have other numbers."""
        if holder := holder_of(person, stands=stands):
            self.holders.append(holder)
            self.records_of_holders += packed(person)

    def fates(self, school: str) -> tuple[Fate, Fate]:
        """How the people of a school, and their enrollments, fare."""
        return self.schools.setdefault(school, (Fate(), Fate()))


@dataclass(slots=True)
class _Gathered:
    """The rows of a shard, by person."""

    people: dict[str, PersonRecord] = field(default_factory=dict)
    untold: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Of people in files that lack columns, for which fields."""
    named_by_roles: set[str] = field(default_factory=set)
    """People whom a row of roles is about that is not removed; one that was rejected for its role among them."""
    unusable_roles: set[str] = field(default_factory=set)
    """People of whom a row with a role was rejected."""
    over: dict[str, tuple[str, int]] = field(default_factory=dict)
    """People with a role that is over or has not begun, with the file and line of the first."""
    roles: dict[str, list[RoleRow]] = field(default_factory=dict)
    """Rows of roles by person, where those of an earlier upload may count besides."""
    removed: set[str] = field(default_factory=set)
    not_there: NotThere = field(default_factory=NotThere)
    enrollments: ByPerson = field(default_factory=dict)
    ended: ByPerson = field(default_factory=dict)
    unused: Unused = field(default_factory=Unused)
    notes: Tally = field(default_factory=Tally)
    """What is to be said of rows that are read."""
    others: list[Reject] = field(default_factory=list)
    """Rows with an id that an earlier row gives to somebody else."""

    def by_person(self) -> Iterator[dict[str, list[str]]]:
        """Person → classes and rows' ids, of each role, of enrollments and of those that are over."""
        return chain(self.enrollments.values(), self.ended.values())


def diff_people(
    blocks: Callable[[], Iterable[AnyPeopleBlock]],
    snapshot: Iterable[bytes] | None,
    plan: ImportPlan,
    class_ids: Callable[[], Iterable[list[str]]] = tuple,
    aside: Iterable[bytes] = (),
    renumbered: Collection[str] = (),
    mapped: Collection[str] = (),
    joined: tuple[dict[str, list[PersonRecord]], set[str]] | None = None,
    over: Callable[[], frozenset[str]] = frozenset,
) -> PeopleDiff:
    """Compare a shard's rows with the snapshot's people.

    In bulk, who is missing is removed, unless rows of the file were rejected: then the removal is put off (M2).
    ``blocks`` gives the rows as often as it is called; ``snapshot`` is None where nothing was ever applied; ``class_ids``
    gives the ids of the classes that enrollments may name, list by list;
    ``aside`` are people of the snapshot without a role for which anything is done, where the upload may be about them;
    ``renumbered`` are those who count as changed even where they are as they were: their numbers are new in the table;
    ``mapped`` are the numbers in a map of old and new ones, which may have changed places;
    ``joined`` are the other numbers of people in the shard, and the numbers of the shard that are another's (``one_person``).

    ``over`` gives the ids of the classes that stand and have ended; it is called where many people lose classes.

    Most people are as they were. Their line of the snapshot is compared as it lies there, and never unpacked.
    """
    result = PeopleDiff()
    before = {sourced_id_of(line): line for line in snapshot or ()}
    known_aside = {sourced_id_of(line): line for line in aside}
    seen = _gather(blocks(), tells_roles_with_people=plan.tells_roles_with_people)
    _reject_without_role(seen, blocks, plan, result)
    adds_to = before if plan.mode(Kind.ENROLLMENTS) is not Mode.BULK else {}
    _reject_what_is_too_much(seen, blocks, result, adds_to)
    result.rejects += seen.others
    result.users.read += len(seen.others)
    result.users.rejected += len(seen.others)
    nameless = {key for key in seen.named_by_roles & known_aside.keys() if not _unpacked(known_aside[key]).has_name()}
    standing = before.keys() | known_aside.keys()
    _reject_dangling(seen, blocks, plan, class_ids, result, standing - nameless)
    if plan.mode(Kind.USERS) is not Mode.BULK:
        named = seen.removed | seen.roles.keys() | {*chain.from_iterable(seen.ended.values())}
        seen.not_there.people = named - standing - seen.people.keys()
    if plan.additions_only:
        result.put_off += len(seen.removed & before.keys())
        seen.removed.clear()
        seen.ended.clear()
    if plan.moves_people:
        before = _by_kind(before.values(), seen.people)
        result.moved = list(before)
    if joined:
        _join_people(seen, before, blocks, result, *joined)
    shared = set() if plan.round or plan.moves_people else set(plan.shared)
    noted = None if snapshot is None else renumbered
    comparison = _Comparison(seen, plan, result, known_aside, noted, mapped)
    for key in sorted(before.keys() | seen.people.keys() | known_aside.keys()):
        stood, person = before.pop(key, None), seen.people.pop(key, None)
        comparison.compare(key, stood, person)
        if shared and person and has_address_of(person, shared):
            result.note_holder(person, stands=stood is not None)
    for person in result.hurt.counted_fewer(over):
        for school in person.school_ids:
            result.fates(school)[0].hurt += 1
    comparison.add_notes(blocks)
    return result


def _join_people(
    seen: _Gathered,
    before: dict[str, bytes],
    blocks: Callable[[], Iterable[AnyPeopleBlock]],
    result: PeopleDiff,
    records: Mapping[str, list[PersonRecord]],
    others: set[str],
) -> None:
    """Read people under several numbers as one each: their other numbers are nobody, and nobody leaves by that."""
    for key, of_others in records.items():
        if person := seen.people.get(key):
            join(person, of_others, seen.enrollments)
    for key in others:
        seen.people.pop(key, None)
        for by_person in seen.by_person():
            by_person.pop(key, None)
        if line := before.pop(key, None):
            result.changes.append((_unpacked(line), None))
    for block in blocks() if others else ():
        if isinstance(block, PeopleBlock):
            for row, line_number in zip(block.rows, block.lines, strict=True):
                if row.sourced_id in others:
                    seen.notes.tell("several_numbers", _SEVERAL_NUMBERS, block.file, line_number)


_SEVERAL_NUMBERS = "People with one name, role and address under several numbers were read as one person each."


def _by_kind(lines: Iterable[bytes], people: dict[str, PersonRecord]) -> dict[str, bytes]:
    """Lines of a snapshot without kinds as they are with kinds, by ``person_id``.

    The kind is the role's; but where an earlier version took rows of two kinds for one person, the name tells whose it was.
    """
    found: dict[str, bytes] = {}
    for stood in map(_unpacked, lines):
        first = KIND_OF_ROLE[stood.role or Role.STUDENT]
        kinds = sorted(NumberKind, key=lambda kind: kind is not first)
        rows = ((kind, people.get(person_id(kind, stood.sourced_id))) for kind in kinds)
        kind = next((kind for kind, row in rows if row and row.has_name_of(stood)), first)
        record = stood.of_kind(kind)
        found[record.sourced_id] = packed(record)
    return found


class _Comparison:
    """Compares person by person."""

    def __init__(
        self,
        seen: _Gathered,
        plan: ImportPlan,
        result: PeopleDiff,
        aside: dict[str, bytes],
        renumbered: Collection[str] | None,
        mapped: Collection[str],
    ) -> None:
        """``renumbered`` is None where nothing stood before: then nobody changes."""
        self._seen = seen
        self._plan = plan
        self._result = result
        self._aside = aside
        self._notes_changes = renumbered is not None
        self._renumbered = renumbered or ()
        self._mapped = mapped
        self._enrollments = _Enrollments(seen)
        self._replaces_enrollments = plan.mode(Kind.ENROLLMENTS) is Mode.BULK
        self._tells_roles_with_people = plan.tells_roles_with_people
        self._replaces_all = self._replaces_enrollments and self._tells_roles_with_people
        self._named_as_teachers = {user for role in TEACHING for user in seen.enrollments.get(role, ())}
        self._waiting = self._kept = 0
        self._left_out: set[str] = set()

    def compare(self, key: str, line: bytes | None, person: PersonRecord | None) -> None:
        """Compare a person of the upload with the packed record of the snapshot."""
        result = self._result
        if person and person.role and line and self._replaces_all:
            person.enrollments = self._enrollments.of(key)
            if packed(person) == line:
                self._count_unchanged(person)
                self._note_rights(key, person)
                result.standing += line
                if key in self._renumbered:
                    result.changes.append((person, person))
                return
            if (untold := self._seen.untold.get(key)) and person.keep(_unpacked(line), untold):
                self._kept += 1
        old = _unpacked(line) if line else None
        line_aside = self._aside.get(key)
        known = old or (_unpacked(line_aside) if line_aside else None)
        told = self._told(key, person, known)
        new = self._person_after(key, told, old)
        if new:
            self._count_enrollments(key, new, old, known)
            self._note_rights(key, new)
            result.stand += 1
            result.standing += packed(new)
        elif old:
            result.enrollments.removed += old.number_of_enrollments()
        if new is None:
            self._leave_aside(key, told, known)
        self._note_harm(key, old, new, told)
        if self._notes_changes:
            if key in self._renumbered or not _is_as_it_was(old, new):
                result.changes.append((old, new))
            self._note_strangers(key, told, old, new)

    def _note_strangers(
        self, key: str, told: PersonRecord | None, old: PersonRecord | None, new: PersonRecord | None
    ) -> None:
        """Note who is gone and who came, also where the removal is put off."""
        strangers = self._result.strangers
        if old is None:
            if new:
                strangers.append((None, new))
        elif told is None:
            is_missing = self._plan.mode(Kind.USERS) is Mode.BULK and old.role not in self._plan.kept_roles
            if is_missing or key in self._seen.removed:
                strangers.append((old, None))
        elif new and (number_of(key) in self._mapped or _is_another(old, new)):
            strangers += [(old, None), (None, new)]

    def _note_harm(
        self, key: str, old: PersonRecord | None, new: PersonRecord | None, told: PersonRecord | None
    ) -> None:
        result = self._result
        if old is None:
            if new:
                result.hurt.came(new)
            return
        how: Hurt | None = None
        is_left_out = new is None and _is_left_out(told, old)
        if is_left_out:
            result.hurt.unchanged(old)
        else:
            how = result.hurt.changed(old, new)
        self._note_schools(old, new, how, is_missing=new is None and not is_left_out)
        if new and old.email and new.email and old.is_somebody_else(new):
            result.reused.append(number_of(key))

    def _told(self, key: str, person: PersonRecord | None, known: PersonRecord | None) -> PersonRecord | None:
        """The person as the upload has them, without enrollments; None where it says nothing of them."""
        plan, seen = self._plan, self._seen
        if self._tells_roles_with_people:
            return person
        if person and known and plan.mode(Kind.USERS) is Mode.BULK:
            person.take_roles([*(each for each in known.told_roles() if each.row_id), *person.told_roles()])
        elif person and known:
            person = known.after(person, seen.untold.get(key, ()))
        rows = seen.roles.get(key, [])
        if person is None and (known is None or key in seen.removed or plan.mode(Kind.USERS) is Mode.BULK):
            return None
        if plan.roles_mode is not Mode.BULK and not rows:
            return person
        base = person or known
        if base is None:
            return None
        told = replace(base)
        told.take_roles(self._roles_after(base, rows))
        return told

    def _roles_after(self, known: PersonRecord, rows: list[RoleRow]) -> list[ToldRole]:
        """What tells the person's role and schools once these rows are read. Of an active and a removed row of one id the
        active one counts."""
        came = [row.told() for row in rows if not row.removed]
        gone = {row.told() for row in rows if row.removed}
        ids = {each.row_id for each in came} | {each.row_id for each in gone}
        stood = known.told_roles()
        self._note_missing(known, stood, gone)
        if self._plan.roles_mode is Mode.BULK and Kind.USERS not in self._plan.keeps and not self._plan.additions_only:
            return [*(each for each in stood if not each.row_id), *came]
        # Whose role has no row of its own yet, loses it by what it is.
        values = set() if any(each.row_id for each in stood) else {(each.role, each.school_id) for each in gone}
        kept = [
            each
            for each in stood
            if each.row_id not in ids and (each.row_id or (each.role, each.school_id) not in values)
        ]
        return [*kept, *came]

    def _note_missing(self, known: PersonRecord, stood: list[ToldRole], gone: set[ToldRole]) -> None:
        """Note rows of roles that a delta deletes and that are not there."""
        ids = {each.row_id for each in stood}
        has_ids = any(ids)
        values = {(each.role, each.school_id) for each in stood}
        self._seen.not_there.roles |= {
            (known.sourced_id, each.row_id)
            for each in gone
            if each.row_id not in ids and (has_ids or (each.role, each.school_id) not in values)
        }

    def _leave_aside(self, key: str, told: PersonRecord | None, known: PersonRecord | None) -> None:
        """Keep somebody without a role for whom a delta may have one: of whose own row tells it the number alone."""
        if told is None:
            if key in self._aside and key not in self._seen.removed and self._plan.mode(Kind.USERS) is not Mode.BULK:
                stood = _unpacked(self._aside[key])
                self._result.aside += packed(stood.with_enrollments(self._enrollments_aside(key, stood)))
            return
        is_waiting = not told.roles and "role" in self._seen.untold.get(key, ())
        self._waiting += is_waiting
        if not is_waiting:
            self._left_out.add(key)
        if self._plan.format["name"] != "oneroster":
            return
        enrollments = self._enrollments_aside(key, known)
        if told.roles or is_waiting:
            person = told.with_enrollments(enrollments)
        else:
            person = PersonRecord(key, None, "", "", None, None, [], [], enrollments)
        self._result.aside += packed(person)

    def _enrollments_aside(self, key: str, known: PersonRecord | None) -> list[RoleEnrollments]:
        named = rows_of(self._enrollments.of(key))
        if named:
            self._seen.unused.of_people.add(key)
        if not self._replaces_enrollments and known:
            named, _ = after_delta(rows_of(known.enrollments), named, self._enrollments.ended(key))
        return enrollments_of(named)

    def _note_rights(self, key: str, person: PersonRecord) -> None:
        if key in self._named_as_teachers and person.names_as_teacher():
            self._seen.unused.not_teachers.add(key)

    def _count_unchanged(self, person: PersonRecord) -> None:
        result = self._result
        number = person.number_of_enrollments()
        result.hurt.unchanged(person)
        result.stand += 1
        result.users.read += 1
        result.users.unchanged += 1
        result.enrollments.read += number
        result.enrollments.unchanged += number
        result.enrolled += number
        for school in person.school_ids:
            people, enrollments = result.fates(school)
            people.stood += 1
            enrollments.stood += number

    def _person_after(self, key: str, told: PersonRecord | None, old: PersonRecord | None) -> PersonRecord | None:
        """Return the person after the import, enrollments left aside; None if the person is removed."""
        users = self._result.users
        if told and told.role:
            users.read += 1
            if old is None:
                users.created += 1
            elif old.equals_but_for_enrollments(told) or old.in_one_form().equals_but_for_enrollments(told):
                users.unchanged += 1
            else:
                users.changed += 1
            return told
        if old is None or (_is_left_out(told, old) and key not in self._seen.unusable_roles):
            return None
        if self._leaves(key, told, old):
            users.read += self._plan.mode(Kind.USERS) is not Mode.BULK
            users.removed += 1
            return None
        return old.with_enrollments([])

    def _leaves(self, key: str, told: PersonRecord | None, old: PersonRecord) -> bool:
        """Whether somebody who stood and has no role in the upload leaves; a removal that is put off is counted."""
        plan = self._plan
        is_removed = key in self._seen.removed
        if plan.mode(Kind.USERS) is Mode.BULK:
            if old.role in plan.kept_roles:
                return False
            leaves = plan.may_remove(Kind.USERS) or is_removed
        else:
            if told is None and not is_removed:
                return False
            leaves = not plan.additions_only
        self._result.put_off += not leaves
        return leaves

    def _count_enrollments(
        self, key: str, person: PersonRecord, old: PersonRecord | None, known: PersonRecord | None
    ) -> None:
        counts = self._result.enrollments
        named = self._enrollments.of(key)
        if self._replaces_enrollments and (old is None or old.enrollments == named):
            person.enrollments = named
            number = person.number_of_enrollments()
            counts.read += number
            if old is None:
                counts.created += number
            else:
                counts.unchanged += number
        else:
            stood = rows_of(known.enrollments) if known else set()
            if old is None and stood:
                # They were read before, when nothing was done for the person.
                counts.read += len(pairs_of(stood))
                counts.created += len(pairs_of(stood))
            person.enrollments = self._enrollments_after(key, rows_of(named), stood)
        self._result.enrolled += person.number_of_enrollments()

    def _enrollments_after(
        self, key: str, named: set[EnrollmentRow], stood: set[EnrollmentRow]
    ) -> list[RoleEnrollments]:
        counts = self._result.enrollments
        ended = self._enrollments.ended(key)
        not_there: set[EnrollmentRow] = set()
        if self._replaces_enrollments:
            missing = pairs_of(stood) - pairs_of(named)
            kept = set() if self._plan.may_remove(Kind.ENROLLMENTS) else missing - pairs_of(ended)
            self._result.put_off_enrollments += len(kept)
            rows = named | {row for row in stood if row[:2] in kept}
        else:
            rows, not_there = after_delta(stood, named, ended)
            self._seen.not_there.enrollments |= {(key, class_id) for class_id, *_ in not_there}
        before, after = pairs_of(stood), pairs_of(rows)
        unchanged = len(pairs_of(named) & before) + len(not_there)
        counts.created += len(after - before)
        counts.removed += len(before - after)
        counts.unchanged += unchanged
        counts.read += len(after - before) + unchanged + (0 if self._replaces_enrollments else len(before - after))
        return enrollments_of(rows)

    def _note_schools(self, old: PersonRecord, new: PersonRecord | None, how: Hurt | None, *, is_missing: bool) -> None:
        for school in old.school_ids:
            people, enrollments = self._result.fates(school)
            people.stood += 1
            people.removed += is_missing
            people.hurt += how is not None
            people.renamed += how is Hurt.RENAMED
            stood = old.number_of_enrollments()
            enrollments.stood += stood
            if new is None:
                enrollments.removed += stood
            elif new.enrollments != old.enrollments:
                enrollments.removed += len(old.pairs() - new.pairs())

    def add_notes(self, blocks: Callable[[], Iterable[AnyPeopleBlock]]) -> None:
        """Note what was unusual, once everybody was compared; ``blocks`` gives the rows once more, for their lines."""
        result, seen = self._result, self._seen
        because = (
            "the district takes additions only at this time"
            if self._plan.additions_only
            else "rows of the file were rejected"
        )
        for code, message, count in (
            (
                "waits_for_role",
                "People whose role no row tells wait for it: they come with the upload that tells it.",
                self._waiting,
            ),
            ("kept_untold", _KEPT, self._kept),
            ("removals_put_off", f"People who are missing were kept, because {because}.", result.put_off),
            (
                "enrollment_removals_put_off",
                f"Enrollments that are missing were kept, because {because}.",
                result.put_off_enrollments,
            ),
        ):
            if count:
                result.notes.append(Note(code, message, count=count))
        # Clever's staff is noted where it is read, with its lines.
        if left_out := self._left_out - seen.unusable_roles if self._plan.format["name"] != "clever" else None:
            result.notes.append(_note_of_left_out(blocks(), left_out))
        if seen.not_there:
            result.notes += seen.not_there.notes(blocks())
        result.notes += seen.notes.notes()
        seen.unused.of_people |= self._enrollments.left()
        seen.unused.repeated_of = self._enrollments.repeated_of
        if seen.unused:
            result.notes += seen.unused.notes(blocks())


_KEPT = "People keep addresses, Clever ids or their being disabled, for which the files have no column."


def _note_of_left_out(blocks: Iterable[AnyPeopleBlock], left_out: set[str]) -> Note:
    message = "People without a role that this system acts for were left out."
    rows = (
        (block.file, line)
        for block in blocks
        if isinstance(block, PeopleBlock)
        for row, line in zip(block.rows, block.lines, strict=True)
        if row.sourced_id in left_out
    )
    file, line = next(rows, (None, None))
    return Note("guardians_left_out", message, file, len(left_out), line)


def _is_left_out(person: PersonRecord | None, old: PersonRecord) -> bool:
    """Whether an administrator is in the upload still, as somebody for whom nothing is done: that is no removal."""
    return person is not None and person.role is None and old.role is Role.ADMINISTRATOR


class _Enrollments:
    """Each person's enrollments in the upload. Those that were never taken belong to people who were left out."""

    def __init__(self, seen: _Gathered) -> None:
        self._named = sorted(seen.enrollments.items())
        self._ended = sorted(seen.ended.items())
        self._latest: tuple[str, list[RoleEnrollments]] = ("", [])
        self.repeated_of: set[str] = set()
        """Who is in a class twice with one role."""

    def of(self, key: str) -> list[RoleEnrollments]:
        """Return the person's enrollments, sorted. A second call in a row for the same person returns the same."""
        latest_key, named = self._latest
        if key == latest_key:
            return named
        named = []
        for role, by_person in self._named:
            if listed := by_person.pop(key, None):
                row_ids = dict(zip(listed[::2], listed[1::2], strict=True))
                if 2 * len(row_ids) == len(listed):
                    classes = sorted(row_ids)
                    ids = [*map(crc32, map(str.encode, map(row_ids.__getitem__, classes)))]
                    named.append(RoleEnrollments(role, classes, ids if any(ids) else []))
                else:
                    self.repeated_of.add(key)
                    named.append(role_enrollments(role, sorted(_with_ids(listed))))
        named = without_shared_ids(named)
        self._latest = (key, named)
        return named

    def ended(self, key: str) -> set[EnrollmentRow]:
        """Those that the upload marks as removed."""
        return {
            (class_id, role, row_id)
            for role, by_person in self._ended
            for class_id, row_id in _with_ids(by_person.get(key, []))
        }

    def left(self) -> set[str]:
        """Whose were never taken."""
        return {user for _, by_person in self._named for user, classes in by_person.items() if classes}


def _is_another(old: PersonRecord, new: PersonRecord) -> bool:
    """Whether a number names somebody else now; most names are equal, and not taken apart."""
    if old.given_name == new.given_name or old.family_name == new.family_name:
        return False
    return not may_follow(old.known().person, new.known().person)


def _is_as_it_was(old: PersonRecord | None, new: PersonRecord | None) -> bool:
    return old.acts_like(new) if old and new else old is new


def _with_ids(listed: list[str]) -> Iterator[tuple[str, int]]:
    """Class, and a checksum of the row's own id, 0 where it has none."""
    return zip(listed[::2], map(crc32, map(str.encode, listed[1::2])), strict=True)


def _gather(blocks: Iterable[AnyPeopleBlock], *, tells_roles_with_people: bool) -> _Gathered:
    seen = _Gathered()
    one_text: dict[str, str] = {}
    for block in blocks:
        match block:
            case PeopleBlock():
                _gather_people(seen, block)
            case RolesBlock():
                _gather_roles(seen, block, adds=tells_roles_with_people)
            case EnrollmentsBlock():
                _gather_enrollments(seen, block, one_text)
    for person in seen.people.values():
        if len(person.roles) > 1:
            person.settle_roles()
    if tells_roles_with_people:
        _take_roles_that_are_over(seen)
    return seen


def _gather_roles(seen: _Gathered, block: RolesBlock, *, adds: bool) -> None:
    """``adds``: people have the roles of the upload, and no others."""
    for row, line in zip(block.rows, block.lines, strict=True):
        if not row.removed:
            seen.named_by_roles.add(row.sourced_id)
        if row.is_unusable:
            seen.unusable_roles.add(row.sourced_id)
            continue
        if row.is_over:
            seen.over.setdefault(row.sourced_id, (block.file, line))
            seen.notes.tell("roles_over", _ROLES_OVER, block.file, line)
        if not adds:
            _gather_role(seen, block, row, line)
            continue
        if row.removed:
            continue
        known = seen.people.get(row.sourced_id)
        if known and row.school_id and not known.has_room_for((row.school_id,)):
            seen.others.append(_too_many_schools(block, row.sourced_id, line))
        elif known:
            known.add_role(row)


def _gather_role(seen: _Gathered, block: RolesBlock, row: RoleRow, line: int) -> None:
    rows = seen.roles.setdefault(row.sourced_id, [])
    if len(rows) < MOST_SCHOOLS:
        rows.append(row)
    else:
        seen.others.append(_too_many_schools(block, row.sourced_id, line))


_ROLES_OVER = "Roles that are over or have not begun were not used."


def _take_roles_that_are_over(seen: _Gathered) -> None:
    """Who has no other role keeps those that are over or have not begun, and is neither mailed nor let in."""
    for key, (file, line) in seen.over.items():
        if person := seen.people.get(key):
            person.take_roles(person.roles)
            if person.role and person.is_off:
                seen.notes.tell("disabled_user", _ALL_ROLES_OVER, file, line)


_ALL_ROLES_OVER = "People all of whose roles are over or have not begun are counted, and neither mailed nor let in."
_DISABLED = "People whom the roster disables (enabledUser) are counted, and neither mailed nor let in."


def _reject_without_role(
    seen: _Gathered, blocks: Callable[[], Iterable[AnyPeopleBlock]], plan: ImportPlan, result: PeopleDiff
) -> None:
    """Where roles.csv says who people are, reject those of whom it says nothing: nobody leaves for a row that is not there."""
    if not plan.needs_roles or not plan.tells_roles_with_people:
        return
    lacking = {key for key, person in seen.people.items() if person.role is None} - seen.named_by_roles
    message = "No row of roles.csv says who this person is. Add one with the person's role."
    for block in blocks() if lacking else ():
        if not isinstance(block, PeopleBlock):
            continue
        for row, line in zip(block.rows, block.lines, strict=True):
            if row.sourced_id in lacking and not row.removed:
                number = number_of(row.sourced_id)[:80]
                result.rejects.append(Reject(block.file, line, "role", "missing_value", message, number))
                result.users.read += 1
                result.users.rejected += 1
    for key in lacking:
        del seen.people[key]


def _too_many_schools(block: PeopleBlock | RolesBlock, sourced_id: str, line: int) -> Reject:
    message = f"A person can have {MOST_SCHOOLS} schools and {MOST_CLEVER_IDS} Clever ids. Leave out the others."
    return Reject(block.file, line, block.column, "too_many_schools", message, number_of(sourced_id)[:80])


def _reject_what_is_too_much(
    seen: _Gathered, blocks: Callable[[], Iterable[AnyPeopleBlock]], result: PeopleDiff, adds_to: Mapping[str, bytes]
) -> None:
    """Of people who are in more classes than an item can hold, take the first ones and reject the other rows.

    ``adds_to`` are the people of the snapshot, by id, whose classes a delta adds to: those come first.
    """
    spent: dict[str, int] = {}
    for by_person in seen.enrollments.values():
        for user, classes in by_person.items():
            if len(classes) > 2 * _SURELY_FEW or user in adds_to:
                spent[user] = spent.get(user, 0) + sum(map(_room_of, set(classes[::2])))
    kept: dict[tuple[str, str], set[str]] = {}
    left: dict[str, int] = {}
    for user, size in spent.items():
        stood = adds_to.get(user, b"")
        # Each class takes its id and more in the line of the snapshot, which has the rest of the person besides.
        if size + 2 * len(stood) > MOST_OF_CLASSES:
            classes_of_role = _still_in(seen, user, stood) if stood else {}
            room = sum(_room_of(class_id) for classes in classes_of_role.values() for class_id in classes)
            if size + room > MOST_OF_CLASSES:
                left[user] = MOST_OF_CLASSES - room
                kept |= {(role, user): classes for role, classes in classes_of_role.items()}
    for block in blocks() if left else ():
        if isinstance(block, EnrollmentsBlock) and not block.removed:
            for reject in _too_many_classes(block, kept, left):
                result.rejects.append(reject)
                result.enrollments.read += 1
                result.enrollments.rejected += 1
    for (role, user), taken in kept.items():
        if seen.enrollments.get(role, {}).get(user):
            _keep(seen.enrollments[role], user, taken.__contains__)


def _still_in(seen: _Gathered, user: str, line: bytes) -> dict[str, set[str]]:
    """The classes, by role, that somebody of the snapshot is in once the rows that end some are taken."""
    return {
        each.role: set(each.class_ids).difference(seen.ended.get(each.role, {}).get(user, [])[::2])
        for each in _unpacked(line).enrollments
    }


def _too_many_classes(
    block: EnrollmentsBlock, kept: dict[tuple[str, str], set[str]], left: dict[str, int]
) -> Iterator[Reject]:
    message = "The person is in more classes than can be kept; the first ones were taken. Leave out the others."
    for user, class_id, line in block.rows():
        if user not in left:
            continue
        classes = kept.setdefault((block.role, user), set())
        if class_id in classes:
            continue
        if left[user] < _room_of(class_id):
            yield Reject(block.file, line, block.user_column, "too_many_classes", message, number_of(user)[:80])
            continue
        left[user] -= _room_of(class_id)
        classes.add(class_id)


def _room_of(class_id: str) -> int:
    """Bytes that a class takes in the item of somebody who is in it."""
    return len(class_id.encode()) + 4


def _gather_enrollments(seen: _Gathered, block: EnrollmentsBlock, one_text: dict[str, str]) -> None:
    by_person = (seen.ended if block.removed else seen.enrollments).setdefault(block.role, {})
    texts = block.texts.split("\n")
    row_id = ""
    has_ids = texts[0].count("\t") >= _ID_OF_ROW
    for text in texts:
        if has_ids:
            user, class_id, _, row_id = text.split("\t")
        else:
            user, class_id, _ = text.split("\t")
        # A class has many people: its id is kept once.
        class_id = one_text.setdefault(class_id, class_id)
        if user in by_person:
            by_person[user] += (class_id, row_id)
        else:
            by_person[user] = [class_id, row_id]


def _keep(by_person: dict[str, list[str]], user: str, keeps: Callable[[str], bool]) -> None:
    """Keep a person's enrollments in some classes, and no others."""
    listed = by_person[user]
    kept = [each for each in zip(listed[::2], listed[1::2], strict=True) if keeps(each[0])]
    by_person[user] = [*chain.from_iterable(kept)]


def _gather_people(seen: _Gathered, block: PeopleBlock) -> None:
    for row, line in zip(block.rows, block.lines, strict=True):
        if row.removed:
            seen.removed.add(row.sourced_id)
            continue
        if row.disabled:
            seen.notes.tell("disabled_user", _DISABLED, block.file, line)
        known = seen.people.get(row.sourced_id)
        if known is None:
            seen.people[row.sourced_id] = PersonRecord.of(row)
            if block.untold:
                seen.untold[row.sourced_id] = block.untold
            continue
        if known.contradicts(row):
            message = "An earlier row gives this id to somebody with another name. Give each person an id of their own."
            seen.others.append(
                Reject(block.file, line, block.column, "id_of_another", message, number_of(row.sourced_id)[:80])
            )
            continue
        if not known.has_room_for(row.school_ids, row.clever_ids):
            seen.others.append(_too_many_schools(block, row.sourced_id, line))
            continue
        seen.notes.tell("several_rows_per_person", _SEVERAL_ROWS, block.file, line)
        if disagreement := known.disagreement(row):
            seen.notes.tell("rows_disagree", disagreement, block.file, line)
        known.add(row)


_SEVERAL_ROWS = "People on several rows were read as one person each."


def _reject_dangling(
    seen: _Gathered,
    blocks: Callable[[], Iterable[AnyPeopleBlock]],
    plan: ImportPlan,
    class_ids: Callable[[], Iterable[list[str]]],
    result: PeopleDiff,
    standing: Set[str],
) -> None:
    """Take out the rows that name people or classes that are not in the upload. A delta may name what stands already:
    ``standing`` are the people whom the snapshot has."""
    is_bulk = plan.mode(Kind.USERS) is Mode.BULK
    # Of what a delta ends nothing needs to be known.
    checks_ended = plan.mode(Kind.ENROLLMENTS) is Mode.BULK
    enrolled = [*(seen.by_person() if checks_ended else seen.enrollments.values())]
    unknown_people = {*seen.named_by_roles, *chain.from_iterable(enrolled)} - seen.people.keys() - seen.removed
    if not is_bulk:
        unknown_people -= standing
    unknown_classes = _unknown_classes(seen, enrolled, class_ids)
    if not unknown_people and not unknown_classes and not seen.unused.in_classes:
        return
    for by_person in enrolled:
        _take_out(by_person, unknown_people, unknown_classes | seen.unused.in_classes)
    for kind, reject in _dangling(blocks(), unknown_people, unknown_classes, deletes_too=checks_ended):
        result.rejects.append(reject)
        counts = result.users if kind is Kind.USERS else result.enrollments
        counts.read += 1
        counts.rejected += 1


def _unknown_classes(
    seen: _Gathered, enrolled: Iterable[dict[str, list[str]]], class_ids: Callable[[], Iterable[list[str]]]
) -> set[str]:
    """The classes of these enrollments that nobody knows; those that the upload marks as deleted are noted besides."""
    unknown: set[str] = set()
    for by_person in enrolled:
        unknown.update(*(classes[::2] for classes in by_person.values()))
    if not unknown:
        return unknown
    deleted: set[str] = set()
    for known in class_ids():
        if known and known[-1].startswith("\t"):
            deleted.update(known.pop().split("\t"))
        unknown.difference_update(known)
    seen.unused.in_classes = deleted & unknown
    seen.unused.rejected_classes = unknown - deleted
    return unknown - deleted


def _take_out(by_person: dict[str, list[str]], unknown_people: set[str], unknown_classes: set[str]) -> None:
    for user in unknown_people & by_person.keys():
        del by_person[user]
    for user, classes in by_person.items() if unknown_classes else ():
        if not unknown_classes.isdisjoint(classes):
            _keep(by_person, user, lambda class_id: class_id not in unknown_classes)


def _dangling(
    blocks: Iterable[AnyPeopleBlock], unknown_people: set[str], unknown_classes: set[str], *, deletes_too: bool
) -> Iterator[tuple[Kind, Reject]]:
    for block in blocks:
        match block:
            case RolesBlock() if unknown_people:
                for reject in _dangling_roles(block, unknown_people):
                    yield Kind.USERS, reject
            case EnrollmentsBlock() if deletes_too or not block.removed:
                for reject in _dangling_enrollments(block, unknown_people, unknown_classes):
                    yield Kind.ENROLLMENTS, reject


def _dangling_roles(block: RolesBlock, unknown_people: set[str]) -> Iterator[Reject]:
    message = "The row is about a person who is not in users.csv. Add the person, or leave the row out."
    for row, line in zip(block.rows, block.lines, strict=True):
        if row.sourced_id in unknown_people and not row.removed:
            yield Reject(block.file, line, block.column, "unknown_user", message, number_of(row.sourced_id)[:80])


def _dangling_enrollments(
    block: EnrollmentsBlock, unknown_people: set[str], unknown_classes: set[str]
) -> Iterator[Reject]:
    for user, class_id, line in block.rows():
        if class_id in unknown_classes:
            message = "The row names a class that is not in this upload. Add the class, or leave the row out."
            yield Reject(block.file, line, block.class_column, "unknown_class", message, class_id[:80])
        elif user in unknown_people:
            message = "The row names a person who is not in this upload. Add the person, or leave the row out."
            yield Reject(block.file, line, block.user_column, "unknown_user", message, number_of(user)[:80])
