"""Notices of links: each is claimed before it is sent, so that an event that comes again tells nobody twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from shared.errors import Conflict
from shared.link import UNDO_DAYS
from shared.link_notice import Notice, Side
from shared.roster import RosterUserKey
from shared.stores.table import Key, conflicts

KEPT_DAYS = UNDO_DAYS + 1
"""As long as it may lead to the undo; checked against the link when it is read."""


class NoticeStore:
    """``NOTICE#event`` / side: ids only."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def claim(self, notice: Notice, *, now: datetime) -> bool:
        """Take a notice for its one send. False when somebody took it before."""
        item = {
            **_key(notice.notice_id, notice.side),
            "district_id": notice.user.district_id,
            "sourced_id": notice.user.sourced_id,
            "account_id": notice.account_id,
            "ttl": int((now + timedelta(days=KEPT_DAYS)).timestamp()),
        }
        try:
            with conflicts("notice_claimed", "This notice was taken for a send before."):
                self._table.put_item(Item=item, ConditionExpression="attribute_not_exists(PK)")
        except Conflict:
            return False
        return True

    def release(self, notice: Notice) -> None:
        """A notice that did not go out may be claimed again."""
        self._table.delete_item(Key=_key(notice.notice_id, notice.side))

    def find(self, notice_id: str, side: Side) -> Notice | None:
        item = self._table.get_item(Key=_key(notice_id, side), ConsistentRead=True).get("Item")
        if item is None:
            return None
        return Notice(notice_id, side, RosterUserKey(item["district_id"], item["sourced_id"]), item["account_id"])


def _key(notice_id: str, side: Side) -> Key:
    return {"PK": f"NOTICE#{notice_id}", "SK": side.value}
