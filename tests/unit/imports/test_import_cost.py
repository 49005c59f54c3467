"""What an import writes is in proportion to what has changed; counted, not timed (M4, B8)."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.districts import Shape, write
from benchmarks.imports import Bench

PEOPLE = 1_000


@pytest.fixture
def nights(tmp_path: Path) -> tuple[Bench, Path]:
    """A district whose first roster was imported."""
    write(Shape(PEOPLE, seed=7), tmp_path / "roster")
    bench = Bench(tmp_path, removal_threshold_count=10**6, removal_threshold_percent=100)
    assert bench.run(tmp_path / "roster").status == "completed"
    return bench, tmp_path


def test_a_person_costs_a_write_unit_and_a_class_one(tmp_path: Path) -> None:
    write(Shape(PEOPLE, seed=7), tmp_path / "roster")
    first = Bench(tmp_path).run(tmp_path / "roster")
    assert (first.units["ROSTER"] + first.units["CLASS"]) / PEOPLE <= 1.25


def test_the_same_roster_again_costs_three_units_in_all(nights: tuple[Bench, Path]) -> None:
    bench, folder = nights
    same = bench.run(folder / "roster")
    assert same.status == "unchanged"
    assert sum(same.units.values()) <= 3
    assert not same.items


def test_one_in_a_hundred_changed_is_what_is_written(nights: tuple[Bench, Path]) -> None:
    bench, folder = nights
    write(Shape(PEOPLE, seed=7, change=0.01), folder / "changed")
    night = bench.run(folder / "changed")
    assert night.report["users"]["changed"] == PEOPLE // 100
    assert night.items["ROSTER"] + night.items["CLASS"] + night.items["MEMBERS"] <= 1.05 * PEOPLE / 100


@pytest.mark.parametrize("fault", ["half_rows", "half_schools", "half_files"])
def test_half_of_a_district_is_held_and_nothing_is_written(nights: tuple[Bench, Path], fault: str) -> None:
    bench, folder = nights
    write(Shape(PEOPLE, seed=7, faults=(fault,)), folder / fault)
    held = Bench(folder, table=bench.table).run(folder / fault)
    assert held.status == "held"
    assert not held.items
