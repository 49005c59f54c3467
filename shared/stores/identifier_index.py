"""Identifiers: who holds an address, a Clever id or an outside identity, and the match that follows (M6, M7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from shared.domain.matching import Holder, Match, match
from shared.domain.roster import Role, RosterUser, RosterUserKey
from shared.stores.keys import (
    ACCOUNTS,
    Item,
    account_of_pk,
    clever_pk,
    email_pk,
    is_account,
    is_user,
    oidc_key,
    roster_key,
    user_of_pk,
    user_pk,
    users_of_district,
)
from shared.stores.roster_users import roster_user_of
from shared.stores.table import DynamoTable, Table

_FIRST_LOOK = 8
"""As many items as are one read unit, however long their keys. Hardly any address has more holders."""


@dataclass(frozen=True, slots=True)
class Holders:
    """Everybody who holds one address or id: accounts, and roster users of any district."""

    accounts: tuple[Holder, ...]
    users: tuple[RosterUserKey, ...]


class IdentifierIndex:
    """Who holds an address or an id, from both sides. Accounts sort before roster users."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def holders_of_address(self, address: str) -> Holders:
        """Everybody who holds this address. With one that thousands share this reads thousands of items."""
        return self._holders(email_pk(address))

    def holders_of_clever_id(self, clever_id: str) -> Holders:
        """Everybody who holds this Clever id."""
        return self._holders(clever_pk(clever_id))

    def _holders(self, pk: str) -> Holders:
        items = list(self._table.query(pk))
        return Holders(_accounts(items), tuple(user_of_pk(i["SK"]) for i in items if is_user(i["SK"])))

    def username_of_address(self, address: str) -> str | None:
        """The username of the one account that holds this address; a proven address counts more than others."""
        accounts = list(self._table.query(email_pk(address), ACCOUNTS))
        names = [i["username"] for i in accounts if i["proven"]] or [i["username"] for i in accounts]
        return str(names[0]) if len(names) == 1 else None

    def account_by_subject(self, issuer: str, subject: str) -> str | None:
        """The account that this outside identity logs into: issuer and subject, never an email (nOAuth)."""
        item = self._table.get(oidc_key(issuer, subject), consistent=False)
        return str(item["account_id"]) if item else None

    def find_match(
        self, user: RosterUser, *, proven_clever_ids: Iterable[str] = (), address_is_shared: bool | None = None
    ) -> Match:
        """The rule applied to everybody who holds this person's address or Clever ids.

        ``proven_clever_ids`` are those that a Clever login has just shown, beside those that the roster names (M6).
        ``address_is_shared`` is for an import that is not applied yet and knows more than the table.
        """
        holders: list[Holder] = []
        shared = False
        if user.official_email:
            holders, shared = self._accounts_on_address(user, email_pk(user.official_email))
        if address_is_shared is not None:
            shared = address_is_shared
        for clever_id in dict.fromkeys((*user.clever_ids, *proven_clever_ids)):
            holders += _accounts(self._table.query(clever_pk(clever_id), ACCOUNTS))
        return replace(match(holders, address_is_shared=shared), address_is_shared=shared)

    def _accounts_on_address(self, user: RosterUser, pk: str) -> tuple[list[Holder], bool]:
        """The accounts on this person's address, and whether somebody else of the district has it.

        What is read does not grow with the number of people who share it: otherwise n people would cost n² reads. The first
        page is enough unless accounts or other districts fill it.
        """
        items, last = self._table.page(pk, most=_FIRST_LOOK)
        holders = list(_accounts(items))
        if last and is_account(last["SK"]):
            holders += _accounts(self._table.query(pk, ACCOUNTS, after=last))
        others = _others(items, user)
        if last and not others:
            # Of any two, one is somebody else.
            of_district = self._table.page(pk, users_of_district(user.district_id), most=2)
            others = _others(of_district.items, user)
        return holders, bool(others) and not (last is None and self._are_rows_of(user, others))

    def _are_rows_of(self, teacher: RosterUser, others: list[RosterUserKey]) -> bool:
        """Whether the others on a teacher's address are the same human, as an administrator under another number."""
        if teacher.role is not Role.TEACHER:
            return False
        rows = self._table.batch_get([roster_key(other) for other in others], consistent=False).values()
        found = [roster_user_of(row) for row in rows]
        return len(found) == len(others) and all(row.is_administrator_of_same_name(teacher) for row in found)


def _accounts(items: Iterable[Item]) -> tuple[Holder, ...]:
    return tuple(Holder(account_of_pk(i["SK"]), proven=bool(i["proven"])) for i in items if is_account(i["SK"]))


def _others(items: Iterable[Item], user: RosterUser) -> list[RosterUserKey]:
    """The holders who are of the same district, but not this person."""
    same, of_district = user_pk(user.key), users_of_district(user.district_id)
    return [user_of_pk(i["SK"]) for i in items if i["SK"].startswith(of_district) and i["SK"] != same]
