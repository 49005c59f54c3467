"""After the gate: apply, match, finish; every write may be made again. And what is written when a step fails for good."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from typing import Any

from functions.import_step.import_context import Workbench
from functions.import_step.memberships import Roll, district_class, moves
from functions.import_step.plan import Answer, Import, notes_json
from functions.import_step.records import roster_user
from functions.import_step.shards import class_shards_of
from shared.domain.errors import UploadRejected
from shared.domain.report import Counts, Kind, Note, Reject, Report, Status, merged_notes, rejected_report
from shared.domain.roster import DistrictClass, RosterUser, School
from shared.stores.import_files import snapshot_key
from shared.stores.import_state import Snapshot
from shared.stores.imports import import_record
from shared.stores.keys import Item
from shared.stores.outbox import event_item
from shared.use_cases.match_and_invite import Matching


class Applying:
    """Each method is a step."""

    def __init__(self, bench: Workbench) -> None:
        self._b = bench

    def apply(self, one: Import, shard: int) -> Answer:
        """Write the people of one shard who have changed, one item each; say who moved between classes."""
        plan = self._b.get(one, "plan")
        writes = self._b.s.users.write(self._changed_people(one, plan, shard))
        moved = moves(self._b.changes(one, plan, "people", shard), class_shards_of(plan["shards"]))
        self._b.put_for_each(one, f"moves-{shard}{plan['round']}", moved)
        if shard == 0:
            schools = (School(one.district_id, key, name) for key, name in plan["schools"].items())
            self._b.districts.put_schools(schools)
        return {**self._b.part_done(one, "apply", shard, of=plan["shards"]), "writes": writes}

    def members(self, one: Import, shard: int) -> Answer:
        """Write the classes of one shard that have changed, or whose people have: one or two items each."""
        plan = self._b.get(one, "plan")
        roll = Roll(
            self._b.standing(one, plan["before"], "members", shard, plan["shards"]),
            self._b.from_all(one, plan, "moves", shard),
        )
        key = snapshot_key(one.district_id, plan["snapshot_id"], f"members-{shard}")
        self._b.files.write_lines(key, roll.lines())
        writes = self._write_classes(one, plan, shard, roll)
        of = class_shards_of(plan["shards"])
        return {**self._b.part_done(one, "members", shard, of=of), "writes": writes}

    def _changed_people(self, one: Import, plan: Answer, shard: int) -> Iterator[tuple[RosterUser | None, RosterUser]]:
        for old, new in self._b.changes(one, plan, "people", shard):
            before = roster_user(one.district_id, old) if old else None
            yield before, roster_user(one.district_id, new or old, active=new is not None)

    def _write_classes(self, one: Import, plan: Answer, shard: int, roll: Roll) -> int:
        came, renamed, gone = set(), set(), []
        for old, new in self._b.changes(one, plan, "classes", shard):
            if new is None:
                gone.append(old[0])
            elif old is None:
                came.add(new[0])
            else:
                renamed.add(new[0])

        def changed() -> Iterator[tuple[DistrictClass, bool]]:
            for record in self._b.files.lines(snapshot_key(one.district_id, plan["snapshot_id"], f"classes-{shard}")):
                class_id = record[0]
                if class_id in came or class_id in renamed or roll.is_touched(class_id):
                    whole = district_class(one.district_id, record, roll.of(class_id))
                    yield whole, class_id in came or roll.has_other_students(class_id)

        return self._b.s.classes.write(one.district_id, changed(), gone)

    def match(self, one: Import, shard: int) -> Answer:
        """Match the people of one shard whom this import newly looked at, and invite the teachers who need it.

        In a preview it is only counted.
        """
        plan = self._b.get(one, "plan")
        district = self._b.district(one)
        users = self._b.newly_looked_at(one, plan, shard)
        notes: list[Note] = []
        if one.preview:
            shared = {
                address
                for other in range(class_shards_of(plan["shards"]))
                for address in self._b.get(one, f"shared-addresses-{other}")
            }
            matching = self._b.s.matcher.preview(district, users, shared)
        else:
            matching, notes = self._b.s.matcher.run(district, users)
        self._b.put(one, f"match-result-{shard}", {"matching": asdict(matching), "notes": notes_json(notes)})
        return self._b.part_done(one, "match", shard, of=plan["shards"])

    def finish(self, one: Import) -> Answer:
        """Write the report; after an import that was applied, advance the snapshot and tell the platform."""
        if one.roll_back:
            return self._finish_roll_back(one)
        if rejected := self._b.get(one, "rejected"):
            return self._finish_rejected(one, rejected)
        ended = self._b.get(one, "ended")
        if ended and ended["status"] in (Status.SUPERSEDED, Status.UNCHANGED):
            report = self._b.report(one, Status(ended["status"]), ended["reason"])
            for kind, number in (ended.get("read") or {}).items():
                setattr(report, kind, Counts(read=number, unchanged=number))
            return self._close(one, report)
        return self._finish_read(one, Status(ended["status"]) if ended else Status.COMPLETED, ended)

    def _finish_rejected(self, one: Import, rejected: Answer) -> Answer:
        where = {name: rejected[name] for name in ("file", "line", "column")}
        error = UploadRejected(rejected["code"], rejected["message"], **where)
        report = rejected_report(
            error,
            import_id=one.import_id,
            district_id=one.district_id,
            upload=one.upload,
            at=one.started_at,
            preview=one.preview,
        )
        report.finished_at = rejected["at"]
        return self._close(one, report)

    def _finish_roll_back(self, one: Import) -> Answer:
        reason = {
            "code": "rolled_back",
            "message": "A person rolled this import back: what stood before it stands again. Links and mails that came of it "
            "stay as they are.",
        }
        ledger = self._b.ledger
        standing = ledger.snapshot(one.district_id)
        if standing is not None and standing.snapshot_id != one.snapshot_id:
            previous = standing.previous
            detail = {"district_id": one.district_id, "import_id": one.import_id, "status": "rolled_back"}
            restored = Snapshot(
                one.snapshot_id,
                standing.shards,
                previous.content if previous else "",
                previous.standing if previous else dict.fromkeys(standing.standing, 0),
                previous.read if previous else dict.fromkeys(standing.read, 0),
                one.import_id,
                previous.school_year if previous else "",
                previous.on if previous else "",
            )
            ledger.advance(
                one.district_id,
                restored,
                import_record(self._b.report(one, Status.REJECTED, reason)),
                event_item(f"{one.run_id}", "ImportFinished", detail, self._b.s.clock()),
            )
        self._b.s.reports.amend(one.district_id, one.import_id, Status.REJECTED, reason)
        ledger.unlock(one.district_id, one.import_id)
        return {"status": Status.REJECTED.value}

    def _finish_read(self, one: Import, status: Status, ended: Answer | None) -> Answer:
        plan, totals = self._b.get(one, "plan"), self._b.get(one, "totals")
        report = self._b.report(one, status, ended["reason"] if ended else None)
        report.format = plan["format"]
        report.users, report.classes, report.enrollments = (Counts(**totals["counts"][kind]) for kind in Kind)
        notes = [Note(**note) for note in totals["notes"]]
        matching = Matching()
        for shard in range(plan["shards"]):
            if result := self._b.get(one, f"match-result-{shard}"):
                matching += Matching(**result["matching"])
                notes += [Note(**note) for note in result["notes"]]
        report.matching = {k: v for k, v in asdict(matching).items() if not k.startswith(("queued", "withheld"))}
        report.activations = {"queued": matching.queued, "withheld": matching.withheld}
        report.withheld = matching.withheld_people
        report.proposals = totals["proposals"]
        report.rollover = totals["rollover"]
        report.notes = merged_notes(notes)
        applied = None
        if status is Status.COMPLETED and not one.preview:
            applied = Snapshot(
                plan["snapshot_id"],
                plan["shards"],
                plan["content"],
                totals["standing"],
                {kind.value: totals["counts"][kind]["read"] for kind in Kind},
                one.import_id,
                plan["school_year"] or (plan["before"] or {}).get("school_year", ""),
                plan["on"],
                self._before(one),
            )
        return self._close(one, report, self._rejects(one, plan), applied)

    def _rejects(self, one: Import, plan: Answer) -> Iterator[Reject]:
        """All rejected rows in the order in which they stand in the files, however many there are."""
        names = [f"rejects-{part}" for part in range(plan["parts"])]
        for kind, shards in (("people", plan["shards"]), ("classes", class_shards_of(plan["shards"]))):
            names += [f"{kind}-rejects-{shard}{plan['round']}" for shard in range(shards)]
        every = [(Reject(**line) for line in self._b.lines(one, name)) for name in names]
        order = {file: number for number, file in enumerate(plan["files"])}
        return heapq.merge(*every, key=lambda reject: (order.get(reject.file, len(order)), reject.line or 0))

    def _before(self, one: Import) -> Snapshot | None:
        """What stood before this import, without what stood before that."""
        standing = self._b.ledger.snapshot(one.district_id)
        if standing is not None and standing.import_id == one.import_id:
            return standing.previous
        return replace(standing, previous=None) if standing else None

    def fail(self, one: Import) -> Answer:
        """Something broke that should not: say so in a report, and let the next import work."""
        report = self._b.report(
            one,
            Status.FAILED,
            {
                "code": "internal_error",
                "message": "The import stopped because of a fault on our side; people have been told. What stood before still "
                "stands, or will be completed by uploading the same roster again.",
            },
        )
        return self._close(one, report)

    def _close(
        self, one: Import, report: Report, rejects: Iterable[Reject] = (), applied: Snapshot | None = None
    ) -> Answer:
        self._b.s.reports.write(report, rejects)
        if not one.preview:
            record = import_record(report)
            event = self._event(one, report)
            if applied and event:
                self._b.ledger.advance(one.district_id, applied, record, event)
            else:
                self._b.ledger.note(record, event)
            if report.status is not Status.UNCHANGED:
                self._b.progress.end(one.district_id, one.import_id)
                self._b.ledger.unlock(one.district_id, one.import_id)
        return {"status": report.status.value}

    def _event(self, one: Import, report: Report) -> Item | None:
        """The platform acts on imports that were applied, and people on those that wait."""
        kinds = {Status.COMPLETED: "ImportFinished", Status.HELD: "ImportHeld"}
        if report.status not in kinds:
            return None
        detail: dict[str, Any] = {
            "district_id": one.district_id,
            "import_id": one.import_id,
            "status": report.status.value,
        }
        return event_item(f"{one.import_id}-{report.status.value}", kinds[report.status], detail, self._b.s.clock())
