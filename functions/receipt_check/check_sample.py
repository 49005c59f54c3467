"""A sample of all links each hour, one part of the table after the other, so that each link's turn comes (docs/receipts.md)."""

from __future__ import annotations

from shared.stores.receipts import ReceiptStore
from shared.stores.table import DynamoTable
from shared.use_cases.check_receipts import Checked, CheckReceipts

MOST_LINKS = 1_000
"""After so many no further part is begun."""
MOST_PARTS = 5
"""Megabytes of the table that are read."""


class CheckSample:
    """Goes on where the hour before ended; at the table's end it begins again the next time."""

    def __init__(self, table: DynamoTable) -> None:
        self._receipts = ReceiptStore(table)
        self._checks = CheckReceipts(table)

    def run(self) -> Checked:
        """Look at the next links. May be run again after it was cut: the part at work is looked at again."""
        checked, after = Checked(), self._receipts.seen()
        for _ in range(MOST_PARTS):
            part, after = self._checks.next_part(after)
            checked.add(part)
            self._receipts.note_seen(after)
            if after is None or checked.links >= MOST_LINKS:
                break
        return checked
