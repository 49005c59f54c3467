"""The steps of one import, in the order in which they run. Up to the gate nothing but working files is written; every
step may be run again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from functions.import_step.classes import diff_classes, district_class
from functions.import_step.files import ImportFiles, snapshot_key, work_key
from functions.import_step.formats import Format, Kind, recognise
from functions.import_step.formats.clever import Clever
from functions.import_step.formats.oneroster import OneRoster
from functions.import_step.formats.school_data_sync import SchoolDataSync
from functions.import_step.gate import held_because
from functions.import_step.ledger import ImportLedger, Snapshot, import_record
from functions.import_step.match import Matcher, Matching
from functions.import_step.opening import content_hash
from functions.import_step.people import Plan, diff_people, memberships, roster_user
from functions.import_step.split import shard_of, shards_for, split
from shared.clock import Clock, NewId, to_iso
from shared.district import District, parse_district
from shared.errors import InvalidSettings, UploadRejected
from shared.report import Counts, Note, Reject, Report, Status, Upload, merged_notes, rejected_report
from shared.roster import RosterUser, School
from shared.stores.districts import DistrictClassStore, DistrictStore
from shared.stores.outbox import event_item
from shared.stores.progress import ProgressStore
from shared.stores.reports import ReportStore
from shared.stores.roster_users import RosterUserStore
from shared.stores.table import Item, write_many

FORMATS: tuple[Format, ...] = (Clever(), SchoolDataSync(), OneRoster())

type Answer = dict[str, Any]

_WAIT: Answer = {"next": "wait", "shards": []}


@dataclass(frozen=True, slots=True)
class Import:
    """One import, as every step is told of it."""

    import_id: str
    district_id: str
    upload: Upload
    preview: bool = False
    approved: bool = False
    roll_back: bool = False
    started_at: str = ""

    @property
    def run_id(self) -> str:
        """Names the working files: an approved import, and one that is rolled back, begins anew."""
        if self.roll_back:
            return f"{self.import_id}-rolled-back"
        return f"{self.import_id}-approved" if self.approved else self.import_id

    @property
    def snapshot_id(self) -> str:
        """Names the snapshot that it makes."""
        return self.run_id if self.roll_back else self.import_id

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> Import:
        return cls(**{**event, "upload": Upload(**event["upload"])})


@dataclass(frozen=True, slots=True)
class Services:
    """What the steps work with."""

    table: Any
    files: ImportFiles
    reports: ReportStore
    matcher: Matcher
    clock: Clock
    new_id: NewId


class ImportSteps:
    """Each method is one step; what one leaves for the next lies in the import's working files."""

    def __init__(self, services: Services) -> None:
        self._s = services
        self._ledger = ImportLedger(services.table)
        self._districts = DistrictStore(services.table)
        self._progress = ProgressStore(services.table)

    # Before the gate: nothing but working files.

    def split(self, one: Import) -> Answer:
        """Admit, open, recognise and read the upload. Answers what comes next.

        ``{"next": "wait" | "people" | "finish" | "done", "shards": […]}``; ``done`` when this import has ended already.
        """
        if one.roll_back:
            return self._split_roll_back(one)
        if not one.preview:
            if not one.approved and self._ledger.has_ended(one.district_id, one.import_id):
                return {"next": "done", "shards": []}
            if self._ledger.newer_than(one.district_id, one.upload):
                return self._end(one, Status.SUPERSEDED, _superseded())
            if self._ledger.is_locked_by_another(one.district_id, one.import_id, self._s.clock()):
                return _WAIT
        try:
            return self._split(one)
        except UploadRejected as error:
            at = to_iso(self._s.clock())
            self._put(
                one,
                "rejected",
                {
                    "code": error.code,
                    "message": error.message,
                    "file": error.file,
                    "line": error.line,
                    "column": error.column,
                    "at": at,
                },
            )
            return {"next": "finish", "shards": []}

    def _split(self, one: Import) -> Answer:
        district = self._district(one)
        additions_only = district.takes_additions_only(self._s.clock().astimezone(district.zone).date())
        before = self._ledger.snapshot(one.district_id)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            files = self._s.files.open_upload(one.upload, folder)
            # What was put off is to be done once removals count again: then these contents are others.
            content = content_hash(files) + ("+additions-only" if additions_only else "")
            if before and before.content == content:
                return self._unchanged(one, before)
            if not one.preview and not self._ledger.lock(one.district_id, one.import_id, self._s.clock()):
                return _WAIT
            if not one.preview and self._ledger.snapshot(one.district_id) != before:
                # Another import ended between the look at the snapshot and the lock.
                self._ledger.unlock(one.district_id, one.import_id)
                return _WAIT
            form, what = recognise(files, FORMATS)
            shards = shards_for(what, before.shards if before else None)
            sink = split(form, what, shards, folder)
            for shard in range(shards):
                for kind in ("people", "classes"):
                    self._s.files.write_packed(self._work(one, f"{kind}-{shard}"), folder / f"{kind}-{shard}.jsonl.gz")
        if not one.preview and not self._ledger.note_valid(one.district_id, one.import_id, one.upload):
            return self._end(one, Status.SUPERSEDED, _superseded())
        self._s.files.write_lines(self._work(one, "rejects"), (asdict(reject) for reject in sink.rejects))
        self._put(
            one,
            "plan",
            {
                "format": {"name": what.name, "version": what.version, "mode": what.mode.value},
                "modes": {k.value: m.value for k, m in what.modes.items()},
                "keeps": [k.value for k in Kind if sink.rejected[k]],
                "rejected": {k.value: sink.rejected[k] for k in Kind},
                "notes": [asdict(note) for note in sink.notes],
                "schools": sink.schools,
                "shards": shards,
                "content": content,
                "before": before.snapshot_id if before else None,
                "additions_only": additions_only,
            },
        )
        if not one.preview:
            self._progress.begin(
                one.district_id, one.import_id, one.upload.key, parts=shards, rows=sink.rows, now=self._s.clock()
            )
        return {"next": "people", "shards": list(range(shards))}

    def _split_roll_back(self, one: Import) -> Answer:
        """What stood before the import that is to be undone takes the upload's place (B2); there is nothing to read."""
        now = self._s.clock()
        if self._ledger.is_locked_by_another(one.district_id, one.import_id, now):
            return _WAIT
        if not self._ledger.lock(one.district_id, one.import_id, now):
            return _WAIT
        standing = self._ledger.snapshot(one.district_id)
        if standing is None or standing.import_id != one.import_id or standing.snapshot_id == one.snapshot_id:
            # It is done already, or was overtaken while it waited.
            self._ledger.unlock(one.district_id, one.import_id)
            return {"next": "done", "shards": []}
        self._put(one, "plan", {"shards": standing.shards, "before": standing.snapshot_id, "schools": {}})
        return {"next": "people", "shards": list(range(standing.shards))}

    def _unchanged(self, one: Import, before: Snapshot) -> Answer:
        """End an upload that is what stands already, without a lock: it only says so once nobody can make that untrue.

        Once it is noted as the newest, no older import passes the gate; and one that passed before still holds the lock.
        """
        if not one.preview:
            if not self._ledger.note_valid(one.district_id, one.import_id, one.upload):
                return self._end(one, Status.SUPERSEDED, _superseded())
            if self._ledger.is_locked_by_another(one.district_id, one.import_id, self._s.clock()):
                return _WAIT
            if self._ledger.snapshot(one.district_id) != before:
                return _WAIT
        return self._end(one, Status.UNCHANGED, None, read=before.read)

    def people(self, one: Import, shard: int) -> Answer:
        """Compare one shard of people with the snapshot."""
        plan = self._get(one, "plan")
        if one.roll_back:
            return self._exchange(one, plan, f"people-{shard}", f"people-changes-{shard}", shard)
        result = diff_people(
            self._lines(one, f"people-{shard}"), self._standing(one, plan, f"people-{shard}"), _plan(plan)
        )
        self._s.files.write_lines(self._snapshot(one, f"people-{shard}"), result.standing)
        self._s.files.write_lines(self._work(one, f"people-changes-{shard}"), result.changes)
        shards = plan["shards"]
        members: list[list[list[str]]] = [[] for _ in range(shards)]
        for member in memberships(result.standing):
            members[shard_of(member[0], shards)].append(member)
        for into, some in enumerate(members):
            self._s.files.write_lines(self._work(one, f"members-{into}-{shard}"), some)
        self._put(
            one,
            f"people-result-{shard}",
            {
                "users": asdict(result.users),
                "enrollments": asdict(result.enrollments),
                "notes": [asdict(note) for note in result.notes],
                "schools": result.schools,
                "reused": result.reused[:100],
                "people": len(result.standing),
                "enrolled": sum(len(record[8]) for record in result.standing),
            },
        )
        self._s.files.write_lines(self._work(one, f"left-{shard}"), result.left)
        self._s.files.write_lines(self._work(one, f"came-{shard}"), result.came if plan["before"] else ())
        return self._part_done(one, "people", shard)

    def classes(self, one: Import, shard: int) -> Answer:
        """Compare one shard of classes with the snapshot, now that it is known who is in them."""
        plan = self._get(one, "plan")
        if one.roll_back:
            return self._exchange(one, plan, f"classes-{shard}", f"classes-changes-{shard}", shard)
        members = (m for other in range(plan["shards"]) for m in self._lines(one, f"members-{shard}-{other}"))
        result = diff_classes(
            self._lines(one, f"classes-{shard}"), members, self._standing(one, plan, f"classes-{shard}"), _plan(plan)
        )
        self._s.files.write_lines(self._snapshot(one, f"classes-{shard}"), result.standing)
        self._s.files.write_lines(self._work(one, f"classes-changes-{shard}"), result.changes)
        self._put(
            one,
            f"classes-result-{shard}",
            {
                "classes": asdict(result.classes),
                "notes": [asdict(note) for note in result.notes],
                "classes_standing": len(result.standing),
            },
        )
        return self._part_done(one, "classes", shard)

    def _part_done(self, one: Import, stage: str, shard: int) -> Answer:
        if not one.preview and not one.roll_back:
            self._progress.part_done(one.district_id, one.import_id, stage, self._s.clock())
        return {"shard": shard}

    def _exchange(self, one: Import, plan: Answer, name: str, changes: str, shard: int) -> Answer:
        """For a roll-back: the records of the snapshot before take the place of those that stand."""
        standing = self._ledger.snapshot(one.district_id)
        previous = standing.previous if standing else None
        now = {record[0]: record for record in self._standing(one, plan, name)}
        then: dict[str, Any] = {}
        if previous:
            then = {r[0]: r for r in self._s.files.lines(snapshot_key(one.district_id, previous.snapshot_id, name))}
        self._s.files.write_lines(self._snapshot(one, name), then.values())
        differ = (key for key in sorted({*now, *then}) if now.get(key) != then.get(key))
        self._s.files.write_lines(self._work(one, changes), ((now.get(key), then.get(key)) for key in differ))
        return {"shard": shard}

    def gate(self, one: Import) -> Answer:
        """Whether the import may write (M3). Answers ``{"next": "apply" | "finish", "shards": […]}``."""
        plan = self._get(one, "plan")
        if one.roll_back:
            return {"next": "apply", "shards": list(range(plan["shards"]))}
        district = self._district(one)
        counts, _ = self._counts(one, plan)
        before = self._ledger.snapshot(one.district_id)
        if one.preview:
            self._preview(one, plan, district)
        schools, reused = self._looked_at_closely(one, plan)
        reason = held_because(counts, before.standing if before else {}, district, schools=schools, reused=reused)
        if reason and not one.approved:
            return self._end(one, Status.HELD, reason)
        if one.preview:
            return self._end(one, Status.COMPLETED, None)
        if self._ledger.newer_than(one.district_id, one.upload):
            return self._end(one, Status.SUPERSEDED, _superseded())
        return {"next": "apply", "shards": list(range(plan["shards"]))}

    def _looked_at_closely(self, one: Import, plan: Answer) -> tuple[dict[str, list[int]], list[str]]:
        """How each school fares, and which ids name somebody else; notes who may have come back under another id."""
        schools: dict[str, list[int]] = {}
        reused: list[str] = []
        gone: dict[str, tuple[str, str]] = {}
        for shard in range(plan["shards"]):
            result = self._get(one, f"people-result-{shard}")
            reused += result["reused"]
            for school, (stood, removed) in result["schools"].items():
                count = schools.setdefault(school, [0, 0])
                count[0] += stood
                count[1] += removed
            for sourced_id, role, address, clever_ids in self._lines(one, f"left-{shard}"):
                gone |= {proof: (sourced_id, role) for proof in (address, *clever_ids) if proof}
        proposals = []
        for shard in range(plan["shards"]) if gone else ():
            for sourced_id, role, address, clever_ids in self._lines(one, f"came-{shard}"):
                found = next((gone[proof] for proof in (*clever_ids, address) if proof in gone), None)
                if found and found[1] == role:
                    proposals.append({"from": found[0], "to": sourced_id})
        self._put(one, "proposals", proposals)
        return schools, reused

    def _preview(self, one: Import, plan: Answer, district: District) -> None:
        addresses: dict[str, int] = {}
        for shard in range(plan["shards"]):
            for record in self._s.files.lines(self._snapshot(one, f"people-{shard}")):
                if record[4]:
                    addresses[record[4]] = addresses.get(record[4], 0) + 1
        shared = {address for address, number in addresses.items() if number > 1}
        users = (user for shard in range(plan["shards"]) for user in self._newly_looked_at(one, shard))
        self._put(
            one, "match-result-0", {"matching": asdict(self._s.matcher.preview(district, users, shared)), "notes": []}
        )

    # After the gate: every write may be made again.

    def apply(self, one: Import, shard: int) -> Answer:
        """Write what has changed in one shard: one item per person, one or two per class."""
        puts: list[Item] = []
        deletes: list[dict[str, str]] = []
        for old, new in self._lines(one, f"people-changes-{shard}"):
            before = roster_user(one.district_id, old) if old else None
            after = roster_user(one.district_id, new or old, active=new is not None)
            puts.append(RosterUserStore.item(after))
            claims = {(key["PK"], key["SK"]) for key in RosterUserStore.claim_keys(after)}
            former = {(key["PK"], key["SK"]) for key in RosterUserStore.claim_keys(before)} if before else set()
            puts += [{"PK": pk, "SK": sk} for pk, sk in sorted(claims - former)]
            deletes += [{"PK": pk, "SK": sk} for pk, sk in sorted(former - claims)]
        for old, new in self._lines(one, f"classes-changes-{shard}"):
            if new is None:
                deletes += DistrictClassStore.keys(one.district_id, old[0])
                continue
            class_item, members_item = DistrictClassStore.items(district_class(one.district_id, new))
            puts.append(class_item)
            if old is None or old[7] != new[7]:
                puts.append(members_item)
        if shard == 0:
            schools = self._get(one, "plan")["schools"]
            self._districts.put_schools(School(one.district_id, key, name) for key, name in schools.items())
        writes = write_many(self._s.table, puts, deletes)
        return {**self._part_done(one, "apply", shard), "writes": writes}

    def match(self, one: Import, shard: int) -> Answer:
        """Match the people of one shard whom this import newly looked at, and invite the teachers who need it."""
        matching, notes = self._s.matcher.run(self._district(one), self._newly_looked_at(one, shard))
        self._put(
            one, f"match-result-{shard}", {"matching": asdict(matching), "notes": [asdict(note) for note in notes]}
        )
        return self._part_done(one, "match", shard)

    def finish(self, one: Import) -> Answer:
        """Write the report; after an import that was applied, advance the snapshot and tell the platform."""
        if one.roll_back:
            return self._finish_roll_back(one)
        if rejected := self._get(one, "rejected"):
            error = UploadRejected(
                rejected["code"],
                rejected["message"],
                file=rejected["file"],
                line=rejected["line"],
                column=rejected["column"],
            )
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
        ended = self._get(one, "ended")
        if ended and ended["status"] in (Status.SUPERSEDED, Status.UNCHANGED):
            report = self._report(one, Status(ended["status"]), ended["reason"])
            for kind, number in (ended.get("read") or {}).items():
                setattr(report, kind, Counts(read=number, unchanged=number))
            return self._close(one, report)
        return self._finish_read(one, Status(ended["status"]) if ended else Status.COMPLETED, ended)

    def _finish_roll_back(self, one: Import) -> Answer:
        reason = {
            "code": "rolled_back",
            "message": "A person rolled this import back: what stood before it stands again. Links and mails that came of it "
            "stay as they are.",
        }
        standing = self._ledger.snapshot(one.district_id)
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
            )
            self._ledger.advance(
                one.district_id,
                restored,
                import_record(self._report(one, Status.REJECTED, reason)),
                event_item(f"{one.run_id}", "ImportFinished", detail, self._s.clock()),
            )
        self._s.reports.amend(one.district_id, one.import_id, Status.REJECTED, reason)
        self._ledger.unlock(one.district_id, one.import_id)
        return {"status": Status.REJECTED.value}

    def _finish_read(self, one: Import, status: Status, ended: Answer | None) -> Answer:
        plan = self._get(one, "plan")
        report = self._report(one, status, ended["reason"] if ended else None)
        report.format = plan["format"]
        counts, notes = self._counts(one, plan)
        report.users, report.classes, report.enrollments = (counts[kind] for kind in Kind)
        matching = Matching()
        for shard in range(plan["shards"]):
            if result := self._get(one, f"match-result-{shard}"):
                for name, number in result["matching"].items():
                    setattr(matching, name, getattr(matching, name) + number)
                notes += [Note(**note) for note in result["notes"]]
        report.matching = {k: v for k, v in asdict(matching).items() if k not in ("queued", "withheld")}
        report.activations = {"queued": matching.queued, "withheld": matching.withheld}
        report.proposals = self._get(one, "proposals") or []
        if report.proposals:
            message = (
                "Ids that are gone seem to have come back as others, with the same address or Clever id; see proposals."
            )
            notes.append(Note("sourced_id_changed", message, count=len(report.proposals)))
        report.notes = merged_notes(notes)
        rejects = [Reject(**reject) for reject in self._lines(one, "rejects")]
        applied = None
        if status is Status.COMPLETED and not one.preview:
            applied = Snapshot(
                one.import_id,
                plan["shards"],
                plan["content"],
                self._standing_counts(one, plan),
                {kind.value: counts[kind].read for kind in Kind},
                one.import_id,
                self._before(one),
            )
        return self._close(one, report, rejects, applied)

    def _before(self, one: Import) -> Snapshot | None:
        """What stood before this import, without what stood before that."""
        standing = self._ledger.snapshot(one.district_id)
        if standing is not None and standing.snapshot_id == one.snapshot_id:
            return standing.previous
        return replace(standing, previous=None) if standing else None

    def fail(self, one: Import) -> Answer:
        """Something broke that should not: say so in a report, and let the next import work."""
        report = self._report(
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
        self._s.reports.write(report, rejects)
        if not one.preview:
            record = import_record(report)
            event = self._event(one, report)
            if applied and event:
                self._ledger.advance(one.district_id, applied, record, event)
            else:
                self._ledger.note(record, event)
            if report.status is not Status.UNCHANGED:
                self._progress.end(one.district_id, one.import_id)
                self._ledger.unlock(one.district_id, one.import_id)
        return {"status": report.status.value}

    def _event(self, one: Import, report: Report) -> Item | None:
        """The platform acts on imports that were applied, and people on those that wait."""
        kinds = {Status.COMPLETED: "ImportFinished", Status.HELD: "ImportHeld"}
        if report.status not in kinds:
            return None
        detail = {"district_id": one.district_id, "import_id": one.import_id, "status": report.status.value}
        return event_item(f"{one.import_id}-{report.status.value}", kinds[report.status], detail, self._s.clock())

    # What the steps share.

    def _district(self, one: Import) -> District:
        """The district's settings; one that is not loaded yet is read from the bucket first (contract.md)."""
        if district := self._districts.find(one.district_id):
            return district
        body = self._s.files.district_settings(one.district_id)
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
        self._districts.put(district)
        return district

    def _end(
        self, one: Import, status: Status, reason: dict[str, str] | None, read: dict[str, int] | None = None
    ) -> Answer:
        self._put(one, "ended", {"status": status.value, "reason": reason, "read": read})
        return {"next": "finish", "shards": []}

    def _report(self, one: Import, status: Status, reason: dict[str, str] | None) -> Report:
        return Report(
            one.import_id,
            one.district_id,
            one.upload,
            status,
            one.started_at,
            to_iso(self._s.clock()),
            preview=one.preview,
            reason=reason,
        )

    def _counts(self, one: Import, plan: Answer) -> tuple[dict[Kind, Counts], list[Note]]:
        totals = {kind: Counts(read=plan["rejected"][kind], rejected=plan["rejected"][kind]) for kind in Kind}
        notes = [Note(**note) for note in plan["notes"]]
        for shard in range(plan["shards"]):
            for name in ("people", "classes"):
                result = self._get(one, f"{name}-result-{shard}")
                notes += [Note(**note) for note in result["notes"]]
                for kind in Kind:
                    if kind in result:
                        totals[kind] += Counts(**result[kind])
        return totals, merged_notes(notes)

    def _standing_counts(self, one: Import, plan: Answer) -> dict[str, int]:
        people = [self._get(one, f"people-result-{shard}") for shard in range(plan["shards"])]
        classes = [self._get(one, f"classes-result-{shard}") for shard in range(plan["shards"])]
        return {
            Kind.USERS: sum(r["people"] for r in people),
            Kind.ENROLLMENTS: sum(r["enrolled"] for r in people),
            Kind.CLASSES: sum(r["classes_standing"] for r in classes),
        }

    def _newly_looked_at(self, one: Import, shard: int) -> Iterator[RosterUser]:
        """People who are new, came back, or whose role, address or Clever ids changed."""
        for old, new in self._lines(one, f"people-changes-{shard}"):
            if new is not None and (old is None or (old[1], old[4], old[6]) != (new[1], new[4], new[6])):
                yield roster_user(one.district_id, new)

    def _standing(self, one: Import, plan: Answer, name: str) -> Iterator[Any]:
        return self._s.files.lines(snapshot_key(one.district_id, plan["before"], name)) if plan["before"] else iter(())

    def _snapshot(self, one: Import, name: str) -> str:
        return snapshot_key(one.district_id, one.snapshot_id, name)

    def _work(self, one: Import, name: str) -> str:
        return work_key(one.district_id, one.run_id, name)

    def _lines(self, one: Import, name: str) -> Iterator[Any]:
        return self._s.files.lines(self._work(one, name))

    def _put(self, one: Import, name: str, value: Any) -> None:
        self._s.files.write_json(self._work(one, name), value)

    def _get(self, one: Import, name: str) -> Any:
        return self._s.files.read_json(self._work(one, name))


def _plan(plan: Answer) -> Plan:
    return Plan(plan["modes"], tuple(plan["keeps"]), plan["additions_only"])


def _superseded() -> dict[str, str]:
    return {"code": "superseded", "message": "A newer upload of this district was read; it counts instead of this one."}
