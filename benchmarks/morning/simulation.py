"""A morning second by second: who comes, what that asks of each limit, who has to come again, and when."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from benchmarks.morning.login import Login
from shared.domain.errors import BUSY_SECONDS
from shared.runtime.aws import SOON

HALF_AN_HOUR = 1_800
HELD_SECONDS = SOON
"""How long a call that is refused as too much holds its worker besides: until it is made once more."""
_LAST = 4 * 3_600
"""Seconds after which nobody is waited for."""


@dataclass(frozen=True)
class Limit:
    """What a login asks of something that gives only so much a second. ``back_after``: when who is refused comes again."""

    name: str
    of_a_login: float
    most: float
    unit: str
    seen: str
    """What a person sees who is refused."""
    back_after: int
    ask: str
    """What to do before the day."""

    @property
    def is_told(self) -> bool:
        """Whether who is refused sees a page of ours, which a worker has written."""
        return not self.is_of_pages

    @property
    def is_of_pages(self) -> bool:
        """Whether it is met with each page, and not once a login."""
        return self.name.startswith(("API", "Lambda"))


@dataclass(frozen=True)
class Setup:
    """What the account and the stack allow."""

    name: str
    stage: float
    concurrency: float
    write_units: float
    read_units: float
    passwords: float
    districts: int = 1
    counters: int = 16
    """Over so many items a district counts its logins."""


NEW = Setup("an account and a table as they are made", 10_000, 10, 4_000, 12_000, 120)
ORDINARY = Setup("the usual quotas, a table that an import has warmed", 10_000, 1_000, 8_000, 24_000, 120)
PREPARED = Setup("after what docs/morning.md asks for", 10_000, 1_000, 40_000, 60_000, 240)
SETUPS = (NEW, ORDINARY, PREPARED)


def limits(login: Login, setup: Setup) -> tuple[Limit, ...]:
    """Every limit that a login meets, in the order in which it does."""
    page = "a page that says when to try again"
    return (
        Limit(
            "API: requests a second of the stage",
            login.pages,
            setup.stage,
            "requests",
            "a bare 429: API Gateway lets nobody write that page",
            20,
            "RequestRate and RequestBurst; the account's 10,000 a second",
        ),
        Limit(
            "Lambda: pages at once",
            login.pages * login.page_seconds,
            setup.concurrency,
            "at once",
            "a bare 503: API Gateway lets nobody write that page",
            20,
            "Service Quotas: Concurrent executions",
        ),
        Limit(
            "DynamoDB: writes of the table",
            login.write_units,
            setup.write_units,
            "units",
            page,
            BUSY_SECONDS,
            "warm throughput of the table",
        ),
        Limit(
            "DynamoDB: reads of the table",
            login.read_units,
            setup.read_units,
            "units",
            page,
            BUSY_SECONDS,
            "warm throughput of the table",
        ),
        Limit(
            "DynamoDB: reads of a district's settings",
            login.settings_read_units / setup.districts,
            3_000,
            "units",
            page,
            BUSY_SECONDS,
            "nothing: a page goes by settings that are five seconds old",
        ),
        Limit(
            "DynamoDB: writes of a counter of logins",
            login.counter_write_units / setup.districts / setup.counters,
            1_000,
            "units",
            page,
            BUSY_SECONDS,
            "nothing: a district has sixteen",
        ),
        Limit(
            "Cognito: passwords",
            login.passwords,
            setup.passwords,
            "passwords",
            page,
            BUSY_SECONDS,
            "Service Quotas: rate of UserAuthentication requests",
        ),
    )


@dataclass
class Morning:
    """What happened. ``logins`` and ``refused`` are people by second; one may be refused more than once."""

    setup: Setup
    people: int
    logins: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    peak: dict[str, float] = field(default_factory=dict)
    """The most that was asked of each limit, as a share of it, had nobody been refused."""
    refusals: dict[str, float] = field(default_factory=dict)
    """People whom each limit refused."""
    first: dict[str, int] = field(default_factory=dict)
    """The second in which each limit refused somebody first."""

    @property
    def most_waiting(self) -> float:
        """The most people who came and are not in yet, at one moment."""
        coming, waiting, most = arrivals(self.people), 0.0, 0.0
        for second, number in enumerate(self.logins):
            waiting += coming(second) - number
            most = max(most, waiting)
        return most

    def share_in(self, second: int) -> float:
        """The share of the people who are in by then."""
        return sum(self.logins[:second]) / self.people

    @property
    def breaks_first(self) -> str:
        return min(self.first, key=lambda name: self.first[name], default="")

    @property
    def all_in(self) -> int:
        """Seconds until everybody but one in a thousand is in."""
        done = 0.0
        for second, number in enumerate(self.logins):
            done += number
            if done >= 0.999 * self.people:
                return second
        return _LAST


def arrivals(people: int) -> Callable[[int], float]:
    """How many come in each second of half an hour: few at first and at last, half as many again in the middle."""
    return lambda second: (
        people * math.pi / 2 / HALF_AN_HOUR * math.sin(math.pi * (second + 0.5) / HALF_AN_HOUR)
        if second < HALF_AN_HOUR
        else 0.0
    )


def simulate(login: Login, setup: Setup, people: int) -> Morning:
    """Let so many people log in. Who is refused comes again when the page says, spread over as long again."""
    found, coming = Morning(setup, people), arrivals(people)
    met = limits(login, setup)
    for limit in met:
        most = max(coming(second) for second in range(0, HALF_AN_HOUR, 10))
        found.peak[limit.name] = most * limit.of_a_login / limit.most
    again: list[float] = [0.0] * (_LAST + 2 * BUSY_SECONDS)
    halves = held = 0.0
    for second in range(_LAST):
        people_here = coming(second) + again[second]
        if second > HALF_AN_HOUR and people_here < 1:
            break
        inside, refused = people_here, 0.0
        now_held = 0.0
        for limit, out in _refused(met, inside, halves, held):
            now_held += out * HELD_SECONDS * limit.is_told
            inside -= out
            refused += out
            found.refusals[limit.name] = found.refusals.get(limit.name, 0.0) + out
            found.first.setdefault(limit.name, second)
            for wait in range(limit.back_after):
                again[second + limit.back_after + wait] += out / limit.back_after
        found.logins.append(inside)
        found.refused.append(refused)
        halves = refused / people_here if people_here else 0.0
        held = now_held
    return found


def _refused(met: tuple[Limit, ...], inside: float, halves: float, held: float) -> Iterator[tuple[Limit, float]]:
    """Whom each limit refuses of those whom the ones before it let in.

    ``halves`` is the share of those who see half of the pages alone, as they are refused on the way; ``held`` are workers
    that still try for those who are refused.
    """
    for limit in met:
        asked = limit.of_a_login * (1 - halves / 2 if limit.is_of_pages else 1)
        free = max(0.0, limit.most - held) if limit.name.startswith("Lambda") else limit.most
        out = max(0.0, inside - free / asked) if asked else 0.0
        if out > 1e-9:
            inside -= out
            yield limit, out
