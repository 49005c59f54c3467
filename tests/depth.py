"""How far tests with random inputs go: a slice in `make test`, their whole length in `make test-all` (DEPTH=full)."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

IS_FULL = os.environ.get("DEPTH") == "full"


def depth(quick: int, full: int) -> int:
    """``quick`` in `make test`, ``full`` in `make test-all`. A test that asks for it is marked ``deep``."""
    return full if IS_FULL else quick


def use_profile() -> None:
    """Hypothesis: the same inputs each time in `make test`; in `make test-all` others each time, and more of them."""
    common = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("quick", common, derandomize=True, database=None, max_examples=40)
    settings.register_profile("full", common, print_blob=True, max_examples=300)
    settings.load_profile("full" if IS_FULL else "quick")
