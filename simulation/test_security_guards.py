"""Each security guard of the pages, when it is removed, is noticed by its test (``make guards`` prints the list)."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from simulation.security_guards import GUARDS, SecurityGuard, failure_of


@pytest.mark.slow
@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_removed_guard_is_noticed(guard: SecurityGuard) -> None:
    if callable(guard.noticed_by):  # A test by its node id runs with the guard in place wherever all tests run.
        assert failure_of(guard, nullcontext) == "", "with the guard the check passes"
    assert failure_of(guard, guard.removed), "without it, the test fails"
