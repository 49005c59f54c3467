"""Recognises what arrived by its key, and starts what it asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from shared.domain.clock import Clock, to_iso
from shared.domain.errors import AccountLinkingError, InvalidSettings, UploadRejected
from shared.domain.report import Report, Upload, import_id_of, rejected_report
from shared.runtime.languages import language_for
from shared.runtime.report_words import in_language
from shared.stores.districts import DistrictStore
from shared.stores.id_maps import IdMapStore
from shared.stores.imports import ImportStarter
from shared.stores.reports import ReportStore
from shared.stores.waiting import WaitingStore
from shared.use_cases.decide_import import DecideImport, Decision

_DISTRICT = r"(?P<district>[a-z0-9-]{1,64})"
_NAME = r"(?P<name>[^/\x00-\x1f\x7f]{1,200})"
_SETTINGS = re.compile(rf"districts/{_DISTRICT}/district\.json")
_DECISION = re.compile(rf"decisions/{_DISTRICT}/(?P<import_id>[0-9A-Za-z-]{{1,80}})\.json")
_ZIP = re.compile(rf"(?P<kind>rosters|previews)/{_DISTRICT}/{_NAME}\.(?i:zip)")
_ID_MAP = re.compile(rf"id-maps/{_DISTRICT}/{_NAME}\.(?i:csv)")
_COMPLETE = re.compile(rf"(?P<kind>rosters|previews)/{_DISTRICT}/{_NAME}/_complete")
_PART = re.compile(rf"(?:rosters|previews)/{_DISTRICT}/{_NAME}/[^/\x00-\x1f\x7f]{{1,200}}")
_UNDER_DISTRICT = re.compile(rf"(?P<kind>districts|rosters|previews|decisions|id-maps)/{_DISTRICT}/.*", re.DOTALL)


_MAP_COLUMNS = ("kind", "oldSourcedId", "newSourcedId")
_LONGEST_HEADER = 1_000
_LONGEST_DECISION = 16_000
"""Bytes of a decision file."""


@dataclass(frozen=True, slots=True)
class Received:
    """What an upload is: ``settings``, ``roster``, ``preview``, ``part``, ``decision``, ``id_map`` or ``unknown``, and whose.

    One that was taken away before its event came is ``gone``: there is nothing to do for it.
    """

    kind: str
    district_id: str | None = None
    import_id: str | None = None


class _Gone(Exception):
    """The object is not there any more."""


class ReceiveUpload:
    """Takes in what was put into the roster bucket. Receiving it twice does no more than receiving it once."""

    def __init__(
        self,
        districts: DistrictStore,
        reports: ReportStore,
        imports: ImportStarter,
        waiting: WaitingStore,
        id_maps: IdMapStore,
        *,
        read: Callable[[str], bytes | None],
        alarm: Callable[[], None],
        clock: Clock,
        on_dispute: Callable[[], None] = lambda: None,
    ) -> None:
        """``read`` returns None for an object that is not there.

        ``on_dispute`` tells the operators that two districts claim one domain or tenant (M21).
        """
        self._districts = districts
        self._reports = reports
        self._imports = imports
        self._decisions = DecideImport(imports, reports, districts, clock=clock)
        self._id_maps = id_maps
        self._waiting = waiting
        self._read = read
        self._alarm = alarm
        self._on_dispute = on_dispute
        self._clock = clock

    def receive(self, upload: Upload) -> Received:
        """Start what the key asks for; a key that the contract does not name gets a rejected report."""
        try:
            return self._receive(upload)
        except _Gone:
            found = _UNDER_DISTRICT.fullmatch(upload.key)
            return Received("gone", found["district"] if found else None)

    def _receive(self, upload: Upload) -> Received:
        key = upload.key
        if found := _SETTINGS.fullmatch(key):
            return self._register(found["district"], upload)
        if found := _ZIP.fullmatch(key) or _COMPLETE.fullmatch(key):
            import_id, preview = import_id_of(upload), found["kind"] == "previews"
            started_at = to_iso(self._clock())
            self._imports.start(import_id, found["district"], upload, preview=preview, started_at=started_at)
            return Received("preview" if preview else "roster", found["district"], import_id)
        if found := _ID_MAP.fullmatch(key):
            return self._take_id_map(found["district"], found["name"], upload)
        if found := _DECISION.fullmatch(key):
            return self._decide(found["district"], found["import_id"], upload)
        if found := _PART.fullmatch(key):
            return Received("part", found["district"])
        return self._unknown(upload)

    def _body(self, upload: Upload) -> bytes:
        body = self._read(upload.key)
        if body is None:
            raise _Gone
        return body

    def _register(self, district_id: str, upload: Upload) -> Received:
        try:
            # Few uploads are such a file, whose form is slow to compile.
            from shared.domain.district_file import parse_district

            self._districts.put(parse_district(district_id, self._body(upload)))
            self._waiting.look_now(district_id, self._clock())
        except InvalidSettings as error:
            if error.code in ("domain_taken", "tenant_taken"):
                self._on_dispute()
            return self._reject(
                district_id, upload, UploadRejected(error.code, error.message, file="district.json"), kind="settings"
            )
        return Received("settings", district_id)

    def _take_id_map(self, district_id: str, name: str, upload: Upload) -> Received:
        """Let a map of old and new numbers wait for the next upload, with which its rows are looked at (B11)."""
        header = self._body(upload)[:_LONGEST_HEADER].decode("utf-8-sig", "replace").partition("\n")[0].lower()
        missing = next((column for column in _MAP_COLUMNS if column.lower() not in header), None)
        if missing:
            message = (
                f"The map has no column {missing}. Its columns are {', '.join(_MAP_COLUMNS)}. Add it and upload again."
            )
            error = UploadRejected("missing_column", message, file=upload.key, line=1, column=missing)
            return self._reject(district_id, upload, error, kind="id_map")
        self._id_maps.note(district_id, name, upload)
        return Received("id_map", district_id)

    def _decide(self, district_id: str, import_id: str, upload: Upload) -> Received:
        received = Received("decision", district_id, import_id)
        try:
            text = self._body(upload)
            if len(text) > _LONGEST_DECISION:
                raise ValueError("too long")
            decision = Decision.of(district_id, import_id, import_id_of(upload), json.loads(text))
            self._decisions.take(decision)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            wrong = UploadRejected(
                "invalid_decision",
                'A decision is a JSON object with "action" ("approve", "reject", "roll_back" or "commit"), "by" and "reason".',
                file=upload.key,
            )
            return self._reject(district_id, upload, wrong, kind="decision")
        except AccountLinkingError as error:
            return self._reject(
                district_id, upload, UploadRejected(error.code, error.message, file=upload.key), kind="decision"
            )
        return received

    def _unknown(self, upload: Upload) -> Received:
        found = _UNDER_DISTRICT.fullmatch(upload.key)
        if not found:
            self._alarm()
            return Received("unknown")
        wrong = UploadRejected(
            "unknown_key",
            "Nothing is expected under this key. Upload a roster as rosters/{district_id}/{name}.zip, or its CSV files under "
            "rosters/{district_id}/{name}/ and then an empty object _complete beside them.",
        )
        return self._reject(found["district"], upload, wrong, kind="unknown")

    def _reject(self, district_id: str, upload: Upload, error: UploadRejected, *, kind: str) -> Received:
        import_id = import_id_of(upload)
        report: Report = rejected_report(
            error,
            import_id=import_id,
            district_id=district_id,
            upload=upload,
            at=to_iso(self._clock()),
            preview=upload.key.startswith("previews/"),
        )
        report = in_language(report, self._language(district_id))
        if kind in ("settings", "decision", "id_map"):
            self._reports.write_settings(report)
        else:
            self._reports.write(report)
        return Received(kind, district_id, import_id)

    def _language(self, district_id: str) -> str:
        district = self._districts.find(district_id)
        return language_for(district.locale if district else None)
