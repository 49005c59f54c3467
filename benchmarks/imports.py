"""What importing a roster costs: wall time against a bare ``csv.reader`` pass, memory of a worker, write units.

The steps are the product's own, run over two processes as the state machine's maps would run them; S3 is a folder, and the
table counts write units by item size and keeps only what is asked for again.
"""

from __future__ import annotations

import csv
import hashlib
import json
import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

from benchmarks.folder_s3 import FolderS3
from benchmarks.memory import peak_memory
from functions.import_step.import_context import ImportContext
from functions.import_step.plan import Import
from functions.import_step.steps import ImportSteps
from shared.domain.district_file import settings_of
from shared.domain.report import Upload
from shared.stores.activation_queue import ActivationQueue
from shared.stores.activations import ActivationStore
from shared.stores.districts import DistrictStore
from shared.stores.identifier_index import IdentifierIndex
from shared.stores.import_files import ImportFiles
from shared.stores.import_state import ImportStateStore
from shared.stores.links import LinkStore
from shared.stores.reports import ReportStore
from shared.stores.table import without_none
from shared.stores.uploads import Uploads
from shared.stores.waiting import WaitingStore
from shared.use_cases.match_and_invite import MatchAndInvite
from tests.fakes.dynamodb import MemoryTable, units, whole_item_size
from tests.harness import run_step
from tests.state_machine import IMPORT, Position

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

PROCESSES = 2
READING = ("open", "split", "admit", "people", "classes", "gate")
"""Split, validate and diff: what comes before the first write."""
WRITING = ("apply", "members", "match")
"""What writes people, classes and invitations."""


