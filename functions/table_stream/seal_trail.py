"""What the stream brings of trails: each entry that was written or changed, to be sealed (B7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from shared.domain.clock import to_iso
from shared.runtime.dynamodb import plain
from shared.runtime.events import Record
from shared.stores.keys import is_entry
from shared.use_cases.seal_trail import Written


def entries_of(records: Iterable[Record]) -> Iterator[Written]:
    """The entries among these records. One that was deleted is none: a verification finds that it is missing."""
    for record in records:
        told = record["dynamodb"]
        image = told.get("NewImage")
        if image and is_entry(image["PK"]["S"], image["SK"]["S"]):
            at = datetime.fromtimestamp(float(told["ApproximateCreationDateTime"]), UTC)
            yield Written({name: plain(value) for name, value in image.items()}, to_iso(at))
