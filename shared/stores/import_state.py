"""A district's imports in the table: which upload is the newest, who may work now, what was last applied."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cmp_to_key

from shared.domain.clock import to_iso
from shared.domain.report import Status, Upload
from shared.stores.keys import Item, Key, import_key, import_lock_key, names_key, newest_upload_key, pair, snapshot_key
from shared.stores.reports import upload_attributes, upload_of
from shared.stores.table import Delete, DynamoTable, Put, Table, Update

LEASE = timedelta(hours=2)
PREVIEWS_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was last applied to a district. ``standing`` and ``read`` are counts by kind."""

    snapshot_id: str
    shards: int
    content: str
    standing: dict[str, int]
    read: dict[str, int]
    import_id: str = ""
    """The import that made it what it is."""
    school_year: str = ""
    on: str = ""
    """The district's day on which it was read, YYYY-MM-DD."""
    previous: Snapshot | None = None
    """What stood before that import, for rolling it back (B2)."""
    by_kind: bool = False
    """Whether the numbers of its people have kinds."""
    was_moved: bool = False
    """Whether people of the district had numbers without a kind at some time: who returns may still have one."""
    renumbered: str = ""
    """Names the changes of numbers that came with it, for rolling it back."""
    nights: str = ""
    """What the district's nights came to (``shared.domain.ordinary_nights.History``)."""
    turns_on: str = ""
    """The district's day, YYYY-MM-DD, from which the same contents are read otherwise: a role begins, or is over (M4). Empty
    where no date lies ahead."""
    grades: dict[str, int] = field(default_factory=dict)
    """How many rows of students each grade has in the last whole roster, by the roster's word for it."""

    @property
    def names_are_sorted(self) -> bool:
        """Whether its names are sorted for searches: where there are several files of people."""
        return self.shards > 1

    def has_turned(self, on: str) -> bool:
        """Whether the same contents mean something else on this day, YYYY-MM-DD, than when they were applied."""
        return bool(self.turns_on) and self.turns_on <= on


