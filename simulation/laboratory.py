"""A district's weeks under faults: the real use cases on services in memory, a seeded clock, seeded deliveries.

Every delivery is a worker of its own: it may die, come twice, late, out of order, or while others are at work; they take
turns at their calls. After each turn safety is checked; when all is at rest, the state must be that of the undisturbed
run, or what is left must lie in a dead-letter queue. What happens, and what must hold, is said by the features
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

from greenlet import getcurrent, greenlet

from shared.domain.errors import AccountLinkingError
from shared.runtime.observability import logger
from shared.stores.table import write_many
from simulation.chaos import Chaos, Killed, Mode
from tests.harness import World

DAY = 86_400
CANARY = "Zxqcanary"
"""Stands in every name and password: wherever it turns up outside of tables, files and pages, people's data leaked."""
_AT_ONCE = 3
_LONGEST_TURN = 60
"""Seconds that may pass while a worker is between two calls: no function runs longer, but for the import's steps."""


class Violation(AssertionError):
    """A safety or liveness rule was broken."""


@dataclass(frozen=True, slots=True)
class Worker:
    """What handles deliveries of one kind, how often they are tried, and how long after (seconds)."""

    do: Callable[[Laboratory, Any], None]
    tries: int
    pause: float
    may_come_twice: bool = False
    on_giving_up: Callable[[Laboratory, Any], None] | None = None
    is_parked: bool = True
    """Whether what was given up lies in a dead-letter queue; a person's visit does not."""
    is_forgotten: bool = False
    """Nobody waits for it: what fails is gone."""


@dataclass(frozen=True, eq=False)
class Feature:
    """A part of the product under faults: what happens, who handles it, what must hold (docs/fault-laboratory.md)."""

    name: str
    workers: dict[str, Worker] = field(default_factory=dict)
    week: Callable[[Laboratory], None] = lambda _lab: None
    """Sends what happens, from the start on."""
    collect: Callable[[Laboratory], None] = lambda _lab: None
    """After each turn: hands on what the services were given."""
    safety: Callable[[Laboratory], Iterator[str]] = lambda _lab: iter(())
    """After each turn: what is wrong."""
    at_rest: Callable[[Laboratory], dict[str, Any]] = lambda _lab: {}
    """What must be as after the undisturbed run, without times and ids."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad it is. All are probabilities but ``most_faults``."""

    rate: float = 0.0
    most_faults: int = 0
    duplicates: float = 0.0
    disorder: float = 0.0
    turns: float = 0.0
    """That a worker lets another one go first before a call."""

    @classmethod
    def of(cls, seed: int) -> Weather:
        """A seed's own weather: from nearly calm to worse than anything seen."""
        dice = Random(f"weather {seed}")
        return cls(
            rate=dice.choice([0, 0.002, 0.01, 0.03]),
            most_faults=dice.randint(1, 6),
            duplicates=dice.choice([0, 0.1, 0.5]),
            disorder=dice.choice([0, 0.2, 0.5]),
            turns=dice.choice([0, 0.1, 0.5]),
        )


CALM = Weather()


@dataclass(order=True, slots=True)
class Delivery:
    """Something that is to be handled: when (seconds since the start), what, and how often it was tried."""

    due: float
    order: float
    number: int
    kind: str = field(compare=False)
    body: Any = field(compare=False)
    tries: int = field(default=0, compare=False)
    name: str = field(default="", compare=False)
    """What a reader of the trace is told of it."""


@dataclass(slots=True)
class Running:
    """A delivery that is being handled. ``outcome`` is empty when it went well."""

    delivery: Delivery
    greenlet: greenlet
    outcome: str = ""


