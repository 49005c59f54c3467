"""Many runs of the laboratory, counted: every call failing in every way, pairs of failures, seeds, guards taken out."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import batched
from pathlib import Path
from random import Random
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from simulation import guards
from simulation.chaos import ALL_MODES, Call, Mode
from simulation.features import FEATURES
from simulation.laboratory import CALM, Laboratory, Violation, Weather, clean_projection, told
from simulation.writes import kinds_of_writes, meeting

PARTS = ("single", "pairs", "seeds", "meetings", "guards")
RESULT = Path(".local/faults.json")
_RECOVERY = 8
"""How many calls after the first failure the second one may be."""
_PAIRS = (
    (Mode.DIES_AFTER, Mode.DIES_BEFORE),
    (Mode.NO_REPLY, Mode.DIES_AFTER),
    (Mode.LATE, Mode.DIES_BEFORE),
)


@dataclass(frozen=True, slots=True)
class Run:
    """One run, as it can be told on the command line: a seed with its weather, a calm run with a plan of failures, or a
    seed and a kind of write at which people and uploads meet."""

    seed: int = 0
    plan: tuple[tuple[int, Mode], ...] = ()
    meets: str = ""
    """The kind of write before which everybody else goes first."""

    @property
    def name(self) -> str:
        if self.meets:
            return f"{self.seed} {self.meets}"
        return ",".join(f"{number}={mode.name}" for number, mode in self.plan) or str(self.seed)

    @classmethod
    def named(cls, name: str) -> Run:
        """Raises ValueError for what is no seed, no plan such as ``120=THROTTLED,124=DIES_AFTER`` and no meeting such as
        ``3 Put USER/LINK``."""
        if name.isdecimal():
            return cls(int(name))
        seed, _, kind = name.partition(" ")
        if seed.isdecimal() and kind:
            return cls(int(seed), meets=kind)
        pairs = (part.split("=") for part in name.split(","))
        try:
            return cls(plan=tuple((int(number), Mode[mode.strip()]) for number, mode in pairs))
        except (KeyError, ValueError):
            modes = ", ".join(mode.name for mode in Mode)
            raise ValueError(f"{name!r} is neither a seed nor a plan like 120=THROTTLED; modes: {modes}") from None

    def laboratory(self) -> Laboratory:
        if self.meets:
            return meeting(self.seed, self.meets)
        weather = CALM if self.plan else Weather.of(self.seed)
        race = not self.plan and self.seed % 2 == 1
        return Laboratory(self.seed, features=FEATURES, weather=weather, plan=dict(self.plan), people_race=race)


def outcome(run: Run) -> str:
    """``equal``, ``raced``, ``parked``, ``unanswered``; or what was violated."""
    lab = run.laboratory()
    try:
        return lab.run().check_at_rest(clean_projection(FEATURES))
    except Violation as wrong:
        return f"violation: {wrong}"


def replay(name: str) -> str:
    """One run again, as a trace to read."""
    run = Run.named(name)
    lab = run.laboratory()
    try:
        ended = lab.run().check_at_rest(clean_projection(FEATURES))
    except Violation as wrong:
        ended = f"violation: {wrong}"
    return f"{told(lab)}\n\nrun {run.name}, {lab.weather}\nended: {ended}"


@dataclass
class Found:
    """What a campaign counted; becomes ``.local/faults.json``."""

    calls: int = 0
    crash_points: int = 0
    modes: list[str] = field(default_factory=lambda: [mode.value for mode in ALL_MODES])
    single_failures: int = 0
    pairs: int = 0
    seeds: int = 0
    meetings: int = 0
    ended: dict[str, int] = field(default_factory=dict)
    violations: list[dict[str, str]] = field(default_factory=list)
    guards: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def _clean() -> Laboratory:
    return Laboratory(features=FEATURES).run()


def every_single_failure(calls: Sequence[Call]) -> Iterator[Run]:
    return (Run(plan=((call.number, mode),)) for call in calls for mode in ALL_MODES)


def pairs_of_failures(calls: Sequence[Call]) -> Iterator[Run]:
    """Crashes in the recovery from a crash, where the mail, the link and the roster's writes are at stake."""
    at_stake = [c for c in calls if c.worker[5:].startswith(("sqs", "visit", "step apply", "step match"))]
    for call in at_stake:
        for later in range(1, _RECOVERY + 1):
            for first, second in _PAIRS:
                yield Run(plan=((call.number, first), (call.number + later, second)))


