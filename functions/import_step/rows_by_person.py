"""The rows of one shard, by person: one record for each, of all rows that are about the person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from itertools import chain, compress

from functions.import_step.deletion_notes import NotThere
from functions.import_step.enrollment_notes import Unused
from functions.import_step.records import MOST_CLEVER_IDS, MOST_SCHOOLS, PersonRecord, RoleRow, sourced_id_of
from functions.import_step.shards import (
    AnyPeopleBlock,
    EnrollmentsBlock,
    Kinds,
    PackedPeople,
    PeopleBlock,
    RolesBlock,
    person_row,
)
from shared.domain.report import Reject, Tally
from shared.domain.roster import number_of

LONG_TEXT = 3_200
"""Bytes of all texts of enrollments with one role: of fewer the classes of all roles fit, whatever letters they are."""
type PackedPerson = tuple[bytes, int]
"""A plain row as it lies (``PackedPeople``), and the place of its role and schools among the ``kinds``."""
type ByPerson = dict[str, dict[str, list[bytes]]]
"""Enrollment role → person → texts of enrollments (``enrollment_texts``), as they come."""


@dataclass(slots=True)
class RowsByPerson:
    """The rows of a shard, by person."""

    people: dict[str, PersonRecord] = field(default_factory=dict)
    packed: dict[str, PackedPerson] = field(default_factory=dict)
    """People of whom one plain row was read, and who are not among ``people``, as it lies."""
    kinds: list[Kinds] = field(default_factory=list)
    """What packed people have."""
    may_share: set[str] = field(default_factory=set)
    """Those of them who may have an address that another number has, too."""
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
    numbers: dict[str, int] = field(default_factory=dict)
    """Of how many rows the text is of each person who has one of one role."""
    in_several: set[str] = field(default_factory=set)
    """People with several texts of enrollments of one role,"""
    in_many: set[str] = field(default_factory=set)
    """and those who have a text of more than ``LONG_TEXT`` bytes."""
    not_plain: set[str] = field(default_factory=set)
    """People with a text that may name a class twice, or several rows with one id (``EnrollmentsBlock.is_plain``)."""
    ended: ByPerson = field(default_factory=dict)
    unused: Unused = field(default_factory=Unused)
    notes: Tally = field(default_factory=Tally)
    """What is to be said of rows that are read."""
    remarked: set[str] = field(default_factory=set)
    """Of whom ``notes`` say something."""
    others: list[Reject] = field(default_factory=list)
    """Rows with an id that an earlier row gives to somebody else."""

    def by_person(self) -> Iterator[dict[str, list[bytes]]]:
        """Person → texts, of each role, of enrollments and of those that are over."""
        return chain(self.enrollments.values(), self.ended.values())

    def unpack(self, keys: Iterable[str]) -> None:
        """Have these of the people whose row is packed among the others."""
        for key in keys:
            self.people[key] = unpacked_person(self.packed.pop(key))

    def named(self) -> Iterator[str]:
        """Everybody whom a row is about; many of them more than once."""
        return chain(self.people, self.packed, self.removed, self.named_by_roles, *self.by_person())


def unpacked_person(packed: PackedPerson) -> PersonRecord:
    """The person of a packed row."""
    return PersonRecord.of(person_row(packed[0]))


def rows_by_person(
    blocks: Iterable[AnyPeopleBlock | PackedPeople], *, tells_roles_with_people: bool, shared: Set[int] = frozenset()
) -> RowsByPerson:
    """The rows of these blocks, by person; ``shared`` are hashes of addresses that several numbers have."""
    seen = RowsByPerson()
    for block in blocks:
        match block:
            case PeopleBlock():
                _gather_people(seen, block)
            case PackedPeople():
                _gather_packed(seen, block, shared)
            case RolesBlock():
                seen.unpack([*seen.packed])
                _gather_roles(seen, block, adds=tells_roles_with_people)
            case EnrollmentsBlock():
                _gather_enrollments(seen, block)
    for person in seen.people.values():
        if len(person.roles) > 1:
            person.settle_roles()
    if tells_roles_with_people:
        _take_roles_that_are_over(seen)
    return seen


def _gather_roles(seen: RowsByPerson, block: RolesBlock, *, adds: bool) -> None:
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
            seen.others.append(too_many_schools(block, row.sourced_id, line))
        elif known:
            known.add_role(row)


def _gather_role(seen: RowsByPerson, block: RolesBlock, row: RoleRow, line: int) -> None:
    rows = seen.roles.setdefault(row.sourced_id, [])
    if len(rows) < MOST_SCHOOLS:
        rows.append(row)
    else:
        seen.others.append(too_many_schools(block, row.sourced_id, line))


_ROLES_OVER = "Roles that are over or have not begun were not used."


def _take_roles_that_are_over(seen: RowsByPerson) -> None:
    """Who has no other role keeps those that are over or have not begun, and is neither mailed nor let in."""
    for key, (file, line) in seen.over.items():
        if person := seen.people.get(key):
            person.take_roles(person.roles)
            if person.role and person.is_off:
                seen.notes.tell("disabled_user", _ALL_ROLES_OVER, file, line)


_ALL_ROLES_OVER = "People all of whose roles are over or have not begun are counted, and neither mailed nor let in."
_DISABLED = "People whom the roster disables (enabledUser) are counted, and neither mailed nor let in."


def too_many_schools(block: PeopleBlock | RolesBlock, sourced_id: str, line: int) -> Reject:
    message = f"A person can have {MOST_SCHOOLS} schools and {MOST_CLEVER_IDS} Clever ids. Leave out the others."
    return Reject(block.file, line, block.column, "too_many_schools", message, number_of(sourced_id)[:80])


def _gather_enrollments(seen: RowsByPerson, block: EnrollmentsBlock) -> None:
    by_person = (seen.ended if block.removed else seen.enrollments).setdefault(block.role, {})
    if not block.is_plain:
        seen.not_plain.update(block.users)
    if max(map(len, block.texts), default=0) > LONG_TEXT:
        seen.in_many.update(user for user, text in zip(block.users, block.texts, strict=True) if len(text) > LONG_TEXT)
    of_block = {user: [text] for user, text in zip(block.users, block.texts, strict=True)}
    if len(of_block) == len(block.users) and by_person.keys().isdisjoint(of_block):
        by_person |= of_block
        if not block.removed:
            seen.numbers |= zip(block.users, block.numbers, strict=True)
        return
    for user, text, number in zip(block.users, block.texts, block.numbers, strict=True):
        if not block.removed:
            seen.numbers[user] = number
        if user in by_person:
            by_person[user].append(text)
            seen.in_several.add(user)
        else:
            by_person[user] = [text]


def _gather_packed(seen: RowsByPerson, block: PackedPeople, shared: Set[int]) -> None:
    """``shared`` are hashes of addresses that several numbers have."""
    ids = block.ids or [*map(sourced_id_of, block.texts)]
    if not block.addresses:
        # An earlier version did not note them.
        seen.may_share.update(ids)
    elif shared and not shared.isdisjoint(block.addresses):
        seen.may_share.update(compress(ids, map(shared.__contains__, block.addresses)))
    packed, people, before = seen.packed, seen.people, len(seen.kinds)
    seen.kinds += block.kinds
    of_block = dict(zip(ids, zip(block.texts, map(before.__add__, block.of), strict=True), strict=True))
    is_new = len(of_block) == len(ids) and packed.keys().isdisjoint(of_block) and people.keys().isdisjoint(of_block)
    if is_new and min(block.of) >= 0:
        packed |= of_block
        return
    for key, text, of, line in zip(ids, block.texts, block.of, block.lines, strict=True):
        if of >= 0 and key not in packed and key not in people:
            packed[key] = (text, before + of)
        else:
            _gather_people(seen, PeopleBlock(block.file, block.column, [person_row(text)], [line]))


def _gather_people(seen: RowsByPerson, block: PeopleBlock) -> None:
    for row, line in zip(block.rows, block.lines, strict=True):
        if row.sourced_id in seen.packed:
            seen.unpack([row.sourced_id])
        if row.removed:
            seen.removed.add(row.sourced_id)
            continue
        if row.disabled:
            seen.notes.tell("disabled_user", _DISABLED, block.file, line)
            seen.remarked.add(row.sourced_id)
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
            seen.others.append(too_many_schools(block, row.sourced_id, line))
            continue
        seen.notes.tell("several_rows_per_person", _SEVERAL_ROWS, block.file, line)
        seen.remarked.add(row.sourced_id)
        if disagreement := known.disagreement(row):
            seen.notes.tell("rows_disagree", disagreement, block.file, line)
        known.add(row)


_SEVERAL_ROWS = "People on several rows were read as one person each."
