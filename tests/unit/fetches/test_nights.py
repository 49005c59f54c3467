"""When a source is fetched: at its district's own time, now when told, one at a time; an unchanged night asks little (B10)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.doubles.classlink_rosters import ClassLinkRosters
from local.doubles.clever_rosters import CleverRosters
from local.doubles.oneroster import OneRoster
from local.doubles.roster_server import Quirks, WithinProcess
from shared.domain.roster_source import parse_source
from tests.builders import enrolled, roster, user
from tests.fetching import CLASSLINK, CLEVER, ONEROSTER, SECRETS, TENANT, FetchWorld, with_double


def one_roster(*more: str) -> dict[str, bytes]:
    people = ["s1", "s2", *more]
    files = roster(user("t1", "teacher"), *map(user, people), enrollments="".join(map(enrolled, people)))
    return {name: body.encode() if isinstance(body, str) else body for name, body in files.items()}


def clever() -> dict[str, bytes]:
    return {
        "schools.csv": b"School_id,School_name,School_number\nh1,Lakeside Middle,1\n",
        "students.csv": b"School_id,Student_id,Last_name,First_name\nh1,s1,Person,Kim\n",
        "teachers.csv": b"School_id,Teacher_id,Last_name,First_name,Teacher_email\nh1,t1,Person,Ada,t1@lakeside.example\n",
        "sections.csv": b"School_id,Section_id,Teacher_id,Name\nh1,c1,t1,Algebra\n",
        "enrollments.csv": b"School_id,Section_id,Student_id\nh1,c1,s1\n",
    }


@pytest.fixture
def world() -> FetchWorld:
    return with_double(OneRoster(one_roster()), ONEROSTER)


def asked(world: FetchWorld) -> int:
    found = world.within.asked
    number = len(found)
    found.clear()
    return number


def test_a_source_is_fetched_at_its_own_time_of_day_in_the_districts_zone(world: FetchWorld) -> None:
    world.put_source({**ONEROSTER, "at": "03:15"})
    # 03:15 of Chicago's next day, in summer.
    assert world.fetches.state("lakeside").due_at == "2026-09-02T08:15:00.000Z"

    world.now = datetime(2026, 9, 2, 8, 14, tzinfo=UTC)
    assert world.start_due() == 0
    world.pass_time(minutes=10)
    assert world.start_due() == 1
    world.run_fetches()

    assert world.latest()["status"] == "completed"
    assert world.fetches.state("lakeside").due_at == "2026-09-03T08:15:00.000Z"
    assert world.start_due() == 0


@pytest.mark.parametrize(
    ("at", "days", "after", "due"),
    [
        ("02:30", None, "2026-03-08T05:00", "2026-03-08T08:30"),  # the hour that spring leaves out
        ("01:30", None, "2026-11-01T05:00", "2026-11-01T06:30"),  # the hour that autumn repeats: its first one
        ("02:30", ["monday"], "2026-09-01T15:00", "2026-09-07T07:30"),
        ("02:30", ["tue", "wed"], "2026-09-01T05:00", "2026-09-01T07:30"),
    ],
)
def test_the_next_fetch_is_on_a_school_day_and_every_day_has_one(
    at: str, days: list[str] | None, after: str, due: str
) -> None:
    world = FetchWorld(is_metered=False)
    world.register()
    source = {**ONEROSTER, "at": at, **({"school_days": days} if days else {})}
    parsed = parse_source("lakeside", json.dumps(source).encode(), secrets=SECRETS, local=False)
    zone = world.districts.get("lakeside").zone
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert parsed.next_fetch(moment, zone) == datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_the_schedule_that_comes_twice_starts_a_night_once(world: FetchWorld) -> None:
    world.pass_time(days=1)
    due = world.fetches.state("lakeside").due_at
    world.start_due()
    started = dict(world.states.started)
    world.fetches.put_source("lakeside", json.dumps(ONEROSTER), datetime.fromisoformat(due))
    world.start_due()
    assert world.states.started == started


def test_a_slip_in_the_source_is_told_and_stops_fetches_until_it_is_mended(world: FetchWorld) -> None:
    taken = world.put_source({**ONEROSTER, "kindd": "clever", "auth": {**ONEROSTER["auth"], "secret": "other/secret"}})
    report = world.s3.objects["reports", f"reports/lakeside/_settings/{taken.run_id}/report.json"].decode()
    assert "kindd: is no setting; did you mean kind?" in report
    assert "invalid_source" in report
    assert ("reports", "reports/lakeside/latest.json") not in world.s3.objects
    assert world.fetch()["reason"]["code"] == "fetch_secret"
    world.put_source(ONEROSTER)
    assert world.fetch()["status"] == "completed"


def test_a_source_that_was_taken_away_is_told_once_and_not_fetched_again(world: FetchWorld) -> None:
    del world.s3.objects["rosters", "sources/lakeside/source.json"]
    assert world.fetch()["reason"]["code"] == "fetch_no_source"
    world.pass_time(days=2)
    assert world.start_due() == 0


def test_a_source_of_a_district_that_is_not_loaded_yet_is_fetched_by_its_file() -> None:
    world = with_double(OneRoster(one_roster()), ONEROSTER)
    for key in [key for key in world.table.items if key[1] == "SETTINGS"]:
        del world.table.items[key]
    assert world.fetch()["status"] == "completed"


def test_one_fetch_of_a_district_is_at_work_at_a_time(world: FetchWorld) -> None:
    assert world.fetches.lock("lakeside", "another", world.now)
    world.ask()
    name, execution = next(iter(world.states.started.items()))
    assert world.run_fetch(json.loads(execution)["fetch"]) == "wait"
    # Its worker vanished: the lock ends by itself.
    world.pass_time(minutes=21)
    assert world.run_fetch(json.loads(execution)["fetch"]) == "completed"
    assert name


def test_how_many_requests_a_district_cost_is_told(world: FetchWorld) -> None:
    world.fetch()
    assert world.fetches.state("lakeside").requests == asked(world) == 7
    assert world.fetches.state("lakeside").counts == {
        "orgs": 1, "academicSessions": 0, "courses": 0, "classes": 1, "users": 3, "enrollments": 2,
    }  # fmt: skip


def test_asking_twice_fetches_twice_and_the_second_changes_nothing(world: FetchWorld) -> None:
    first = world.fetch()
    second = world.fetch()
    assert (first["status"], second["status"]) == ("completed", "unchanged")
    assert second["upload"]["key"] > first["upload"]["key"]


@pytest.mark.parametrize("kind", ["classlink", "clever"])
def test_an_unchanged_night_asks_at_most_ten_times_where_the_hub_has_a_probe(kind: str) -> None:
    double: Any = (
        ClassLinkRosters(OneRoster(one_roster(), auth="bearer"), TENANT)
        if kind == "classlink"
        else CleverRosters(clever(), TENANT, Quirks(frozenset({40})))
    )
    world = with_double(double, CLASSLINK if kind == "classlink" else CLEVER)
    world.night()
    assert world.fetches.state("lakeside").status == "completed"
    asked(world)

    world.night()

    state = world.fetches.state("lakeside")
    assert (state.status, asked(world) <= 10) == ("unchanged", True)
    assert state.good_at > state.whole_at
    # What the hub says of changes is believed for a week.
    for _ in range(6):
        world.night()
    assert world.fetches.state("lakeside").status == "completed"


def test_a_night_on_which_the_hub_tells_of_a_change_is_fetched_whole() -> None:
    double = CleverRosters(clever(), TENANT, Quirks(frozenset({40})))
    world = with_double(double, CLEVER)
    world.night()
    double.events.append("event-1")
    double.rows["users"][0]["name"]["first"] = "Alex"
    world.night()
    assert world.fetches.state("lakeside").status == "completed"
    assert world.latest()["users"]["changed"] == 1


def test_somebody_who_left_is_removed_by_a_whole_fetch(world: FetchWorld) -> None:
    world.web = WithinProcess(OneRoster(one_roster("s3", "s4")))
    world.fetch()
    world.web = WithinProcess(OneRoster(one_roster("s3")))
    assert world.fetch()["users"]["removed"] == 1


@pytest.mark.parametrize("people", [2, 25])
@pytest.mark.parametrize("collection", ["users", "classes", "enrollments"])
@pytest.mark.parametrize("was", ["fetched", "uploaded"])
def test_a_collection_that_was_full_and_is_empty_holds(collection: str, people: int, was: str) -> None:
    files = one_roster(*(f"x{n}" for n in range(people)))
    world = with_double(OneRoster(files), ONEROSTER)
    world.fetch() if was == "fetched" else world.upload(files)
    world.web.double.rows[collection] = []  # type: ignore[union-attr]
    before = {key: item for key, item in world.table.items.items() if key[1] in ("ROSTER", "CLASS")}

    report = world.fetch()

    assert report["status"] in ("held", "rejected", "failed"), report
    assert report["reason"]["code"] in ("header_only", "fetch_emptied", "no_rows")
    assert {key: item for key, item in world.table.items.items() if key[1] in ("ROSTER", "CLASS")} == before


def test_schools_that_are_gone_fail_the_fetch(world: FetchWorld) -> None:
    world.fetch()
    world.web.double.rows["orgs"] = []  # type: ignore[union-attr]
    assert world.fetch()["reason"]["code"] == "fetch_emptied"


def test_a_fault_of_our_own_is_told_and_lets_the_next_fetch_in(world: FetchWorld) -> None:
    upload = world.ask()
    fetch = json.loads(next(iter(world.states.started.values())))["fetch"]
    world.states.started.clear()
    world.run_fetch_step({"step": "fail", "fetch": fetch})
    assert (world.latest()["status"], world.latest()["reason"]["code"]) == ("failed", "fetch_stopped")
    assert world.latest()["upload"]["key"] == upload.key
    assert world.fetch()["status"] == "completed"


def test_a_report_of_a_failed_fetch_speaks_the_districts_language(world: FetchWorld) -> None:
    world.register(locale="es", clever_district_id=TENANT, classlink_tenant_id=TENANT)
    world.secrets.clear()
    report = world.fetch()
    assert report["reason"]["code"] == "fetch_secret"
    assert "El secreto de la fuente" in report["reason"]["message"]


def test_a_source_that_does_not_answer_is_told_within_a_minute(world: FetchWorld) -> None:
    class Silent:
        def __init__(self) -> None:
            self.asked = 0

        def send(self, method: str, address: str, *, seconds: float, **_: Any) -> Any:
            from shared.domain.fetching import unreachable

            self.asked += 1
            world.pass_time(seconds=seconds)
            raise unreachable()

    world.web = Silent()
    asked_at = world.now
    report = world.fetch()
    assert report["reason"]["code"] == "fetch_unreachable"
    assert world.now - asked_at < timedelta(seconds=60)


@pytest.mark.parametrize("wait", ["3000", "Thu, 03 Sep 2026 00:00:00 GMT"])
def test_a_source_that_wants_a_long_pause_gets_it_at_night_or_is_told(world: FetchWorld, wait: str) -> None:
    double = world.web.double  # type: ignore[union-attr]
    double.quirks = Quirks(frozenset({15}), at=2)
    double._odd, before = (
        lambda number, collection: _busy(double, number, wait) or before(number, collection),
        double._odd,
    )
    report = world.fetch()
    assert report["reason"]["code"] == "fetch_busy"
    double.quirks.done.clear()
    world.night()
    expected = "completed" if wait == "3000" else "failed"
    assert world.fetches.state("lakeside").status == expected


def _busy(double: OneRoster, number: int, wait: str) -> Any:
    from local.doubles.roster_server import json_of

    if double.quirks.once(15, number):
        return json_of({}, 429, retry_after=wait)
    return None


def test_a_fetch_whose_working_files_are_gone_begins_again(world: FetchWorld) -> None:
    world.ask()
    fetch = json.loads(next(iter(world.states.started.values())))["fetch"]
    assert world.run_fetch_step({"step": "pull", "fetch": fetch}) == {"next": "write"}
    assert world.run_fetch_step({"step": "write", "fetch": fetch})["status"] == "completed"


@pytest.mark.parametrize("key", ["sources/lakeside/other.json", "fetches/lakeside/a/b.json", "sources/nobody.json"])
def test_another_key_under_these_prefixes_is_told(world: FetchWorld, key: str) -> None:
    taken = world.receive_source().receive(world.arrive(key, b"{}"))
    assert taken.kind in ("rejected", "unknown")
    assert (taken.kind == "unknown") is (world.alarms == 1)
