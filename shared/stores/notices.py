"""Notices of links: a worker claims one before it sends it, so that a repeated event mails nobody twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from shared.domain.clock import to_iso
from shared.domain.link import UNDO_DAYS
from shared.domain.link_notice import Notice, Side
from shared.stores.keys import Item, Key, ids_of, notice_key, user_of
from shared.stores.table import DynamoTable, Table, Update

KEPT_DAYS = UNDO_DAYS + 1
"""As long as a notice may lead to the undo; that is checked against the link when it is opened."""


class ClaimResult(StrEnum):
    """Whether a worker may send a notice, and if not, why."""

    CLAIMED = "claimed"
    UNDER_WAY = "under_way"
    """Another worker claimed it, and may be sending it now."""
    SETTLED = "settled"
    """It was sent, or refused for good."""
    UNANSWERED = "unanswered"
    """It was handed to SES as often as it may be, and its delivery is unknown."""


class NoticeStore:
    """``NOTICE#event`` / side: ids only."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def claim(self, notice: Notice, *, now: datetime, lease: timedelta, most_tries: int) -> ClaimResult:
        """Claim a notice for one send. A worker that claimed it before and did not complete it keeps it until its lease is over.

        ``most_tries`` is how often it may be handed to SES without a reply.
        """
        free = "(attribute_not_exists(lease_until) OR lease_until <= :now)"
        few_tries = "(attribute_not_exists(tries) OR tries < :most)"
        update = Update(_key(notice)).set(
            **ids_of(notice.user),
            account_id=notice.account_id,
            lease_until=to_iso(now + lease),
            ttl=int((now + timedelta(days=KEPT_DAYS)).timestamp()),
        )
        update = update.add(tries=1).when(free, now=to_iso(now)).when("attribute_not_exists(settled_at)")
        if self._table.attempt(update.when(few_tries, most=most_tries)):
            return ClaimResult.CLAIMED
        return _why_not(self._table.get(_key(notice)) or {}, to_iso(now), most_tries)

    def release(self, notice: Notice, *, claimed_at: datetime, lease: timedelta) -> None:
        """Let a notice that surely did not go out be claimed again. Only the worker that holds it releases it."""
        update = Update(_key(notice)).remove("lease_until").add(tries=-1)
        self._table.attempt(update.when("lease_until = :mine", mine=to_iso(claimed_at + lease)))

    def complete(self, notice: Notice, *, now: datetime) -> None:
        """Note that it went out, or never will."""
        self._table.write(Update(_key(notice)).set(settled_at=to_iso(now)))

    def find(self, notice_id: str, side: Side) -> Notice | None:
        item = self._table.get(notice_key(notice_id, side.value))
        if item is None:
            return None
        return Notice(notice_id, side, user_of(item), item["account_id"])


def _why_not(item: Item, now: str, most_tries: int) -> ClaimResult:
    if "settled_at" in item:
        return ClaimResult.SETTLED
    is_over = "lease_until" in item and item["lease_until"] <= now
    return ClaimResult.UNANSWERED if is_over and item["tries"] >= most_tries else ClaimResult.UNDER_WAY


def _key(notice: Notice) -> Key:
    return notice_key(notice.notice_id, notice.side.value)
