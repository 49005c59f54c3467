"""All that is held about one district, found by reading the whole table: what goes when its contract ends."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from shared.domain.clock import to_iso
from shared.stores.keys import (
    ACCOUNTS,
    DELIVERIES,
    DIGESTS,
    DUE,
    EVENTS,
    EXPORTS,
    FIRST_MAILS,
    FORMER,
    LINKS,
    PAUSES,
    RECREATED,
    SEALS_DUE,
    SENT_COUNTS,
    SOURCES,
    WAITS,
    Item,
    counts_pk,
    district_pk,
    due_of_sk,
    first_wave_pk,
    holders_of_district,
    import_lock_key,
    key_of,
    pair,
    partitions_of_district,
    remaining_pk,
    seals_pk,
    send_breaker_key,
    sent_counts_key,
    stuck_pk,
)
from shared.stores.table import DynamoTable, Table

_BY_SORT_KEY = (WAITS, FIRST_MAILS, DIGESTS, PAUSES, SOURCES, DELIVERIES)
"""Partitions with an item for each district, whose sort key it is."""
_TOLD_BY_SORT_KEY = ("USER", "STUDENT", "TEACHER", "STAFF", "CLASS", "PAST_CLASS", "DISTRICT", "ACCOUNT")
"""Partitions whose items are of several kinds."""


class DistrictData:
    """Items of a district. Accounts, their progress and grassroots classes are their people's, and never among them."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def items(self, district_id: str) -> Iterator[Item]:
        """Every item that is the district's, or about its people and classes."""
        return (item for item in self._table.scan() if is_of(item, district_id))

    def is_importing(self, district_id: str, now: datetime) -> bool:
        """Whether an import works on the district at this moment."""
        lock = self._table.get(import_lock_key(district_id))
        return lock is not None and str(lock["lease_until"]) > to_iso(now)

    def delete(self, items: Iterable[Item]) -> int:
        """Delete these; return how many they were."""
        return self._table.write_all(([], [key_of(pair(item))]) for item in items)


def is_of(item: Item, district_id: str) -> bool:
    """Whether an item goes with the district.

    Beside an account go only its side of the link, and what names the district's classes.
    """
    pk, sk = pair(item)
    if pk.startswith(ACCOUNTS):
        side = f"{LINKS}{district_id}"
        return f"{sk}#".startswith(f"{side}#") or (sk.startswith((RECREATED, EXPORTS)) and _names(item, district_id))
    return (
        pk
        in (
            district_pk(district_id),
            stuck_pk(district_id),
            first_wave_pk(district_id),
            remaining_pk(district_id),
            seals_pk(district_id),
            counts_pk(district_id),
        )
        or pk.startswith(partitions_of_district(district_id))
        or sk.removeprefix(FORMER).startswith(holders_of_district(district_id))
        or (pk in _BY_SORT_KEY and sk == district_id)
        or (pk == SEALS_DUE and sk.endswith(f"#{district_id}"))
        or (pk.startswith(DUE) and due_of_sk(sk)[1].district_id == district_id)
        or (pk.startswith(SENT_COUNTS) and sk == sent_counts_key("", district_id)["SK"])
        or pair(item) == pair(send_breaker_key(district_id))
        or (pk.startswith(EVENTS) and _names(json.loads(str(item["detail"])), district_id))
        or _names(item, district_id)
    )


def kind_of(item: Item) -> str:
    """What a person calls such an item; never an id."""
    pk, sk = (part.partition("#")[0] for part in pair(item))
    return sk if pk in _TOLD_BY_SORT_KEY else pk


def _names(value: object, district_id: str) -> bool:
    """Whether ``district_id`` is this district's anywhere in it."""
    if isinstance(value, Mapping):
        return value.get("district_id") == district_id or any(_names(inner, district_id) for inner in value.values())
    return isinstance(value, list) and any(_names(inner, district_id) for inner in value)
