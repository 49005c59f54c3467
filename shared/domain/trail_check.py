"""Whether a district's trail is what was sealed: which entry was removed, changed, added or moved since (decision 0096)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from shared.domain.clock import from_iso, to_iso
from shared.domain.trail_seal import (
    ENTRY_DAYS,
    FIRST,
    SHEET_DAYS,
    EntryKey,
    Head,
    Line,
    Seal,
    Sheet,
    hour_of,
    key_hash,
    moment_of,
)

LATE_HOURS = 4
"""After so many hours everything is sealed, unless sealing is broken."""
_LATEST = timedelta(hours=1)
"""After the moment that it names, an entry is written."""
_STREAM = timedelta(hours=26)
"""For how long the table's stream keeps what was written, and some."""


class Kind(StrEnum):
    REMOVED = "removed"
    CHANGED = "changed"
    ADDED = "added"
    MOVED = "moved"
    BACKDATED = "back-dated"
    UNSEALED = "not sealed in time"
    SHEET_REMOVED = "sheet removed"
    SHEET_CHANGED = "sheet changed"
    SEAL_REMOVED = "seal removed"
    SEAL_CHANGED = "seal changed"
    CUT = "seals cut off"


class Finding(NamedTuple):
    """Something that is not as it was sealed. ``what`` is a key, a sheet or a seal."""

    kind: Kind
    hour: str
    what: str
    where_to: str = ""
    """Where something is now that was moved."""

    def __str__(self) -> str:
        to = f" to {self.where_to}" if self.where_to else ""
        return f"{self.hour}  {self.kind}: {self.what}{to}"


@dataclass(frozen=True, slots=True)
class Trail:
    """All that is there of a district's trail."""

    district_id: str
    seals: Sequence[Seal]
    head: Head | None
    """As the table has it; the seals lie elsewhere."""
    sheets: Mapping[str, Sheet]
    """By the reference under which each lies."""
    entries: Mapping[EntryKey, str]
    """The digest of each entry."""
    former: Mapping[str, AbstractSet[str]] = field(default_factory=dict)
    """The partitions in which what is in a partition was before: people's entries follow their numbers."""
    erased: AbstractSet[str] = frozenset()
    """The hashes of lines and keys that were erased with their person, by what the trail says of it."""
    left_at: str = ""
    """When the district last left, and all of it was deleted."""


@dataclass(slots=True)
class Verdict:
    """``counts`` are of entries: sealed, not yet sealed, not sealed (older than the seals), expired, erased, followed."""

    district_id: str
    counts: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.findings


def verify(trail: Trail, now: datetime) -> Verdict:
    """Compare what is there with what was sealed."""
    return _Check(trail, now).run()


