"""The steps of a fetch, as statemachine/roster-fetch.asl.json calls them; every step may be run again.

Nothing but working files is written before all collections are there whole. What goes wrong is told like an upload that failed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from functions.roster_fetch.by_date import ByDate
from functions.roster_fetch.clever_files import write_clever
from functions.roster_fetch.csv_files import CsvFiles
from functions.roster_fetch.fetch import Fetch, Progress, StepResult
from functions.roster_fetch.fetch_files import FetchFiles
from functions.roster_fetch.oneroster_files import write_changes, write_oneroster
from functions.roster_fetch.unique_rows import unique_rows
from shared.domain.changes import NotByDate, moment_of
from shared.domain.clock import Clock, NewId, from_iso, to_iso
from shared.domain.district import District
from shared.domain.errors import AccountLinkingError, InvalidSettings
from shared.domain.fetching import (
    FetchFailed,
    PullChanged,
    TooLarge,
    TryLater,
    changed,
    foreign_secret,
    invalid_source,
    no_source,
    not_allowed,
    refused_address,
    secret_missing,
    stopped,
)
from shared.domain.paging import MOST_RESTARTS, Misaligned, Pull, check_not_emptied
from shared.domain.report import Report, Status
from shared.domain.roster_source import Source, parse_source, secret_name
from shared.domain.settings_mistakes import Mistake
from shared.hubs.clever_rosters import CleverApi
from shared.hubs.oneroster_api import DATE, OneRosterApi, service_address
from shared.hubs.public_web import Web
from shared.hubs.roster_api import Asker, RosterApi, Row
from shared.hubs.roster_sources import api_of
from shared.runtime.languages import language_for
from shared.runtime.report_words import in_language
from shared.stores.districts import DistrictStore
from shared.stores.fetched_rosters import FetchedRosters
from shared.stores.fetches import FetchStore, SourceState
from shared.stores.import_files import ImportFiles
from shared.stores.imports import ImportHistory
from shared.stores.reports import ReportStore
from shared.stores.uploads import Uploads

_STEP = timedelta(minutes=8)
"""After so long a step ends, and another one goes on."""
_WHOLE_EVERY = timedelta(days=7)
"""So often everything is fetched, whatever the source says of changes."""
_WRITTEN_EMPTY = OneRosterApi.needed | CleverApi.needed
_KINDS = {"users": "users", "classes": "classes", "enrollments": "enrollments", "sections": "classes"}
"""What the import calls a collection."""
_HELD_FROM = 20
"""From so many rows on the import asks a person about a collection that is empty (``import_safety``)."""
_SMALLEST_PAGE = 100
_TOLD_EVERY = 20
"""Pages after which the table is told how far a fetch at night is; one that somebody asked for is looked at."""
_LONGEST_PAUSE = timedelta(hours=1)
"""At night; a source that asks for more is tried with the next fetch."""
_DONE: StepResult = {"next": "done"}

type ReadSecret = Callable[[str], Mapping[str, str] | None]
"""A secret by its name; None where it is not there, or no JSON object."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What a fetch is handed of the world beyond the table."""

    web: Web
    read_secret: ReadSecret
    sleep: Callable[[float], None]
    jitter: Callable[[], float]
    clock: Clock
    new_id: NewId
    secrets: str
    """``{stack}/sources/``."""
    local: bool = False


@dataclass(slots=True)
class _Work:
    """A fetch that is at work."""

    fetch: Fetch
    source: Source
    district: District
    api: RosterApi
    asker: Asker
    files: FetchFiles
    progress: Progress
    before: SourceState

    def save(self) -> None:
        self.progress.requests += self.asker.sent
        self.asker.sent = 0
        self.files.put_progress(self.progress)


