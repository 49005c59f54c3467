"""The simulation itself: a run without faults is right, runs repeat, and violations are reported."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from simulation import guards
from simulation.fault_injection import Call, FaultMode
from simulation.features import FEATURES, LATER
from simulation.interleavings import interleaving
from simulation.run_plan import AT_STAKE, Run, every_single_failure, outcome, pairs_of_failures, replay
from simulation.simulator import FaultProfile, Feature, Simulation, Violation, Worker, clean_projection, format_trace
from tests.depth import depth

HEAVY_FAULTS = FaultProfile(rate=0.02, most_faults=5, duplicates=0.5, disorder=0.5, turns=0.5)


def of_kind(end: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: what for name, what in end.items() if name.endswith(f" {kind}")}


def test_a_run_without_faults_ends_as_the_rules_say() -> None:
    sim = Simulation(features=FEATURES).run()
    end = sim.projection()
    assert (sim.parked, sim.gave_up, sim.unanswered) == ([], [], set())
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
    states = {name.partition(" ")[0]: state for name, (state, _) in of_kind(end, "ACTIVATION").items()}
    assert states["USER#lakeside#t1"] == states["USER#lakeside#t4"] == "delivered", "what SES tells is recorded"
    assert states["USER#lakeside#t2"] == "complained"
    assert end["nudged"] == [("t1@lakeside.example", 2)]
    assert (end["unpublished"], end["stale claims"]) == (0, [])


def test_what_comes_after_a_launch_ends_as_the_rules_say() -> None:
    sim = Simulation(features=LATER).run()
    end = sim.projection()
    assert (sim.parked, sim.gave_up, end["unpublished"]) == ([], [], 0)
    assert end["meadow's past classes"] == ["PAST_CLASS#meadow#c2"]
    assert end["meadow's t1"] == "t1@new.example", "the mail that is out goes on at the new address (B11)"
    assert end["meadow's names"]["s1"] == "Second", "deltas wait behind a held roster, in their order (0048)"
    assert (end["meadow waits"], end["creekside's items"], end["creekside's files"]) == ([], [], [])


@pytest.mark.deep
def test_an_offboarding_that_is_cut_at_any_call_is_finished_by_the_next() -> None:
    calls = Simulation(features=LATER).run().injector.calls
    runs = [
        run
        for run in every_single_failure(calls, is_later=True)
        if calls[run.plan[0][0]].worker[5:].startswith("offboards")
    ]
    assert len(runs) > 200
    assert {outcome(run) for run in runs[:: depth(25, 1)]} == {"equal"}


@pytest.mark.parametrize("seed", range(6))
def test_runs_of_what_comes_after_a_launch_end_well(seed: int) -> None:
    assert outcome(Run(seed, is_later=True)) in ("equal", "raced", "parked")


@pytest.mark.parametrize("seed", [7, 8])
def test_the_same_seed_gives_the_same_run_byte_for_byte(seed: int) -> None:
    first, second = (Simulation(seed, features=FEATURES, profile=HEAVY_FAULTS).run() for _ in range(2))
    assert format_trace(first) == format_trace(second)
    assert first.world.table.items == second.world.table.items
    assert first.world.s3.objects.keys() == second.world.s3.objects.keys()


def test_other_seeds_give_other_runs() -> None:
    assert format_trace(Simulation(7, features=FEATURES, profile=HEAVY_FAULTS).run()) != format_trace(
        Simulation(8, features=FEATURES, profile=HEAVY_FAULTS).run()
    )


@pytest.mark.parametrize("seed", range(24))
def test_runs_of_all_fault_profiles_end_well(seed: int) -> None:
    assert outcome(Run(seed)) in ("equal", "raced", "parked", "unanswered")


def test_every_way_to_fail_can_happen_to_every_call() -> None:
    calls = Simulation(features=FEATURES).run().injector.calls
    runs = list(every_single_failure(calls))
    assert len(runs) == len(calls) * len(FaultMode)
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


def test_pairs_of_failures_meet_every_delivery_that_is_at_stake() -> None:
    calls = Simulation(features=FEATURES).run().injector.calls
    tried = {calls[number].worker[5:] for run in pairs_of_failures(calls) for number, _ in run.plan[:1]}
    assert [start for start in AT_STAKE if not any(name.startswith(start) for name in tried)] == []


def test_a_worker_that_dies_is_killed_past_every_handler() -> None:
    first_write = next(
        call.number for call in Simulation(features=FEATURES).run().injector.calls if call.operation == "BatchWriteItem"
    )
    trace = replay(f"{first_write}=DIES_BEFORE")
    assert "→ died" in trace
    assert "✗ dies before" in trace
    assert "ended: equal" in trace


def test_a_failing_run_is_replayed_by_its_name_with_a_trace() -> None:
    run = Run(plan=((120, FaultMode.THROTTLED), (124, FaultMode.DIES_AFTER)))
    assert Run.named(run.name) == run
    assert Run.named("18") == Run(18)
    assert Run.named("3 Put USER/LINK") == Run(3, before="Put USER/LINK")
    later = Run(plan=((120, FaultMode.THROTTLED),), is_later=True)
    assert Run.named(later.name) == later
    trace = replay("18")
    assert "calls:" in trace
    assert "ended: " in trace
    with pytest.raises(ValueError, match="neither a seed nor a plan"):
        Run.named("120=EXPLODES")


def test_in_an_interleaving_every_other_worker_goes_first() -> None:
    """Between a worker's read and its write the others make calls; the seed still decides the run."""
    kind = "Put DISTRICT/NEWEST"
    sim, again = (interleaving(0, kind).run() for _ in range(2))
    assert [call.operation for call in sim.injector.calls] == [call.operation for call in again.injector.calls]

    newest = [call for call in sim.injector.calls if call.operation == "PutItem" and call.target.endswith("/ NEWEST")]
    gaps = [call.number - _call_before(sim, call).number for call in newest]
    assert max(gaps) > 10


