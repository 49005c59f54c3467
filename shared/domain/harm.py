"""What an import does to people who stood before it, counted; the rules that judge it are of ``ordinary_nights`` and
``import_safety``."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(slots=True)
class Fate:
    """How people of a school, or their enrollments, fare: how many stood before, and how many of them are removed."""

    stood: int = 0
    removed: int = 0
    hurt: int = 0
    renamed: int = 0
    """Of people: who is removed, made another or has fewer classes, and of whom one name is another."""

    def add(self, other: Fate) -> None:
        """Add what another shard came to."""
        self.stood += other.stood
        self.removed += other.removed
        self.hurt += other.hurt
        self.renamed += other.renamed


@dataclass(slots=True)
class Harm:
    """What an import does to people who stood before it, each of them once; and what makes it ordinary."""

    stood: int = 0
    staff_stood: int = 0
    students_removed: int = 0
    staff_removed: int = 0
    altered: int = 0
    renamed: int = 0
    thinned: int = 0
    swapped: int = 0
    students_came: int = 0
    teachers_removed: int = 0
    administrators_stood: int = 0
    """Those of the whole district, as are the two that follow."""
    administrators_gone: int = 0
    """Who is one no more: removed, off, or with another role."""
    administrators_came: int = 0

    def __add__(self, other: Harm) -> Harm:
        return Harm(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(Harm)))

    @property
    def hurt(self) -> int:
        """How many people."""
        return self.students_removed + self.staff_removed + self.altered + self.renamed + self.thinned

    @property
    def locks_everybody_out(self) -> bool:
        """Whether somebody administers the district, and nobody does after the import."""
        return 0 < self.administrators_stood <= self.administrators_gone - self.administrators_came

    @property
    def losses(self) -> dict[str, int]:
        """Who is removed, by role, and whether the last administrators are among those who go."""
        return {
            "students": self.students_removed,
            "teachers": self.teachers_removed,
            "administrators": self.staff_removed - self.teachers_removed,
            "last_administrators": self.administrators_stood if self.locks_everybody_out else 0,
        }
