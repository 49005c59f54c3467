"""The figures of ``make bench`` and ``make start-up``: printed as a table, kept as JSON (B8)."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RESULT = Path(".local/bench.json")


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. ``ratio`` is the value against a named floor of the same run, and must not be above ``limit``."""

    name: str
    value: float
    unit: str
    floor: float | None = None
    ratio: float | None = None
    limit: float | None = None
    holds: bool = True

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass
class Figures:
    """All figures of a run, in the order in which they were taken."""

    found: list[Figure] = field(default_factory=list)
    result: Path = RESULT

    def add(self, name: str, value: float, unit: str, *, limit: float | None = None) -> None:
        holds = limit is None or value <= limit
        self._take(Figure(name, round(value, 3), unit, limit=limit, holds=holds))

    def against(self, name: str, value: float, unit: str, floor: float, limit: float, *, allowance: float = 0) -> None:
        """A value that may be ``limit`` times its floor, and ``allowance`` more."""
        ratio = (value - allowance) / floor
        self._take(Figure(name, round(value, 3), unit, round(floor, 3), round(ratio, 3), limit, ratio <= limit))

    def holds(self, name: str, state: object, *, holds: bool) -> None:
        """Add a figure that is 1 when something holds and 0 when it does not."""
        self._take(Figure(f"{name}: {state}", float(holds), "holds", holds=holds))

    def _take(self, figure: Figure) -> None:
        self.found.append(figure)
        of = "" if figure.ratio is None else f"  = {figure.ratio:g} × {figure.floor:g}"
        limit = "" if figure.limit is None else f"  (at most {figure.limit:g})"
        mark = "✓" if figure.holds else "✗"
        sys.stdout.write(f"{mark} {figure.name:<72} {figure.value:>14,.3f} {figure.unit}{of}{limit}\n")
        sys.stdout.flush()

    def keep(self) -> bool:
        """Write the result. Return whether all figures hold."""
        self.result.parent.mkdir(exist_ok=True)
        self.result.write_text(json.dumps({"figures": [figure.to_json() for figure in self.found]}, indent=1) + "\n")
        return all(figure.holds for figure in self.found)
