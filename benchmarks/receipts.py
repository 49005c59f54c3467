"""``make bench ONLY=receipts``: the reconciler over generated links (docs/receipts.md), and what it costs on AWS.

Receipts are written, and compared, by the product's own code. Districts are made one after the other, so that memory holds few.
Work goes on after the links: points rise, classes are told anew, some are deleted, some links are undone.
"""

from __future__ import annotations

import gc
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from benchmarks.figures import Figures
from operations.reconcile import DOLLARS_PER_MILLION_UNITS, check_all
from shared.domain.account import Account, Assignment, Goal, GrassrootsClass, Mastery, SkillMastery
from shared.domain.roster import RosterUserKey
from shared.stores.accounts import account_item, skills_item
from shared.stores.grassroots_classes import GrassrootsClassStore
from shared.stores.keys import Item, account_link_key, grassroots_class_key, key_of, link_key, pair
from shared.stores.receipts import ReceiptStore, Side
from shared.stores.table import Table
from shared.use_cases.check_receipts import Checked, CheckReceipts
from tests.fakes.dynamodb import MemoryTable, units, whole_item_size

_A_DISTRICT = 20_000
"""Links of each district."""
_A_TEACHER = 40
"""Students of each teacher who is linked."""
_PAGE = 1_000_000
"""Bytes of a page of a scan."""
_LINKED = datetime(2026, 9, 1, tzinfo=UTC)
_LATER = "2026-11-01T00:00:00Z"
_DISTRICT = "bench"
_NEW = "new-"
"""How the skills begin that came after the link."""
_LOSSES = 5
"""Of each kind, in each district."""


class ReadTable(MemoryTable):
    """As ``MemoryTable``, for whoever only reads: items are handed out as they are, and a scan goes over them once."""

    def __init__(self) -> None:
        super().__init__(is_metered=False)
        self._scanned: list[tuple[str, str]] = []
        self._lock = Lock()
        self._places: dict[tuple[str, str], int] = {}

    def query(self, **request: Any) -> dict[str, Any]:
        condition, values = request["KeyConditionExpression"], request["ExpressionAttributeValues"]
        if condition != "PK = :pk":
            return super().query(**request)
        pk = values[":pk"]
        items = [self.items[pk, sk] for sk in sorted(self._partitions.get(pk, ()))]
        self._read("Query", sum(map(whole_item_size, items)), request)
        return {"Items": items}

    def scan(self, **request: Any) -> dict[str, Any]:
        after = request.get("ExclusiveStartKey")
        if after is None:
            # As DynamoDB does: partition by partition, in no order.
            partitions = list(self._partitions.items())
            random.Random(1).shuffle(partitions)
            self._scanned = [(pk, sk) for pk, sks in partitions for sk in sorted(sks)]
            self._places = {key: place for place, key in enumerate(self._scanned)}
        start = self._places[pair(after)] + 1 if after else 0
        size, found = 0, []
        for key in self._scanned[start:]:
            found.append(self.items[key])
            size += whole_item_size(found[-1])
            if size >= _PAGE:
                break
        self._read("Scan", size, request)
        is_whole = start + len(found) == len(self._scanned)
        return {"Items": found} if is_whole else {"Items": found, "LastEvaluatedKey": key_of(pair(found[-1]))}

    def batch_get(self, request: dict[str, Any]) -> dict[str, Any]:
        ((name, wanted),) = request["RequestItems"].items()
        found = [self.items.get((key["PK"], key["SK"])) for key in wanted["Keys"]]
        factor = 1 if wanted["ConsistentRead"] else 0.5
        self._note("BatchGetItem", sum(factor * units(whole_item_size(item or {}), 4096) for item in found))
        return {"Responses": {name: [item for item in found if item is not None]}}

    def _read(self, operation: str, size: int, request: dict[str, Any]) -> None:
        self._note(operation, units(size, 4096) * (1 if request.get("ConsistentRead") else 0.5))

    def _note(self, operation: str, used: float) -> None:
        with self._lock:
            self.meter.requests[operation] = self.meter.requests.get(operation, 0) + 1
            self.meter.read_units += used


