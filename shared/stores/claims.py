"""Claims: who holds an address or an outside identity, and the match that follows from all of them (M6, M7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from shared.matching import Claim, Match, match
from shared.roster import RosterUser, RosterUserKey
from shared.stores.table import clever_pk, email_pk, every_page, oidc_pk, user_of_pk


@dataclass(frozen=True, slots=True)
class Claimants:
    """Everybody who holds one address or id: accounts, and roster users of any district."""

    accounts: tuple[Claim, ...]
    users: tuple[RosterUserKey, ...]


class ClaimStore:
    """One query per address or id answers who holds it, from both sides."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def on_email(self, address: str) -> Claimants:
        return self._on(email_pk(address))

    def on_clever_id(self, clever_id: str) -> Claimants:
        return self._on(clever_pk(clever_id))

    def _on(self, pk: str) -> Claimants:
        items = list(
            every_page(
                self._table.query,
                KeyConditionExpression="PK = :pk",
                ExpressionAttributeValues={":pk": pk},
                ConsistentRead=True,
            )
        )
        accounts = tuple(
            Claim(i["SK"].removeprefix("ACCOUNT#"), proven=bool(i["proven"]))
            for i in items
            if i["SK"].startswith("ACCOUNT#")
        )
        return Claimants(accounts, tuple(user_of_pk(i["SK"]) for i in items if i["SK"].startswith("USER#")))

    def account_by_subject(self, issuer: str, subject: str) -> str | None:
        """The account that this outside identity logs into: issuer and subject, never an email (nOAuth)."""
        item = self._table.get_item(Key={"PK": oidc_pk(issuer, subject), "SK": "ACCOUNT"}).get("Item")
        return str(item["account_id"]) if item else None

    def find_match(self, user: RosterUser, *, proven_clever_ids: Iterable[str] = ()) -> Match:
        """The rule applied to all claims on this person's address and Clever ids.

        ``proven_clever_ids`` are those that a Clever login has just shown, beside those that the roster names (M6).
        """
        claims: list[Claim] = []
        shared = False
        if user.official_email:
            holders = self.on_email(user.official_email)
            claims += holders.accounts
            shared = any(k.district_id == user.district_id and k != user.key for k in holders.users)
        for clever_id in dict.fromkeys((*user.clever_ids, *proven_clever_ids)):
            claims += self.on_clever_id(clever_id).accounts
        return match(claims, address_is_shared=shared)
