"""Which districts want a digest and when the next one is due, and the classes that are left, teacher by teacher."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain.clock import to_iso
from shared.domain.digest import RemainingClasses
from shared.domain.errors import Conflict
from shared.domain.roster import RosterUser, RosterUserKey
from shared.stores.keys import Key
from shared.stores.table import conflicts, every_page, without_none


@dataclass(frozen=True, slots=True)
class DigestDue:
    """A district that wants a digest: when the next one is due (None: not planned yet), and whether one is under way."""

    district_id: str
    due_at: str | None
    under_way: bool


class DigestStore:
    """``DIGESTS`` / district: only districts that opted in are in it."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def all(self) -> Iterator[DigestDue]:
        items = every_page(
            self._table.query,
            KeyConditionExpression="PK = :pk",
            ExpressionAttributeValues={":pk": "DIGESTS"},
            ConsistentRead=True,
        )
        for item in items:
            yield DigestDue(item["SK"], item.get("due_at"), bool(item.get("under_way")))

    def move(self, one: DigestDue, due_at: datetime, *, under_way: bool = False) -> DigestDue | None:
        """When the next one is due; ``under_way`` takes it for one send.

        None when somebody else moved it first, or the district wants none any more. Two who plan the first one at the same
        moment come to the same date.
        """
        values: dict[str, Any] = {":next": to_iso(due_at), ":under_way": under_way}
        condition = "attribute_exists(PK)"
        if one.due_at:
            condition, values[":due"] = "due_at = :due", one.due_at
        try:
            with conflicts("digest_moved", "Somebody else has dealt with this digest."):
                self._table.update_item(
                    Key=digest_key(one.district_id),
                    UpdateExpression="SET due_at = :next, under_way = :under_way",
                    ConditionExpression=condition,
                    ExpressionAttributeValues=values,
                )
        except Conflict:
            return None
        return DigestDue(one.district_id, to_iso(due_at), under_way)

    def remove(self, district_id: str) -> None:
        self._table.delete_item(Key=digest_key(district_id))


class RemainingClassesStore:
    """``LEFT#district`` / sourcedId: how many classes a teacher has left, as of the last look at them."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def note(self, teacher: RosterUser, classes: int) -> None:
        """So many are left of this teacher's; may be said again."""
        if not classes:
            self.forget(teacher.key)
            return
        school = next(iter(teacher.school_ids), None)
        self._table.put_item(Item=without_none({**remaining_key(teacher.key), "school_id": school, "classes": classes}))

    def forget(self, teacher: RosterUserKey) -> None:
        self._table.delete_item(Key=remaining_key(teacher))

    def of_district(self, district_id: str) -> Iterator[RemainingClasses]:
        items = every_page(
            self._table.query,
            KeyConditionExpression="PK = :pk",
            ExpressionAttributeValues={":pk": f"LEFT#{district_id}"},
        )
        for item in items:
            yield RemainingClasses(item.get("school_id"), int(item["classes"]))


def digest_key(district_id: str) -> Key:
    return {"PK": "DIGESTS", "SK": district_id}


def remaining_key(teacher: RosterUserKey) -> Key:
    return {"PK": f"LEFT#{teacher.district_id}", "SK": teacher.sourced_id}
