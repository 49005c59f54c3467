"""What all senders of mail share: the pace, the counts of what came back, and whether sending has stopped.

Keys: ``SENDING`` / ``PACE``, ``SENDING`` / ``BREAKER``, ``SENDING#date`` / ``COUNTS`` (a day's counts by hour) and
``SENDING#message id#kind`` / ``NOTED`` (that a bounce or complaint was counted). The busiest of them is a day's counts,
with a write per accepted mail: one key takes 1,000 a second, some 70 times the rate that accounts begin with.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from shared.domain.clock import to_iso
from shared.domain.errors import Conflict, RefusedTransition
from shared.domain.send_rate import Limits, SendRateState
from shared.domain.sender_reputation import COMPLAINTS_OVER, Breaker, Counts, Noted, hour_of, why_stop
from shared.stores.keys import Item, Key
from shared.stores.table import conflicts, get_many, without_none

_PACE: Key = {"PK": "SENDING", "SK": "PACE"}
_BREAKER: Key = {"PK": "SENDING", "SK": "BREAKER"}
_KEPT = timedelta(days=30)
_LETTER = {Noted.ACCEPTED: "a", Noted.BOUNCED: "b", Noted.COMPLAINED: "c"}


class SendStateStore:
    """The only writer of these items. Every change is one conditional or atomic write."""

    def __init__(self, table: Any) -> None:
        self._table = table

    # Pace.

    def read(self) -> tuple[SendRateState, Breaker]:
        """The pace, and whether sending has stopped: one read for both, and never an old one."""
        found = get_many(self._table, [_PACE, _BREAKER], consistent=True)
        return _pace(found.get(_pair(_PACE), {})), _breaker(found.get(_pair(_BREAKER), {}))

    def save(self, before: SendRateState, after: SendRateState) -> bool:
        """Put ``after`` in the place of ``before``; False when another worker was faster."""
        limits = after.limits
        try:
            with conflicts("pace_changed", "Another worker was faster."):
                self._table.update_item(
                    Key=_PACE,
                    UpdateExpression=(
                        "SET #version = :after, next_free = :next_free, limits = :limits, limits_at = :limits_at, "
                        "since = :since, used = :used, pauses = :pauses, paused_at = :paused_at"
                    ),
                    ConditionExpression="#version = :before" if before.version else "attribute_not_exists(PK)",
                    ExpressionAttributeNames={"#version": "version"},
                    ExpressionAttributeValues={
                        ":after": before.version + 1,
                        ":next_free": after.next_free,
                        ":limits": _limits_item(limits) if limits else {},
                        ":limits_at": after.limits_at,
                        ":since": after.since,
                        ":used": dict(after.used),
                        ":pauses": after.pauses,
                        ":paused_at": after.paused_at,
                        **({":before": before.version} if before.version else {}),
                    },
                )
        except Conflict:
            return False
        return True

    # Reputation.

    def note(self, kind: Noted, message_id: str, at: datetime) -> Breaker | None:
        """Count what became of a mail; answers the breaker when this opened it.

        A bounce or complaint is counted once per message, however often it is told: a marker goes with the count in one
        transaction. That a mail was accepted is just counted: a repeat, which is rare, hides less than its share.
        Telling a repeat still looks whether sending must stop, in case the first time ended before that.
        """
        count: dict[str, Any] = {
            "Key": _counts_key(at),
            "UpdateExpression": "SET #ttl = :ttl ADD #count :one",
            "ExpressionAttributeNames": {"#count": f"{_LETTER[kind]}{hour_of(at)[-2:]}", "#ttl": "ttl"},
            "ExpressionAttributeValues": {":one": 1, ":ttl": _ttl(at)},
        }
        if kind is Noted.ACCEPTED:
            self._table.update_item(**count)
            return None
        marker = {"PK": f"SENDING#{message_id}#{kind.value}", "SK": "NOTED", "ttl": _ttl(at)}
        put = {"TableName": self._table.name, "Item": marker, "ConditionExpression": "attribute_not_exists(PK)"}
        try:
            with conflicts("counted_already", "This was counted."):
                self._table.meta.client.transact_write_items(
                    TransactItems=[{"Put": put}, {"Update": {"TableName": self._table.name, **count}}]
                )
        except Conflict:
            if not self._is_counted(marker):
                # Two counted at the same moment, and neither write came through for the other.
                raise
        return self._look(at)

    def breaker(self) -> Breaker:
        return _breaker(self._table.get_item(Key=_BREAKER, ConsistentRead=True).get("Item", {}))

    def resume(self, by: str, reason: str, now: datetime) -> Breaker:
        """Send again, because a person says so; what came back until now counts no more. Answers what it was stopped for.

        Who, when and why stays in the item until the next time. Raises RefusedTransition ``not_stopped``.
        """
        before = self._hours(now, 1).get(hour_of(now), Counts())
        present = self.breaker()
        try:
            with conflicts("not_stopped", "Sending has not stopped."):
                self._table.update_item(
                    Key=_BREAKER,
                    UpdateExpression=(
                        "SET is_open = :no, resumed_by = :by, resume_reason = :reason, resumed_at = :now, "
                        "counts_from = :hour, before = :before"
                    ),
                    ConditionExpression="is_open = :yes",
                    ExpressionAttributeValues={
                        ":no": False,
                        ":yes": True,
                        ":by": by,
                        ":reason": reason,
                        ":now": to_iso(now),
                        ":hour": hour_of(now),
                        ":before": [before.accepted, before.bounced, before.complained],
                    },
                )
        except Conflict as refused:
            raise RefusedTransition(refused.code, refused.message) from None
        return present

    def _look(self, now: datetime) -> Breaker | None:
        present = self.breaker()
        if present.has_stopped:
            return None
        reason = why_stop(self._hours(now, COMPLAINTS_OVER.days + 1), present, now)
        if reason is None:
            return None
        try:
            with conflicts("stopped_already", "Another worker was faster."):
                self._table.update_item(
                    Key=_BREAKER,
                    UpdateExpression="SET is_open = :yes, reason = :reason, opened_at = :now",
                    ConditionExpression="attribute_not_exists(PK) OR is_open = :no",
                    ExpressionAttributeValues={":yes": True, ":no": False, ":reason": reason, ":now": to_iso(now)},
                )
        except Conflict:
            return None
        return self.breaker()

    def _hours(self, now: datetime, days: int) -> dict[str, Counts]:
        keys = [_counts_key(now - timedelta(days=each)) for each in range(days)]
        return dict(_by_hour(get_many(self._table, keys, consistent=True).values()))

    def _is_counted(self, marker: Item) -> bool:
        key = {"PK": marker["PK"], "SK": marker["SK"]}
        return "Item" in self._table.get_item(Key=key, ConsistentRead=True)


def _counts_key(at: datetime) -> Key:
    return {"PK": f"SENDING#{hour_of(at)[:10]}", "SK": "COUNTS"}


def _by_hour(items: Iterable[Item]) -> Iterable[tuple[str, Counts]]:
    for item in items:
        day = item["PK"].partition("#")[2]
        for hour in range(24):
            a, b, c = (int(item.get(f"{letter}{hour:02}", 0)) for letter in "abc")
            if a or b or c:
                yield f"{day}T{hour:02}", Counts(a, b, c)


def _ttl(at: datetime) -> int:
    return int((at + _KEPT).timestamp())


def _pair(key: Key) -> tuple[str, str]:
    return key["PK"], key["SK"]


def _pace(item: Item) -> SendRateState:
    return SendRateState(
        int(item.get("next_free", 0)),
        _limits(item.get("limits") or {}),
        int(item.get("limits_at", 0)),
        int(item.get("since", 0)),
        {hour: int(count) for hour, count in item.get("used", {}).items()},
        int(item.get("pauses", 0)),
        int(item.get("paused_at", 0)),
        int(item.get("version", 0)),
    )


def _limits_item(limits: Limits) -> Item:
    """DynamoDB takes no binary fractions: a rate is kept as text."""
    return without_none(
        {"rate": str(limits.rate), "per_day": limits.per_day, "sent": limits.sent, "is_open": limits.may_send}
    )


def _limits(item: Item) -> Limits | None:
    if not item:
        return None
    per_day = item.get("per_day")
    return Limits(
        float(item["rate"]), None if per_day is None else int(per_day), int(item["sent"]), bool(item["is_open"])
    )


def _breaker(item: Item) -> Breaker:
    return Breaker(
        bool(item.get("is_open", False)),
        str(item.get("reason", "")),
        item.get("opened_at"),
        str(item.get("counts_from", "")),
        Counts(*(int(count) for count in item.get("before", ()))),
    )
