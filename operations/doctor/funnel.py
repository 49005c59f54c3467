"""Whether the numbers of the funnel can be right; `make recount` knows whether they are."""

from __future__ import annotations

from collections.abc import Iterator

from operations.doctor.facts import Facts
from operations.doctor.finding import Finding, in_order, wrong
from shared.domain.roster import Role
from shared.stores.counts import CountStore
from shared.stores.import_state import ImportStateStore

_SHOWN = 5


def counts(facts: Facts) -> Finding:
    """Every district with people is counted from the beginning, no number is below zero, and they are not more than stand."""
    found = [fault for district in facts.districts for fault in _of_district(facts, district.district_id)]
    if found:
        more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        return wrong("; ".join(found[:_SHOWN]) + more, "`make recount SET=1` in a quiet hour (docs/runbooks/late.md).")
    return in_order(f"the funnels of {len(facts.districts)} districts add up")


def _of_district(facts: Facts, district_id: str) -> Iterator[str]:
    standing = ImportStateStore(facts.table).snapshot(district_id)
    if standing is None:
        return
    counted = CountStore(facts.table).of_district(district_id)
    numbers = [number for role in (Role.TEACHER, Role.STUDENT) for number in counted.counts.places(role).values()]
    if not counted.is_whole:
        yield f"{district_id}: not counted from the beginning"
    elif min(numbers) < 0:
        yield f"{district_id}: a number below zero"
    elif sum(numbers) > standing.standing.get("users", 0):
        yield f"{district_id}: {sum(numbers):,} people are counted, and {standing.standing.get('users', 0):,} stand"
