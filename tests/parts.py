"""The parts of a run: how many tests each has, how long they took, and how long they may take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from time import monotonic

import pytest

from tests.depth import IS_FULL, IS_PART

PARTS = {
    # seconds of all workers together: in make test, in the rest of make test-all
    "tests/unit": (240, 550),
    "simulation": (110, 200),
    "tests/loopback": (10, 10),
    "tests/stack": (100, 400),
    "tests/browser": (120, 400),
    "tests/sam_local": (10, 200),
}
WHOLE = (300, 900)
"""Seconds on the clock, with two cores."""


class Parts:
    """Adds up what the tests of each part took, in whichever process they ran."""

    def __init__(self) -> None:
        self._began = monotonic()
        self._tests: dict[str, set[str]] = defaultdict(set)
        self._seconds: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        part = next((part for part in PARTS if report.nodeid.startswith(f"{part}/")), "elsewhere")
        self._tests[part].add(report.nodeid)
        self._seconds[part] += report.duration

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if len(self._tests) > 1:
            terminalreporter.section("parts")
            for line in self._lines():
                terminalreporter.write_line(line)

    def _lines(self) -> Iterator[str]:
        depth = 1 if IS_FULL or IS_PART else 0
        yield f"{'part':<16}{'tests':>7}{'seconds':>9}{'budget':>8}"
        for part, budgets in PARTS.items():
            if self._tests[part]:
                yield _line(part, len(self._tests[part]), self._seconds[part], budgets[depth])
        every = sum(map(len, self._tests.values()))
        yield _line("on the clock", every, monotonic() - self._began, WHOLE[depth])


def _line(part: str, tests: int, seconds: float, budget: int) -> str:
    return f"{part:<16}{tests:>7}{seconds:>9.1f}{budget:>8}{'  OVER' if seconds > budget else ''}"
