"""Let mail go out again after too many bounces or complaints stopped it (docs/runbooks/mail-stopped.md)."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from operations.arguments import filled
from operations.stack import Stack
from shared.domain.clock import utc_now
from shared.stores.send_state import SendStateStore


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--district", default="", metavar="ID", help="the district whose mail has stopped; none: that of all"
    )
    parser.add_argument("--by", required=True, type=filled, metavar="NAME", help="who decides")
    parser.add_argument("--reason", required=True, type=filled, help="what was wrong, and what was done about it")


def question(_: Namespace) -> str:
    return "let mail go out again"


def run(stack: Stack, arguments: Namespace) -> int:
    """Raises RefusedTransition ``not_stopped``."""
    state = SendStateStore(stack.table())
    stopped = state.resume(arguments.by, arguments.reason, utc_now(), arguments.district)
    sys.stdout.write(f"Mail goes out again. It had been stopped at {stopped.opened_at}: {stopped.reason}.\n")
    sys.stdout.write("What was parked goes out within the next hour and a quarter.\n")
    return 0
