"""Districts' sources in the table: what was last written of one, when it is due, which fetch is at work, how fetches went."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from shared.domain.clock import to_iso
from shared.domain.report import Upload
from shared.stores.keys import SOURCES, Item, fetch_lock_key, source_due_key, source_key
from shared.stores.reports import upload_attributes
from shared.stores.table import PRESENT, Delete, DynamoTable, Put, Table, Update

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

LEASE = timedelta(minutes=20)
"""For which a fetch that says nothing more still keeps others away: longer than a step may take."""

BEGINS_WITHIN = timedelta(minutes=2)
"""After which a fetch that was asked for on the console, and did not begin, may be asked for again."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """How a district's fetches went. Moments are ISO 8601, UTC; empty where there was none."""

    body: str = ""
    """The last source.json that could be used."""
    due_at: str = ""
    run_id: str = ""
    """The fetch that is at work, or was last."""
    status: str = ""
    """``fetching``, ``completed``, ``unchanged`` or ``failed``."""
    code: str = ""
    """Why it failed."""
    stage: str = ""
    """The collection that is fetched."""
    started_at: str = ""
    pages: int = 0
    rows: int = 0
    requests: int = 0
    good_at: str = ""
    """When a fetch was good last."""
    whole_at: str = ""
    """When everything was fetched last."""
    revision: str = ""
    """The state of the source's data that was fetched last, where it names one."""
    counts: Mapping[str, int] | None = None
    """The rows of each collection that were fetched last."""
    ended_at: str = ""
    asked_at: str = ""
    """When somebody asked for a fetch on the console last."""
    folder: str = ""
    """Where the last fetch was written: the part of its upload's key behind the district."""
    since: str = ""
    """The source's own clock when the last good fetch began: what changed from then on was not asked for yet."""
    changes_at: str = ""
    """When what changed was fetched last."""
    changes: str = ""
    """What came of asking by date: ``kept``, ``refused`` (everything was fetched instead) or ``drift``; empty where nothing was
    asked by date."""
    checks: str = ""
    """The folder of a whole fetch right behind a night's changes, whose report tells what they did not."""
    late: int = 0
    """How many of its rows changed in between."""
    drift: int = 0
    """How many people, classes and enrollments the whole fetch found that the changes did not tell."""

    def waits_to_begin(self, now: datetime) -> bool:
        """Whether a fetch that was asked for on the console has not begun yet. One that is lost is waited for no longer than
        it takes S3 to tell of it."""
        return self.asked_at > max(self.started_at, to_iso(now - BEGINS_WITHIN))


@dataclass(frozen=True, slots=True)
class SourceTrouble:
    """A source whose fetches failed for two nights and more, with no good one since."""

    district_id: str
    since: str
    """When the first of these nights' fetches began."""
    told: frozenset[str]
    """Hashes of the contacts who know."""


def state_of(item: Item) -> SourceState:
    """What is noted of a source; of one that is not there, nothing."""
    counts = {name: int(number) for name, number in (item.get("counts") or {}).items()}
    told: Any = {name: str(item.get(name, "")) for name in _TEXTS}
    told |= {name: int(item.get(name, 0)) for name in ("pages", "rows", "requests", "late", "drift")}
    return SourceState(**told, counts=counts or None)