@dataclass
class Run:
    """What came of all districts."""

    checked: Checked = field(default_factory=Checked)
    units: float = 0
    requests: int = 0
    seconds: float = 0
    items: int = 0
    bytes_of_receipts: int = 0
    injected: int = 0
    found: int = 0

    def add(self, other: Run) -> None:
        self.checked.add(other.checked)
        for name in ("units", "requests", "seconds", "items", "bytes_of_receipts", "injected", "found"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def run(links: int, *, processes: int = 2) -> Run:
    """So many links, district by district; in each one something is taken away afterwards, which has to be found."""
    sizes = [min(_A_DISTRICT, links - first) for first in range(0, links, _A_DISTRICT)]
    whole = Run()
    if len(sizes) == 1:
        whole.add(_run_district(0, sizes[0]))
        return whole
    with ProcessPoolExecutor(processes) as pool:
        for number, one in enumerate(pool.map(_run_district, range(len(sizes)), sizes), 1):
            whole.add(one)
            if number % 10 == 0:
                sys.stderr.write(f"{whole.checked.links:,} links\n")
    return whole


def _run_district(number: int, links: int) -> Run:
    # Looking for garbage among millions of items takes longer than all else; once a district it is done.
    gc.collect()
    gc.disable()
    table = ReadTable()
    table.meta.client.batch_get_item = lambda **request: table.batch_get(request)
    chance = random.Random(number)
    _District(table, chance).make(links)
    table.meter.read_units, table.meter.requests = 0, {}
    began = time.process_time()
    one = Run(check_all(table), seconds=time.process_time() - began)
    one.units, one.requests = table.meter.read_units, sum(table.meter.requests.values())
    one.items = len(table.items)
    one.bytes_of_receipts = sum(len(item.get("receipt", b"")) for item in table.items.values())
    _inject(table, chance, one)
    return one


def _inject(table: ReadTable, chance: random.Random, one: Run) -> None:
    """Take something of a few receipts away, a skill or an old class; each loss has to be found."""
    with_skills = [key for key, item in table.items.items() if key[1] == "ACCOUNT" and item.get("skills")]
    hit = set()
    for key in chance.sample(with_skills, min(_LOSSES, len(with_skills))):
        skills = table.items[key]["skills"]
        skills.pop(chance.choice([skill for skill in skills if not skill.startswith(_NEW)]))
        hit.add(key[0])
    places = [key for key, item in table.items.items() if key[1].startswith("MEMBER#") and "has_left" not in item]
    for pk, sk in chance.sample(places, min(_LOSSES, len(places))):
        table.delete_item(Key={"PK": pk, "SK": sk})
        hit.add(pk)
    sides = [Side(item) for (pk, sk), item in table.items.items() if pk in hit and sk.startswith("LINK#")]
    one.injected = len(hit)
    one.found = len({found.account_id for found in CheckReceipts(table).check(sides).found})


class _District:
    """Teachers with old classes, students in them, all linked; then what comes after."""

    def __init__(self, table: ReadTable, chance: random.Random) -> None:
        self._memory, self._chance = table, chance
        self._table, self._classes, self._receipts = Table(table), GrassrootsClassStore(table), ReceiptStore(table)

    def make(self, links: int) -> None:
        taught: list[GrassrootsClass] = []
        for first in range(0, links, _A_TEACHER + 1):
            students = [f"s{n}" for n in range(first + 1, min(first + _A_TEACHER + 1, links))]
            owned = [self._class(f"t{first}", n, students) for n in range(self._chance.choice((0, 1, 1, 2, 3)))]
            self._put_account(f"t{first}", "teacher")
            for each in students:
                self._put_account(each, "student")
            self._tell(owned)
            taught += owned
            for each in (f"t{first}", *students):
                self._link(each)
        self._live(taught)

    def _class(self, owner: str, n: int, students: list[str]) -> GrassrootsClass:
        members = tuple(each for each in students if self._chance.random() < 0.7)
        goals = tuple(
            Goal(f"g{k}", "Goal", tuple(f"skill-{self._chance.randrange(400)}" for _ in range(8)))
            for k in range(self._chance.randrange(5))
        )
        work = tuple(
            Assignment(
                f"a{k}", "Quiz", f"x{k}",
                {each: self._chance.randrange(101) for each in members if self._chance.random() < 0.8},
            )
            for k in range(self._chance.randrange(6))
        )  # fmt: skip
        return GrassrootsClass(f"{owner}-class-{n}", owner, f"Period {n}", None, None, members, goals, work)

    def _put_account(self, account_id: str, role: str) -> None:
        number = self._chance.choice((0, 3, 8, 8, 15, 15, 25, 40)) if role == "student" else 0
        if self._chance.random() < 0.002:
            number = 2_000
        earned: Mastery = {
            f"skill-{n}": SkillMastery(self._chance.randrange(101), "2026-05-01T00:00:00Z")
            for n in self._chance.sample(range(max(400, number)), number)
        }
        account = Account(account_id, role, "Kim Person", f"kim.{account_id}", f"{account_id}@mail.example")
        self._put({**account_item(account), "skills": skills_item(earned.items()) or None})

    def _link(self, account_id: str) -> None:
        user = RosterUserKey(_DISTRICT, account_id)
        receipt = self._receipts.receipt_of(account_id, _LINKED)
        self._put({**link_key(user), "state": "linked", "account_id": account_id, "version": 1})
        side = {**account_link_key(account_id, _DISTRICT), "sourced_id": account_id, "state": "linked"}
        self._put({**side, "receipt": receipt})

    def _live(self, taught: list[GrassrootsClass]) -> None:
        """Two months later: points have risen, classes were told anew, and a few links undone."""
        for key, item in list(self._memory.items.items()):
            if key[1] == "ACCOUNT" and item.get("skills") and self._chance.random() < 0.3:
                for earned in item["skills"].values():
                    earned["points"] = min(100, earned["points"] + self._chance.randrange(20))
                item["skills"][f"{_NEW}{self._chance.randrange(99)}"] = {"points": 10, "updated_at": _LATER}
            if key[1] == "LINK" and self._chance.random() < 0.02:
                item["state"] = "undone"
                self._memory.items[pair(account_link_key(item["account_id"], _DISTRICT))]["state"] = "undone"
        for each in taught:
            fate = self._chance.random()
            if fate < 0.2:
                stay = tuple(one for one in each.student_account_ids if self._chance.random() < 0.9)
                told = GrassrootsClass(
                    each.class_id,
                    each.owner_account_id,
                    each.name,
                    None,
                    None,
                    stay,
                    each.goals[:2],
                    each.assignments[:3],
                )
                self._tell([told])
            elif fate < 0.5:
                self._memory.items[pair(grassroots_class_key(each.owner_account_id, each.class_id))]["deleted_at"] = (
                    _LATER
                )

    def _tell(self, classes: list[GrassrootsClass]) -> None:
        """As the accounts feed does."""
        changes = self._classes.changes(classes)
        self._table.write_many(changes.puts, changes.deletes)
        for update in changes.changed:
            self._table.write(update)
        self._table.write_many(changes.new)

    def _put(self, item: Item) -> None:
        kept = {name: value for name, value in item.items() if value is not None}
        self._memory._store(pair(kept), None, kept)


def measure(figures: Figures, links: int) -> None:
    whole = run(links)
    of = f"reconcile {whole.checked.links:,} links"
    figures.add(f"{of}: differences", len(whole.checked.found), "differences", limit=0)
    figures.add(f"{of}: links without a receipt", whole.checked.without, "links", limit=0)
    figures.add(f"{of}: losses injected", whole.injected, "losses")
    figures.add(f"{of}: losses injected and not found", whole.injected - whole.found, "losses", limit=0)
    figures.add(f"{of}: read units of a link", whole.units / whole.checked.links, "units", limit=4)
    figures.add(f"{of}: all read units", whole.units, "units")
    figures.add(f"{of}: dollars", whole.units * DOLLARS_PER_MILLION_UNITS / 1e6, "dollars")
    figures.add(f"{of}: requests of a link", whole.requests / whole.checked.links, "requests")
    figures.add(f"{of}: CPU of a link", whole.seconds / whole.checked.links * 1e6, "µs")
    figures.add(f"{of}: bytes of a receipt", whole.bytes_of_receipts / whole.checked.links, "bytes")
    figures.add(f"{of}: items in the tables", whole.items, "items")
