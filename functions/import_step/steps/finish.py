"""The end of an import: its report, the snapshot that stands from now on, and the event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from datetime import date
from hashlib import sha256
from itertools import chain
from typing import Any

from msgspec import structs

from functions.import_step.changed_since import CHANGED_SINCE
from functions.import_step.formats.format import Mode
from functions.import_step.hurt import hurt
from functions.import_step.id_changes import readdressed
from functions.import_step.import_context import ImportContext
from functions.import_step.pairable import PAIRABLE, paired
from functions.import_step.plan import (
    DOMAIN,
    DONE,
    Ending,
    IdResult,
    Import,
    ImportPlan,
    Rejection,
    StepResult,
    Totals,
    closed,
)
from functions.import_step.records import PersonRecord
from functions.import_step.shards import class_shards_of
from functions.import_step.working_files import (
    CLASSES,
    ENDED,
    ID_MAP,
    ID_RESULT,
    MATCH_RESULT,
    PEOPLE,
    PLAN,
    REJECTED,
    TOTALS,
    WorkingFiles,
)
from shared.domain.clock import to_iso
from shared.domain.forecast_tally import Found, Tally, waits_for_mail
from shared.domain.ordinary_nights import Hurt
from shared.domain.report import Counts, Kind, Note, Reject, Report, Status, merged_notes, rejected_report
from shared.domain.roster import KIND_OF_ROLE, Role, kind_of, number_of
from shared.runtime.loss_words import losses_in_words
from shared.runtime.observability import logger
from shared.runtime.report_words import in_language, reason_in, rejects_in
from shared.stores.import_state import Snapshot
from shared.stores.imports import import_record
from shared.stores.keys import Item
from shared.stores.outbox import event_item
from shared.stores.pauses import PausedImport
from shared.use_cases.match_counts import MatchCounts

_MATCHING = ("matched", "ambiguous", "unmatched_teachers", "unmatched_students")
_EVENTS = {Status.COMPLETED: "ImportFinished", Status.HELD: "ImportHeld"}
"""The platform acts on imports that were applied, and people on those that wait."""


class Finish:
    """How an import ends: well, or because something broke."""

    def __init__(self, context: ImportContext) -> None:
        self._context = context

    def finish(self, import_: Import) -> StepResult:
        """Write the report; after an import that was applied, advance the snapshot and send the event."""
        files = self._context.files(import_)
        if import_.is_checked:
            return self._finish_check(import_)
        if rejected := files.find(REJECTED):
            return self._finish_rejected(import_, rejected)
        ended = files.find(ENDED)
        if ended and ended.status in (Status.SUPERSEDED, Status.UNCHANGED):
            report = self._context.report(import_, ended.status, ended.reason)
            for kind, number in (ended.read or {}).items():
                setattr(report, kind, Counts(read=number, unchanged=number))
            return self._close(import_, report)
        return self._finish_read(import_, ended)

    def fail(self, import_: Import) -> StepResult:
        """Something broke that should not: say so in a report, and let the next import work."""
        reason = {
            "code": "internal_error",
            "message": "The import stopped because of a fault on our side; people have been told. What stood before still "
            "stands, or will be completed by uploading the same roster again.",
        }
        return self._close(import_, self._context.report(import_, Status.FAILED, reason))

    def _finish_rejected(self, import_: Import, rejected: Rejection) -> StepResult:
        report = rejected_report(
            rejected.error(),
            import_id=import_.import_id,
            district_id=import_.district_id,
            upload=import_.upload,
            at=import_.started_at,
            preview=import_.preview,
        )
        report.finished_at = rejected.at
        return self._close(import_, report)

    def _finish_check(self, import_: Import) -> StepResult:
        """A preview was made once more, to be applied: go on where it comes to what was shown, and refuse it otherwise (B14)."""
        context, files = self._context, self._context.files(import_)
        record, *_ = context.history.of(import_.district_id, import_.import_id)
        ended = files.find(ENDED)
        is_read = files.find(REJECTED) is None and not (ended and ended.status is Status.UNCHANGED)
        report, shown, _ = self._read(import_, ended) if is_read else (None, "", None)
        if record is None or not record.preview:
            return DONE
        if report and shown == record.shown:
            return {"next": "commit", "again": import_.applied(files.get(TOTALS).digest)}
        reason: dict[str, Any] = dict(reason_in(CHANGED_SINCE, context.language(import_.district_id)))
        if report:
            reason["shown"] = {**record.users, "queued": record.queued}
            reason["now"] = {**asdict(report.users), "queued": report.activations["queued"]}
        context.reports.amend(import_.district_id, import_.import_id, Status.REJECTED, reason)
        context.state.note_refused(import_.district_id, import_.import_id, reason)
        return {"status": Status.REJECTED.value}

    def _tell_difference(self, import_: Import, report: Report) -> None:
        """What was shown of an import that is refused under the district's lock, and what it comes to now; nobody was matched."""
        if not import_.expects or (report.reason or {}).get("code") != CHANGED_SINCE["code"]:
            return
        record, *_ = self._context.history.of(import_.district_id, import_.import_id)
        if record:
            reason: dict[str, Any] = {**CHANGED_SINCE, "shown": dict(record.users), "now": asdict(report.users)}
            report.reason = reason

    def _finish_read(self, import_: Import, ended: Ending | None) -> StepResult:
        """Close an import whose upload was read to its end."""
        files = self._context.files(import_)
        plan, totals = files.get(PLAN), files.get(TOTALS)
        report, shown, matching = self._read(import_, ended)
        self._tell_difference(import_, report)
        ids = files.find(ID_RESULT) or IdResult()
        is_applied = report.status is Status.COMPLETED and not import_.preview
        if is_applied and plan.has_id_map:
            self._context.id_maps.forget(import_.district_id, files.get(ID_MAP).waiting)
        applied = self._snapshot(import_, plan, totals) if is_applied else None
        rejects = chain(files.rejects(plan), ids.rejects)
        people = chain(
            _hurt(files, plan) if import_.preview or report.status is Status.HELD else (),
            _others(files, plan) if import_.preview else (),
        )
        self._write_forecast(import_, files, plan, matching.tally)
        return self._close(import_, report, rejects, applied, _shown_changes(files, plan), people, shown)

    def _write_forecast(self, import_: Import, files: WorkingFiles, plan: ImportPlan, tally: Tally) -> None:
        """Keep what a preview found, or a roster whose mails wait, for the forecast of what is to come (B14)."""
        if not tally or not (import_.preview or plan.paused or waits_for_mail(tally)):
            return
        found = [each for shard in range(plan.shards) if (each := files.find(PAIRABLE, shard))]
        classes, nudged = paired(
            (one for each in found for one in each.taught),
            (one for each in found for one in each.attends),
            (record for shard in range(class_shards_of(plan.shards)) for record in files.made(CLASSES, plan, shard)),
            import_.district_id,
            date.fromisoformat(plan.on),
        )
        self._context.reports.write_forecast(
            import_.district_id,
            Found(import_.import_id, to_iso(self._context.clock()), import_.preview, tally, classes, nudged),
        )

    def _read(self, import_: Import, ended: Ending | None) -> tuple[Report, str, MatchCounts]:
        """The report of an upload that was read to its end, what it comes to, as a digest, and what it found of each person."""
        files = self._context.files(import_)
        plan, totals = files.get(PLAN), files.get(TOTALS)
        status = ended.status if ended else Status.COMPLETED
        report = self._context.report(import_, status, ended.reason if ended else None)
        report.format = plan.format
        report.files = [{"file": file, "rows": rows} for file, rows in plan.rows.items()]
        report.users, report.classes, report.enrollments = (totals.counts[kind] for kind in Kind)
        ids = files.find(ID_RESULT) or IdResult()
        report.id_changes = ids.people + totals.readdressed or None
        report.rollover = totals.rollover
        report.losses = totals.losses if status is Status.HELD else None
        matching, notes = self._add_matching(import_, plan, report)
        notes = totals.notes + notes
        notes += map(_disputed, self._context.districts.disputed(import_.district_id))
        report.notes = merged_notes(notes)
        return report, _shown(report, totals, matching), matching

    def _add_matching(self, import_: Import, plan: ImportPlan, report: Report) -> tuple[MatchCounts, list[Note]]:
        """Fill in whom the import matched and invited. Return that, and the notes about it."""
        files = self._context.files(import_)
        matching = MatchCounts()
        notes: list[Note] = []
        for shard in range(plan.shards):
            if result := files.find(MATCH_RESULT, shard):
                matching += result.matching
                notes += result.notes
        if plan.paused and not import_.preview:
            # It was only counted: nobody is matched or mailed yet.
            return matching, []
        report.matching = {name: getattr(matching, name) for name in _MATCHING}
        report.activations = {"queued": matching.queued, "withheld": matching.withheld}
        report.withheld = matching.withheld_people
        return matching, notes

    def _snapshot(self, import_: Import, plan: ImportPlan, totals: Totals) -> Snapshot:
        """What stands from now on."""
        return Snapshot(
            plan.snapshot_id,
            plan.shards,
            plan.content,
            {kind.value: number for kind, number in totals.standing.items()},
            {kind.value: totals.counts[kind].read for kind in Kind},
            import_.import_id,
            totals.school_year or plan.school_year or (plan.before.school_year if plan.before else ""),
            plan.on,
            self._before(import_),
            by_kind=plan.by_kind,
            was_moved=plan.moves_people or (plan.before is not None and plan.before.was_moved),
            renumbered=plan.before.renumbered if plan.before else "",
            nights=totals.nights,
            turns_on=plan.turns_on,
            grades=self._grades(import_, plan),
        )

    def _grades(self, import_: Import, plan: ImportPlan) -> dict[str, int]:
        """How many students each grade has; as before where the upload does not tell of everybody, or removals are put off."""
        standing = self._context.state.snapshot(import_.district_id)
        before = standing.grades if standing else {}
        return plan.grades if plan.may_remove(Kind.USERS) and plan.grades else before or plan.grades

    def _before(self, import_: Import) -> Snapshot | None:
        """What stood before this import, without what stood before that."""
        standing = self._context.state.snapshot(import_.district_id)
        if standing is not None and standing.import_id == import_.import_id:
            return standing.previous
        return replace(standing, previous=None, nights="") if standing else None

    def _close(
        self,
        import_: Import,
        report: Report,
        rejects: Iterable[Reject] = (),
        applied: Snapshot | None = None,
        id_changes: Iterable[tuple[str, ...]] = (),
        hurt_people: Iterable[tuple[str, ...]] = (),
        shown: str = "",
    ) -> StepResult:
        context = self._context
        report, rejects = self._in_the_districts_language(report, rejects)
        context.reports.write(report, rejects, id_changes, hurt_people)
        if report.status is Status.PAUSED and not import_.preview:
            is_delta = bool(report.format) and report.format["mode"] == Mode.DELTA
            context.pauses.keep(import_.district_id, PausedImport(import_.import_id, import_.upload, is_delta))
        if import_.preview:
            context.state.note_shown(import_record(report), shown, context.clock())
        else:
            record = import_record(report) | ({"waited": True} if import_.resumed else {})
            event = self._event(import_, report)
            if applied and event:
                context.state.advance(import_.district_id, applied, record, event)
                self._delete_unneeded_snapshots(import_, applied)
                self._apply_again_what_is_newer(import_)
            else:
                context.state.note(record, event)
            if report.status is not Status.UNCHANGED:
                context.progress.end(import_.district_id, import_.import_id)
                context.state.unlock(import_.district_id, import_.import_id)
        return closed(report.status, applied)

    def _delete_unneeded_snapshots(self, import_: Import, applied: Snapshot) -> None:
        """What stands and what stood before it is needed, for the next import and for rolling this one back; no other is."""
        snapshots = [applied, *filter(None, [applied.previous])]
        needed = {name for one in snapshots for name in (one.snapshot_id, one.renumbered) if name}
        files = self._context.import_files
        if files.delete_unneeded_snapshots(import_.district_id, needed, self._context.clock()) is None:
            logger.warning("snapshots that nobody needs are deleted by the next import")

    def _apply_again_what_is_newer(self, import_: Import) -> None:
        """Let the deltas wait once more that are newer than this upload, which came late, and were applied before it: they are
        facts about what stands since."""
        state = self._context.state
        for import_id, upload in state.deltas_after(import_.district_id, import_.upload).items():
            if state.let_wait_again(import_.district_id, import_id):
                self._context.pauses.keep(import_.district_id, PausedImport(import_id, upload, is_delta=True))

    def _in_the_districts_language(self, report: Report, rejects: Iterable[Reject]) -> tuple[Report, Iterable[Reject]]:
        """The words of the report and of all its rejects. A report that says nothing costs no look at the settings."""
        if report.status is Status.UNCHANGED:
            return report, rejects
        language = self._context.language(report.district_id)
        told = in_language(report, language)
        if told.reason and told.losses and (people := losses_in_words(told.losses, language)):
            told.reason = {**told.reason, "people": people}
        return told, rejects_in(rejects, language)

    def _event(self, import_: Import, report: Report) -> Item | None:
        if report.status not in _EVENTS:
            return None
        status = report.status.value
        detail = {"district_id": import_.district_id, "import_id": import_.import_id, "status": status}
        return event_item(f"{import_.import_id}-{status}", _EVENTS[report.status], detail, self._context.clock())


