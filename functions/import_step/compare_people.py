"""People: one shard's rows against the last applied snapshot: who is created, changed, removed, unchanged (M4, M5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from msgspec.json import Decoder

from functions.import_step.formats.format import Mode
from functions.import_step.plan import ImportPlan
from functions.import_step.records import (
    MOST_CLEVER_IDS,
    MOST_SCHOOLS,
    TEACHING,
    PersonRecord,
    RoleEnrollments,
    packed,
    sourced_id_of,
)
from functions.import_step.shards import AnyPeopleBlock, EnrollmentsBlock, PeopleBlock, RolesBlock
from shared.domain.import_safety import Fate
from shared.domain.report import Counts, Kind, Note, Reject, Tally
from shared.domain.roster import KIND_OF_ROLE, NumberKind, Role, number_of, person_id

MOST_OF_CLASSES = 150_000
"""Bytes of the ids of all classes that a person is in: a roster user is one item of the table, which may have 400 KB."""
_SURELY_FEW = 20
"""Classes with one role: however long their ids are, those of all roles fit."""
type ByPerson = dict[str, dict[str, list[str]]]
"""Enrollment role → person → class ids, as they come."""
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
    moved: list[str] = field(default_factory=list)
    """Everybody who stood without a kind, by the ``person_id`` that they have now that numbers have kinds."""

    def fates(self, school: str) -> tuple[Fate, Fate]:
        """How the people of a school, and their enrollments, fare."""
        return self.schools.setdefault(school, (Fate(), Fate()))


@dataclass(slots=True)
class _Gathered:
    """The rows of a shard, by person."""

    people: dict[str, PersonRecord] = field(default_factory=dict)
    named_by_roles: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    enrollments: ByPerson = field(default_factory=dict)
    ended: ByPerson = field(default_factory=dict)
    notes: Tally = field(default_factory=Tally)
    """What is to be said of rows that are read."""
    others: list[Reject] = field(default_factory=list)
    """Rows with an id that an earlier row gives to somebody else."""

    def by_person(self) -> Iterator[dict[str, list[str]]]:
        """Person → class ids, of each role, of enrollments and of those that are over."""
        return chain(self.enrollments.values(), self.ended.values())


def diff_people(
    blocks: Callable[[], Iterable[AnyPeopleBlock]],
    snapshot: Iterable[bytes] | None,
    plan: ImportPlan,
    class_ids: Callable[[], Iterable[list[str]]] | None = None,
) -> PeopleDiff:
    """Compare a shard's rows with the snapshot's people.

    In bulk, who is missing is removed, unless rows of the file were rejected: then the removal is put off (M2).
    ``blocks`` gives the rows as often as it is called; ``snapshot`` is None where nothing was ever applied; ``class_ids``
    gives the ids of the upload's classes, list by list, and is None where enrollments may name classes that are not in it.

    Most people are as they were. Their line of the snapshot is compared as it lies there, and never unpacked.
    """
    result = PeopleDiff()
    before = {sourced_id_of(line): line for line in snapshot or ()}
    seen = _gather(blocks())
    _reject_what_is_too_much(seen, blocks, result)
    result.rejects += seen.others
    result.users.read += len(seen.others)
    result.users.rejected += len(seen.others)
    _reject_dangling(seen, blocks, plan, class_ids, result)
    if plan.additions_only:
        result.put_off += len(seen.removed & before.keys())
        seen.removed.clear()
        seen.ended.clear()
    if plan.moves_people:
        before = _by_kind(before.values(), seen.people)
        result.moved = list(before)
    comparison = _Comparison(seen, plan, result, notes_changes=snapshot is not None)
    for key in sorted(before.keys() | seen.people.keys()):
        comparison.compare(key, before.pop(key, None), seen.people.pop(key, None))
    comparison.add_notes()
    if comparison.not_teachers:
        result.notes += _notes_of_rights(blocks(), comparison.not_teachers)
    return result


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

    def __init__(self, seen: _Gathered, plan: ImportPlan, result: PeopleDiff, *, notes_changes: bool) -> None:
        self._seen = seen
        self._plan = plan
        self._result = result
        self._notes_changes = notes_changes
        self._enrollments = _Enrollments(seen)
        self._replaces_enrollments = plan.mode(Kind.ENROLLMENTS) is Mode.BULK
        self._left_out = 0
        self.not_teachers: set[str] = set()
        """Whom enrollments call teachers of a class though their role is another."""

    def compare(self, key: str, line: bytes | None, person: PersonRecord | None) -> None:
        """Compare a person of the upload with the packed record of the snapshot."""
        result = self._result
        if person and person.role and line and self._replaces_enrollments:
            person.enrollments = self._enrollments.of(key)
            if packed(person) == line:
                self._count_unchanged(person)
                self._note_rights(key, person)
                result.standing += line
                return
        old = _unpacked(line) if line else None
        new = self._person_after(key, person, old)
        # Clever's staff is noted where it is read, with its lines.
        self._left_out += person is not None and person.role is None and self._plan.format["name"] != "clever"
        if new:
            self._count_enrollments(key, new, old)
            self._note_rights(key, new)
            result.stand += 1
            result.standing += packed(new)
        elif old:
            result.enrollments.removed += old.number_of_enrollments()
        if old:
            self._note_schools(old, new, is_missing=new is None and not _is_left_out(person, old))
            if new and old.email and new.email and old.is_somebody_else(new):
                result.reused.append(number_of(key))
        if self._notes_changes and old != new:
            result.changes.append((old, new))

    def _note_rights(self, key: str, person: PersonRecord) -> None:
        if person.names_as_teacher():
            self.not_teachers.add(key)

    def _count_unchanged(self, person: PersonRecord) -> None:
        result = self._result
        number = person.number_of_enrollments()
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

    def _person_after(self, key: str, person: PersonRecord | None, old: PersonRecord | None) -> PersonRecord | None:
        """Return the person after the import, enrollments left aside; None if the person is removed."""
        plan, users = self._plan, self._result.users
        is_delta = plan.mode(Kind.USERS) is Mode.DELTA
        if person and person.role is None and is_delta and old:
            person.role = old.role
        if person and person.role:
            users.read += 1
            if old is None:
                users.created += 1
            elif old.equals_but_for_enrollments(person) or old.in_one_form().equals_but_for_enrollments(person):
                users.unchanged += 1
            else:
                users.changed += 1
            return person
        if old is None:
            return None
        if _is_left_out(person, old):
            return None
        is_removed = key in self._seen.removed
        if is_delta and is_removed:
            users.read += 1
            users.removed += 1
            return None
        if not is_delta and old.role not in plan.kept_roles:
            if plan.may_remove(Kind.USERS) or is_removed:
                users.removed += 1
                return None
            self._result.put_off += 1
        return old.with_enrollments([])

    def _count_enrollments(self, key: str, person: PersonRecord, old: PersonRecord | None) -> None:
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
            person.enrollments = self._enrollments_after(key, named, old)
        self._result.enrolled += person.number_of_enrollments()

    def _enrollments_after(
        self, key: str, named_by_role: list[RoleEnrollments], before: PersonRecord | None
    ) -> list[RoleEnrollments]:
        counts = self._result.enrollments
        old = before.pairs() if before else set()
        named = {(class_id, each.role) for each in named_by_role for class_id in each.class_ids}
        ended = self._enrollments.ended(key) & old
        if self._replaces_enrollments:
            missing = old - named
            kept = set() if self._plan.may_remove(Kind.ENROLLMENTS) else missing - ended
            self._result.put_off_enrollments += len(kept)
            new = named | kept
            counts.read += len(named)
            counts.removed += len(missing - kept)
        else:
            new = (old | named) - ended
            counts.read += len(named) + len(ended)
            counts.removed += len(ended)
        counts.created += len(named - old)
        counts.unchanged += len(named & old)
        by_role: dict[str, list[str]] = {}
        for class_id, role in new:
            by_role.setdefault(role, []).append(class_id)
        return [RoleEnrollments(role, sorted(classes)) for role, classes in sorted(by_role.items())]

    def _note_schools(self, old: PersonRecord, new: PersonRecord | None, *, is_missing: bool) -> None:
        for school in old.school_ids:
            people, enrollments = self._result.fates(school)
            people.stood += 1
            people.removed += is_missing
            stood = old.number_of_enrollments()
            enrollments.stood += stood
            if new is None:
                enrollments.removed += stood
            elif new.enrollments != old.enrollments:
                enrollments.removed += len(old.pairs() - new.pairs())

    def add_notes(self) -> None:
        """Note what was unusual, once everybody was compared."""
        result, seen = self._result, self._seen
        because = (
            "the district takes additions only at this time"
            if self._plan.additions_only
            else "rows of the file were rejected"
        )
        for code, message, count in (
            (
                "enrollments_left_out",
                "Enrollments of people who were left out were not read.",
                self._enrollments.left(),
            ),
            (
                "guardians_left_out",
                "People without a role that this system acts for were left out.",
                self._left_out,
            ),
            ("repeated_enrollments", "Repeated enrollments were counted once.", self._enrollments.repeated),
            ("removals_put_off", f"People who are missing were kept, because {because}.", result.put_off),
            (
                "enrollment_removals_put_off",
                f"Enrollments that are missing were kept, because {because}.",
                result.put_off_enrollments,
            ),
        ):
            if count:
                result.notes.append(Note(code, message, count=count))
        result.notes += seen.notes.notes()


def _is_left_out(person: PersonRecord | None, old: PersonRecord) -> bool:
    """Whether an administrator is in the upload still, as somebody for whom nothing is done: that is no removal."""
    return person is not None and person.role is None and old.role is Role.ADMINISTRATOR


def _notes_of_rights(blocks: Iterable[AnyPeopleBlock], not_teachers: set[str]) -> Iterator[Note]:
    """Enrollments that give no right to teach, by file, with the first line of each (M20)."""
    message = (
        "Enrollments as a teacher of people whose role is another were not used: only staff teach. Correct the role of the "
        "person or of the enrollment."
    )
    for block in blocks:
        if isinstance(block, EnrollmentsBlock) and block.role in TEACHING and not block.removed:
            rows = (text.split("\t") for text in block.texts.split("\n"))
            lines = [int(line) for user, _, line in rows if user in not_teachers]
            if lines:
                yield Note("not_a_teacher", message, block.file, len(lines), min(lines))


class _Enrollments:
    """Each person's enrollments in the upload. Those that were never taken belong to people who were left out."""

    def __init__(self, seen: _Gathered) -> None:
        self._named = sorted(seen.enrollments.items())
        self._ended = sorted(seen.ended.items())
        self._latest: tuple[str, list[RoleEnrollments]] = ("", [])
        self.repeated = 0

    def of(self, key: str) -> list[RoleEnrollments]:
        """Return the person's enrollments, sorted. A second call in a row for the same person returns the same."""
        latest_key, named = self._latest
        if key == latest_key:
            return named
        named = []
        for role, by_person in self._named:
            if listed := by_person.pop(key, None):
                classes = sorted(set(listed))
                self.repeated += len(listed) - len(classes)
                named.append(RoleEnrollments(role, classes))
        self._latest = (key, named)
        return named

    def ended(self, key: str) -> set[tuple[str, str]]:
        """(class id, role) of those that the upload marks as removed."""
        return {(class_id, role) for role, by_person in self._ended for class_id in by_person.get(key, ())}

    def left(self) -> int:
        """How many were never taken."""
        return sum(len(set(classes)) for _, by_person in self._named for classes in by_person.values())


