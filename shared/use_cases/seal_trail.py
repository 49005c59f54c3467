"""Seals the trail: collects what the stream brings of it, and once an hour seals what was collected (decision 0096)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import batched
from typing import Any

from shared.domain.clock import Clock, to_iso
from shared.domain.trail_seal import MOST_SHEETS, Head, Line, Seal, digest_of, hour_of, hours_before
from shared.runtime.observability import logger
from shared.stores.keys import district_of_entry, is_entry
from shared.stores.seals import Due, SealFiles, SheetStore

_COLLECTED = timedelta(minutes=80)
"""After the beginning of an hour nothing more is collected into it: no worker runs for 15 minutes."""
_LOOKED_BACK = 3
"""Hours before one that is due, in which something may lie that no seal names."""
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Written:
    """An item that was put or changed. ``written_at`` is when the table took it (ISO 8601, UTC)."""

    item: Mapping[str, Any]
    written_at: str


class SealTrail:
    """Each part may be run again, after it was cut or done, and beside itself."""

    def __init__(self, sheets: SheetStore, seals: SealFiles, clock: Clock) -> None:
        self._sheets = sheets
        self._seals = seals
        self._clock = clock

    def collect(self, written: Iterable[Written]) -> int:
        """Keep what these items say that are entries of a trail. Return how many they were."""
        lines: dict[str, list[Line]] = defaultdict(list)
        for each in written:
            pk, sk = str(each.item["PK"]), str(each.item["SK"])
            if is_entry(pk, sk):
                lines[district_of_entry(pk)].append(Line(pk, sk, digest_of(each.item), each.written_at))
        hour = hour_of(to_iso(self._clock()))
        for district_id, of_district in lines.items():
            self._sheets.collect(district_id, hour, of_district)
        return sum(map(len, lines.values()))

    def seal(self) -> dict[str, int]:
        """Seal every hour that is over. Return how many seals and sheets there were."""
        hour = hour_of(to_iso(self._clock() - _COLLECTED))
        due: dict[str, list[Due]] = defaultdict(list)
        for each in self._sheets.due(hour):
            due[each.district_id].append(each)
        counts = {"districts": len(due), "seals": 0, "sheets": 0}
        for district_id, hours in due.items():
            made = self._seal_district(district_id, hours_before(hours[0].hour, _LOOKED_BACK), hour)
            counts["seals"] += len(made)
            counts["sheets"] += sum(len(seal.sheets) for seal in made)
            self._sheets.done(hours)
        return counts

    def _seal_district(self, district_id: str, since: str, hour: str) -> list[Seal]:
        """Raises RuntimeError where others seal the same district again and again: the next run does it."""
        made: list[Seal] = []
        for _ in range(_TRIES):
            head = self._newest(district_id)
            fresh = sorted(
                self._sheets.sheets(district_id, since=since, until=hour).keys() - self._named(district_id, head, since)
            )
            if not fresh:
                if head:
                    self._sheets.note_head(district_id, head, hour)
                return made
            for some in batched(fresh, MOST_SHEETS, strict=False):
                seal = Seal.after(head, district_id, hour, some)
                if not self._seals.write(seal):
                    break
                # The log keeps it where neither the table nor the bucket can be written.
                logger.info(
                    "trail sealed", extra={"district_id": district_id, "number": seal.number, "seal": seal.hash}
                )
                made.append(seal)
                head = seal.head
        raise RuntimeError("others_seal")

    def _newest(self, district_id: str) -> Head | None:
        """The newest seal, by the table and by the bucket: whichever of them knows of more."""
        head = self._sheets.head(district_id)
        number = head.number if head else self._seals.last_number(district_id)
        while seal := self._seals.get(district_id, number + 1):
            number, head = number + 1, seal.head
        if head is None and number:
            seal = self._seals.get(district_id, number)
            return seal.head if seal else None
        return head

    def _named(self, district_id: str, head: Head | None, since: str) -> set[str]:
        """The sheets that seals since this hour name."""
        named: set[str] = set()
        number = head.number if head else 0
        while number and (seal := self._seals.get(district_id, number)) and seal.hour >= since:
            named.update(seal.sheets)
            number -= 1
        return named
