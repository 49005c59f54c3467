"""Which account an outside id logs into: one at most, as the feed said last of this id (docs/uploads.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shared.domain.account import Account
from shared.domain.federated_identity import FederatedIdentity
from shared.stores.keys import OIDC, Item, account_key, account_of_pk, oidc_key, pair
from shared.stores.table import DynamoTable, Table, Update


class FederatedIds:
    """``OIDC#issuer#subject`` names the account. ``google_issuer`` is the one under which a feed's ``google_sub`` is known."""

    def __init__(self, table: DynamoTable, google_issuer: str) -> None:
        self._table = Table(table)
        self.google_issuer = google_issuer

    def of(self, account: Account) -> frozenset[FederatedIdentity]:
        """The outside ids that log into this account; none where nothing may lead to it."""
        if not account.is_found:
            return frozenset()
        google = {(self.google_issuer, account.google_sub)} if account.google_sub else set()
        return frozenset((*google, *account.identities))

    def items(self, account: Account) -> list[Item]:
        """Where it is noted that these are this account's."""
        return [_item(account.account_id, identity) for identity in sorted(self.of(account))]

    def holders(self, identities: Iterable[FederatedIdentity]) -> dict[FederatedIdentity, str]:
        """The account that each of these ids logs into, where there is one."""
        keys = {identity: oidc_key(*identity) for identity in identities}
        found = self._table.batch_get(keys.values())
        return {i: str(found[pair(key)]["account_id"]) for i, key in keys.items() if pair(key) in found}

    def give(self, holders: Mapping[FederatedIdentity, str], nobodys: Iterable[FederatedIdentity]) -> None:
        """Have each id log into this account, and others into none. For the one that works on feeds alone."""
        puts = [_item(account_id, identity) for identity, account_id in holders.items()]
        self._table.write_many(puts, [oidc_key(*identity) for identity in nobodys])

    def take_from(self, account_id: str, identity: FederatedIdentity) -> None:
        """The account itself does not name the id any more. May be run again."""
        issuer, subject = identity
        if issuer == self.google_issuer:
            update = Update(account_key(account_id)).remove("google_sub", "fingerprint")
            self._table.attempt(update.when("google_sub = :subject", subject=subject))
        self._take_from_list(account_id, identity)

    def _take_from_list(self, account_id: str, identity: FederatedIdentity) -> None:
        named: list[Item] = (self._table.get(account_key(account_id)) or {}).get("identities") or []
        kept = [each for each in named if (each["issuer"], each["subject"]) != identity]
        if kept == named:
            return
        update = Update(account_key(account_id)).remove("fingerprint")
        update = update.set(identities=kept) if kept else update.remove("identities")
        self._table.attempt(update.when("identities = :named", named=named))


def _item(account_id: str, identity: FederatedIdentity) -> Item:
    return {**oidc_key(*identity), "account_id": account_id}


def is_of(item: Item, account_id: str) -> bool:
    """Whether an identifier's item leads to this account."""
    if str(item["PK"]).startswith(OIDC):
        return str(item["account_id"]) == account_id
    return account_of_pk(item["SK"]) == account_id