class FetchStore:
    """``SOURCES`` / district for when it is due, ``DISTRICT#d`` / ``SOURCE`` and ``FETCHING``."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def state(self, district_id: str) -> SourceState:
        return state_of(self._table.get(source_key(district_id)) or {})

    def put_source(self, district_id: str, body: str, due_at: datetime) -> None:
        """Note a source that can be used, and when it is due. May be run again. What is written anew may ask by date again."""
        noted = Update(source_key(district_id)).set(
            body=body, due_at=to_iso(due_at), changes=None, drift=None, since=None
        )
        self._table.write(noted)
        self._table.write(Put({**source_due_key(district_id), "due_at": to_iso(due_at)}))

    def forget_source(self, district_id: str) -> None:
        """The district has no source any more."""
        self._table.write(Delete(source_due_key(district_id)))
        self._table.write(Update(source_key(district_id)).remove("body", "due_at"))

    def due(self, now: datetime) -> Iterator[tuple[str, str]]:
        """The districts whose source is due, and since when."""
        for item in self._table.query(SOURCES):
            if item["due_at"] <= to_iso(now):
                yield item["SK"], item["due_at"]

    def put_due(self, district_id: str, before: str, due_at: datetime) -> None:
        """Note when the source is due next, unless that was noted already."""
        is_as_before = Update(source_due_key(district_id)).set(due_at=to_iso(due_at)).when("due_at = :was", was=before)
        if self._table.attempt(is_as_before):
            self._table.write(Update(source_key(district_id)).set(due_at=to_iso(due_at)))

    def note_failed_night(self, district_id: str, began_at: str) -> None:
        """That a night's fetch failed. May be run again."""
        failed = Update(source_due_key(district_id)).set(failed_at=began_at).set_first(failed_since=began_at)
        self._table.attempt(failed.when(PRESENT))

    def note_good(self, district_id: str) -> None:
        """That a fetch was good: what failed before it counts no more. May be run again."""
        good = Update(source_due_key(district_id)).remove("failed_at", "failed_since", "told")
        self._table.attempt(good.when("attribute_exists(failed_since)"))

    def troubles(self) -> Iterator[SourceTrouble]:
        """The sources whose fetches failed for two nights and more."""
        for item in self._table.query(SOURCES):
            if str(item.get("failed_at", "")) > str(item.get("failed_since", "")):
                yield SourceTrouble(item["SK"], item["failed_since"], frozenset(item.get("told") or ()))

    def note_told(self, trouble: SourceTrouble, contact_hash: str) -> None:
        """That a contact was told of it."""
        told = Update(source_due_key(trouble.district_id)).add(told={contact_hash})
        self._table.attempt(told.when("failed_since = :since", since=trouble.since))

    def due_now(self, district_id: str, now: datetime) -> None:
        """Let the schedule start another fetch of the district when it looks next."""
        self._table.attempt(Update(source_due_key(district_id)).set(due_at=to_iso(now)).when(PRESENT))

    def lock(self, district_id: str, run_id: str, now: datetime) -> bool:
        """Let this fetch be the one that is at work. False where another one is."""
        is_free = "(attribute_not_exists(PK) OR ends_at < :now OR run_id = :run_id)"
        lock = {**fetch_lock_key(district_id), "run_id": run_id, "ends_at": to_iso(now + LEASE)}
        return self._table.attempt(Put(lock).when(is_free, now=to_iso(now), run_id=run_id))

    def unlock(self, district_id: str, run_id: str) -> None:
        self._table.attempt(Delete(fetch_lock_key(district_id)).when("run_id = :run_id", run_id=run_id))

    def is_at_work(self, district_id: str, now: datetime) -> bool:
        """Whether a fetch of the district is at work, and said something not too long ago."""
        lock = self._table.get(fetch_lock_key(district_id))
        return lock is not None and str(lock["ends_at"]) > to_iso(now)

    def ask(self, district_id: str, before: SourceState, now: datetime, noted: Put) -> bool:
        """Note that somebody asks for a fetch, with its entry in the trail. False where another one asked since ``before``."""
        asked = Update(source_key(district_id)).set(asked_at=to_iso(now))
        if before.asked_at:
            asked = asked.when("asked_at = :before", before=before.asked_at)
        else:
            asked = asked.when("attribute_not_exists(asked_at)")
        return self._table.attempt(asked, noted)

    def note(self, district_id: str, **told: str | int | Mapping[str, int] | None) -> None:
        """Note how a fetch goes: attributes of ``SourceState``."""
        self._table.write(Update(source_key(district_id)).set(**told))


_TEXTS = (
    "body", "due_at", "run_id", "status", "code", "stage", "started_at", "good_at", "whole_at", "revision", "ended_at",
    "asked_at", "folder", "since", "changes_at", "changes", "checks",
)  # fmt: skip


class FetchStarter:
    """Starts the RosterFetch state machine: one execution for each request or night, so that none starts twice."""

    def __init__(self, states: SFNClient, state_machine_arn: str) -> None:
        self._states = states
        self._arn = state_machine_arn

    def start(self, run_id: str, district_id: str, upload: Upload, *, now: bool, started_at: str) -> None:
        """``now``: somebody asked for it. Starting it again does nothing."""
        fetch = {
            "run_id": run_id,
            "district_id": district_id,
            **upload_attributes(upload),
            "now": now,
            "started_at": started_at,
        }
        try:
            self._states.start_execution(
                stateMachineArn=self._arn, name=f"{run_id}-{district_id}"[:80], input=json.dumps({"fetch": fetch})
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise


class FetchRequests:
    """Asks for a fetch as operators do: an object under ``fetches/``, which starts it."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def put(self, district_id: str, name: str) -> None:
        """Ask for everything now. Asking under the same name again fetches again."""
        self._s3.put_object(Bucket=self._bucket, Key=f"fetches/{district_id}/{name}.json", Body=b"{}")
