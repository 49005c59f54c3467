"""``make cost``: what a month costs and where the next limit is, for PEOPLE=n and for four sizes."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.cost.counting import Activity, Counted, counted
from benchmarks.cost.limits import Limit, limits
from benchmarks.cost.model import (
    ASSUMPTIONS,
    LOGINS,
    MONTHS,
    PRICES,
    Month,
    cognito,
    districts,
    month,
    most_password_users,
    user_pool_tier,
)
from benchmarks.cost.plots import plots

RESULT = Path(".local/cost.json")
IMAGES = Path("docs/images/cost")
SIZES = (1_000, 100_000, 1_000_000, 10_000_000)
TARGETS = (
    ("a launch month at a million people, passwords in the pool", "launch", "pool", 2_000.0),
    ("a launch month at a million people, logins at the hubs", "launch", "hubs", 400.0),
    ("a quiet month at a million people, passwords in the pool", "quiet", "pool", 200.0),
)
_MILLION = 1_000_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="make cost", description=__doc__)
    parser.add_argument("--people", type=int, default=_MILLION)
    parser.add_argument("--plots", action="store_true", help=f"also draw {IMAGES}")
    arguments = parser.parse_args()
    if arguments.people < 1:
        parser.error("PEOPLE is 1 or more")
    counts = counted()
    found = result(counts, arguments.people)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(found, indent=1) + "\n")
    sys.stdout.writelines(table(counts, arguments.people))
    if arguments.plots:
        IMAGES.mkdir(parents=True, exist_ok=True)
        for name, drawing in plots(counts, SIZES).items():
            (IMAGES / name).write_text(drawing)
    return 0


def result(counts: Counted, people: int) -> dict[str, Any]:
    """What ``.local/cost.json`` holds."""
    return {
        "people": people,
        "districts": districts(people),
        "prices": {name: PRICES[name] for name in ("region", "as_of", "source", "currency")},
        "months": [as_json(month(counts, people, kind, logins)) for kind in MONTHS for logins in LOGINS],
        "sizes": [
            {
                "people": size,
                "month": kind,
                "logins": logins,
                "total": round(month(counts, size, kind, logins).total, 2),
            }
            for size in SIZES
            for kind in MONTHS
            for logins in LOGINS
        ],
        "per": {activity.name: rounded(activity.used) for activity in activities(counts)},
        "limits": [limit_as_json(limit) for limit in limits(counts, people)],
        "targets": [target(counts, *wanted) for wanted in TARGETS],
        "in_the_way": in_the_way(counts),
        "assumptions": ASSUMPTIONS,
    }


def in_the_way(counts: Counted) -> dict[str, Any]:
    """The line that grows past the first target, and with how many passwords in the pool it does."""
    _, _, _, limit = TARGETS[0]
    everybody = cognito(_MILLION, user_pool_tier())
    besides = month(counts, _MILLION, "launch", "hubs").total
    return {
        "line": "Cognito",
        "tier": user_pool_tier(),
        "up_to_share": round(most_password_users(counts, _MILLION, limit), 3),
        "cognito_of_everybody": round(everybody, 2),
        "total_of_everybody": round(besides + everybody, 2),
    }


def as_json(of: Month) -> dict[str, Any]:
    return {
        "month": of.kind,
        "logins": of.logins,
        "total": round(of.total, 2),
        "dearest": of.dearest,
        "lines": {
            line: {"amount": round(of.amounts.get(line, of.password_users), 3), "dollars": round(dollars, 4)}
            for line, dollars in of.dollars.items()
        },
    }


def limit_as_json(limit: Limit) -> dict[str, Any]:
    return {
        "name": limit.name,
        "used": round(limit.used, 3),
        "most": limit.most,
        "unit": limit.unit,
        "share": round(limit.share, 4),
        "reached_at_people": None if math.isinf(limit.reached_at) else round(limit.reached_at),
        "note": limit.note,
    }


def target(counts: Counted, name: str, kind: str, logins: str, limit: float) -> dict[str, Any]:
    """Whether a month stays below its target; where it does not, ``dearest`` is the line that stands in the way."""
    found = month(counts, _MILLION, kind, logins)
    return {
        "name": name,
        "value": round(found.total, 2),
        "limit": limit,
        "holds": found.total < limit,
        "dearest": found.dearest,
        "dearest_dollars": round(found.dollars[found.dearest], 2),
    }


def activities(counts: Counted) -> Iterator[Activity]:
    found = vars(counts).values()
    yield from (each for each in found if isinstance(each, Activity))
    yield from counts.day


def rounded(used: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in sorted(used.items())}


def table(counts: Counted, people: int) -> Iterator[str]:
    """What is printed."""
    months = [month(counts, people, kind, logins) for kind in MONTHS for logins in LOGINS]
    yield f"{people:,} people in {districts(people):,} districts; {PRICES['region']}, prices as of {PRICES['as_of']}\n\n"
    yield f"{'$ a month':<24}" + "".join(f"{f'{m.kind}, {m.logins}':>16}" for m in months) + "\n"
    for line in sorted(months[0].dollars, key=lambda name: -months[0].dollars[name]):
        yield f"{line:<24}" + "".join(f"{m.dollars[line]:>16,.2f}" for m in months) + "\n"
    yield f"{'in all':<24}" + "".join(f"{m.total:>16,.2f}" for m in months) + "\n\n"
    yield f"{'each':<48}{'write units':>12}{'read units':>12}{'requests':>10}{'mails':>7}\n"
    for activity in activities(counts):
        used = activity.used
        calls = sum(value for name, value in used.items() if name.startswith("dynamodb "))
        yield (
            f"{activity.name:<48}{used.get('write units', 0):>12,.2f}{used.get('read units', 0):>12,.2f}"
            f"{calls:>10,.2f}{used.get('mails', 0):>7,.2f}\n"
        )
    yield f"\n{'limit':<46}{'used':>12}{'of':>12}{'share':>9}{'reached at':>16}\n"
    for limit in sorted(limits(counts, people), key=lambda each: -each.share):
        at = "" if math.isinf(limit.reached_at) else f"{limit.reached_at:,.0f}"
        yield f"{limit.name:<46}{limit.used:>12,.1f}{limit.most:>12,.0f}{limit.share:>9.1%}{at:>16}\n"
    yield "\n"
    for wanted in TARGETS:
        found = target(counts, *wanted)
        mark = "✓" if found["holds"] else "✗"
        yield (
            f"{mark} {found['name']}: ${found['value']:,.2f} of ${found['limit']:,.0f}; "
            f"dearest is {found['dearest']}, ${found['dearest_dollars']:,.2f}\n"
        )
    stands = in_the_way(counts)
    yield (
        f"  Up to {stands['up_to_share']:.0%} of a million people may give a password in the launch month; if all did, Cognito "
        f"({stands['tier']}) would take ${stands['cognito_of_everybody']:,.2f} of ${stands['total_of_everybody']:,.2f}.\n"
    )


if __name__ == "__main__":
    sys.exit(main())
