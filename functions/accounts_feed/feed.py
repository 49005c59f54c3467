"""One file of the accounts feed: what its steps hand to each other."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypedDict

import msgspec
from msgspec import Struct

from shared.domain.report import Upload
from shared.stores.import_files import Extents

PART = 16_000_000
"""Bytes of a file that one worker reads."""
SHARD = 8_000_000
"""Bytes of a file for which there is a shard of accounts."""
MOST_SHARDS = 256
REJECTS_SHOWN = 100


class StepResult(TypedDict, total=False):
    """What a step returns to the state machine."""

    next: str
    """The step to go on with: ``split``, ``compare``, ``apply``, ``match``, ``finish``; or ``wait``, ``done``."""
    shards: list[int]
    """What the map after it goes over: parts of the file, or shards of accounts."""
    match_shards: list[int]
    """The shards of addresses and federated identities that are looked at."""
    shard: int
    """Which one is done."""
    status: str
    """How the feed ended."""


WAIT: StepResult = {"next": "wait", "shards": []}
DONE: StepResult = {"next": "done", "shards": []}
FINISH: StepResult = {"next": "finish", "shards": [], "match_shards": []}


@dataclass(frozen=True, slots=True)
class Feed:
    """One file of the feed, as every step is given it. ``run_id`` names its working files."""

    run_id: str
    name: str
    upload: Upload
    size: int
    """Bytes of the file."""
    started_at: str

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> Feed:
        return cls(**{**event, "upload": Upload(**event["upload"])})

    @property
    def parts(self) -> int:
        """Into how many parts the file is cut."""
        return max(1, -(-self.size // PART))


class LineReject(Struct, array_like=True):
    """A line that is left out. ``column`` is the field, or in what is no JSON the place in the line."""

    line: int
    column: str | int | None
    code: str
    message: str


class PartHead(Struct):
    """What a part of the file has: lines in all, lines with an account, and where those of each shard lie."""

    lines: int
    read: int
    rejected: int
    extents: Extents


class Plan(Struct):
    """The file as a whole. ``offsets`` are the lines before each part, ``extents`` those of each part by shard."""

    shards: int
    read: int
    rejected: int
    offsets: list[int]
    extents: list[Extents]
    anew: bool = False
    """Whether every line is applied, whatever was applied before: the snapshot is not the table's."""


class Written(Struct):
    """Which run wrote accounts last, and whether it came to its end."""

    run_id: str
    has_ended: bool


class ShardHead(Struct):
    """What comparing a shard came to: lines by what they do, and where lies what they lead back to."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    twice: int = 0
    """Lines about an account that an earlier line of the file is about."""
    first_twice: int | None = None
    """The first of these."""
    extents: Extents = []
    """Of what is to be looked at again, by shard of addresses and federated identities."""
    looked_at: list[str] = []
    """Accounts whose lines were to be read whatever they say."""


class Run(Struct):
    """A feed that wrote accounts, and where lies what that leads back to: extents by shard, for each shard of accounts."""

    run_id: str
    extents: dict[int, Extents]


class Tally(Struct):
    """What all shards came to, and what is to be looked at again, also after feeds that did not end."""

    created: int
    changed: int
    unchanged: int
    twice: int
    first_twice: int | None
    looked_at: list[str]
    runs: list[Run]
    shards: list[int]
    """Of accounts that are written."""


class ChangedAccount(Struct, array_like=True):
    """An account whose lines are not those that were applied last."""

    key: str
    fingerprint: str
    outcome: str
    """``created``, ``changed``, or ``unchanged``: an earlier version has applied this very line."""
    lines: list[int]
    bodies: list[msgspec.Raw]


class Refused(Struct):
    """Lines that could not be kept, counted under what they would have done."""

    created: int = 0
    changed: int = 0
    rejects: list[LineReject] = []


class AddressToLookAt(Struct, array_like=True, tag="a"):
    """An address to whose holders something about an account leads back (M7)."""

    address: str
    account_id: str

    @property
    def identifier(self) -> str:
        return self.address


class IdToSettle(Struct, array_like=True, tag="g"):
    """A federated identity that an account names from this line on, or names no more."""

    subject: str
    account_id: str
    line: int
    issuer: str = ""
    """Empty in what an earlier version wrote, which knew Google's alone."""

    @property
    def identifier(self) -> str:
        return self.subject


type ToLookAt = AddressToLookAt | IdToSettle


def account_hash(account_id: str) -> bytes:
    """Names an account in the snapshot."""
    return hashlib.blake2b(account_id.encode(), digest_size=16).digest()


def shard_of(hashed: bytes, shards: int) -> int:
    """Which shard an account belongs to. Shards are powers of two, so that a shard of 2n is a part of a shard of n."""
    return hashed[-1] & (shards - 1)


def shard_of_identifier(identifier: str, shards: int) -> int:
    """Which shard an address or a federated identity belongs to; shards of 2n as above."""
    return zlib.crc32(identifier.encode()) & (shards - 1)


def shards_for(size: int, before: int) -> int:
    """How many shards: enough for a file of so many bytes, and never fewer than the standing snapshot has."""
    shards = before
    while shards * SHARD < size and shards < MOST_SHARDS:
        shards *= 2
    return shards


def fingerprint_of(bodies: Iterable[bytes]) -> str:
    """The hash of what a file says of one account; of one line as an earlier version noted it with the account."""
    hashes = [hashlib.sha256(body) for body in bodies]
    return (hashes[0] if len(hashes) == 1 else hashlib.sha256(b"".join(h.digest() for h in hashes))).hexdigest()
