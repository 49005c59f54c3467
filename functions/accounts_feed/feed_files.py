"""The working files of a feed, and the snapshot: of each account the hash of the lines that were applied last."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import msgspec

from functions.accounts_feed.feed import (
    ChangedAccount,
    LineReject,
    PartHead,
    Plan,
    Refused,
    ShardHead,
    Tally,
    ToLookAt,
    Written,
    account_hash,
    shard_of,
    shard_of_identifier,
)
from shared.stores.feeds import FeedState
from shared.stores.import_files import Extents, ImportFiles, feed_snapshot_key, work_key
from shared.stores.keys import FEEDS

_NAME = 16
"""Bytes of the hash that names an account."""
_SAID = 8
"""Bytes of the hash of its lines: half of the accounts of the world would have to change for two to be alike."""
_WRITTEN = "written"
"""The file that says which run wrote accounts last."""
_REJECT = msgspec.json.Decoder(LineReject)
_CHANGED = msgspec.json.Decoder(ChangedAccount)
_TO_LOOK_AT: msgspec.json.Decoder[ToLookAt] = msgspec.json.Decoder(ToLookAt.__value__)


class Snapshot:
    """A shard of the snapshot: no account's id and nothing that a line says stands in it, only hashes."""

    def __init__(self, body: bytes = b"") -> None:
        width = _NAME + _SAID
        self._said = {body[at : at + _NAME]: body[at + _NAME : at + width] for at in range(0, len(body), width)}

    def has(self, name: bytes, fingerprint: str) -> bool:
        """Whether these lines were the last that were applied to this account."""
        return self._said.get(name) == bytes.fromhex(fingerprint)[:_SAID]

    def note(self, name: bytes, fingerprint: str) -> None:
        self._said[name] = bytes.fromhex(fingerprint)[:_SAID]

    def forget(self, name: bytes) -> None:
        self._said.pop(name, None)

    def body(self) -> bytes:
        return b"".join(name + self._said[name] for name in sorted(self._said))

    def split(self, shards: int) -> dict[int, bytes]:
        """The same as so many shards, those with something in them."""
        found: dict[int, bytearray] = {}
        for name in sorted(self._said):
            found.setdefault(shard_of(name, shards), bytearray()).extend(name + self._said[name])
        return {shard: bytes(body) for shard, body in found.items()}


class FeedFiles:
    """Files of one run. What was never written reads as nothing."""

    def __init__(self, files: ImportFiles, run_id: str) -> None:
        self._files = files
        self._run_id = run_id

    def _key(self, name: str) -> str:
        return work_key(FEEDS, self._run_id, name)

    def _put(self, name: str, record: object) -> None:
        self._files.write(self._key(name), msgspec.json.encode(record))

    def _get[T](self, name: str, kind: type[T]) -> T | None:
        body = self._files.read(self._key(name))
        return msgspec.json.decode(body, type=kind) if body else None

    # Parts.

    def put_part(self, part: int, shards: Iterable[bytearray], rejects: Iterable[LineReject], head: PartHead) -> None:
        """The lines of each shard, the rejects, and the head, which says that the rest is there."""
        head.extents = self._files.write_shared(self._key(f"lines-{part}"), shards)
        self._files.write(self._key(f"rejects-{part}"), _lines(rejects))
        self._put(f"part-{part}", head)

    def part(self, part: int) -> PartHead:
        head = self._get(f"part-{part}", PartHead)
        if head is None:
            raise LookupError(f"part {part} was not split")
        return head

    def rejects(self, part: int) -> Iterator[LineReject]:
        return map(_REJECT.decode, self._files.lines(self._key(f"rejects-{part}")))

    def put_plan(self, plan: Plan) -> None:
        self._put("plan", plan)

    def plan(self) -> Plan | None:
        return self._get("plan", Plan)

    def lines(self, plan: Plan, shard: int) -> Iterator[tuple[int, bytes, bytes]]:
        """The lines of a shard in their order: number, name of the account, and what the line says."""
        for part, (offset, extents) in enumerate(zip(plan.offsets, plan.extents, strict=True)):
            for line in self._files.lines(self._key(f"lines-{part}"), extents[shard]):
                number, name, body = line.rstrip(b"\n").split(b"\t", 2)
                yield offset + int(number), bytes.fromhex(name.decode()), body

    # Shards.

    def put_shard(
        self, shard: int, changed: bytes | bytearray, to_look_at: Iterable[bytearray], head: ShardHead
    ) -> None:
        head.extents = self._files.write_shared(self._key(f"to-look-at-{shard}"), to_look_at)
        if changed:
            self._files.write(self._key(f"changed-{shard}"), changed)
        self._put(f"shard-{shard}", head)

    def shard(self, shard: int) -> ShardHead | None:
        return self._get(f"shard-{shard}", ShardHead)

    def changed(self, shard: int) -> Iterator[ChangedAccount]:
        return map(_CHANGED.decode, self._files.lines(self._key(f"changed-{shard}")))

    def put_refused(self, shard: int, refused: Refused) -> None:
        self._put(f"refused-{shard}", refused)

    def refused(self, shard: int) -> Refused:
        return self._get(f"refused-{shard}", Refused) or Refused()

    def put_tally(self, tally: Tally) -> None:
        self._put("tally", tally)

    def tally(self) -> Tally | None:
        return self._get("tally", Tally)

    def to_look_at(self, shard: int, extents: Extents, wanted: int, shards: int) -> Iterator[ToLookAt]:
        """What a shard of accounts left to be looked at again, as far as it is in this one of so many shards of addresses and
        Google ids. An earlier run may have had fewer."""
        extent = extents[wanted & (len(extents) - 1)]
        for line in self._files.lines(self._key(f"to-look-at-{shard}"), extent):
            one = _TO_LOOK_AT.decode(line)
            if shard_of_identifier(one.identifier, shards) == wanted:
                yield one

    def add_lost(self, shard: int, lost: Collection[str]) -> None:
        """Note accounts that lost a Google id to another: their next line is read whatever it says."""
        if more := sorted({*lost, *self.lost(shard)}):
            self._put(f"lost-{shard}", more)

    def lost(self, shard: int) -> list[str]:
        return self._get(f"lost-{shard}", list[str]) or []


