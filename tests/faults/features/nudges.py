"""Nudges: one mail per due date at most, whatever the scheduler does (M17, B4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.faults.features.imports import DAY
from tests.faults.laboratory import Feature, Laboratory, Worker


def _week(lab: Laboratory) -> None:
    """The scheduler fires twice, and again after the lease of a nudge that was under way."""
    for day in (16, 17, 41):
        for later in (0, 0, 1, 1_200):
            lab.send("tick", "nudges", after=day * DAY + later)


def _ticks(lab: Laboratory, _what: str) -> None:
    if lab.world.nudging().run()["unanswered"]:
        lab.unanswered.add("nudge")


def _nudges(lab: Laboratory) -> Counter[str]:
    return Counter(m["To"] for m in lab.world.ses.sent if "activation_id" not in str(m["EmailTags"]))


def _safety(lab: Laboratory) -> Iterator[str]:
    """Within the 40 days there are two due dates."""
    most = 1 if lab.elapsed < 38 * DAY else 2
    for _, number in _nudges(lab).items():
        if number > most:
            yield f"{number} nudges where {most} may be"


def _at_rest(lab: Laboratory) -> dict[str, Any]:
    kept: dict[str, Any] = {
        f"{pk} nudges": (int(item.get("nudges", 0)), bool(item.get("nudge_due_at")), item.get("nudge_under_way"))
        for (pk, sk), item in lab.world.table.items.items()
        if sk == "LINK"
    }
    return {**kept, "nudged": sorted(_nudges(lab).items())}


NUDGES = Feature("nudges", workers={"tick": Worker(_ticks, 6, 60)}, week=_week, safety=_safety, at_rest=_at_rest)