def hold(seeds: int, *, is_slice: bool, first_seed: int = 0, only: Sequence[str] = ()) -> Found:
    """The whole campaign, or a slice of it for every change."""
    found = Found(seeds=seeds)
    calls = _clean().chaos.calls
    found.calls = found.crash_points = len(calls)
    singles, pairs = list(every_single_failure(calls)), list(pairs_of_failures(calls))
    if is_slice:
        dice = Random("a slice")
        singles, pairs = dice.sample(singles, 300), dice.sample(pairs, 150)
    wanted = only or PARTS
    with ProcessPoolExecutor(os.cpu_count()) as pool, _progress() as progress:
        if "single" in wanted:
            found.single_failures = len(singles)
            _carry_out("every call fails once", singles, found, pool, progress)
        if "pairs" in wanted:
            found.pairs = len(pairs)
            _carry_out("and again in the recovery", pairs, found, pool, progress)
        if "seeds" in wanted:
            runs = [Run(seed) for seed in range(first_seed, first_seed + seeds)]
            _carry_out("seeds", runs, found, pool, progress)
        if "meetings" in wanted:
            several = range(1 if is_slice else 10)
            runs = [Run(seed, meets=kind) for kind in kinds_of_writes(range(6)) for seed in several]
            found.meetings = len(runs)
            _carry_out("others go first", runs, found, pool, progress)
        if "guards" in wanted:
            _take_out_guards(found, pool, progress, is_slice=is_slice)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(asdict(found), indent=1) + "\n")
    return found


def _progress() -> Progress:
    return Progress(TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())


def _outcomes(runs: Sequence[Run]) -> list[tuple[Run, str]]:
    return [(run, outcome(run)) for run in runs]


def _carry_out(title: str, runs: Sequence[Run], found: Found, pool: ProcessPoolExecutor, progress: Progress) -> None:
    began = time.monotonic()
    ended: Counter[str] = Counter(found.ended)
    bar = progress.add_task(title, total=len(runs))
    for some in pool.map(_outcomes, batched(runs, 20, strict=False)):
        for run, how in some:
            is_violation = how.startswith("violation")
            ended["violation" if is_violation else how] += 1
            if is_violation:
                found.violations.append({"what": how, "replay": f"make faults REPLAY='{run.name}'"})
        progress.advance(bar, len(some))
    found.ended = dict(ended)
    found.seconds[title] = round(time.monotonic() - began, 1)


_guards: list[guards.Guard] = []


def _guard(at: int, seeds: range) -> str | None:
    """In a worker process: the list is made there once, the same way in each."""
    if not _guards:
        _guards.extend(guards.everything())
    return guards.catches(_guards[at], seeds)


def _take_out_guards(found: Found, pool: ProcessPoolExecutor, progress: Progress, *, is_slice: bool) -> None:
    began = time.monotonic()
    every = guards.everything()
    # What nothing here can notice is looked for longest; the slice leaves that to the whole campaign.
    chosen = range(len(every))
    if is_slice:
        chosen = [at for at in chosen[::4] if every[at].name not in guards.EXPLAINED]
    seeds = range(400)
    bar = progress.add_task("guards taken out", total=len(chosen))
    caught, missed = {}, {}
    tasks: list[tuple[int, Any]] = [(at, pool.submit(_guard, at, seeds)) for at in chosen]
    for at, task in tasks:
        name = every[at].name
        try:
            how = task.result()
        except Violation as wrong:
            found.violations.append({"what": f"{name}: {wrong}", "replay": "make faults ONLY=guards"})
            how = None
        if how:
            caught[name] = how
        else:
            missed[name] = guards.EXPLAINED.get(name, "")
        progress.advance(bar)
    found.guards = {"removed": len(chosen), "caught": caught, "missed": missed}
    found.seconds["guards"] = round(time.monotonic() - began, 1)


def report(found: Found, say: Callable[[str], None]) -> bool:
    """Tell what was found; True when nothing was violated and every guard is caught or explained."""
    say(f"calls of a clean run: {found.calls}; crash points: {found.crash_points}; modes: {len(found.modes)}")
    say(
        f"runs: {found.single_failures} single failures, {found.pairs} pairs, {found.seeds} seeds, {found.meetings} meetings"
    )
    say("ended: " + ", ".join(f"{number} {how}" for how, number in sorted(found.ended.items())))
    say("took: " + ", ".join(f"{what} {seconds:g} s" for what, seconds in found.seconds.items()))
    say(f"violations: {len(found.violations)}")
    for one in found.violations[:20]:
        say(f"  {one['what']}\n    {one['replay']}")
    unexplained = _guards_told(found.guards, say) if found.guards else []
    return not found.violations and not unexplained


def _guards_told(of: dict[str, Any], say: Callable[[str], None]) -> Iterable[str]:
    caught, missed = of["caught"], of["missed"]
    say(f"guards: {of['removed']} removed, {len(caught)} caught, {len(missed)} missed")
    for name, why in missed.items():
        say(f"  missed: {name} — {why or 'UNEXPLAINED'}")
    return [name for name, why in missed.items() if not why]
