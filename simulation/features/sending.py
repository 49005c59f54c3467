"""What all senders share: no slot is leased twice, no bounce is counted twice, and what was parked is woken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shared.domain.clock import from_iso
from simulation.simulator import Feature, Simulation

_PARKED_FOR_AT_MOST = 2 * 3_600
"""Seconds; what is due later than that waits for its day, and the scenario has its own wakes for it."""


def _scenario(sim: Simulation) -> None:
    woken: set[float] = set()
    sim.world.table.listeners.append(lambda before, after: _note_lease(sim, before, after))
    sim.world.table.listeners.append(lambda before, after: _wake_when_due(sim, woken, before, after))


def _note_lease(sim: Simulation, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
    """Each lease begins where the one before it ended; the version says so."""
    if after and (after["PK"], after["SK"]) == ("SENDING", "PACE"):
        was = before or {"version": 0, "next_free": 0}
        if after["version"] != was["version"] + 1 or after["next_free"] < was["next_free"]:
            sim.violations.append("slots were leased twice")


def _wake_when_due(
    sim: Simulation, woken: set[float], before: dict[str, Any] | None, after: dict[str, Any] | None
) -> None:
    """The schedule comes by every quarter of an hour; here only when there is something for it."""
    if before or not after or not after["PK"].startswith(("DUE#activation#", "DUE#parked#")):
        return
    due = (from_iso(after["due_at"]) - sim.began).total_seconds()
    if due - sim.elapsed <= _PARKED_FOR_AT_MOST and due not in woken:
        woken.add(due)
        sim.send("wake", "activations", after=due + 60)


def _safety(sim: Simulation) -> Iterator[str]:
    noted = sum(1 for _ in sim.world.table.of_kind("NOTED"))
    counts = {"of all": 0, "of districts": 0}
    for (_, sk), item in sim.world.table.of_kind("COUNTS"):
        whose = "of all" if sk == "COUNTS" else "of districts"
        counts[whose] += sum(int(n) for name, n in item.items() if name[0] in "bc" and name[1:].isdigit())
    for whose, number in counts.items():
        if number != noted:
            yield f"a bounce or complaint was counted {number} times {whose}, and noted {noted} times"


SENDING = Feature("sending", scenario=_scenario, safety=_safety)
