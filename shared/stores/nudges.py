"""Nudges: how a linked teacher's stand, noted on the link, and when the next is due (M17, B4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain.clock import to_iso
from shared.domain.errors import Conflict
from shared.domain.roster import RosterUserKey
from shared.stores.due import NUDGE, due_item, due_key
from shared.stores.keys import link_key
from shared.stores.table import conflicts


@dataclass(frozen=True, slots=True)
class Nudges:
    """How a person's nudges stand: when the next is due (None: never), how many were sent, whether one is under way."""

    due_at: str | None
    sent: int
    under_way: bool


class NudgeStore:
    """The only writer of nudges, but for the first one, which comes with the link, and the last, which goes with it."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def move(
        self,
        user: RosterUserKey,
        due_at: str,
        next_at: datetime | None,
        *,
        sent_at: str | None = None,
        under_way: bool = False,
    ) -> bool:
        """After a nudge was due: when the next one is, or None for never again. False when somebody else moved it.

        ``sent_at`` counts a nudge as sent; ``under_way`` takes it for one send, whose lease ends at ``next_at``.
        """
        name = self._table.name
        updates = ["nudge_due_at = :next"] if next_at else []
        updates += ["nudge_under_way = :yes"] if under_way else []
        updates += ["nudges = if_not_exists(nudges, :zero) + :one", "nudged_at = :sent"] if sent_at else []
        removals = [] if next_at else ["nudge_due_at"]
        removals += [] if under_way else ["nudge_under_way"]
        expression = f"SET {', '.join(updates)}" if updates else ""
        expression += f" REMOVE {', '.join(removals)}" if removals else ""
        values: dict[str, Any] = {":due": due_at}
        if under_way:
            values[":yes"] = True
        if next_at:
            values[":next"] = to_iso(next_at)
        if sent_at:
            values |= {":zero": 0, ":one": 1, ":sent": sent_at}
        writes: list[dict[str, Any]] = [
            {
                "Update": {
                    "TableName": name,
                    "Key": link_key(user),
                    "UpdateExpression": expression.strip(),
                    "ConditionExpression": "nudge_due_at = :due",
                    "ExpressionAttributeValues": values,
                }
            },
            {"Delete": {"TableName": name, "Key": due_key(NUDGE, user, due_at)}},
        ]
        if next_at:
            writes.append({"Put": {"TableName": name, "Item": due_item(NUDGE, user, next_at)}})
        try:
            with conflicts("nudge_moved", "Somebody else has dealt with this nudge."):
                self._table.meta.client.transact_write_items(TransactItems=writes)
        except Conflict:
            return False
        return True

    def of_user(self, user: RosterUserKey) -> Nudges:
        item = self._table.get_item(Key=link_key(user), ConsistentRead=True).get("Item") or {}
        return Nudges(item.get("nudge_due_at"), int(item.get("nudges", 0)), under_way=bool(item.get("nudge_under_way")))

    def due_at(self, user: RosterUserKey) -> str | None:
        """When the next nudge is due (ISO 8601, UTC); None for never."""
        return self.of_user(user).due_at

    def stop(self, user: RosterUserKey) -> None:
        """No nudge any more: one click is enough (RFC 8058). May be run again."""
        while due_at := self.due_at(user):
            self.move(user, due_at, None)

    def snooze(self, user: RosterUserKey, next_at: datetime) -> bool:
        """Put off the nudge that comes next, without counting one. False when none comes, or one is going out just now."""
        nudges = self.of_user(user)
        return bool(nudges.due_at) and not nudges.under_way and self.move(user, nudges.due_at or "", next_at)