def _call_before(sim: Simulation, call: Call) -> Call:
    """Return the previous call of the same worker."""
    return next(c for c in reversed(sim.injector.calls[: call.number]) if c.worker == call.worker)


def test_a_removed_condition_that_only_an_interleaving_needs_is_noticed() -> None:
    part = "attribute_not_exists(PK) OR version = :version"
    guard = guards.Guard("newest", edit_request=guards.without("Put DISTRICT/NEWEST", part), kind="Put DISTRICT/NEWEST")
    assert "NEWEST went back" in (guards.catches(guard, range(0)) or "")


def test_a_request_without_its_condition_is_one_that_dynamodb_takes() -> None:
    """It refuses values that no expression uses: then nothing is written, and nothing that is wrong is seen."""
    request = {
        "Key": {"PK": "USER#lakeside#t1", "SK": "LINK"},
        "UpdateExpression": "SET #due = :next",
        "ConditionExpression": "due_at = :due",
        "ExpressionAttributeNames": {"#due": "due_at"},
        "ExpressionAttributeValues": {":next": "later", ":due": "now"},
    }
    loosened = guards.without("Update USER/LINK", "due_at = :due")("UpdateItem", request)
    assert "ConditionExpression" not in loosened
    assert loosened["ExpressionAttributeValues"] == {":next": "later"}
    assert loosened["ExpressionAttributeNames"] == {"#due": "due_at"}


def test_a_run_that_breaks_with_every_guard_in_place_catches_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a broken simulation would catch every guard."""

    def explodes(sim: Simulation) -> Any:
        yield from (["the sky fell"] if sim.profile.rate else [])

    monkeypatch.setattr(guards, "FEATURES", (*FEATURES, Feature("broken", safety=explodes)))
    with pytest.raises(Violation, match="heavy faults 0, every guard in place: the sky fell"):
        guards.catches(guards.CHECKS[0], range(1))


def test_a_violation_ends_the_run_at_once() -> None:
    def explodes(sim: Simulation) -> Any:
        yield from (["the sky fell"] if sim.elapsed > 7_000 else [])

    broken = Feature("broken", workers={"noop": Worker(lambda _sim, _body: None, 1, 0)}, safety=explodes)
    with pytest.raises(Violation, match="the sky fell"):
        Simulation(features=(*FEATURES, broken)).run()


def test_an_end_other_than_that_without_faults_is_a_violation() -> None:
    sim = Simulation(features=FEATURES).run()
    clean = clean_projection(FEATURES)
    assert sim.check_at_rest(clean) == "equal"
    with pytest.raises(Violation, match="1 differ: unpublished"):
        sim.check_at_rest({**clean, "unpublished": 1})


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "match: only a proven claim counts (M6)",
        "gate: an import beyond the threshold is held (M3)",
        "mastery: the higher points win (M16)",
        "nudge: not in the quiet hours",
    ],
)
def test_a_removed_guard_is_noticed(name: str) -> None:
    guard = next(g for g in guards.CHECKS if g.name == name)
    assert guards.catches(guard, range(10))
    assert guards.catches(replace(guard, removed=guards.nullcontext), range(4), only_heavy_faults=True) is None, (
        "with the guard in place nothing is caught"
    )
