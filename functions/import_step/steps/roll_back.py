"""Undo the import that was applied last (B2): what stood before it takes the place of what stands."""

from __future__ import annotations

from collections.abc import Callable

from functions.import_step.class_history import undone
from functions.import_step.id_changes import renumber
from functions.import_step.import_context import ImportContext
from functions.import_step.plan import DONE, WAIT, Import, RollBackPlan, SnapshotRef, StepResult, closed, go_on
from functions.import_step.records import PersonRecord
from functions.import_step.working_files import (
    ASIDE,
    CLASSES,
    HISTORY,
    PEOPLE,
    ROLL_BACK_PLAN,
    Acting,
    Change,
    Records,
    WorkingFiles,
)
from shared.domain.report import Status
from shared.domain.roster import KIND_OF_ROLE, Role
from shared.runtime.report_words import reason_in
from shared.stores.import_state import Snapshot
from shared.stores.imports import import_record
from shared.stores.outbox import event_item


class RollBack:
    """The steps that differ from an import's. What it comes to is applied as an import is."""

    def __init__(self, context: ImportContext) -> None:
        self._context = context

    def open(self, import_: Import) -> StepResult:
        """Lock the district and plan the exchange; ``done`` where the import is not the one that stands."""
        now, state = self._context.clock(), self._context.state
        if state.is_locked_by_another(import_.district_id, import_.import_id, now):
            return WAIT
        if not state.lock(import_.district_id, import_.import_id, now):
            return WAIT
        standing = state.snapshot(import_.district_id)
        if standing is None or standing.import_id != import_.import_id or standing.snapshot_id == import_.snapshot_id:
            # It is done already, or was overtaken while it waited.
            state.unlock(import_.district_id, import_.import_id)
            return DONE
        files = self._context.files(import_)
        before, restored = SnapshotRef.to(standing), SnapshotRef.to(standing.previous)
        if files.is_lost(before) or files.is_lost(restored):
            return self._refuse(import_)
        plan = RollBackPlan(
            shards=standing.shards,
            before=before,
            restored=restored,
            schools={},
            round="",
            snapshot_id=import_.snapshot_id,
            by_kind=_has_kinds(standing),
            domains=self._context.districts.domains(import_.district_id),
        )
        if pairs := [pair.back() for pair in files.id_pairs(standing.renumbered)]:
            plan.before = renumber(files, plan, f"{import_.snapshot_id}-ids", pairs)
        files.put(ROLL_BACK_PLAN, plan)
        return go_on("people", standing.shards)

    def _refuse(self, import_: Import) -> StepResult:
        """What was not found would be taken for a district without people: the report says that the import stands."""
        reason = {
            "code": "snapshot_lost",
            "message": "This import cannot be rolled back: what stood before it is not at hand. It stands. Upload the roster that "
            "is to stand instead.",
        }
        in_words = reason_in(reason, self._context.language(import_.district_id))
        self._context.reports.amend(import_.district_id, import_.import_id, Status.COMPLETED, in_words)
        self._context.state.unlock(import_.district_id, import_.import_id)
        return DONE

    def people(self, import_: Import, shard: int) -> StepResult:
        """Exchange one shard of people; who was left aside is so again."""
        files = self._context.files(import_)
        plan = files.get(ROLL_BACK_PLAN)
        aside = files.standing_lines(ASIDE, plan.restored, shard, plan.shards)
        files.write_aside(plan, shard, b"".join(aside))
        if shard == 0:
            files.write_people_of_several_numbers(plan, files.people_of_several_numbers(plan.restored))
        return self._exchange(import_, PEOPLE, shard, _with_kind)

    def classes(self, import_: Import, shard: int) -> StepResult:
        """Exchange one shard of classes, and with the first the courses and terms."""
        if shard == 0:
            files = self._context.files(import_)
            plan = files.get(ROLL_BACK_PLAN)
            files.copy_references(plan, plan.restored)
        self._restore_history(import_, shard)
        return self._exchange(import_, CLASSES, shard, _as_it_is)

    def _restore_history(self, import_: Import, shard: int) -> None:
        """Let the classes of a shard have the history that they had, and see what the import noted as past."""
        files = self._context.files(import_)
        plan = files.get(ROLL_BACK_PLAN)
        restored = list(files.standing(HISTORY, plan.restored, shard, plan.shards))
        past = undone(
            self._pairs(files, plan, CLASSES, shard, _as_it_is),
            files.standing(HISTORY, plan.before, shard, plan.shards),
            restored,
            files.standing_members(plan, plan.restored, shard),
        )
        files.write_history(plan, shard, restored)
        files.write_past(plan, shard, past)

    def _exchange[T: Acting](
        self, import_: Import, kind: Records[T], shard: int, with_kind: Callable[[T], T]
    ) -> StepResult:
        files = self._context.files(import_)
        plan = files.get(ROLL_BACK_PLAN)
        files.write_pairs(kind, plan, shard, self._pairs(files, plan, kind, shard, with_kind))
        return {"shard": shard}

    @staticmethod
    def _pairs[T: Acting](
        files: WorkingFiles, plan: RollBackPlan, kind: Records[T], shard: int, with_kind: Callable[[T], T]
    ) -> list[Change[T]]:
        """(what stands, what stood) of one shard, in the order of the ids."""
        now = {record.sourced_id: record for record in files.standing(kind, plan.before, shard, plan.shards)}
        restored = files.standing(kind, plan.restored, shard, plan.shards)
        if plan.by_kind and plan.restored and not plan.restored.by_kind:
            restored = map(with_kind, restored)
        then = {record.sourced_id: record for record in restored}
        return [(now.get(key), then.get(key)) for key in sorted({*now, *then})]

    def go_on(self, import_: Import) -> StepResult:
        """A person asked for it: there is nothing to check."""
        return go_on("apply", self._context.files(import_).get(ROLL_BACK_PLAN).shards)

    def finish(self, import_: Import) -> StepResult:
        """Advance to the restored snapshot, send the event, and note in the report that the import was undone."""
        reason = {
            "code": "rolled_back",
            "message": "A person rolled this import back: what stood before it stands again. Links and mails that came of it "
            "stay as they are.",
        }
        context, state = self._context, self._context.state
        standing = state.snapshot(import_.district_id)
        if standing is not None and standing.snapshot_id != import_.snapshot_id:
            detail = {"district_id": import_.district_id, "import_id": import_.import_id, "status": "rolled_back"}
            state.advance(
                import_.district_id,
                _restored(import_, standing),
                import_record(context.report(import_, Status.REJECTED, reason)),
                event_item(import_.run_id, "ImportFinished", detail, context.clock()),
            )
        in_words = reason_in(reason, context.language(import_.district_id))
        context.reports.amend(import_.district_id, import_.import_id, Status.REJECTED, in_words)
        state.unlock(import_.district_id, import_.import_id)
        return closed(Status.REJECTED, standing)


def _has_kinds(standing: Snapshot) -> bool:
    """Whether numbers have kinds after the roll-back: they keep them once they have them."""
    return standing.by_kind or (standing.previous is not None and standing.previous.by_kind)


def _with_kind(record: PersonRecord) -> PersonRecord:
    """A record from before numbers had kinds, as it is since."""
    return record.of_kind(KIND_OF_ROLE[record.role or Role.STUDENT])


def _as_it_is[T](record: T) -> T:
    return record


def _restored(import_: Import, standing: Snapshot) -> Snapshot:
    """What stands after the roll-back: what stood before the import, in as many shards as there are now."""
    previous = standing.previous or Snapshot(
        "", 0, "", dict.fromkeys(standing.standing, 0), dict.fromkeys(standing.read, 0)
    )
    return Snapshot(
        import_.snapshot_id,
        standing.shards,
        previous.content,
        previous.standing,
        previous.read,
        import_.import_id,
        previous.school_year,
        previous.on,
        by_kind=_has_kinds(standing),
        was_moved=standing.was_moved or previous.was_moved,
        nights=standing.nights,
        turns_on=previous.turns_on,
        grades=previous.grades,
    )
