"""What nudges cost grows with those that are due, not with everybody (M17); counted, not timed."""

from __future__ import annotations

from benchmarks.cleanup import nudged


def test_a_hundred_times_more_linked_teachers_cost_nothing_more() -> None:
    few, many = nudged(100, 50), nudged(10_000, 50)
    assert few.sent == many.sent == 50
    assert (many.read_units, many.write_units, many.requests) == (few.read_units, few.write_units, few.requests)


def test_twice_as_many_that_are_due_cost_twice_as_much() -> None:
    once, twice = nudged(1_000, 50), nudged(1_000, 100)
    assert twice.sent == 2 * once.sent
    assert twice.read_units <= 2 * once.read_units
    assert twice.write_units <= 2 * once.write_units