def _shown(report: Report, totals: Totals, matching: MatchCounts) -> str:
    """What tells what an upload comes to from all else that it might have come to."""
    counts = [asdict(each) for each in (report.users, report.classes, report.enrollments)]
    said = [report.status, (report.reason or {}).get("code"), counts, report.matching, report.activations]
    return sha256(repr([*said, report.id_changes, totals.digest, matching.digest]).encode()).hexdigest()


def _hurt(files: WorkingFiles, plan: ImportPlan) -> Iterator[tuple[str, ...]]:
    """Whom the import would hurt, as people.csv lists them."""
    over = files.classes_over(plan)
    for shard in range(plan.shards) if plan.before else ():
        for old, new in files.changes(PEOPLE, plan, shard):
            if old and (how := _how(old, new, plan, over)):
                yield _listed(how.value, old)


def _others(files: WorkingFiles, plan: ImportPlan) -> Iterator[tuple[str, ...]]:
    """Who else would be created or changed, as people.csv lists them after those who would be hurt."""
    over = files.classes_over(plan)
    for shard in range(plan.shards):
        for old, new in files.changes(PEOPLE, plan, shard):
            if new and not (old and _how(old, new, plan, over)):
                yield _listed("changed" if old else "created", new)


def _how(old: PersonRecord, new: PersonRecord | None, plan: ImportPlan, over: frozenset[str]) -> Hurt | None:
    if new and old.is_readdressed_as(new, plan.domains):
        old = structs.replace(old, email=new.email)
    return hurt(old, new, over)


def _listed(what: str, person: PersonRecord) -> tuple[str, ...]:
    number = person.sourced_id
    return what, kind_of(number) or "", number_of(number), person.role or "", " ".join(person.school_ids)


def _disputed(claim: str) -> Note:
    """A domain or tenant that the settings name and another district has (M21)."""
    return Note(
        "claim_disputed",
        f"The settings name {claim}, which is another district's: nobody is matched or let in by it. Correct district.json.",
        "district.json",
    )


def _shown_changes(files: WorkingFiles, plan: ImportPlan) -> Iterator[tuple[str, ...]]:
    """(kind, old number, new number, what says so) of everybody whose number changes, or whose address has another domain."""
    pairs = [*files.id_pairs(plan.before.renumbered)] if plan.before else []
    yield from ((pair.kind, number_of(pair.old), number_of(pair.new), pair.ground) for pair in pairs if pair.is_shown)
    renumbered = {pair.new for pair in pairs}
    for person in readdressed(files, plan):
        if person.sourced_id not in renumbered:
            number = number_of(person.sourced_id)
            yield KIND_OF_ROLE[person.role or Role.STUDENT], number, number, DOMAIN
