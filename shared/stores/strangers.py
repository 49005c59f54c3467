"""Who proved to be of a district and is not on its roster, so that the district can add them (B7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.clock import from_iso, to_iso
from shared.stores.keys import TRIED, district_pk, tried_key
from shared.stores.rate_limits import Limit, RateLimiter
from shared.stores.table import PRESENT, DynamoTable, Put, Table, Update, without_none

KEPT = timedelta(days=30)
MOST = 200
"""Strangers of one district that are noted in so long: the district's own people alone come so far, and a hub may be wrong."""
_LIMIT = Limit("stranger", MOST, KEPT)


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody who logged in with the district's hub or at its domain. ``name`` and ``address`` are as the hub told them."""

    provider: str
    name: str
    address: str
    at: str
    """When they tried last (ISO 8601, UTC)."""


class StrangerStore:
    """``DISTRICT#d`` / ``TRIED#hash of the login``."""

    def __init__(self, table: DynamoTable, limiter: RateLimiter) -> None:
        self._table = Table(table)
        self._limiter = limiter

    def note(self, district_id: str, hashed_identity: str, stranger: Stranger) -> None:
        """Note a try; beyond ``MOST`` strangers nobody new is noted."""
        key, ends = tried_key(district_id, hashed_identity), from_iso(stranger.at) + KEPT
        again = Update(key).set(at=stranger.at, ttl=int(ends.timestamp())).when(PRESENT)
        if self._table.attempt(again) or not self._limiter.take(_LIMIT, district_id, 1):
            return
        said = {"provider": stranger.provider, "name": stranger.name or None, "email": stranger.address or None}
        self._table.write(Put(without_none({**key, **said, "at": stranger.at, "ttl": int(ends.timestamp())})))

    def of_district(self, district_id: str, now: datetime) -> list[Stranger]:
        """Those of the last 30 days, the newest first: one read. DynamoDB removes expired items late, so the time is looked
        at."""
        items = self._table.page(district_pk(district_id), TRIED, most=MOST).items
        found = [
            Stranger(item["provider"], str(item.get("name", "")), str(item.get("email", "")), item["at"])
            for item in items
            if item["at"] > to_iso(now - KEPT)
        ]
        return sorted(found, key=lambda each: each.at, reverse=True)
