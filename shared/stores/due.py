"""What is due: a sparse index that only holds what will have to be done, spread over a few partitions by a hash."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from shared.domain.clock import to_iso
from shared.domain.roster import RosterUserKey
from shared.stores.keys import Item, Key, user_pk
from shared.stores.table import every_page

SHARDS = 8

NUDGE = "nudge"
ACTIVATION = "activation"
FOLLOW_UP = "follow_up"
"""An activation whose mail is out: a reminder, or its end."""


def due_key(kind: str, user: RosterUserKey, due_at: str) -> Key:
    """Where it stands that something is due for this roster user at this moment (ISO 8601, UTC)."""
    shard = zlib.crc32(user_pk(user).encode()) % SHARDS
    return {"PK": f"DUE#{kind}#{shard}", "SK": f"{due_at}#{user.district_id}#{user.sourced_id}"}


def due_item(kind: str, user: RosterUserKey, due_at: datetime, **facts: Any) -> Item:
    return {**due_key(kind, user, to_iso(due_at)), "due_at": to_iso(due_at), **facts}


class DueStore:
    """Reads what is due by now, and nothing else."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def due(self, kind: str, now: datetime) -> Iterator[tuple[RosterUserKey, str, Item]]:
        """Each roster user for whom something of this kind is due, since when, and the item."""
        for shard in range(SHARDS):
            items = every_page(
                self._table.query,
                KeyConditionExpression="PK = :pk AND SK <= :now",
                ExpressionAttributeValues={":pk": f"DUE#{kind}#{shard}", ":now": f"{to_iso(now)}~"},
            )
            for item in items:
                due_at, district_id, sourced_id = item["SK"].split("#", 2)
                yield RosterUserKey(district_id, sourced_id), due_at, item

    def add(self, kind: str, user: RosterUserKey, due_at: datetime, **facts: Any) -> None:
        """From this moment on it is due; saying so twice does no harm."""
        self._table.put_item(Item=due_item(kind, user, due_at, **facts))

    def remove(self, kind: str, user: RosterUserKey, due_at: str) -> None:
        self._table.delete_item(Key=due_key(kind, user, due_at))
