"""The trail of a district's console and decisions: who did what, when and why (B7).

An entry is written with what it is about, where that is one item of the same district, and before it otherwise. It holds ids,
and what people wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared.domain.clock import from_iso
from shared.domain.trail_seal import ENTRY_DAYS, EntryKey, digest_of
from shared.stores.keys import TRAIL, Item, Key, district_pk, key_of, pair, trail_key
from shared.stores.table import DynamoTable, Put, Table, without_none

_LOOKED_THROUGH = 500
OFFBOARD = "offboard"
"""What an entry of the platform's trail is called by which a district left."""
PAGE = 50
"""Entries that a page shows."""


@dataclass(frozen=True, slots=True)
class TrailEntry:
    """One thing that somebody did. ``by`` is a name as a decision file gives it, or who was logged in."""

    at: str
    action: str
    by: str
    reason: str = ""
    import_id: str = ""
    person: str = ""
    """The ``person_id`` of whom it is about."""
    about: str = ""
    """What else it is about, such as the district of an entry of the platform's own."""
    key: EntryKey = ("", "")
    digest: str = ""
    """What a seal says of it."""


def trail_item(
    district_id: str,
    at: str,
    entry_id: str,
    *,
    action: str,
    by: str,
    reason: str = "",
    import_id: str = "",
    person: str = "",
    about: str = "",
    erased: Sequence[str] = (),
) -> Item:
    """The entry as it is stored. The same ``entry_id`` at the same moment is the same entry.

    ``erased`` are hashes of what the seals said of a person who was deleted with it.
    """
    ends = from_iso(at) + timedelta(days=ENTRY_DAYS)
    said = {"action": action, "by": by, "reason": reason, "import_id": import_id, "person": person, "about": about}
    told = without_none({**{name: text or None for name, text in said.items()}, "erased": list(erased) or None})
    return {**trail_key(district_id, at, entry_id), **told, "ttl": int(ends.timestamp())}


class TrailStore:
    """``DISTRICT#d`` / ``TRAIL#moment#id``."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def entry(
        self,
        district_id: str,
        at: str,
        entry_id: str,
        *,
        action: str,
        by: str,
        reason: str,
        person: str = "",
        about: str = "",
        erased: Sequence[str] = (),
    ) -> Put:
        """The write of an entry, to be made together with what it is about."""
        return Put(
            trail_item(
                district_id, at, entry_id,
                action=action, by=by, reason=reason, person=person, about=about, erased=erased,
            )
        )  # fmt: skip

    def note(
        self,
        district_id: str,
        at: str,
        entry_id: str,
        *,
        action: str,
        by: str,
        reason: str,
        person: str = "",
        about: str = "",
        erased: Sequence[str] = (),
    ) -> None:
        """Note what somebody is about to do. May be run again."""
        self._table.write(
            self.entry(
                district_id, at, entry_id,
                action=action, by=by, reason=reason, person=person, about=about, erased=erased,
            )
        )  # fmt: skip

    def newest(self, district_id: str, *, before: str = "", most: int = PAGE) -> tuple[list[TrailEntry], str]:
        """The newest entries, or those before one, and what names the last of them where there may be more."""
        pk = district_pk(district_id)
        after: Key | None = key_of((pk, f"{TRAIL}{before}")) if before else None
        page = self._table.page(pk, TRAIL, most=most, after=after, newest_first=True)
        return [entry_of(item) for item in page.items], page.last["SK"].removeprefix(TRAIL) if page.last else ""

    def about(self, district_id: str, person_id: str) -> list[TrailEntry]:
        """What was done about somebody, as far as it is among the newest entries, the newest first."""
        entries, _ = self.newest(district_id, most=_LOOKED_THROUGH)
        return [entry for entry in entries if entry.person == person_id]

    def all(self, district_id: str) -> list[TrailEntry]:
        """Every entry, the oldest first."""
        return [entry_of(item) for item in self._table.query(district_pk(district_id), TRAIL, consistent=False)]


def entry_of(item: Item) -> TrailEntry:
    at = item["SK"].removeprefix(TRAIL).partition("#")[0]
    said = {name: str(item.get(name, "")) for name in ("action", "by", "reason", "import_id", "person", "about")}
    return TrailEntry(at, **said, key=pair(item), digest=digest_of(item))
