"""Lets mail go out again after the breaker stopped it, because a person says that the cause is gone."""

from __future__ import annotations

import sys
from datetime import datetime

from operations.stack import deployed
from shared.domain.clock import utc_now
from shared.domain.errors import RefusedTransition
from shared.domain.sender_reputation import Breaker
from shared.stores.send_state import SendStateStore

USAGE = 'make resume-mail BY="your name" REASON="what was wrong, and what was done about it"'


def resume(state: SendStateStore, by: str, reason: str, *, now: datetime) -> Breaker:
    """Answers what sending had been stopped for. Raises RefusedTransition ``not_stopped``."""
    return state.resume(by, reason, now)


def main(arguments: list[str]) -> int:
    by, reason = (one.strip() for one in (*arguments, "", "")[:2])
    if not by or not reason:
        sys.stderr.write(f"Say who decides, and why:\n  {USAGE}\n")
        return 1
    try:
        stopped = resume(SendStateStore(deployed().table()), by, reason, now=utc_now())
    except RefusedTransition as refused:
        sys.stderr.write(f"{refused.message}\n")
        return 1
    sys.stdout.write(f"Mail goes out again. It had been stopped at {stopped.opened_at}: {stopped.reason}.\n")
    sys.stdout.write("What was parked goes out within the next hour and a quarter.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
