"""Class data is made once it was asked for, and a digest goes out once a week, whatever fails (M17, B4)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from shared.domain.clock import to_iso
from shared.stores.class_exports import KEPT, ClassExport, ClassExportQueue, ExportedClass
from simulation.simulator import DAY, Feature, Simulation, Worker

ADMINISTRATOR = "data@office.example"
WANTED = (ExportedClass("own"), ExportedClass("gone"))


def _scenario(sim: Simulation) -> None:
    """The data is asked for on day 20, before the class is deleted; the digest's hour strikes all the time."""
    sim.send("takes along", "export-1", after=20 * DAY)
    for day in (6, 13, 20, 27, 34):
        for later in (0, 0, 700, 4_000):
            sim.send("digest tick", "digests", after=day * DAY + later)
    sim.facts["wanted"] = sim.world.districts.get("lakeside").digest
    sim.send("wants a digest", "yes", after=15 * DAY)
    if sim.people_race:
        # The first digest is planned while the district wants none any more; a day later it does again.
        sim.send("wants a digest", "no", after=6 * DAY)
        sim.send("wants a digest", "yes", after=7 * DAY)
    sim.world.table.listeners.append(lambda before, after: _watch(sim, before, after))


def _takes_along(sim: Simulation, export_id: str) -> None:
    """A teacher presses the button, and again where the page failed."""
    export = ClassExport("ada", export_id, WANTED, "en", to_iso(sim.world.now))
    sim.world.exports.ask(export, sim.world.now)
    ClassExportQueue(sim.world.export_requests, "exports").request(export)


def _collect(sim: Simulation) -> None:
    """Where people race, the worker comes to an export when it expires."""
    while sim.world.export_requests.messages:
        request = json.loads(sim.world.export_requests.messages.pop(0))
        sim.send("export", request, after=sim.elapsed + (KEPT.total_seconds() - 10 if sim.people_race else 0))
        if sim.people_race:
            sim.send("expiry", "what has expired", after=sim.elapsed + KEPT.total_seconds() + 2)


def _makes(sim: Simulation, request: dict[str, str]) -> None:
    sim.world.export_classes().make(**request)


def _expires(sim: Simulation, _what: str) -> None:
    sim.world.table.expire()


def _wants(sim: Simulation, answer: str) -> None:
    """The district's settings come again, with a digest or without."""
    district = sim.world.districts.get("lakeside")
    wanted = sim.facts["wanted"] if answer == "yes" else None
    sim.world.districts.put(replace(district, digest=wanted))


def _digests(sim: Simulation, _what: str) -> None:
    if sim.world.send_digest().run()["unanswered"]:
        sim.unanswered.add("digest")


def _sent(sim: Simulation) -> Counter[str]:
    is_one = {"Name": "kind", "Value": "digest"}
    return Counter(m["To"] for m in sim.world.ses.sent if is_one in m["EmailTags"])


def _watch(sim: Simulation, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
    if not after or after["PK"] != "DIGESTS":
        return
    if before is None:
        settings = sim.world.table.items[f"DISTRICT#{after['SK']}", "SETTINGS"]
        if json.loads(settings["body"])["digest"] is None:
            sim.violations.append("a digest is planned for a district that wants none")
    elif "due_at" in before and "due_at" not in after:
        sim.violations.append("settings that came again undid the plan of a digest")
    elif before.get("due_at", "") > to_iso(sim.world.now) and not before["under_way"]:
        sim.violations.append("a digest was moved before it was due")


def _safety(sim: Simulation) -> Iterator[str]:
    weeks = int(sim.elapsed // (7 * DAY))
    for _, number in _sent(sim).items():
        if number > weeks:
            yield f"{number} digests in {weeks} weeks"
    for _, item in sim.world.table.of_kind("EXPORT"):
        if "ttl" not in item:
            yield "an export is kept for ever"
        if (
            "made_at" in item
            and ("exports", f"exports/{item['SK'].removeprefix('EXPORT#')}.zip") not in sim.world.s3.objects
        ):
            yield "an export is called made, and there is no file"


def _at_rest(sim: Simulation) -> dict[str, Any]:
    exports = [item for _, item in sim.world.table.of_kind("EXPORT")]
    return {
        "exports": [("made_at" in item, "failed_at" in item) for item in exports],
        "digests": sorted(_sent(sim).items()),
    }


CLEANUP = Feature(
    "cleanup",
    workers={
        "takes along": Worker(_takes_along, 6, 60, is_parked=False),
        "export": Worker(_makes, 5, 360, may_come_twice=True),
        "expiry": Worker(_expires, 1, 0),
        "wants a digest": Worker(_wants, 6, 60),
        "digest tick": Worker(_digests, 6, 60),
    },
    scenario=_scenario,
    collect=_collect,
    safety=_safety,
    at_rest=_at_rest,
)