class CountingTable(MemoryTable):
    """Keeps a district's own items; of people, classes and mails only requests and write units are counted, by kind of item.

    Nobody holds an address here: a look-up finds nothing, at the price of one.
    """

    def __init__(self) -> None:
        super().__init__("table")
        self.units: Counter[str] = Counter()
        self.items_written: Counter[str] = Counter()
        self._lock = Lock()
        client = self.meta.client
        client.batch_write_item = self._count
        self._keep_together = client.transact_write_items
        client.transact_write_items = self._count_together
        self._put_by_itself = super().put_item

    @property
    def requests(self) -> dict[str, int]:
        return self.meter.requests

    def query(self, **request: Any) -> dict[str, Any]:
        if not str(request["ExpressionAttributeValues"][":pk"]).startswith("EMAIL#"):
            return super().query(**request)
        self.asked("Query")
        self.meter.read_units += 1
        return {"Items": [], "Count": 0, "ScannedCount": 0}

    def asked(self, operation: str) -> None:
        """Count a request."""
        with self._lock:
            self.requests[operation] = self.requests.get(operation, 0) + 1

    def _count(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:
        self.asked("BatchWriteItem")
        for write in RequestItems["table"]:
            put = write.get("PutRequest", {}).get("Item")
            self._wrote(put, put or write["DeleteRequest"]["Key"], 1)
        return {}

    def put_item(self, **request: Any) -> dict[str, Any]:
        """Activations are counted; packs of holders, which are read again, are kept, too."""
        item = request["Item"]
        kind = _kind_of(item)
        if kind in ("ACTIVATION", "POINTER", "HOLDERS"):
            self._wrote(item, item, 1)
        if kind in ("ACTIVATION", "POINTER"):
            self.asked("PutItem")
            return {}
        kept: dict[str, Any] = self._put_by_itself(**request)
        return kept

    def _count_together(self, *, TransactItems: list[dict[str, Any]]) -> dict[str, Any]:
        for write in TransactItems:
            ((_, one),) = write.items()
            put = one.get("Item")
            if _kind_of(put or one["Key"]) == "HOLDERS":
                self._wrote(put, put or one["Key"], 2)
        kept: dict[str, Any] = self._keep_together(TransactItems=TransactItems)
        return kept

    def _wrote(self, put: Mapping[str, Any] | None, key: Mapping[str, Any], factor: int) -> None:
        kind = _kind_of(key)
        with self._lock:
            self.units[kind] += factor * (units(whole_item_size(without_none(put))) if put else 1)
            self.items_written[kind] += 1


def _kind_of(key: Mapping[str, Any]) -> str:
    """What an item is counted as."""
    kind, _, _ = str(key["PK" if key["PK"].startswith("HOLDERS#") else "SK"]).partition("#")
    return kind


class CountingQueue:
    """Takes messages, as SQS does."""

    def __init__(self, table: CountingTable) -> None:
        self._table = table

    def send_message_batch(self, **_request: object) -> dict[str, Any]:
        self._table.asked("SendMessageBatch")
        return {}


def steps(folder: Path, table: CountingTable) -> ImportSteps:
    s3 = FolderS3(folder)
    moment = datetime(2026, 9, 1, 15, tzinfo=UTC)
    ids = count()
    matcher = MatchAndInvite(
        IdentifierIndex(table),
        LinkStore(table),
        ActivationStore(table),
        ActivationQueue(cast("SQSClient", CountingQueue(table)), "queue").request,
        WaitingStore(table),
        clock=lambda: moment,
        new_id=lambda: f"id-{next(ids):032}",
    )
    context = ImportContext(
        table,
        uploads=Uploads(s3, "rosters"),
        files=ImportFiles(s3, "snapshots"),
        reports=ReportStore(table, s3, "reports", ""),
        matcher=lambda: matcher,
        clock=lambda: moment,
    )
    return ImportSteps(context)


@dataclass
class Worked:
    """One step of one shard: what it counted, and the most memory that its process ever had, in bytes."""

    peak: int
    cpu: float
    units: Counter[str]
    items: Counter[str]
    requests: Counter[str]


def register(table: CountingTable, settings: Mapping[str, Any]) -> None:
    """Have a district with these settings."""
    DistrictStore(table).put(settings_of(settings))


def work(folder: Path, settings: Mapping[str, Any], call: dict[str, Any]) -> Worked:
    """Make a call of the state machine, in a process of its own."""
    table = CountingTable()
    register(table, settings)
    before = Counter(table.requests)
    began = time.process_time()
    run_step(steps(folder, table), call)
    cpu = time.process_time() - began
    return Worked(peak_memory(), cpu, table.units, table.items_written, Counter(table.requests) - before)


@dataclass
class Measured:
    """One import: seconds by step, the most memory of a worker in bytes, write units and items by kind."""

    status: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    peak: int = 0
    units: Counter[str] = field(default_factory=Counter)
    items: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    """Requests of the steps that write: of a shard's steps from ``apply`` on."""
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def reading(self) -> float:
        return sum(self.seconds.get(step, 0.0) for step in READING)


class Bench:
    """A district's imports, one after the other, in one folder."""

    _uploads = 0

    def __init__(self, folder: Path, *, table: CountingTable | None = None, **settings: Any) -> None:
        """``table`` is another bench's, whose district goes on with these settings."""
        self.folder = folder
        self.table = table or CountingTable()
        self._settings = {
            "district_id": "lakeside",
            "name": "L",
            "email_domains": ["lakeside.example"],
            "time_zone": "America/Chicago",
            **settings,
        }
        register(self.table, self._settings)

    def upload(self, roster: Path) -> Import:
        """Loose files, as links."""
        number = Bench._uploads = Bench._uploads + 1
        name = f"night-{number:04}"
        s3 = FolderS3(self.folder)
        for file in sorted(roster.glob("*.csv")):
            s3.path("rosters", f"rosters/lakeside/{name}/{file.name}").symlink_to(file.resolve())
        moment = (datetime(2026, 9, 1, tzinfo=UTC) + timedelta(days=number)).isoformat()
        upload = Upload(f"rosters/lakeside/{name}/_complete", "e", moment, f"{number:016X}")
        return Import(name, "lakeside", upload, started_at=moment)

    def run(self, roster: Path, shards_over: AbstractContextManager[Executor] | None = None) -> Measured:
        """Import these files as the state machine would, shards over two processes that begin afresh, or over these workers."""
        import_, measured = self.upload(roster), Measured()
        before = sum(self.table.meter.write_units.values())
        position = self._take_steps(import_, measured, shards_over or workers())
        measured.status = str(position.data["answer"]["status"])
        measured.units["of the district"] = sum(self.table.meter.write_units.values()) - before
        report = FolderS3(self.folder).path("reports", f"reports/lakeside/{import_.import_id}/report.json")
        measured.report = json.loads(report.read_text())
        return measured

    def least_reading(self, roster: Path, times: int) -> float:
        """Seconds of what comes before the first write, the least of so many imports that end there: what else the machine does
        only adds to them."""
        readings = []
        for _ in range(times):
            import_, measured = self.upload(roster), Measured()
            self._take_steps(import_, measured, workers(), until=WRITING[0])
            ImportStateStore(self.table).unlock(import_.district_id, import_.import_id)
            readings.append(measured.reading)
        return min(readings)

    def _take_steps(
        self,
        import_: Import,
        measured: Measured,
        shards_over: AbstractContextManager[Executor],
        until: str | None = None,
    ) -> Position:
        """Take the steps of an import, up to this one. Return where it is then."""
        mine = steps(self.folder, self.table)
        position = IMPORT.start({"import": asdict(import_)})
        with shards_over as pool:
            while IMPORT.has_calls(position):
                calls = IMPORT.calls(position)
                if calls[0]["step"] == until:
                    break
                if IMPORT.kind(position) == "Map":
                    self._map(measured, pool, calls)
                    position = IMPORT.after(position)
                else:
                    (call,) = calls
                    result = self._timed(measured, call["step"], lambda call=call: run_step(mine, call))
                    position = IMPORT.after(position, result)
        return position

    def _timed(self, measured: Measured, step: str, do: Any) -> Any:
        began = time.perf_counter()
        answer = do()
        measured.seconds[step] = measured.seconds.get(step, 0.0) + time.perf_counter() - began
        return answer

    def _map(self, measured: Measured, pool: Executor, calls: list[dict[str, Any]]) -> None:
        step = calls[0]["step"]

        def all_shards() -> None:
            for done in pool.map(partial(work, self.folder, self._settings), calls):
                measured.peak = max(measured.peak, done.peak)
                measured.cpu[step] = measured.cpu.get(step, 0.0) + done.cpu
                measured.units += done.units
                measured.items += done.items
                if step in WRITING:
                    measured.requests += done.requests

        self._timed(measured, step, all_shards)


@contextmanager
def workers() -> Iterator[ProcessPoolExecutor]:
    """Processes that begin afresh, so that their memory is their own, and that are there before time is taken, with what measures
    in them. What the product loads at its first step counts."""
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        for ready in [pool.submit(_begin) for _ in range(PROCESSES * 2)]:
            ready.result()
        yield pool


def _begin() -> None:
    """Load the table that counts, and what it holds callers to."""
    register(
        CountingTable(), {"district_id": "lakeside", "name": "L", "email_domains": ["l.example"], "time_zone": "UTC"}
    )


def csv_pass(roster: Path) -> float:
    """Seconds of a bare ``csv.reader`` over all bytes, in one process: the floor."""
    began = time.perf_counter()
    for file in sorted(roster.glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as text:
            for _ in csv.reader(text):
                pass
    return time.perf_counter() - began


def hash_pass(roster: Path) -> float:
    """Seconds of a sha256 over all bytes."""
    began = time.perf_counter()
    for file in sorted(roster.glob("*.csv")):
        with file.open("rb") as stream:
            hashlib.file_digest(stream, "sha256")
    return time.perf_counter() - began
