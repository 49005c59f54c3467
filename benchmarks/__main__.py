"""``make bench``: what an import costs, against floors of the same run; the send rate; the clean-up; joined accounts;
the feed of accounts; the rate of writes; what pages ask of AWS.

Timings decide nothing but the exit status of this command. The rates of mail and of writes are counted on simulated clocks.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.cleanup import measure as measure_cleanup
from benchmarks.districts import Shape, write
from benchmarks.feed import measure as measure_feed
from benchmarks.fetches import measure as measure_fetches
from benchmarks.figures import Figures
from benchmarks.imports import WRITING, Bench, Measured, csv_pass, hash_pass
from benchmarks.joining import measure as measure_joins
from benchmarks.new_numbers import measure as measure_new_numbers
from benchmarks.pages import measure as measure_pages
from benchmarks.receipts import measure as measure_receipts
from benchmarks.send_rate import measure as measure_mail
from benchmarks.write_rate import measure as measure_write_rate

_FEWER = 10
"""Memory is compared with that of a district with so many times fewer people."""
_BYTES = 12_000
"""Of a person, in all uploads, snapshots and working files of the measured nights, at the most."""
_TIMES = 3
"""Of reading and of its floor the least of so many times counts: what else the machine does only adds to both."""
_READING = "split, validate and diff, against a csv.reader pass"
_FIRST, _NIGHT = 1.65, 0.6
"""What comes before the first write, against a bare pass of ``csv.reader``: of a first import, and of a night."""
_MOST = {"apply": 100, "members": 60, "match": 250}
"""Microseconds of a person, of either kind. Of ``match`` half are the threads of its look-ups."""
_MOST_REQUESTS = 1.3
_MOST_UNITS = 1.5
"""An item for a person, the class's share, a part of a pack of addresses, and an activation for one in sixteen (docs/cost.md)."""


PARTS: dict[str, Callable[[Figures, int], None]] = {
    "mail": lambda figures, _people: measure_mail(figures),
    "cleanup": lambda figures, _people: measure_cleanup(figures),
    "joins": lambda figures, _people: measure_joins(figures),
    "ids": lambda figures, _people: measure_new_numbers(figures),
    "feed": measure_feed,
    "fetches": measure_fetches,
    "writes": measure_write_rate,
    "pages": measure_pages,
    "receipts": measure_receipts,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--format", default="oneroster-1.1")
    parser.add_argument("--first", type=float, default=_FIRST, help="the most for reading a first import")
    parser.add_argument("--only", choices=("imports", *PARTS), help="only this part")
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.python_compiler()}", flush=True)
    figures = Figures()
    if arguments.only in (None, "imports"):
        _measure_imports(figures, Shape(arguments.people, seed=7, format=arguments.format), arguments.first)
    for part, measure in PARTS.items():
        if arguments.only in (None, part):
            measure(figures, arguments.people)
    return 0 if figures.keep() else 1


