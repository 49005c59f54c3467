"""Nudges: how many a linked teacher got and when the next is due, noted on the link (M17, B4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.domain.clock import to_iso
from shared.domain.link import LinkState
from shared.domain.roster import RosterUserKey
from shared.stores.due_items import NUDGE, due_item
from shared.stores.keys import due_key, link_key
from shared.stores.table import Delete, DynamoTable, Put, Table, Update


@dataclass(frozen=True, slots=True)
class Nudges:
    """A person's nudges: when the next is due (None: never), how many were sent, whether one is under way."""

    due_at: str | None
    sent: int
    under_way: bool


class NudgeStore:
    """The only writer of nudges, but for the first one, which comes with the link, and the last, which goes with it."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def move(
        self,
        user: RosterUserKey,
        due_at: str,
        next_at: datetime | None,
        *,
        sent_at: str | None = None,
        under_way: bool = False,
        cleaned_up: bool = False,
    ) -> bool:
        """Set when the nudge after the one that was due comes, None for never. False when somebody else moved it.

        ``sent_at`` counts a nudge as sent; ``under_way`` takes it for one send, whose lease ends at ``next_at``; ``cleaned_up``
        says that no class is left to clean up.
        """
        update = Update(link_key(user)).set(
            nudge_due_at=to_iso(next_at) if next_at else None, nudge_under_way=under_way or None
        )
        if cleaned_up:
            update = update.set(cleaned_up=True)
        if sent_at:
            update = update.set(nudged_at=sent_at).add(nudges=1)
        return self._table.attempt(
            update.when("nudge_due_at = :due", due=due_at),
            Delete(due_key(NUDGE, user, due_at)),
            *([Put(due_item(NUDGE, user, next_at))] if next_at else []),
        )

    def of_user(self, user: RosterUserKey) -> Nudges:
        item = self._table.get(link_key(user)) or {}
        return Nudges(item.get("nudge_due_at"), int(item.get("nudges", 0)), under_way=bool(item.get("nudge_under_way")))

    def due_at(self, user: RosterUserKey) -> str | None:
        """When the next nudge is due (ISO 8601, UTC); None for never."""
        return self.of_user(user).due_at

    def note_cleaned_up(self, user: RosterUserKey) -> None:
        """This linked teacher has no class left to clean up. May be run again."""
        is_new = "#state = :linked AND attribute_not_exists(cleaned_up)"
        self._table.attempt(Update(link_key(user)).set(cleaned_up=True).when(is_new, linked=LinkState.LINKED.value))

    def stop(self, user: RosterUserKey) -> None:
        """Send no nudge any more: one click is enough (RFC 8058). May be run again."""
        while due_at := self.due_at(user):
            self.move(user, due_at, None)

    def snooze(self, user: RosterUserKey, next_at: datetime) -> bool:
        """Put off the next nudge, without counting one. False when there is none, or one is being sent now."""
        nudges = self.of_user(user)
        return bool(nudges.due_at) and not nudges.under_way and self.move(user, nudges.due_at or "", next_at)
