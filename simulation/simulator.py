"""A district's weeks under faults: the real use cases on services in memory, a seeded clock, seeded deliveries.

Each delivery runs as a worker of its own. It may die, come twice, late, out of order, or while others run; workers
interleave at their calls. Safety is checked after each turn. When all is at rest, the state must equal that of the run
without faults, or what is left must lie in a dead-letter queue. The features define the scenario and the checks
(``simulation/features``).
"""

from __future__ import annotations

import heapq
import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from itertools import count
from random import Random
from typing import Any
from unittest import mock

from greenlet import getcurrent, greenlet

from shared.domain.errors import AccountLinkingError
from shared.runtime.observability import logger
from shared.stores import table
from simulation.fault_injection import FaultInjector, FaultMode, Killed
from tests.harness import World

DAY = 86_400
CANARY = "Zxqcanary"
"""Part of every name and password: where it appears outside of tables, files and pages, personal data leaked."""
_MOST_WORKERS = 3
_LONGEST_TURN = 60
"""Seconds that may pass between two calls of a worker. Only the steps of an import run longer."""


class Violation(AssertionError):
    """A safety or liveness rule is broken."""


@dataclass(frozen=True, slots=True)
class Worker:
    """The handler of one kind of delivery: how often it is tried, and the pause between tries in seconds."""

    do: Callable[[Simulation, Any], None]
    tries: int
    pause: float
    may_come_twice: bool = False
    on_giving_up: Callable[[Simulation, Any], None] | None = None
    is_parked: bool = True
    """Whether a delivery that is given up lands in a dead-letter queue. A person's visit does not."""
    is_forgotten: bool = False
    """Nothing waits for it: a failed delivery is not tried again."""


@dataclass(frozen=True, eq=False)
class Feature:
    """A part of the product under faults: its scenario, its workers and its checks (docs/simulation.md)."""

    name: str
    workers: dict[str, Worker] = field(default_factory=dict)
    scenario: Callable[[Simulation], None] = lambda _sim: None
    """Schedules the deliveries of the whole run."""
    collect: Callable[[Simulation], None] = lambda _sim: None
    """After each turn: turns what the services received into deliveries."""
    safety: Callable[[Simulation], Iterator[str]] = lambda _sim: iter(())
    """After each turn: yields each violation."""
    at_rest: Callable[[Simulation], dict[str, Any]] = lambda _sim: {}
    """The state that must equal that of the run without faults; no times, no ids."""


@dataclass(frozen=True, slots=True)
class FaultProfile:
    """How often deliveries and calls fail. All are probabilities but ``most_faults``."""

    rate: float = 0.0
    most_faults: int = 0
    duplicates: float = 0.0
    disorder: float = 0.0
    turns: float = 0.0
    """That another worker goes first before a call."""

    @classmethod
    def of(cls, seed: int) -> FaultProfile:
        """Return the profile of a seed: from almost no faults to more than any service shows."""
        dice = Random(f"fault profile {seed}")
        return cls(
            rate=dice.choice([0, 0.002, 0.01, 0.03]),
            most_faults=dice.randint(1, 6),
            duplicates=dice.choice([0, 0.1, 0.5]),
            disorder=dice.choice([0, 0.2, 0.5]),
            turns=dice.choice([0, 0.1, 0.5]),
        )


NO_FAULTS = FaultProfile()


@dataclass(order=True, slots=True)
class Delivery:
    """Something to handle: when (seconds since the start), what, and how often it was tried."""

    due: float
    order: float
    number: int
    kind: str = field(compare=False)
    body: Any = field(compare=False)
    tries: int = field(default=0, compare=False)
    name: str = field(default="", compare=False)
    """Its name in the trace."""


@dataclass(slots=True)
class Running:
    """A delivery that is being handled. ``outcome`` is empty on success."""

    delivery: Delivery
    greenlet: greenlet
    outcome: str = ""


