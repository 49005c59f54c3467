"""People: one shard's rows against the last applied snapshot: who is created, changed, removed, unchanged (M4, M5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from functions.import_step.formats.format import Mode
from functions.import_step.plan import Plan
from functions.import_step.records import Block, ByPerson, Record
from shared.domain.import_safety import Fate
from shared.domain.report import Counts, Kind, Note, Reject
from shared.domain.roster import ROLE_PRECEDENCE
from shared.stores.import_files import packed, sourced_id_of, unpacked

_RANK = {role.value: rank for rank, role in enumerate(ROLE_PRECEDENCE)}


@dataclass(slots=True)
class PeopleDiff:
    """What one shard of people comes to."""

    users: Counts = field(default_factory=Counts)
    enrollments: Counts = field(default_factory=Counts)
    standing: bytearray = field(default_factory=bytearray)
    """Everybody afterwards, as the next snapshot holds them: lines in the order of their ids."""
    stand: int = 0
    """How many they are."""
    changes: list[tuple[Record | None, Record | None]] = field(default_factory=list)
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
    """Ids that name somebody else now: another given name, family name and address at once."""


@dataclass(slots=True)
class _Gathered:
    people: dict[str, Record] = field(default_factory=dict)
    named_by_roles: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    enrollments: ByPerson = field(default_factory=dict)
    ended: ByPerson = field(default_factory=dict)
    repeated: int = 0
    repeated_enrollments: int = 0
    other_names: int = 0
    others: list[Reject] = field(default_factory=list)
    """Rows with an id that an earlier row gives to somebody else."""


def diff_people(
    blocks: Callable[[], Iterable[Block]],
    snapshot: Iterable[bytes] | None,
    plan: Plan,
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
    result.rejects += seen.others
    result.users.read += len(seen.others)
    result.users.rejected += len(seen.others)
    _reject_dangling(seen, blocks, plan, class_ids, result)
    if plan.additions_only:
        result.put_off += len(seen.removed & before.keys())
        seen.removed.clear()
        seen.ended.clear()
    left_out = 0
    sayings = _Sayings(seen)
    for key in sorted(before.keys() | seen.people.keys()):
        line, person = before.pop(key, None), seen.people.pop(key, None)
        if person and person[1] and line and plan.mode(Kind.ENROLLMENTS) is Mode.BULK:
            person[8] = sayings.of(key)
            if packed(person) == line:
                _count_unchanged(result, person)
                result.standing += line
                continue
        old = unpacked(line) if line else None
        new = _person_after(key, person, old, seen, plan, result)
        left_out += person is not None and person[1] is None
        if new:
            _count_enrollments(key, new, old, sayings, plan, result)
            result.stand += 1
            result.standing += packed(new)
        elif old:
            result.enrollments.removed += _number(old)
        if old:
            _note_schools(result, old, new)
            if new and old[4] and new[4] and all(old[at] != new[at] for at in (2, 3, 4)):
                result.reused.append(key)
        if snapshot is not None and old != new:
            result.changes.append((old, new))
    _tell(result, seen, plan, left_out, sayings)
    return result


def _count_unchanged(result: PeopleDiff, person: Record) -> None:
    number = _number(person)
    result.stand += 1
    result.users.read += 1
    result.users.unchanged += 1
    result.enrollments.read += number
    result.enrollments.unchanged += number
    result.enrolled += number
    for school in person[7]:
        people, enrollments = result.schools.setdefault(school, (Fate(), Fate()))
        people.stood += 1
        enrollments.stood += number


class _Sayings:
    """What the upload says of each person's enrollments; what was never asked for is about people who were left out."""

    def __init__(self, seen: _Gathered) -> None:
        self._said = sorted(seen.enrollments.items())
        self._ended = sorted(seen.ended.items())
        self._taken: tuple[str, list[list[Any]]] = ("", [])
        self.repeated = seen.repeated_enrollments

    def of(self, key: str) -> list[list[Any]]:
        """[[enrollment role, [class id, …]], …], sorted."""
        if key != self._taken[0]:
            said = []
            for role, by_person in self._said:
                if listed := by_person.pop(key, None):
                    classes = sorted(set(listed))
                    self.repeated += len(listed) - len(classes)
                    said.append([role, classes])
            self._taken = (key, said)
        return self._taken[1]

    def ended(self, key: str) -> set[tuple[str, str]]:
        """(class id, role) of those that the upload says are over."""
        return {(class_id, role) for role, by_person in self._ended for class_id in by_person.get(key, ())}

    def left(self) -> int:
        return sum(len(set(classes)) for _, by_person in self._said for classes in by_person.values())


