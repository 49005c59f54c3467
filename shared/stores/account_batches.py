"""Writing what a feed says of many accounts, a hundred of them with a few requests."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from botocore.exceptions import ClientError

from shared.domain import mastery as mastery_rules
from shared.domain.account import Account, GrassrootsClass, Mastery
from shared.domain.errors import AccountTooLarge
from shared.stores.accounts import (
    AccountStore,
    account_item,
    account_of,
    chunks_of,
    mastery_of,
    shared_identifiers,
    skills_item,
)
from shared.stores.keys import Item, Key, Pair, account_key, joined_key, key_of, mastery_key, pair
from shared.stores.table import DynamoTable, Put, Table, Value, Write, without_none

WRITE_UNIT = 1_024
"""Bytes of an item that one write unit pays for. Skills that fit into it beside the account are kept there."""
_AROUND_A_VALUE = 3
"""Bytes of a map or a list beside what is in it."""


@dataclass(frozen=True, slots=True)
class StoredAccount:
    """An account as it stands. ``fingerprint`` is the hash of the line that an earlier version wrote it from."""

    account: Account
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class AccountChange:
    """What a feed says of one account. ``mastery`` and ``classes`` that are None stay as they are."""

    account: Account
    mastery: Mastery | None = None
    classes: tuple[GrassrootsClass, ...] | None = None
    is_new: bool = False
    """Whether there was no such account when the feed was compared."""


class AccountBatches:
    """Writes accounts without conditions: one feed at a time works on them."""

    def __init__(self, table: DynamoTable, google_issuer: str) -> None:
        self._table = Table(table)
        self._accounts = AccountStore(table, google_issuer)

    def standing(self, account_ids: Iterable[str]) -> dict[str, StoredAccount]:
        """Those of these accounts that there are."""
        items = self._table.batch_get(map(account_key, account_ids)).values()
        found = [(account_of(item), item.get("fingerprint")) for item in items]
        return {account.account_id: StoredAccount(account, fingerprint) for account, fingerprint in found}

    def write(self, changes: Collection[AccountChange]) -> dict[str, AccountTooLarge]:
        """Write what differs from what stands. Return the accounts that cannot be kept, and why; the others are written.

        Mastery is merged, so that nobody goes down (M16); what is only repeated from an account that this one is joined
        with stays that one's. A class that was deleted here stays deleted. Identifiers that an account no longer has are
        taken away; to whom a Google id leads is settled elsewhere. May be run again after it was cut.
        """
        try:
            self._write(changes)
        except AccountTooLarge as error:
            if len(changes) == 1:
                return {change.account.account_id: error for change in changes}
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationException":
                raise
            if len(changes) == 1:
                text = "The line says more of this account than can be kept."
                return {change.account.account_id: AccountTooLarge("cannot_be_kept", text) for change in changes}
        else:
            return {}
        # Halves, until the one that cannot be kept is alone.
        listed = list(changes)
        half = len(listed) // 2
        return self.write(listed[:half]) | self.write(listed[half:])

    def _write(self, changes: Collection[AccountChange]) -> None:
        found = self._found(changes)
        classes = self._accounts.classes.changes(c for change in changes for c in change.classes or ())
        puts, deletes, last = classes.puts, classes.deletes, list[Item]()
        together: list[list[Write]] = []
        for change in changes:
            item = found.get(pair(account_key(change.account.account_id)))
            now = {pair(identifier): identifier for identifier in shared_identifiers(change.account)}
            before = {pair(i): i for i in shared_identifiers(account_of(item))} if item else {}
            puts += [identifier for at, identifier in now.items() if before.get(at) != identifier]
            deletes += [key_of(at) for at in before if at not in now]
            skills, apart = self._skills(change, found)
            if len(apart) == 1:
                puts.append(dict(apart[0].item))
            elif apart:
                together.append(list(apart))
            after = {**account_item(change.account), "skills": skills}
            if item is None or without_none(after) != item:
                last.append(after)
        self._table.write_many(puts, deletes)
        for writes in together:
            self._table.write(*writes)
        # What says that the rest was written comes last: until it stands, all of it is looked at again.
        for update in classes.changed:
            self._table.write(update)
        self._table.write_many([*classes.new, *last])

    def _found(self, changes: Collection[AccountChange]) -> dict[Pair, Item]:
        """The items of these accounts; of new ones only skills that would be replaced: a feed that was cut may have left some."""
        keys: list[Key] = []
        for change in changes:
            account_id = change.account.account_id
            keys += [] if change.is_new else [account_key(account_id)]
            if change.mastery is not None and not (change.is_new and _fits(change.account, change.mastery)):
                keys += [mastery_key(account_id), joined_key(account_id)]
        return self._table.batch_get(keys)

    def _skills(self, change: AccountChange, found: Mapping[Pair, Item]) -> tuple[Item | None, tuple[Put, ...]]:
        """The skills that stand within the account's own item, and what is to be written for those that stand apart."""
        account_id = change.account.account_id
        item = found.get(pair(account_key(account_id)), {})
        within: Item | None = item.get("skills")
        if change.mastery is None:
            return within, ()
        first = found.get(pair(mastery_key(account_id)), {})
        apart = self._accounts.further_skills(account_id, first) if "chunks" in first else mastery_of(first)
        present = mastery_rules.merge(mastery_of(item), apart)
        is_joined = pair(joined_key(account_id)) in found
        reported = self._accounts.earned_here(account_id, change.mastery) if is_joined else change.mastery
        merged = mastery_rules.merge(present, reported)
        if not first and _fits(change.account, merged):
            return skills_item(merged.items()) or None, ()
        if first and present == merged:
            return within, ()
        version = int(first.get("version", 0)) + 1
        chunks = chunks_of(merged)
        head = {"skills": skills_item(chunks[0]), "chunks": len(chunks) if len(chunks) > 1 else None}
        puts = [Put({**mastery_key(account_id), **head, "version": version})]
        puts += [
            Put({**mastery_key(account_id, n), "skills": skills_item(chunk), "version": version})
            for n, chunk in enumerate(chunks[1:], 1)
        ]
        return None, tuple(puts)


def _fits(account: Account, mastery: Mastery) -> bool:
    """Whether the account with these skills takes no more than one write unit."""
    item = without_none({**account_item(account), "skills": skills_item(mastery.items())})
    return _size(item) <= WRITE_UNIT


def _size(value: Value) -> int:
    """Bytes of a value as DynamoDB counts them, or a little more."""
    match value:
        case str():
            return len(value.encode())
        case bool() | None:
            return 1
        case int() | Decimal():
            return len(str(value)) // 2 + 3
        case Mapping():
            return _AROUND_A_VALUE + sum(len(name.encode()) + 1 + _size(each) for name, each in value.items())
        case _:
            return _AROUND_A_VALUE + sum(1 + _size(each) for each in value)
