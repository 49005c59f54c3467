"""Recognises what arrived by its key, and starts what it asks for."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from shared.domain.clock import Clock, from_iso, to_iso
from shared.domain.district import parse_district
from shared.domain.errors import AccountLinkingError, InvalidSettings, RefusedTransition, UploadRejected
from shared.domain.report import Report, Status, Upload, rejected_report
from shared.stores.districts import DistrictStore
from shared.stores.imports import ImportStarter
from shared.stores.reports import ReportStore

_DISTRICT = r"(?P<district>[a-z0-9-]{1,64})"
_NAME = r"(?P<name>[^/\x00-\x1f\x7f]{1,200})"
_SETTINGS = re.compile(rf"districts/{_DISTRICT}/district\.json")
_DECISION = re.compile(rf"decisions/{_DISTRICT}/(?P<import_id>[0-9A-Za-z-]{{1,80}})\.json")
_ZIP = re.compile(rf"(?P<kind>rosters|previews)/{_DISTRICT}/{_NAME}\.(?i:zip)")
_COMPLETE = re.compile(rf"(?P<kind>rosters|previews)/{_DISTRICT}/{_NAME}/_complete")
_PART = re.compile(rf"(?:rosters|previews)/{_DISTRICT}/{_NAME}/[^/\x00-\x1f\x7f]{{1,200}}")
_UNDER_DISTRICT = re.compile(rf"(?P<kind>districts|rosters|previews|decisions)/{_DISTRICT}/.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Taken:
    """What an upload was taken for."""

    kind: str
    district_id: str | None = None
    import_id: str | None = None


class Arrivals:
    """One arrival in the roster bucket. Taking it twice does no more than taking it once."""

    def __init__(
        self,
        districts: DistrictStore,
        reports: ReportStore,
        imports: ImportStarter,
        *,
        read: Callable[[str], bytes],
        alarm: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._districts = districts
        self._reports = reports
        self._imports = imports
        self._read = read
        self._alarm = alarm
        self._clock = clock

    def take(self, upload: Upload) -> Taken:
        """Start what the key asks for; what it does not ask in the contract's words is answered with a rejected report."""
        key = upload.key
        if found := _SETTINGS.fullmatch(key):
            return self._register(found["district"], upload)
        if found := _ZIP.fullmatch(key) or _COMPLETE.fullmatch(key):
            one = import_id_of(upload)
            self._imports.start(
                one, found["district"], upload, preview=found["kind"] == "previews", started_at=to_iso(self._clock())
            )
            return Taken("preview" if found["kind"] == "previews" else "roster", found["district"], one)
        if found := _DECISION.fullmatch(key):
            return self._decide(found["district"], found["import_id"], upload)
        if found := _PART.fullmatch(key):
            return Taken("part", found["district"])
        return self._unknown(upload)

    def _register(self, district_id: str, upload: Upload) -> Taken:
        try:
            self._districts.put(parse_district(district_id, self._read(upload.key)))
        except InvalidSettings as error:
            return self._reject(
                district_id, upload, UploadRejected(error.code, error.message, file="district.json"), kind="settings"
            )
        return Taken("settings", district_id)

    def _decide(self, district_id: str, import_id: str, upload: Upload) -> Taken:
        taken = Taken("decision", district_id, import_id)
        try:
            decision = json.loads(self._read(upload.key))
            action = decision["action"]
            if action not in ("approve", "reject", "roll_back"):
                raise ValueError(action)
            body = {"action": action, **{name: str(decision.get(name, ""))[:500] for name in ("by", "reason")}}
        except (ValueError, TypeError, KeyError, AttributeError):
            wrong = UploadRejected(
                "invalid_decision",
                'A decision is a JSON object with "action" ("approve", "reject" or "roll_back"), "by" and "reason".',
                file=upload.key,
            )
            return self._reject(district_id, upload, wrong, kind="decision")
        decision_id = import_id_of(upload)
        try:
            if self._imports.decided(district_id, import_id) != decision_id:
                self._take_up(district_id, import_id, decision_id, body)
            self._carry_out(district_id, import_id, action)
        except AccountLinkingError as error:
            return self._reject(
                district_id, upload, UploadRejected(error.code, error.message, file=upload.key), kind="decision"
            )
        return taken

    def _take_up(self, district_id: str, import_id: str, decision_id: str, body: dict[str, str]) -> None:
        """Raises RefusedTransition when there is nothing to decide in this way, or another decision was taken up."""
        try:
            self._check(district_id, import_id, body["action"])
        except RefusedTransition:
            # S3 tells of one decision several times, also at once: the other telling may just have carried it out.
            if self._imports.decided(district_id, import_id) != decision_id:
                raise
            return
        self._imports.note_decision(district_id, import_id, decision_id, body)

    def _check(self, district_id: str, import_id: str, action: str) -> None:
        """Raises RefusedTransition when there is nothing to decide in this way."""
        if action == "roll_back":
            self._imports.check_applied(district_id, import_id)
        else:
            self._imports.check_held(district_id, import_id)

    def _carry_out(self, district_id: str, import_id: str, action: str) -> None:
        """May be run again, also long after it was done."""
        at = to_iso(self._clock())
        if action == "roll_back":
            upload = self._imports.upload(district_id, import_id)
            self._imports.start(import_id, district_id, upload, preview=False, roll_back=True, started_at=at)
        elif not self._imports.is_held(district_id, import_id):
            return
        elif action == "approve":
            upload = self._imports.upload(district_id, import_id)
            self._imports.start(import_id, district_id, upload, preview=False, approved=True, started_at=at)
        else:
            reason = {
                "code": "rejected_by_person",
                "message": "A person rejected this import; nothing was written.",
            }
            self._reports.amend(district_id, import_id, Status.REJECTED, reason)
            self._imports.note_status(district_id, import_id, Status.REJECTED)

    def _unknown(self, upload: Upload) -> Taken:
        found = _UNDER_DISTRICT.fullmatch(upload.key)
        if not found:
            self._alarm()
            return Taken("unknown")
        wrong = UploadRejected(
            "unknown_key",
            "Nothing is expected under this key. Upload a roster as rosters/{district_id}/{name}.zip, or its CSV files under "
            "rosters/{district_id}/{name}/ and then an empty object _complete beside them.",
        )
        return self._reject(found["district"], upload, wrong, kind="unknown")

    def _reject(self, district_id: str, upload: Upload, error: UploadRejected, *, kind: str) -> Taken:
        import_id = import_id_of(upload)
        report: Report = rejected_report(
            error,
            import_id=import_id,
            district_id=district_id,
            upload=upload,
            at=to_iso(self._clock()),
            preview=upload.key.startswith("previews/"),
        )
        self._reports.write(report)
        return Taken(kind, district_id, import_id)


def import_id_of(upload: Upload) -> str:
    """An import's id: sorts by time, and is the same however often S3 tells of the upload."""
    moment = re.sub(r"[-:.]", "", to_iso(from_iso(upload.event_time)))
    digest = hashlib.sha256(f"{upload.key}\n{upload.sequencer or upload.etag}".encode()).hexdigest()
    return f"{moment}-{digest[:8]}"
