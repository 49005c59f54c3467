"""Takes in what operators write about sources: ``sources/…/source.json``, and ``fetches/…`` that asks for a fetch now."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from functions.roster_fetch.start_due import next_fetch
from shared.domain.clock import Clock, to_iso
from shared.domain.errors import InvalidSettings, UploadRejected
from shared.domain.report import Upload, import_id_of, rejected_report
from shared.domain.roster_source import parse_source
from shared.runtime.languages import language_for
from shared.runtime.report_words import in_language
from shared.stores.districts import DistrictStore
from shared.stores.fetches import FetchStarter, FetchStore
from shared.stores.reports import ReportStore

_DISTRICT = r"(?P<district>[a-z0-9-]{1,64})"
_SOURCE = re.compile(rf"sources/{_DISTRICT}/source\.json")
_FETCH = re.compile(rf"fetches/{_DISTRICT}/[^/\x00-\x1f\x7f]{{1,200}}\.json")
_UNDER_DISTRICT = re.compile(rf"(?:sources|fetches)/{_DISTRICT}/.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Taken:
    """What arrived: ``source``, ``fetch``, ``rejected``, ``gone`` or ``unknown``, and whose."""

    kind: str
    district_id: str | None = None
    run_id: str | None = None


class ReceiveSource:
    """Takes in settings and requests. Receiving one twice does no more than receiving it once."""

    def __init__(
        self,
        fetches: FetchStore,
        starter: FetchStarter,
        districts: DistrictStore,
        reports: ReportStore,
        *,
        read: Callable[[str], bytes | None],
        alarm: Callable[[], None],
        clock: Clock,
        secrets: str,
        local: bool,
    ) -> None:
        """``secrets`` and ``local`` as of ``parse_source``; ``alarm`` tells operators of a key that names no district."""
        self._fetches = fetches
        self._starter = starter
        self._districts = districts
        self._reports = reports
        self._read = read
        self._alarm = alarm
        self._clock = clock
        self._secrets = secrets
        self._local = local

    def receive(self, upload: Upload) -> Taken:
        """Do what the key asks for; a key that the contract does not name gets a rejected report."""
        if found := _SOURCE.fullmatch(upload.key):
            return self._source(found["district"], upload)
        if found := _FETCH.fullmatch(upload.key):
            run_id, now = import_id_of(upload), to_iso(self._clock())
            self._starter.start(run_id, found["district"], upload, now=True, started_at=now)
            return Taken("fetch", found["district"], run_id)
        found = _UNDER_DISTRICT.fullmatch(upload.key)
        if not found:
            self._alarm()
            return Taken("unknown")
        wrong = UploadRejected(
            "unknown_key",
            "Nothing is expected under this key. Write the source as sources/{district_id}/source.json, and ask for a fetch by "
            "fetches/{district_id}/{name}.json.",
        )
        return self._reject(found["district"], upload, wrong)

    def _source(self, district_id: str, upload: Upload) -> Taken:
        body = self._read(upload.key)
        if body is None:
            return Taken("gone", district_id)
        try:
            source = parse_source(district_id, body, secrets=self._secrets, local=self._local)
        except InvalidSettings as error:
            wrong = UploadRejected(error.code, error.message, file="source.json")
            return self._reject(district_id, upload, wrong)
        due = next_fetch(source, self._districts, district_id, self._clock)
        self._fetches.put_source(district_id, body.decode("utf-8-sig"), due)
        return Taken("source", district_id)

    def _reject(self, district_id: str, upload: Upload, error: UploadRejected) -> Taken:
        import_id = import_id_of(upload)
        at = to_iso(self._clock())
        report = rejected_report(
            error, import_id=import_id, district_id=district_id, upload=upload, at=at, preview=False
        )
        district = self._districts.find(district_id)
        self._reports.write_settings(in_language(report, language_for(district.locale if district else None)))
        return Taken("rejected", district_id, import_id)
