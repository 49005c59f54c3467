"""Class data is made once it was asked for, and a digest goes out once a week, whatever fails (M17, B4)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from shared.clock import to_iso
from shared.stores.exports import ClassNamed, Export, ExportQueue
from tests.faults.laboratory import DAY, Feature, Laboratory, Worker

ADMINISTRATOR = "data@office.example"
WANTED = (ClassNamed("own"), ClassNamed("gone"))


def _week(lab: Laboratory) -> None:
    """The data is asked for on day 20, before the class is deleted; the digest's hour strikes all the time."""
    lab.send("takes along", "export-1", after=20 * DAY)
    for day in (6, 13, 20, 27, 34):
        for later in (0, 0, 700, 4_000):
            lab.send("digest tick", "digests", after=day * DAY + later)


def _takes_along(lab: Laboratory, export_id: str) -> None:
    """A teacher presses the button, and again where the page failed."""
    export = Export("ada", export_id, WANTED, "en", to_iso(lab.world.now))
    lab.world.exports.ask(export, lab.world.now)
    ExportQueue(lab.world.export_requests, "exports").request(export)


def _collect(lab: Laboratory) -> None:
    while lab.world.export_requests.messages:
        lab.send("export", json.loads(lab.world.export_requests.messages.pop(0)))


def _makes(lab: Laboratory, request: dict[str, str]) -> None:
    lab.world.exporting().make(**request)


def _digests(lab: Laboratory, _what: str) -> None:
    if lab.world.digesting().run()["unanswered"]:
        lab.unanswered.add("digest")


def _sent(lab: Laboratory) -> Counter[str]:
    is_one = {"Name": "kind", "Value": "digest"}
    return Counter(m["To"] for m in lab.world.ses.sent if is_one in m["EmailTags"])


def _safety(lab: Laboratory) -> Iterator[str]:
    weeks = int(lab.elapsed // (7 * DAY))
    for _, number in _sent(lab).items():
        if number > weeks:
            yield f"{number} digests in {weeks} weeks"
    made = [item for (_, sk), item in lab.world.table.items.items() if sk.startswith("EXPORT#") and "made_at" in item]
    for item in made:
        if ("exports", f"exports/{item['SK'].removeprefix('EXPORT#')}.zip") not in lab.world.s3.objects:
            yield "an export is called made, and there is no file"


def _at_rest(lab: Laboratory) -> dict[str, Any]:
    exports = [item for (_, sk), item in lab.world.table.items.items() if sk.startswith("EXPORT#")]
    return {
        "exports": [("made_at" in item, "failed_at" in item) for item in exports],
        "digests": sorted(_sent(lab).items()),
    }


CLEANUP = Feature(
    "cleanup",
    workers={
        "takes along": Worker(_takes_along, 6, 60, is_parked=False),
        "export": Worker(_makes, 5, 360, may_come_twice=True),
        "digest tick": Worker(_digests, 6, 60),
    },
    week=_week,
    collect=_collect,
    safety=_safety,
    at_rest=_at_rest,
)
