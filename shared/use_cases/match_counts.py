"""What comes of the people of whom an import looks for accounts, counted; apart, as every step reads such counts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from shared.domain.forecast_tally import Tally, added
from shared.domain.roster import RosterUser

WITHHELD_SHOWN = 100
DIGESTS = 1 << 62
"""How many digests there are."""


@dataclass(slots=True)
class MatchCounts:
    """How many were matched and invited, as a report counts them, and the first of those who are not mailed."""

    matched: int = 0
    ambiguous: int = 0
    unmatched_teachers: int = 0
    unmatched_students: int = 0
    queued: int = 0
    withheld: int = 0
    withheld_people: list[dict[str, str]] = field(default_factory=list)
    """``{"sourced_id", "code"}``: ids alone, and why."""
    digest: int = 0
    """Of what comes of each person, in a preview: a sum, in whatever order they are."""
    tally: Tally = field(default_factory=dict)
    """How many people there are of each kind, for a forecast (B14)."""

    def __add__(self, other: MatchCounts) -> MatchCounts:
        return MatchCounts(
            self.matched + other.matched,
            self.ambiguous + other.ambiguous,
            self.unmatched_teachers + other.unmatched_teachers,
            self.unmatched_students + other.unmatched_students,
            self.queued + other.queued,
            self.withheld + other.withheld,
            (self.withheld_people + other.withheld_people)[:WITHHELD_SHOWN],
            (self.digest + other.digest) % DIGESTS,
            added(self.tally, other.tally),
        )

    def without_matches(self) -> MatchCounts:
        """Only who is mailed: of people whom an import looked at for another's sake."""
        return replace(self, matched=0, ambiguous=0, unmatched_teachers=0, unmatched_students=0)

    def withhold(self, user: RosterUser, code: str) -> None:
        """Count a teacher who is not mailed, and say who it is as long as the list is short."""
        self.withheld += 1
        self.show(user, code)

    def show(self, user: RosterUser, code: str) -> None:
        """Say who does not get on, and why, as long as the list is short."""
        if len(self.withheld_people) < WITHHELD_SHOWN:
            kind = {"kind": user.kind} if user.kind else {}
            self.withheld_people.append({"sourced_id": user.sourced_id, **kind, "code": code})
