"""Notices: whoever owns either side hears of a link that was made or undone (B2)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from functions.link_notice.notify_link_change import KINDS
from shared.domain.clock import to_iso
from simulation.laboratory import Feature, Laboratory, Worker


def _week(lab: Laboratory) -> None:
    lab.facts["notices settled"] = set()
    lab.world.table.listeners.append(lambda before, after: _watch(lab, before or {}, after or {}))
    if lab.people_race:
        # Nobody ever hears what became of the mails to these two.
        lab.world.ses.silent_for = {"t3@lakeside.example", "ada@mail.example"}


def _watch(lab: Laboratory, before: dict[str, Any], after: dict[str, Any]) -> None:
    if not after.get("PK", "").startswith("NOTICE#"):
        return
    if "settled_at" in after:
        lab.facts["notices settled"].add((after["PK"].removeprefix("NOTICE#"), after["SK"]))
    is_taken = after.get("tries", 0) > before.get("tries", 0)
    if is_taken and before.get("lease_until", "") > to_iso(lab.world.now):
        lab.wrong.append("a notice was taken from somebody who may be sending it")


def _collect(lab: Laboratory) -> None:
    """The rule of the bus hands the events of links to the queue, as often as they were published; what an alarm looks at is
    told to a person."""
    entries = lab.world.events.entries
    for entry in entries[lab.facts.setdefault("events told", 0) :]:
        if entry["DetailType"] in KINDS:
            lab.send("notice", (entry["DetailType"], entry["Detail"]))
    lab.facts["events told"] = len(entries)
    if "LinkNoticesUnanswered" in lab.world.metrics:
        lab.unanswered.add("notice")


def _tells(lab: Laboratory, event: tuple[str, str]) -> None:
    fact, detail = event
    lab.world.link_notices().tell(fact, json.loads(detail))


def _safety(lab: Laboratory) -> Iterator[str]:
    """Twice at most, and twice only where something went wrong."""
    sent = Counter((mail["To"], tag["Value"]) for mail in lab.world.ses.sent for tag in _of_notice(mail))
    for (address, _), number in sent.items():
        if number > (2 if lab.chaos.faults or address in lab.world.ses.silent_for else 1):
            yield f"{number} notices of one event to one address"


def _of_notice(mail: dict[str, Any]) -> list[dict[str, str]]:
    return [tag for tag in mail["EmailTags"] if tag["Name"] == "notice_of"]


def _at_rest(lab: Laboratory) -> dict[str, Any]:
    """Every undo, and every link that stands, was told to the teacher's official address."""
    return {"untold": sorted(set(_untold(lab)))}


def _untold(lab: Laboratory) -> Iterator[tuple[str, str]]:
    items = lab.world.table.items
    for entry in lab.world.events.entries:
        if entry["DetailType"] not in KINDS:
            continue
        detail = json.loads(entry["Detail"])
        pk = f"USER#{detail['district_id']}#{detail['sourced_id']}"
        person, link = items[pk, "ROSTER"], items[pk, "LINK"]
        if person["role"] != "teacher" or "official_email" not in person:
            continue
        is_over = link["state"] != "linked" or link["linked_at"] != detail["occurred_at"]
        if entry["DetailType"] == "AccountLinked" and is_over:
            continue
        if (detail["event_id"], "official") not in lab.facts["notices settled"]:
            yield pk, entry["DetailType"]


NOTICES = Feature(
    "notices",
    workers={"notice": Worker(_tells, 10, 1_800)},
    week=_week,
    collect=_collect,
    safety=_safety,
    at_rest=_at_rest,
)
