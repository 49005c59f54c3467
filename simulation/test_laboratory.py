"""The laboratory itself: an undisturbed run is right, runs repeat, failures are told (issue: it survives everything)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from simulation import guards
from simulation.campaign import Run, every_single_failure, outcome, replay
from simulation.chaos import Call, Mode
from simulation.features import FEATURES
from simulation.laboratory import Feature, Laboratory, Violation, Weather, Worker, clean_projection, told
from simulation.writes import meeting

STORMY = Weather(rate=0.02, most_faults=5, duplicates=0.5, disorder=0.5, turns=0.5)


def test_an_undisturbed_run_ends_as_the_mission_says() -> None:
    lab = Laboratory(features=FEATURES).run()
    end = lab.projection()
    assert (lab.parked, lab.gave_up, lab.unanswered) == ([], [], set())
    lakeside = [to for to in end["mailed"] if to.endswith("@lakeside.example")]
    assert lakeside == [f"t{n}@lakeside.example" for n in (1, 2, 4, 6, 6)], (
        "t3 is matched (M6), t2 by nothing proven (M7), and for t6 another mail was asked for"
    )
    valley = [to for to in end["mailed"] if to.endswith("@valley.example")]
    assert valley == ["t2@valley.example"], "the account of t1 came before the day of the mails"
    assert end["USER#lakeside#t1 LINK"][:2] == ("linked", "ada")
    assert end["USER#lakeside#s1 LINK"] == ("linked", "kid", "district_login_clever", True)
    assert end["USER#lakeside#s5 LINK"][:2] == ("matched", "lou"), (
        "an account that comes later is matched when it comes (M7)"
    )
    assert end["USER#lakeside#t3 LINK"][0] == "undone", "what a person undid, no rule makes again"
    assert end["USER#lakeside#t4 LINK"][0] == "undone", "a mail is good for one link"
    assert "USER#lakeside#s3 LINK" not in end, "an address that two people share is nobody's (M7)"
    assert end["latest report"] == ("rejected", "rosters/lakeside/thursday.zip")
    assert end["nudged"] == [("t1@lakeside.example", 2)]
    assert (end["unpublished"], end["stale claims"]) == (0, [])


@pytest.mark.parametrize("seed", [7, 8])
def test_the_same_seed_gives_the_same_run_byte_for_byte(seed: int) -> None:
    one, other = (Laboratory(seed, features=FEATURES, weather=STORMY).run() for _ in range(2))
    assert told(one) == told(other)
    assert one.world.table.items == other.world.table.items
    assert one.world.s3.objects.keys() == other.world.s3.objects.keys()


def test_other_seeds_give_other_runs() -> None:
    assert told(Laboratory(7, features=FEATURES, weather=STORMY).run()) != told(
        Laboratory(8, features=FEATURES, weather=STORMY).run()
    )


@pytest.mark.parametrize("seed", range(24))
def test_storms_end_well(seed: int) -> None:
    assert outcome(Run(seed)) in ("equal", "raced", "parked", "unanswered")


def test_every_way_to_fail_can_happen_to_every_call() -> None:
    calls = Laboratory(features=FEATURES).run().chaos.calls
    runs = list(every_single_failure(calls))
    assert len(runs) == len(calls) * len(Mode)
    assert {call.service for call in calls} == {
        "cognito-idp",
        "dynamodb",
        "events",
        "oidc",
        "s3",
        "ses",
        "sqs",
        "states",
    }


def test_a_worker_that_dies_is_killed_past_every_handler() -> None:
    first_write = next(
        call.number for call in Laboratory(features=FEATURES).run().chaos.calls if call.operation == "BatchWriteItem"
    )
    trace = replay(f"{first_write}=DIES_BEFORE")
    assert "→ died" in trace
    assert "✗ dies before" in trace
    assert "ended: equal" in trace


def test_a_failing_run_is_replayed_by_its_name_with_a_trace() -> None:
    run = Run(plan=((120, Mode.THROTTLED), (124, Mode.DIES_AFTER)))
    assert Run.named(run.name) == run
    assert Run.named("18") == Run(18)
    assert Run.named("3 Put USER/LINK") == Run(3, meets="Put USER/LINK")
    trace = replay("18")
    assert "calls:" in trace
    assert "ended: " in trace
    with pytest.raises(ValueError, match="neither a seed nor a plan"):
        Run.named("120=EXPLODES")


def test_before_a_write_at_which_others_meet_they_go_first() -> None:
    """Between what a worker read and what it writes, whoever else is there makes calls; the run stays the same by seed."""
    kind = "Put DISTRICT/NEWEST"
    lab, again = (meeting(0, kind).run() for _ in range(2))
    assert [call.operation for call in lab.chaos.calls] == [call.operation for call in again.chaos.calls]

    newest = [call for call in lab.chaos.calls if call.operation == "PutItem" and call.what.endswith("/ NEWEST")]
    gaps = [one.number - _call_before(lab, one).number for one in newest]
    assert max(gaps) > 10


def _call_before(lab: Laboratory, call: Call) -> Call:
    """What the same worker did before."""
    return next(c for c in reversed(lab.chaos.calls[: call.number]) if c.worker == call.worker)


def test_a_condition_that_only_a_meeting_needs_is_missed() -> None:
    part = "attribute_not_exists(PK) OR version = :version"
    guard = guards.Guard("newest", loosened=guards.without("Put DISTRICT/NEWEST", part), kind="Put DISTRICT/NEWEST")
    assert "NEWEST went back" in (guards.catches(guard, range(0)) or "")


def test_a_run_that_breaks_with_every_guard_in_place_catches_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or else a laboratory that is broken itself would catch them all."""

    def explodes(lab: Laboratory) -> Any:
        yield from (["the sky fell"] if lab.weather.rate else [])

    monkeypatch.setattr(guards, "FEATURES", (*FEATURES, Feature("broken", safety=explodes)))
    with pytest.raises(Violation, match="storm 0, every guard in place: the sky fell"):
        guards.catches(guards.CHECKS[0], range(1))


def test_a_violation_is_told_at_once() -> None:
    def explodes(lab: Laboratory) -> Any:
        yield from (["the sky fell"] if lab.elapsed > 7_000 else [])

    broken = Feature("broken", workers={"noop": Worker(lambda _lab, _body: None, 1, 0)}, safety=explodes)
    with pytest.raises(Violation, match="the sky fell"):
        Laboratory(features=(*FEATURES, broken)).run()


def test_what_ends_otherwise_than_undisturbed_is_a_violation() -> None:
    lab = Laboratory(features=FEATURES).run()
    clean = clean_projection(FEATURES)
    assert lab.check_at_rest(clean) == "equal"
    with pytest.raises(Violation, match="1 differ: unpublished"):
        lab.check_at_rest({**clean, "unpublished": 1})


@pytest.mark.parametrize(
    "name",
    [
        "match: only a proven claim counts (M6)",
        "gate: an import beyond the threshold is held (M3)",
        "mastery: the higher points win (M16)",
        "nudge: not in the quiet hours",
    ],
)
def test_a_guard_that_is_taken_out_is_missed(name: str) -> None:
    guard = next(g for g in guards.CHECKS if g.name == name)
    assert guards.catches(guard, range(10))
    assert guards.catches(replace(guard, removed=guards.nullcontext), range(4), only_storms=True) is None, (
        "nothing is caught that was not done"
    )
