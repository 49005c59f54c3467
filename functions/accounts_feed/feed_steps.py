"""The steps of one file of the feed, as statemachine/accounts-feed.asl.json calls them; every step may be run again.

Up to ``tally`` nothing but working files is written. From then on the feed is among those that began: what its accounts lead
back to is looked at with the next file, if this one does not end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate, chain
from typing import Any

from functions.accounts_feed.account_line import LONGEST_LINE
from functions.accounts_feed.apply_accounts import ApplyAccounts
from functions.accounts_feed.compare_accounts import CompareAccounts
from functions.accounts_feed.feed import (
    DONE,
    FINISH,
    PART,
    WAIT,
    Feed,
    LineReject,
    Plan,
    Run,
    ShardHead,
    StepResult,
    Tally,
    ToLookAt,
    shards_for,
)
from functions.accounts_feed.feed_files import FeedFiles, SnapshotFiles
from functions.accounts_feed.look_again import LookAgain
from functions.accounts_feed.split_lines import split_lines
from shared.domain.clock import Clock, to_iso
from shared.domain.errors import UploadRejected
from shared.domain.federated_identity import Issuers
from shared.domain.report import Status
from shared.stores.account_batches import AccountBatches
from shared.stores.feeds import FeedState, FeedStore
from shared.stores.import_files import ImportFiles
from shared.stores.import_progress import ProgressStore
from shared.stores.import_state import ImportStateStore
from shared.stores.keys import FEEDS
from shared.stores.reports import ReportStore
from shared.stores.uploads import Uploads


class FeedSteps:
    """All steps by name. One file at a time is worked on, whatever its name."""

    def __init__(
        self,
        feeds: FeedStore,
        lock: ImportStateStore,
        progress: ProgressStore,
        uploads: Uploads,
        files: ImportFiles,
        reports: ReportStore,
        accounts: AccountBatches,
        look_again: LookAgain,
        *,
        issuers: Issuers,
        clock: Clock,
    ) -> None:
        self._feeds = feeds
        self._lock = lock
        self._progress = progress
        self._uploads = uploads
        self._import_files = files
        self._snapshot = SnapshotFiles(files)
        self._reports = reports
        self._compare = CompareAccounts(accounts, self._snapshot, look_again.federated_ids, issuers)
        self._apply = ApplyAccounts(accounts, self._snapshot, issuers)
        self._look_again = look_again
        self._clock = clock
        self._whole: dict[str, Callable[[Feed], StepResult]] = {
            "open": self._open,
            "admit": self._admit,
            "tally": self._tally,
            "finish": self._finish,
            "fail": self._fail,
        }
        self._of_a_shard: dict[str, Callable[[Feed, int], StepResult]] = {
            "split": self._split,
            "compare": self._compare_shard,
            "apply": self._apply_shard,
            "match": self._match_shard,
        }

    def run(self, step: str, feed: Feed, shard: int | None = None) -> StepResult:
        """Carry out a step; in a map it is of one part of the file, or of one shard.

        A call that comes again after its feed ended does nothing: the next feed may have written the same accounts.
        """
        if step in _WRITING and not self._lock.holds_lock(FEEDS, feed.run_id):
            return DONE if shard is None else {"shard": shard}
        return self._whole[step](feed) if shard is None else self._of_a_shard[step](feed, shard)

    def _files(self, feed: Feed) -> FeedFiles:
        return FeedFiles(self._import_files, feed.run_id)

    def _shards(self, feed: Feed) -> int:
        return shards_for(feed.size, self._feeds.state().shards)

    def _plan(self, feed: Feed) -> Plan:
        plan = self._files(feed).plan()
        if plan is None:
            raise LookupError("the file was not split")
        return plan

    # Reading.

    def _open(self, feed: Feed) -> StepResult:
        """Wait for the feed that is at work. A file that came after this one under its name counts instead of it."""
        if not self._lock.lock(FEEDS, feed.run_id, self._clock()):
            return WAIT
        if self._feeds.has_newer(feed.name, feed.upload):
            self._lock.unlock(FEEDS, feed.run_id)
            return {**DONE, "status": Status.SUPERSEDED}
        self._begin(feed, "split", feed.parts)
        return {"next": "split", "shards": list(range(feed.parts))}

    def _split(self, feed: Feed, part: int) -> StepResult:
        start = part * PART
        lines = self._uploads.part(
            feed.upload.key,
            LONGEST_LINE,
            version_id=feed.upload.version_id,
            etag=feed.upload.etag,
            start=start,
            end=min(start + PART, feed.size),
        )
        shards, rejects, head = split_lines(lines, shards=self._shards(feed), is_first=part == 0)
        self._files(feed).put_part(part, shards, rejects, head)
        return self._part_done(feed, "split", part, feed.parts, rows=head.read)

    def _admit(self, feed: Feed) -> StepResult:
        """Number the lines of the whole file; have as many shards as it needs."""
        self._lock.lock(FEEDS, feed.run_id, self._clock())
        files, state, shards = self._files(feed), self._feeds.state(), self._shards(feed)
        before, anew = state.shards, not self._snapshot.is_of(state)
        heads = [files.part(part) for part in range(feed.parts)]
        offsets = list(accumulate((head.lines for head in heads[:-1]), initial=0))
        read, rejected = sum(head.read for head in heads), sum(head.rejected for head in heads)
        extents = [head.extents for head in heads]
        files.put_plan(Plan(shards, read, rejected, offsets, extents, anew))
        if anew:
            self._snapshot.forget(before)
        if shards != before:
            self._snapshot.split(before, shards)
        wanted = [shard for shard in range(shards) if any(part[shard][1] for part in extents)]
        self._begin(feed, "compare", len(wanted), rows=read)
        return {"next": "compare", "shards": wanted}

    def _compare_shard(self, feed: Feed, shard: int) -> StepResult:
        plan = self._plan(feed)
        self._compare.compare(self._files(feed), plan, shard)
        return self._part_done(feed, "compare", shard, plan.shards)

    def _tally(self, feed: Feed) -> StepResult:
        """Count what the lines do, and note that accounts are written from now on."""
        self._lock.lock(FEEDS, feed.run_id, self._clock())
        files, plan, state = self._files(feed), self._plan(feed), self._feeds.state()
        heads = {shard: head for shard in range(plan.shards) if (head := files.shard(shard))}
        written = [shard for shard in heads if any(files.changed(shard))]
        runs = [self._run(run_id, shards) for run_id, shards in state.begun if run_id != feed.run_id]
        runs += [_run(feed.run_id, heads)] if written else []
        files.put_tally(_tally(heads, runs, written))
        if not runs:
            return FINISH
        begun = (*(run for run in state.begun if run[0] != feed.run_id), (feed.run_id, plan.shards))
        self._snapshot.put_written(feed.run_id, has_ended=False)
        self._feeds.note(FeedState(plan.shards, begun, feed.run_id))
        self._begin(feed, "apply", len(written), rows=plan.read)
        wanted = [shard for shard in range(plan.shards) if any(_has(run, shard) for run in runs)]
        return {"next": "apply", "shards": written, "match_shards": wanted}

    def _run(self, run_id: str, shards: int) -> Run:
        """A feed that began to write accounts and did not end."""
        files = FeedFiles(self._import_files, run_id)
        return _run(run_id, {shard: head for shard in range(shards) if (head := files.shard(shard))})

    # Writing.

    def _apply_shard(self, feed: Feed, shard: int) -> StepResult:
        plan = self._plan(feed)
        self._apply.apply(self._files(feed), shard, plan.shards)
        return self._part_done(feed, "apply", shard, plan.shards)

    def _match_shard(self, feed: Feed, shard: int) -> StepResult:
        plan, files = self._plan(feed), self._files(feed)
        self._look_again.look(files, shard, self._to_look_at(files, shard, plan.shards))
        return self._part_done(feed, "match", shard, plan.shards)

    def _to_look_at(self, files: FeedFiles, shard: int, shards: int) -> Iterator[tuple[int, ToLookAt]]:
        tally = files.tally()
        for number, run in enumerate(tally.runs if tally else ()):
            of_run = FeedFiles(self._import_files, run.run_id)
            for source, extents in run.extents.items():
                for one in of_run.to_look_at(source, extents, shard, shards):
                    yield number, one

    # How it ends.

    def _finish(self, feed: Feed) -> StepResult:
        files, plan, state = self._files(feed), self._plan(feed), self._feeds.state()
        tally = files.tally() or _tally({}, [], [])
        refused = [files.refused(shard) for shard in tally.shards]
        late = sorted((reject for each in refused for reject in each.rejects), key=lambda reject: reject.line)
        counts = {
            "read": plan.read,
            "created": tally.created - sum(each.created for each in refused),
            "changed": tally.changed - sum(each.changed for each in refused),
            "unchanged": tally.unchanged,
            "rejected": plan.rejected + len(late),
        }
        runs = [FeedFiles(self._import_files, run.run_id) for run in tally.runs]
        found = {name for of_run in runs for shard in range(plan.shards) for name in of_run.lost(shard)}
        lost = self._snapshot.lost()
        if after := (lost - set(tally.looked_at)) | found:
            self._snapshot.put_lost(after)
        elif lost:
            self._snapshot.put_lost(())
        body = {**self._report(feed, Status.COMPLETED), **counts, "notes": _notes(tally, plan)}
        self._reports.write_accounts(feed.name, body, chain(self._rejects(feed, plan), late))
        if state.begun:
            self._snapshot.put_written(feed.run_id, has_ended=True)
            self._feeds.note(FeedState(state.shards, written_by=feed.run_id))
        self._feeds.note_loaded(feed.name, feed.upload)
        return self._end(feed, Status.COMPLETED)

    def _rejects(self, feed: Feed, plan: Plan) -> Iterator[LineReject]:
        """Lines that could not be read, in their order."""
        files = self._files(feed)
        for part, offset in enumerate(plan.offsets):
            for reject in files.rejects(part):
                yield LineReject(offset + reject.line, reject.column, reject.code, reject.message)

    def _fail(self, feed: Feed) -> StepResult:
        """A step failed for good, or the file is not there any more."""
        body = {
            **self._report(feed, Status.FAILED),
            "reason": self._why(feed),
            **dict.fromkeys(_COUNTED, 0),
            "notes": [],
        }
        self._reports.write_accounts(feed.name, body, ())
        return self._end(feed, Status.FAILED)

    def _why(self, feed: Feed) -> dict[str, str]:
        try:
            self._uploads.open(feed.upload.key, version_id=feed.upload.version_id, etag=feed.upload.etag).close()
        except UploadRejected as error:
            return {"code": error.code, "message": error.message}
        message = (
            "The accounts could not be loaded to the end. Put the file once more: what was loaded is not loaded again."
        )
        return {"code": "internal_error", "message": message}

    def _report(self, feed: Feed, status: Status) -> dict[str, Any]:
        return {
            "status": status.value,
            "upload": {"key": feed.upload.key, "etag": feed.upload.etag},
            "started_at": feed.started_at,
            "finished_at": to_iso(self._clock()),
        }

    def _end(self, feed: Feed, status: Status) -> StepResult:
        self._progress.end(FEEDS, feed.run_id)
        self._tell(feed, {"stage": "ended", "status": status.value})
        self._lock.unlock(FEEDS, feed.run_id)
        return {**DONE, "status": status}

    # How far it is.

    def _begin(self, feed: Feed, stage: str, parts: int, rows: int = 0) -> None:
        now = self._clock()
        self._progress.begin(FEEDS, feed.run_id, feed.upload.key, stage, parts=parts, rows=rows, now=now)
        self._tell(feed, {"stage": stage, "parts": parts, "read": rows, "since": to_iso(now)})

    def _tell(self, feed: Feed, body: dict[str, Any]) -> None:
        upload = {"key": feed.upload.key, "etag": feed.upload.etag}
        self._reports.write_accounts_progress(feed.name, {"upload": upload, "started_at": feed.started_at, **body})

    def _part_done(self, feed: Feed, stage: str, part: int, of: int, rows: int = 0) -> StepResult:
        self._progress.part_done(FEEDS, feed.run_id, stage, self._clock(), parts=of, rows=rows)
        return {"shard": part}


_WRITING = ("apply", "match", "finish")
_COUNTED = ("read", "created", "changed", "unchanged", "rejected")


def _run(run_id: str, heads: dict[int, ShardHead]) -> Run:
    return Run(run_id, {shard: head.extents for shard, head in heads.items() if any(n for _, n in head.extents)})


def _has(run: Run, shard: int) -> bool:
    """Whether something is to be looked at in this shard of addresses and federated identities."""
    return any(extents[shard & (len(extents) - 1)][1] for extents in run.extents.values())


def _tally(heads: dict[int, ShardHead], runs: list[Run], written: list[int]) -> Tally:
    found = heads.values()
    return Tally(
        sum(head.created for head in found),
        sum(head.changed for head in found),
        sum(head.unchanged for head in found),
        sum(head.twice for head in found),
        min((head.first_twice for head in found if head.first_twice), default=None),
        [name for head in found for name in head.looked_at],
        runs,
        written,
    )


def _notes(tally: Tally, plan: Plan) -> list[dict[str, Any]]:
    notes: list[dict[str, Any]] = []
    if plan.anew:
        message = "Table or snapshots were restored to an earlier moment: every line was applied, whatever was before."
        notes.append({"code": "accounts_anew", "message": message, "count": plan.read})
    if tally.twice:
        message = (
            "Accounts have several lines. They were read in their order: of what two of them name the later one counts."
        )
        notes.append({"code": "account_twice", "message": message, "count": tally.twice, "line": tally.first_twice})
    return notes
