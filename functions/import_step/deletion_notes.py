"""What a report says of a delta's rows that delete what is not there: they are read, and no error (M2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from functions.import_step.shards import AnyPeopleBlock, EnrollmentsBlock, PeopleBlock, RolesBlock
from shared.domain.report import Note, Tally

CODE = "nothing_to_delete"
MESSAGE = "Rows that delete what is not there were read; they change nothing."


@dataclass(slots=True)
class NotThere:
    """What a delta deletes and nobody knows."""

    people: set[str] = field(default_factory=set)
    roles: set[tuple[str, str]] = field(default_factory=set)
    """Person, and the id of the row."""
    enrollments: set[tuple[str, str]] = field(default_factory=set)
    """Person and class."""

    def __bool__(self) -> bool:
        return bool(self.people or self.roles or self.enrollments)

    def notes(self, blocks: Iterable[AnyPeopleBlock]) -> list[Note]:
        """The notes about these rows, which are looked up once more, by file, with the first line of each."""
        told = Tally()
        for block in blocks:
            for line in self._lines(block):
                told.tell(CODE, MESSAGE, block.file, line)
        return told.notes()

    def _lines(self, block: AnyPeopleBlock) -> Iterable[int]:
        match block:
            case PeopleBlock():
                rows = zip(block.rows, block.lines, strict=True)
                return [line for row, line in rows if row.removed and row.sourced_id in self.people]
            case RolesBlock():
                roles = zip(block.rows, block.lines, strict=True)
                return [line for row, line in roles if row.removed and self._is_role(row.sourced_id, row.told().row_id)]
            case EnrollmentsBlock():
                named = block.rows() if block.removed else ()
                return [line for user, class_id, line in named if self._is_enrollment(user, class_id)]

    def _is_role(self, person: str, row_id: str) -> bool:
        return person in self.people or (person, row_id) in self.roles

    def _is_enrollment(self, person: str, class_id: str) -> bool:
        return person in self.people or (person, class_id) in self.enrollments
