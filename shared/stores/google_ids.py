"""Which account a Google id logs into: one at most, as the feed said last of this id (docs/uploads.md)."""

from __future__ import annotations

from shared.domain.errors import Conflict
from shared.stores.keys import OIDC, Item, account_key, account_of_pk, oidc_key
from shared.stores.table import Delete, DynamoTable, Put, Table, Update

_TRIES = 5


class GoogleIds:
    """``OIDC#issuer#subject`` names the account. ``issuer`` is the one under which a feed's ``google_sub`` is known."""

    def __init__(self, table: DynamoTable, issuer: str) -> None:
        self._table = Table(table)
        self._issuer = issuer

    def item(self, account_id: str, subject: str) -> Item:
        """That this account has this id."""
        return {**oidc_key(self._issuer, subject), "account_id": account_id}

    def keep(self, account_id: str, subject: str) -> None:
        """Note an id that an account had before, unless a line about another account named it since."""
        self._table.attempt(self._put_if_mine(account_id, subject))

    def take(self, account_id: str, subject: str) -> None:
        """Give an id to the account that a line names it for; the one that had it has it no more.

        May be run again. Raises Conflict where others give it away at the same time, again and again.
        """
        for _ in range(_TRIES):
            if self._table.attempt(self._put_if_mine(account_id, subject)):
                return
            holder = self._table.get(oidc_key(self._issuer, subject))
            if holder is None:
                continue
            self._take_from(str(holder["account_id"]), subject)
            put = Put(self.item(account_id, subject))
            if self._table.attempt(put.when("account_id = :holder", holder=holder["account_id"])):
                return
        raise Conflict("account_changed", "Somebody else wrote this account in the meantime.")

    def give_up(self, account_id: str, subject: str) -> None:
        """An account has this id no more; where it is another's by now, it stays that one's."""
        delete = Delete(oidc_key(self._issuer, subject))
        self._table.attempt(delete.when("account_id = :mine", mine=account_id))

    def _put_if_mine(self, account_id: str, subject: str) -> Put:
        put = Put(self.item(account_id, subject))
        return put.when("attribute_not_exists(PK) OR account_id = :mine", mine=account_id)

    def _take_from(self, account_id: str, subject: str) -> None:
        """The account itself does not name the id any more. Its next line is read whatever it says: it may name it again."""
        update = Update(account_key(account_id)).remove("google_sub", "fingerprint").add(version=1)
        self._table.attempt(update.when("google_sub = :subject", subject=subject))


def is_of(item: Item, account_id: str) -> bool:
    """Whether an identifier's item leads to this account."""
    if str(item["PK"]).startswith(OIDC):
        return str(item["account_id"]) == account_id
    return account_of_pk(item["SK"]) == account_id
