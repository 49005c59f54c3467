"""Reads account lines, writes what has changed, and matches roster users who were waiting for such an account."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

from functions.accounts_feed.account_line import AccountLine, account_line, account_of, class_of, rejection
from shared.domain.account import Account, SkillMastery
from shared.domain.clock import Clock, to_iso
from shared.domain.errors import AccountTooLarge, Conflict
from shared.domain.roster import RosterUser, RosterUserKey
from shared.runtime.parallel import each
from shared.stores.accounts import AccountStore, StoredAccount
from shared.stores.districts import DistrictStore
from shared.stores.identifier_index import IdentifierIndex
from shared.stores.roster_users import RosterUserStore
from shared.use_cases.match_and_invite import MatchAndInvite

REJECTS_SHOWN = 100
_AT_ONCE = 200
"""Lines that are loaded together, at most."""
_BYTES_AT_ONCE = 8_000_000
"""Bytes of lines that are loaded together: as objects they take ten times as many."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Result(StrEnum):
    """What a line did."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class LoadAccounts:
    """Loads a feed. May be run again: a line that changes nothing is known by its fingerprint."""

    def __init__(
        self,
        accounts: AccountStore,
        identifiers: IdentifierIndex,
        users: RosterUserStore,
        districts: DistrictStore,
        matcher: MatchAndInvite,
        *,
        clock: Clock,
        at_once: int = 8,
    ) -> None:
        self._accounts = accounts
        self._identifiers = identifiers
        self._users = users
        self._districts = districts
        self._matcher = matcher
        self._clock = clock
        self._at_once = at_once

    def load(self, lines: Iterable[bytes]) -> dict[str, Any]:
        """Load all lines. Return the feed's report: read, created, changed, unchanged, and rejects by line."""
        started_at = to_iso(self._clock())
        counts = {"read": 0, **{result.value: 0 for result in Result}, "rejected": 0}
        rejects: list[dict[str, Any]] = []
        for batch in _batches(enumerate(lines, 1)):
            for reject in self._load_batch(batch, counts):
                counts["rejected"] += 1
                if len(rejects) < REJECTS_SHOWN:
                    rejects.append(reject)
        return {
            **counts,
            "rejects": rejects,
            "started_at": started_at,
            "finished_at": to_iso(self._clock()),
        }

    def _load_batch(self, batch: Iterable[tuple[int, bytes]], counts: dict[str, int]) -> Iterator[dict[str, Any]]:
        """Load the lines of a batch together, but two lines of one account, or of one Google id, one after the other.

        Yield the rejects.
        """
        parsed: dict[str, tuple[int, AccountLine]] = {}
        google_ids: set[str | None] = set()
        for number, raw in batch:
            raw = raw.removeprefix(_BYTE_ORDER_MARK) if number == 1 else raw
            if not raw.strip():
                continue
            counts["read"] += 1
            try:
                line = account_line(raw)
            except ValueError as error:
                yield rejection(number, error)
                continue
            if line.account_id in parsed or line.google_sub in google_ids:
                yield from self._load_lines(parsed.values(), counts)
                parsed, google_ids = {}, set()
            google_ids |= {line.google_sub} - {None}
            parsed[line.account_id] = number, line
        yield from self._load_lines(parsed.values(), counts)

    def _load_lines(self, lines: Iterable[tuple[int, AccountLine]], counts: dict[str, int]) -> Iterator[dict[str, Any]]:
        for result in each(self._load_or_reject, lines, at_once=self._at_once):
            if isinstance(result, Result):
                counts[result.value] += 1
            else:
                yield result

    def _load_or_reject(self, numbered: tuple[int, AccountLine]) -> Result | dict[str, Any]:
        """A line that cannot be kept costs itself alone."""
        number, line = numbered
        try:
            return self._load(line)
        except AccountTooLarge as error:
            return {"line": number, "column": None, "code": error.code, "message": error.message}

    def _load(self, line: AccountLine) -> Result:
        fingerprint = hashlib.sha256(line.model_dump_json(exclude_unset=True).encode()).hexdigest()
        while True:
            before = self._accounts.stored(line.account_id)
            if before and before.fingerprint == fingerprint:
                return Result.UNCHANGED
            try:
                return self._write(line, before, fingerprint)
            except Conflict:
                continue

    def _write(self, line: AccountLine, before: StoredAccount | None, fingerprint: str) -> Result:
        account = account_of(line, before.account if before else None)
        mastery = None
        if line.mastery is not None:
            mastery = {skill: SkillMastery(m.points, m.updated_at) for skill, m in line.mastery.items()}
        classes = (
            None if line.classes is None else [class_of(line.account_id, each_class) for each_class in line.classes]
        )

        def match_waiting_users() -> None:
            if before is None or _identity(before.account) != _identity(account):
                self._match_waiting_users(account, before.account if before else None)

        self._accounts.put(account, mastery, classes, fingerprint, before=before, once_indexed=match_waiting_users)
        return Result.CHANGED if before else Result.CREATED

    def _match_waiting_users(self, account: Account, before: Account | None) -> None:
        """M7: whom an account points to is matched when it comes, and invited when it points to them no more."""
        holders: set[RosterUserKey] = set()
        sides = [side for side in (account, before) if side]
        for address in {side.email for side in sides if side.email}:
            holders |= set(self._identifiers.holders_of_address(address).users)
        for clever_id in {side.clever_id for side in sides if side.clever_id}:
            holders |= set(self._identifiers.holders_of_clever_id(clever_id).users)
        by_district: dict[str, list[RosterUser]] = {}
        for user in self._users.get_many(holders).values():
            by_district.setdefault(user.district_id, []).append(user)
        for district_id, users in by_district.items():
            if district := self._districts.find(district_id):
                self._matcher.run(district, users, account)


def _identity(account: Account) -> tuple[object, ...]:
    """What a match rests on."""
    return account.email, account.email_verified, account.clever_id, account.display_name, account.closed_at


def _batches(lines: Iterable[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    batch: list[tuple[int, bytes]] = []
    size = 0
    for number, raw in lines:
        if batch and (len(batch) == _AT_ONCE or size + len(raw) > _BYTES_AT_ONCE):
            yield batch
            batch, size = [], 0
        batch.append((number, raw))
        size += len(raw)
    if batch:
        yield batch