class _Check:
    def __init__(self, trail: Trail, now: datetime) -> None:
        self._trail = trail
        self._seals = sorted(trail.seals, key=lambda each: each.number)
        self._entries_end = to_iso(now - timedelta(days=ENTRY_DAYS))
        self._sheets_end = hour_of(to_iso(now - timedelta(days=SHEET_DAYS)))
        self._settled = to_iso(now - timedelta(hours=LATE_HOURS))
        self._left = hour_of(trail.left_at)
        self._verdict = Verdict(trail.district_id)
        self._moved_to: set[EntryKey] = set()
        self._sealed: set[EntryKey] = set()
        self._lines: dict[EntryKey, list[tuple[Line, str]]] = defaultdict(list)
        """Each line with the hour of its sheet."""
        self._alike: dict[tuple[str, str], set[str]] = defaultdict(set)
        """The partitions in which an entry of this sort key and digest was collected."""
        self._there: dict[str, list[EntryKey]] = defaultdict(list)
        for key, digest in trail.entries.items():
            self._there[digest].append(key)

    def run(self) -> Verdict:
        self._check_chain()
        self._check_sheets()
        for key, lines in self._lines.items():
            self._check_sealed(key, lines)
        self._check_others()
        self._verdict.findings.sort(key=lambda each: (each.hour, each.kind, each.what))
        return self._verdict

    def _tell(self, kind: Kind, hour: str, what: str, where_to: str = "") -> None:
        self._verdict.findings.append(Finding(kind, hour, what, where_to))

    # Seals

    def _check_chain(self) -> None:
        before: Seal | None = None
        for seal in self._seals:
            number = before.number if before else 0
            if seal.number != number + 1:
                self._tell(Kind.SEAL_REMOVED, seal.hour, _seals(number + 1, seal.number - 1))
            elif not self._follows(seal, before):
                self._tell(Kind.SEAL_CHANGED, seal.hour, _seals(seal.number))
            before = seal
        self._check_head(before)

    def _follows(self, seal: Seal, before: Seal | None) -> bool:
        is_own = seal.is_whole and seal.district_id == self._trail.district_id
        return is_own and seal.previous == (before.hash if before else FIRST)

    def _check_head(self, last: Seal | None) -> None:
        head = self._trail.head
        if head is None:
            return
        if last is None or head.number > last.number:
            number = last.number if last else 0
            self._tell(Kind.CUT, last.hour if last else "", _seals(number + 1, head.number))
        elif any(seal.number == head.number and seal.hash != head.hash for seal in self._seals):
            self._tell(Kind.SEAL_CHANGED, last.hour, f"{_seals(head.number)}: the table has another head")

    # Sheets

    def _check_sheets(self) -> None:
        sealed = {reference for seal in self._seals for reference in seal.sheets}
        for reference in sealed - self._trail.sheets.keys():
            hour = hour_of(reference)
            if hour > self._sheets_end and hour > self._left:
                self._tell(Kind.SHEET_REMOVED, hour, reference)
        for reference, sheet in self._trail.sheets.items():
            if sheet.reference != reference:
                self._tell(Kind.SHEET_CHANGED, hour_of(reference), reference)
            elif reference not in sealed and sheet.hour < hour_of(self._settled):
                self._tell(Kind.UNSEALED, sheet.hour, reference)
            self._take(sheet, reference, is_sealed=reference in sealed)

    def _take(self, sheet: Sheet, reference: str, *, is_sealed: bool) -> None:
        for line in sheet.lines:
            if is_sealed:
                self._sealed.add(line.key)
            self._lines[line.key].append((line, sheet.hour))
            self._alike[line.sk, line.digest].add(line.pk)
        for gone in sheet.erased:
            if gone in self._trail.erased:
                self._verdict.counts["erased"] += 1
            else:
                self._tell(Kind.SHEET_CHANGED, hour_of(reference), f"{reference}: a line was erased without an entry")

    # Entries that were collected

    def _check_sealed(self, key: EntryKey, lines: list[tuple[Line, str]]) -> None:
        """Of each text that was collected at this key: whether it is there, or ended rightly.

        People who change numbers with each other have entries at one key, one after the other.
        """
        there = self._trail.entries.get(key)
        present = [each for each in lines if each[0].digest == there]
        gone = {line.digest: (line, hour) for line, hour in sorted(lines, reverse=True) if line.digest != there}
        missed = [each for each in gone.values() if not self._ended_rightly(each[0])]
        if there is None:
            for line, hour in missed:
                self._check_missing(line, hour)
        elif missed or not present:
            self._tell(Kind.CHANGED, min(hour for _, hour in lines), _name(key))
        elif any(not self._is_timely(line, hour) for line, hour in present):
            self._tell(Kind.BACKDATED, present[0][1], _name(key))
        else:
            self._verdict.counts["sealed" if key in self._sealed else "not yet sealed"] += 1

    def _ended_rightly(self, line: Line) -> bool:
        for why, is_so in (
            ("expired", moment_of(line.sk) <= self._entries_end),
            ("erased", key_hash(line.key) in self._trail.erased),
            ("followed", self._has_followed(line)),
        ):
            if is_so:
                self._verdict.counts[why] += 1
                return True
        return False

    def _check_missing(self, line: Line, hour: str) -> None:
        if found := next(self._elsewhere(line), None):
            self._moved_to.add(found)
            self._tell(Kind.MOVED, hour, _name(line.key), _name(found))
        else:
            self._tell(Kind.REMOVED, hour, _name(line.key))

    def _has_followed(self, line: Line) -> bool:
        """Whether the entry is with its person, who has another number by now."""
        return any(
            sk == line.sk and line.pk in self._trail.former.get(pk, ()) for pk, sk in self._there.get(line.digest, ())
        )

    def _elsewhere(self, line: Line) -> Iterator[EntryKey]:
        """Where an entry is that says the same, and was not collected there."""
        return (key for key in self._there.get(line.digest, ()) if key not in self._lines)

    def _is_timely(self, line: Line, hour: str) -> bool:
        """Whether it was written when it says so, or had been noted under the number that its person had before."""
        moment, written = from_iso(moment_of(line.sk)), from_iso(line.written_at)
        collected = from_iso(f"{hour}:59:59Z")
        if abs(written - moment) <= _LATEST and abs(collected - written) <= _STREAM:
            return True
        return not self._trail.former.get(line.pk, frozenset()).isdisjoint(
            self._alike[line.sk, line.digest]
        ) or self._is_older_than_seals(line)

    def _is_older_than_seals(self, line: Line) -> bool:
        """Whether it followed its person from before there were seals."""
        return bool(self._trail.former.get(line.pk)) and moment_of(line.sk) < self._began()

    # Entries that were not

    def _check_others(self) -> None:
        began = self._began()
        for key in self._trail.entries:
            if key in self._lines or key in self._moved_to:
                continue
            moment = moment_of(key[1])
            if began and began <= moment <= self._settled:
                self._tell(Kind.ADDED, hour_of(moment), _name(key))
            else:
                self._verdict.counts["not sealed" if moment <= self._settled else "not yet sealed"] += 1

    def _began(self) -> str:
        """Since when entries are sealed: the moment of the first one that was. Empty where nothing is."""
        first = next((seal for seal in self._seals if seal.hour > self._left), None)
        if first is None:
            return ""
        sheets = (self._trail.sheets.get(each) for each in first.sheets)
        return min((line.written_at for sheet in sheets if sheet for line in sheet.lines), default=first.hour)


def _seals(first: int, last: int = 0) -> str:
    return f"seal {first}" if last <= first else f"seals {first} to {last}"


def _name(key: EntryKey) -> str:
    return " / ".join(key)
