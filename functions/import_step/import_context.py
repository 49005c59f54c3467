"""One import, and what all of its steps work with: services, working files, the words of its report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from functions.import_step.plan import Answer, Import, rejection
from functions.import_step.records import roster_user
from functions.import_step.shards import class_shards_of, shard_of
from shared.domain.clock import Clock, to_iso
from shared.domain.district import District, parse_district
from shared.domain.errors import InvalidSettings, UploadRejected
from shared.domain.report import Report, Status
from shared.domain.roster import RosterUser
from shared.stores.district_classes import DistrictClassStore
from shared.stores.districts import DistrictStore
from shared.stores.import_files import Extents, ImportFiles, snapshot_key, sourced_id_of, unpacked, work_key
from shared.stores.import_state import ImportStateStore
from shared.stores.progress import ProgressStore
from shared.stores.reports import ReportStore
from shared.stores.roster_users import RosterUserStore
from shared.stores.uploads import Uploads
from shared.use_cases.match_and_invite import Matcher


@dataclass(frozen=True, slots=True)
class Services:
    """What the steps work with."""

    uploads: Uploads
    files: ImportFiles
    users: RosterUserStore
    classes: DistrictClassStore
    districts: DistrictStore
    state: ImportStateStore
    progress: ProgressStore
    reports: ReportStore
    matcher: Matcher
    clock: Clock

    @classmethod
    def on(
        cls,
        table: Any,
        *,
        uploads: Uploads,
        files: ImportFiles,
        reports: ReportStore,
        matcher: Matcher,
        clock: Clock,
    ) -> Services:
        """The services whose stores lie in this table."""
        return cls(
            uploads,
            files,
            RosterUserStore(table),
            DistrictClassStore(table),
            DistrictStore(table),
            ImportStateStore(table),
            ProgressStore(table),
            reports,
            matcher,
            clock,
        )


class Workbench:
    """What the steps share; what one step leaves for the next lies in the import's working files."""

    def __init__(self, services: Services) -> None:
        self.s = services
        self.files = services.files
        self.ledger = services.state
        self.districts = services.districts
        self.progress = services.progress

    def district(self, one: Import) -> District:
        """The district's settings; one that is not loaded yet is read from the bucket first (docs/uploads.md)."""
        if district := self.districts.find(one.district_id):
            return district
        body = self.s.uploads.find(f"districts/{one.district_id}/district.json")
        if body is None:
            raise UploadRejected(
                "unknown_district",
                f"The district {one.district_id} is not registered. Put its settings at "
                f"districts/{one.district_id}/district.json, then upload the roster again.",
                file=one.upload.key,
            )
        try:
            district = parse_district(one.district_id, body)
        except InvalidSettings as error:
            raise UploadRejected(error.code, error.message, file="district.json") from None
        self.districts.put(district)
        return district

    # Working files.

    def put(self, one: Import, name: str, value: Any) -> None:
        self.files.write_json(self.work(one, name), value)

    def get(self, one: Import, name: str) -> Any:
        return self.files.read_json(self.work(one, name))

    def lines(self, one: Import, name: str, extent: tuple[int, int] | None = None) -> Iterator[Any]:
        return self.files.lines(self.work(one, name), extent)

    def from_all(self, one: Import, plan: Answer, name: str, shard: int) -> Iterator[Any]:
        """What all shards of people have for this one."""
        for other in range(plan["shards"]):
            yield from self.lines_for(one, f"{name}-{other}{plan['round']}", shard)

    def put_for_each(self, one: Import, name: str, parts: list[bytearray]) -> None:
        """One file with a part for each shard that will read it; where they lie is written beside it."""
        self.put(one, f"{name}-extents", self.files.write_shared(self.work(one, name), parts))

    def lines_for(self, one: Import, name: str, shard: int) -> Iterator[Any]:
        """This shard's part of such a file."""
        extents: Extents | None = self.get(one, f"{name}-extents")
        return self.lines(one, name, extents[shard]) if extents else iter(())

    @staticmethod
    def work(one: Import, name: str) -> str:
        return work_key(one.district_id, one.run_id, name)

    # What was last applied, and what will be.

    def standing(self, one: Import, before: Answer | None, kind: str, shard: int, shards: int) -> Iterator[Any]:
        """The records of a shard in the snapshot ``before`` (``{"snapshot_id", "shards"}``), which may have other shards."""
        return map(unpacked, self.standing_lines(one, before, kind, shard, shards))

    def standing_lines(self, one: Import, before: Answer | None, kind: str, shard: int, shards: int) -> Iterator[bytes]:
        """The same as they lie there."""
        if before is None:
            return
        then, now = before["shards"], shards
        if kind in ("classes", "members"):
            then, now = class_shards_of(then), class_shards_of(now)
        for other in range(shard & (then - 1), then, now):
            key = snapshot_key(one.district_id, before["snapshot_id"], f"{kind}-{other}")
            for line in self.files.packed_lines(key):
                if then >= now or shard_of(sourced_id_of(line), now) == shard:
                    yield line

    def changes(self, one: Import, plan: Answer, kind: str, shard: int) -> Iterator[Any]:
        """(before, after) of everybody or every class in a shard that changes; where nothing stood, of all that comes."""
        if not plan["before"]:
            key = snapshot_key(one.district_id, plan["snapshot_id"], f"{kind}-{shard}")
            return ((None, record) for record in self.files.lines(key))
        return self.lines(one, f"{kind}-changes-{shard}{plan['round']}")

    def newly_looked_at(self, one: Import, plan: Answer, shard: int) -> Iterator[RosterUser]:
        """People who are new, came back, or whose role, address or Clever ids changed."""
        for old, new in self.changes(one, plan, "people", shard):
            if new is not None and (old is None or (old[1], old[4], old[6]) != (new[1], new[4], new[6])):
                yield roster_user(one.district_id, new)

    # How it ends.

    def end(
        self, one: Import, status: Status, reason: dict[str, str] | None, read: dict[str, int] | None = None
    ) -> Answer:
        """Note how the import ends; the report is written by ``finish``."""
        self.put(one, "ended", {"status": status.value, "reason": reason, "read": read})
        return {"next": "finish", "shards": []}

    def superseded(self, one: Import) -> Answer:
        message = "A newer upload of this district was read; it counts instead of this one."
        return self.end(one, Status.SUPERSEDED, {"code": "superseded", "message": message})

    def reject(self, one: Import, error: UploadRejected) -> Answer:
        """Note that the upload cannot be used as a whole."""
        self.put(one, "rejected", {**rejection(error), "at": to_iso(self.s.clock())})
        return {"next": "finish", "shards": []}

    def report(self, one: Import, status: Status, reason: dict[str, str] | None) -> Report:
        return Report(
            one.import_id,
            one.district_id,
            one.upload,
            status,
            one.started_at,
            to_iso(self.s.clock()),
            preview=one.preview,
            reason=reason,
        )

    def stage_begins(self, one: Import, stage: str, *, parts: int, rows: int = 0) -> None:
        if not one.preview and not one.roll_back:
            now = self.s.clock()
            self.progress.begin(one.district_id, one.import_id, one.upload.key, stage, parts=parts, rows=rows, now=now)

    def part_done(self, one: Import, stage: str, part: int, *, of: int, rows: int = 0) -> Answer:
        if not one.preview and not one.roll_back:
            now = self.s.clock()
            self.progress.part_done(one.district_id, one.import_id, stage, now, parts=of, rows=rows)
        return {"shard": part}
