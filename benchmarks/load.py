"""Many teachers activate at once while an import runs: latencies are measured, and nothing may get lost.

Bounded in people and time, on this machine's loopback only.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from threading import Lock, Thread
from typing import Any

import httpx

from benchmarks.pages import costs, route_of
from functions.pages.routes import Router, routes
from local import sample_district
from local.demo_steps import Journey, until
from local.proxy import sent_mail
from local.sample_district import PASSWORD, zipped
from local.stack import LocalStack
from local.web_client import NoSuchButton, WebClient
from tests.harness import World
from tests.pages_harness import Website

DISTRICT_ID = "loadtown"
MOST_PEOPLE, MOST_SECONDS = 200, 120
_ROUTER = Router(routes(Website(World()).site))
READING_SECONDS = (3.0, 7.0)
"""How long a person looks at a page: at least, at most."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was true after the load: of the import beside it, and of the teachers' links."""

    import_status: str
    people_read: int
    links: int
    events: int
    """Events ``AccountLinked`` in the outbox."""


@dataclass
class Responses:
    """The statuses of all responses, and how long each took (seconds)."""

    seconds: list[float] = field(default_factory=list)
    by_page: dict[str, list[float]] = field(default_factory=dict)
    """By route, such as ``GET /home``."""
    statuses: Counter[int] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def note(self, response: httpx.Response) -> None:
        seconds, request = response.elapsed.total_seconds(), response.request
        with self._lock:
            self.seconds.append(seconds)
            self.by_page.setdefault(route_of(_ROUTER, request.method, request.url.path), []).append(seconds)
            self.statuses[response.status_code] += 1

    def note_broken(self, error: str) -> None:
        with self._lock:
            self.broken[error] += 1

    def percentile(self, share: float) -> float:
        return percentile(self.seconds, share)

    @property
    def errors(self) -> int:
        return sum(number for status, number in self.statuses.items() if status >= 500) + sum(self.broken.values())


