"""Accounts of the platform: who they are, and their mastery."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from shared.domain import joining
from shared.domain import mastery as mastery_rules
from shared.domain.account import Account, Mastery, SkillMastery
from shared.domain.errors import AccountTooLarge, Conflict
from shared.stores.federated_ids import FederatedIds
from shared.stores.grassroots_classes import GrassrootsClassStore
from shared.stores.keys import (
    OIDC,
    Item,
    account_key,
    account_of_pk,
    account_pk,
    clever_pk,
    email_pk,
    joined_key,
    key_of,
    mastery_key,
    pair,
)
from shared.stores.table import ABSENT, PRESENT, Delete, DynamoTable, Put, Table, Update, Write

CHUNK = 300_000
"""Bytes of skills in one item, which may have 400 KB."""
MOST_OF_SKILLS = 3_000_000
"""Bytes of all skills of an account. They are written in one transaction, which may have 4 MB."""
_AROUND_A_SKILL = 40
"""Bytes of a skill beside its id and its moment."""


class AccountStore:
    """Accounts by id. ``google_issuer`` is the issuer under which a feed's ``google_sub`` is known."""

    def __init__(self, table: DynamoTable, google_issuer: str) -> None:
        self._table = Table(table)
        self._federated_ids = FederatedIds(table, google_issuer)
        self.classes = GrassrootsClassStore(table)

    def get(self, account_id: str) -> Account | None:
        return self.get_many([account_id]).get(account_id)

    def get_many(self, account_ids: Iterable[str]) -> dict[str, Account]:
        wanted = list(dict.fromkeys(account_ids))
        found = self._table.batch_get(key for a in wanted for key in (account_key(a), joined_key(a)))
        return {
            a: account_of(item, found.get(pair(joined_key(a))))
            for a in wanted
            if (item := found.get(pair(account_key(a))))
        }

    def masteries(self, account_ids: Iterable[str]) -> dict[str, Mastery]:
        """The progress that each account shows: its own, and that of all accounts that it is joined with (M16).

        An account without any is left out.
        """
        wanted = list(dict.fromkeys(account_ids))
        earned, joins = self._earned_masteries(wanted)
        families = {a: joining.family(a, joins) for a in wanted}
        shown = {a: joining.together(earned[b] for b in family if b in earned) for a, family in families.items()}
        return {a: mastery for a, mastery in shown.items() if mastery}

    def mastery(self, account_id: str) -> Mastery:
        """``masteries`` of one account."""
        return self.masteries([account_id]).get(account_id, {})

    def own_mastery(self, account_id: str) -> Mastery:
        """What was earned on this very account, whatever it is joined with."""
        return self._earned_masteries([account_id])[0].get(account_id, {})

    def earned_here(self, account_id: str, reported: Mastery) -> Mastery:
        """What of this was earned on this very account; what is only repeated from one that it is joined with stays that
        one's."""
        earned, _ = self._earned_masteries([account_id])
        return joining.earned_here(reported, joining.together(m for a, m in earned.items() if a != account_id))

    def family(self, account: Account) -> tuple[str, ...]:
        """All accounts that are joined with this one, and itself; the one that all their logins lead to comes first."""
        if account.joined_into is None and not account.joined:
            return (account.account_id,)
        return joining.family(account.account_id, self._earned_masteries([account.account_id])[1])

    def family_of(self, account_id: str) -> tuple[str, ...]:
        """``family`` of an account that may be there or not."""
        account = self.get(account_id)
        return self.family(account) if account else (account_id,)

    def _earned_masteries(self, account_ids: Iterable[str]) -> tuple[dict[str, Mastery], dict[str, joining.Joined]]:
        """What was earned on each account and on those that are joined with them, and how they are joined.

        One read where nothing is joined, one more for each step of joining.
        """
        earned: dict[str, Mastery] = {}
        joins: dict[str, joining.Joined] = {}
        wanted = set(account_ids)
        while wanted:
            keys = (key for a in sorted(wanted) for key in (account_key(a), mastery_key(a), joined_key(a)))
            found = self._table.batch_get(keys)
            masteries = {a: item for a in wanted if (item := found.get(pair(mastery_key(a))))}
            chunked = {a: self.further_skills(a, item) for a, item in masteries.items() if "chunks" in item}
            for a in wanted:
                apart = chunked[a] if a in chunked else mastery_of(masteries.get(a, {}))
                within = mastery_of(found.get(pair(account_key(a)), {}))
                if both := mastery_rules.merge(within, apart) if within and apart else within or apart:
                    earned[a] = both
            for a in wanted:
                joins[a] = joined_of(found.get(pair(joined_key(a))))
            wanted = {b for a in wanted for b in (*joins[a].accounts, joins[a].into) if b} - joins.keys()
        return earned, joins

    def further_skills(self, account_id: str, first: Item) -> Mastery:
        """All skills of an account that has several chunks of them, as they were at one moment.

        They are written together, so those of one moment have one version.
        """
        while True:
            keys = [mastery_key(account_id, chunk) for chunk in range(1, int(first.get("chunks", 1)))]
            found = list(self._table.batch_get(keys).values())
            if len(found) == len(keys) and all(chunk["version"] == first["version"] for chunk in found):
                return {skill: m for chunk in (first, *found) for skill, m in mastery_of(chunk).items()}
            first = self._table.get(mastery_key(account_id)) or {}

    def create(self, account: Account, *, also: Iterable[Write], event: Item) -> None:
        """A new account with its identifiers, and ``also`` whatever else must be true with it, in one transaction.

        Raises Conflict when the account, or one of its outside identities, exists already.
        """
        identifiers = [
            # It has no password, so nobody who types its address means it.
            Put({name: value for name, value in item.items() if name != "username"})
            for item in self.identifier_items(account)
        ]
        self._table.write(
            Put(account_item(account)).when(ABSENT),
            *(put.when(ABSENT) if put.item["PK"].startswith(OIDC) else put for put in identifiers),
            *also,
            Put(event),
            otherwise=Conflict("account_exists", "An account for this person was made in the meantime."),
        )

    def keep_apart(self, account_id: str) -> None:
        """Let nothing lead to an operator's account any more: no match, no link, no hub. May be run again."""
        account = self.get(account_id)
        if account is None or account.is_operators:
            return
        found = [key_of(pair(item)) for item in self.identifier_items(account)]
        marked = Update(account_key(account_id)).set(is_operators=True).when(PRESENT)
        self._table.write(marked, *map(Delete, found))

    def identifier_items(self, account: Account) -> Iterator[Item]:
        """Where it is noted that this account holds its address, its Clever id and its other federated identities; nowhere
        once it is closed."""
        yield from shared_identifiers(account)
        yield from self._federated_ids.items(account)