def _measure_imports(figures: Figures, shape: Shape, most_of_first: float) -> None:
    with tempfile.TemporaryDirectory(dir=_in_memory(shape.people)) as name:
        folder = Path(name)
        write(replace(shape, people=shape.people // _FEWER), folder / "small" / "roster")
        small = _bench(folder / "small").run(folder / "small" / "roster")
        _Nights(shape, folder / "whole").measure(figures, small, most_of_first)


def _in_memory(people: int) -> Path | None:
    """Where files lie in memory, if there is room for these people: a disk that is written meanwhile stands in no figure."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > people * _BYTES else None


def _bench(folder: Path) -> Bench:
    """A district that takes every removal."""
    return Bench(folder, removal_threshold_count=10**8, removal_threshold_percent=100)


class _Nights:
    """A district's first import, and the nights after it."""

    def __init__(self, shape: Shape, folder: Path) -> None:
        self._shape = shape
        self._folder = folder

    def measure(self, figures: Figures, small: Measured, most_of_first: float) -> None:
        shape, people = self._shape, self._shape.people
        roster = self._folder / "roster"
        write(shape, roster)
        floor = min(csv_pass(roster) for _ in range(_TIMES))
        reading = Bench(self._folder / "alone").least_reading(roster, _TIMES - 1)
        shutil.rmtree(self._folder / "alone")
        bench = _bench(self._folder)
        first = bench.run(roster)
        figures.holds("first import", first.status, holds=first.status == "completed")
        name = f"{people:,} people"
        reading = min(reading, first.reading)
        figures.against(f"{name}: {_READING}", reading, "s", floor, most_of_first)
        figures.add(f"{name}: most memory of a worker", first.peak / 2**20, "MiB", limit=256)
        figures.against(f"{name}: the same, against a tenth of the people", first.peak, "bytes", small.peak, 1.1)
        figures.add(
            f"{name}: ROSTER and CLASS, write units per person",
            _of(first, "ROSTER", "CLASS") / people,
            "units",
            limit=1.25,
        )
        _writing(figures, name, first, people)
        same = bench.run(roster)
        figures.holds("the same again", same.status, holds=same.status == "unchanged")
        figures.add("the same again: write units in all", sum(same.units.values()), "units", limit=3)
        figures.against(
            "the same again, against a sha256 pass and 1 s",
            sum(same.seconds.values()),
            "s",
            hash_pass(roster),
            1,
            allowance=1,
        )
        self._one_percent_changed(figures, bench, floor)
        self._cut_off(figures, bench)

    def _one_percent_changed(self, figures: Figures, bench: Bench, floor: float) -> None:
        changed = Shape(self._shape.people, self._shape.seed, self._shape.format, change=0.01)
        write(changed, self._folder / "changed")
        reading = bench.least_reading(self._folder / "changed", _TIMES - 1)
        night = bench.run(self._folder / "changed")
        number = night.report["users"]["changed"]
        figures.holds("one in a hundred changed", night.status, holds=night.status == "completed")
        figures.against(
            "one in a hundred changed: items written, against those that changed",
            sum(night.items.values()) - night.items["SCHOOL"],
            "items",
            number,
            1.05,
        )
        figures.against(
            f"one in a hundred changed: {_READING}",
            min(reading, night.reading),
            "s",
            floor,
            _NIGHT,
        )
        figures.add("one in a hundred changed: most memory of a worker", night.peak / 2**20, "MiB", limit=256)

    def _cut_off(self, figures: Figures, bench: Bench) -> None:
        """Measure imports in which half of the district is missing: rows, schools, or a whole file."""
        careful = Bench(self._folder, table=bench.table)
        for fault in ("half_rows", "half_schools", "half_files"):
            spoiled = Shape(self._shape.people, self._shape.seed, self._shape.format, faults=(fault,))
            write(spoiled, self._folder / fault)
            held = careful.run(self._folder / fault)
            reason = f"{held.status}, {(held.report.get('reason') or {}).get('code')}"
            figures.holds(f"cut off, {fault}", reason, holds=held.status == "held")
            figures.add(
                f"cut off, {fault}: items of people and classes written", sum(held.items.values()), "items", limit=0
            )


def _writing(figures: Figures, name: str, first: Measured, people: int) -> None:
    """What a person costs from the first write on: time, requests and units, by step and by kind of item."""
    for step in WRITING:
        for what, seconds in (("wall", first.seconds[step]), ("CPU", first.cpu[step])):
            figures.add(f"{name}: {step}, {what} per person", 1e6 * seconds / people, "µs", limit=_MOST[step])
    for operation, requests in sorted(first.requests.items()):
        figures.add(f"{name}: {operation}, requests per person", requests / people, "requests")
    figures.add(
        f"{name}: requests per person in all",
        sum(first.requests.values()) / people,
        "requests",
        limit=_MOST_REQUESTS,
    )
    for kind in sorted(first.units):
        figures.add(f"{name}: {kind}, write units per person", first.units[kind] / people, "units")
    figures.add(
        f"{name}: write units per person, all in", sum(first.units.values()) / people, "units", limit=_MOST_UNITS
    )


def _of(measured: Measured, *kinds: str) -> int:
    return sum(measured.units[kind] for kind in kinds)


if __name__ == "__main__":
    sys.exit(main())