def _gather(blocks: Iterable[AnyPeopleBlock]) -> _Gathered:
    seen = _Gathered()
    one_text: dict[str, str] = {}
    for block in blocks:
        match block:
            case PeopleBlock():
                _gather_people(seen, block)
            case RolesBlock():
                _gather_roles(seen, block)
            case EnrollmentsBlock():
                _gather_enrollments(seen, block, one_text)
    return seen


def _gather_roles(seen: _Gathered, block: RolesBlock) -> None:
    for row, line in zip(block.rows, block.lines, strict=True):
        if row.removed:
            continue
        seen.named_by_roles.add(row.sourced_id)
        known = seen.people.get(row.sourced_id)
        if known and row.school_id and not known.has_room_for((row.school_id,)):
            seen.others.append(_too_many_schools(block, row.sourced_id, line))
        elif known:
            known.add_role(row)


def _too_many_schools(block: PeopleBlock | RolesBlock, sourced_id: str, line: int) -> Reject:
    message = f"A person can have {MOST_SCHOOLS} schools and {MOST_CLEVER_IDS} Clever ids. Leave out the others."
    return Reject(block.file, line, block.column, "too_many_schools", message, number_of(sourced_id)[:80])


def _reject_what_is_too_much(
    seen: _Gathered, blocks: Callable[[], Iterable[AnyPeopleBlock]], result: PeopleDiff
) -> None:
    """Of people who are in more classes than an item can hold, take the first ones and reject the other rows."""
    spent: dict[str, int] = {}
    for by_person in seen.enrollments.values():
        for user, classes in by_person.items():
            if len(classes) > _SURELY_FEW:
                spent[user] = spent.get(user, 0) + sum(map(_room_of, set(classes)))
    kept: dict[tuple[str, str], set[str]] = {}
    left = {user: MOST_OF_CLASSES for user, size in spent.items() if size > MOST_OF_CLASSES}
    for block in blocks() if left else ():
        if isinstance(block, EnrollmentsBlock) and not block.removed:
            for reject in _too_many_classes(block, kept, left):
                result.rejects.append(reject)
                result.enrollments.read += 1
                result.enrollments.rejected += 1
    for (role, user), taken in kept.items():
        seen.enrollments[role][user] = [class_id for class_id in seen.enrollments[role][user] if class_id in taken]


