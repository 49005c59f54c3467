"""Events for the platform: each fact is published at least once, with an id, and holds no personal data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from simulation.simulator import CANARY, Feature, Simulation, Worker


def _scenario(sim: Simulation) -> None:
    sim.facts["recorded"] = []
    sim.facts["events before"] = {
        json.loads(item["detail"])["event_id"] for _, item in sim.world.table.of_kind("EVENT")
    }
    sim.world.table.listeners.append(
        lambda before, after: (
            sim.facts["recorded"].append(dict(after))
            if after and before is None and after["PK"].startswith("OUTBOX#")
            else None
        )
    )


def _collect(sim: Simulation) -> None:
    """The table's stream."""
    while sim.facts["recorded"]:
        sim.send("stream", sim.facts["recorded"].pop(0))


def _publishes(sim: Simulation, item: dict[str, Any]) -> None:
    sim.world.publish_events().publish(item)


def _safety(sim: Simulation) -> Iterator[str]:
    seen = sim.facts.setdefault("events seen", 0)
    for entry in sim.world.events.entries[seen:]:
        if CANARY in entry["Detail"]:
            yield "an event holds personal data"
    sim.facts["events seen"] = len(sim.world.events.entries)


def _at_rest(sim: Simulation) -> dict[str, Any]:
    """An event is known by its id: a step that is tried again may write it with another time."""
    published = {json.loads(entry["Detail"])["event_id"] for entry in sim.world.events.entries}
    outbox = [json.loads(item["detail"]) for _, item in sim.world.table.of_kind("EVENT")]
    mine = {event["event_id"] for event in outbox} - sim.facts["events before"]
    return {"unpublished": len(mine - published)}


EVENTS = Feature(
    "events",
    workers={"stream": Worker(_publishes, 11, 5, may_come_twice=True)},
    scenario=_scenario,
    collect=_collect,
    safety=_safety,
    at_rest=_at_rest,
)
