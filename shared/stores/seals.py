"""Seals of the trail: sheets and heads in the table, seals in the snapshot bucket, where nobody who writes the table can write.

What each is, and what it is good for: ``shared.domain.trail_seal``.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import batched
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import ClientError

from shared.domain.clock import from_iso
from shared.domain.trail_seal import SHEET_DAYS, EntryKey, Head, Line, Seal, Sheet
from shared.stores.keys import SEALS_DUE, Item, seal_head_key, seals_due_key, seals_pk, sheet_key
from shared.stores.table import DynamoTable, Put, Table
from shared.stores.uploads import GONE

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SEALS = "trail-seals"
"""The folder of the seals, in the snapshot bucket."""
_LINES = 200
"""That one sheet has: less than an item may hold, however long the ids are."""
_DUE_DAYS = 30


class Due(NamedTuple):
    """That something was collected of a district in this hour."""

    hour: str
    district_id: str


class SheetStore:
    """``SEALED#d`` / reference of a sheet, and ``HEAD``; ``SEALS_DUE`` / ``hour#d``."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)
        self._noted: frozenset[Due] = frozenset()
        """What this worker noted as due in this hour."""

    def collect(self, district_id: str, hour: str, lines: Iterable[Line]) -> int:
        """Keep these lines, and that the hour is to be sealed. The same again changes nothing. Return how many writes it took."""
        sheets = [Sheet(hour, frozenset(some)) for some in batched(sorted(set(lines)), _LINES, strict=False)]
        puts = [_item(district_id, sheet) for sheet in sheets]
        due = Due(hour, district_id)
        if due not in self._noted:
            ends = from_iso(f"{hour}:00:00Z") + timedelta(days=_DUE_DAYS)
            puts.append({**seals_due_key(hour, district_id), "ttl": int(ends.timestamp())})
        written = self._table.write_many(puts)
        self._noted = frozenset(each for each in self._noted if each.hour == hour) | {due}
        return written

    def due(self, until: str) -> list[Due]:
        """What is to be sealed of the hours up to this one, the oldest first."""
        keys = (item["SK"] for item in self._table.query(SEALS_DUE, until=f"{until}~"))
        return [Due(*sk.split("#", 1)) for sk in keys]

    def done(self, due: Iterable[Due]) -> None:
        self._table.write_many(deletes=[seals_due_key(*each) for each in due])

    def sheets(self, district_id: str, *, since: str = "", until: str = "") -> dict[str, Sheet]:
        """The sheets by the reference under which each lies; of these hours alone, each included."""
        between = (since or "0", f"{until}~" if until else "9~")
        found = self._table.query(seals_pk(district_id), between=between)
        return {item["SK"]: sheet_of(item) for item in found}

    def head(self, district_id: str) -> Head | None:
        item = self._table.get(seal_head_key(district_id))
        return head_of(item) if item else None

    def note_head(self, district_id: str, head: Head, hour: str) -> None:
        """Every sheet up to this hour is sealed."""
        self._table.write(Put({**seal_head_key(district_id), "number": head.number, "seal": head.hash, "hour": hour}))

    def sealed_digests(self, district_id: str, pk: str) -> tuple[dict[EntryKey, set[str]], set[EntryKey]]:
        """What sheets say of the entries of a partition, and which of these are sealed: as the table tells it."""
        head = self._table.get(seal_head_key(district_id)) or {}
        digests: dict[EntryKey, set[str]] = defaultdict(set)
        sealed: set[EntryKey] = set()
        for sheet in self.sheets(district_id).values():
            for line in sheet.lines:
                if line.pk == pk:
                    digests[line.key].add(line.digest)
                    if sheet.hour <= str(head.get("hour", "")):
                        sealed.add(line.key)
        return digests, sealed

    def said_of(self, district_id: str, is_gone: Callable[[Line], bool]) -> list[str]:
        """The hashes of these lines: what the trail says of them before they are erased."""
        sheets = self.sheets(district_id).values()
        return sorted(line.hash for sheet in sheets for line in sheet.lines if is_gone(line))

    def erase(self, district_id: str, is_gone: Callable[[Line], bool]) -> int:
        """Leave nothing of these lines but their hashes. Return how many sheets changed. May be run again."""
        changed = [
            {**_item(district_id, left), **sheet_key(district_id, reference)}
            for reference, sheet in self.sheets(district_id).items()
            if (left := sheet.without(is_gone)).erased != sheet.erased
        ]
        return self._table.write_many(changed)


