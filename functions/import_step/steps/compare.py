"""From shards to changes: people, classes, gate. Nothing but working files is written."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

from functions.import_step.compare_classes import diff_classes
from functions.import_step.compare_people import diff_people
from functions.import_step.formats.format import Mode
from functions.import_step.id_changes import Identities, Proof
from functions.import_step.import_context import Workbench
from functions.import_step.plan import _SHOWN, Answer, Import, go_on, kept_with, notes_json, plan_of
from functions.import_step.shards import class_shards_of
from shared.domain.import_safety import Fate, Outlook, held_because, rollover_of
from shared.domain.report import Counts, Kind, Note, Status, merged_notes
from shared.stores.import_files import packed, snapshot_key, unpacked


class Comparing:
    """Each method is a step."""

    def __init__(self, bench: Workbench) -> None:
        self._b = bench

    def people(self, one: Import, shard: int) -> Answer:
        """Compare one shard of people with the snapshot."""
        plan = self._b.get(one, "plan")
        if one.roll_back:
            return self._exchange(one, plan, "people", shard)
        class_ids = None
        if plan["modes"][Kind.CLASSES] == Mode.BULK:
            class_ids = partial(self._class_ids, one, plan)
        result = diff_people(
            lambda: self._blocks(one, plan, "people", shard),
            self._b.standing_lines(one, plan["before"], "people", shard, plan["shards"]) if plan["before"] else None,
            plan_of(plan),
            class_ids,
        )
        self._write_compared(one, plan, "people", shard, result.standing, result.changes)
        identities = Identities(result.changes, map(unpacked, io.BytesIO(result.standing)) if one.preview else ())
        self._b.put_for_each(
            one, f"identities-{shard}{plan['round']}", identities.parts(class_shards_of(plan["shards"]))
        )
        self._write_rejects(one, plan, "people", shard, result.rejects)
        self._b.put(
            one,
            f"people-result-{shard}{plan['round']}",
            {
                Kind.USERS: asdict(result.users),
                Kind.ENROLLMENTS: asdict(result.enrollments),
                "notes": notes_json(result.notes),
                "schools": {
                    school: [asdict(people), asdict(enrollments)]
                    for school, (people, enrollments) in result.schools.items()
                },
                "reused": [len(result.reused), result.reused[:_SHOWN]],
                "standing": {
                    Kind.USERS: result.stand,
                    Kind.ENROLLMENTS: result.enrolled,
                },
            },
        )
        return self._b.part_done(one, "people", shard, of=plan["shards"])

    def _blocks(self, one: Import, plan: Answer, kind: str, shard: int) -> Iterator[Any]:
        for part in range(plan["parts"]):
            yield from self._b.lines(one, f"{kind}-part-{part}", plan[kind][part][shard])

    def _class_ids(self, one: Import, plan: Answer) -> Iterator[list[str]]:
        for part in range(plan["parts"]):
            yield self._b.files.texts(self._b.work(one, f"class-ids-{part}"))

    def _write_pairs(self, one: Import, plan: Answer, kind: str, shard: int, pairs: list[Any]) -> None:
        standing = bytearray()
        for _, new in pairs:
            if new is not None:
                standing += packed(new)
        changes = [(old, new) for old, new in pairs if old != new]
        self._write_compared(one, plan, kind, shard, standing, changes)

    def _write_compared(
        self, one: Import, plan: Answer, kind: str, shard: int, standing: bytearray, changes: list[Any]
    ) -> None:
        """The shard of the next snapshot, and what differs; where nothing stood, that is all of it, and not said twice."""
        self._b.files.write(snapshot_key(one.district_id, plan["snapshot_id"], f"{kind}-{shard}"), standing)
        if plan["before"]:
            self._b.files.write_lines(self._b.work(one, f"{kind}-changes-{shard}{plan['round']}"), changes)

    def _write_rejects(self, one: Import, plan: Answer, kind: str, shard: int, rejects: list[Any]) -> None:
        order = {file: number for number, file in enumerate(plan["files"])}
        rejects = sorted(rejects, key=lambda reject: (order[reject.file], reject.line))
        self._b.files.write_lines(self._b.work(one, f"{kind}-rejects-{shard}{plan['round']}"), rejects)

    def classes(self, one: Import, shard: int) -> Answer:
        """Compare one shard of classes with the snapshot; see who changed ids."""
        plan = self._b.get(one, "plan")
        if one.roll_back:
            return self._exchange(one, plan, "classes", shard)
        result = diff_classes(
            self._blocks(one, plan, "classes", shard),
            self._b.standing(one, plan["before"], "classes", shard, plan["shards"]),
            plan_of(plan),
            on=plan["on"],
        )
        self._write_pairs(one, plan, "classes", shard, result.pairs)
        self._write_rejects(one, plan, "classes", shard, result.rejects)
        proof = Proof(self._b.from_all(one, plan, "identities", shard))
        self._b.put(one, f"shared-addresses-{shard}", proof.shared_addresses())
        proposals = proof.proposals()
        ended = self._enrolled_in(
            one, plan, shard, {old[0]: old[2] for old, _ in result.pairs if old and old[0] in result.ended}
        )
        self._b.put(
            one,
            f"classes-result-{shard}{plan['round']}",
            {
                Kind.CLASSES: asdict(result.classes),
                "notes": notes_json(result.notes),
                "schools": {school: asdict(fate) for school, fate in result.schools.items()},
                "ended": {
                    Kind.CLASSES: len(result.ended),
                    Kind.ENROLLMENTS: sum(ended.values()),
                },
                "ended_by_school": ended,
                "proposals": [len(proposals), proposals[:_SHOWN]],
                "standing": {Kind.CLASSES: sum(new is not None for _, new in result.pairs)},
            },
        )
        return self._b.part_done(one, "classes", shard, of=class_shards_of(plan["shards"]))

    def _enrolled_in(self, one: Import, plan: Answer, shard: int, schools: dict[str, str | None]) -> dict[str, int]:
        """By school, how many enrollments these classes of the standing snapshot have; ``schools`` are the classes'."""
        enrolled: dict[str, int] = {}
        if schools:
            for class_id, teachers, students in self._b.standing(one, plan["before"], "members", shard, plan["shards"]):
                if class_id in schools:
                    school = schools[class_id] or ""
                    enrolled[school] = enrolled.get(school, 0) + len(teachers) + len(students)
        return enrolled

    def _exchange(self, one: Import, plan: Answer, kind: str, shard: int) -> Answer:
        """For a roll-back: the records of the snapshot before take the place of those that stand."""
        shards = plan["shards"]
        now = {record[0]: record for record in self._b.standing(one, plan["before"], kind, shard, shards)}
        then = {record[0]: record for record in self._b.standing(one, plan["restored"], kind, shard, shards)}
        pairs = [(now.get(key), then.get(key)) for key in sorted({*now, *then})]
        self._write_pairs(one, plan, kind, shard, pairs)
        return {"shard": shard}

    def gate(self, one: Import) -> Answer:
        """Whether the import may write (M3). Answers ``{"next": "people" | "apply" | "match" | "finish", "shards": […]}``.

        ``people`` once more where rows turned out to name nobody: then nothing of their kind may be removed anywhere (M2).
        """
        plan = self._b.get(one, "plan")
        onwards = go_on("apply", plan["shards"])
        if one.roll_back:
            return onwards
        totals = self._totals(one, plan)
        keeps = sorted(kept_with(plan["keeps"], (kind for kind in Kind if totals["counts"][kind]["rejected"])))
        if keeps != plan["keeps"]:
            again = {"keeps": keeps, "round": "-again", "snapshot_id": f"{one.snapshot_id}-again"}
            self._b.put(one, "plan", {**plan, **again})
            return go_on("people", plan["shards"])
        district = self._b.district(one)
        before = self._b.ledger.snapshot(one.district_id)
        outlook = Outlook(
            {kind: Counts(**totals["counts"][kind]) for kind in Kind},
            before.standing if before else {},
            {s: {Kind(k): Fate(**fate) for k, fate in fates.items()} for s, fates in totals["schools"].items()},
            totals["ended"],
            totals["reused"],
            tuple(totals["reused_ids"]),
            rollover_of(before, plan["school_year"], district, plan["on"]),
            plan["header_only"],
        )
        if outlook.rollover:
            totals["rollover"] = asdict(outlook.rollover)
        self._b.put(one, "totals", totals)
        reason = held_because(outlook, district)
        if reason and not one.approved:
            answer = self._b.end(one, Status.HELD, reason)
        elif not one.preview and self._b.ledger.newer_than(one.district_id, one.upload):
            return self._b.superseded(one)
        else:
            answer = onwards
        # A preview says what would be matched and mailed, too (B1).
        return go_on("match", plan["shards"]) if one.preview else answer

    def _totals(self, one: Import, plan: Answer) -> Answer:
        """What all shards came to."""
        counts = {kind: Counts(read=plan["rejected"][kind], rejected=plan["rejected"][kind]) for kind in Kind}
        standing = dict.fromkeys(Kind, 0)
        notes = [Note(**note) for note in plan["notes"]]
        schools: dict[str, dict[str, Fate]] = {}
        reused: list[str] = []
        reused_number = 0
        proposals: list[Any] = []
        proposed = 0
        ended = {Kind.CLASSES: 0, Kind.ENROLLMENTS: 0}
        shards = plan["shards"]
        for name, number in (("people", shards), ("classes", class_shards_of(shards))):
            for shard in range(number):
                result = self._b.get(one, f"{name}-result-{shard}{plan['round']}")
                notes += [Note(**note) for note in result["notes"]]
                for kind, stands in result["standing"].items():
                    standing[Kind(kind)] += stands
                    counts[Kind(kind)] += Counts(**result[kind])
                for school, fates in result["schools"].items():
                    kinds = (Kind.USERS, Kind.ENROLLMENTS) if name == "people" else (Kind.CLASSES,)
                    for kind, fate in zip(kinds, fates if name == "people" else (fates,), strict=True):
                        known = schools.setdefault(school, {}).setdefault(kind, Fate())
                        known.stood += fate["stood"]
                        known.removed += fate["removed"]
                if name == "people":
                    reused_number += result["reused"][0]
                    reused += result["reused"][1]
                else:
                    for kind in ended:
                        ended[kind] += result["ended"][kind]
                    for school, number_ended in result["ended_by_school"].items():
                        fate = schools.setdefault(school, {}).setdefault(Kind.ENROLLMENTS, Fate())
                        fate.removed = max(0, fate.removed - number_ended)
                    proposed += result["proposals"][0]
                    proposals += result["proposals"][1]
        if ended[Kind.CLASSES]:
            message = (
                "Classes of a term that is over are no longer in the roster; they do not count as removed by mistake."
            )
            notes.append(Note("term_ended", message, count=ended[Kind.CLASSES]))
        if proposed:
            message = (
                "Ids that are gone seem to have come back as others, with the same address or Clever id; see proposals."
            )
            notes.append(Note("sourced_id_changed", message, count=proposed))
        return {
            "counts": {kind: asdict(count) for kind, count in counts.items()},
            "standing": standing,
            "notes": notes_json(merged_notes(notes)),
            "schools": {s: {kind: asdict(f) for kind, f in kinds.items()} for s, kinds in schools.items()},
            "reused": reused_number,
            "reused_ids": reused[:5],
            "ended": ended,
            "proposals": sorted(proposals, key=lambda one: (one["from"], one["to"]))[:_SHOWN],
            "rollover": None,
        }
