"""Compare the counts of the funnel with what all items say, and set them right where that is wanted (docs/runbooks/late.md)."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from time import sleep

from operations.arguments import filled
from operations.stack import Stack
from shared.domain.clock import utc_now
from shared.domain.funnel import Counts
from shared.stores.counts import CountStore
from shared.stores.recount import Recount

SETTLES_IN = 120
"""Seconds within which what is written is counted, with room."""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--district", type=filled, metavar="DISTRICT_ID", help="one district; none: all")
    parser.add_argument("--set", action="store_true", dest="sets", help="set the counts right")


def run(stack: Stack, arguments: Namespace) -> int:
    """Return 1 where counts are off, and stay so. The whole table is read, twice where something is off."""
    table = stack.table()
    recount, counts = Recount(table), CountStore(table)
    wanted = [arguments.district] if arguments.district else None
    first = recount.differences(wanted)
    if arguments.sets and recount.put_right(first):
        sys.stdout.write("Some people were counted as somebody else; what comes of it is counted now.\n")
    again = first
    if arguments.sets or any(each.numbers for each in first.values()):
        sleep(SETTLES_IN)
        first = recount.differences(wanted)
        sleep(SETTLES_IN)
        again = recount.differences(wanted)
    right = 0
    for district_id, found in again.items():
        is_settled = found == first[district_id]
        if arguments.sets and is_settled:
            counts.correct(district_id, found, utc_now())
        is_right = not found.numbers or (arguments.sets and is_settled)
        right += is_right
        is_whole = counts.of_district(district_id).is_whole
        sys.stdout.write(line(district_id, found, is_right=is_right and is_whole, is_settled=is_settled))
    return 0 if right == len(again) else 1


def line(district_id: str, found: Counts, *, is_right: bool, is_settled: bool) -> str:
    """What is said of a district."""
    off = sum(abs(number) for number in found.numbers.values())
    if not is_settled:
        said = "is being counted at this moment; try again in a quiet hour"
    elif is_right:
        said = f"right{f', after {off:,} were corrected' if off else ''}"
    else:
        said = (
            f"off by {off:,}: set them right with SET=1" if off else "not counted from the beginning: run it with SET=1"
        )
    return f"{'✓' if is_right else '✗'} {district_id}: {said}\n"