def _note_schools(result: PeopleDiff, old: Record, new: Record | None) -> None:
    for school in old[7]:
        people, enrollments = result.schools.setdefault(school, (Fate(), Fate()))
        people.stood += 1
        people.removed += new is None
        stood = _number(old)
        enrollments.stood += stood
        if new is None:
            enrollments.removed += stood
        elif new[8] != old[8]:
            enrollments.removed += len(_pairs(old) - _pairs(new))


def _tell(result: PeopleDiff, seen: _Gathered, plan: Plan, left_out: int, sayings: _Sayings) -> None:
    because = (
        "the district takes additions only at this time" if plan.additions_only else "rows of the file were rejected"
    )
    for code, message, count in (
        ("enrollments_left_out", "Enrollments of people who were left out were not read.", sayings.left()),
        ("guardians_left_out", "People without a role that this system acts for were left out.", left_out),
        ("several_rows_per_person", "People on several rows were read as one person each.", seen.repeated),
        ("rows_disagree", "Rows of one person name the person differently; the first was taken.", seen.other_names),
        ("repeated_enrollments", "Repeated enrollments were counted once.", sayings.repeated),
        ("removals_put_off", f"People who are missing were kept, because {because}.", result.put_off),
        (
            "enrollment_removals_put_off",
            f"Enrollments that are missing were kept, because {because}.",
            result.put_off_enrollments,
        ),
    ):
        if count:
            result.notes.append(Note(code, message, count=count))


def _gather(blocks: Iterable[Block]) -> _Gathered:
    seen = _Gathered()
    one_text: dict[str, str] = {}
    for block in blocks:
        match block[0]:
            case "u":
                _gather_people(seen, block)
            case "r":
                for sourced_id, role, school, removed in block[3]:
                    if removed:
                        continue
                    seen.named_by_roles.add(sourced_id)
                    if known := seen.people.get(sourced_id):
                        known[1] = _foremost(known[1], role)
                        if school:
                            known[7] = sorted({*known[7], school})
            case _:
                _, _, _, _, role, removed, texts = block
                by_person = (seen.ended if removed else seen.enrollments).setdefault(role, {})
                for text in texts.split("\n"):
                    user, class_id, _ = text.split("\t")
                    # A class has many people: its id is kept once.
                    class_id = one_text.setdefault(class_id, class_id)
                    if user in by_person:
                        by_person[user].append(class_id)
                    else:
                        by_person[user] = [class_id]
    return seen


def _gather_people(seen: _Gathered, block: Block) -> None:
    _, file, column, rows, lines = block
    for row, line in zip(rows, lines, strict=True):
        sourced_id, role, given, family, email, username, clever_ids, schools, removed = row
        if removed:
            seen.removed.add(sourced_id)
            continue
        known = seen.people.get(sourced_id)
        if known is None:
            seen.people[sourced_id] = [
                sourced_id, role, given, family, email, username, sorted(clever_ids), sorted(schools), [],
            ]  # fmt: skip
            continue
        if known[2] != given and known[3] != family and known[4] != email:
            message = (
                "An earlier row gives this id to somebody with another name and address. Give each person an own id."
            )
            seen.others.append(Reject(file, line, column, "id_of_another", message, sourced_id[:80]))
            continue
        seen.repeated += 1
        seen.other_names += known[2:4] != [given, family]
        known[1] = _foremost(known[1], role)
        known[4] = known[4] or email
        known[5] = known[5] or username
        known[6] = sorted({*known[6], *clever_ids})
        known[7] = sorted({*known[7], *schools})


def _foremost(one: str | None, other: str | None) -> str | None:
    """Of two roles of one person the one that counts: teacher over administrator over student (M20)."""
    if one == other or other is None:
        return one
    return other if one is None else min(one, other, key=_RANK.__getitem__)


def _reject_dangling(
    seen: _Gathered,
    blocks: Callable[[], Iterable[Block]],
    plan: Plan,
    class_ids: Callable[[], Iterable[list[str]]] | None,
    result: PeopleDiff,
) -> None:
    """Take out the rows that name people or classes that are not in the upload. A delta may name what stands already."""
    nobody: set[str] = set()
    no_class: set[str] = set()
    if plan.mode(Kind.USERS) is Mode.BULK:
        named = {*seen.named_by_roles, *chain(*seen.enrollments.values(), *seen.ended.values())}
        nobody = named - seen.people.keys() - seen.removed
    if class_ids is not None:
        for by_person in (*seen.enrollments.values(), *seen.ended.values()):
            no_class.update(*by_person.values())
        for some in class_ids():
            no_class.difference_update(some)
    if not nobody and not no_class:
        return
    for by_person in (*seen.enrollments.values(), *seen.ended.values()):
        for user in nobody & by_person.keys():
            del by_person[user]
        for user, classes in by_person.items() if no_class else ():
            if not no_class.isdisjoint(classes):
                by_person[user] = [class_id for class_id in classes if class_id not in no_class]
    for kind, reject in _dangling(blocks(), nobody, no_class):
        result.rejects.append(reject)
        counts = result.users if kind is Kind.USERS else result.enrollments
        counts.read += 1
        counts.rejected += 1


