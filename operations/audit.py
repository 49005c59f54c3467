"""Prints what happened to a person's links: when, by whom, by which proof (docs/personal-data.md)."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable

from operations.stack import deployed
from shared.domain.roster import RosterUserKey
from shared.runtime.csv_safety import harmless
from shared.stores.audit import AuditStore, Entry

USAGE = "make audit DISTRICT=riverbend PERSON={sourcedId}"
COLUMNS = (
    "at",
    "fact",
    "actor",
    "district_id",
    "sourced_id",
    "account_id",
    "proof",
    "is_new_account",
    "joined_account_id",
)


def trail(entries: Iterable[Entry]) -> str:
    """The entries as CSV that no spreadsheet runs: ids come from districts and platforms."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(COLUMNS)
    for one in entries:
        cells = (
            one.at,
            one.fact,
            one.actor,
            one.user.district_id,
            one.user.sourced_id,
            one.account_id,
            one.proof or "",
            "yes" if one.is_new_account else "no",
            one.joined_account_id or "",
        )
        writer.writerow([harmless(str(cell)) for cell in cells])
    return written.getvalue()


def main(arguments: list[str]) -> int:
    district_id, sourced_id = (*arguments, "", "")[:2]
    if not district_id or not sourced_id:
        sys.stderr.write(f"Say whom: {USAGE}\n")
        return 1
    sys.stdout.write(trail(AuditStore(deployed().table()).of_user(RosterUserKey(district_id, sourced_id))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
