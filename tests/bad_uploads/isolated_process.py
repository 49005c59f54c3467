"""Uploads archives in a process of its own each, and tells how much memory the upload took.

``python -m tests.bad_uploads.isolated_process ARCHIVE …`` prints one JSON object for each archive.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from tests.bad_uploads.stored_state import stored_state
from tests.bad_uploads.valid_rosters import ONE_ROSTER_1_1
from tests.harness import World

_NO_MORE_THAN = 6 << 30
"""Of address space: an upload that takes everything is stopped before the machine is."""


def upload(path: Path) -> dict[str, Any]:
    """Let a good roster stand, upload this archive, and tell what came of it."""
    resource.setrlimit(resource.RLIMIT_AS, (_NO_MORE_THAN, _NO_MORE_THAN))
    world = World()
    world.register()
    world.upload(ONE_ROSTER_1_1.files, name="good")
    before, began = stored_state(world), time.perf_counter()
    try:
        report = world.report(world.put("rosters/lakeside/roster.zip", path.read_bytes()))
    except Exception:  # noqa: BLE001  a stack trace is an answer too, and a wrong one
        return {"raised": traceback.format_exc(limit=-3), "peak": _peak()}
    took, is_as_before = time.perf_counter() - began, stored_state(world) == before
    again = world.upload(ONE_ROSTER_1_1.files, name="good-again")["status"]
    return {"report": report, "is_as_before": is_as_before, "again": again, "peak": _peak(), "seconds": took}


def _peak() -> int:
    """Bytes of memory that this process had at most (Linux counts them in kilobytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def tell(answer: dict[str, Any]) -> None:
    """A line for whoever started this; at once, since a child ends without more ado."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main(paths: list[str]) -> None:
    for path in paths:
        sys.stdout.flush()
        if child := os.fork():
            _, status = os.waitpid(child, 0)
            if status:
                tell({"raised": f"the process ended with {status}", "peak": 0})
            continue
        tell(upload(Path(path)))
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
