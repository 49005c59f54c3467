"""A backlog of activation mails, sent by several workers at the account's send rate.

It runs the real use cases on a simulated clock, with an SES that refuses every mail over the limit of any second or any
24 hours. Each call takes a seeded time; while one worker waits the others go on. Nothing reads a real clock.
"""

from __future__ import annotations

import heapq
import json
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from itertools import count
from random import Random
from typing import Any

from greenlet import getcurrent, greenlet

from benchmarks.figures import Figures
from functions.activation_email.send_activation import SendActivation
from shared.domain.activation import Activation
from shared.domain.errors import AccountLinkingError
from shared.domain.roster import RosterUserKey
from shared.mail.recipient_cap import RecipientCap
from shared.mail.rendering import Message
from shared.mail.ses import rate_limited_mailer
from shared.stores.due_items import DueStore
from shared.stores.rate_limits import RateLimiter
from shared.stores.stuck_people import StuckStore
from shared.stores.waiting import WaitingStore
from shared.use_cases.match_by_rule import MatchByRule
from tests.fakes.aws import MemorySes
from tests.fakes.dynamodb import Effect, error
from tests.harness import World

BATCH = 5
"""Messages that a worker receives and handles at the same time (template.yaml, the function's AT_ONCE)."""
VISIBILITY = 360.0
MOST_RECEIVES = 5
SCHEDULE = 900.0
DAY = 86_400.0


class Scheduler:
    """Greenlets on a simulated clock, which stands still while they work and moves when all of them wait."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._began = world.now
        self._hub = getcurrent()
        self._waiting: list[tuple[float, int, greenlet]] = []
        self._numbers = count()
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        """Wait so many simulated seconds; outside of a run, not at all."""
        if getcurrent() is self._hub:
            return
        self._wake(getcurrent(), seconds)
        self._hub.switch()

    def all_of(self, works: Sequence[Callable[[], None]]) -> None:
        """Do all of it at the same time; return when the last is done."""
        caller, done = getcurrent(), count(1)

        def finish(work: Callable[[], None]) -> None:
            work()
            if next(done) == len(works):
                self._wake(caller, 0)

        for work in works:
            self.start(partial(finish, work))
        self._hub.switch()

    def start(self, work: Callable[[], None], *, after: float = 0.0) -> None:
        self._wake(greenlet(work, parent=self._hub), after)

    def run(self, *, until: Callable[[], bool], longest: float) -> None:
        """Run until a condition holds. Raises AssertionError when that takes longer than so many simulated seconds."""
        while self._waiting and not until():
            moment, _, worker = heapq.heappop(self._waiting)
            if moment > longest:
                raise AssertionError(f"not done after {longest:,.0f} simulated seconds")
            self.now = moment
            self._world.now = self._began + timedelta(seconds=moment)
            worker.switch()

    def _wake(self, worker: greenlet, seconds: float) -> None:
        heapq.heappush(self._waiting, (self.now + max(0.0, seconds), next(self._numbers), worker))


class StrictSes(MemorySes):
    """SES at its strictest: in no second more than the rate, in no 24 hours more than the quota. It counts on arrival."""

    def __init__(self, rate: int, per_day: int, clock: Callable[[], float], gate: Any) -> None:
        super().__init__(gate=gate)
        self.rate, self.per_day = rate, per_day
        self.arrivals: list[float] = []
        self.refused: Counter[str] = Counter()
        self.most_in_a_second = 0
        self.reads = 0
        self._clock = clock
        self._second: deque[float] = deque()
        self._day: deque[float] = deque()

    def get_account(self) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            self.reads += 1
            self._forget()
            quota = {"MaxSendRate": float(self.rate), "Max24HourSend": float(self.per_day)}
            return {"SendingEnabled": True, "SendQuota": {**quota, "SentLast24Hours": float(len(self._day))}}

        return self._gate("ses", "GetAccount", {}, effect)

    def send_email(self, *, Destination: dict[str, list[str]], **request: Any) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            self._forget()
            if len(self._day) >= self.per_day:
                self.refused["daily quota"] += 1
                raise error("TooManyRequestsException", "SendEmail", "Daily message quota exceeded.")
            if len(self._second) >= self.rate:
                self.refused["rate"] += 1
                raise error("TooManyRequestsException", "SendEmail", "Maximum sending rate exceeded.")
            for window in (self._second, self._day, self.arrivals):
                window.append(self._clock())
            self.most_in_a_second = max(self.most_in_a_second, len(self._second))
            self.sent.append({"To": Destination["ToAddresses"][0], **request})
            return {"MessageId": f"message-{len(self.sent)}"}

        return self._gate("ses", "SendEmail", request, effect)

    def _forget(self) -> None:
        for window, length in ((self._second, 1.0), (self._day, DAY)):
            while window and window[0] <= self._clock() - length:
                window.popleft()


@dataclass
class Sent:
    """How a backlog went out."""

    pending: int
    mails: int
    people: int
    """How many different people were mailed."""
    seconds: float
    """From the first mail to the last."""
    rate: int
    refused: Counter[str]
    most_in_a_second: int
    lease_writes: int
    limit_reads: int
    parked: int
    dead_letters: int
    by_day: Counter[int]
    """Mails by the day, counted from the beginning."""

    @property
    def utilisation(self) -> float:
        """The part of the account's rate that was used, from the first mail to the last."""
        return (self.mails - 1) / self.seconds / self.rate


