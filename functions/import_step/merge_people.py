"""Several numbers of one person in an upload: read as one person each (M7, ``one_person``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec.json import Decoder

from functions.import_step.one_person import join
from functions.import_step.people_diff import PeopleDiff
from functions.import_step.records import PersonRecord
from functions.import_step.rows_by_person import RowsByPerson
from functions.import_step.shards import AnyPeopleBlock, PeopleBlock

_SEVERAL_NUMBERS = "People with one name, role and address under several numbers were read as one person each."
_unpacked = Decoder(PersonRecord).decode


def join_people(
    seen: RowsByPerson,
    before: dict[str, bytes],
    blocks: Callable[[], Iterable[AnyPeopleBlock]],
    result: PeopleDiff,
    records: Mapping[str, list[PersonRecord]],
    others: set[str],
    *,
    is_delta: bool,
) -> None:
    """Read people under several numbers as one each: their other numbers are nobody, and nobody leaves by that.

    ``is_delta``: whom the upload does not name is as in ``before``, and enrollments of all numbers are the person's already.
    """
    for key, of_others in records.items():
        if is_delta and key in before and key not in seen.people:
            seen.people[key] = _unpacked(before[key]).with_enrollments([])
        if person := seen.people.get(key):
            join(person, of_others, {} if is_delta else seen.enrollments)
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
