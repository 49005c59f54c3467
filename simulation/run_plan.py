"""The run plan of ``make faults``: each call failing in each way, pairs of faults, seeds, interleavings, guards removed."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import batched
from pathlib import Path
from random import Random
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from simulation import guards, preview_apply
from simulation.fault_injection import ALL_MODES, Call, FaultMode
from simulation.features import FEATURES, LATER
from simulation.interleavings import interleaving, kinds_of_writes
from simulation.simulator import NO_FAULTS, FaultProfile, Feature, Simulation, Violation, clean_projection, format_trace

PARTS = ("single", "pairs", "seeds", "interleavings", "previews", "guards")
RESULT = Path(".local/faults.json")
_LATER = "later "
"""How the names of runs begin that are of what comes after a launch."""
_OF_LATER = 10
"""One seed in so many has such a run, too."""
_RECOVERY = 8
"""The second fault of a pair comes at most so many calls after the first."""
AT_STAKE = ("sqs", "visit", "step apply", "step match")
"""The deliveries, by the start of their name, in which pairs of failures are tried."""
_PAIRS = (
    (FaultMode.DIES_AFTER, FaultMode.DIES_BEFORE),
    (FaultMode.NO_REPLY, FaultMode.DIES_AFTER),
    (FaultMode.LATE, FaultMode.DIES_BEFORE),
)


@dataclass(frozen=True, slots=True)
class Run:
    """One run, as the command line names it.

    It is a seed with the fault profile of that seed, a plan of faults in a run that has no others, or an interleaving:
    a seed and a kind of write.
    """

    seed: int = 0
    plan: tuple[tuple[int, FaultMode], ...] = ()
    before: str = ""
    """The kind of write before which every other worker goes first."""
    is_later: bool = False
    """Whether it is of what comes after a launch."""

    @property
    def name(self) -> str:
        return f"{_LATER}{self._name}" if self.is_later else self._name

    @property
    def features(self) -> tuple[Feature, ...]:
        return LATER if self.is_later else FEATURES

    @property
    def _name(self) -> str:
        if self.before:
            return f"{self.seed} {self.before}"
        return ",".join(f"{number}={mode.name}" for number, mode in self.plan) or str(self.seed)

    @classmethod
    def named(cls, name: str) -> Run:
        """Return the run of this name.

        A name is a seed, a plan such as ``120=THROTTLED,124=DIES_AFTER``, or an interleaving such as
        ``3 Put USER/LINK``; the first two may be of what comes ``later``. Raises ValueError for anything else.
        """
        if name.startswith(_LATER):
            return replace(cls.named(name.removeprefix(_LATER)), is_later=True)
        if name.isdecimal():
            return cls(int(name))
        seed, _, kind = name.partition(" ")
        if seed.isdecimal() and kind:
            return cls(int(seed), before=kind)
        pairs = (part.split("=") for part in name.split(","))
        try:
            return cls(plan=tuple((int(number), FaultMode[mode.strip()]) for number, mode in pairs))
        except (KeyError, ValueError):
            modes = ", ".join(mode.name for mode in FaultMode)
            raise ValueError(f"{name!r} is neither a seed nor a plan like 120=THROTTLED; modes: {modes}") from None

    def simulation(self) -> Simulation:
        if self.before:
            return interleaving(self.seed, self.before)
        profile = NO_FAULTS if self.plan else FaultProfile.of(self.seed)
        race = not self.plan and self.seed % 2 == 1
        return Simulation(self.seed, features=self.features, profile=profile, plan=dict(self.plan), people_race=race)


def outcome(run: Run) -> str:
    """Return ``equal``, ``raced``, ``parked`` or ``unanswered``; or the violation."""
    return _end(run, run.simulation())


def replay(name: str) -> str:
    """Repeat one run and return its trace; of a preview, how it ended."""
    if name.startswith(preview_apply.PREVIEW):
        case = preview_apply.Case.named(name)
        return f"{case}\nended: {preview_apply.ending(case)}"
    run = Run.named(name)
    sim = run.simulation()
    end = _end(run, sim)
    return f"{format_trace(sim)}\n\nrun {run.name}, {sim.profile}\nended: {end}"


def _end(run: Run, sim: Simulation) -> str:
    try:
        return sim.run().check_at_rest(clean_projection(run.features))
    except Violation as violation:
        return f"violation: {violation}"


@dataclass
class Result:
    """The counts of a run plan. They become ``.local/faults.json``."""

    calls: int = 0
    crash_points: int = 0
    modes: list[str] = field(default_factory=lambda: [mode.value for mode in ALL_MODES])
    single_failures: int = 0
    pairs: int = 0
    seeds: int = 0
    interleavings: int = 0
    previews: dict[str, int] = field(default_factory=dict)
    """How those ended that were applied after something had changed."""
    ended: dict[str, int] = field(default_factory=dict)
    violations: list[dict[str, str]] = field(default_factory=list)
    guards: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the file's content. Interleavings are called ``meetings`` there."""
        return {
            "calls": self.calls,
            "crash_points": self.crash_points,
            "modes": self.modes,
            "single_failures": self.single_failures,
            "pairs": self.pairs,
            "seeds": self.seeds,
            "meetings": self.interleavings,
            "previews": self.previews,
            "ended": self.ended,
            "violations": self.violations,
            "guards": self.guards,
            "seconds": self.seconds,
        }