def _dangling(blocks: Iterable[Block], nobody: set[str], no_class: set[str]) -> Iterator[tuple[Kind, Reject]]:
    for block in blocks:
        if block[0] == "r" and nobody:
            _, file, column, rows, lines = block
            for row, line in zip(rows, lines, strict=True):
                if row[0] in nobody:
                    message = "The row is about a person who is not in users.csv. Add the person, or leave the row out."
                    yield Kind.USERS, Reject(file, line, column, "unknown_user", message, row[0][:80])
        elif block[0] == "e":
            _, file, user_column, class_column, _, _, texts = block
            for text in texts.split("\n"):
                user, class_id, line = text.split("\t")
                if class_id in no_class:
                    message = "The row names a class that is not in this upload. Add the class, or leave the row out."
                    yield (
                        Kind.ENROLLMENTS,
                        Reject(file, int(line), class_column, "unknown_class", message, class_id[:80]),
                    )
                elif user in nobody:
                    message = "The row names a person who is not in this upload. Add the person, or leave the row out."
                    yield Kind.ENROLLMENTS, Reject(file, int(line), user_column, "unknown_user", message, user[:80])


def _person_after(
    key: str, person: Record | None, old: Record | None, seen: _Gathered, plan: Plan, result: PeopleDiff
) -> Record | None:
    """The person after the import, without a look at enrollments; None for nobody."""
    users = result.users
    is_delta = plan.mode(Kind.USERS) is Mode.DELTA
    if person and person[1] is None and is_delta and old:
        person[1] = old[1]
    if person and person[1]:
        users.read += 1
        if old is None:
            users.created += 1
        elif old[:8] == person[:8]:
            users.unchanged += 1
        else:
            users.changed += 1
        return person
    if old is None:
        return None
    if is_delta and key in seen.removed:
        users.read += 1
        users.removed += 1
        return None
    if not is_delta and old[1] not in plan.kept_roles:
        if plan.may_remove(Kind.USERS) or key in seen.removed:
            users.removed += 1
            return None
        result.put_off += 1
    return [*old[:8], []]


def _count_enrollments(
    key: str, person: Record, old: Record | None, sayings: _Sayings, plan: Plan, result: PeopleDiff
) -> None:
    is_bulk = plan.mode(Kind.ENROLLMENTS) is Mode.BULK
    counts = result.enrollments
    said = sayings.of(key)
    if is_bulk and (old is None or old[8] == said):
        number = sum(len(classes) for _, classes in said)
        counts.read += number
        if old is None:
            counts.created += number
        else:
            counts.unchanged += number
        result.enrolled += number
        person[8] = said
        return
    person[8] = _enrollments_after(said, old, sayings.ended(key), plan, result, is_bulk=is_bulk)
    result.enrolled += _number(person)


def _enrollments_after(
    said_by_role: list[list[Any]],
    before: Record | None,
    said_to_end: set[tuple[str, str]],
    plan: Plan,
    result: PeopleDiff,
    *,
    is_bulk: bool,
) -> list[list[Any]]:
    counts = result.enrollments
    old = _pairs(before) if before else set()
    said = {(c, role) for role, classes in said_by_role for c in classes}
    ended = said_to_end & old
    if is_bulk:
        missing = old - said
        kept = set() if plan.may_remove(Kind.ENROLLMENTS) else missing - ended
        result.put_off_enrollments += len(kept)
        new = said | kept
        counts.read += len(said)
        counts.removed += len(missing - kept)
    else:
        new = (old | said) - ended
        counts.read += len(said) + len(ended)
        counts.removed += len(ended)
    counts.created += len(said - old)
    counts.unchanged += len(said & old)
    by_role: dict[str, list[str]] = {}
    for class_id, role in new:
        by_role.setdefault(role, []).append(class_id)
    return [[role, sorted(classes)] for role, classes in sorted(by_role.items())]


def _pairs(record: Record) -> set[tuple[str, str]]:
    return {(class_id, role) for role, classes in record[8] for class_id in classes}


def _number(record: Record) -> int:
    """How many enrollments a person has."""
    return sum(len(classes) for _, classes in record[8])
