"""A guard that is taken out is missed by its test (``make mutations`` shows the list)."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from simulation.security_guards import MUTATIONS, Mutation, is_noticed


@pytest.mark.parametrize("one", MUTATIONS, ids=lambda one: one.guard)
def test_a_guard_that_is_taken_out_is_missed(one: Mutation) -> None:
    assert is_noticed(one, nullcontext) == "", "with the guard the test holds"
    assert is_noticed(one), "without it, it does not"
