"""Events for the platform: each fact is published at least once, with an id, and holds no personal data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from simulation.laboratory import CANARY, Feature, Laboratory, Worker


def _week(lab: Laboratory) -> None:
    lab.facts["recorded"] = []
    lab.world.table.listeners.append(
        lambda before, after: (
            lab.facts["recorded"].append(dict(after))
            if after and before is None and after["PK"].startswith("OUTBOX#")
            else None
        )
    )


def _collect(lab: Laboratory) -> None:
    """The table's stream."""
    while lab.facts["recorded"]:
        lab.send("stream", lab.facts["recorded"].pop(0))


def _publishes(lab: Laboratory, item: dict[str, Any]) -> None:
    lab.world.publisher().publish(item)


def _safety(lab: Laboratory) -> Iterator[str]:
    seen = lab.facts.setdefault("events seen", 0)
    for entry in lab.world.events.entries[seen:]:
        if CANARY in entry["Detail"]:
            yield "an event holds personal data"
    lab.facts["events seen"] = len(lab.world.events.entries)


def _at_rest(lab: Laboratory) -> dict[str, Any]:
    """An event is told by its id: written again by a step that is tried again, it may carry another time."""
    published = {json.loads(entry["Detail"])["event_id"] for entry in lab.world.events.entries}
    outbox = [json.loads(item["detail"]) for _, item in lab.world.table.of_kind("EVENT")]
    mine = {one["event_id"] for one in outbox if one["district_id"] not in ("hillside", "valley")}
    return {"unpublished": len(mine - published)}


EVENTS = Feature(
    "events",
    workers={"stream": Worker(_publishes, 11, 5, may_come_twice=True)},
    week=_week,
    collect=_collect,
    safety=_safety,
    at_rest=_at_rest,
)