def sheet_of(item: Item) -> Sheet:
    """The sheet as it lies there; one that was tampered with so that it cannot be read has no lines."""
    try:
        lines = frozenset(Line(*map(str, line)) for line in json.loads(item["lines"]))
        return Sheet(str(item["SK"]).partition("#")[0], lines, frozenset(map(str, item.get("erased", ()))))
    except (KeyError, TypeError, ValueError):
        return Sheet("", frozenset())


def head_of(item: Item) -> Head:
    return Head(int(item["number"]), str(item["seal"]))


def _item(district_id: str, sheet: Sheet) -> Item:
    ends = from_iso(f"{sheet.hour}:00:00Z") + timedelta(days=SHEET_DAYS)
    lines = json.dumps(sorted(sheet.lines), separators=(",", ":"))
    item: Item = {**sheet_key(district_id, sheet.reference), "lines": lines, "ttl": int(ends.timestamp())}
    return {**item, "erased": sorted(sheet.erased)} if sheet.erased else item


class SealFiles:
    """``trail-seals/{district_id}/{number}.json``: written once each."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def write(self, seal: Seal) -> bool:
        """Write it, unless there is one of this number: False then."""
        said = {
            "district_id": seal.district_id,
            "number": seal.number,
            "hour": seal.hour,
            "sheets": list(seal.sheets),
            "previous": seal.previous,
            "hash": seal.hash,
        }
        try:
            self._s3.put_object(
                Bucket=self._bucket,
                Key=_key(seal.district_id, seal.number),
                Body=json.dumps(said, indent=1).encode(),
                ContentType="application/json",
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"):
                return False
            raise
        return True

    def get(self, district_id: str, number: int) -> Seal | None:
        """The seal of this number; None where there is none."""
        try:
            return self._read(_key(district_id, number), district_id, number)
        except ClientError as error:
            if error.response["Error"]["Code"] in GONE:
                return None
            raise

    def last_number(self, district_id: str) -> int:
        """The highest number there is, found by listing them all; 0 where there is none."""
        return max((_number(key) for key in self._keys(f"{district_id}/")), default=0)

    def all(self, district_id: str) -> Sequence[Seal]:
        """Every seal of a district, by its number."""
        numbers = sorted(_number(key) for key in self._keys(f"{district_id}/"))
        return [self._read(_key(district_id, number), district_id, number) for number in numbers]

    def districts(self) -> set[str]:
        """The districts that have seals."""
        return {key.split("/")[1] for key in self._keys("")}

    def _keys(self, under: str) -> Iterator[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=f"{SEALS}/{under}")
        return (found["Key"] for page in pages for found in page.get("Contents", ()))

    def _read(self, key: str, district_id: str, number: int) -> Seal:
        """The seal as it lies there; one that cannot be read has no hash."""
        body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        try:
            said = json.loads(body)
            sheets = tuple(map(str, said["sheets"]))
            hour, previous, hashed = (str(said[name]) for name in ("hour", "previous", "hash"))
            return Seal(str(said["district_id"]), int(said["number"]), hour, sheets, previous, hashed)
        except (KeyError, TypeError, ValueError):
            return Seal(district_id, number, "", (), "", "")


def _key(district_id: str, number: int) -> str:
    return f"{SEALS}/{district_id}/{number:08}.json"


def _number(key: str) -> int:
    return int(key.rpartition("/")[2].removesuffix(".json"))
