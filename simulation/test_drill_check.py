"""A forecast held against what then happens, on generated districts (B14)."""

from __future__ import annotations

import pytest

from simulation.drill_check import Figure, check
from tests.depth import depth


@pytest.mark.deep
@pytest.mark.parametrize("size", [20, 60, 150])
def test_each_figure_of_a_forecast_is_what_then_happens(size: int) -> None:
    for seed in range(depth(1, 5)):
        figures = check(seed, size)
        assert [figure for figure in figures if not figure.holds] == []
        assert sum(figure.happened for figure in figures) > size // 2


@pytest.mark.deep
@pytest.mark.parametrize(
    ("foretold", "happened", "holds"), [(0, 1, True), (0, 2, False), (98, 100, True), (97, 100, False)]
)
def test_a_figure_holds_within_two_percent_or_one(foretold: int, happened: int, *, holds: bool) -> None:
    assert Figure(0, 20, "mails", foretold, happened).holds is holds
