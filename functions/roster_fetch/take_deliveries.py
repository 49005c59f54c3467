"""Takes in what districts put by SFTP: files that come one by one become an upload once they are whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from shared.domain.clock import Clock, to_iso
from shared.domain.delivery import COMPLETE, DeliveredFile, Look, Set, bare, fingerprint, look
from shared.domain.errors import UploadRejected
from shared.domain.report import Report, Status, Upload, import_id_of
from shared.runtime.languages import language_for
from shared.runtime.report_words import in_language
from shared.stores.delivered_files import PREFIX, DeliveredFiles
from shared.stores.deliveries import DeliveryStore
from shared.stores.districts import DistrictStore
from shared.stores.reports import ReportStore

_DELIVERED = re.compile(rf"{PREFIX}/(?P<district>[a-z0-9-]{{1,64}})/(?P<path>.+)", re.DOTALL)


class TakeDeliveries:
    """Each part may be run again."""

    def __init__(
        self,
        store: DeliveryStore,
        files: DeliveredFiles,
        reports: ReportStore,
        districts: DistrictStore,
        *,
        alarm: Callable[[], None],
        clock: Clock,
    ) -> None:
        """``alarm`` tells operators of a key that names no district."""
        self._store = store
        self._files = files
        self._reports = reports
        self._districts = districts
        self._alarm = alarm
        self._clock = clock

    def note(self, key: str) -> str | None:
        """A file came. Return whose it is; one that says that all are there is taken at its word."""
        found = _DELIVERED.fullmatch(key)
        if not found:
            self._alarm()
            return None
        district_id = found["district"]
        self._store.note(district_id, to_iso(self._clock()))
        if found["path"].rpartition("/")[2] == COMPLETE:
            self._look(district_id)
        return district_id

    def note_broken(self, path: str, etag: str) -> str | None:
        """The connection ended in the middle of a file. ``path`` is as AWS Transfer tells it, the bucket first."""
        found = _DELIVERED.fullmatch(path.removeprefix("/").partition("/")[2])
        if not found:
            return None
        district_id = found["district"]
        lying = {file.path: bare(file.etag) for file in self._files.list(district_id)}
        broken = {path: of for path, of in self._store.known(district_id).broken.items() if lying.get(path) == of}
        self._store.put_broken(district_id, {**broken, found["path"]: bare(etag) or lying.get(found["path"], "")})
        return district_id

    def run(self) -> int:
        """Look into each folder where something came. Return how many uploads that made."""
        taken = 0
        for district_id, came_at in list(self._store.waiting()):
            found = self._look(district_id)
            taken += len(found.ready)
            if found.is_over:
                self._store.forget(district_id, came_at)
        return taken

    def _look(self, district_id: str) -> Look:
        files, known = self._files.list(district_id), self._store.known(district_id)
        found = look(files, known, self._clock(), self._files.reader(district_id))
        taken: Mapping[str, str] = known.taken
        for some in found.ready:
            if self._files.take(district_id, some):
                taken = _after(taken, some, files)
                self._store.put_taken(district_id, taken)
        mark = fingerprint(files)
        if found.problem and found.about and known.told != mark:
            self._tell(district_id, found.problem, found.about)
            self._store.put_told(district_id, mark)
        if known.seen != mark:
            self._store.put_seen(district_id, mark)
        return found

    def _tell(self, district_id: str, problem: UploadRejected, about: DeliveredFile) -> None:
        """Report a delivery that is not whole like an upload that failed."""
        at = to_iso(self._clock())
        upload = Upload(f"{PREFIX}/{district_id}/{about.path}", about.etag, to_iso(about.at))
        report = Report(
            import_id=import_id_of(upload),
            district_id=district_id,
            upload=upload,
            status=Status.FAILED,
            started_at=at,
            finished_at=at,
            reason={"code": problem.code, "message": problem.message},
        )
        district = self._districts.find(district_id)
        self._reports.write(in_language(report, language_for(district.locale if district else None)))


def _after(taken: Mapping[str, str], some: Set, lying: Iterable[DeliveredFile]) -> dict[str, str]:
    """What was taken, with this set: of a folder's tables the last set alone, of zips those that still lie there."""
    there = {file.path for file in lying}
    fresh = {file.path: file.version for file in some.files}
    if some.newest.is_zip:
        kept = {path: of for path, of in taken.items() if not path.lower().endswith(".zip") or path in there}
    else:
        folder = some.newest.folder
        kept = {
            path: of
            for path, of in taken.items()
            if path.rpartition("/")[0] != folder or (path.lower().endswith(".zip") and path in there)
        }
    return {**kept, **fresh}
