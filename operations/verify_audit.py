"""Compare the trail with its seals, and say which entry was removed, changed, added or moved (docs/runbooks/audit.md)."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from operations.arguments import filled
from operations.stack import Stack
from shared.domain.clock import to_iso, utc_now
from shared.domain.trail_check import Verdict, verify
from shared.stores.keys import PLATFORM
from shared.stores.seals import SealFiles
from shared.stores.trail_evidence import TrailEvidence

_COUNTS = ("sealed", "not yet sealed", "not sealed", "expired", "followed", "erased")
_WORDS = {
    "not sealed": "not sealed (older than the seals)",
    "followed": "with their person under another number",
    "erased": "erased with their person",
}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--district", type=filled, metavar="DISTRICT_ID", help="one district; none: all, and the platform"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, and nothing else")


def run(stack: Stack, arguments: Namespace) -> int:
    """Return 1 where something is not as it was sealed. The whole table is read."""
    seals = SealFiles(stack.s3(), stack.outputs["SnapshotBucketName"])
    trails = TrailEvidence(stack.table(), seals).read([arguments.district] if arguments.district else ())
    now = utc_now()
    verdicts = [verify(trail, now) for trail in trails.values()]
    if arguments.json:
        sys.stdout.write(json.dumps(as_json(str(stack), to_iso(now), verdicts), indent=1) + "\n")
    else:
        sys.stdout.write("".join(map(told, verdicts)) or "There is no trail yet.\n")
    return 0 if all(each.holds for each in verdicts) else 1


def told(verdict: Verdict) -> str:
    """A district's verdict in words, a line for each thing that is wrong."""
    name = "the platform" if verdict.district_id == PLATFORM else verdict.district_id
    counts = [f"{verdict.counts[each]:,} {_WORDS.get(each, each)}" for each in _COUNTS if verdict.counts[each]]
    lines = [f"{'✓' if verdict.holds else '✗'} {name}: {', '.join(counts) or 'no entries'}"]
    lines += [f"    {each}" for each in verdict.findings]
    if not verdict.holds:
        lines.append("    What to do: docs/runbooks/audit.md")
    return "\n".join(lines) + "\n"


def as_json(stack: str, at: str, verdicts: list[Verdict]) -> dict[str, Any]:
    districts = {
        each.district_id: {
            "holds": each.holds,
            "counts": {name.replace(" ", "_"): each.counts[name] for name in _COUNTS},
            "findings": [
                {"kind": found.kind.value, "hour": found.hour, "what": found.what, "where_to": found.where_to}
                for found in each.findings
            ],
        }
        for each in verdicts
    }
    return {"stack": stack, "at": at, "holds": all(each.holds for each in verdicts), "districts": districts}
