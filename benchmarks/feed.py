"""What a feed of the platform's accounts costs: requests and write units a line, and the memory of a worker (B8).

The steps are the product's own, run over two processes as the state machine's maps would run them; S3 is a folder, and the
table a file. The accounts are made up: the shares below are fixed, and stand in the decision about skills (0044).
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.disk_table import DiskTable
from benchmarks.figures import Figures
from benchmarks.folder_s3 import FolderS3
from benchmarks.imports import workers
from benchmarks.memory import peak_memory
from functions.accounts_feed.feed import Feed
from functions.accounts_feed.feed_steps import FeedSteps
from functions.accounts_feed.look_again import LookAgain
from shared.domain.district_file import settings_of
from shared.domain.federated_identity import Issuers
from shared.domain.report import Upload
from shared.stores.account_batches import AccountBatches
from shared.stores.accounts import AccountStore
from shared.stores.activations import ActivationStore
from shared.stores.districts import DistrictStore
from shared.stores.federated_ids import FederatedIds
from shared.stores.feeds import FeedStore
from shared.stores.identifier_index import IdentifierIndex
from shared.stores.import_files import ImportFiles
from shared.stores.import_progress import ProgressStore
from shared.stores.import_state import ImportStateStore
from shared.stores.keys import FEEDS
from shared.stores.links import LinkStore
from shared.stores.reports import ReportStore
from shared.stores.roster_users import RosterUserStore
from shared.stores.uploads import Uploads
from shared.stores.waiting import WaitingStore
from shared.use_cases.match_and_invite import MatchAndInvite
from tests.harness import GOOGLE, run_feed_step
from tests.state_machine import FEED

LONGEST = 700
"""Bytes of a line for which the goal of write units is meant."""
TEACHERS, WITH_ADDRESS, WITH_GOOGLE, WITH_CLEVER, WITH_SKILLS = 0.08, 0.40, 0.15, 0.05, 0.8
"""Shares of all accounts. A teacher has an address; whoever has a Google id does."""
OF_A_DISTRICT = 0.01
"""Those whose address is in a domain of a district: they are looked up for a match."""
CLASSES, STUDENTS = 2, 25
"""Of one teacher in a hundred in the file of classes, whose lines are longer."""
_FEWER = 10


def lines(accounts: int, *, seed: int = 7, change: float = 0.0) -> Iterator[bytes]:
    """The file: a line for each account. ``change`` is the share of those that say something else than before."""
    dice, other = Random(seed), Random(f"changes of {seed}")
    for number in range(accounts):
        teaches = dice.random() < TEACHERS
        place = dice.random()
        name = f"user{number:08d}"
        line: dict[str, Any] = {
            "account_id": f"kaid-{number:012d}",
            "role": "teacher" if teaches else "student",
            "display_name": f"Person {number:08d}",
            "username": name,
            "email": None,
            "email_verified": False,
            "google_sub": None,
            "clever_id": None,
            "created_at": "2024-08-20T10:00:00Z",
            "last_login_at": "2026-05-01T10:00:00Z",
        }
        if teaches or place < WITH_ADDRESS - TEACHERS:
            domain = "lakeside.example" if dice.random() < OF_A_DISTRICT / WITH_ADDRESS else "mail.example"
            line |= {"email": f"{name}@{domain}", "email_verified": True}
            if dice.random() < WITH_GOOGLE / WITH_ADDRESS:
                line["google_sub"] = f"{number:021d}"
        if dice.random() < WITH_CLEVER:
            line["clever_id"] = f"{number:024x}"
        if dice.random() < WITH_SKILLS:
            skills = {f"x{dice.randrange(10**7):07x}": dice.randrange(101) for _ in range(dice.randint(1, 4))}
            if other.random() < change:
                skills = dict.fromkeys(skills, 100) | {"x-new-skill": 50}
            line["mastery"] = {s: {"points": n, "updated_at": "2026-05-01T10:00:00Z"} for s, n in skills.items()}
        elif other.random() < change:
            line["last_login_at"] = "2026-06-01T10:00:00Z"
        yield json.dumps(line).encode() + b"\n"


def classes(teachers: int) -> Iterator[bytes]:
    """Lines of teachers with classes, longer than others."""
    for number in range(teachers):
        owned = [
            {
                "class_id": f"class-{number:08d}-{c}",
                "name": f"Period {c}",
                "student_account_ids": [f"kaid-{number * STUDENTS + s:012d}" for s in range(STUDENTS)],
            }
            for c in range(CLASSES)
        ]
        line = {"account_id": f"teacher-{number:08d}", "role": "teacher", "username": f"t{number}", "classes": owned}
        yield json.dumps(line).encode() + b"\n"


def steps(folder: Path) -> tuple[FeedSteps, DiskTable, FolderS3]:
    table, s3 = DiskTable(folder / "table.sqlite"), FolderS3(folder)
    moment = datetime(2026, 9, 1, 15, tzinfo=UTC)
    identifiers, waiting = IdentifierIndex(table), WaitingStore(table)
    matcher = MatchAndInvite(
        identifiers, LinkStore(table), ActivationStore(table), lambda _found: None, waiting,
        clock=lambda: moment, new_id=lambda: "id", at_once=1,
    )  # fmt: skip
    look_again = LookAgain(
        AccountStore(table, GOOGLE), FederatedIds(table, GOOGLE), identifiers, RosterUserStore(table), DistrictStore(table),
        matcher, at_once=1,
    )  # fmt: skip
    made = FeedSteps(
        FeedStore(table), ImportStateStore(table), ProgressStore(table), Uploads(s3, "rosters"),
        ImportFiles(s3, "snapshots"), ReportStore(table, s3, "reports", ""), AccountBatches(table, GOOGLE), look_again,
        issuers=Issuers(), clock=lambda: moment,
    )  # fmt: skip
    return made, table, s3


@dataclass
class Worked:
    """One call: its result, the most memory that its process ever had, in bytes, its seconds of a processor, and what it asked of
    the table and of S3."""

    result: Any
    peak: int
    cpu: float
    units: Counter[str]
    requests: Counter[str]


def work(folder: Path, call: dict[str, Any]) -> Worked:
    """Make a call of the state machine, in a process of its own."""
    made, table, s3 = steps(folder)
    began = time.process_time()
    result = run_feed_step(made, call)
    cpu = time.process_time() - began
    requests = Counter(table.meter.requests) + Counter({"S3": s3.requests})
    return Worked(result, peak_memory(), cpu, Counter(table.meter.write_units), requests)


@dataclass
class Measured:
    """One feed: seconds of a processor by step, the most memory of a worker in bytes, write units by kind of item, and requests
    by operation."""

    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    peak: int = 0
    units: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    report: dict[str, Any] = field(default_factory=dict)


class Platform:
    """A platform's files, one after the other, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = 0
        settings = {"district_id": "lakeside", "name": "L", "email_domains": ["lakeside.example"], "time_zone": "UTC"}
        (folder / "rosters").mkdir(parents=True)
        DistrictStore(DiskTable(folder / "table.sqlite")).put(settings_of(settings))

    def load(self, body: Iterator[bytes], name: str) -> Measured:
        """Load a file as the state machine would, its maps over two processes."""
        self._files += 1
        key = f"accounts/{name}.jsonl"
        path = FolderS3(self.folder).path("rosters", key)
        with path.open("wb") as file:
            file.writelines(body)
        moment = (datetime(2026, 9, 1, tzinfo=UTC) + timedelta(days=self._files)).isoformat()
        upload = Upload(key, "", moment, f"{self._files:016X}")
        feed = Feed(f"run-{self._files:04}", name, upload, path.stat().st_size, moment)
        measured = Measured()
        position = FEED.start({"feed": asdict(feed)})
        with workers() as pool:
            while FEED.has_calls(position):
                calls = FEED.calls(position)
                done = list(pool.map(partial(work, self.folder), calls))
                for one in done:
                    measured.peak = max(measured.peak, one.peak)
                    measured.units += one.units
                    measured.requests += one.requests
                for call, one in zip(calls, done, strict=True):
                    measured.seconds[call["step"]] += one.cpu
                position = FEED.after(position, [] if FEED.kind(position) == "Map" else done[0].result)
        report = FolderS3(self.folder).path("reports", f"reports/{FEEDS}/{name}/report.json")
        measured.report = json.loads(report.read_text())
        return measured


