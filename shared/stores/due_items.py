"""What is due: a sparse index of what has to be done later, spread over a few partitions by a hash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from zlib import crc32

from shared.domain.clock import to_iso
from shared.domain.roster import RosterUserKey
from shared.stores.keys import DUE_SHARDS, Item, due_key, due_of_sk, due_pk, due_until
from shared.stores.table import Delete, DynamoTable, Put, Table

NUDGE = "nudge"
ACTIVATION = "activation"
"""An activation that an earlier version let wait or parked: it is moved on as soon as it is seen, within hours."""
PARKED = "parked"
"""An activation whose mail was refused for now: by the send rate, a quota, or because sending stopped."""
UNSETTLED = "unsettled"
"""An activation whose mail was handed over, and of which SES has not said what became of it."""
UNTOLD = "untold"
"""A reminder or a nudge that was handed over, and of which SES has not said what became of it."""
FOLLOW_UP = "follow_up"
"""An activation whose mail is out: a reminder, or its end."""


_TO_THE_MINUTE = len("2026-09-01T15:00")
_END = datetime(9999, 12, 31, tzinfo=UTC)


def due_item(kind: str, user: RosterUserKey, due_at: datetime, **facts: str) -> Item:
    """The item that makes something due for a roster user; ``facts`` are kept with it."""
    return {**due_key(kind, user, to_iso(due_at)), "due_at": to_iso(due_at), **facts}


class DueStore:
    """``DUE#kind#shard`` / moment and roster user: reads what is due by now, and nothing else."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def due(
        self, kind: str, now: datetime, shards: Iterable[int] = range(DUE_SHARDS)
    ) -> Iterator[tuple[RosterUserKey, str, Item]]:
        """Each roster user for whom something of this kind is due, since when, and the item."""
        for shard in shards:
            for item in self._table.query(due_pk(kind, shard), until=due_until(to_iso(now)), consistent=False):
                due_at, user = due_of_sk(item["SK"])
                yield user, due_at, item

    def all_of(self, kind: str) -> Iterator[tuple[RosterUserKey, str, Item]]:
        """As ``due``, whenever it is due."""
        return self.due(kind, _END)

    def some_due(self, kind: str, now: datetime) -> Iterator[tuple[RosterUserKey, str, Item]]:
        """As ``due``, of one of the partitions: of another one from minute to minute, in no order, so that whoever looks at any
        interval comes to each of them. For what may wait for hours."""
        return self.due(kind, now, (_turn_at(now),))

    def some_of(self, kind: str, now: datetime) -> Iterator[tuple[RosterUserKey, str, Item]]:
        """As ``some_due``, whenever it is due."""
        return self.due(kind, _END, (_turn_at(now),))

    def add(self, kind: str, user: RosterUserKey, due_at: datetime, **facts: str) -> None:
        """From this moment on it is due. May be run again."""
        self._table.write(Put(due_item(kind, user, due_at, **facts)))

    def remove(self, kind: str, user: RosterUserKey, due_at: str) -> None:
        self._table.write(Delete(due_key(kind, user, due_at)))


def _turn_at(now: datetime) -> int:
    """The partition that is looked at in a minute."""
    return crc32(to_iso(now)[:_TO_THE_MINUTE].encode()) % DUE_SHARDS
