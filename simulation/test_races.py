"""People who act at the same moment: whoever is first, both sides of each link agree (B2, M12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from simulation.races import (
    Race,
    a_link_meets_an_import,
    a_link_meets_its_undo,
    one_person_is_on_two_devices,
    two_people_race_for_one_account,
)
from tests.depth import depth
from tests.harness import World
from tests.pages_harness import lakeside

SEEDS = depth(20, 250)
"""For each of the four races: a thousand interleavings in `make test-all`."""


@pytest.fixture(scope="module")
def prepared() -> World:
    return lakeside().world


RACES = [
    two_people_race_for_one_account,
    one_person_is_on_two_devices,
    a_link_meets_its_undo,
    a_link_meets_an_import,
]


@pytest.mark.deep
@pytest.mark.parametrize("run_race", RACES, ids=lambda run_race: run_race.__name__)
def test_whoever_is_first_both_sides_agree(run_race: Callable[[Race], Any], prepared: World) -> None:
    ends, orders = set(), set()
    for seed in range(SEEDS):
        race = Race(seed, prepared)
        try:
            ends.add(repr(sorted(run_race(race).items())))
        except AssertionError as failed:
            raise AssertionError(f"seed {seed}: {failed}") from failed
        orders.add(tuple(race.order))
    assert len(orders) > SEEDS * 0.9, "the interleavings are of many kinds"
    assert len(ends) > 1 or run_race is one_person_is_on_two_devices, "who is first does matter"


def test_a_race_is_the_same_again_under_its_seed(prepared: World) -> None:
    first, second = Race(7, prepared), Race(7, prepared)
    assert two_people_race_for_one_account(first) == two_people_race_for_one_account(second)
    assert first.order == second.order
