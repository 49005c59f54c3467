"""Imports: a district's uploads of a week, three at once, one that cannot be read whole, one that must be held (M1–M5)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from functions.import_step.plan import Import
from shared.domain.report import Upload, import_id_of
from shared.stores.reports import upload_of
from simulation.features import offboarding, waiting
from simulation.features.rosters import person, roster, upload
from simulation.simulator import DAY, Feature, Simulation, Worker
from tests.fakes.aws import MemoryStates, etag
from tests.harness import World, run_step
from tests.state_machine import IMPORT, Position

_SHARED = [
    person("s3", email="shared@lakeside.example"),
    person("s4", given="Robin", email="shared@lakeside.example"),
    person("s5"),
    person("t6"),
]
MONDAY = roster(
    [person("t1"), person("t2"), person("t3"), person("s1", ids="{Clever:c-1}"), person("s2"), *_SHARED],
    enrolled="t1 s1 s2",
)
TUESDAY = roster(
    [
        person("t1"),
        person("t2", given="Kimberly"),
        person("t3"),
        person("t4"),
        person("s1", ids="{Clever:c-1}"),
        *_SHARED,
    ],
    enrolled="t1 t2 s1",
)
EARLY = roster(
    [
        person("t1", given="Kimmy"),
        person("t2", given="Kimber"),
        person("t3"),
        person("s1", ids="{Clever:c-1}"),
        *_SHARED,
    ],
    enrolled="t1 s1",
)
WEDNESDAY = roster(
    [person("t1"), person("t2", given="Kimberly"), person("t4"), ",,,,,student,,,,,,\n", *_SHARED], enrolled="t1 t2"
)
"""A row cannot be read, so t3 and s1, who are missing, must stay."""
THURSDAY = roster([person("t1")], enrolled="t1")
"""Would remove far too many: it is held, and then rejected by a person."""
VALLEY = roster(person(who, email=f"{who}@valley.example") for who in ("t1", "t2", "s1"))
HILLSIDE = roster(
    [person("t1", email="t1@hillside.example"), person("s1", email="s1@hillside.example")], enrolled="t1 s1"
)


@cache
def _prepared() -> World:
    """Three districts: in hillside nothing must ever happen; in valley mails wait for their day."""
    world = World()
    world.register(
        removal_threshold_count=4, clever_district_id="clever-lakeside", digest={"to": ["data@office.example"]}
    )
    world.register("hillside", email_domains=["hillside.example"])
    world.put("rosters/hillside/r.zip", HILLSIDE)
    world.register("valley", email_domains=["valley.example"], activations_from="2026-09-11")
    world.put("rosters/valley/r.zip", VALLEY)
    return world


@cache
def _prepared_for_later() -> World:
    world = World()
    waiting.prepare(world)
    offboarding.prepare(world)
    return world


def _begin(sim: Simulation, prepared: World) -> None:
    sim.world.begin_like(prepared)
    sim.began = sim.world.now
    sim.facts["settled"] = []
    sim.facts["started"] = {}
    sim.world.table.listeners.append(lambda before, after: _watch(sim, before, after))


def _scenario(sim: Simulation) -> None:
    _begin(sim, _prepared())
    monday = upload(sim, "monday", MONDAY, after=3_600)
    # Three within a minute, and none of them waits for the one before.
    upload(sim, "early", EARLY, after=DAY - 40)
    upload(sim, "tuesday", TUESDAY, after=DAY)
    upload(sim, "tuesday-again", TUESDAY, after=DAY + 10)
    if sim.people_race:
        upload(sim, "monday-again", MONDAY, after=DAY + 5)
        for number in range(3):
            upload(sim, f"early-{number}", EARLY, after=DAY - 39 + number)
        return
    upload(sim, "wednesday", WEDNESDAY, after=2 * DAY)
    held = upload(sim, "thursday", THURSDAY, after=3 * DAY)
    sim.send("decision", ("thursday", held), after=3 * DAY + 7200)
    # Told again when Step Functions has forgotten the execution's name.
    sim.send("s3", monday, after=100 * DAY)


# Workers.

_WAIT = 60
"""Seconds until an import looks again whether another one is at work."""


@dataclass(frozen=True)
class Task:
    """A call of the state machine that is due: of all calls of the state where the execution is, which one."""

    position: Position
    number: int = 0

    def __str__(self) -> str:
        call = IMPORT.calls(self.position)[self.number]
        return f"{call['step']} of {call['import']['upload']['key'].rpartition('/')[2]}"


def _arrives(sim: Simulation, arrived: Upload) -> None:
    sim.world.receive_upload().receive(arrived)


def _decides(sim: Simulation, held: tuple[str, Upload]) -> None:
    """The data manager rejects an upload once it is held; S3 reports the decision."""
    name, of = held
    import_id = import_id_of(of)
    district_id = of.key.split("/")[1]
    key = f"decisions/{district_id}/{import_id}.json"
    report = sim.world.s3.objects.get(("reports", f"reports/{district_id}/{import_id}/report.json"))
    if report is None:
        raise LookupError(f"{name} has no report yet")
    body = json.dumps({"action": "reject", "by": "manager", "reason": "too many"}).encode()
    sim.world.s3.objects["rosters", key] = body
    when = sim.world.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    sim.send("s3", Upload(key, etag(body), when, "FF"))


def _step(sim: Simulation, task: Task) -> None:
    """One call of the state machine; what it returns decides the next (statemachine/import.asl.json)."""
    position, calls = task.position, IMPORT.calls(task.position)
    call = calls[task.number]
    if call["step"] == "match" and sim.random.random() < sim.profile.duplicates:
        sim.send("echo", call)
    is_overtaken = call["step"] == "open" and _is_overtaken(sim, Import.from_event(call["import"]))
    result = run_step(sim.world.steps(), call)
    if is_overtaken and result["next"] in ("wait", "split"):
        sim.violations.append("an upload is worked on that a newer valid one has superseded")
    if IMPORT.kind(position) == "Map":
        if task.number + 1 < len(calls):
            return sim.send("step", Task(position, task.number + 1))
        following = IMPORT.after(position)
    else:
        following = IMPORT.after(position, result)
    if IMPORT.kind(following) == "Wait":
        sim.send("step", Task(IMPORT.after(following)), after=sim.elapsed + _WAIT)
    elif IMPORT.has_calls(following):
        sim.send("step", Task(following))
    return None


def _is_overtaken(sim: Simulation, import_: Import) -> bool:
    newest = sim.world.table.items.get((f"DISTRICT#{import_.district_id}", "NEWEST"))
    return newest is not None and "upload" in newest and upload_of(newest).is_newer_than(import_.upload)


def _echoes(sim: Simulation, call: dict[str, Any]) -> None:
    """Lambda may call a function twice for one call of a task; nobody waits for the second answer."""
    run_step(sim.world.steps(), call)


def _fails(sim: Simulation, position: Position) -> None:
    IMPORT.run(position, lambda call: run_step(sim.world.steps(), call))


def _collect(sim: Simulation) -> None:
    started = sim.world.states.started
    for name, body in list(started.items()):
        execution = json.loads(body) if body else {}
        if "import" in execution:
            started[name] = ""
            _note_start(sim, execution["import"])
            sim.send("step", Task(IMPORT.start(execution)))


# Rules.


def _note_start(sim: Simulation, import_: dict[str, Any]) -> None:
    """An import starts once, for as long as Step Functions knows its name; approved, or after it waited, it starts once more."""
    before, which = sim.facts["started"], (import_["import_id"], import_["approved"], import_.get("resumed", False))
    if which in before and sim.elapsed - before[which] < MemoryStates.NAMES_KEPT:
        sim.violations.append("an import was started twice")
    before[which] = sim.elapsed


def _watch(sim: Simulation, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
    """What can only be seen at the moment of a write."""
    written = after or before or {}
    if written["PK"].startswith(("USER#hillside#", "CLASS#hillside#", "DISTRICT#hillside")):
        sim.violations.append("another district was touched")
    if after is None:
        if before and before["SK"] == "ROSTER" and not before["PK"].startswith("USER#creekside#"):
            sim.violations.append(f"{before['PK']} {before['SK']} was deleted")
        return
    has_newest = after["SK"] in ("LATEST", "NEWEST") and before is not None and "upload" in before
    if has_newest and before and upload_of(before).is_newer_than(upload_of(after)):
        sim.violations.append(f"{after['SK']} went back to an older upload")
    elif after["SK"].startswith("IMPORT#") and after["PK"] == "DISTRICT#lakeside":
        _note_order(sim, after["status"], upload_of(after))


def _note_order(sim: Simulation, status: str, upload: Upload) -> None:
    """No upload is applied after a newer one was, or after a newer one was said to change nothing."""
    settled = sim.facts["settled"]
    if status == "completed" and upload not in settled:
        if any(other.is_newer_than(upload) for other in settled):
            sim.violations.append("an older upload was applied after a newer one")
        settled.append(upload)
    elif status == "unchanged":
        settled.append(upload)


def _safety(sim: Simulation) -> Iterator[str]:
    items = sim.world.table.items
    # Where Monday's roster comes again, it is the newest, and t4 is not on it.
    for kept in ("t1", "t2", "t3", "s1", "s3", *(() if sim.people_race else ("t4",))):
        found = items.get((f"USER#lakeside#{kept}", "ROSTER"))
        if found and not found["active"]:
            yield f"{kept} was removed by a file with a rejected row, or by one that is held"


def _standing(sim: Simulation) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for (pk, sk), item in sim.world.table.items.items():
        if sk in ("ROSTER", "CLASS", "MEMBERS"):
            kept[f"{pk} {sk}"] = repr(sorted(item.items()))
        elif sk == "SNAPSHOT":
            kept[f"{pk} {sk}"] = item["content"]
        elif sk == "LOCK":
            kept[f"{pk} {sk}"] = "held"
        elif sk.startswith("IMPORT#") and item["upload"]["key"].endswith("/monday.zip"):
            kept["monday's import"] = item["status"]
        elif sk == "LATEST":
            kept[f"{pk} {sk}"] = item["upload"]["key"]
    return kept


def _at_rest(sim: Simulation) -> dict[str, Any]:
    kept = _standing(sim)
    latest = json.loads(sim.world.s3.objects["reports", "reports/lakeside/latest.json"])
    kept["latest report"] = (latest["status"], latest["upload"]["key"])
    return kept


IMPORTS = Feature(
    "imports",
    workers={
        "s3": Worker(_arrives, 3, 60, may_come_twice=True),
        "decision": Worker(_decides, 8, 600, is_parked=False),
        "step": Worker(_step, 7, 5, on_giving_up=lambda sim, task: sim.send("fail", IMPORT.after_error(task.position))),
        "echo": Worker(_echoes, 1, 0, is_forgotten=True),
        "fail": Worker(_fails, 11, 10),
    },
    scenario=_scenario,
    collect=_collect,
    safety=_safety,
    at_rest=_at_rest,
)

IMPORTS_OF_LATER = replace(
    IMPORTS,
    scenario=lambda sim: _begin(sim, _prepared_for_later()),
    safety=lambda _sim: iter(()),
    at_rest=_standing,
)
"""The imports of two other districts, whose uploads are those of the features beside it."""
