"""Interleavings: between what a worker reads and what it writes, every other worker goes first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simulation.features import FEATURES
from simulation.simulator import FaultProfile, Simulation
from simulation.writes import every_write, is_about

CROWDED = FaultProfile(duplicates=0.5, disorder=0.3)
"""Many deliveries at a time, none of which fails."""


def interleaving(seed: int, kind: str, **more: Any) -> Simulation:
    """Return a run in which people and uploads come at the same moment.

    Before each write of this kind, every other worker that is active goes first.
    """
    return Simulation(seed, features=FEATURES, profile=CROWDED, people_race=True, pauses_before=is_about(kind), **more)


def kinds_of_writes(seeds: Iterable[int]) -> list[str]:
    """Return every kind of write that crowded runs of these seeds make."""
    kinds: set[str] = set()

    def note(operation: str, request: dict[str, Any]) -> dict[str, Any]:
        kinds.update(kind for kind, _ in every_write(operation, request))
        return request

    for seed in seeds:
        Simulation(seed, features=FEATURES, profile=CROWDED, people_race=True, edit_request=note).run()
    return sorted(kinds)