class Backlog:
    """Activations that wait, workers that send them, and the schedule that brings back what was parked."""

    def __init__(self, pending: int, *, rate: int, per_day: int, workers: int, seed: int) -> None:
        self._random = Random(seed)
        self.world = world = World(gate=self._gate)
        world.begin_like(_prepared(pending))
        world.sqs.messages = list(_prepared(pending).sqs.messages)
        self.scheduler = Scheduler(world)
        self.ses = world.ses = StrictSes(rate, per_day, lambda: self.scheduler.now, self._gate)
        self._pending = pending
        self._receives: Counter[str] = Counter()
        self._hidden: list[tuple[float, str]] = []
        self._dead: list[str] = []
        self._outcomes: Counter[str] = Counter()
        for number in range(workers):
            self.scheduler.start(self._worker, after=number * 0.05)
        self.scheduler.start(self._schedule, after=SCHEDULE)

    def run(self, *, longest: float) -> Sent:
        self.scheduler.run(until=self._is_done, longest=longest)
        arrivals = self.ses.arrivals
        return Sent(
            self._pending,
            len(self.ses.sent),
            len({mail["To"] for mail in self.ses.sent}),
            arrivals[-1] - arrivals[0],
            self.ses.rate,
            self.ses.refused,
            self.ses.most_in_a_second,
            self.world.table.meter.write_units.get("PACE", 0),
            self.ses.reads,
            self._outcomes["refused"],
            len(self._dead),
            Counter(int(moment // DAY) for moment in arrivals),
        )

    def _is_done(self) -> bool:
        return self._outcomes["sent"] + len(self._dead) >= self._pending

    # Latency of calls.

    def _gate(self, service: str, operation: str, _request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        there, back = self._latency(service, operation)
        self.scheduler.sleep(there)
        try:
            return effect()
        finally:
            self.scheduler.sleep(back)

    def _latency(self, service: str, operation: str) -> tuple[float, float]:
        """Return the seconds of the request and of the response. One call in a hundred is slow."""
        slow = 5.0 if self._random.random() < 0.01 else 1.0
        if operation == "SendEmail":
            return self._random.uniform(0.002, 0.014), slow * self._random.lognormvariate(-2.5, 0.4)
        return self._random.uniform(0.001, 0.003), slow * self._random.uniform(0.002, 0.008)

    # Workers.

    def _worker(self) -> None:
        world = self.world
        mailer = rate_limited_mailer(
            world.ses,
            world.table,
            "no-reply@accounts.example.org",
            "mail",
            clock=world.clock,
            sleep=self.scheduler.sleep,
        )
        sending = SendActivation(
            world.activations, world.users, world.links, world.districts, mailer, _Invitations(),
            StuckStore(world.table), DueStore(world.table), WaitingStore(world.table),
            MatchByRule(world.identifiers, world.links, world.activations),
            recipients=RecipientCap(RateLimiter(world.table, world.clock), world.clock), clock=world.clock,
        )  # fmt: skip
        while True:
            self.scheduler.sleep(self._random.uniform(0.01, 0.04))
            batch = self._received()
            if not batch:
                self.scheduler.sleep(10.0)
                continue
            sending.expect(len(batch))
            self.scheduler.all_of([partial(self._handle, sending, message) for message in batch])

    def _handle(self, sending: SendActivation, message: str) -> None:
        body = json.loads(message)
        try:
            outcome = sending.send(RosterUserKey(body["district_id"], body["sourced_id"]), body["activation_id"])
        except AccountLinkingError as failed:
            self._outcomes[failed.code] += 1
            self._give_back(message)
            return
        self._outcomes[outcome.value] += 1
        # This request is finished. If the activation is queued again, that is a new request.
        self._receives.pop(message, None)

    def _received(self) -> list[str]:
        while self._hidden and self._hidden[0][0] <= self.scheduler.now:
            self.world.sqs.messages.append(heapq.heappop(self._hidden)[1])
        batch = self.world.sqs.messages[:BATCH]
        del self.world.sqs.messages[:BATCH]
        self._receives.update(batch)
        return batch

    def _give_back(self, message: str) -> None:
        if self._receives[message] >= MOST_RECEIVES:
            self._dead.append(message)
        else:
            heapq.heappush(self._hidden, (self.scheduler.now + VISIBILITY, message))

    def _schedule(self) -> None:
        while True:
            self.world.queue_due_activations().run()
            self.scheduler.sleep(SCHEDULE)


class _Invitations:
    """Mails without text, which is not measured here."""

    def activation(self, activation: Activation, *_: object) -> Message:
        tags = {"activation_id": activation.activation_id}
        return Message(activation.official_email, "subject", "html", "text", tags=tags)


@cache
def _prepared(pending: int) -> World:
    """A district whose import has queued so many activations."""
    from tests.builders import roster, user

    world = World(is_metered=False)
    world.register()
    world.upload(roster(*(user(f"t{number}", "teacher") for number in range(pending))))
    return world


def steady(pending: int = 10_000, *, rate: int = 14, workers: int = 4, seed: int = 1) -> Sent:
    """A backlog that the daily quota has room for."""
    backlog = Backlog(pending, rate=rate, per_day=10 * pending, workers=workers, seed=seed)
    return backlog.run(longest=20 * pending / rate)


def over_the_quota(pending: int = 10_000, *, per_day: int = 6_000, workers: int = 4, seed: int = 1) -> Sent:
    """A backlog that takes a second day."""
    return Backlog(pending, rate=14, per_day=per_day, workers=workers, seed=seed).run(longest=4 * DAY)


def measure(figures: Figures) -> None:
    """Ten thousand mails by four workers: with room in the daily quota, and without."""
    one_day = steady()
    name = f"{one_day.mails:,} mails at {one_day.rate}/s, four workers"
    figures.add(f"{name}: simulated time", one_day.seconds, "s")
    figures.add(f"{name}: part of the rate used", 100 * one_day.utilisation, "%")
    figures.add(f"{name}: part of the rate left unused", 100 * (1 - one_day.utilisation), "%", limit=5)
    figures.add(f"{name}: throttled calls", one_day.refused.total(), "calls", limit=0)
    figures.add(f"{name}: most mails in any second", one_day.most_in_a_second, "mails", limit=one_day.rate)
    figures.add(f"{name}: writes for the pace, per mail", one_day.lease_writes / one_day.mails, "writes", limit=0.25)
    figures.add(f"{name}: reads of the account's limits", one_day.limit_reads, "calls", limit=one_day.seconds / 60 + 4)
    _all_once(figures, name, one_day)
    two_days = over_the_quota()
    name = f"{two_days.mails:,} mails, a quota of 6,000 a day"
    figures.add(f"{name}: on the first day", two_days.by_day[0], "mails", limit=6_000)
    figures.add(f"{name}: parked until it frees", two_days.parked, "mails")
    figures.add(f"{name}: on the next day", two_days.by_day[1], "mails")
    figures.add(f"{name}: refused calls", two_days.refused.total(), "calls", limit=0)
    _all_once(figures, name, two_days)


def _all_once(figures: Figures, name: str, sent: Sent) -> None:
    figures.add(f"{name}: lost", sent.pending - sent.people, "mails", limit=0)
    figures.add(f"{name}: twice", sent.mails - sent.people, "mails", limit=0)
    figures.add(f"{name}: in the dead-letter queue", sent.dead_letters, "messages", limit=0)
