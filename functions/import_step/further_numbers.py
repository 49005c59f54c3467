"""A delta about a person under several numbers: what it says of a further number is said of the person (M7, ``one_person``).

A whole roster notes which numbers it read as one person. In a delta, roles and enrollments of a further number are the kept
number's; a row about the person under a further number says nothing new, and one that deletes a number takes nobody away who has
another one.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from itertools import compress

from msgspec.structs import replace

from functions.import_step.one_person import OnePerson
from functions.import_step.records import PersonRow
from functions.import_step.shards import AnyPeopleBlock, EnrollmentsBlock, PeopleBlock, RolesBlock, shard_of
from shared.domain.report import Note, Tally

_MESSAGE = "People with one name, role and address under several numbers were read as one person each."
type Blocks = Callable[[int], Iterable[AnyPeopleBlock]]
"""The rows of a shard of an upload."""


class FurtherNumbers:
    """The further numbers of people of a district, as the last whole roster had them."""

    def __init__(self, people: Iterable[OnePerson]) -> None:
        self._kept = {other: one.kept for one in people for other in one.others}

    def blocks(self, blocks: Blocks, shard: int, shards: int) -> Iterator[AnyPeopleBlock]:
        """The rows of a delta about the people of a shard, by the numbers under which people are kept."""
        here = {other: kept for other, kept in self._kept.items() if shard_of(kept, shards) == shard}
        places = sorted({shard_of(other, shards) for other in here})
        removed = {row.sourced_id for place in places for row in _removed(blocks(place)) if row.sourced_id in here}
        stay = {kept for other, kept in here.items() if other not in removed}
        for block in blocks(shard):
            if left := _without(block, self._kept, stay):
                yield left
        for place in places:
            for block in blocks(place):
                if not isinstance(block, PeopleBlock) and (found := _of_others(block, here)):
                    yield found

    def notes(self, blocks: Blocks, shard: int) -> list[Note]:
        """That rows of a shard are about further numbers, by file with the first line."""
        told = Tally()
        for block in blocks(shard) if self._kept else ():
            if isinstance(block, PeopleBlock):
                for row, line in zip(block.rows, block.lines, strict=True):
                    if row.sourced_id in self._kept:
                        told.tell("several_numbers", _MESSAGE, block.file, line)
        return told.notes()


def _removed(blocks: Iterable[AnyPeopleBlock]) -> Iterator[PersonRow]:
    for block in blocks:
        if isinstance(block, PeopleBlock):
            yield from (row for row in block.rows if row.removed)


def _without(block: AnyPeopleBlock, others: Container[str], stay: Container[str]) -> AnyPeopleBlock | None:
    """The block without rows about further numbers, and without those that delete a person who has another number still."""
    if isinstance(block, EnrollmentsBlock):
        return _some(block, [user not in others for user in block.users])
    if isinstance(block, PeopleBlock):
        rows = block.rows
        return _some(block, [r.sourced_id not in others and not (r.removed and r.sourced_id in stay) for r in rows])
    return _some(block, [row.sourced_id not in others for row in block.rows])


def _of_others(block: RolesBlock | EnrollmentsBlock, kept: dict[str, str]) -> AnyPeopleBlock | None:
    """The rows about these further numbers, as rows about the numbers that are kept."""
    numbers = block.users if isinstance(block, EnrollmentsBlock) else [row.sourced_id for row in block.rows]
    found = _some(block, [number in kept for number in numbers])
    if isinstance(found, EnrollmentsBlock):
        return replace(found, users=[kept[user] for user in found.users])
    if isinstance(found, RolesBlock):
        return replace(found, rows=[replace(row, sourced_id=kept[row.sourced_id]) for row in found.rows])
    return None


def _some(block: AnyPeopleBlock, wanted: list[bool]) -> AnyPeopleBlock | None:
    """These rows of a block; None where there are none, and the block itself where all are wanted."""
    if all(wanted):
        return block
    if not any(wanted):
        return None
    match block:
        case EnrollmentsBlock():
            return block.some(wanted)
        case PeopleBlock():
            return replace(block, rows=[*compress(block.rows, wanted)], lines=[*compress(block.lines, wanted)])
        case RolesBlock():
            return replace(block, rows=[*compress(block.rows, wanted)], lines=[*compress(block.lines, wanted)])