def _too_many_classes(
    block: EnrollmentsBlock, kept: dict[tuple[str, str], set[str]], left: dict[str, int]
) -> Iterator[Reject]:
    message = "The person is in more classes than can be kept; the first ones were taken. Leave out the others."
    for text in block.texts.split("\n"):
        user, class_id, line = text.split("\t")
        if user not in left:
            continue
        classes = kept.setdefault((block.role, user), set())
        if class_id in classes:
            continue
        if left[user] < _room_of(class_id):
            yield Reject(block.file, int(line), block.user_column, "too_many_classes", message, number_of(user)[:80])
            continue
        left[user] -= _room_of(class_id)
        classes.add(class_id)


def _room_of(class_id: str) -> int:
    """Bytes that a class takes in the item of somebody who is in it."""
    return len(class_id.encode()) + 4


def _gather_enrollments(seen: _Gathered, block: EnrollmentsBlock, one_text: dict[str, str]) -> None:
    by_person = (seen.ended if block.removed else seen.enrollments).setdefault(block.role, {})
    for text in block.texts.split("\n"):
        user, class_id, _ = text.split("\t")
        # A class has many people: its id is kept once.
        class_id = one_text.setdefault(class_id, class_id)
        if user in by_person:
            by_person[user].append(class_id)
        else:
            by_person[user] = [class_id]


