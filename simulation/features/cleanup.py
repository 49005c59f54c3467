"""Class data is made once it was asked for, and a digest goes out once a week, whatever fails (M17, B4)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from shared.domain.clock import to_iso
from shared.stores.class_exports import KEPT, ClassNamed, Export, ExportQueue
from simulation.laboratory import DAY, Feature, Laboratory, Worker

ADMINISTRATOR = "data@office.example"
WANTED = (ClassNamed("own"), ClassNamed("gone"))


def _week(lab: Laboratory) -> None:
    """The data is asked for on day 20, before the class is deleted; the digest's hour strikes all the time."""
    lab.send("takes along", "export-1", after=20 * DAY)
    for day in (6, 13, 20, 27, 34):
        for later in (0, 0, 700, 4_000):
            lab.send("digest tick", "digests", after=day * DAY + later)
    lab.facts["wanted"] = lab.world.districts.get("lakeside").digest
    lab.send("wants a digest", "yes", after=15 * DAY)
    if lab.people_race:
        # The first digest is planned while the district wants none any more; a day later it does again.
        lab.send("wants a digest", "no", after=6 * DAY)
        lab.send("wants a digest", "yes", after=7 * DAY)
    lab.world.table.listeners.append(lambda before, after: _watch(lab, before, after))


def _takes_along(lab: Laboratory, export_id: str) -> None:
    """A teacher presses the button, and again where the page failed."""
    export = Export("ada", export_id, WANTED, "en", to_iso(lab.world.now))
    lab.world.exports.ask(export, lab.world.now)
    ExportQueue(lab.world.export_requests, "exports").request(export)


def _collect(lab: Laboratory) -> None:
    """Where people race, the worker comes to an export when it expires."""
    while lab.world.export_requests.messages:
        request = json.loads(lab.world.export_requests.messages.pop(0))
        lab.send("export", request, after=lab.elapsed + (KEPT.total_seconds() - 10 if lab.people_race else 0))
        if lab.people_race:
            lab.send("expiry", "what has expired", after=lab.elapsed + KEPT.total_seconds() + 2)


def _makes(lab: Laboratory, request: dict[str, str]) -> None:
    lab.world.exporting().make(**request)


def _expires(lab: Laboratory, _what: str) -> None:
    lab.world.table.expire()


def _wants(lab: Laboratory, answer: str) -> None:
    """The district's settings come again, with a digest or without."""
    district = lab.world.districts.get("lakeside")
    wanted = lab.facts["wanted"] if answer == "yes" else None
    lab.world.districts.put(district.model_copy(update={"digest": wanted}))


def _digests(lab: Laboratory, _what: str) -> None:
    if lab.world.digesting().run()["unanswered"]:
        lab.unanswered.add("digest")


def _sent(lab: Laboratory) -> Counter[str]:
    is_one = {"Name": "kind", "Value": "digest"}
    return Counter(m["To"] for m in lab.world.ses.sent if is_one in m["EmailTags"])


def _watch(lab: Laboratory, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
    if not after or after["PK"] != "DIGESTS":
        return
    if before is None:
        settings = lab.world.table.items[f"DISTRICT#{after['SK']}", "SETTINGS"]
        if json.loads(settings["body"])["digest"] is None:
            lab.wrong.append("a digest is planned for a district that wants none")
    elif "due_at" in before and "due_at" not in after:
        lab.wrong.append("settings that came again undid the plan of a digest")
    elif before.get("due_at", "") > to_iso(lab.world.now) and not before["under_way"]:
        lab.wrong.append("a digest was moved before it was due")


def _safety(lab: Laboratory) -> Iterator[str]:
    weeks = int(lab.elapsed // (7 * DAY))
    for _, number in _sent(lab).items():
        if number > weeks:
            yield f"{number} digests in {weeks} weeks"
    for _, item in lab.world.table.of_kind("EXPORT"):
        if "ttl" not in item:
            yield "an export is kept for ever"
        if (
            "made_at" in item
            and ("exports", f"exports/{item['SK'].removeprefix('EXPORT#')}.zip") not in lab.world.s3.objects
        ):
            yield "an export is called made, and there is no file"


def _at_rest(lab: Laboratory) -> dict[str, Any]:
    exports = [item for _, item in lab.world.table.of_kind("EXPORT")]
    return {
        "exports": [("made_at" in item, "failed_at" in item) for item in exports],
        "digests": sorted(_sent(lab).items()),
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
    week=_week,
    collect=_collect,
    safety=_safety,
    at_rest=_at_rest,
)
