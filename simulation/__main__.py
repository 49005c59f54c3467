"""``make faults``: carry out the run plan of the simulation, or repeat one run of it."""

from __future__ import annotations

import argparse
import sys

from simulation import run_plan

_OLD_NAMES = {"meetings": "interleavings"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2_000, help="how many seeds")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--slice", action="store_true", help="the part that every change goes through")
    parser.add_argument("--only", nargs="*", default=(), type=_part, choices=run_plan.PARTS)
    parser.add_argument("--replay", metavar="RUN", help="a seed, or a plan such as 120=THROTTLED")
    arguments = parser.parse_args()
    if arguments.replay:
        try:
            _print(run_plan.replay(arguments.replay))
        except ValueError as error:
            parser.error(str(error))
        return 0
    result = run_plan.carry_out(
        arguments.seeds, is_slice=arguments.slice, first_seed=arguments.first_seed, only=arguments.only
    )
    return 0 if run_plan.report(result, _print) else 1


def _part(name: str) -> str:
    return _OLD_NAMES.get(name, name)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
