"""Where the next limit is: of each limit of AWS or of this stack, how much a launch of so many people uses of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.cost.counting import Counted
from benchmarks.cost.model import ASSUMPTIONS, shards
from functions.import_step.shards import MOST_SHARDS, PEOPLE_PER_SHARD
from tests.template import TEMPLATE

_HALF_AN_HOUR = 1800.0
_DAY = 86_400.0


@dataclass(frozen=True)
class Limit:
    """``used`` of ``most``. ``reached_at`` is how many people use all of it: infinite where more people do not use more."""

    name: str
    used: float
    most: float
    unit: str
    note: str
    people: int
    grows: bool = True

    @property
    def share(self) -> float:
        return self.used / self.most

    @property
    def reached_at(self) -> float:
        return self.people / self.share if self.share and self.grows else float("inf")


def limits(counts: Counted, people: int) -> Iterator[Limit]:
    """Of a launch day on which everybody logs in within half an hour, in one district of so many people."""
    most = ASSUMPTIONS["requests_a_second"]
    logins = people * ASSUMPTIONS["peak_share_in_half_an_hour"] / _HALF_AN_HOUR
    requests = logins * counts.login.used["requests"]
    yield Limit(
        "API: requests a second of the stage", requests, _stage_limit(), "a second",
        "the parameter RequestRate; beyond it browsers get a bare 429", people,
    )  # fmt: skip
    yield Limit(
        "API: requests a second of an account", requests, most["api"], "a second", "a quota that AWS raises", people
    )
    seconds = _seconds_of_a_page(counts)
    yield Limit(
        "Lambda: pages at once", requests * seconds, ASSUMPTIONS["concurrency"], "at once",
        "the account's concurrency, a quota that AWS raises; a new account has tens", people,
    )  # fmt: skip
    yield Limit(
        "Cognito: passwords a second", logins * ASSUMPTIONS["launch"]["linked_by_password"], most["cognito"], "a second",
        "who is refused is asked to try again; a quota that AWS raises for a price", people,
    )  # fmt: skip
    mails = people * ASSUMPTIONS["launch"]["teachers_mailed"]
    yield Limit(
        "SES: mails a day", mails, ASSUMPTIONS["ses"]["a_day"], "a day",
        "the rest goes out the next days; SES raises it with use", people,
    )  # fmt: skip
    yield Limit(
        "SES: a day at the send rate", mails / ASSUMPTIONS["ses"]["a_second"], _DAY, "seconds",
        "mails are paced, and none is lost", people,
    )  # fmt: skip
    number = shards(people)
    yield Limit(
        "Import: people in one district", people, MOST_SHARDS * PEOPLE_PER_SHARD, "people",
        f"{number} shards of {PEOPLE_PER_SHARD:,}; more people in a shard take more memory", people,
    )  # fmt: skip
    yield Limit(
        "Step Functions: children of a map",
        number,
        10_000,
        "children",
        "shards are never more than 256",
        people,
        grows=False,
    )
    pace = _writes_a_second(counts, people)
    yield Limit(
        "DynamoDB: writes of the table", pace, most["table_writes"], "units a second",
        "a quota of the account; an on-demand table begins at 4,000 and doubles within half an hour", people,
        grows=False,
    )  # fmt: skip
    kind = max(counts.hottest, key=lambda name: counts.hottest[name])
    yield Limit(
        "DynamoDB: the partition with most writes", pace * counts.hottest[kind], most["partition_writes"],
        "units a second", f"a partition of {kind} items", people, grows=False,
    )  # fmt: skip


def _stage_limit() -> float:
    rate = TEMPLATE["Parameters"].get("RequestRate", {}).get("Default")
    return float(rate or 500)


def _seconds_of_a_page(counts: Counted) -> float:
    """How long a request of a login takes a function, on the mean."""
    used, calls = counts.login.used, ASSUMPTIONS["call_ms"]
    waited = sum(
        value * calls[name.split()[0]] for name, value in used.items() if " " in name and name.split()[0] in calls
    )
    requests = used["requests"]
    return float((waited / requests + ASSUMPTIONS["cpu_ms"]["pages"]) / 1000)


def _writes_a_second(counts: Counted, people: int) -> float:
    """While an import applies: eight shards at once, in batches of 25, one after the other in each."""
    batches = min(8, shards(people)) * 1000 / ASSUMPTIONS["call_ms"]["dynamodb"]
    items = counts.row.used["write units"] / max(counts.row.used["dynamodb BatchWriteItem"], 0.01)
    return float(batches * min(25.0, items))
