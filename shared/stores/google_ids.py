"""Which account a Google id logs into: one at most, as the feed said last of this id (docs/uploads.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shared.stores.keys import OIDC, Item, account_key, account_of_pk, oidc_key, pair
from shared.stores.table import DynamoTable, Table, Update


class GoogleIds:
    """``OIDC#issuer#subject`` names the account. ``issuer`` is the one under which a feed's ``google_sub`` is known."""

    def __init__(self, table: DynamoTable, issuer: str) -> None:
        self._table = Table(table)
        self._issuer = issuer

    def item(self, account_id: str, subject: str) -> Item:
        """That this account has this id."""
        return {**oidc_key(self._issuer, subject), "account_id": account_id}

    def holders(self, subjects: Iterable[str]) -> dict[str, str]:
        """The account that each of these ids logs into, where there is one."""
        keys = {subject: oidc_key(self._issuer, subject) for subject in subjects}
        found = self._table.batch_get(keys.values())
        return {s: str(found[pair(key)]["account_id"]) for s, key in keys.items() if pair(key) in found}

    def give(self, holders: Mapping[str, str], nobodys: Iterable[str]) -> None:
        """Have each id log into this account, and others into none. For the one that works on feeds alone."""
        puts = [self.item(account_id, subject) for subject, account_id in holders.items()]
        self._table.write_many(puts, [oidc_key(self._issuer, subject) for subject in nobodys])

    def take_from(self, account_id: str, subject: str) -> None:
        """The account itself does not name the id any more. May be run again."""
        update = Update(account_key(account_id)).remove("google_sub", "fingerprint")
        self._table.attempt(update.when("google_sub = :subject", subject=subject))


def is_of(item: Item, account_id: str) -> bool:
    """Whether an identifier's item leads to this account."""
    if str(item["PK"]).startswith(OIDC):
        return str(item["account_id"]) == account_id
    return account_of_pk(item["SK"]) == account_id