def every_single_failure(calls: Sequence[Call], *, is_later: bool = False) -> Iterator[Run]:
    return (Run(plan=((call.number, mode),), is_later=is_later) for call in calls for mode in ALL_MODES)


def pairs_of_failures(calls: Sequence[Call]) -> Iterator[Run]:
    """Yield crashes during the recovery from a crash, for the calls that concern mails, links and the roster's writes."""
    at_stake = [call for call in calls if call.worker[5:].startswith(AT_STAKE)]
    for call in at_stake:
        for later in range(1, _RECOVERY + 1):
            for first, second in _PAIRS:
                yield Run(plan=((call.number, first), (call.number + later, second)))


def carry_out(seeds: int, *, is_slice: bool, first_seed: int = 0, only: Sequence[str] = ()) -> Result:
    """Carry out the whole run plan, or the slice of it that every change goes through; write ``.local/faults.json``."""
    result = Result(seeds=seeds)
    calls = Simulation(features=FEATURES).run().injector.calls
    calls_of_later = Simulation(features=LATER).run().injector.calls
    result.calls = result.crash_points = len(calls) + len(calls_of_later)
    singles, pairs = list(every_single_failure(calls)), list(pairs_of_failures(calls))
    later = list(every_single_failure(calls_of_later, is_later=True))
    if is_slice:
        dice = Random("a slice")
        singles, pairs, later = dice.sample(singles, 300), dice.sample(pairs, 150), dice.sample(later, 60)
    singles += later
    parts = only or PARTS
    with ProcessPoolExecutor(os.cpu_count()) as pool, _progress() as progress:
        if "single" in parts:
            result.single_failures = len(singles)
            _carry_out("every call fails once", singles, result, pool, progress)
        if "pairs" in parts:
            result.pairs = len(pairs)
            _carry_out("and again in the recovery", pairs, result, pool, progress)
        if "seeds" in parts:
            runs = [Run(seed) for seed in range(first_seed, first_seed + seeds)]
            runs += [Run(run.seed, is_later=True) for run in runs[::_OF_LATER]]
            _carry_out("seeds", runs, result, pool, progress)
        if "interleavings" in parts:
            seeds_each = range(1 if is_slice else 10)
            runs = [Run(seed, before=kind) for kind in kinds_of_writes(range(6)) for seed in seeds_each]
            result.interleavings = len(runs)
            _carry_out("others go first", runs, result, pool, progress)
        if "previews" in parts:
            _apply_previews(seeds, result, pool, progress, is_slice=is_slice)
    if "guards" in parts:
        _guards[:] = guards.all_guards()
        # Its processes begin now, with the list of guards made.
        with ProcessPoolExecutor(os.cpu_count()) as pool, _progress() as progress:
            _remove_guards(result, pool, progress, is_slice=is_slice)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result.to_json(), indent=1) + "\n")
    return result


def _progress() -> Progress:
    return Progress(TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())


def _outcomes(runs: Sequence[Run]) -> list[tuple[Run, str]]:
    return [(run, outcome(run)) for run in runs]


def _carry_out(title: str, runs: Sequence[Run], result: Result, pool: ProcessPoolExecutor, progress: Progress) -> None:
    began = time.monotonic()
    ended: Counter[str] = Counter(result.ended)
    bar = progress.add_task(title, total=len(runs))
    for outcomes in pool.map(_outcomes, batched(runs, 20, strict=False)):
        for run, end in outcomes:
            is_violation = end.startswith("violation")
            ended["violation" if is_violation else end] += 1
            if is_violation:
                result.violations.append({"what": end, "replay": f"make faults REPLAY='{run.name}'"})
        progress.advance(bar, len(outcomes))
    result.ended = dict(ended)
    result.seconds[title] = round(time.monotonic() - began, 1)


