"""A table that was restored to an earlier moment, beside the one that it takes the place of (docs/runbooks/restore.md).

What was mailed since cannot be taken back: it is carried over, so that nobody is mailed twice (B5), and so is who did what.
Everything else stays as it was at that moment; what differs is listed, for a person to look at.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import batched

from shared.domain.activation import Activation, is_further, is_unsettled, was_handed_over
from shared.domain.clock import from_iso
from shared.domain.link import LinkState
from shared.domain.reminder import IS_OUT
from shared.domain.roster import RosterUserKey
from shared.stores.activations import activation_of
from shared.stores.due_items import FOLLOW_UP, NUDGE, UNSETTLED, due_item
from shared.stores.keys import (
    ACCOUNTS,
    BREAKERS,
    DIGESTS,
    NOTICES,
    SEALS_DUE,
    SESSIONS,
    Item,
    Key,
    activation_key,
    activation_pointer_key,
    district_of_pk,
    due_key,
    ids_of,
    is_entry,
    key_of,
    link_key,
    pair,
    seals_pk,
    stuck_key,
    user_of,
    user_of_pk,
)
from shared.stores.table import DynamoTable, Table

_AT_ONCE = 100


@dataclass
class CarriedOver:
    """What was done, as (what, how many), and whom a person has to look at: a district with a number of its own, or an account."""

    done: Counter[str] = field(default_factory=Counter)
    links_made: list[str] = field(default_factory=list)
    """Links that were made since, and are gone."""
    links_ended: list[str] = field(default_factory=list)
    """Links that were undone since, and stand again."""
    accounts_deleted: list[str] = field(default_factory=list)
    """Accounts that were deleted since, and are there again."""
    snapshots: list[tuple[str, str]] = field(default_factory=list)
    """The district and the id of each snapshot that the restored table needs: what stands, and what stood before it."""


class RestoredTable:
    """``replaced`` is the table as it was when the service was stopped, ``restored`` the one with which it goes on."""

    def __init__(self, replaced: DynamoTable, restored: DynamoTable) -> None:
        self._replaced = Table(replaced)
        self._restored = Table(restored)

    def carry_over(self) -> CarriedOver:
        """Bring over what was mailed since, and end all sessions: some may have been ended since. May be run again."""
        result = CarriedOver()
        accounts: set[str] = set()
        for some in batched(self._replaced.scan(), _AT_ONCE, strict=False):
            accounts.update(pk for pk, sk in map(pair, some) if pk.startswith(ACCOUNTS) and sk == "ACCOUNT")
            self._carry_activations([item for item in some if item["SK"] == "ACTIVATION"], result)
            self._carry_nudges([item for item in some if item["SK"] == "LINK"], result)
            self._carry_whole([item for item in some if _kind_of_whole(item)], result)
        self._look_at_the_restored(accounts, result)
        return result

    def _carry_activations(self, items: list[Item], result: CarriedOver) -> None:
        """Activations whose mail went out are as far as they were, under the number that their person has here."""
        mailed = [(item, each) for item in items if was_handed_over(each := activation_of(item))]
        pointers = self._restored.batch_get(activation_pointer_key(each.activation_id) for _, each in mailed)
        stuck = self._replaced.batch_get(stuck_key(each.user) for _, each in mailed)
        users = [_user_of(pointers.get(pair(activation_pointer_key(each.activation_id))), each) for _, each in mailed]
        present = self._restored.batch_get([*map(activation_key, users), *map(link_key, users)])
        for (item, each), user in zip(mailed, users, strict=True):
            restored = present.get(pair(activation_key(user)))
            now = activation_of(restored) if restored else None
            if now and not is_further(each, now):
                continue
            is_linked = present.get(pair(link_key(user)), {}).get("state") == LinkState.LINKED.value
            puts, deletes = _as_it_was_mailed({**item, **activation_key(user)}, now, is_linked=is_linked)
            if why := stuck.get(pair(stuck_key(each.user))):
                puts.append({**why, **stuck_key(user)})
            self._restored.write_many(puts, deletes)
            result.done["activation mails that went out since"] += 1

    def _carry_nudges(self, links: list[Item], result: CarriedOver) -> None:
        """Nudges that were sent count as sent; links that differ are noted."""
        present = self._restored.batch_get(key_of(pair(link)) for link in links)
        for link in links:
            now = present.get(pair(link), {})
            was_linked, is_linked = (each.get("state") == LinkState.LINKED.value for each in (link, now))
            user = user_of_pk(link["PK"])
            if was_linked != is_linked:
                where = result.links_made if was_linked else result.links_ended
                where.append(f"{user.district_id} {user.person_id}")
            elif was_linked and int(link.get("nudges", 0)) > int(now.get("nudges", 0)):
                self._restored.write_many(*_nudged(user, link, now))
                result.done["nudges that went out since"] += 1

    def _carry_whole(self, items: list[Item], result: CarriedOver) -> None:
        """Items that say of a mail that it was sent, or that none may be, and the trail."""
        present = self._restored.batch_get(key_of(pair(item)) for item in items)
        for item in items:
            now = present.get(pair(item))
            # A district without digests wants none; a notice that is there is not older than this one.
            is_to_stay = (
                (now is None) if item["PK"] == DIGESTS else (now is not None and item["PK"].startswith(NOTICES))
            )
            if item != now and not is_to_stay:
                self._restored.write_many([item])
                result.done[_kind_of_whole(item)] += 1

    def _look_at_the_restored(self, accounts: set[str], result: CarriedOver) -> None:
        sessions: list[Key] = []
        for item in self._restored.scan():
            pk, sk = pair(item)
            if sk == "SNAPSHOT":
                ids = (item["snapshot_id"], item.get("previous", {}).get("snapshot_id"))
                result.snapshots += [(district_of_pk(pk), each) for each in ids if each]
            elif pk.startswith(SESSIONS):
                sessions.append(key_of((pk, sk)))
            elif pk.startswith(ACCOUNTS) and sk == "ACCOUNT" and pk not in accounts:
                result.accounts_deleted.append(pk.removeprefix(ACCOUNTS))
        self._restored.write_many([], sessions)
        result.done["sessions that ended"] += len(sessions)


def _user_of(pointer: Item | None, mailed: Activation) -> RosterUserKey:
    """Whose the activation is in the restored table: numbers may have changed since."""
    return user_of(pointer) if pointer else mailed.user


def _kind_of_whole(item: Item) -> str:
    """What is carried over as it is; empty for anything else. The trail is: its seals know of all that was done."""
    pk, sk = pair(item)
    if is_entry(pk, sk):
        return "entries of the trail that were written since"
    if pk == SEALS_DUE or pk.startswith(seals_pk("")):
        return "sheets and heads of the trail's seals since"
    if pk.startswith(NOTICES):
        return "notices of links that went out since"
    if pk == DIGESTS:
        return "digests that were planned since"
    return "breakers that stop mail" if pk == BREAKERS["PK"] and sk.startswith(BREAKERS["SK"]) else ""


def _as_it_was_mailed(item: Item, now: Activation | None, *, is_linked: bool) -> tuple[list[Item], list[Key]]:
    """What is written of an activation whose mail went out, and what made the one due that was restored.

    Where the link that came of it is gone, the mail's own link works once more.
    """
    if not is_linked and item.pop("used_at", None):
        item["follow_up_at"] = item.get("follow_up_at") or item.get("expires_at")
    mailed = activation_of(item)
    puts: list[Item] = [item, {**activation_pointer_key(mailed.activation_id), **ids_of(mailed.user)}]
    if mailed.used_at is None and mailed.follow_up_at and mailed.state in IS_OUT:
        puts.append(due_item(FOLLOW_UP, mailed.user, from_iso(mailed.follow_up_at)))
    if mailed.settle_by and is_unsettled(mailed):
        by = from_iso(mailed.settle_by)
        puts.append(due_item(UNSETTLED, mailed.user, by, activation_id=mailed.activation_id))
    was_due = now.follow_up_at if now else None
    return puts, [due_key(FOLLOW_UP, mailed.user, was_due)] if was_due and was_due != mailed.follow_up_at else []


def _nudged(user: RosterUserKey, link: Item, now: Item) -> tuple[list[Item], list[Key]]:
    names = ("nudges", "nudged_at", "nudge_due_at", "nudge_under_way")
    puts: list[Item] = [{**now, **{name: link.get(name) for name in names}}]
    was_due, due_at = now.get("nudge_due_at"), link.get("nudge_due_at")
    if due_at:
        puts.append(due_item(NUDGE, user, from_iso(due_at)))
    return puts, [due_key(NUDGE, user, was_due)] if was_due and was_due != due_at else []
