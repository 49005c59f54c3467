"""Notices: whoever owns either side hears of a link that was made or undone (B2)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from functions.link_notice.notify_link_change import EVENTS, LINKED, UNDONE
from shared.domain.clock import to_iso
from simulation.simulator import Feature, Simulation, Worker


def _scenario(sim: Simulation) -> None:
    sim.facts["notices settled"] = set()
    sim.world.table.listeners.append(lambda before, after: _watch(sim, before or {}, after or {}))
    if sim.people_race:
        # Nobody ever hears what became of the mails to these two.
        sim.world.ses.silent_for = {"t3@lakeside.example", "ada@mail.example"}


def _watch(sim: Simulation, before: dict[str, Any], after: dict[str, Any]) -> None:
    if not after.get("PK", "").startswith("NOTICE#"):
        return
    if "settled_at" in after:
        sim.facts["notices settled"].add((after["PK"].removeprefix("NOTICE#"), after["SK"]))
    is_taken = after.get("tries", 0) > before.get("tries", 0)
    if is_taken and before.get("lease_until", "") > to_iso(sim.world.now):
        sim.violations.append("a notice was taken from somebody who may be sending it")


def _collect(sim: Simulation) -> None:
    """The rule of the bus queues the events of links, as often as they were published. An alarm reports its metric."""
    entries = sim.world.events.entries
    for entry in entries[sim.facts.setdefault("events queued", 0) :]:
        if entry["DetailType"] in EVENTS:
            sim.send("notice", (entry["DetailType"], entry["Detail"]))
    sim.facts["events queued"] = len(entries)
    if "LinkNoticesUnanswered" in sim.world.metrics:
        sim.unanswered.add("notice")


def _tells(sim: Simulation, event: tuple[str, str]) -> None:
    fact, detail = event
    sim.world.notify_link_change().notify(fact, json.loads(detail))


def _safety(sim: Simulation) -> Iterator[str]:
    """Twice at most, and twice only where something went wrong."""
    sent = Counter((mail["To"], tag["Value"]) for mail in sim.world.ses.sent for tag in _of_notice(mail))
    for (address, _), number in sent.items():
        if number > (2 if sim.injector.faults or address in sim.world.ses.silent_for else 1):
            yield f"{number} notices of one event to one address"


def _of_notice(mail: dict[str, Any]) -> list[dict[str, str]]:
    return [tag for tag in mail["EmailTags"] if tag["Name"] == "notice_of"]


def _at_rest(sim: Simulation) -> dict[str, Any]:
    """Every undo, and every link that stands, was told to the teacher's official address."""
    return {"untold": sorted(set(_untold(sim)))}


def _untold(sim: Simulation) -> Iterator[tuple[str, str]]:
    items = sim.world.table.items
    for entry in sim.world.events.entries:
        if entry["DetailType"] not in (LINKED, UNDONE):
            continue
        detail = json.loads(entry["Detail"])
        pk = f"USER#{detail['district_id']}#{detail['sourced_id']}"
        person, link = items[pk, "ROSTER"], items[pk, "LINK"]
        if person["role"] != "teacher" or "official_email" not in person:
            continue
        is_over = link["state"] != "linked" or link["linked_at"] != detail["occurred_at"]
        if entry["DetailType"] == LINKED and is_over:
            continue
        if (detail["event_id"], "official") not in sim.facts["notices settled"]:
            yield pk, entry["DetailType"]


NOTICES = Feature(
    "notices",
    workers={"notice": Worker(_tells, 10, 1_800)},
    scenario=_scenario,
    collect=_collect,
    safety=_safety,
    at_rest=_at_rest,
)
