"""Decide about a held import: write the decision into the roster bucket, where the service reads it."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace

from operations.arguments import filled
from operations.stack import Stack

ACTIONS = ("approve", "reject", "roll_back", "commit")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--district", required=True, type=filled, metavar="DISTRICT_ID", help="the district's id")
    parser.add_argument(
        "--import", required=True, type=filled, dest="import_id", metavar="IMPORT_ID", help="as its report names it"
    )
    parser.add_argument(
        "--action",
        required=True,
        choices=ACTIONS,
        help="roll_back undoes an import that is finished, commit applies a preview",
    )
    parser.add_argument("--by", required=True, type=filled, metavar="NAME", help="who decides")
    parser.add_argument("--reason", required=True, type=filled, metavar="WHY", help="why; it is kept")


def question(arguments: Namespace) -> str:
    return f"{arguments.action} import {arguments.import_id} of {arguments.district}"


def run(stack: Stack, arguments: Namespace) -> int:
    decision = {"action": arguments.action, "by": arguments.by, "reason": arguments.reason}
    stack.s3().put_object(
        Bucket=stack.outputs["RosterBucketName"],
        Key=f"decisions/{arguments.district}/{arguments.import_id}.json",
        Body=json.dumps(decision).encode(),
    )
    sys.stdout.write(f"{arguments.action}: written. The import's report will say what came of it.\n")
    return 0