class Simulation:
    """One run. The same seed, plan and profile give the same run, call by call."""

    def __init__(
        self,
        seed: int = 0,
        *,
        features: Sequence[Feature],
        profile: FaultProfile = NO_FAULTS,
        plan: dict[int, FaultMode] | None = None,
        edit_request: Callable[[str, dict[str, Any]], dict[str, Any]] | None = None,
        people_race: bool = False,
        pauses_before: Callable[[str, dict[str, Any]], bool] | None = None,
    ) -> None:
        """``people_race`` schedules people and uploads at the same moment, so that the end depends on who is first.

        ``pauses_before`` tells of a call (operation and request) whether its worker waits until every other active
        worker has gone first: what it read before may have changed by then.
        """
        self.seed = seed
        self.features = features
        self.profile = profile
        self.people_race = people_race
        self.random = Random(f"order {seed}")
        self.injector = FaultInjector(
            Random(f"faults {seed}"), plan or {}, profile.rate, profile.most_faults, edit_request=edit_request
        )
        self.world = World(gate=self.injector, is_metered=False)
        self.workers = {kind: worker for feature in features for kind, worker in feature.workers.items()}
        self.queue: list[Delivery] = []
        self.running: list[Running] = []
        self.parked: list[Delivery] = []
        self.gave_up: list[Delivery] = []
        self.unanswered: set[str] = set()
        """Mails whose delivery is unknown; an alarm reports them."""
        self.violations: list[str] = []
        """Violations that listeners found in the middle of a turn."""
        self.facts: dict[str, Any] = {}
        """State of the features themselves."""
        self.trace: list[str] = []
        self.log = io.StringIO()
        self._log_read = 0
        self._numbers = count()
        self._touched = True
        self._hub = getcurrent()
        self.world.table.listeners.append(self._note_touch)
        with self._captured():
            self.began: datetime = self.world.now
            for feature in features:
                feature.scenario(self)
        self.injector.enabled = True
        self.pauses_before = pauses_before
        self._waiting: Running | None = None
        if profile.turns or pauses_before:
            self.injector.before_call = self._let_others_go_first

    # Deliveries.

    def send(self, kind: str, body: Any, *, after: float | None = None, tries: int = 0) -> None:
        """Schedule a delivery ``after`` seconds since the start (default: now), perhaps twice, perhaps late."""
        due = self.elapsed if after is None else after
        name = _name(kind, body)
        copies = 1
        if tries == 0 and self.workers[kind].may_come_twice and self.profile.duplicates:
            copies += sum(self.random.random() < self.profile.duplicates for _ in range(2))
        for _ in range(copies):
            late = order = 0.0
            if self.profile.disorder:
                late = self.random.uniform(0, 900) if self.random.random() < self.profile.disorder else 0
                order = self.random.random()
            heapq.heappush(self.queue, Delivery(due + late, order, next(self._numbers), kind, body, tries, name))

    @property
    def elapsed(self) -> float:
        return (self.world.now - self.began).total_seconds()

    def run(self, *, most: int = 50_000) -> Simulation:
        """Handle all deliveries until all is at rest. Raises Violation at the first violation."""
        with self._captured():
            for _ in range(most):
                if (worker := self._next_worker()) is None:
                    break
                self._turn(worker)
            else:
                raise Violation("nothing comes to rest")
            self.injector.at_rest()
            self._touched = True
            self._check()
        return self

    def _next_worker(self) -> Running | None:
        """Return a worker that runs already, or one for the next delivery; None when all is at rest."""
        may_start = bool(self.queue) and (
            not self.running
            or (len(self.running) < _MOST_WORKERS and self.queue[0].due - self.elapsed <= _LONGEST_TURN)
        )
        others = [running for running in self.running if running is not self._waiting]
        if others and not (may_start and self.random.random() < 0.5):
            return self.random.choice(others)
        if may_start:
            return self._start(heapq.heappop(self.queue))
        waited, self._waiting = self._waiting, None
        return waited

    def _start(self, delivery: Delivery) -> Running:
        if delivery.due > self.elapsed:
            self.world.pass_time(seconds=delivery.due - self.elapsed)
        self.trace.append(f"{self.elapsed:>9.0f}s  {delivery.number:>4} {delivery.name} (try {delivery.tries + 1})")
        running = Running(delivery, greenlet(lambda: self._work(running)))
        self.running.append(running)
        return running

    def _work(self, running: Running) -> None:
        """Handle one delivery. Whatever the handler raises, the delivery comes again."""
        try:
            self.workers[running.delivery.kind].do(self, running.delivery.body)
        except Killed:
            running.outcome = "died"
        except AccountLinkingError as failed:
            if CANARY in f"{failed}{failed.message}":
                self.violations.append("an error text holds personal data")
            running.outcome = failed.code
        except Exception as failed:  # noqa: BLE001 - a real worker is tried again, too
            running.outcome = type(failed).__name__

    def _turn(self, running: Running) -> None:
        self.injector.worker = f"{running.delivery.number:>4} {running.delivery.name}"
        running.greenlet.switch()
        if running.greenlet.dead:
            self.running.remove(running)
            if running.outcome:
                self._retry(running.delivery, running.outcome)
        for feature in self.features:
            feature.collect(self)
        self._check()

    def _let_others_go_first(self, operation: str, request: dict[str, Any]) -> None:
        caller = next((running for running in self.running if running.greenlet is getcurrent()), None)
        if caller is None:
            return
        if self.pauses_before and self._waiting is None and self.pauses_before(operation, request):
            self._waiting = caller
            self._hub.switch()
        elif self.random.random() < self.profile.turns:
            self._hub.switch()

    def _retry(self, delivery: Delivery, why: str) -> None:
        self.trace.append(f"            {delivery.number:>4} → {why}")
        worker = self.workers[delivery.kind]
        if worker.is_forgotten:
            return
        if delivery.tries + 1 >= worker.tries:
            (self.parked if worker.is_parked else self.gave_up).append(delivery)
            if worker.on_giving_up:
                worker.on_giving_up(self, delivery.body)
            return
        self.send(delivery.kind, delivery.body, after=self.elapsed + worker.pause, tries=delivery.tries + 1)

    # Checks.

    def _note_touch(self, _before: object, _after: object) -> None:
        self._touched = True

    def _check(self) -> None:
        if self._touched or self.violations:
            self._touched = False
            self.violations += [violation for feature in self.features for violation in feature.safety(self)]
        if CANARY in self._new_log_lines():
            self.violations.append("a log line or a metric holds personal data")
        if self.violations:
            raise Violation("; ".join(dict.fromkeys(self.violations)))

    def _new_log_lines(self) -> str:
        if self.log.tell() == self._log_read:
            return ""
        self.log.seek(self._log_read)
        new = self.log.read()
        self._log_read = self.log.tell()
        return new

    def projection(self) -> dict[str, Any]:
        """Return what must be the same at rest."""
        return {k: v for feature in self.features for k, v in feature.at_rest(self).items()}

    def check_at_rest(self, clean: dict[str, Any]) -> str:
        """Check liveness. Return ``equal``, ``raced``, ``parked`` or ``unanswered``; raise Violation otherwise."""
        if self.parked:
            return "parked"
        if self.people_race:
            return "raced"
        found = self.projection()
        differs = [k for k in sorted({*clean, *found}) if clean.get(k) != found.get(k)]
        if not differs and not self.gave_up:
            return "equal"
        if self.unanswered:
            return "unanswered"
        if differs:
            first = differs[0]
            raise Violation(f"{len(differs)} differ: {first}: {found.get(first)} instead of {clean.get(first)}")
        raise Violation(f"gave up: {self.gave_up[0].name}")

    @contextmanager
    def _captured(self) -> Iterator[None]:
        """Write logs and metrics into ``log``; no sleep takes real time."""
        handlers = [h for h in logger.handlers if hasattr(h, "stream")]
        streams = [h.stream for h in handlers]
        for handler in handlers:
            handler.stream = self.log
        try:
            with redirect_stdout(self.log), mock.patch.object(table, "sleep"):
                yield
        finally:
            for handler, stream in zip(handlers, streams, strict=True):
                handler.stream = stream


def _name(kind: str, body: Any) -> str:
    if isinstance(body, str) and body.startswith("{"):
        return f"{kind} {json.loads(body).get('sourced_id', '')}"
    return f"{kind} {getattr(body, 'key', body)}"[:70]


def format_trace(sim: Simulation) -> str:
    """Return a run as text: its deliveries, then its calls with their faults."""
    lines = [*sim.trace, "", "calls:"]
    for call in sim.injector.calls:
        fault = f"   ✗ {call.fault}" if call.fault else ""
        lines.append(f"  {call.number:>4}  {call.worker[:44]:<44} {call.service} {call.operation} {call.target}{fault}")
    return "\n".join(lines)


@cache
def clean_projection(features: tuple[Feature, ...]) -> dict[str, Any]:
    """Return the state in which the run without faults ends."""
    return Simulation(features=features).run().projection()
