"""What it costs to join two accounts, and to part them again: writes, transactions and bytes (M16, B2, B8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.figures import Figures
from tests.fakes.dynamodb import Effect, whole_item_size, written_key
from tests.harness import World
from tests.two_accounts import link, points, student, two_accounts, undo

SKILLS, CLASSES = 2_000, 60


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a use case: its transactions, the items and bytes of the largest, and writes outside of any."""

    transactions: int
    items: int
    bytes: int
    writes_outside: int


class _Watching:
    """The gate: counts writes while ``is_looking``."""

    def __init__(self) -> None:
        self.is_looking = False
        self.transactions: list[list[tuple[str, str]]] = []
        self.outside = 0

    def __call__(self, _service: str, operation: str, request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        if not self.is_looking:
            return effect()
        if operation == "TransactWriteItems":
            self.transactions.append([written_key(*next(iter(write.items()))) for write in request["TransactItems"]])
        elif operation not in ("GetItem", "BatchGetItem", "Query"):
            self.outside += 1
        return effect()


def cost_of_a_join(*, skills: int, classes: int) -> Cost:
    return _cost(skills, classes, lambda _: None, lambda world: link(world, "old", joins="made"))


def cost_of_parting(*, skills: int, classes: int) -> Cost:
    return _cost(skills, classes, lambda world: link(world, "old", joins="made"), undo)


def measure(figures: Figures) -> None:
    for name, cost in (
        ("join", cost_of_a_join(skills=SKILLS, classes=CLASSES)),
        ("part", cost_of_parting(skills=SKILLS, classes=CLASSES)),
    ):
        title = f"{name} two accounts of {SKILLS:,} skills and {CLASSES} classes each"
        figures.add(f"{title}: transactions", cost.transactions, "transactions", limit=1)
        figures.add(f"{title}: items in it", cost.items, "items", limit=100)
        figures.add(f"{title}: its size", cost.bytes, "bytes", limit=4_000_000)
        figures.add(f"{title}: writes besides", cost.writes_outside, "writes", limit=0)


def _cost(skills: int, classes: int, before: Callable[[World], object], do: Callable[[World], object]) -> Cost:
    watching = _Watching()
    world = two_accounts(gate=watching)
    for name in ("old", "made"):
        own = [
            {"class_id": f"{name}-{n}", "name": f"Period {n}", "student_account_ids": ["kid"]} for n in range(classes)
        ]
        earned = points(**{f"skill-{n:05d}": n % 101 for n in range(skills)})
        world.feed(student(name, role="teacher", mastery=earned, classes=own))
    before(world)
    watching.is_looking = True
    do(world)
    items = world.table.items
    largest = max(watching.transactions, key=len)
    size = sum(whole_item_size(items[key]) for key in largest if key in items)
    return Cost(len(watching.transactions), len(largest), size, watching.outside)
