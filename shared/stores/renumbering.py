"""Roster users get the key of their number's kind (M20): everything that is noted of them moves with them.

A district whose format numbers students, teachers and staff separately is moved at its first import after this service
learnt of it. A link, a mail that is under way and a session lead on to the same person: ``MOVED`` stays at the old key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from shared.domain.clock import from_iso
from shared.domain.errors import Conflict
from shared.domain.roster import KIND_OF_ROLE, Role, RosterUser, RosterUserKey
from shared.runtime.parallel import each
from shared.stores.due_items import FOLLOW_UP, NUDGE, due_item
from shared.stores.keys import (
    AUDIT,
    FORMER,
    Item,
    account_link_key,
    activation_pointer_key,
    due_key,
    former_address_of_sk,
    former_holder_key,
    ids_of,
    key_of,
    moved_key,
    pair,
    proof_key,
    remaining_key,
    roster_key,
    stuck_key,
    user_pk,
)
from shared.stores.links import link_of
from shared.stores.roster_users import RosterUserStore, roster_user_of
from shared.stores.table import Delete, DynamoTable, Put, Table, Update, Write

_AT_ONCE = 8
_TRIES = 20


class Renumbering:
    """May be run again: who was moved is found to be so."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def move(self, users: Iterable[RosterUserKey]) -> None:
        """Move what is noted of each from the key without a kind to this one."""
        for _ in each(self._move, list(users), at_once=_AT_ONCE):
            pass

    def move_returned(self, users: Iterable[RosterUser]) -> None:
        """Move those who were off the roster when their district was moved, and are on it again in the same role."""
        by_key = {pair(roster_key(_without_kind(user.key))): user for user in users}
        stood = self._table.batch_get(map(key_of, by_key))
        self.move(
            by_key[key].key for key, item in stood.items() if KIND_OF_ROLE[Role(item["role"])] == by_key[key].kind
        )

    def _move(self, user: RosterUserKey) -> None:
        """Raises Conflict where others change this person again and again: the step comes again."""
        for _ in range(_TRIES):
            old = _without_kind(user)
            items = {item["SK"]: item for item in self._table.query(user_pk(old)) if pair(item) != pair(moved_key(old))}
            if not items:
                return
            trail = [item for sort_key, item in items.items() if sort_key.startswith(AUDIT)]
            moved = [_moved(item, user) for sort_key, item in items.items() if not sort_key.startswith(AUDIT)]
            outside = list(self._outside(old, user, items))
            self._table.write_many([_moved(item, user) for item in trail])
            if "LINK" not in items and "ACTIVATION" not in items:
                puts = [dict(write.item) for write in outside if isinstance(write, Put)]
                deletes = [write.key for write in outside if isinstance(write, Delete)]
                self._table.write_many([*moved, *puts])
                self._table.write_many(deletes=[*deletes, *(key_of(pair(item)) for item in items.values())])
                return
            gone = [_unless_changed(item) for item in items.values() if item not in trail]
            if self._table.attempt(*map(Put, moved), *gone, *outside):
                self._table.write_many(deletes=[key_of(pair(item)) for item in trail])
                return
        raise Conflict("link_changed", "This link was changed in the meantime.")

    def _outside(self, old: RosterUserKey, new: RosterUserKey, items: dict[str, Item]) -> Iterator[Write]:
        """What is noted of a person in other partitions."""
        yield Put({**moved_key(old), "kind": new.kind})
        if roster := items.get("ROSTER"):
            yield from (Delete(key) for key in RosterUserStore.identifier_keys(roster_user_of(roster)))
            yield from (Put(key) for key in RosterUserStore.identifier_keys(roster_user_of(_moved(roster, new))))
        if link := items.get("LINK"):
            yield from self._sides(old, new, link)
            yield from _proofs(old, new, link)
            yield from _due(NUDGE, old, new, link.get("nudge_due_at"))
        if activation := items.get("ACTIVATION"):
            yield Put({**activation_pointer_key(activation["activation_id"]), **ids_of(new)})
            yield from _due(FOLLOW_UP, old, new, activation.get("follow_up_at"))
        for sort_key in items:
            if sort_key.startswith(FORMER):
                address = former_address_of_sk(sort_key)
                yield Put(former_holder_key(address, new))
                yield Delete(former_holder_key(address, old))
        for key_at in (stuck_key, remaining_key):
            if item := self._table.get(key_at(old)):
                yield Put({**item, **key_at(new)})
                yield Delete(key_at(old))

    def _sides(self, old: RosterUserKey, new: RosterUserKey, link: Item) -> Iterator[Write]:
        """The accounts' sides of a link, and of the one that was joined into it."""
        for account_id in dict.fromkeys((link["account_id"], (link.get("joined") or link)["account_id"])):
            key = account_link_key(account_id, old.district_id)
            side = self._table.get(key)
            if side and side["sourced_id"] == old.sourced_id and "kind" not in side:
                yield Update(key).set(kind=new.kind).when("sourced_id = :number", number=old.sourced_id)


def _without_kind(user: RosterUserKey) -> RosterUserKey:
    return RosterUserKey(user.district_id, user.sourced_id)


def _moved(item: Item, user: RosterUserKey) -> Item:
    """The item at the key of the kind; a link holds the one before it as an item, too."""
    moved: Item = {**item, "PK": user_pk(user)}
    if item["SK"] == "ACTIVATION":
        moved["from_before_kinds"] = True
    if "joined" in item:
        moved["joined"] = {**item["joined"], "PK": user_pk(user)}
    return moved


def _proofs(old: RosterUserKey, new: RosterUserKey, link: Item) -> Iterator[Write]:
    """Where it is noted by which federated identities the person is known."""
    proofs = link_of(link).proofs
    for _, hashed in sorted(proofs.identities) if proofs else ():
        yield Put(proof_key(hashed, new))
        yield Delete(proof_key(hashed, old))


def _due(kind: str, old: RosterUserKey, new: RosterUserKey, due_at: str | None) -> Iterator[Write]:
    if due_at:
        yield Put(due_item(kind, new, from_iso(due_at)))
        yield Delete(due_key(kind, old, due_at))


_DECIDED_BY = {
    "LINK": ("version", "nudge_due_at", "nudges", "proofs"),
    "ACTIVATION": ("activation_id", "state", "used_at", "follow_up_at", "attempts"),
}
"""The attributes that every step of a link or an activation changes one of."""


def _unless_changed(item: Item) -> Delete:
    """Delete an item, unless it was changed since it was read."""
    delete = Delete(key_of(pair(item)))
    for name in _DECIDED_BY.get(item["SK"], ()):
        if name in item:
            delete = delete.when(f"#{name} = :{name}", **{name: item[name]})
        else:
            delete = delete.when(f"attribute_not_exists(#{name})")
    return delete