def percentile(seconds: Iterable[float], share: float) -> float:
    """The time below which this share of them lies; 0 of none."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def pages(responses: Responses, requests: Mapping[str, int]) -> Iterator[str]:
    """A line for each page: how often, its p50 and p95 in milliseconds, and how many requests to AWS it makes."""
    yield f"{'page':<36}{'responses':>10}{'p50 ms':>9}{'p95 ms':>9}{'to AWS':>8}"
    for route, seconds in sorted(responses.by_page.items()):
        half, most = (1000 * percentile(seconds, share) for share in (0.5, 0.95))
        yield f"{route:<36}{len(seconds):>10}{half:>9.0f}{most:>9.0f}{requests.get(route, '–'):>8}"


class Load:
    """A district of so many teachers, each with an account; while they activate, another district is imported."""

    def __init__(self, stack: LocalStack, *, people: int, seconds: float, students: int) -> None:
        self._stack = stack
        self._people = min(people, MOST_PEOPLE)
        self._seconds = min(seconds, MOST_SECONDS)
        self._students = students
        self._journey = Journey(stack, sample_district.make())
        self.responses = Responses()

    def prepare(self) -> None:
        """Settings, accounts with their logins, the roster, and a mail for each."""
        put = self._journey.put
        for district_id in (DISTRICT_ID, "bigtown"):
            settings = {
                "name": district_id,
                "email_domains": [f"{district_id}.example"],
                "time_zone": "America/Chicago",
            }
            put(f"districts/{district_id}/district.json", json.dumps(settings).encode())
        cognito, pool = self._stack.client("cognito-idp"), self._stack.outputs["UserPoolId"]
        lines = []
        for number in range(self._people):
            name = f"load-{number}"
            attributes = [{"Name": "custom:account_id", "Value": name}]
            cognito.admin_create_user(
                UserPoolId=pool, Username=name, MessageAction="SUPPRESS", UserAttributes=attributes
            )
            cognito.admin_set_user_password(UserPoolId=pool, Username=name, Password=PASSWORD, Permanent=True)
            line = {"account_id": name, "role": "teacher", "display_name": name, "username": name,
                    "email": f"{name}@mail.example", "email_verified": True}  # fmt: skip
            lines.append(json.dumps(line))
        put("accounts/load.jsonl", "\n".join(lines).encode())
        until(
            lambda: self._journey.report("reports/_accounts/load/report.json"), seconds=120, name="the accounts' report"
        )
        put(f"rosters/{DISTRICT_ID}/load.zip", roster(DISTRICT_ID, teachers=self._people))
        until(lambda: len(self._addresses()) == self._people or None, seconds=300, name="a mail for each teacher")

    def _addresses(self) -> dict[str, str]:
        """The activation address by the local part of whom it was mailed to."""
        found = {}
        for mail in sent_mail(self._stack.endpoint_url):
            who, _, domain = mail["to"].partition("@")
            if domain == f"{DISTRICT_ID}.example":
                found[who] = next(word for word in mail["text"].split() if "/activate/" in word)
        return found

    def run(self) -> Outcome:
        """Let everybody activate, and go on looking at pages."""
        addresses = self._addresses()
        ends = time.monotonic() + self._seconds
        browsers = [
            Thread(target=self._browse, args=(number, addresses[f"t{number}"], ends)) for number in range(self._people)
        ]
        self._journey.put("rosters/bigtown/big.zip", roster("bigtown", teachers=20, students=self._students))
        for browser in browsers:
            browser.start()
        for browser in browsers:
            browser.join()
        report = self._journey.latest("rosters/bigtown/big.zip")
        links, events = self._links_and_events()
        return Outcome(report["status"], report["users"]["read"], links, events)

    def _browse(self, number: int, address: str, ends: float) -> None:
        """One person, who reads before pressing on, and tries again when a page cannot be had."""
        dice = Random(number)
        is_linked = False
        time.sleep(dice.uniform(0, READING_SECONDS[1]))
        with WebClient(self._stack.web_url, on_response=self.responses.note) as person:
            while time.monotonic() < ends or (not is_linked and time.monotonic() < ends + MOST_SECONDS):
                try:
                    is_linked = is_linked or self._activate(person, number, address, dice)
                    person.open("/home")
                except (httpx.TransportError, NoSuchButton) as failed:
                    self.responses.note_broken(type(failed).__name__)
                    is_linked = is_linked or self._is_linked(person)
                time.sleep(dice.uniform(*READING_SECONDS))

    def _activate(self, person: WebClient, number: int, address: str, dice: Random) -> bool:
        steps: tuple[Callable[[], WebClient], ...] = (
            lambda: person.open(address),
            lambda: person.press("Log into my existing account"),
            lambda: person.press("Log in", username_or_email=f"load-{number}", password=PASSWORD),
            lambda: person.press("Link my accounts"),
        )
        for step in steps:
            step()
            time.sleep(dice.uniform(*READING_SECONDS))
        return person.path == "/home"

    @staticmethod
    def _is_linked(person: WebClient) -> bool:
        """The response was lost; the link may have been made all the same."""
        try:
            return "District classes" in person.open("/home").text
        except httpx.TransportError:
            return False

    def _links_and_events(self) -> tuple[int, int]:
        table = self._stack.resource("dynamodb").Table(self._stack.outputs["TableName"])
        links = events = 0
        request: dict[str, Any] = {
            "ProjectionExpression": "PK, SK, #state, detail_type",
            "ExpressionAttributeNames": {"#state": "state"},
        }
        while True:
            page = table.scan(**request)
            for item in page["Items"]:
                if item["PK"].startswith(f"USER#{DISTRICT_ID}#") and item["SK"] == "LINK" and item["state"] == "linked":
                    links += 1
                if item.get("detail_type") == "AccountLinked":
                    events += 1
            if "LastEvaluatedKey" not in page:
                return links, events
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def report(self, outcome: Outcome, say: Callable[[str], None]) -> bool:
        """Print what was measured; return True when nothing was lost."""
        responses = self.responses
        rate = len(responses.seconds) / self._seconds
        latencies = (f"p{int(100 * share)} {1000 * responses.percentile(share):.0f} ms" for share in (0.5, 0.95, 0.99))
        say(f"{self._people} browsers, {self._seconds:g} s: {len(responses.seconds)} responses, {rate:.0f} a second")
        say(f"latency: {', '.join(latencies)}")
        for line in pages(responses, {route: max(cost.requests) for route, cost in costs(times=1).items()}):
            say(line)
        say(f"statuses: {dict(sorted(responses.statuses.items()))}")
        say(f"broken off: {dict(responses.broken)}; errors: {responses.errors}")
        say(f"import meanwhile: {outcome.import_status}, {outcome.people_read} people read")
        say(f"links: {outcome.links} of {self._people}; events about them: {outcome.events}")
        return outcome.import_status == "completed" and outcome.links == outcome.events == self._people


def roster(district_id: str, *, teachers: int, students: int = 0) -> bytes:
    """A OneRoster 1.1 zip with so many people in a few classes."""
    users = [
        "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,email"
    ]
    enrollments = ["sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role"]
    for role, number in (("teacher", teachers), ("student", students)):
        for index in range(number):
            key = f"{role[0]}{index}"
            users.append(f"{key},,,true,o1,{role},{key},,Given{index},Family{index},{key}@{district_id}.example")
            enrollments.append(f"e-{key},,,c{index % 50},o1,{key},{role}")
    classes = ["sourcedId,status,dateLastModified,title,courseSourcedId,classType,schoolSourcedId,termSourcedIds"]
    classes += [f"c{index},,,Class {index},k1,scheduled,o1,t1" for index in range(50)]
    manifest = "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\n"
    return zipped(
        {"manifest.csv": manifest, "users.csv": "\n".join(users), "classes.csv": "\n".join(classes),
         "enrollments.csv": "\n".join(enrollments)}
    )  # fmt: skip


def main() -> int:
    people = int(os.environ.get("PEOPLE", MOST_PEOPLE))
    seconds = float(os.environ.get("SECONDS_OF_LOAD", MOST_SECONDS))
    with LocalStack(say=_say, stack_file=None) as stack:
        load = Load(stack, people=people, seconds=seconds, students=5_000)
        _say("Preparing the teachers …")
        load.prepare()
        _say("They activate …")
        return 0 if load.report(load.run(), _say) else 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
