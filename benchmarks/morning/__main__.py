"""``make morning``: what a million first logins in half an hour ask of each limit, what breaks first, and when all are in."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.morning.login import Login, counted
from benchmarks.morning.plot import plot
from benchmarks.morning.simulation import SETUPS, Morning, limits, simulate

IMAGE = Path("docs/images/morning.svg")
PEOPLE = 1_000_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="make morning", description=__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--plots", action="store_true", help=f"also draw {IMAGE}, of a million")
    arguments = parser.parse_args()
    login = counted()
    sys.stdout.writelines(table(login, mornings(login, arguments.people)))
    if arguments.plots:
        IMAGE.write_text(plot(mornings(login, PEOPLE), PEOPLE))
    return 0


def mornings(login: Login, people: int) -> dict[str, Morning]:
    """The same morning with each setup."""
    return {setup.name: simulate(login, setup, people) for setup in SETUPS}


def table(login: Login, found: dict[str, Morning]) -> Iterator[str]:
    """What is printed: of each setup, what is asked at the peak, and how it ends."""
    yield (
        f"a first login: {login.pages:.1f} pages of {1000 * login.page_seconds:.0f} ms, {login.write_units:.1f} write units, "
        f"{login.read_units:.1f} read units, {login.passwords:.1f} passwords, {login.tokens:.0f} code of a hub\n"
    )
    for name, morning in found.items():
        yield f"\n{name}\n"
        yield f"{'limit':<46}{'at the peak':>12}{'of':>9}{'share':>8}  refused first\n"
        for limit in limits(login, morning.setup):
            share = morning.peak[limit.name]
            at = morning.first.get(limit.name)
            first = "" if at is None else f"minute {at // 60 + 1}: {limit.seen}"
            yield f"{limit.name:<46}{share * limit.most:>12,.0f}{limit.most:>9,.0f}{share:>8.0%}  {first}\n"
        yield f"all but one in a thousand in after {morning.all_in / 60:.0f} minutes; "
        yield f"at most {morning.most_waiting:,.0f} people wait\n"


if __name__ == "__main__":
    sys.exit(main())
