"""Writes the accounts of a shard that changed, and notes which lines of each were applied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from functions.accounts_feed.account_line import AccountLine, account_after, account_line, class_of
from functions.accounts_feed.feed import ChangedAccount, LineReject, Refused
from functions.accounts_feed.feed_files import FeedFiles, Snapshot, SnapshotFiles
from shared.domain.account import Account, GrassrootsClass, SkillMastery
from shared.domain.federated_identity import Issuers
from shared.stores.account_batches import AccountBatches, AccountChange

_AT_ONCE = 500
"""Accounts that are written together, at most: their items fill requests of 25."""
_BYTES_AT_ONCE = 4_000_000
"""Bytes of their lines: as objects they take ten times as many."""


class ApplyAccounts:
    """One shard at a time. May be run again: an account that is as its lines say is not written."""

    def __init__(self, accounts: AccountBatches, snapshot: SnapshotFiles, issuers: Issuers) -> None:
        self._accounts = accounts
        self._snapshot = snapshot
        self._issuers = issuers

    def apply(self, files: FeedFiles, shard: int, shards: int) -> int:
        """Return how many accounts were looked at."""
        snapshot, refused, looked_at = self._snapshot.shard(shard, shards), Refused(), 0
        for batch in _batches(files.changed(shard)):
            self._apply(batch, snapshot, refused)
            looked_at += len(batch)
        if refused.rejects:
            files.put_refused(shard, refused)
        self._snapshot.put_shard(shard, shards, snapshot)
        return looked_at

    def _apply(self, batch: list[ChangedAccount], snapshot: Snapshot, refused: Refused) -> None:
        """A line that cannot be kept costs itself alone."""
        said = {account.key: [account_line(bytes(body)) for body in account.bodies] for account in batch}
        written = [account for account in batch if account.outcome != "unchanged"]
        known = [said[account.key][0].account_id for account in written if account.outcome == "changed"]
        standing = self._accounts.standing(known) if known else {}
        changes = {}
        for account in written:
            before = standing.get(said[account.key][0].account_id)
            is_new = account.outcome == "created"
            standing_account = before.account if before else None
            changes[account.key] = _change(said[account.key], standing_account, self._issuers, is_new=is_new)
        errors = self._accounts.write(changes.values())
        for account in batch:
            name = bytes.fromhex(account.key)
            error = errors.get(said[account.key][0].account_id)
            if error is None:
                snapshot.note(name, account.fingerprint)
                continue
            snapshot.forget(name)
            refused.created += account.outcome == "created"
            refused.changed += len(account.lines) - (account.outcome == "created")
            refused.rejects += [LineReject(line, None, error.code, error.message) for line in account.lines]


def _change(lines: Sequence[AccountLine], before: Account | None, issuers: Issuers, *, is_new: bool) -> AccountChange:
    """What these lines say together."""
    skills: dict[str, SkillMastery] | None = None
    classes: dict[str, GrassrootsClass] | None = None
    for line in lines:
        if line.mastery is not None:
            skills = {**(skills or {}), **{s: SkillMastery(m.points, m.updated_at) for s, m in line.mastery.items()}}
        if line.classes is not None:
            owned = [class_of(line.account_id, each) for each in line.classes]
            classes = {**(classes or {}), **{each.class_id: each for each in owned}}
    account = account_after(lines, before, issuers)
    return AccountChange(account, skills, None if classes is None else tuple(classes.values()), is_new)


def _batches(accounts: Iterable[ChangedAccount]) -> Iterator[list[ChangedAccount]]:
    batch: list[ChangedAccount] = []
    size = 0
    for account in accounts:
        length = sum(len(bytes(body)) for body in account.bodies)
        if batch and (len(batch) == _AT_ONCE or size + length > _BYTES_AT_ONCE):
            yield batch
            batch, size = [], 0
        batch.append(account)
        size += length
    if batch:
        yield batch