class Laboratory:
    """One run. The same seed, plan and weather give the same run, call by call."""

    def __init__(
        self,
        seed: int = 0,
        *,
        features: Sequence[Feature],
        weather: Weather = CALM,
        plan: dict[int, Mode] | None = None,
        loosened: Callable[[str, dict[str, Any]], dict[str, Any]] | None = None,
        people_race: bool = False,
        meets: Callable[[str, dict[str, Any]], bool] | None = None,
    ) -> None:
        """``people_race`` lets people and uploads meet at the same moment, so that how it ends depends on who is first.

        ``meets`` says of a call (its operation and request) that whoever makes it waits until everybody else who is about
        has gone first: what was read before may be another by then.
        """
        self.seed = seed
        self.features = features
        self.weather = weather
        self.people_race = people_race
        self.random = Random(f"order {seed}")
        self.chaos = Chaos(Random(f"faults {seed}"), plan or {}, weather.rate, weather.most_faults, loosened=loosened)
        self.world = World(gate=self.chaos, is_metered=False)
        self.workers = {kind: worker for feature in features for kind, worker in feature.workers.items()}
        self.queue: list[Delivery] = []
        self.running: list[Running] = []
        self.parked: list[Delivery] = []
        self.gave_up: list[Delivery] = []
        self.unanswered: set[str] = set()
        """Whose mail nobody can say of whether it went out; an alarm tells."""
        self.wrong: list[str] = []
        """What listeners found wrong in the middle of a turn."""
        self.facts: dict[str, Any] = {}
        """What features keep for themselves."""
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
                feature.week(self)
        self.chaos.enabled = True
        self.meets = meets
        self._waiting: Running | None = None
        if weather.turns or meets:
            self.chaos.before_call = self._let_others_go_first

    # Deliveries.

    def send(self, kind: str, body: Any, *, after: float | None = None, tries: int = 0) -> None:
        """Something to be handled ``after`` seconds since the start (default: now), perhaps twice, perhaps late."""
        due = self.elapsed if after is None else after
        name = _name(kind, body)
        copies = 1
        if tries == 0 and self.workers[kind].may_come_twice and self.weather.duplicates:
            copies += sum(self.random.random() < self.weather.duplicates for _ in range(2))
        for _ in range(copies):
            late = order = 0.0
            if self.weather.disorder:
                late = self.random.uniform(0, 900) if self.random.random() < self.weather.disorder else 0
                order = self.random.random()
            heapq.heappush(self.queue, Delivery(due + late, order, next(self._numbers), kind, body, tries, name))

    @property
    def elapsed(self) -> float:
        return (self.world.now - self.began).total_seconds()

    def run(self, *, most: int = 50_000) -> Laboratory:
        """Handle everything until all is at rest. Raises Violation as soon as something is wrong."""
        with self._captured():
            for _ in range(most):
                if (one := self._whose_turn()) is None:
                    break
                self._turn(one)
            else:
                raise Violation("nothing comes to rest")
            self.chaos.at_rest()
            self._touched = True
            self._check()
        return self

    def _whose_turn(self) -> Running | None:
        """Somebody at work, or the next delivery."""
        may_start = bool(self.queue) and (
            not self.running or (len(self.running) < _AT_ONCE and self.queue[0].due - self.elapsed <= _LONGEST_TURN)
        )
        others = [one for one in self.running if one is not self._waiting]
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
        one = Running(delivery, greenlet(lambda: self._work(one)))
        self.running.append(one)
        return one

    def _work(self, one: Running) -> None:
        """The life of a worker. Whatever it raises, its delivery comes again."""
        try:
            self.workers[one.delivery.kind].do(self, one.delivery.body)
        except Killed:
            one.outcome = "died"
        except AccountLinkingError as failed:
            if CANARY in f"{failed}{failed.message}":
                self.wrong.append("an error text holds personal data")
            one.outcome = failed.code
        except Exception as failed:  # noqa: BLE001 - a real worker is tried again, too
            one.outcome = type(failed).__name__

    def _turn(self, one: Running) -> None:
        self.chaos.worker = f"{one.delivery.number:>4} {one.delivery.name}"
        one.greenlet.switch()
        if one.greenlet.dead:
            self.running.remove(one)
            if one.outcome:
                self._again(one.delivery, one.outcome)
        for feature in self.features:
            feature.collect(self)
        self._check()

    def _let_others_go_first(self, operation: str, request: dict[str, Any]) -> None:
        me = next((one for one in self.running if one.greenlet is getcurrent()), None)
        if me is None:
            return
        if self.meets and self._waiting is None and self.meets(operation, request):
            self._waiting = me
            self._hub.switch()
        elif self.random.random() < self.weather.turns:
            self._hub.switch()

    def _again(self, delivery: Delivery, why: str) -> None:
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
        if self._touched or self.wrong:
            self._touched = False
            self.wrong += [wrong for feature in self.features for wrong in feature.safety(self)]
        if CANARY in self._new_log_lines():
            self.wrong.append("a log line or a metric holds personal data")
        if self.wrong:
            raise Violation("; ".join(dict.fromkeys(self.wrong)))

    def _new_log_lines(self) -> str:
        if self.log.tell() == self._log_read:
            return ""
        self.log.seek(self._log_read)
        new = self.log.read()
        self._log_read = self.log.tell()
        return new

    def projection(self) -> dict[str, Any]:
        """What must be the same at rest."""
        return {k: v for feature in self.features for k, v in feature.at_rest(self).items()}

    def check_at_rest(self, clean: dict[str, Any]) -> str:
        """Liveness: answers ``equal``, ``parked`` or ``unanswered``. Raises Violation when it is none of these."""
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
        """Logs and metrics go into ``log``; nobody really sleeps."""
        handlers = [h for h in logger.handlers if hasattr(h, "stream")]
        streams = [h.stream for h in handlers]
        sleep = write_many.__kwdefaults__["sleep"]
        for handler in handlers:
            handler.stream = self.log
        write_many.__kwdefaults__["sleep"] = lambda _seconds: None
        try:
            with redirect_stdout(self.log):
                yield
        finally:
            write_many.__kwdefaults__["sleep"] = sleep
            for handler, stream in zip(handlers, streams, strict=True):
                handler.stream = stream


def _name(kind: str, body: Any) -> str:
    if isinstance(body, dict) and "import" in body:
        return f"{kind} {body['step']} of {body['import']['upload']['key'].rpartition('/')[2]}"
    if isinstance(body, str) and body.startswith("{"):
        return f"{kind} {json.loads(body).get('sourced_id', '')}"
    return f"{kind} {getattr(body, 'key', body)}"[:70]


def told(lab: Laboratory) -> str:
    """A run as a reader wants it: deliveries, and under each of them its calls, with what went wrong."""
    lines = [*lab.trace, "", "calls:"]
    for call in lab.chaos.calls:
        fault = f"   ✗ {call.fault}" if call.fault else ""
        lines.append(f"  {call.number:>4}  {call.worker[:44]:<44} {call.service} {call.operation} {call.what}{fault}")
    return "\n".join(lines)


@cache
def clean_projection(features: tuple[Feature, ...]) -> dict[str, Any]:
    """How an undisturbed run ends."""
    return Laboratory(features=features).run().projection()