class SnapshotFiles:
    """The snapshot of all feeds. Only the one feed that holds the lock writes it."""

    def __init__(self, files: ImportFiles) -> None:
        self._files = files

    def shard(self, shard: int, shards: int) -> Snapshot:
        return Snapshot(self._files.read(_shard_key(shard, shards)))

    def put_shard(self, shard: int, shards: int, snapshot: Snapshot) -> None:
        self._files.write(_shard_key(shard, shards), snapshot.body())

    def split(self, before: int, shards: int) -> None:
        """Have as many shards as this; what stood stays as it is."""
        for shard in range(before):
            parts = self.shard(shard, before).split(shards)
            for part in range(shard, shards, before):
                # Where nothing is in it, too: a file of this name may be left from a table that was not restored.
                self._files.write(_shard_key(part, shards), parts.get(part, b""))

    def is_of(self, state: FeedState) -> bool:
        """Whether the accounts of the table are those whose lines it has. Not where only one of the two was taken back to an
        earlier moment: what was applied between them is in one alone."""
        body = self._files.read(feed_snapshot_key(_WRITTEN))
        if not body:
            return not state.written_by
        written = msgspec.json.decode(body, type=Written)
        is_under_way = any(run_id == written.run_id for run_id, _ in state.begun)
        return state.written_by == written.run_id and written.has_ended is not is_under_way

    def put_written(self, run_id: str, *, has_ended: bool) -> None:
        """Note which run writes accounts, or wrote them last; before the table notes it."""
        self._files.write(feed_snapshot_key(_WRITTEN), msgspec.json.encode(Written(run_id, has_ended)))

    def forget(self, shards: int) -> None:
        """Forget which lines were applied: each is applied with the next file that has it."""
        for shard in range(shards):
            self._files.write(_shard_key(shard, shards), b"")

    def lost(self) -> set[str]:
        """Accounts whose next line is read whatever it says."""
        body = self._files.read(feed_snapshot_key("lost"))
        return set(msgspec.json.decode(body, type=list[str])) if body else set()

    def put_lost(self, lost: Collection[str]) -> None:
        self._files.write(feed_snapshot_key("lost"), msgspec.json.encode(sorted(lost)))


def _shard_key(shard: int, shards: int) -> str:
    return feed_snapshot_key(f"{shards}/{shard}")


def line_of(number: int, account_id: str, body: bytes) -> tuple[bytes, bytes]:
    """The name of an account, and a line about it as ``FeedFiles.lines`` reads it."""
    name = account_hash(account_id)
    return name, b"%d\t%s\t%s\n" % (number, name.hex().encode(), body)


def packed(record: object) -> bytes:
    """A record as a line of a file."""
    return msgspec.json.encode(record) + b"\n"


def _lines(records: Iterable[object]) -> bytearray:
    body = bytearray()
    for record in records:
        body += packed(record)
    return body
