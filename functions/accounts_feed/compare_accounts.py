"""Compares a shard's lines with those that were applied last, and finds to whom a change leads back. Writes no account."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import batched

import msgspec

from functions.accounts_feed.account_line import AccountLine, account_after, account_line
from functions.accounts_feed.feed import (
    AddressToLookAt,
    ChangedAccount,
    IdToSettle,
    Plan,
    ShardHead,
    ToLookAt,
    fingerprint_of,
    shard_of_identifier,
)
from functions.accounts_feed.feed_files import FeedFiles, SnapshotFiles, packed
from shared.domain.account import Account
from shared.domain.federated_identity import Issuers
from shared.stores.account_batches import AccountBatches, StoredAccount
from shared.stores.federated_ids import FederatedIds

_AT_ONCE = 100
"""Accounts that are looked up together."""

type Lines = list[tuple[int, bytes]]
"""What a file says of one account: the number of each line, and the line."""


class CompareAccounts:
    """One shard at a time. What it finds is written once: done again, it stays what it was before accounts were written."""

    def __init__(
        self, accounts: AccountBatches, snapshot: SnapshotFiles, federated_ids: FederatedIds, issuers: Issuers
    ) -> None:
        self._accounts = accounts
        self._snapshot = snapshot
        self._federated_ids = federated_ids
        self._issuers = issuers

    def compare(self, files: FeedFiles, plan: Plan, shard: int) -> None:
        if files.shard(shard):
            return
        head, changed = ShardHead(), bytearray()
        to_look_at = [bytearray() for _ in range(plan.shards)]
        groups = self._changed(files, plan, shard, head)
        for batch in batched(groups.items(), _AT_ONCE, strict=False):
            for account, leads_to in self._compare(dict(batch), head):
                changed += packed(account)
                for each in leads_to:
                    to_look_at[shard_of_identifier(each.identifier, plan.shards)] += packed(each)
        files.put_shard(shard, changed, to_look_at, head)

    def _changed(self, files: FeedFiles, plan: Plan, shard: int, head: ShardHead) -> dict[bytes, Lines]:
        """The accounts of whom the file says something else than was applied last."""
        groups: dict[bytes, Lines] = {}
        for number, name, body in files.lines(plan, shard):
            lines = groups.setdefault(name, [])
            lines.append((number, body))
            if len(lines) > 1:
                head.twice += 1
                head.first_twice = min(number, head.first_twice or number)
        applied, lost = self._snapshot.shard(shard, plan.shards), self._snapshot.lost()
        for name, lines in list(groups.items()):
            if name.hex() in lost:
                head.looked_at.append(name.hex())
            elif applied.has(name, _fingerprint(lines)):
                head.unchanged += len(lines)
                del groups[name]
        return groups

    def _compare(
        self, groups: Mapping[bytes, Lines], head: ShardHead
    ) -> Iterator[tuple[ChangedAccount, Iterable[ToLookAt]]]:
        parsed = {name: [account_line(body) for _, body in lines] for name, lines in groups.items()}
        standing = self._accounts.standing(lines[0].account_id for lines in parsed.values())
        for name, lines in groups.items():
            said = parsed[name]
            before = standing.get(said[0].account_id)
            outcome, fingerprint = _count(before, lines, head), _fingerprint(lines)
            account = ChangedAccount(
                name.hex(), fingerprint, outcome, [number for number, _ in lines], [msgspec.Raw(b) for _, b in lines]
            )
            yield account, () if outcome == "unchanged" else self._leads_to(before, said, account)

    def _leads_to(
        self, stored: StoredAccount | None, lines: Sequence[AccountLine], account: ChangedAccount
    ) -> list[ToLookAt]:
        before = stored.account if stored else None
        now = account_after(lines, before, self._issuers)
        found: list[ToLookAt] = []
        if before is None or _seen_by_a_match(before) != _seen_by_a_match(now):
            addresses = {side.email for side in (before, now) if side and side.email}
            found += [AddressToLookAt(address, now.account_id) for address in sorted(addresses)]
        former = self._federated_ids.of(before) if before else frozenset()
        for issuer, subject in sorted(former ^ self._federated_ids.of(now)):
            found.append(IdToSettle(subject, now.account_id, account.lines[-1], issuer))
        return found


def _fingerprint(lines: Lines) -> str:
    return fingerprint_of(body for _, body in lines)


def _count(before: StoredAccount | None, lines: Lines, head: ShardHead) -> str:
    """What the lines of one account do: the first creates it, the others change it."""
    if before is None:
        head.created += 1
        head.changed += len(lines) - 1
        return "created"
    if before.fingerprint == _fingerprint(lines):
        head.unchanged += len(lines)
        return "unchanged"
    head.changed += len(lines)
    return "changed"


def _seen_by_a_match(account: Account) -> tuple[object, ...]:
    """What of an account a match by the official address rests on (M6, M7)."""
    return account.email, account.email_verified, account.display_name, account.is_found
