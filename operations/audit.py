"""Print what happened to a person's links: when, by whom, by which proof (docs/personal-data.md)."""

from __future__ import annotations

import csv
import io
import sys
from argparse import Namespace
from collections.abc import Iterable

from operations.arguments import roster_user_of
from operations.stack import Stack
from shared.runtime.csv_safety import safe_cell
from shared.stores.audit import AuditEntry, AuditStore

COLUMNS = (
    "at",
    "fact",
    "actor",
    "district_id",
    "sourced_id",
    "kind",
    "account_id",
    "proof",
    "is_new_account",
    "joined_account_id",
    "found_by",
    "vouched_in",
    "vouched_by",
)


def run(stack: Stack, arguments: Namespace) -> int:
    entries = AuditStore(stack.table()).of_user(roster_user_of(arguments))
    sys.stdout.write(trail(entries))
    return 0


def trail(entries: Iterable[AuditEntry]) -> str:
    """The entries as CSV that no spreadsheet runs: ids come from districts and platforms."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(COLUMNS)
    for entry in entries:
        cells = (
            entry.at,
            entry.fact,
            entry.actor,
            entry.user.district_id,
            entry.user.sourced_id,
            entry.user.kind,
            entry.account_id,
            entry.proof or "",
            "yes" if entry.is_new_account else "no",
            entry.joined_account_id or "",
            entry.found_by or "",
            entry.vouched_in or "",
            entry.vouched_by or "",
        )
        writer.writerow([safe_cell(str(cell)) for cell in cells])
    return written.getvalue()
