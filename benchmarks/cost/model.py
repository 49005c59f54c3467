"""What a month costs: what was counted, times how often it happens, times the price file."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.cost.counting import Activity, Counted
from functions.import_step.shards import MOST_SHARDS, PEOPLE_PER_SHARD
from shared.mail.delivery import Outcome
from tests.template import RESOURCES, TEMPLATE

_HERE = Path(__file__).parent
PRICES: dict[str, Any] = json.loads((_HERE / "prices.json").read_text())
ASSUMPTIONS: dict[str, Any] = json.loads((_HERE / "assumptions.json").read_text())
MONTHS = ("launch", "quiet")
LOGINS = ("pool", "hubs")
"""Where the passwords of existing accounts are: in the user pool, or nowhere here, as people prove accounts by hub logins."""
_GB = 1e9
_MIB = 1024
_MAILS_AN_INVOCATION = 5
_LINES_AN_INVOCATION = 100_000


@dataclass(frozen=True)
class Month:
    """What a month uses and costs. ``amounts`` and ``dollars`` are by line of the price file."""

    kind: str
    logins: str
    people: int
    amounts: Mapping[str, float]
    dollars: Mapping[str, float]
    password_users: float

    @property
    def total(self) -> float:
        return sum(self.dollars.values())

    @property
    def dearest(self) -> str:
        return max(self.dollars, key=lambda line: self.dollars[line])


def month(counts: Counted, people: int, kind: str, logins: str) -> Month:
    """A month of this kind for so many people."""
    done = list(_done(counts, people, kind, logins))
    amounts = _amounts(counts, done, people)
    password_users = _password_users(people, kind) if logins == "pool" else 0.0
    dollars = {line: amounts[line] * priced["price"] / priced["per"] for line, priced in PRICES["unit"].items()}
    dollars["Cognito"] = cognito(password_users, user_pool_tier())
    return Month(kind, logins, people, amounts, dollars, password_users)


_EACH_MONTH = ("Metrics", "Alarms", "Secrets")
"""Lines that cost the same, whatever is done."""


def cost_of_each(counts: Counted) -> dict[str, float]:
    """Dollars of one more of what a forecast counts (``shared.domain.forecast.COST``), without Cognito, which counts people."""
    first = Activity("a first import", "import_step", counts.first_import.of(1))
    mail = (counts.feedback, 2.0)
    parts: dict[str, list[tuple[Activity, float]]] = {
        "import": [(first, 1.0)],
        "person": [(counts.row, 1.0)],
        "mail": [(counts.mail, 1.0), mail],
        "reminder": [(counts.reminder, 1.0), mail],
        "nudge": [(counts.nudge, 1.0), mail],
        "login": [(counts.login, 1.0)],
        "link": [(counts.password_link, 1.0), (counts.event, 1.0)],
    }
    return {name: _dollars(counts, done) for name, done in parts.items()}


def _dollars(counts: Counted, done: list[tuple[Activity, float]]) -> float:
    amounts = _amounts(counts, done, 0)
    lines = ((line, priced) for line, priced in PRICES["unit"].items() if line not in _EACH_MONTH)
    return sum(float(amounts[line] * priced["price"] / priced["per"]) for line, priced in lines)


def shards(people: int) -> int:
    """Shards of a district of so many people: a power of two."""
    number = 1
    while number * PEOPLE_PER_SHARD < people and number < MOST_SHARDS:
        number *= 2
    return number


def districts(people: int) -> int:
    return max(1, round(people / float(ASSUMPTIONS["people_per_district"])))


def cognito(users: float, tier: str) -> float:
    """A month's price of so many people who gave a password to the user pool."""
    total, above = 0.0, float(PRICES["cognito"]["free"])
    for until, price in PRICES["cognito"][tier]:
        top = users if until is None else min(users, until)
        total += max(0.0, top - above) * price
        above = max(above, top)
    return total


def user_pool_tier() -> str:
    """What the template deploys; Cognito's own default is ESSENTIALS."""
    return str(TEMPLATE["Parameters"].get("UserPoolTier", {}).get("Default", "ESSENTIALS"))


def most_password_users(counts: Counted, people: int, limit: float) -> float:
    """The share of people who may give a password to the user pool before a launch month costs this limit."""
    besides = month(counts, people, "launch", "hubs").total
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if besides + cognito(people * middle, user_pool_tier()) < limit else (low, middle)
    return low


def _password_users(people: int, kind: str) -> float:
    return people * float(ASSUMPTIONS[kind]["linked_by_password"])


def _done(counts: Counted, people: int, kind: str, logins: str) -> Iterator[tuple[Activity, float]]:
    """Each activity, and how often it happens in the month."""
    rates = ASSUMPTIONS[kind]
    of, each = districts(people), people / districts(people)
    by_password = rates["linked_by_password"] * people if logins == "pool" else 0.0
    by_google = rates["linked_by_google"] * people + (0.0 if by_password else rates["linked_by_password"] * people)
    by_rule = rates["linked_by_rule"] * people
    teachers, mails = ASSUMPTIONS["teachers"] * people, rates["teachers_mailed"] * people
    reminders, nudges = mails * rates["reminders_per_mail"], teachers * rates["nudges_per_teacher"]
    links = by_password + by_google + by_rule
    notices = 2 * links * ASSUMPTIONS["teachers"]
    number = shards(round(each))
    first = Activity("a first import", "import_step", counts.first_import.of(number))
    night = Activity("a night with changes", "import_step", counts.changed_night.of(number))
    yield counts.row, rates["first_imports"] * people
    yield first, rates["first_imports"] * of
    yield counts.changed_row, rates["changed_nights"] * rates["changed_share_a_night"] * people
    yield night, rates["changed_nights"] * of
    yield counts.unchanged_night, (rates["nights"] - rates["changed_nights"]) * of
    yield counts.feed_line, people * (rates["with_account"] + rates["nights"] * rates["feed_lines_a_night"])
    yield counts.mail, mails
    yield counts.reminder, reminders
    yield counts.feedback, 2 * (mails + reminders + nudges + notices)
    yield counts.rule_link, by_rule
    yield counts.password_link, by_password
    yield counts.google_link, by_google
    yield counts.login, rates["logins_per_person"] * people
    yield counts.event, links
    yield counts.notice, notices
    yield counts.nudge, nudges
    for day in counts.day:
        yield day, 30.0