class ImportStateStore:
    """The import's own items under ``DISTRICT#d``: NEWEST, LOCK, SNAPSHOT and IMPORT#id."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def newer_than(self, district_id: str, upload: Upload) -> str | None:
        """The import of a valid whole upload that is newer than this one, if there is one. A delta supersedes nothing."""
        item = self._table.get(newest_upload_key(district_id))
        return str(item["import_id"]) if _is_newer(item, upload) and item else None

    def has_ended(self, district_id: str, import_id: str) -> bool:
        """Whether this import was carried out before: S3 may send the event of an upload several times."""
        item = self._table.get(import_key(district_id, import_id))
        return item is not None and item["status"] != Status.FAILED

    def note_valid(self, district_id: str, import_id: str, upload: Upload, *, is_delta: bool = False) -> bool:
        """Note that this upload is valid. False when a newer valid whole one is known: this one is superseded."""
        while True:
            item = self._table.get(newest_upload_key(district_id))
            if _is_newer(item, upload):
                return False
            deltas = _deltas_of(item)
            if (import_id in deltas) if is_delta else (item is not None and item.get("import_id") == import_id):
                return True
            if is_delta:
                deltas[import_id] = upload
            newest: Item = {"import_id": import_id, **upload_attributes(upload)}
            whole = {name: value for name, value in (item or {}).items() if name in newest} if is_delta else newest
            if self._put_newest(district_id, item, whole, deltas):
                return True

    def _put_newest(self, district_id: str, before: Item | None, whole: Item, deltas: dict[str, Upload]) -> bool:
        """Note the newest whole upload and the deltas after it, the latest ones. False when another import did so just now."""
        version = int(before["version"]) if before else 0
        after = {key: each for key, each in deltas.items() if not _is_newer(whole, each)}
        kept = sorted(after.items(), key=cmp_to_key(_by_age))[-_MOST_DELTAS:]
        noted = [{"import_id": key, **upload_attributes(each)} for key, each in kept]
        item = {
            **newest_upload_key(district_id),
            "version": version + 1,
            **whole,
            **({"deltas": noted} if noted else {}),
        }
        is_unchanged = "attribute_not_exists(PK) OR version = :version"
        return self._table.attempt(Put(item).when(is_unchanged, version=version))

    def deltas_after(self, district_id: str, upload: Upload) -> dict[str, Upload]:
        """The deltas that were read and are newer than this upload, by import, the oldest first; the latest few."""
        deltas = _deltas_of(self._table.get(newest_upload_key(district_id)))
        return {import_id: each for import_id, each in deltas.items() if each.is_newer_than(upload)}

    def is_delta(self, district_id: str, import_id: str) -> bool:
        """Whether this import was a delta, as far as it is one of the latest."""
        return import_id in _deltas_of(self._table.get(newest_upload_key(district_id)))

    def held_before(self, district_id: str, upload: Upload) -> str | None:
        """The import that waits for a person and has to be decided before this delta is applied, if there is one."""
        newest = self._table.get(newest_upload_key(district_id))
        before = [key for key, each in _deltas_of(newest).items() if upload.is_newer_than(each)]
        before += [str(newest["import_id"])] if newest and "import_id" in newest else []
        return next((each for each in before if self._is_held(district_id, each)), None)

    def _is_held(self, district_id: str, import_id: str) -> bool:
        item = self._table.get(import_key(district_id, import_id))
        return item is not None and item["status"] == Status.HELD

    def let_wait_again(self, district_id: str, import_id: str) -> bool:
        """Let an import that was applied wait once more, to be applied behind an older one that came late. False where it was not
        applied, or has waited before: it is started under that name once."""
        is_applied = "attribute_exists(PK) AND #status = :completed AND attribute_not_exists(waited)"
        update = Update(import_key(district_id, import_id)).set(status=Status.PAUSED.value, waited=True)
        return self._table.attempt(update.when(is_applied, completed=Status.COMPLETED.value))

    def lock(self, district_id: str, import_id: str, now: datetime) -> bool:
        """Become the one import that works on this district now. False when another one does."""
        lock = {**import_lock_key(district_id), "import_id": import_id, "lease_until": to_iso(now + LEASE)}
        is_free = "attribute_not_exists(PK) OR import_id = :me OR lease_until < :now"
        return self._table.attempt(Put(lock).when(is_free, me=import_id, now=to_iso(now)))

    def is_locked_by_another(self, district_id: str, import_id: str, now: datetime) -> bool:
        """Whether another import works on this district, as far as its lease tells."""
        item = self._table.get(import_lock_key(district_id))
        return item is not None and item["import_id"] != import_id and item["lease_until"] >= to_iso(now)

    def holds_lock(self, district_id: str, import_id: str) -> bool:
        """Whether this one is the one that works on this district."""
        item = self._table.get(import_lock_key(district_id))
        return item is not None and item["import_id"] == import_id

    def unlock(self, district_id: str, import_id: str) -> None:
        """Let the next one work; harmless when the lock is somebody else's."""
        is_mine = "attribute_not_exists(PK) OR import_id = :me"
        self._table.attempt(Delete(import_lock_key(district_id)).when(is_mine, me=import_id))

    def snapshot(self, district_id: str) -> Snapshot | None:
        item = self._table.get(snapshot_key(district_id))
        return _snapshot(item) if item else None

    def snapshot_and(self, district_id: str, keys: Iterable[Key]) -> tuple[Snapshot | None, list[Item]]:
        """What was last applied, and the items of these keys: one request."""
        found = self._table.batch_get([snapshot_key(district_id), *keys], consistent=False)
        standing = found.pop(pair(snapshot_key(district_id)), None)
        return (_snapshot(standing) if standing else None), list(found.values())

    def advance(self, district_id: str, snapshot: Snapshot, record: Item, event: Item) -> None:
        """Point at the new snapshot, note the import and put its event into the outbox, all at once. May be run again."""
        previous = {"previous": _attributes(snapshot.previous)} if snapshot.previous else {}
        self._table.write(
            Put({**snapshot_key(district_id), **_attributes(snapshot), **previous}), Put(record), Put(event)
        )

    def note_names(self, district_id: str, snapshot_id: str, places: bytes) -> bool:
        """Note where names lie in the sorted file of a snapshot. False where another one stands since."""
        still_stands = Update(snapshot_key(district_id)).set(has_names=True).when("snapshot_id = :id", id=snapshot_id)
        item = {**names_key(district_id), "snapshot_id": snapshot_id, "places": places}
        return self._table.attempt(still_stands, Put(item))

    def note(self, record: Item, event: Item | None = None) -> None:
        """Note how an import stands, with its event, if there is one."""
        self._table.write(Put(record), *([Put(event)] if event else []))

    def note_shown(self, record: Item, shown: str, now: datetime) -> None:
        """Note what a preview showed, for whoever applies it within a month. One that was applied since stays that."""
        ends = int((now + PREVIEWS_KEPT).timestamp())
        is_no_import = "attribute_not_exists(PK) OR preview = :yes"
        self._table.attempt(Put({**record, "shown": shown, "ttl": ends}).when(is_no_import, yes=True))

    def note_refused(self, district_id: str, import_id: str, reason: Item) -> None:
        """Note that a preview was not applied, and why."""
        update = Update(import_key(district_id, import_id)).set(status=Status.REJECTED.value, reason=reason)
        self._table.attempt(update.when("preview = :yes", yes=True))


