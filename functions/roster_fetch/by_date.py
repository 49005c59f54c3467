"""Decides which nights ask for what changed, and finds out what that left out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from functions.roster_fetch.fetch import Fetch
from shared.domain.changes import asked_since, drift_of
from shared.domain.clock import from_iso
from shared.domain.roster_source import Source
from shared.stores.fetches import FetchStore, SourceState
from shared.stores.reports import ReportStore

_WHOLE_EVERY = timedelta(days=6, hours=12)
"""Everything is fetched on every seventh night."""
_BEHIND = timedelta(hours=3)
"""So long after a night's changes a whole fetch is one that checks them."""
_APPLIED = ("completed", "unchanged")


@dataclass(frozen=True, slots=True)
class Plan:
    """How a fetch asks: from ``since`` on, or for everything; ``checks_since`` is then when changes were asked for just before."""

    since: str = ""
    checks_since: str = ""


class ByDate:
    """Nights of sources that ask for what changed."""

    def __init__(self, fetches: FetchStore, reports: ReportStore) -> None:
        self._fetches = fetches
        self._reports = reports

    def plan(self, fetch: Fetch, source: Source, before: SourceState, now: datetime) -> Plan:
        """What this fetch asks for. Changes follow a roster that was applied, and is the newest; else everything is fetched."""
        if source.nightly != "changes" or not before.since:
            return Plan()
        report = self._reports.latest(fetch.district_id) or {}
        is_ours = str(report.get("upload", {}).get("key", "")).startswith(
            f"rosters/{fetch.district_id}/{before.folder}/"
        )
        drift = before.drift
        if before.checks and is_ours and before.checks == before.folder:
            drift = drift_of(report, before.late)
            self._fetches.note(
                fetch.district_id,
                checks=None,
                late=None,
                drift=drift or None,
                changes="drift" if drift else before.changes,
            )
        if fetch.now or drift or not is_ours or report.get("status") not in _APPLIED:
            return Plan()
        if self.is_whole_due(before, now) and before.changes_at and now - from_iso(before.changes_at) < _BEHIND:
            return Plan(checks_since=before.since)
        return Plan(asked_since(before.since))

    @staticmethod
    def is_whole_due(before: SourceState, now: datetime) -> bool:
        """Whether everything has to be fetched again."""
        return not before.whole_at or now - from_iso(before.whole_at) >= _WHOLE_EVERY