def shared_identifiers(account: Account) -> Iterator[Item]:
    """Where it is noted that this account holds what several accounts may hold: its address and its Clever id."""
    if not account.is_found:
        return
    sk = account_pk(account.account_id)
    if account.email:
        yield {
            "PK": email_pk(account.email),
            "SK": sk,
            "proven": account.email_verified,
            "username": account.username,
        }
    if account.clever_id:
        yield {"PK": clever_pk(account.clever_id), "SK": sk, "proven": True}


def account_item(account: Account) -> Item:
    """The account's own item, without skills."""
    return {
        **account_key(account.account_id),
        "role": account.role,
        "display_name": account.display_name,
        "username": account.username,
        "email": account.email,
        "email_verified": account.email_verified,
        "google_sub": account.google_sub,
        "clever_id": account.clever_id,
        "created_at": account.created_at,
        "last_login_at": account.last_login_at,
        "closed_at": account.closed_at,
        "is_operators": account.is_operators or None,
        "identities": [{"issuer": issuer, "subject": subject} for issuer, subject in account.identities] or None,
    }


def account_of(item: Item, joined: Item | None = None) -> Account:
    """``joined`` is the item that says how the account is joined with others, where that was read with it."""
    join = joined_of(joined)
    return Account(
        account_of_pk(item["PK"]),
        item["role"],
        item["display_name"],
        item["username"],
        item.get("email"),
        bool(item.get("email_verified")),
        item.get("google_sub"),
        item.get("clever_id"),
        item.get("created_at"),
        item.get("last_login_at"),
        join.into,
        tuple(sorted(join.accounts)),
        item.get("closed_at"),
        bool(item.get("is_operators")),
        tuple((each["issuer"], each["subject"]) for each in item.get("identities") or ()),
    )


def joined_of(item: Item | None) -> joining.Joined:
    """How an account is joined with others."""
    return joining.Joined(item.get("into"), frozenset(item.get("accounts") or ())) if item else joining.Joined()


def chunks_of(mastery: Mastery) -> list[list[tuple[str, SkillMastery]]]:
    """The skills, so many together as fit into an item. Raises AccountTooLarge."""
    chunks: list[list[tuple[str, SkillMastery]]] = [[]]
    in_all = in_chunk = 0
    for skill, m in sorted(mastery.items()):
        size = _AROUND_A_SKILL + len(skill.encode()) + len(m.updated_at.encode())
        in_all += size
        in_chunk += size
        if in_all > MOST_OF_SKILLS:
            raise AccountTooLarge(
                "too_many_skills",
                f"The account has more skills than fit: {MOST_OF_SKILLS // 1_000_000} MB with their ids and moments.",
            )
        if in_chunk > CHUNK:
            chunks.append([])
            in_chunk = size
        chunks[-1].append((skill, m))
    return chunks


def skills_item(chunk: Iterable[tuple[str, SkillMastery]]) -> Item:
    """Skills as an attribute."""
    return {skill: {"points": m.points, "updated_at": m.updated_at} for skill, m in chunk}


def mastery_of(item: Item) -> Mastery:
    """The skills in an item: the account's own, or one that has nothing else."""
    skills: dict[str, Item] = item.get("skills", {})
    return {skill: SkillMastery(int(m["points"]), m["updated_at"]) for skill, m in skills.items()}
