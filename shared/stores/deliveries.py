"""What districts deliver by SFTP, in the table: whose folder has to be looked at, and what was taken of it last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shared.domain.delivery import Known
from shared.stores.keys import DELIVERIES, deliveries_key, delivery_key
from shared.stores.table import Delete, DynamoTable, Put, Table, Update


class DeliveryStore:
    """``DELIVERIES`` / district for a folder that has to be looked at, ``DISTRICT#d`` / ``DELIVERY`` for what is known of it."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def note(self, district_id: str, at: str) -> None:
        """Something came at this moment (ISO 8601): the folder has to be looked at."""
        self._table.write(Put({**deliveries_key(district_id), "came_at": at}))

    def waiting(self) -> Iterator[tuple[str, str]]:
        """The districts whose folder has to be looked at, and when something came there last."""
        for item in self._table.query(DELIVERIES):
            yield item["SK"], item["came_at"]

    def forget(self, district_id: str, came_at: str) -> None:
        """The folder need not be looked at, unless something came meanwhile."""
        self._table.attempt(Delete(deliveries_key(district_id)).when("came_at = :was", was=came_at))

    def known(self, district_id: str) -> Known:
        item = self._table.get(delivery_key(district_id)) or {}
        return Known(
            item.get("taken") or {}, item.get("broken") or {}, str(item.get("seen", "")), str(item.get("told", ""))
        )

    def put_taken(self, district_id: str, taken: Mapping[str, str]) -> None:
        self._table.write(Update(delivery_key(district_id)).set(taken=dict(taken)))

    def put_broken(self, district_id: str, broken: Mapping[str, str]) -> None:
        self._table.write(Update(delivery_key(district_id)).set(broken=dict(broken)))

    def put_seen(self, district_id: str, seen: str) -> None:
        self._table.write(Update(delivery_key(district_id)).set(seen=seen))

    def put_told(self, district_id: str, told: str) -> None:
        self._table.write(Update(delivery_key(district_id)).set(told=told))
