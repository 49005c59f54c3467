"""``make faults``: the fault laboratory's campaign, or one run of it again."""

from __future__ import annotations

import argparse
import sys

from simulation import campaign


def main() -> int:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2_000, help="how many seeds")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--slice", action="store_true", help="a part of it, for every change")
    parser.add_argument("--only", nargs="*", default=(), choices=campaign.PARTS)
    parser.add_argument("--replay", metavar="RUN", help="a seed, or a plan such as 120=THROTTLED")
    wanted = parser.parse_args()
    if wanted.replay:
        try:
            _say(campaign.replay(wanted.replay))
        except ValueError as wrong:
            parser.error(str(wrong))
        return 0
    found = campaign.hold(wanted.seeds, is_slice=wanted.slice, first_seed=wanted.first_seed, only=wanted.only)
    return 0 if campaign.report(found, _say) else 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
