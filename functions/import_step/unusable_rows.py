"""Rows that cannot be used once all rows of a person are together: they are rejected, and nobody leaves for them (M2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set

from msgspec.json import Decoder

from functions.import_step.enrollment_texts import classes_in, rows_in, text_of
from functions.import_step.formats.format import Mode
from functions.import_step.people_diff import PeopleDiff
from functions.import_step.plan import ImportPlan
from functions.import_step.records import PersonRecord
from functions.import_step.rows_by_person import LONG_TEXT, RowsByPerson
from functions.import_step.shards import AnyPeopleBlock, EnrollmentsBlock, PeopleBlock, RolesBlock
from shared.domain.report import Kind, Reject
from shared.domain.roster import number_of

MOST_OF_CLASSES = 150_000
"""Bytes of the ids of all classes that a person is in: a roster user is one item of the table, which may have 400 KB."""
_unpacked = Decoder(PersonRecord).decode


def reject_without_role(
    seen: RowsByPerson, blocks: Callable[[], Iterable[AnyPeopleBlock]], plan: ImportPlan, result: PeopleDiff
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


def reject_what_is_too_much(
    seen: RowsByPerson, blocks: Callable[[], Iterable[AnyPeopleBlock]], result: PeopleDiff, adds_to: Mapping[str, bytes]
) -> None:
    """Of people who are in more classes than an item can hold, take the first ones and reject the other rows.

    ``adds_to`` are the people of the snapshot, by id, whose classes a delta adds to: those come first.
    """
    kept: dict[tuple[str, str], set[str]] = {}
    left: dict[str, int] = {}
    for user, size in _in_many_classes(seen, adds_to).items():
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
            _keep(seen, role, seen.enrollments[role], user, taken.__contains__)


def _in_many_classes(seen: RowsByPerson, adds_to: Mapping[str, bytes]) -> dict[str, int]:
    """Bytes that the classes of the upload take, of those people whose classes may be too many."""
    spent: dict[str, int] = {}
    for by_person in seen.enrollments.values():
        for user in by_person if adds_to else by_person.keys() & (seen.in_several | seen.in_many):
            texts = by_person[user]
            if user in adds_to or sum(map(len, texts)) > LONG_TEXT:
                spent[user] = spent.get(user, 0) + sum(map(_room_of, set(classes_in(texts))))
    return spent


def _still_in(seen: RowsByPerson, user: str, line: bytes) -> dict[str, set[str]]:
    """The classes, by role, that somebody of the snapshot is in once the rows that end some are taken."""
    return {
        each.role: set(each.class_ids).difference(classes_in(seen.ended.get(each.role, {}).get(user, [])))
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


def _keep(
    seen: RowsByPerson, role: str, by_person: dict[str, list[bytes]], user: str, keeps: Callable[[str], bool]
) -> None:
    """Keep a person's enrollments in some classes, and no others."""
    seen.in_several.add(user)
    kept = [row for row in rows_in(by_person[user]) if keeps(row[0])]
    by_person[user] = [text_of(role, (class_id,), (mark,) if mark else ()) for class_id, mark in kept]


def reject_dangling(
    seen: RowsByPerson,
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
    enrolled = [*seen.enrollments.items(), *(seen.ended.items() if checks_ended else ())]
    unknown_people = set(seen.named_by_roles).union(*(named.keys() - seen.packed.keys() for _, named in enrolled))
    unknown_people -= seen.people.keys() | seen.packed.keys() | seen.removed
    if not is_bulk:
        unknown_people -= standing
    unknown_classes = set() if plan.knows_all_classes else _unknown_classes(seen, enrolled, class_ids)
    if not unknown_people and not unknown_classes and not seen.unused.in_classes:
        return
    for role, by_person in enrolled:
        _take_out(seen, role, by_person, unknown_people, unknown_classes | seen.unused.in_classes)
    for kind, reject in _dangling(blocks(), unknown_people, unknown_classes, deletes_too=checks_ended):
        result.rejects.append(reject)
        counts = result.users if kind is Kind.USERS else result.enrollments
        counts.read += 1
        counts.rejected += 1


def _unknown_classes(
    seen: RowsByPerson,
    enrolled: Iterable[tuple[str, dict[str, list[bytes]]]],
    class_ids: Callable[[], Iterable[list[str]]],
) -> set[str]:
    """The classes of these enrollments that nobody knows; those that the upload marks as deleted are noted besides."""
    unknown: set[str] = set()
    for _, by_person in enrolled:
        unknown.update(*map(classes_in, by_person.values()))
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


def _take_out(
    seen: RowsByPerson,
    role: str,
    by_person: dict[str, list[bytes]],
    unknown_people: set[str],
    unknown_classes: set[str],
) -> None:
    for user in unknown_people & by_person.keys():
        del by_person[user]
    for user, texts in by_person.items() if unknown_classes else ():
        if not unknown_classes.isdisjoint(classes_in(texts)):
            _keep(seen, role, by_person, user, lambda class_id: class_id not in unknown_classes)


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
