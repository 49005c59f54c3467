"""Starts the fetches that are due, each at its district's own time of day."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from shared.domain.clock import Clock, to_iso
from shared.domain.errors import InvalidSettings
from shared.domain.report import Upload, import_id_of
from shared.domain.roster_source import Source, parse_source
from shared.stores.districts import DistrictStore
from shared.stores.fetches import FetchStarter, FetchStore


def next_fetch(source: Source, districts: DistrictStore, district_id: str, clock: Clock) -> datetime:
    """When a source is due next. Of a district that is not loaded yet no time zone is known: UTC."""
    district = districts.find(district_id)
    return source.next_fetch(clock(), district.zone if district else ZoneInfo("UTC"))


class StartDue:
    """Looks which sources are due. May be run again: a night's fetch starts once."""

    def __init__(
        self,
        fetches: FetchStore,
        starter: FetchStarter,
        districts: DistrictStore,
        *,
        clock: Clock,
        secrets: str,
        local: bool,
    ) -> None:
        self._fetches = fetches
        self._starter = starter
        self._districts = districts
        self._clock = clock
        self._secrets = secrets
        self._local = local

    def run(self) -> int:
        """Return how many were started."""
        started = 0
        for district_id, due_at in list(self._fetches.due(self._clock())):
            try:
                written = self._fetches.state(district_id).body.encode()
                source = parse_source(district_id, written, secrets=self._secrets, local=self._local)
            except InvalidSettings:
                # It could be used when it was noted, and cannot by now: the fetch says why.
                self._fetches.forget_source(district_id)
                continue
            upload = Upload(f"sources/{district_id}/source.json", "", due_at)
            run_id = import_id_of(upload)
            self._starter.start(run_id, district_id, upload, now=False, started_at=to_iso(self._clock()))
            self._fetches.put_due(district_id, due_at, next_fetch(source, self._districts, district_id, self._clock))
            started += 1
        return started
