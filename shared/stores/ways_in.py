"""Whose login opens the console for a day whatever the roster says: who approved an import that may take their rights (B2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.clock import from_iso, to_iso
from shared.domain.roster import RosterUserKey
from shared.stores.keys import ids_of, user_of, way_in_key
from shared.stores.table import DynamoTable, Put, Table

OPEN_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class WayIn:
    """Who may come, and the import that they may roll back: nothing else is open to them."""

    user: RosterUserKey
    import_id: str


class WayInStore:
    """``DISTRICT#d`` / ``WAY_IN#hash of the login``."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def keep(self, user: RosterUserKey, hashed_identity: str, import_id: str, now: datetime) -> None:
        """Let this login roll this import back for a day."""
        ends = now + OPEN_FOR
        key = way_in_key(user.district_id, hashed_identity)
        item = {**key, **ids_of(user), "import_id": import_id, "until": to_iso(ends), "ttl": int(ends.timestamp())}
        self._table.write(Put(item))

    def of(self, district_id: str, hashed_identity: str, now: datetime) -> WayIn | None:
        """What is open to a login now; DynamoDB removes expired items late, so the time is looked at."""
        item = self._table.get(way_in_key(district_id, hashed_identity))
        if item is None or from_iso(item["until"]) <= now:
            return None
        return WayIn(user_of(item), str(item["import_id"]))
