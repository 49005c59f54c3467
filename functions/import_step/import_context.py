"""What every step of an import is given: services, the district, progress, and how an import ends."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from functions.import_step.plan import FINISH, Ending, Import, OpenedUpload, Rejection, StepResult
from functions.import_step.working_files import ENDED, REJECTED, WorkingFiles
from shared.domain.clock import Clock, to_iso
from shared.domain.district import District
from shared.domain.errors import InvalidSettings, UploadRejected
from shared.domain.report import Kind, Report, Status
from shared.runtime.languages import language_for
from shared.stores.districts import DistrictStore
from shared.stores.import_files import ImportFiles
from shared.stores.import_progress import ProgressStore
from shared.stores.import_state import ImportStateStore
from shared.stores.reports import ReportStore
from shared.stores.table import DynamoTable, Pace
from shared.stores.uploads import Uploads

if TYPE_CHECKING:
    from shared.stores.district_classes import DistrictClassStore
    from shared.stores.grassroots_classes import GrassrootsClassStore
    from shared.stores.id_maps import IdMapStore
    from shared.stores.imports import ImportHistory
    from shared.stores.pauses import PauseStore
    from shared.stores.people_classes import PeoplesClassesStore
    from shared.stores.readdressing import Readdressing
    from shared.stores.renumbering import Renumbering
    from shared.stores.roster_users import RosterUserStore
    from shared.stores.stuck_people import StuckStore
    from shared.use_cases.match_and_invite import MatchAndInvite


class ImportContext:
    """The services of the steps, and what all steps do with them.

    The stores that not every step asks are imported where they are asked for: each worker begins with one step.
    """

    def __init__(
        self,
        table: DynamoTable,
        *,
        uploads: Uploads,
        files: ImportFiles,
        reports: ReportStore,
        matcher: Callable[[], MatchAndInvite],
        clock: Clock,
        on_dispute: Callable[[], None] = lambda: None,
        pace: Pace | None = None,
        code: str = "",
    ) -> None:
        """``on_dispute`` tells the operators that a district names what is another's (M21); people and classes are written at
        this ``pace``. ``code`` is which version of this code runs; another one may read the same rows otherwise."""
        self.uploads = uploads
        self.import_files = files
        self.reports = reports
        self.clock = clock
        self.on_dispute = on_dispute
        self.code = code
        self.districts = DistrictStore(table)
        self.state = ImportStateStore(table)
        self.progress = ProgressStore(table)
        self._table = table
        self._matcher = matcher
        self._pace = pace

    @cached_property
    def matcher(self) -> MatchAndInvite:
        return self._matcher()

    @cached_property
    def users(self) -> RosterUserStore:
        from shared.stores.roster_users import RosterUserStore

        return RosterUserStore(self._table, self._pace)

    @cached_property
    def classes(self) -> DistrictClassStore:
        from shared.stores.district_classes import DistrictClassStore

        return DistrictClassStore(self._table, self._pace)

    @cached_property
    def renumbering(self) -> Renumbering:
        from shared.stores.renumbering import Renumbering

        return Renumbering(self._table)

    @cached_property
    def readdressing(self) -> Readdressing:
        from shared.stores.readdressing import Readdressing

        return Readdressing(self._table)

    @cached_property
    def id_maps(self) -> IdMapStore:
        from shared.stores.id_maps import IdMapStore

        return IdMapStore(self._table)

    @cached_property
    def pauses(self) -> PauseStore:
        from shared.stores.pauses import PauseStore

        return PauseStore(self._table)

    @cached_property
    def stuck(self) -> StuckStore:
        from shared.stores.stuck_people import StuckStore

        return StuckStore(self._table)

    @cached_property
    def peoples_classes(self) -> PeoplesClassesStore:
        from shared.stores.people_classes import PeoplesClassesStore

        return PeoplesClassesStore(self._table)

    @cached_property
    def history(self) -> ImportHistory:
        from shared.stores.imports import ImportHistory

        return ImportHistory(self._table)

    @cached_property
    def grassroots(self) -> GrassrootsClassStore:
        from shared.stores.grassroots_classes import GrassrootsClassStore

        return GrassrootsClassStore(self._table)

    def files(self, import_: Import) -> WorkingFiles:
        """The import's working files."""
        return WorkingFiles(self.import_files, import_.district_id, import_.run_id)

    def district(self, import_: Import) -> District:
        """The district's settings; one that is not loaded yet is read from the bucket first (docs/uploads.md).

        Raises UploadRejected where there are none, or none that can be used.
        """
        district, refused = self.districts.claimed(import_.district_id)
        if refused:
            self.on_dispute()
        if district:
            return district
        body = self.uploads.find(f"districts/{import_.district_id}/district.json")
        if body is None:
            raise UploadRejected(
                "unknown_district",
                f"The district {import_.district_id} is not registered. Put its settings at "
                f"districts/{import_.district_id}/district.json, then upload the roster again.",
                file=import_.upload.key,
            )
        try:
            # Few imports read this file, whose form is slow to compile.
            from shared.domain.district_file import parse_district

            district = parse_district(import_.district_id, body)
            self.districts.put(district)
        except InvalidSettings as error:
            raise UploadRejected(error.code, error.message, file="district.json") from None
        return district

    def language(self, district_id: str) -> str:
        """The language of a district's reports; English for one that is not registered."""
        district = self.districts.find(district_id)
        return language_for(district.locale if district else None)

    # How it ends.

    def end(
        self, import_: Import, status: Status, reason: dict[str, str] | None, read: dict[Kind, int] | None = None
    ) -> StepResult:
        """Note how the import ends; the report is written by ``finish``."""
        self.files(import_).put(ENDED, Ending(status, reason, read))
        return FINISH

    def supersede(self, import_: Import) -> StepResult:
        """Note that the import ends because a newer upload counts."""
        message = "A newer upload of this district was read; it counts instead of this one."
        return self.end(import_, Status.SUPERSEDED, {"code": "superseded", "message": message})

    def reject(self, import_: Import, error: UploadRejected) -> StepResult:
        """Note that the upload cannot be used as a whole."""
        self.files(import_).put(REJECTED, Rejection.of(error, to_iso(self.clock())))
        return FINISH

    def report(self, import_: Import, status: Status, reason: dict[str, str] | None) -> Report:
        """The import's report, before it is filled in."""
        return Report(
            import_.import_id,
            import_.district_id,
            import_.upload,
            status,
            import_.started_at,
            to_iso(self.clock()),
            preview=import_.preview,
            reason=reason,
        )

    # How it goes on.

    def split(self, import_: Import, opened: OpenedUpload) -> StepResult:
        """Read the parts of the upload, or compare their rows."""
        self.begin_stage(import_, "split", parts=len(opened.parts))
        return {"next": "split", "shards": list(range(0, len(opened.parts), opened.together))}

    # How far it is.

    def begin_stage(self, import_: Import, stage: str, *, parts: int, rows: int = 0) -> None:
        """Show that the parts of a stage are worked on now."""
        if import_.shows_progress:
            self.progress.begin(
                import_.district_id,
                import_.import_id,
                import_.upload.key,
                stage,
                parts=parts,
                rows=rows,
                now=self.clock(),
            )

    def part_done(self, import_: Import, stage: str, part: int, *, of: int, rows: int = 0) -> StepResult:
        """Show that a part of a stage is done."""
        if import_.shows_progress:
            now = self.clock()
            self.progress.part_done(import_.district_id, import_.import_id, stage, now, parts=of, rows=rows)
        return {"shard": part}
