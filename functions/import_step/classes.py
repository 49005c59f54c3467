"""Classes: one shard's rows and who is in them, against the last applied snapshot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from functions.import_step.formats import Kind, Mode
from functions.import_step.people import Plan
from shared.report import Counts, Note
from shared.roster import DistrictClass

type Record = list[Any]
"""A class as the snapshot holds it: [sourcedId, title, school, course, code, term, [teachers], [students]], sorted."""


@dataclass(slots=True)
class ClassDiff:
    """What one shard of classes comes to. A class whose people alone changed counts as unchanged, and is written."""

    classes: Counts = field(default_factory=Counts)
    changes: list[tuple[Record | None, Record | None]] = field(default_factory=list)
    standing: list[Record] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


def diff_classes(
    rows: Iterable[list[Any]], members: Iterable[list[str]], snapshot: Iterable[Record], plan: Plan
) -> ClassDiff:
    """Compare a shard's classes with the snapshot's; ``members`` are [class id, "t" or "s", sourcedId]."""
    result = ClassDiff()
    counts = result.classes
    before = {record[0]: record for record in snapshot}
    after: dict[str, Record] = {}
    ended: set[str] = set()
    for _, class_id, title, school, course, code, term, removed in rows:
        if removed:
            if not plan.additions_only:
                ended.add(class_id)
            continue
        after[class_id] = [class_id, title, school, course, code, term, [], []]
        counts.read += 1
        old = before.get(class_id)
        if old is None:
            counts.created += 1
        elif old[:6] == after[class_id][:6]:
            counts.unchanged += 1
        else:
            counts.changed += 1
    put_off = 0
    for class_id, old in before.items():
        if class_id in after:
            continue
        if plan.may_remove(Kind.CLASSES) or class_id in ended:
            counts.removed += 1
            counts.read += plan.mode(Kind.CLASSES) is Mode.DELTA
        else:
            after[class_id] = [*old[:6], [], []]
            put_off += plan.mode(Kind.CLASSES) is Mode.BULK
    for class_id, role, sourced_id in members:
        if class_id in after:
            after[class_id][6 if role == "t" else 7].append(sourced_id)
    for key in sorted({*before, *after}):
        new = after.get(key)
        if new is not None:
            new[6], new[7] = sorted(set(new[6])), sorted(set(new[7]))
            result.standing.append(new)
        if before.get(key) != new:
            result.changes.append((before.get(key), new))
    if put_off:
        result.notes.append(
            Note(
                "class_removals_put_off",
                "Classes that are missing were kept, because the district takes additions only at this time."
                if plan.additions_only
                else "Classes that are missing were kept, because rows of the file were rejected.",
                count=put_off,
            )
        )
    return result


def district_class(district_id: str, record: Record) -> DistrictClass:
    """The class that a record of the snapshot is."""
    class_id, title, school, course, code, term, teachers, students = record
    return DistrictClass(district_id, class_id, title, school, course, code, term, tuple(teachers), tuple(students))
