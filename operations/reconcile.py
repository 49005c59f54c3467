"""Recompute the receipts of links: whether all that was there before each of them is there still (docs/runbooks/receipts.md)."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from itertools import batched
from typing import Any

from operations.arguments import filled
from operations.stack import Stack
from shared.runtime.parallel import each
from shared.stores.receipts import ReceiptStore, Side
from shared.stores.table import DynamoTable
from shared.use_cases.check_receipts import Checked, CheckReceipts

DOLLARS_PER_MILLION_UNITS = 0.125
"""Of read request units, on demand, in us-east-1 (benchmarks/cost/prices.json)."""
_AT_ONCE = 16
_TOGETHER = 100
"""Links that are looked at with a few requests."""
_SHOWN = 100
_READS = {"Query", "Scan", "GetItem", "BatchGetItem"}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--district", type=filled, metavar="DISTRICT_ID", help="one district; none: all")


def run(stack: Stack, arguments: Namespace) -> int:
    """Return 1 where something is lost. The whole table is read, and every account that is linked; nothing is written."""
    table = stack.table()
    units = ReadUnits(table)
    checked = check_all(table, arguments.district)
    sys.stdout.write(told(checked))
    sys.stdout.write(f"read units: {units.used:,.0f}, {dollars(units.used)}\n")
    return 1 if checked.found else 0


def check_all(table: DynamoTable, district_id: str | None = None) -> Checked:
    """Look at all links of a table, or at those of a district."""
    checks, checked = CheckReceipts(table), Checked()
    sides = _sides(ReceiptStore(table), district_id)
    for some in each(checks.check, batched(sides, _TOGETHER, strict=False), at_once=_AT_ONCE):
        checked.add(some)
    return checked


def _sides(receipts: ReceiptStore, district_id: str | None) -> Iterator[Side]:
    after, is_more = None, True
    while is_more:
        sides, after = receipts.scanned(after)
        yield from (side for side in sides if district_id in (None, side.district_id))
        is_more = after is not None


def told(checked: Checked) -> str:
    """What came of it: figures, then what is lost, by ids alone."""
    lines = [
        f"{'✗' if checked.found else '✓'} {checked.links:,} links looked at, {checked.without:,} of them without a receipt: "
        f"{len(checked.found):,} differences"
    ]
    lines += [f"    {loss}: {count:,}" for loss, count in sorted(checked.kinds.items())]
    lines += [
        f"    {found.district_id} account {found.account_id}: {found.difference.loss} {found.difference.what}".rstrip()
        for found in checked.found[:_SHOWN]
    ]
    if len(checked.found) > _SHOWN:
        lines.append(f"    … and {len(checked.found) - _SHOWN:,} more")
    if checked.found:
        lines.append("    What to do: docs/runbooks/receipts.md")
    return "\n".join(lines) + "\n"


def dollars(units: float) -> str:
    return f"${units * DOLLARS_PER_MILLION_UNITS / 1_000_000:,.2f}"


class ReadUnits:
    """Counts the read units that a table's client uses from now on, as DynamoDB tells them."""

    def __init__(self, table: DynamoTable) -> None:
        self.used = 0.0
        events: Any = table.meta.client.meta.events
        events.register("provide-client-params.dynamodb", self._ask)
        events.register("after-call.dynamodb", self._note)

    @staticmethod
    def _ask(params: dict[str, Any], model: Any, **_more: Any) -> dict[str, Any]:
        return {**params, "ReturnConsumedCapacity": "TOTAL"} if model.name in _READS else params

    def _note(self, parsed: dict[str, Any], **_more: Any) -> None:
        told = parsed.get("ConsumedCapacity") or []
        for one in told if isinstance(told, list) else [told]:
            self.used += float(one.get("CapacityUnits", 0))
