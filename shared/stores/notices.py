"""Notices of links: whoever sends one takes it first, so that an event that comes again tells nobody twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.domain.clock import to_iso
from shared.domain.errors import Conflict
from shared.domain.link import UNDO_DAYS
from shared.domain.link_notice import Notice, Side
from shared.domain.roster import RosterUserKey
from shared.stores.keys import Key
from shared.stores.table import conflicts

KEPT_DAYS = UNDO_DAYS + 1
"""As long as it may lead to the undo; checked against the link when it is read."""


class Taking(StrEnum):
    """What became of the wish to send a notice."""

    TAKEN = "taken"
    UNDER_WAY = "under_way"
    """Somebody else took it, and may be sending it now."""
    SETTLED = "settled"
    """It was sent, or refused for good."""
    UNANSWERED = "unanswered"
    """It was handed to SES as often as it may be, and its delivery is unknown."""


class NoticeStore:
    """``NOTICE#event`` / side: ids only."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def take(self, notice: Notice, *, now: datetime, lease: timedelta, most_tries: int) -> Taking:
        """Take a notice for one send. Whoever took it before and never said what became of it has until its lease is over.

        ``most_tries`` is how often it may be handed to SES without an answer.
        """
        key = _key(notice.notice_id, notice.side)
        try:
            with conflicts("notice_taken", "This notice was taken before."):
                self._begin(key, notice, now, lease, most_tries)
        except Conflict:
            found = self._table.get_item(Key=key, ConsistentRead=True).get("Item", {})
            return _why_not(found, to_iso(now), most_tries)
        return Taking.TAKEN

    def _begin(self, key: Key, notice: Notice, now: datetime, lease: timedelta, most_tries: int) -> None:
        self._table.update_item(
            Key=key,
            UpdateExpression=(
                "SET district_id = :district, sourced_id = :person, account_id = :account, lease_until = :until, #ttl = :ttl"
                " ADD tries :one"
            ),
            ConditionExpression=(
                "(attribute_not_exists(lease_until) OR lease_until <= :now) AND attribute_not_exists(settled_at)"
                " AND (attribute_not_exists(tries) OR tries < :most)"
            ),
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues={
                ":district": notice.user.district_id,
                ":person": notice.user.sourced_id,
                ":account": notice.account_id,
                ":now": to_iso(now),
                ":until": to_iso(now + lease),
                ":ttl": int((now + timedelta(days=KEPT_DAYS)).timestamp()),
                ":one": 1,
                ":most": most_tries,
            },
        )

    def give_back(self, notice: Notice, *, taken_at: datetime, lease: timedelta) -> None:
        """A notice that surely did not go out may be taken again. Only whoever holds it gives it back."""
        try:
            with conflicts("notice_taken_again", "Somebody else has taken this notice since."):
                self._table.update_item(
                    Key=_key(notice.notice_id, notice.side),
                    UpdateExpression="REMOVE lease_until ADD tries :back",
                    ConditionExpression="lease_until = :mine",
                    ExpressionAttributeValues={":back": -1, ":mine": to_iso(taken_at + lease)},
                )
        except Conflict:
            """Then it is not for this worker to say."""

    def settle(self, notice: Notice, *, now: datetime) -> None:
        """It went out, or never will."""
        self._table.update_item(
            Key=_key(notice.notice_id, notice.side),
            UpdateExpression="SET settled_at = :now",
            ExpressionAttributeValues={":now": to_iso(now)},
        )

    def find(self, notice_id: str, side: Side) -> Notice | None:
        item = self._table.get_item(Key=_key(notice_id, side), ConsistentRead=True).get("Item")
        if item is None:
            return None
        return Notice(notice_id, side, RosterUserKey(item["district_id"], item["sourced_id"]), item["account_id"])


def _why_not(item: dict[str, Any], now: str, most_tries: int) -> Taking:
    if "settled_at" in item:
        return Taking.SETTLED
    is_over = "lease_until" in item and item["lease_until"] <= now
    return Taking.UNANSWERED if is_over and item["tries"] >= most_tries else Taking.UNDER_WAY


def _key(notice_id: str, side: Side) -> Key:
    return {"PK": f"NOTICE#{notice_id}", "SK": side.value}
