"""What a report says of enrollments that are read and not used: by file, with the first line of each kind (M2, M20)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from functions.import_step.formats.roles import acts_in_class
from functions.import_step.records import TEACHING
from functions.import_step.shards import AnyPeopleBlock, EnrollmentsBlock
from shared.domain.report import Note, Tally

_OF_PEOPLE_LEFT_OUT = "Enrollments of people who were left out were not read."
_OF_DELETED_CLASSES = "Enrollments in classes that the upload marks as deleted were left out."
_NO_TEACHER = (
    "Enrollments as a teacher of people whose role is another were not used: only staff teach. Correct the role of the "
    "person or of the enrollment."
)
_REPEATED = "Repeated enrollments were counted once."


@dataclass(slots=True)
class Unused:
    """Whose enrollments are not used, and which."""

    of_people: set[str] = field(default_factory=set)
    """People who were left out."""
    in_classes: set[str] = field(default_factory=set)
    """Classes that the upload marks as deleted."""
    rejected_classes: set[str] = field(default_factory=set)
    """Classes that nobody knows: their rows are rejected, and no note is needed."""
    not_teachers: set[str] = field(default_factory=set)
    """Whom enrollments call teachers of a class though their role is another."""
    repeated_of: set[str] = field(default_factory=set)
    """People who are in a class twice with one role."""

    def __bool__(self) -> bool:
        return bool(self.of_people or self.in_classes or self.not_teachers or self.repeated_of)

    def notes(self, blocks: Iterable[AnyPeopleBlock]) -> list[Note]:
        """The notes about these enrollments, which are looked up in the rows once more."""
        told = Tally()
        known: set[tuple[str, str, str]] = set()
        for block in blocks:
            # Of a role that does nothing it was told where its row was read.
            if isinstance(block, EnrollmentsBlock) and not block.removed and acts_in_class(block.role):
                self._look_at(block, known, told)
        return told.notes()

    def _look_at(self, block: EnrollmentsBlock, known: set[tuple[str, str, str]], told: Tally) -> None:
        teaches = block.role in TEACHING
        for user, class_id, line in block.rows():
            if class_id in self.rejected_classes:
                continue
            if user in self.of_people:
                told.tell("enrollments_left_out", _OF_PEOPLE_LEFT_OUT, block.file, line)
            elif class_id in self.in_classes:
                told.tell("enrollments_left_out", _OF_DELETED_CLASSES, block.file, line)
            elif user in self.repeated_of and (user, block.role, class_id) in known:
                told.tell("repeated_enrollments", _REPEATED, block.file, line)
            elif teaches and user in self.not_teachers:
                told.tell("not_a_teacher", _NO_TEACHER, block.file, line)
            if user in self.repeated_of:
                known.add((user, block.role, class_id))
