"""Whether the trail is sealed, and its newest seals are there: the cheap part of ``make verify-audit``."""

from __future__ import annotations

from itertools import islice

from operations.doctor.facts import Facts
from operations.doctor.finding import Finding, in_order, wrong
from shared.domain.clock import to_iso
from shared.domain.trail_check import LATE_HOURS
from shared.domain.trail_seal import hour_of, hours_before
from shared.stores.keys import PLATFORM
from shared.stores.seals import SealFiles, SheetStore

_MOST = 100
"""Districts whose newest seal is looked at; ``make verify-audit`` looks at all."""
_NEXT_STEP = "Run `make verify-audit`; docs/runbooks/audit.md says what to do."


def audit(facts: Facts) -> Finding:
    """Nothing waits for its seal for long, and each newest seal is the one that the table knows."""
    sheets = SheetStore(facts.table)
    late = sheets.due(hours_before(hour_of(to_iso(facts.clock())), LATE_HOURS))
    if late:
        districts = len({each.district_id for each in late})
        return wrong(f"Entries of {districts} districts wait for their seal since {late[0].hour}:00 UTC", _NEXT_STEP)
    seals = SealFiles(facts.stack.s3(), facts.stack.outputs["SnapshotBucketName"])
    looked_at = 0
    for district_id in (PLATFORM, *(district.district_id for district in islice(facts.districts, _MOST))):
        if head := sheets.head(district_id):
            looked_at += 1
            seal = seals.get(district_id, head.number)
            if seal is None or not seal.is_whole or seal.head != head:
                return wrong(
                    f"The newest seal of {district_id}, {head.number}, is not the one that the table knows", _NEXT_STEP
                )
    return in_order(f"{looked_at} newest seals fit")