class FetchSteps:
    """Open, pull, write, fail."""

    def __init__(
        self,
        fetches: FetchStore,
        districts: DistrictStore,
        uploads: Uploads,
        files: ImportFiles,
        rosters: FetchedRosters,
        reports: ReportStore,
        history: ImportHistory,
        outside: Outside,
    ) -> None:
        self._fetches = fetches
        self._districts = districts
        self._uploads = uploads
        self._files = files
        self._rosters = rosters
        self._reports = reports
        self._history = history
        self._by_date = ByDate(fetches, reports)
        self._outside = outside

    def run(self, step: str, fetch: Fetch) -> StepResult:
        """Run a step. What the source or its settings are to blame for ends the fetch with a report."""
        if step == "fail":
            return self._failed(fetch, stopped())
        if not self._fetches.lock(fetch.district_id, fetch.run_id, self._outside.clock()):
            return {"next": "wait"}
        steps = {"open": self._open, "pull": self._pull, "write": self._write}
        try:
            return steps[step](fetch)
        except (FetchFailed, TryLater, PullChanged) as error:
            return self._failed(fetch, error)

    # Open.

    def _open(self, fetch: Fetch) -> StepResult:
        now = to_iso(self._outside.clock())
        self._fetches.note(
            fetch.district_id,
            run_id=fetch.run_id, status="fetching", started_at=now, ended_at=None, code=None, stage=None, pages=0, rows=0,
            requests=0,
        )  # fmt: skip
        work = self._work(fetch, Progress())
        probe = work.api.probe()
        work.progress.revision = probe.revision
        work.save()
        if not fetch.now and self._is_as_before(work.before, probe.revision):
            return self._end(fetch, work.progress, "unchanged")
        plan = self._by_date.plan(fetch, work.source, work.before, self._outside.clock())
        work.progress.since, work.progress.checks_since = plan.since, plan.checks_since
        work.save()
        return {"next": "pull"}

    def _is_as_before(self, before: SourceState, revision: str) -> bool:
        """Whether the source says that nothing changed since the last whole fetch, and that was not too long ago."""
        if not revision or revision != before.revision or not before.whole_at:
            return False
        return self._outside.clock() - from_iso(before.whole_at) < _WHOLE_EVERY

    # Pull.

    def _pull(self, fetch: Fetch) -> StepResult:
        ends_at = self._outside.clock() + _STEP
        work = self._work(fetch, self._kept_files(fetch).progress() or Progress())
        if work.progress.pause_until > self._outside.clock().timestamp():
            return {"next": "pause"}
        while (pull := self._next_pull(work)) is not None:
            try:
                self._page(work, pull)
            except TryLater as error:
                return self._pause(work, error)
            if self._outside.clock() >= ends_at:
                work.save()
                return {"next": "pull"}
        if not work.api.by_offset and self._has_changed(work, work.api.probe().revision):
            return {"next": "pull"}
        work.save()
        return {"next": "write"}

    def _next_pull(self, work: _Work) -> Pull | None:
        """The collection that is not whole yet; None where all are."""
        progress = work.progress
        if progress.pulls and not progress.pulls[-1].is_over:
            return progress.pulls[-1]
        begun = {pull.collection for pull in progress.pulls} | set(progress.absent)
        missing = next((name for name in work.api.collections if name not in begun), None)
        if missing is None:
            return None
        # A page size that the source took for the collection before is kept.
        limit = progress.pulls[-1].limit if progress.pulls else work.api.page_size
        progress.pulls.append(Pull(missing, limit, work.api.by_offset))
        return progress.pulls[-1]

    def _page(self, work: _Work, pull: Pull) -> None:
        """Fetch a page, and keep its rows. Raises FetchFailed and TryLater."""
        try:
            found = work.api.page(pull)
            if found is None:
                self._is_absent(work, pull)
                return
            page, rows = found
            if isinstance(work.api, OneRosterApi):
                work.progress.clock_at = work.progress.clock_at or work.api.clock_at
            if self._has_changed(work, page.revision):
                return
            known = pull.take(page, now=work.fetch.now)
            if rows[known:]:
                work.files.put_page(pull, rows[known:])
        except TooLarge:
            if pull.limit <= _SMALLEST_PAGE:
                raise
            pull.limit = max(_SMALLEST_PAGE, pull.limit // 4)
        except NotByDate:
            self._everything_instead(work)
            return
        except Misaligned:
            pull.begin_again(aligned=True)
        except PullChanged:
            pull.begin_again()
        work.save()
        if pull.is_over or work.fetch.now or pull.pages % _TOLD_EVERY == 0:
            self._tell(work, pull.collection)

    def _everything_instead(self, work: _Work) -> None:
        """The source does not keep to dates: the same fetch asks for everything."""
        progress = work.progress
        progress.since, progress.pulls, progress.absent = "", [], []
        if isinstance(work.api, OneRosterApi):
            work.api.since = ""
        self._fetches.note(work.fetch.district_id, changes="refused")
        work.save()

    @staticmethod
    def _is_absent(work: _Work, pull: Pull) -> None:
        """A source need not have every collection; one that it had before is missed."""
        if (work.before.counts or {}).get(pull.collection):
            raise not_allowed(pull.collection)
        work.progress.pulls.remove(pull)
        work.progress.absent.append(pull.collection)
        work.save()

    @staticmethod
    def _has_changed(work: _Work, revision: str) -> bool:
        """Whether the source's data is another than at the beginning: then everything is fetched again. Raises PullChanged."""
        progress = work.progress
        if not revision or revision == progress.revision:
            return False
        if not progress.revision:
            progress.revision = revision
            return False
        if progress.restarts == MOST_RESTARTS:
            raise changed("data")
        progress.restarts += 1
        progress.revision = revision
        progress.pulls, progress.absent = [], []
        work.save()
        return True

    def _pause(self, work: _Work, error: TryLater) -> StepResult:
        """Wait for a source that wants to be left alone. Raises the error where that takes too long."""
        if work.fetch.now or error.seconds is None or error.seconds > _LONGEST_PAUSE.total_seconds():
            raise error
        work.progress.pause_until = self._outside.clock().timestamp() + error.seconds
        work.save()
        return {"next": "pause"}

    # Write.

    def _write(self, fetch: Fetch) -> StepResult:
        files = self._kept_files(fetch)
        progress = files.progress() or Progress()
        before = self._fetches.state(fetch.district_id)
        source = self._source(fetch.district_id)
        if progress.since:
            return self._write_changes(fetch, progress, files)
        holds = CleverApi.held_when_empty if source.kind == "clever" else OneRosterApi.held_when_empty
        standing, _ = self._history.standing(fetch.district_id)
        for pull in progress.pulls:
            stood = (before.counts or {}).get(pull.collection) or standing.get(_KINDS.get(pull.collection, ""), 0)
            is_held = pull.collection in holds and stood >= _HELD_FROM
            check_not_emptied(pull.collection, pull.rows, stood, holds=is_held)
        with tempfile.TemporaryDirectory() as folder:
            written = CsvFiles(Path(folder), self._rosters, fetch.district_id, fetch.name)
            late = _write_files(source, progress, files, written)
            written.complete()
        if progress.checks_since:
            self._fetches.note(fetch.district_id, checks=fetch.name, late=late)
        return self._end(fetch, progress, "completed")

    def _write_changes(self, fetch: Fetch, progress: Progress, files: FetchFiles) -> StepResult:
        """Nothing is written for a night without a change."""
        pulls = {pull.collection: pull for pull in progress.pulls if pull.rows}

        def rows(collection: str) -> Iterator[Row]:
            pull = pulls[collection]
            return unique_rows(pull, lambda: files.rows(pull), "sourcedId")

        if not pulls:
            return self._end(fetch, progress, "unchanged")
        with tempfile.TemporaryDirectory() as folder:
            written = CsvFiles(Path(folder), self._rosters, fetch.district_id, fetch.name)
            write_changes(rows, list(pulls), written)
            written.complete()
        return self._end(fetch, progress, "completed")

    # The end.

    def _end(self, fetch: Fetch, progress: Progress, status: str) -> StepResult:
        now = to_iso(self._outside.clock())
        told: dict[str, str | int | Mapping[str, int] | None] = {"status": status, "good_at": now, "ended_at": now}
        if progress.clock_at:
            told["since"] = progress.clock_at
        if status == "completed":
            told |= {"revision": progress.revision or None, "rows": progress.rows, "folder": fetch.name}
        if progress.since:
            told |= {"changes_at": now, "changes": "kept"}
            if self._by_date.is_whole_due(self._fetches.state(fetch.district_id), self._outside.clock()):
                self._fetches.due_now(fetch.district_id, self._outside.clock())
        elif status == "completed":
            told |= {"whole_at": now, "counts": progress.counts}
        self._fetches.note(fetch.district_id, **told, stage=None, requests=progress.requests)
        self._fetches.note_good(fetch.district_id)
        self._fetches.unlock(fetch.district_id, fetch.run_id)
        return {**_DONE, "status": status, "requests": progress.requests, "rows": progress.rows}

    def _failed(self, fetch: Fetch, error: AccountLinkingError) -> StepResult:
        """Report a fetch that failed like an upload, and let the next one in. May be run again."""
        now = to_iso(self._outside.clock())
        report = Report(
            import_id=fetch.run_id,
            district_id=fetch.district_id,
            upload=fetch.upload,
            status=Status.FAILED,
            started_at=fetch.started_at,
            finished_at=now,
            reason={"code": error.code, "message": error.message},
        )
        district = self._districts.find(fetch.district_id)
        self._reports.write(in_language(report, language_for(district.locale if district else None)))
        progress = self._kept_files(fetch).progress() or Progress()
        self._fetches.note(
            fetch.district_id,
            run_id=fetch.run_id, status="failed", code=error.code, ended_at=now, stage=None, requests=progress.requests,
        )  # fmt: skip
        if not fetch.now:
            self._fetches.note_failed_night(fetch.district_id, fetch.started_at)
        self._fetches.unlock(fetch.district_id, fetch.run_id)
        return {**_DONE, "status": "failed", "requests": progress.requests, "rows": progress.rows}

    def _tell(self, work: _Work, stage: str) -> None:
        progress = work.progress
        pages = sum(pull.pages for pull in progress.pulls)
        self._fetches.note(
            work.fetch.district_id, stage=stage, pages=pages, rows=progress.rows, requests=progress.requests
        )

    # What a step works with.

    def _work(self, fetch: Fetch, progress: Progress) -> _Work:
        before = self._fetches.state(fetch.district_id)
        source = self._source(fetch.district_id)
        district = self._district(fetch.district_id)
        outside = self._outside
        asker = Asker(outside.web, outside.clock, outside.sleep, outside.jitter, until=max(fetch.fails_at, 0.0))
        secret = outside.read_secret(secret_name(outside.secrets, fetch.district_id, source))
        if secret is None:
            raise secret_missing()
        api = api_of(source, secret, district, asker, progress.learnt, outside.new_id)
        if isinstance(api, OneRosterApi):
            api.since = progress.since
        return _Work(fetch, source, district, api, asker, self._kept_files(fetch), progress, before)

    def _kept_files(self, fetch: Fetch) -> FetchFiles:
        return FetchFiles(self._files, fetch.district_id, fetch.run_id)

    def _source(self, district_id: str) -> Source:
        """What source.json says. One with a slip is not fetched from, nor is the one before it. Raises FetchFailed."""
        body = self._uploads.find(f"sources/{district_id}/source.json")
        if body is None:
            self._fetches.forget_source(district_id)
            raise no_source()
        try:
            return parse_source(district_id, body, secrets=self._outside.secrets, local=self._outside.local)
        except InvalidSettings as error:
            raise _unusable(error) from None

    def _district(self, district_id: str) -> District:
        """The district's settings; of one that is not loaded yet what its file says. Raises FetchFailed."""
        if found := self._districts.find(district_id):
            return found
        body = self._uploads.find(f"districts/{district_id}/district.json")
        if body is None:
            raise no_source()
        # Few districts are fetched before they are loaded, and the form is slow to compile.
        from shared.domain.district_file import parse_district

        try:
            return parse_district(district_id, body)
        except InvalidSettings:
            raise no_source() from None


def _unusable(error: InvalidSettings) -> FetchFailed:
    """Why a source.json cannot be used, as far as it matters to whoever reads the report of a fetch."""
    if Mistake.NO_PUBLIC_ADDRESS.value in error.message:
        return refused_address()
    if "auth.secret: " in error.message and Mistake.OTHER_SECRET.value.partition("%")[0] in error.message:
        return foreign_secret()
    return invalid_source()


def _write_files(source: Source, progress: Progress, files: FetchFiles, written: CsvFiles) -> int:
    """Write the roster's files. Return how many rows changed since a night's changes were asked for just before.

    Raises FetchFailed and PullChanged where what was kept is not the whole of a collection.
    """
    # Of what need not be there, a file without a row would say less than none.
    pulls = {pull.collection: pull for pull in progress.pulls if pull.rows or pull.collection in _WRITTEN_EMPTY}
    is_clever = source.kind == "clever"

    late = _Late(progress.checks_since)

    def rows(collection: str) -> Iterator[Row]:
        pull = pulls[collection]
        return late.counted(unique_rows(pull, lambda: files.rows(pull), "id" if is_clever else "sourcedId"))

    if is_clever:
        write_clever(rows, list(pulls), pulls["students"].rows, written)
    else:
        _, version = service_address(source.base_url, source.version)
        write_oneroster(
            rows, list(pulls), "1.1" if source.kind == "classlink" and not source.version else version, written
        )
    return late.number


class _Late:
    """Counts rows that changed from a moment on."""

    def __init__(self, since: str) -> None:
        self._since = from_iso(since) if since else None
        self.number = 0

    def counted(self, rows: Iterator[Row]) -> Iterator[Row]:
        if self._since is None:
            return rows
        return self._count(rows, self._since)

    def _count(self, rows: Iterator[Row], since: datetime) -> Iterator[Row]:
        for row in rows:
            moment = moment_of(str(row[DATE]))
            self.number += moment is not None and moment >= since
            yield row
