"""The match: which account is a roster user's, found by rule (M6, M7). No other code decides it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """The result for one roster user; the counts of a report have these names."""

    MATCHED = "matched"
    AMBIGUOUS = "ambiguous"
    UNMATCHED = "unmatched"


@dataclass(frozen=True, slots=True)
class Holder:
    """An account that holds an address or a Clever id. ``proven`` is False for an email that was never verified."""

    account_id: str
    proven: bool


@dataclass(frozen=True, slots=True)
class Match:
    """What the rule found. ``account_id`` is set when matched; ``candidates`` are offered to the person to prove."""

    outcome: Outcome
    account_id: str | None = None
    candidates: tuple[str, ...] = ()
    address_is_shared: bool = False
    """Whether somebody else of the district has the same official address; then it is not mailed."""


def match(holders: Iterable[Holder], *, address_is_shared: bool = False) -> Match:
    """Apply M6 and M7 to all accounts that hold a roster user's official address or Clever ids.

    One proven holder is the match. Several proven holders, only unproven ones, or an official address that two roster
    users share are never linked by rule. An unproven holder beside a proven one changes nothing: otherwise anybody could
    keep a teacher from being matched by signing up with the teacher's address.
    """
    holders = list(holders)
    proven = sorted({holder.account_id for holder in holders if holder.proven})
    everyone = tuple(sorted({holder.account_id for holder in holders}))
    if address_is_shared:
        return Match(Outcome.AMBIGUOUS, candidates=everyone)
    if len(proven) == 1:
        return Match(Outcome.MATCHED, account_id=proven[0])
    if everyone:
        return Match(Outcome.AMBIGUOUS, candidates=everyone)
    return Match(Outcome.UNMATCHED)
