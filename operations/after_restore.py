"""After a restore, before the service goes on (docs/runbooks/restore.md): nobody is mailed twice, and imports find what stood."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from operations.arguments import filled
from operations.stack import Stack
from shared.stores.import_files import ImportFiles
from shared.stores.restored_table import CarriedOver, RestoredTable

_NEEDED = ("people-0", "classes-0")
"""Files that every snapshot has."""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--replaced",
        required=True,
        type=filled,
        metavar="TABLE",
        help="the table that the restored one takes the place of, as it was when the service was stopped",
    )


def question(arguments: Namespace) -> str:
    return f"bring what was mailed since from {arguments.replaced} into the stack's table, and log everybody out"


def run(stack: Stack, arguments: Namespace) -> int:
    """Print what was done, and whom to look at. Return 1 where a snapshot cannot be had again."""
    replaced = stack.session.resource("dynamodb", endpoint_url=stack.endpoint_url).Table(arguments.replaced)
    if replaced.name == stack.outputs["TableName"]:
        sys.stderr.write("This is the table that the stack has now. Name the one before it. Nothing was done.\n")
        return 1
    result = RestoredTable(replaced, stack.table()).carry_over()
    files = ImportFiles(stack.s3(), stack.outputs["SnapshotBucketName"])
    result.done["files of snapshots that came back"] = sum(files.bring_back(*each) for each in result.snapshots)
    lost = [each for each in result.snapshots if not files.has_snapshot(*each, _NEEDED)]
    for what, number in sorted((+result.done).items()):
        sys.stdout.write(f"{number:>9,}  {what}\n")
    _tell(result, lost)
    return 1 if lost else 0


def _tell(result: CarriedOver, lost: list[tuple[str, str]]) -> None:
    told = {
        "Links that were made since, and are gone: the people are asked again.": result.links_made,
        "Links that were undone since, and stand again: undo them in the console.": result.links_ended,
        "Accounts that were deleted since, and are there again: make delete-person.": result.accounts_deleted,
        "Snapshots that are gone: the district's next roster waits, or cannot be rolled back.": [
            f"{district_id} {snapshot_id}" for district_id, snapshot_id in lost
        ],
    }
    for what, whom in told.items():
        if whom:
            sys.stdout.write("\n".join((what, *(f"  {each}" for each in whom))) + "\n")
