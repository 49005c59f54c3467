"""What a corpus holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RosterSet:
    """A roster that is read whole, without a rejected row, and how much is in it."""

    name: str
    files: Mapping[str, bytes]
    people: int
    classes: int
    enrollments: int | None = None
    """Each person in each class once; ``None`` where nobody counted."""
    invited: int | None = None
    """Teachers who are mailed when nobody has an account yet."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address, or what looks like one, and whether its syntax allows it."""

    text: str
    is_valid: bool


@dataclass(frozen=True, slots=True)
class NamesOutsideLatin:
    """A set, one student of it, the name and the class that its pages show, and the domain of its addresses."""

    files: Mapping[str, bytes]
    student: str
    shown_name: str
    shown_class: str
    domain: str


@dataclass(frozen=True, slots=True)
class Corpus:
    name: str
    clever: RosterSet
    """A Clever district of about a thousand people."""
    rosters: Sequence[RosterSet]
    """All of them, ``clever`` among them."""
    loose: Sequence[RosterSet]
    """Those in OneRoster 1.1, which are also uploaded file by file."""
    outside_latin: NamesOutsideLatin
    csv_files: Mapping[str, bytes]
    """Small CSV files in which everything is right and nothing is simple."""
    strings: Sequence[str]
    """Text that breaks what handles text carelessly."""
    addresses: Sequence[Address]
    usable_address: str
    """One of them that is used as it stands."""
    deltas: Sequence[RosterSet] = ()
    """Changes to what nobody has loaded."""

    def __str__(self) -> str:
        return self.name