def json_pass(path: Path) -> float:
    """Seconds of a processor for ``json.loads`` over all lines: the floor of reading."""
    began = time.process_time()
    with path.open("rb") as file:
        for line in file:
            json.loads(line)
    return time.process_time() - began


_OWN = ("FEEDS", "FEED", "LOCK", "PROGRESS")
"""Kinds of items that the feed has for itself."""


def _of_accounts(measured: Measured) -> int:
    return sum(number for kind, number in measured.units.items() if kind not in _OWN)


def measure(figures: Figures, people: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        small = Platform(Path(folder)).load(lines(people // _FEWER), "all")
    with tempfile.TemporaryDirectory() as folder:
        _measure(figures, Platform(Path(folder)), people, small)


def _measure(figures: Figures, platform: Platform, people: int, small: Measured) -> None:
    assert max(map(len, lines(2_000))) <= LONGEST, "the goal is for lines up to so many bytes"
    first = platform.load(lines(people), "all")
    path = FolderS3(platform.folder).path("rosters", "accounts/all.jsonl")
    name = f"a feed of {people:,} accounts"
    figures.holds(name, first.report["status"], holds=first.report["created"] == people)
    identifiers = sum(first.units[kind] for kind in ("ACCOUNT",)) - people
    floor = (people + identifiers) / 25 / people
    figures.against(f"{name}: requests a line, against a batch of 25 for each item", _per(first.requests, people),
                    "requests", floor, 2)  # fmt: skip
    figures.add(f"{name}: requests a line", _per(first.requests, people), "requests", limit=0.1)
    figures.add(
        f"{name}: write units a line of up to {LONGEST} bytes", sum(first.units.values()) / people, "units", limit=1.6
    )
    figures.add(f"{name}: most memory of a worker", first.peak / 2**20, "MiB", limit=256)
    figures.against(f"{name}: the same, against a tenth of the accounts", first.peak, "bytes", small.peak, 1.25)
    figures.against(
        f"{name}: split and validate, against a json.loads pass", first.seconds["split"], "s", json_pass(path), 8
    )
    same = platform.load(lines(people), "all")
    figures.holds("the same file again", same.report["status"], holds=same.report["unchanged"] == people)
    figures.add("the same file again: write units of accounts", _of_accounts(same), "units", limit=0)
    figures.add(
        "the same file again: write units in all", sum(same.units.values()), "units", limit=people / 1_000 + 100
    )
    figures.add("the same file again: requests a line", _per(same.requests, people), "requests", limit=0.01)
    night = platform.load(lines(people, change=0.01), "all")
    changed = night.report["changed"]
    figures.against("one line in a hundred changed: write units of accounts, against those that changed",
                    _of_accounts(night), "units", changed, 1.05)  # fmt: skip
    figures.add(
        "one line in a hundred changed: requests a line that changed", _per(night.requests, changed), "requests"
    )
    teachers = people // 100
    owners = platform.load(classes(teachers), "classes")
    items = teachers * (1 + CLASSES * (1 + STUDENTS))
    figures.against(f"{teachers:,} teachers with {CLASSES} classes of {STUDENTS}: write units, against items",
                    _of_accounts(owners), "units", items, 1.05)  # fmt: skip
    figures.add("teachers with classes: requests a line", _per(owners.requests, teachers), "requests")


def _per(found: Counter[str], number: int) -> float:
    return sum(found.values()) / number
