"""``make power``: which memory the pages should have (docs/start-up.md): milliseconds and dollars of each size.

The processor's time is measured as by ``make start-up``, as built: imports, the two requests behind the mail's button, and the same
page again in a worker that is there already. What each size makes of it is a model: Lambda gives a worker a share of a processor
that grows with its memory, up to a whole one at 1,769 MB, of which one thread is no faster beyond; while it imports, it has a whole
one whatever its memory. Calls are waited for as long as ``make cost`` assumes, at any size.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.cost.model import ASSUMPTIONS, PRICES
from benchmarks.start_up import PAGES, started
from local.stack import build
from tests.template import RESOURCES

SIZES = (256, 512, 768, 1024, 1536, 1769, 2048, 3008)
_WHOLE = 1769
"""MB with which a function has a whole processor."""
_COLD_CALLS, _WARM_CALLS = 4, 1
"""Calls to AWS of the two first requests, and of the page again."""
_PAGES = 5
_ROUNDS = 7


def main() -> int:
    parser = argparse.ArgumentParser(prog="make power", description=__doc__)
    parser.add_argument("--built", type=Path, help="measure what was built into this folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        built = arguments.built or Path(name)
        if arguments.built is None:
            build(lambda _: None, built)
        with started(built.resolve()) as start_ups:
            runs = [start_ups.run(PAGES, further_pages=_PAGES) for _ in range(_ROUNDS)]
    imports = median(run["ready_ms"] for run in runs)
    first = median(sum(run["each_ms"][:2]) for run in runs)
    again = median(median(run["each_ms"][2:]) for run in runs)
    print(
        f"imports {imports:.0f} ms, the first page {first:.0f} ms, each further one {again:.1f} ms of the processor\n"
    )
    print("| memory | of a processor | the mail's button, new worker | a million of them | a page | a million pages |")
    print("|---|---|---|---|---|---|")
    for size in SIZES:
        print(_line(size, imports, first, again))
    return 0


def _line(size: int, imports: float, first: float, again: float) -> str:
    share, call = min(1.0, size / _WHOLE), ASSUMPTIONS["call_ms"]["dynamodb"]
    cold = imports + first / share + _COLD_CALLS * call
    warm = again / share + _WARM_CALLS * call
    chosen = " (chosen)" if RESOURCES[PAGES]["Properties"]["MemorySize"] == size else ""
    return (
        f"| {size:,} MB{chosen} | {size / _WHOLE:.2f} | {cold:.0f} ms | ${_dollars(cold, size):.2f} "
        f"| {warm:.0f} ms | ${_dollars(warm, size):.2f} |"
    )


def _dollars(ms: float, size: int) -> float:
    """What a million take at this size, without the price of a request."""
    return float(ms * 1000 * size / 1024 * PRICES["unit"]["Lambda time"]["price"])


if __name__ == "__main__":
    sys.exit(main())
