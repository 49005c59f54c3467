"""Seals of a district's trail: hashes by which a changed or removed entry is found (decision 0096).

What the table's stream brings of a district's entries at one time is a *sheet*: a line for each, with its key, a digest of what
it says, and when the table took it. Once an hour a *seal* names the sheets that no seal named before, and the seal before it.
A sheet's id is a hash of its lines, so a seal says what each sheet, each line and each earlier seal was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple, Self

from shared.domain.clock import from_iso, to_iso

ENTRY_DAYS = 400
"""For how long an entry is kept: more than a school year (docs/personal-data.md)."""
SHEET_DAYS = 450
"""For how long a sheet is kept: until the last of its entries is gone, which the table deletes within days of its end."""
MOST_SHEETS = 2_000
"""Sheets that one seal names; where there are more, several seals have the same hour."""
FIRST = "0" * 64
"""What the first seal of a district names as the one before it."""

type EntryKey = tuple[str, str]
"""PK and SK of an entry."""


class Line(NamedTuple):
    """An entry, as a sheet names it."""

    pk: str
    sk: str
    digest: str
    written_at: str
    """When the table took it, by the stream (ISO 8601, UTC)."""

    @property
    def key(self) -> EntryKey:
        return self.pk, self.sk

    @property
    def hash(self) -> str:
        """What stays of a line in its sheet once it was erased."""
        return _hash(list(self))


@dataclass(frozen=True)
class Sheet:
    """Lines that were collected together. The same lines are the same sheet, however often they come."""

    hour: str
    """In which it was collected, as ``2026-09-01T07``."""
    lines: frozenset[Line]
    erased: frozenset[str] = frozenset()
    """The hashes of lines whose person was deleted since."""

    @cached_property
    def sheet_id(self) -> str:
        hashes = {line.hash for line in self.lines} | self.erased
        return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()

    @property
    def reference(self) -> str:
        """The hour and the id: what a seal calls it."""
        return f"{self.hour}#{self.sheet_id}"

    def without(self, is_gone: Callable[[Line], bool]) -> Sheet:
        """The same sheet, with nothing but the hashes of these lines."""
        gone = frozenset(filter(is_gone, self.lines))
        return Sheet(self.hour, self.lines - gone, self.erased | {line.hash for line in gone})


class Head(NamedTuple):
    """The newest seal of a district, as the table has it; the seals themselves lie elsewhere."""

    number: int
    hash: str


@dataclass(frozen=True, slots=True)
class Seal:
    """What was collected of a district since the seal before. ``sheets`` are references, in their order."""

    district_id: str
    number: int
    hour: str
    sheets: tuple[str, ...]
    previous: str
    hash: str

    @classmethod
    def after(cls, previous: Head | None, district_id: str, hour: str, sheets: Iterable[str]) -> Self:
        """The next one of this district."""
        number = previous.number + 1 if previous else 1
        named = tuple(sorted(sheets))
        before = previous.hash if previous else FIRST
        return cls(district_id, number, hour, named, before, seal_hash(district_id, number, hour, named, before))

    @property
    def head(self) -> Head:
        return Head(self.number, self.hash)

    @property
    def is_whole(self) -> bool:
        """Whether it is as it was made."""
        said = seal_hash(self.district_id, self.number, self.hour, self.sheets, self.previous)
        return said == self.hash


def seal_hash(district_id: str, number: int, hour: str, sheets: Sequence[str], previous: str) -> str:
    return _hash([district_id, number, hour, list(sheets), previous])


def digest_of(item: Mapping[str, Any]) -> str:
    """A hash of what an entry says, whatever its key, however its attributes are ordered and its numbers written."""
    return _hash({name: _canonical(value) for name, value in item.items() if name not in ("PK", "SK")})


def key_hash(key: EntryKey) -> str:
    """What stays of the key of an entry that was erased with its person."""
    return _hash(list(key))


def hour_of(moment: str) -> str:
    """The hour of a moment (ISO 8601, UTC).

    >>> hour_of("2026-09-01T07:30:00.000Z")
    '2026-09-01T07'
    """
    return moment[:13]


def hours_before(hour: str, hours: int) -> str:
    """The hour that lies so many before this one."""
    return hour_of(to_iso(from_iso(f"{hour}:00:00Z") - timedelta(hours=hours)))


def moment_of(sk: str) -> str:
    """When an entry says that it was written: the second part of its sort key."""
    return sk.split("#", 2)[1]


_ENCODE = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def _hash(value: object) -> str:
    return hashlib.sha256(_ENCODE(value).encode()).hexdigest()


def _canonical(value: object) -> object:
    """The value with its kind, so that "1", 1 and true are three. Raises TypeError for what no entry has."""
    match value:
        case None | bool() | str():
            return value
        case int() | Decimal():
            return ["N", format(Decimal(value).normalize(), "f")]
        case list() | tuple():
            return ["L", *map(_canonical, value)]
        case bytes() | bytearray():
            return ["B", value.hex()]
        case set() | frozenset():
            return ["S", *sorted(map(str, value))]
        case Mapping():
            return ["M", {str(name): _canonical(each) for name, each in value.items()}]
        case _:
            raise TypeError(f"An entry has no {type(value).__name__}.")