def _gather_people(seen: _Gathered, block: PeopleBlock) -> None:
    for row, line in zip(block.rows, block.lines, strict=True):
        if row.removed:
            seen.removed.add(row.sourced_id)
            continue
        known = seen.people.get(row.sourced_id)
        if known is None:
            seen.people[row.sourced_id] = PersonRecord.of(row)
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
    class_ids: Callable[[], Iterable[list[str]]] | None,
    result: PeopleDiff,
) -> None:
    """Take out the rows that name people or classes that are not in the upload. A delta may name what stands already."""
    unknown_people: set[str] = set()
    unknown_classes: set[str] = set()
    if plan.mode(Kind.USERS) is Mode.BULK:
        named = {*seen.named_by_roles, *chain.from_iterable(seen.by_person())}
        unknown_people = named - seen.people.keys() - seen.removed
    if class_ids is not None:
        for by_person in seen.by_person():
            unknown_classes.update(*by_person.values())
        for known in class_ids():
            unknown_classes.difference_update(known)
    if not unknown_people and not unknown_classes:
        return
    for by_person in seen.by_person():
        _take_out(by_person, unknown_people, unknown_classes)
    for kind, reject in _dangling(blocks(), unknown_people, unknown_classes):
        result.rejects.append(reject)
        counts = result.users if kind is Kind.USERS else result.enrollments
        counts.read += 1
        counts.rejected += 1


def _take_out(by_person: dict[str, list[str]], unknown_people: set[str], unknown_classes: set[str]) -> None:
    for user in unknown_people & by_person.keys():
        del by_person[user]
    for user, classes in by_person.items() if unknown_classes else ():
        if not unknown_classes.isdisjoint(classes):
            by_person[user] = [class_id for class_id in classes if class_id not in unknown_classes]


def _dangling(
    blocks: Iterable[AnyPeopleBlock], unknown_people: set[str], unknown_classes: set[str]
) -> Iterator[tuple[Kind, Reject]]:
    for block in blocks:
        match block:
            case RolesBlock() if unknown_people:
                for reject in _dangling_roles(block, unknown_people):
                    yield Kind.USERS, reject
            case EnrollmentsBlock():
                for reject in _dangling_enrollments(block, unknown_people, unknown_classes):
                    yield Kind.ENROLLMENTS, reject


def _dangling_roles(block: RolesBlock, unknown_people: set[str]) -> Iterator[Reject]:
    message = "The row is about a person who is not in users.csv. Add the person, or leave the row out."
    for row, line in zip(block.rows, block.lines, strict=True):
        if row.sourced_id in unknown_people:
            yield Reject(block.file, line, block.column, "unknown_user", message, number_of(row.sourced_id)[:80])


def _dangling_enrollments(
    block: EnrollmentsBlock, unknown_people: set[str], unknown_classes: set[str]
) -> Iterator[Reject]:
    for text in block.texts.split("\n"):
        user, class_id, line = text.split("\t")
        if class_id in unknown_classes:
            message = "The row names a class that is not in this upload. Add the class, or leave the row out."
            yield Reject(block.file, int(line), block.class_column, "unknown_class", message, class_id[:80])
        elif user in unknown_people:
            message = "The row names a person who is not in this upload. Add the person, or leave the row out."
            yield Reject(block.file, int(line), block.user_column, "unknown_user", message, number_of(user)[:80])
