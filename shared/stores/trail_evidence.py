"""All that is there of the trails of a table, found by reading the whole of it, and the seals: what a verification looks at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from shared.domain.roster import RosterUserKey
from shared.domain.trail_check import Trail
from shared.domain.trail_seal import EntryKey, Head, Sheet, digest_of, moment_of
from shared.stores.keys import (
    FORMER_NUMBERS,
    PLATFORM,
    Item,
    district_of_entry,
    district_pk,
    former_number_of,
    is_entry,
    is_user_pk,
    pair,
    seal_head_key,
    seals_pk,
    user_of_pk,
    user_pk,
)
from shared.stores.seals import SealFiles, head_of, sheet_of
from shared.stores.table import DynamoTable, Table
from shared.stores.trail import OFFBOARD

_SEALS = seals_pk("")
_HEAD = seal_head_key("")["SK"]
_PLATFORM_PK = district_pk(PLATFORM)


@dataclass(slots=True)
class _Found:
    """What the table has of one district's trail."""

    entries: dict[EntryKey, str] = field(default_factory=dict)
    sheets: dict[str, Sheet] = field(default_factory=dict)
    head: Head | None = None
    former: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    erased: set[str] = field(default_factory=set)


class TrailEvidence:
    def __init__(self, table: DynamoTable, seals: SealFiles) -> None:
        self._table = Table(table)
        self._seals = seals
        self._found: dict[str, _Found] = defaultdict(_Found)
        self._left: dict[str, str] = {}

    def read(self, only: Collection[str] = ()) -> Mapping[str, Trail]:
        """The trails of all districts, or of these, by the district; ``PLATFORM`` is one of them."""
        self._found.clear()
        self._left.clear()
        for item in self._table.scan():
            self._take(item)
        names = set(only) or self._found.keys() | self._seals.districts()
        return {name: self._trail(name) for name in sorted(names)}

    def _trail(self, district_id: str) -> Trail:
        found = self._found[district_id]
        return Trail(
            district_id,
            self._seals.all(district_id),
            found.head,
            found.sheets,
            found.entries,
            found.former,
            found.erased,
            self._left.get(district_id, ""),
        )

    def _take(self, item: Item) -> None:
        pk, sk = pair(item)
        if pk.startswith(_SEALS):
            self._take_sheet(self._found[pk.removeprefix(_SEALS)], item)
        elif is_entry(pk, sk):
            found = self._found[district_of_entry(pk)]
            found.entries[pk, sk] = digest_of(item)
            found.erased.update(map(str, item.get("erased", ())))
            if pk == _PLATFORM_PK and item.get("action") == OFFBOARD:
                about, at = str(item.get("about", "")), moment_of(sk)
                self._left[about] = max(at, self._left.get(about, ""))
        elif is_user_pk(pk) and (sk == "MOVED" or sk.startswith(FORMER_NUMBERS)):
            self._take_move(pk, item)

    def _take_sheet(self, found: _Found, item: Item) -> None:
        if item["SK"] == _HEAD:
            found.head = head_of(item)
        else:
            found.sheets[item["SK"]] = sheet_of(item)

    def _take_move(self, pk: str, item: Item) -> None:
        user = user_of_pk(pk)
        if item["SK"] == "MOVED":
            there = RosterUserKey(user.district_id, str(item["sourced_id"]), str(item.get("kind", "")))
            self._found[user.district_id].former[user_pk(there)].add(pk)
        else:
            self._found[user.district_id].former[pk].add(user_pk(former_number_of(user, item["SK"])))