_MOST_DELTAS = 8
"""Deltas that are noted behind a whole upload: S3's events come late by seconds, not by weeks."""


def _is_newer(newest: Item | None, upload: Upload) -> bool:
    """Whether the whole upload that is noted is newer."""
    return newest is not None and "upload" in newest and upload_of(newest).is_newer_than(upload)


def _deltas_of(newest: Item | None) -> dict[str, Upload]:
    return {str(each["import_id"]): upload_of(each) for each in (newest or {}).get("deltas", ())}


def _by_age(one: tuple[str, Upload], other: tuple[str, Upload]) -> int:
    return 1 if one[1].is_newer_than(other[1]) else -1


def _attributes(snapshot: Snapshot) -> Item:
    return {
        "snapshot_id": snapshot.snapshot_id,
        "shards": snapshot.shards,
        "content": snapshot.content,
        "standing": snapshot.standing,
        "read": snapshot.read,
        "import_id": snapshot.import_id,
        "school_year": snapshot.school_year,
        "on": snapshot.on,
        **({"by_kind": True} if snapshot.by_kind else {}),
        **({"was_moved": True} if snapshot.was_moved else {}),
        **({"renumbered": snapshot.renumbered} if snapshot.renumbered else {}),
        **({"nights": snapshot.nights} if snapshot.nights else {}),
        **({"turns_on": snapshot.turns_on} if snapshot.turns_on else {}),
        **({"grades": snapshot.grades} if snapshot.grades else {}),
    }


def _snapshot(item: Item) -> Snapshot:
    previous = item.get("previous")
    return Snapshot(
        item["snapshot_id"],
        int(item["shards"]),
        item["content"],
        {k: int(v) for k, v in item["standing"].items()},
        {k: int(v) for k, v in item["read"].items()},
        str(item.get("import_id", item["snapshot_id"])),
        str(item.get("school_year", "")),
        str(item.get("on", "")),
        _snapshot(previous) if previous else None,
        bool(item.get("by_kind")),
        bool(item.get("was_moved")),
        str(item.get("renumbered", "")),
        str(item.get("nights", "")),
        str(item.get("turns_on", "")),
        {grade: int(number) for grade, number in item.get("grades", {}).items()},
    )
