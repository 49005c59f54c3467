"""The audit trail: of each link that was made or undone, who did it, when, and by which proof (B2).

An entry stands beside the link it is about and is written in the same transaction, so there is one for each fact and none
for anything else. It holds ids only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.domain.clock import to_iso
from shared.domain.link import FoundBy, Link, Proof
from shared.domain.roster import RosterUserKey
from shared.domain.trail_seal import ENTRY_DAYS
from shared.stores.keys import AUDIT, Item, Key, audit_key, key_of, pair, user_of_pk, user_pk
from shared.stores.table import DynamoTable, Table, without_none


class Fact(StrEnum):
    LINKED = "linked"
    UNDONE = "undone"
    MOVED = "moved"
    """The link followed its person to this number (M19)."""
    ADOPTED = "adopted"
    """The rule took a login that was new for the link for the same person's (M19)."""


class Actor(StrEnum):
    """Who did it: the person on the pages, the person from the notice's mail, the district's console, a teacher on the table of
    their class, or the rule of M6."""

    PERSON = "person"
    NOTICE = "notice"
    CONSOLE = "console"
    TEACHER = "teacher"
    RULE = "rule"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One fact about a link. ``joined_account_id`` is the account that was joined into this one, or parted from it."""

    user: RosterUserKey
    at: str
    fact: Fact
    actor: Actor
    account_id: str
    proof: Proof | None
    """What proved the roster user when the link was made."""
    is_new_account: bool
    """Whether the account was made with the link."""
    joined_account_id: str | None
    found_by: FoundBy | None = None
    """How the district login led to the roster user."""
    vouched_in: str | None = None
    """The class whose code stood for the login to the account, and the teacher who had said whose it is (B12)."""
    vouched_by: str | None = None


def audit_item(fact: Fact, link: Link, actor: Actor, now: datetime, version: int) -> Item:
    """The entry about this link, as it stands once made or stood before it was undone.

    ``version`` is the link's once the fact is true: each change of a link has its own.
    """
    return without_none(
        {
            **audit_key(link.user, to_iso(now), version),
            "fact": fact.value,
            "actor": actor.value,
            "account_id": link.account_id,
            "proof": link.by.value if link.by else None,
            "is_new_account": link.is_made,
            "joined_account_id": link.joined.account_id if link.joined else None,
            "found_by": link.found_by.value if link.found_by else None,
            "vouched_in": link.vouched_in,
            "vouched_by": link.vouched_by,
            "ttl": int((now + timedelta(days=ENTRY_DAYS)).timestamp()),
        }
    )


def made_by(link: Link) -> Actor:
    return Actor.RULE if link.by_rule else Actor.PERSON


class AuditStore:
    """Reads the trail; links write it."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def of_user(self, user: RosterUserKey) -> list[AuditEntry]:
        """Return everything that happened to a person's link, oldest first."""
        return [_entry(item) for item in self._items(user)]

    def keys_about(self, user: RosterUserKey, account_id: str) -> list[Key]:
        """Return the keys of this person's entries that name this account."""
        return [
            key_of(pair(item))
            for item in self._items(user)
            if account_id in (item["account_id"], item.get("joined_account_id"))
        ]

    def _items(self, user: RosterUserKey) -> list[Item]:
        return list(self._table.query(user_pk(user), AUDIT))


def _entry(item: Item) -> AuditEntry:
    return AuditEntry(
        user_of_pk(item["PK"]),
        item["SK"].split("#")[1],
        Fact(item["fact"]),
        Actor(item["actor"]),
        item["account_id"],
        Proof(item["proof"]) if "proof" in item else None,
        item["is_new_account"],
        item.get("joined_account_id"),
        FoundBy(item["found_by"]) if "found_by" in item else None,
        item.get("vouched_in"),
        item.get("vouched_by"),
    )
