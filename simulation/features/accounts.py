"""The accounts feed: several files at once, deletions in the middle, accounts that come later (M7, M14, M16, M17)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.domain.errors import RefusedTransition
from shared.domain.report import Upload
from shared.stores.outbox import event_item
from simulation.simulator import CANARY, DAY, Feature, Simulation, Worker
from tests.fakes.aws import etag
from tests.harness import run_feed_step
from tests.state_machine import FEED, Position


def account(account_id: str, email: str | None, **more: Any) -> dict[str, Any]:
    return {"account_id": account_id, "role": "teacher", "display_name": CANARY, "username": account_id, "email": email,
            "email_verified": email is not None, **more}  # fmt: skip


def _points(**points: int) -> dict[str, Any]:
    return {skill: {"points": n, "updated_at": "2026-05-01T00:00:00Z"} for skill, n in points.items()}


def _class(class_id: str, name: str = "Period 3") -> dict[str, Any]:
    return {"class_id": class_id, "name": name, "student_account_ids": ["kid"]}


KID: dict[str, Any] = {**account("kid", "kid@mail.example"), "role": "student", "clever_id": "c-1"}
FIRST = [
    account("ada", "ada@mail.example", classes=[_class("own"), _class("old")]),
    account("max", "max@mail.example"),
    account("pat", "pat@mail.example"),
    account("joy", "joy@mail.example"),
    account("tom", "t3@lakeside.example"),
    account("eve", "t2@lakeside.example", email_verified=False),
    account("sam", "shared@lakeside.example"),
    {**KID, "mastery": _points(a=60)},
]
AT_ONCE = (
    [{**KID, "mastery": _points(a=30, b=80)}, account("zed", "z2@mail.example")],
    [{**KID, "mastery": _points(c=90)}, account("zed", "z3@mail.example")],
    [account("ada", "ada@mail.example", classes=[_class("own"), _class("old", "renamed")])],
    [account("lou", "s5@lakeside.example"), account("yan", "y1@mail.example", mastery=_points(a=1))],
    [account("yan", "y2@mail.example", mastery=_points(b=1))],
)
LATER = [
    account("vic", "t1@valley.example"),
    account("ned", None, clever_id="c-1"),
    account("tom", "t3@lakeside.example", clever_id="c-9"),
]
"""One whose holder waits for a mail, one with the Clever id of somebody who is linked by now, one whose link a person has
undone."""


def _scenario(sim: Simulation) -> None:
    sim.facts["points"] = {}
    sim.world.table.listeners.append(lambda before, after: _watch(sim, before, after))
    _put(sim, "first", [*FIRST, account("zed", "z1@mail.example")], after=0)
    for number, lines in enumerate(AT_ONCE):
        _put(sim, f"at-once-{number}", lines, after=DAY + 3_600)
    # Where people race, an account comes at the moment when its holder's mail is due (activation.py).
    _put(sim, "later", LATER, after=10.2 * DAY if sim.people_race else 2 * DAY + 20_000)
    for class_id, after in (("old", DAY + 3_600), ("old", DAY + 3_600), ("unknown", DAY + 3_600), ("own", 45 * DAY)):
        sim.send("deletes", ("ada", class_id), after=after)


def _put(sim: Simulation, name: str, lines: list[dict[str, Any]], *, after: float) -> None:
    """A file of the feed, and the event of its arrival."""
    key, body = f"accounts/{name}.jsonl", "".join(f"{json.dumps(line)}\n" for line in lines).encode()
    sim.world.s3.objects["rosters", key] = body
    when = (sim.began + timedelta(seconds=after)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    sim.send("accounts", (Upload(key, etag(body), when, f"{int(after):016X}"), len(body)), after=after)


# Workers.

_WAIT = 60
"""Seconds until a feed looks again whether another one is at work."""
_WRITING = ("apply", "match")


@dataclass(frozen=True)
class Task:
    """A call of the state machine that is due: of all calls of the state where the execution is, which one."""

    position: Position
    number: int = 0

    def __str__(self) -> str:
        call = FEED.calls(self.position)[self.number]
        return f"{call['step']} of {call['feed']['name']}"


def _arrives(sim: Simulation, arrived: tuple[Upload, int]) -> None:
    upload, size = arrived
    sim.world.take_feed(upload, size=size)


def _step(sim: Simulation, task: Task) -> None:
    """One call of the state machine; what it returns decides the next (statemachine/accounts-feed.asl.json)."""
    position, calls = task.position, FEED.calls(task.position)
    call = calls[task.number]
    if call["step"] in _WRITING and sim.random.random() < sim.profile.duplicates:
        sim.send("feed echo", call)
    result = run_feed_step(sim.world.feed_steps(), call)
    if FEED.kind(position) == "Map" and task.number + 1 < len(calls):
        return sim.send("feed step", Task(position, task.number + 1))
    return _go_on(sim, FEED.after(position, [] if FEED.kind(position) == "Map" else result))


def _go_on(sim: Simulation, position: Position) -> None:
    while FEED.kind(position) == "Map" and not FEED.calls(position):
        position = FEED.after(position, [])
    if FEED.kind(position) == "Wait":
        sim.send("feed step", Task(FEED.after(position)), after=sim.elapsed + _WAIT)
    elif FEED.has_calls(position):
        sim.send("feed step", Task(position))


def _echoes(sim: Simulation, call: dict[str, Any]) -> None:
    """Lambda may call a function twice for one call of a task; nobody waits for the second answer."""
    run_feed_step(sim.world.feed_steps(), call)


def _fails(sim: Simulation, position: Position) -> None:
    FEED.run(position, lambda call: run_feed_step(sim.world.feed_steps(), call))


def _collect(sim: Simulation) -> None:
    started = sim.world.states.started
    for name, body in list(started.items()):
        execution = json.loads(body) if body else {}
        if "feed" in execution:
            started[name] = ""
            sim.send("feed step", Task(FEED.start(execution)))


def _deletes(sim: Simulation, owned_class: tuple[str, str]) -> None:
    """A teacher deletes a class."""
    (owner, class_id), world = owned_class, sim.world
    event = event_item(world.new_id(), "ClassDeleted", {"class_id": class_id, "district_id": "lakeside"}, world.now)
    try:
        world.accounts.classes.delete(owner, class_id, event=event, now=world.now)
    except RefusedTransition:
        """The page says so: it was deleted already, or was never there."""


def _skills(*items: dict[str, Any]) -> dict[str, int]:
    """The points of an account, in whichever of its items they are."""
    found: dict[str, int] = {}
    for item in items:
        for skill, one in item.get("skills", {}).items():
            found[skill] = max(found.get(skill, 0), int(one["points"]))
    return found


def _watch(sim: Simulation, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
    if after is None:
        if before and before["SK"] in ("ACCOUNT", "MASTERY"):
            sim.violations.append(f"{before['PK']} {before['SK']} was deleted")
    elif after["SK"] in ("ACCOUNT", "MASTERY"):
        known = sim.facts["points"].setdefault(after["PK"], {})
        for skill, points in _skills(after).items():
            known[skill] = max(known.get(skill, 0), points)


def _safety(sim: Simulation) -> Iterator[str]:
    items = sim.world.table.items
    for pk, known in sim.facts["points"].items():
        skills = _skills(*(items.get((pk, sk), {}) for sk in ("ACCOUNT", "MASTERY")))
        for skill, points in known.items():
            if skills.get(skill, 0) < points:
                yield f"{pk} went down in {skill}"
    deleted = [item for _, item in sim.world.table.of_kind("EVENT") if item["detail_type"] == "ClassDeleted"]
    if len(deleted) > (1 if sim.elapsed < 45 * DAY else 2):
        yield "a class was deleted twice"
    if ("ACCOUNT#ada", "CLASS#unknown") in items:
        yield "a class came from nowhere"


def _at_rest(sim: Simulation) -> dict[str, Any]:
    """Two of the accounts were written by two files at once: either may be the later one, but claims must be theirs."""
    items = sim.world.table.items
    kept: dict[str, Any] = {}
    stale = []
    for (pk, sk), item in items.items():
        raced = sk in ("ACCOUNT#zed", "ACCOUNT#yan") or pk in ("ACCOUNT#zed", "ACCOUNT#yan")
        if pk.startswith("EMAIL#") and sk.startswith("ACCOUNT#"):
            holder = items.get((sk, "ACCOUNT"), {})
            stale += [] if f"EMAIL#{holder.get('email')}" == pk else [pk]
        if sk in ("ACCOUNT", "MASTERY") and "skills" in item:
            kept[f"{pk} skills"] = repr(sorted(item["skills"].items()))
        if raced:
            continue
        if pk.startswith(("EMAIL#", "CLEVER#", "OIDC#")):
            kept[f"{pk} {sk}"] = repr(sorted(item.items()))
        elif sk == "ACCOUNT":
            kept[f"{pk} {sk}"] = repr(sorted((k, v) for k, v in item.items() if k != "skills"))
        elif pk.startswith("ACCOUNT#") and sk.startswith("CLASS#"):
            kept[f"{pk} {sk}"] = (item["name"], "deleted_at" in item)
    return {**kept, "stale claims": stale}


ACCOUNTS = Feature(
    "accounts",
    workers={
        "accounts": Worker(_arrives, 3, 60, may_come_twice=True),
        "feed step": Worker(
            _step, 7, 5, on_giving_up=lambda sim, task: sim.send("feed fails", FEED.after_error(task.position))
        ),
        "feed echo": Worker(_echoes, 1, 0, is_forgotten=True),
        "feed fails": Worker(_fails, 11, 10),
        "deletes": Worker(_deletes, 8, 600, is_parked=False),
    },
    scenario=_scenario,
    collect=_collect,
    safety=_safety,
    at_rest=_at_rest,
)
