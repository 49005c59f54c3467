"""Workers find a table's rate and stay below it, whatever the rate is and however it changes (B8); on a simulated clock."""

from __future__ import annotations

import pytest

from benchmarks.write_rate import NEW_TABLE, Run, simulate
from shared.domain.write_pace import FASTEST, START, WritePace
from shared.stores.table import Request, Table
from tests.fakes.dynamodb import Effect, MemoryTable

SHARDS = [31_250] * 64
"""The writes of a million people: each an item and an address."""


@pytest.fixture(scope="module")
def million() -> Run:
    return simulate(SHARDS)


def test_a_million_people_are_applied_in_ten_minutes_of_a_new_table(million: Run) -> None:
    assert sum(million.taken.values()) == sum(SHARDS)
    assert million.seconds <= 600


def test_workers_keep_95_percent_of_a_rate_that_nobody_told_them(million: Run) -> None:
    taken, refused = million.between(10, 450)
    assert taken >= 0.95 * NEW_TABLE
    assert refused <= 0.01 * NEW_TABLE


def test_in_nine_of_ten_seconds_nothing_is_refused(million: Run) -> None:
    refusing = [second for second in range(30, 450) if million.refused.get(second)]
    assert len(refusing) <= 0.15 * 420


def test_the_same_seed_gives_the_same_run() -> None:
    assert simulate([2_000] * 8, seed=3) == simulate([2_000] * 8, seed=3)


def test_a_table_that_takes_twice_as_much_is_noticed_within_half_a_minute() -> None:
    run = simulate([31_250] * 24, rate=lambda now: NEW_TABLE if now < 60 else 2 * NEW_TABLE)
    assert run.between(30, 60)[0] <= NEW_TABLE
    assert run.between(90, 110)[0] >= 0.95 * 2 * NEW_TABLE


@pytest.mark.parametrize("seconds", [1_800, 120])
def test_workers_keep_95_percent_of_a_rate_that_grows_all_the_time(seconds: int) -> None:
    """An on-demand table takes more the longer it is busy: twice as much after half an hour, or, worse, after two minutes."""

    def rate(now: float) -> float:
        return NEW_TABLE * 2 ** (now / seconds)

    run = simulate([31_250] * 32, rate=rate)
    first, last = 10, int(0.8 * run.seconds)
    there_was = sum(map(rate, range(first, last))) / (last - first)
    taken, refused = run.between(first, last)
    assert taken >= 0.95 * there_was
    assert refused <= 0.01 * there_was


def test_a_table_that_takes_a_quarter_refuses_for_seconds_alone() -> None:
    run = simulate([12_500] * 16, rate=lambda now: NEW_TABLE if now < 20 else NEW_TABLE / 4)
    taken, refused = run.between(40, 100)
    assert taken >= 0.95 * NEW_TABLE / 4
    assert refused <= 0.02 * NEW_TABLE / 4


class Clock:
    """Seconds that pass when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_writes_wait_as_the_pace_says(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, dynamo = Clock(), MemoryTable()
    monkeypatch.setattr("shared.stores.table.sleep", clock.sleep)
    Table(dynamo, WritePace(clock)).write_many({"PK": f"DISTRICT#{n}", "SK": "LOCK"} for n in range(100))
    assert len(dynamo.items) == 100
    assert clock.now - 100 == pytest.approx(75 / START)


def test_a_batch_that_the_sdk_sent_again_counts_as_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was refused as a whole: nothing is handed back then."""
    clock, retries = Clock(), [0]

    def gate(_service: str, _operation: str, _request: Request, effect: Effect) -> Request:
        clock.now += 0.5
        return {**effect(), "ResponseMetadata": {"RetryAttempts": retries[0]}}

    monkeypatch.setattr("shared.stores.table.sleep", clock.sleep)
    pace = WritePace(clock)
    table = Table(MemoryTable(gate=gate), pace)
    retries[0] = 2
    table.write_many({"PK": f"DISTRICT#{n}", "SK": "LOCK"} for n in range(100))
    assert pace.rate < START


def test_a_worker_that_has_little_to_write_does_not_think_the_table_is_fast() -> None:
    clock = Clock()
    pace = WritePace(clock)
    for _ in range(100):
        clock.now += pace.wait(1) + 1
        pace.sent(1, 0)
    assert pace.rate == START
    assert FASTEST > START
