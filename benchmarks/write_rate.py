"""Workers of an import that write to a table, each at its own pace, on a simulated clock: what is taken, refused, and how long it
takes.

The pace is the product's own. The table is an on-demand one as AWS describes it: it takes 4,000 write units a second when it is
new, hands back what is more, and takes more once it has been busy.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from benchmarks.figures import Figures
from functions.import_step.shards import MOST_SHARDS, PEOPLE_PER_SHARD
from shared.domain.write_pace import WritePace

NEW_TABLE = 4_000.0
"""Write units a second of a new on-demand table."""
WORKERS = 8
"""Shards of an import that are written at the same time (statemachine/import.asl.json)."""
BATCH = 25
_BURST_SECONDS = 0.25
_LATENCY = (0.008, 0.02)
"""Seconds of a request, at least and at most."""
_WRITES_OF_A_PERSON = 1
_CLASSES_OF_A_PERSON = 0.22
_PACKS_OF_A_PERSON = 0.05
"""Who holds which address: items of one unit, as a class is."""


@dataclass
class OnDemandTable:
    """``rate`` returns the units a second that it takes at a moment."""

    rate: Callable[[float], float]
    _left: float = 0.0
    _at: float = 0.0

    def take(self, now: float, units: Sequence[float]) -> int:
        """How many of these writes it takes, in their order."""
        rate = self.rate(now)
        self._left = min(self._left + (now - self._at) * rate, rate * _BURST_SECONDS)
        self._at = now
        taken = 0
        for each in units:
            if each > self._left:
                break
            self._left -= each
            taken += 1
        return taken


@dataclass
class Run:
    """What happened. ``taken`` and ``refused`` are write units by whole second."""

    seconds: float = 0.0
    taken: dict[int, float] = field(default_factory=dict)
    refused: dict[int, float] = field(default_factory=dict)

    def between(self, first: int, last: int) -> tuple[float, float]:
        """The units taken and refused a second, on the mean of these seconds."""
        span = range(first, last)
        return _mean(self.taken, span), _mean(self.refused, span)


def _mean(units: Mapping[int, float], span: Sequence[int]) -> float:
    return sum(units.get(second, 0.0) for second in span) / len(span)


def simulate(
    shards: Sequence[int], *, units: float = 1.0, rate: Callable[[float], float] = lambda _now: NEW_TABLE, seed: int = 1
) -> Run:
    """Write so many items of each shard, eight shards at a time; an item costs ``units``."""
    simulation = _Simulation(list(shards), units, OnDemandTable(rate), Random(seed))
    return simulation.run()


def measure(figures: Figures, people: int) -> None:
    """The people of a first import, and then their classes and addresses, written to a new table that never takes more."""
    shards = _shards(people)
    name = f"{people:,} people at the rate of a new table"
    applied = simulate([round(people * _WRITES_OF_A_PERSON / shards)] * shards)
    figures.add(f"{name}: applied in", applied.seconds, "s")
    members = simulate([round(people * (_CLASSES_OF_A_PERSON + _PACKS_OF_A_PERSON) / shards)] * shards)
    figures.add(
        f"{name}: applied with their classes and addresses in",
        applied.seconds + members.seconds,
        "s",
        limit=600 * max(1.0, people / 1_000_000),
    )
    if (last := int(applied.seconds * 0.8)) > 20:
        taken, refused = applied.between(10, last)
        figures.add(f"{name}: share of the rate that is not used", 100 * (1 - taken / NEW_TABLE), "%", limit=5)
        figures.add(f"{name}: share of the rate that is refused", 100 * refused / NEW_TABLE, "%", limit=1)


def _shards(people: int) -> int:
    """Shards are chosen by the size of a file, of which a person takes about 160 bytes and counts as 100."""
    number = 1
    while number * PEOPLE_PER_SHARD < 1.6 * people and number < MOST_SHARDS:
        number *= 2
    return number


class _Simulation:
    """The workers' next moments are in a heap; a worker keeps its pace from shard to shard, as a warm function does."""

    def __init__(self, shards: list[int], units: float, table: OnDemandTable, dice: Random) -> None:
        self._waiting = shards[::-1]
        self._units = units
        self._table = table
        self._dice = dice
        self._now = 0.0
        self._paces = [WritePace(lambda: self._now) for _ in range(WORKERS)]
        self._left = [0] * WORKERS
        self._run = Run()

    def run(self) -> Run:
        moments = [(0.0, worker, 0) for worker in range(WORKERS)]
        while moments:
            self._now, worker, batch = heapq.heappop(moments)
            if batch:
                self._send(worker, batch)
                self._now += self._dice.uniform(*_LATENCY)
            if next_one := self._next(worker):
                heapq.heappush(moments, next_one)
        self._run.seconds = self._now
        return self._run

    def _next(self, worker: int) -> tuple[float, int, int] | None:
        if not self._left[worker]:
            if not self._waiting:
                return None
            self._left[worker] = self._waiting.pop()
        batch = min(BATCH, self._left[worker])
        return self._now + self._paces[worker].wait(batch), worker, batch

    def _send(self, worker: int, batch: int) -> None:
        taken = self._table.take(self._now, [self._units] * batch)
        second, run = int(self._now), self._run
        run.taken[second] = run.taken.get(second, 0.0) + taken * self._units
        run.refused[second] = run.refused.get(second, 0.0) + (batch - taken) * self._units
        self._left[worker] -= taken
        self._paces[worker].sent(taken, batch - taken)
