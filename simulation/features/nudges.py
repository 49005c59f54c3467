"""Nudges: one mail per due date at most, whatever the scheduler does (M17, B4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from simulation.simulator import DAY, Feature, Simulation, Worker


def _scenario(sim: Simulation) -> None:
    """The scheduler fires twice, at night too, and again after the lease of a nudge that was under way, or refused.

    On day 45 the last class is deleted (accounts.py): what would be due after it does not come.
    """
    for day in (15.5, 16, 17) if sim.people_race else (15.5, 16, 17, 41, 80):
        for later in (0, 0, 1, 1_200, 4_000):
            sim.send("tick", "nudges", after=day * DAY + later)


def _collect(sim: Simulation) -> None:
    """No nudge and no reminder goes out at night: 07:00 to 18:00 in Chicago is 12:00 to 23:00 UTC."""
    for mail in sim.world.ses.sent[sim.facts.setdefault("mails seen", 0) :]:
        is_meant = not any(tag["Name"] in ("activation_id", "notice_of") for tag in mail["EmailTags"])
        if is_meant and not 12 <= sim.world.now.hour < 23:
            sim.violations.append("a nudge or a reminder in the quiet hours")
    sim.facts["mails seen"] = len(sim.world.ses.sent)


def _ticks(sim: Simulation, _what: str) -> None:
    if sim.world.send_nudge().run()["unanswered"]:
        sim.unanswered.add("nudge")


def _nudges(sim: Simulation) -> Counter[str]:
    is_one = {"Name": "kind", "Value": "nudge"}
    return Counter(m["To"] for m in sim.world.ses.sent if is_one in m["EmailTags"])


def _safety(sim: Simulation) -> Iterator[str]:
    """Two due dates lie before the day when nothing is left to nudge about, if the feed that brings the classes came through
    before they were deleted."""
    owned = [item for (pk, _), item in sim.world.table.of_kind("CLASS") if pk == "ACCOUNT#ada"]
    is_left = any("deleted_at" not in item for item in owned)
    most = 1 if sim.elapsed < 38 * DAY else 3 if is_left and sim.elapsed > 45 * DAY else 2
    for _, number in _nudges(sim).items():
        if number > most:
            yield f"{number} nudges where {most} may be"


def _at_rest(sim: Simulation) -> dict[str, Any]:
    kept: dict[str, Any] = {
        f"{pk} nudges": (int(item.get("nudges", 0)), bool(item.get("nudge_due_at")), item.get("nudge_under_way"))
        for (pk, sk), item in sim.world.table.of_kind("LINK")
        if sk == "LINK"
    }
    return {**kept, "nudged": sorted(_nudges(sim).items())}


NUDGES = Feature(
    "nudges",
    workers={"tick": Worker(_ticks, 6, 60)},
    scenario=_scenario,
    collect=_collect,
    safety=_safety,
    at_rest=_at_rest,
)
