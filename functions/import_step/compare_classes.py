"""Classes: one shard's rows and who is in them, against the last applied snapshot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from functions.import_step.formats.format import Mode
from functions.import_step.plan import Plan
from functions.import_step.records import Block
from shared.domain.import_safety import Fate
from shared.domain.report import Counts, Kind, Note, Reject

type Record = list[Any]
"""A class as the snapshot holds it: [sourcedId, title, school, course, code, term, day after its last]."""


@dataclass(slots=True)
class ClassDiff:
    """What one shard of classes comes to; who is in them is seen when they are written (``members``)."""

    classes: Counts = field(default_factory=Counts)
    pairs: list[tuple[Record | None, Record | None]] = field(default_factory=list)
    """Every class, (before, after), where None stands for not there; in the order of their ids."""
    rejects: list[Reject] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    schools: dict[str, Fate] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    """Classes that are gone because their term is over."""


def diff_classes(blocks: Iterable[Block], snapshot: Iterable[Record], plan: Plan, *, on: str) -> ClassDiff:
    """Compare a shard's classes with the snapshot's. ``on`` is today in the district, YYYY-MM-DD."""
    result = ClassDiff()
    counts = result.classes
    before = {record[0]: record for record in snapshot}
    after, ended = _gather(blocks, plan, result)
    for class_id, read in after.items():
        counts.read += 1
        stood = before.get(class_id)
        if stood is None:
            counts.created += 1
        elif stood == read:
            counts.unchanged += 1
        else:
            counts.changed += 1
    put_off = 0
    for class_id, stood in before.items():
        if class_id in after:
            continue
        if plan.may_remove(Kind.CLASSES) or class_id in ended:
            counts.removed += 1
            counts.read += plan.mode(Kind.CLASSES) is Mode.DELTA
        else:
            after[class_id] = stood
            put_off += plan.mode(Kind.CLASSES) is Mode.BULK
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        result.pairs.append((old, new))
        if old:
            is_over = new is None and old[6] is not None and old[6] <= on
            if is_over:
                result.ended.add(key)
            fate = result.schools.setdefault(old[2] or "", Fate())
            fate.stood += 1
            fate.removed += new is None and not is_over
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


def _gather(blocks: Iterable[Block], plan: Plan, result: ClassDiff) -> tuple[dict[str, Record], set[str]]:
    after: dict[str, Record] = {}
    ended: set[str] = set()
    for _, file, column, rows, lines in blocks:
        for row, line in zip(rows, lines, strict=True):
            *record, removed = row
            class_id = record[0]
            if class_id in after or class_id in ended:
                result.rejects.append(
                    Reject(
                        file,
                        line,
                        column,
                        "class_twice",
                        "A class with this id was in an earlier row. Give every class an id of its own.",
                        class_id[:80],
                    )
                )
                result.classes.read += 1
                result.classes.rejected += 1
            elif removed:
                ended.add(class_id)
            else:
                after[class_id] = record
    if plan.additions_only:
        ended.clear()
    return after, ended