def _amounts(counts: Counted, done: list[tuple[Activity, float]], people: int) -> dict[str, float]:
    """What is used, by line of the price file."""
    used = defaultdict[str, float](float)
    for activity, times in done:
        for name, value in activity.used.items():
            used[name] += value * times
    invocations = _invocations(done)
    every_call = sum(invocations.values())
    logged = (
        every_call * ASSUMPTIONS["log_bytes_per_invocation"]
        + used["requests"] * ASSUMPTIONS["access_log_bytes_per_request"]
    )
    stored = people * 6 * 1_000 / _GB
    roster_bytes = people * ASSUMPTIONS["roster_bytes_per_person"]
    return {
        "DynamoDB writes": float(used["write units"]),
        "DynamoDB reads": float(used["read units"]),
        "DynamoDB storage": stored,
        "Lambda requests": float(every_call),
        "Lambda time": sum(seconds for _, seconds in gigabyte_seconds(done, people)),
        "API requests": float(used["requests"]),
        "States": float(used["transitions"]),
        "S3 writes": float(used["s3 PutObject"]),
        "S3 reads": float(used["s3 GetObject"]),
        "S3 storage": roster_bytes * (30 + 3) / _GB,
        "SQS": 3.0 * (used["sqs SendMessageBatch"] + 2 * used["mails"]),
        "Mail": float(used["mails"]),
        "Events": float(used["events PutEvents"] + used["events"]),
        "Logs": logged / _GB,
        "Traces": every_call * ASSUMPTIONS["traced_share"],
        "Traffic": used["page bytes"] / _GB,
        "Metrics": float(custom_metrics()),
        "Alarms": float(sum(resource["Type"] == "AWS::CloudWatch::Alarm" for resource in RESOURCES.values())),
        "Secrets": float(ASSUMPTIONS["secrets"]),
    }


def _invocations(done: list[tuple[Activity, float]]) -> dict[str, float]:
    """By function. Where an activity is not a call of its own, as with mails from a queue, several share one."""
    found = defaultdict[str, float](float)
    for activity, times in done:
        seen = {name: value for name, value in activity.used.items() if name.startswith("invoke ")}
        for name, value in seen.items():
            found[name.removeprefix("invoke ")] += value * times
        if not seen:
            found[activity.function] += times / _share_of(activity)
    return found


def _share_of(activity: Activity) -> float:
    match activity.function:
        case "activation_email":
            return _MAILS_AN_INVOCATION
        case "accounts_feed":
            return _LINES_AN_INVOCATION
        case "import_step":
            return math.inf  # rows are read in the steps of their import
    return 1.0


def gigabyte_seconds(done: list[tuple[Activity, float]], people: int) -> Iterator[tuple[str, float]]:
    """Each activity's part: the calls that it waits for, its own work, and now and then a cold start."""
    calls, at_once = ASSUMPTIONS["call_ms"], ASSUMPTIONS["at_once"]
    for activity, times in done:
        waited = sum(
            value * calls[name.split()[0]] for name, value in activity.used.items() if name.split()[0] in calls and " " in name
        ) / at_once.get(activity.function, 1)  # fmt: skip
        runs = sum(value for name, value in activity.used.items() if name.startswith("invoke ")) or 1 / _share_of(
            activity
        )
        worked = ASSUMPTIONS["cpu_ms"].get(activity.function, 0) * (runs or 1)
        worked += _reading(activity, people)
        cold = runs * ASSUMPTIONS["cold_start_share"] * ASSUMPTIONS["cold_start_ms"]
        yield activity.name, times * (waited + worked + cold) / 1000 * memory_of(activity.function) / _MIB


def _reading(activity: Activity, people: int) -> float:
    """Milliseconds of work on rows: an import of any size reads all of its rows."""
    each = ASSUMPTIONS["cpu_ms_per_row"].get(activity.function, 0.0)
    if activity.name in ("a first import", "a night with changes"):
        return float(each * people / districts(people))
    return float(each) if activity.function == "accounts_feed" else 0.0


@cache
def memory_of(folder: str) -> int:
    """MiB of the function whose handler lies in this folder."""
    for resource in RESOURCES.values():
        if f"functions.{folder}." in str(resource.get("Properties", {}).get("Handler", "")):
            return int(resource["Properties"].get("MemorySize", TEMPLATE["Globals"]["Function"]["MemorySize"]))
    raise KeyError(folder)


@cache
def custom_metrics() -> int:
    """How many metrics the code can write: each name, and for a name that ends in an outcome one for each outcome."""
    root = _HERE.parents[1]
    names = set[str]()
    for folder in ("functions", "shared"):
        for path in (root / folder).rglob("*.py"):
            for formatted, name in re.findall(r"""\bmetric\(\s*(f?)["']([A-Za-z]+)""", path.read_text()):
                names |= {f"{name}{outcome.name}" for outcome in Outcome} if formatted else {name}
    return len(names)