def _apply_previews(
    seeds: int, result: Result, pool: ProcessPoolExecutor, progress: Progress, *, is_slice: bool
) -> None:
    """What comes between a preview and its application, in every order, and at random."""
    began = time.monotonic()
    cases = list(preview_apply.every_order(2 if is_slice else 3))
    if is_slice:
        ones = len(preview_apply.CHANGES) + 1
        cases = cases[:ones] + Random("a slice").sample(cases[ones:], 30)
    cases += map(preview_apply.at_random, range(min(seeds, 40) if is_slice else seeds))
    bar = progress.add_task("previews applied", total=len(cases))
    ended = Counter[str]()
    for case, end in zip(cases, pool.map(preview_apply.ending, cases, chunksize=10), strict=True):
        is_violation = end.startswith("violation")
        ended["violation" if is_violation else end] += 1
        if is_violation:
            result.violations.append({"what": end, "replay": f"make faults REPLAY='{case.name}'"})
        progress.advance(bar)
    result.previews = dict(ended)
    result.seconds["previews"] = round(time.monotonic() - began, 1)


_guards: list[guards.Guard] = []


def _catch(index: int, seeds: range) -> str | None:
    """Run in a worker process. One that does not have its parent's memory makes the list once, in the same order."""
    if not _guards:
        _guards.extend(guards.all_guards())
    return guards.catches(_guards[index], seeds)


def _remove_guards(result: Result, pool: ProcessPoolExecutor, progress: Progress, *, is_slice: bool) -> None:
    began = time.monotonic()
    every = _guards
    # A guard that no run notices takes longest; the slice leaves those to the whole plan.
    chosen = list(range(len(every)))
    if is_slice:
        chosen = [index for index in chosen[::4] if not guards.explanation(every[index].name)]
    seeds = range(400)
    bar = progress.add_task("guards taken out", total=len(chosen))
    caught, missed = {}, {}
    tasks: list[tuple[int, Future[str | None]]] = [(index, pool.submit(_catch, index, seeds)) for index in chosen]
    for index, task in tasks:
        name = every[index].name
        try:
            notice = task.result()
        except Violation as violation:
            result.violations.append({"what": f"{name}: {violation}", "replay": "make faults ONLY=guards"})
            notice = None
        if notice:
            caught[name] = notice
        else:
            missed[name] = guards.explanation(name)
        progress.advance(bar)
    result.guards = {"removed": len(chosen), "caught": caught, "missed": missed}
    result.seconds["guards"] = round(time.monotonic() - began, 1)


def report(result: Result, say: Callable[[str], None]) -> bool:
    """Print the counts. Return True when nothing is violated and every guard is caught or explained."""
    say(f"calls of a clean run: {result.calls}; crash points: {result.crash_points}; modes: {len(result.modes)}")
    say(
        f"runs: {result.single_failures} single failures, {result.pairs} pairs, {result.seeds} seeds, "
        f"{result.interleavings} meetings"
    )
    say("ended: " + ", ".join(f"{number} {end}" for end, number in sorted(result.ended.items())))
    if result.previews:
        counts = ", ".join(f"{number} {end}" for end, number in sorted(result.previews.items()))
        say(f"previews: {sum(result.previews.values())} after something had changed: {counts}")
    say("took: " + ", ".join(f"{part} {seconds:g} s" for part, seconds in result.seconds.items()))
    say(f"violations: {len(result.violations)}")
    for violation in result.violations[:20]:
        say(f"  {violation['what']}\n    {violation['replay']}")
    unexplained = _report_guards(result.guards, say) if result.guards else []
    return not result.violations and not unexplained


def _report_guards(counts: dict[str, Any], say: Callable[[str], None]) -> list[str]:
    """Print what became of the guards. Return the names of those that were missed without a reason."""
    caught, missed = counts["caught"], counts["missed"]
    say(f"guards: {counts['removed']} removed, {len(caught)} caught, {len(missed)} missed")
    for name, reason in missed.items():
        say(f"  missed: {name} — {reason or 'UNEXPLAINED'}")
    return [name for name, reason in missed.items() if not reason]
