"""What an import writes is in proportion to what has changed; counted, not timed (M4, B8)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.districts import Shape, write
from benchmarks.imports import Bench, Measured

PEOPLE = 1_000


def imported(bench: Bench, shape: Shape) -> Measured:
    """Import a generated district."""
    folder = bench.folder / str(len(list(bench.folder.iterdir())))
    write(shape, folder)
    return bench.run(folder, ThreadPoolExecutor(1))


def test_an_import_writes_what_has_changed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, removal_threshold_count=10**6, removal_threshold_percent=100)

    first = imported(bench, Shape(PEOPLE, seed=7))
    assert first.status == "completed"
    assert (first.units["ROSTER"] + first.units["CLASS"]) / PEOPLE <= 1.25, "a person costs a unit, and a class one"

    same = imported(bench, Shape(PEOPLE, seed=7))
    assert same.status == "unchanged"
    assert sum(same.units.values()) <= 3
    assert not same.items

    for fault in ("half_rows", "half_schools", "half_files"):
        held = imported(Bench(tmp_path, table=bench.table), Shape(PEOPLE, seed=7, faults=(fault,)))
        assert held.status == "held", fault
        assert not held.items, fault

    bench = Bench(tmp_path, table=bench.table, removal_threshold_count=10**6, removal_threshold_percent=100)
    night = imported(bench, Shape(PEOPLE, seed=7, change=0.01))
    assert night.report["users"]["changed"] == PEOPLE // 100
    assert night.items["ROSTER"] + night.items["CLASS"] + night.items["MEMBERS"] <= 1.05 * PEOPLE / 100
