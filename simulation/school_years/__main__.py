"""``make year``: simulate school years of districts of every size, and print what the rule held (B15)."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from simulation.school_years import rates
from simulation.school_years.run import BANDS, LEAST_OF_SMALL, MOST_FALSE_HOLDS, Found, carry_out


def main() -> int:
    parser = argparse.ArgumentParser(prog="make year", description=__doc__)
    parser.add_argument("--districts", type=int, default=rates.DISTRICTS)
    parser.add_argument("--years", type=int, default=rates.YEARS_OF_EACH, help="of each district")
    parser.add_argument("--disasters", type=int, default=rates.DISASTERS_A_YEAR, help="bad uploads in a year")
    parser.add_argument("--seed", type=int, default=rates.SEED)
    arguments = parser.parse_args()
    together, bands = Found(), {band: Found() for band in BANDS}
    for people, found in carry_out(
        arguments.districts, arguments.years, seed=arguments.seed, disasters=arguments.disasters
    ):
        together.add(found)
        bands[next(band for band in BANDS if band[0] <= people < band[1])].add(found)
    _print("people of a district      years  nights  held in vain  rollovers  new numbers  large caught   small  tiny")
    for (low, high), found in bands.items():
        _print(_line(f"{low:,} to {high - 1:,}", found))
    _print(_line("all", together))
    _print(f"nights told as graduations: {together.graduations}")
    _print(f"held in vain by: {_counts(together.by_rule)}")
    _print(f"bad uploads caught by: {_counts(together.caught_by_rule)}")
    _print(f"small ones that were missed: {_counts(together.missed_of('small'))}")
    _print(
        f"bars: at most {MOST_FALSE_HOLDS} held in vain a district and year; all large ones caught; of the small ones "
        f"{LEAST_OF_SMALL:.0%}: {'they hold' if together.holds else 'NOT MET'}"
    )
    _write(together, arguments.seed)
    return 0 if together.holds else 1


def _line(name: str, found: Found) -> str:
    held = found.held
    return (
        f"{name:<25} {found.years:>5} {found.nights:>7} {found.false_holds:>13.3f} {held['rollover']:>10} "
        f"{held['ids_changed']:>12} {found.caught['large']:>6} of {found.tried['large']:<6}"
        f"{found.share('small'):>6.1%} {found.share('tiny'):>5.0%}"
    )


def _counts(counted: dict[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counted.items(), key=lambda each: -each[1])) or "–"


def _write(found: Found, seed: int) -> None:
    body = {
        "seed": seed,
        "years": found.years,
        "nights": found.nights,
        "false_holds_a_year": found.false_holds,
        "held": {name or "in vain": number for name, number in found.held.items()},
        "held_in_vain_by_rule": dict(found.by_rule),
        "disasters": {
            size: {"tried": found.tried[size], "caught": found.caught[size], "share": found.share(size)}
            for size in ("large", "small", "tiny")
        },
        "caught_by_rule": dict(found.caught_by_rule),
        "missed": {size: found.missed_of(size) for size in ("large", "small", "tiny")},
        "holds": found.holds,
    }
    path = Path(".local/year.json")
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(body, indent=1))


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
