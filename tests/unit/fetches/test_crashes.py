"""A worker that is gone at any call of a fetch costs one page: the fetch goes on where it was (B10)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from local.doubles.clever_rosters import CleverRosters
from local.doubles.oneroster import OneRoster
from local.doubles.roster_server import WithinProcess
from shared.domain.clock import to_iso
from shared.hubs.clever_rosters import CleverApi
from shared.hubs.oneroster_api import OneRosterApi
from shared.hubs.public_web import Answer
from tests.builders import enrolled, roster, user
from tests.depth import depth
from tests.fetching import CLEVER, ONEROSTER, TENANT, Crashed, FetchWorld
from tests.state_machine import FETCH

PEOPLE = [f"s{n:03}" for n in range(70)]
MOST_MORE = 1.05


def one_roster() -> dict[str, bytes]:
    files = roster(user("t1", "teacher"), *map(user, PEOPLE), enrollments="".join(map(enrolled, PEOPLE)))
    return {name: body.encode() if isinstance(body, str) else body for name, body in files.items()}


def clever() -> dict[str, bytes]:
    return {
        "schools.csv": b"School_id,School_name,School_number\nh1,Lakeside Middle,1\n",
        "students.csv": b"School_id,Student_id,Last_name,First_name\n"
        + b"".join(f"h1,{each},Person,Kim\n".encode() for each in PEOPLE),
        "teachers.csv": b"School_id,Teacher_id,Last_name,First_name,Teacher_email\nh1,t1,Person,Ada,t1@lakeside.example\n",
        "sections.csv": b"School_id,Section_id,Teacher_id,Name\n"
        + b"".join(f"h1,c{n:02},t1,Algebra\n".encode() for n in range(40)),
        "enrollments.csv": b"School_id,Section_id,Student_id\n"
        + b"".join(f"h1,c00,{each}\n".encode() for each in PEOPLE),
    }


class Line:
    """Counts the calls of a fetch, those of AWS and those of the source; at one of them the worker is gone."""

    def __init__(self) -> None:
        self.calls = 0
        self.cut_at: int | None = None
        self.after = False

    def call[T](self, effect: Callable[[], T]) -> T:
        number, self.calls = self.calls, self.calls + 1
        if number == self.cut_at and not self.after:
            raise Crashed
        result = effect()
        if number == self.cut_at:
            raise Crashed
        return result

    def gate(self, _service: str, _operation: str, _request: Mapping[str, Any], effect: Callable[[], Any]) -> Any:
        return self.call(effect)


class Cut(WithinProcess):
    """The web on that line."""

    def __init__(self, double: Any, line: Line) -> None:
        super().__init__(double)
        self._line = line

    def send(self, method: str, address: str, **given: Any) -> Answer:
        return self._line.call(lambda: WithinProcess.send(self, method, address, **given))


def world_of(kind: str, line: Line) -> FetchWorld:
    world = FetchWorld(is_metered=False, gate=line.gate)
    double: Any = CleverRosters(clever(), TENANT) if kind == "clever" else OneRoster(one_roster())
    world.web = Cut(double, line)
    world.register(clever_district_id=TENANT)
    world.put_source({"clever": CLEVER, "changes": {**ONEROSTER, "nightly": "changes"}}.get(kind, ONEROSTER))
    world.ask()
    if kind == "changes":
        night_after(world, double)
    return world


def night_after(world: FetchWorld, double: OneRoster) -> None:
    """Everything was fetched, and everybody changed since: the next night's fetch is started, and not yet run."""
    double.clock = lambda: world.now
    world.run_fetches()
    world.pass_time(days=1)
    for row in (*double.rows["users"], *double.rows["enrollments"]):
        row["dateLastModified"] = to_iso(world.now)
    world.start_due()
    world.within.asked.clear()


def run(world: FetchWorld, line: Line) -> int:
    """The fetch to its end, each step again where its worker was gone. Return how many requests the source got."""
    fetch = json.loads(world.states.started.popitem()[1])["fetch"]
    line.calls = 0
    position = FETCH.start({"fetch": fetch})
    while FETCH.has_calls(position):
        try:
            position = FETCH.run(position, world.run_fetch_step)
        except Crashed:
            world.pass_time(seconds=2)
    assert position.data["answer"]["status"] == "completed"
    return len(world.within.asked)


def fetched_files(world: FetchWorld) -> dict[str, bytes]:
    """Of the newest fetch."""
    found = {
        key: body for (bucket, key), body in world.s3.objects.items() if bucket == "rosters" and "/fetched-" in key
    }
    folder = max(key.rpartition("/")[0] for key in found)
    return {key.rpartition("/")[2]: body for key, body in found.items() if key.startswith(folder)}


def without_dates(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """A crash takes time, which a night's changes name."""
    return {name: re.sub(rb"2026-09-0[0-9T:.Z-]+", b"", body) for name, body in files.items()}


@pytest.mark.deep
@pytest.mark.parametrize("kind", ["oneroster", "clever", "changes"])
def test_a_worker_that_is_gone_at_any_call_costs_one_page(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for api in (OneRosterApi, CleverApi):
        monkeypatch.setattr(api, "page_size", 3)
    line = Line()
    uncut = world_of(kind, line)
    requests = run(uncut, line)
    calls, whole = line.calls, fetched_files(uncut)
    assert requests > 40
    assert "_complete" in whole

    for after in (False, True):
        # A night's changes need everything before them, which takes longest.
        for cut_at in range(0, calls, depth(61, 5) * (12 if kind == "changes" else 1)):
            line = Line()
            world = world_of(kind, line)
            line.cut_at, line.after = cut_at, after
            assert run(world, line) <= requests * MOST_MORE, (cut_at, after)
            assert without_dates(fetched_files(world)) == without_dates(whole), (cut_at, after)
