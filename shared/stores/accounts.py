"""Accounts of the platform: who they are, and their mastery."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from botocore.exceptions import ClientError

from shared.domain import joining
from shared.domain import mastery as mastery_rules
from shared.domain.account import Account, GrassrootsClass, Mastery, SkillMastery
from shared.domain.errors import AccountTooLarge, Conflict
from shared.stores.google_ids import GoogleIds
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
from shared.stores.table import ABSENT, DynamoTable, Put, Table, Write

CHUNK = 300_000
"""Bytes of skills in one item, which may have 400 KB."""
MOST_OF_SKILLS = 3_000_000
"""Bytes of all skills of an account. They are written in one transaction, which may have 4 MB."""
_AROUND_A_SKILL = 40
"""Bytes of a skill beside its id and its moment."""


@dataclass(frozen=True, slots=True)
class StoredAccount:
    """An account as it stands: with the hash of the feed line it was last written from, and how often it was written."""

    account: Account
    fingerprint: str | None
    version: int


class AccountStore:
    """Accounts by id. ``google_issuer`` is the issuer under which a feed's ``google_sub`` is known."""

    def __init__(self, table: DynamoTable, google_issuer: str) -> None:
        self._table = Table(table)
        self._google_ids = GoogleIds(table, google_issuer)
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

    def stored(self, account_id: str) -> StoredAccount | None:
        """The account with what a later ``put`` compares it with."""
        item = self._table.get(account_key(account_id))
        return StoredAccount(account_of(item), item.get("fingerprint"), int(item.get("version", 0))) if item else None

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
            found = self._table.batch_get(key for a in sorted(wanted) for key in (mastery_key(a), joined_key(a)))
            masteries = {a: item for a in wanted if (item := found.get(pair(mastery_key(a))))}
            chunked = {a: self._further(a, item) for a, item in masteries.items() if "chunks" in item}
            for a, item in masteries.items():
                earned[a] = chunked[a] if a in chunked else _mastery(item)
            for a in wanted:
                joins[a] = _joined(found.get(pair(joined_key(a))))
            wanted = {b for a in wanted for b in (*joins[a].accounts, joins[a].into) if b} - joins.keys()
        return earned, joins

    def put(
        self,
        account: Account,
        mastery: Mastery | None,
        classes: Iterable[GrassrootsClass] | None,
        fingerprint: str,
        *,
        before: StoredAccount | None,
        once_indexed: Callable[[], None] = lambda: None,
    ) -> None:
        """Write what the feed says; what is None stays as it is. ``before`` is the account as it was read.

        ``once_indexed`` is called when the account's identifiers stand, and again when this is run again.

        Mastery is merged, so that nobody goes down (M16); what is only repeated from an account that this one is joined
        with stays that one's. A class that was deleted here stays deleted. Identifiers that the account no longer has are
        taken away. May be run again. Raises Conflict when somebody else wrote the account in the meantime: read it again; and
        AccountTooLarge when the account says more than can be kept.
        """
        try:
            self._put(account, mastery, classes, fingerprint, before=before, once_indexed=once_indexed)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationException":
                raise
            raise AccountTooLarge("cannot_be_kept", "The line says more of this account than can be kept.") from None

    def _put(
        self,
        account: Account,
        mastery: Mastery | None,
        classes: Iterable[GrassrootsClass] | None,
        fingerprint: str,
        *,
        before: StoredAccount | None,
        once_indexed: Callable[[], None],
    ) -> None:
        former = set(map(pair, self._shared_identifiers(before.account))) if before else set()
        puts = list(self._shared_identifiers(account))
        deletes = [key_of(key) for key in former - set(map(pair, puts))]
        if mastery is not None:
            self._merge_mastery(account.account_id, mastery)
        if classes is not None:
            class_puts, class_deletes = self.classes.replace(account.account_id, classes)
            puts += class_puts
            deletes += class_deletes
        self._write_google_id(account, before.account.google_sub if before else None)
        self._table.write_many(puts, deletes)
        once_indexed()
        # The account itself comes last: until it stands with its fingerprint, the line is read again.
        version = before.version if before else 0
        self._table.write(
            _put_after({**_account_item(account), "fingerprint": fingerprint}, version, exists=before is not None),
            otherwise=Conflict("account_changed", "Somebody else wrote this account in the meantime."),
        )

    def _write_google_id(self, account: Account, before: str | None) -> None:
        """One account has a Google id at most: that of the line that named it last. Raises Conflict."""
        subject = None if account.closed_at else account.google_sub
        if before and before != subject:
            self._google_ids.give_up(account.account_id, before)
        if subject and subject == before:
            self._google_ids.keep(account.account_id, subject)
        elif subject:
            self._google_ids.take(account.account_id, subject)

    def _merge_mastery(self, account_id: str, mastery: Mastery) -> None:
        """Merge, whoever else does at the same time. Raises AccountTooLarge."""
        key, joined = mastery_key(account_id), joined_key(account_id)
        while True:
            found = self._table.batch_get([key, joined])
            item = found.get(pair(key), {})
            present = self._further(account_id, item) if "chunks" in item else _mastery(item)
            merged = mastery_rules.merge(
                present, self._earned_here(account_id, mastery) if pair(joined) in found else mastery
            )
            if item and present == merged:
                return
            version = int(item.get("version", 0))
            chunks = _chunks(merged)
            first = {**key, "skills": _skills(chunks[0]), "chunks": len(chunks) if len(chunks) > 1 else None}
            further = [
                Put({**mastery_key(account_id, n), "skills": _skills(chunk), "version": version + 1})
                for n, chunk in enumerate(chunks[1:], 1)
            ]
            if self._table.attempt(_put_after(first, version, exists=bool(item)), *further):
                return

    def _further(self, account_id: str, first: Item) -> Mastery:
        """All skills of an account that has several chunks of them, as they were at one moment.

        They are written together, so those of one moment have one version.
        """
        while True:
            keys = [mastery_key(account_id, chunk) for chunk in range(1, int(first.get("chunks", 1)))]
            found = list(self._table.batch_get(keys).values())
            if len(found) == len(keys) and all(chunk["version"] == first["version"] for chunk in found):
                return {skill: m for chunk in (first, *found) for skill, m in _mastery(chunk).items()}
            first = self._table.get(mastery_key(account_id)) or {}

    def _earned_here(self, account_id: str, reported: Mastery) -> Mastery:
        earned, _ = self._earned_masteries([account_id])
        return joining.earned_here(reported, joining.together(m for a, m in earned.items() if a != account_id))

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
            Put(_account_item(account)).when(ABSENT),
            *(put.when(ABSENT) if put.item["PK"].startswith(OIDC) else put for put in identifiers),
            *also,
            Put(event),
            otherwise=Conflict("account_exists", "An account for this person was made in the meantime."),
        )

    def identifier_items(self, account: Account) -> Iterator[Item]:
        """Where it is noted that this account holds its address, its Clever id and its Google identity; nowhere once it is
        closed."""
        yield from self._shared_identifiers(account)
        if account.google_sub and not account.closed_at:
            yield self._google_ids.item(account.account_id, account.google_sub)

    @staticmethod
    def _shared_identifiers(account: Account) -> Iterator[Item]:
        """Those that several accounts may hold, an item for each."""
        if account.closed_at:
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


def _put_after(item: Item, version: int, *, exists: bool) -> Put:
    """Put the next version of an item, as long as it is still this one; version 0 is an item without a version."""
    put = Put({**item, "version": version + 1})
    if version:
        return put.when("version = :version", version=version)
    return put.when("attribute_not_exists(version)" if exists else ABSENT)


def _account_item(account: Account) -> Item:
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
    }


def account_of(item: Item, joined: Item | None = None) -> Account:
    """``joined`` is the item that says how the account is joined with others, where that was read with it."""
    join = _joined(joined)
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
    )


def _joined(item: Item | None) -> joining.Joined:
    return joining.Joined(item.get("into"), frozenset(item.get("accounts") or ())) if item else joining.Joined()


def _chunks(mastery: Mastery) -> list[list[tuple[str, SkillMastery]]]:
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


def _skills(chunk: Iterable[tuple[str, SkillMastery]]) -> Item:
    return {skill: {"points": m.points, "updated_at": m.updated_at} for skill, m in chunk}


def _mastery(item: Item) -> Mastery:
    skills: dict[str, Item] = item.get("skills", {})
    return {skill: SkillMastery(int(m["points"]), m["updated_at"]) for skill, m in skills.items()}
