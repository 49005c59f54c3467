"""How far tests with random inputs go: a slice in `make test`, their whole length in `make test-all` (DEPTH=full), a third of
it in the gate (DEPTH=part)."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

IS_FULL = os.environ.get("DEPTH") == "full"
IS_PART = os.environ.get("DEPTH") == "part"
EXPLORES = os.environ.get("EXPLORE") == "1"


def depth(quick: int, full: int) -> int:
    """``quick`` in `make test`, ``full`` in `make test-all`. A test that asks for it is marked ``deep``."""
    if IS_PART:
        return max(quick, full // 3)
    return full if IS_FULL else quick


def use_profile() -> None:
    """Hypothesis: the same inputs each time, more of them in `make test-all`; with EXPLORE=1 others each time.

    What a change did not break does not stop it: whoever looks for what nobody found yet explores.
    """
    common = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("quick", common, derandomize=True, database=None, max_examples=40)
    settings.register_profile(
        "full", common, derandomize=not EXPLORES, database=None, print_blob=True, max_examples=300
    )
    settings.register_profile("part", common, derandomize=True, database=None, print_blob=True, max_examples=100)
    settings.load_profile("full" if IS_FULL else "part" if IS_PART else "quick")
