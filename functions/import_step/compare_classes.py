"""Classes: one shard's rows, against the last applied snapshot."""

from __future__ import annotations

from collections.abc import Container, Iterable
from copy import copy
from dataclasses import dataclass, field

from functions.import_step import deletion_notes
from functions.import_step.formats.format import Mode
from functions.import_step.plan import ImportPlan
from functions.import_step.records import ClassRecord, ClassRow, References
from functions.import_step.shards import ClassesBlock
from shared.domain.harm import Fate
from shared.domain.report import Counts, Kind, Note, Reject, Tally


@dataclass(slots=True)
class ClassDiff:
    """What one shard of classes comes to; who is in them is seen when they are written (``members``)."""

    classes: Counts = field(default_factory=Counts)
    pairs: list[tuple[ClassRecord | None, ClassRecord | None]] = field(default_factory=list)
    """Every class, (before, after), where None stands for not there; in the order of their ids. Not those that are passed over
    (``standing_classes``)."""
    stand: int = 0
    """How many there are afterwards."""
    rejects: list[Reject] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    schools: dict[str, Fate] = field(default_factory=dict)
    stood: dict[str, int] = field(default_factory=dict)
    """By school: the classes that are passed over, which are as they were; they are not among ``schools``."""
    ended: set[str] = field(default_factory=set)
    """Classes that are gone because their term is over."""
    school_year: str = ""
    """The latest one that a class of the upload is of; of a delta, any class."""
    kept: set[str] = field(default_factory=set)
    """Classes that are missing and stay, because their removal is put off."""

    def strangers(self, exchanged: Container[str] = ()) -> list[tuple[ClassRecord | None, ClassRecord | None]]:
        """Which classes are gone, (before, None), and which came, (None, after); ids that are ``exchanged`` name another class than
        before, and are both."""
        both = [(old, new) for old, new in self.pairs if old and new and old.sourced_id in exchanged]
        gone = ((old, None) for old, new in self.pairs if old and (new is None or old.sourced_id in self.kept))
        came = ((None, new) for old, new in self.pairs if old is None)
        return [*gone, *((old, None) for old, _ in both), *came, *((None, new) for _, new in both)]


def diff_classes(
    blocks: Iterable[ClassesBlock],
    snapshot: Iterable[ClassRecord],
    plan: ImportPlan,
    references: References,
    *,
    on: str,
) -> ClassDiff:
    """Compare a shard's classes with the snapshot's. ``on`` is today in the district, YYYY-MM-DD.

    Classes that no row is about follow their course and their terms, too.
    """
    result = ClassDiff()
    before = {record.sourced_id: record for record in snapshot}
    after, removed, untold, several = _gather(blocks, before, references, plan, result)
    if plan.mode(Kind.CLASSES) is Mode.DELTA:
        after = {key: before[key].after(told) if key in before else told for key, told in after.items()}
    _keep_untold(before, after, untold, result)
    if plan.mode(Kind.CLASSES) is Mode.BULK:
        _keep_unknown(before, after, references)
    is_delta = plan.mode(Kind.CLASSES) is Mode.DELTA
    for record in after.values() if is_delta or untold else several:
        references.settle(record)
    result.school_year = max(map(references.school_year_of, after.values()), default="")
    _count_read(result.classes, before, after)
    result.kept = _remove_missing(result.classes, before, after, removed, plan)
    _let_follow(before, after, references, plan, result)
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        result.pairs.append((old, new))
        result.stand += new is not None
        if old:
            is_over = new is None and old.is_over(on)
            if is_over:
                result.ended.add(key)
            fate = result.schools.setdefault(old.school_id or "", Fate())
            fate.stood += 1
            fate.removed += new is None and not is_over
    if result.kept:
        result.notes.append(
            Note(
                "class_removals_put_off",
                "Classes that are missing were kept, because the district takes additions only at this time."
                if plan.additions_only
                else "Classes that are missing were kept, because rows of the file were rejected.",
                count=len(result.kept),
            )
        )
    return result


def _keep_untold(
    before: dict[str, ClassRecord],
    after: dict[str, ClassRecord],
    untold: dict[str, tuple[str, ...]],
    result: ClassDiff,
) -> None:
    """Let classes of a whole roster keep the terms or courses of which it says nothing any more."""
    kept = sum(after[key].keep(before[key], names) for key, names in untold.items() if key in before and key in after)
    if kept:
        message = "Classes keep the terms or courses that they had: their file has no column for them."
        result.notes.append(Note("kept_untold", message, count=kept))


def _keep_unknown(before: dict[str, ClassRecord], after: dict[str, ClassRecord], references: References) -> None:
    """Let classes whose terms or course are in no file keep the end and the titles that they had: that a file was cut off ends
    no class, and makes none current again."""
    for key, record in after.items():
        stood = before.get(key)
        if stood is None:
            continue
        if record.term_ids and references.terms.keys().isdisjoint(record.term_ids):
            record.keep(stood, ("term_title", "ends_on"))
        if record.course_id and record.course_id not in references.courses:
            record.keep(stood, ("course_title",))


def _count_read(counts: Counts, before: dict[str, ClassRecord], after: dict[str, ClassRecord]) -> None:
    for class_id, read in after.items():
        counts.read += 1
        stood = before.get(class_id)
        if stood is None:
            counts.created += 1
        elif stood.acts_like(read):
            counts.unchanged += 1
        else:
            counts.changed += 1


def _remove_missing(
    counts: Counts,
    before: dict[str, ClassRecord],
    after: dict[str, ClassRecord],
    removed: set[str],
    plan: ImportPlan,
) -> set[str]:
    """Count those that are removed, and keep the others in ``after``. Return those whose removal is put off."""
    put_off = set()
    for class_id, stood in before.items():
        if class_id in after:
            continue
        if plan.may_remove(Kind.CLASSES) or class_id in removed:
            counts.removed += 1
            counts.read += plan.mode(Kind.CLASSES) is Mode.DELTA
        else:
            after[class_id] = stood
            if plan.mode(Kind.CLASSES) is Mode.BULK:
                put_off.add(class_id)
    return put_off


def _let_follow(
    before: dict[str, ClassRecord],
    after: dict[str, ClassRecord],
    references: References,
    plan: ImportPlan,
    result: ClassDiff,
) -> None:
    """Let classes that stay as they stood follow their course and their terms."""
    followed = 0
    for class_id, stood in before.items():
        if after.get(class_id) is not stood:
            continue
        record = after[class_id] = copy(stood)
        references.settle(record)
        if plan.mode(Kind.CLASSES) is not Mode.BULK:
            result.school_year = max(result.school_year, references.school_year_of(record))
        followed += not record.acts_like(stood)
    if followed:
        result.classes.read += followed
        result.classes.changed += followed
        message = "Classes that no row is about follow their course or their term, which changed."
        result.notes.append(Note("classes_follow", message, count=followed))


def _gather(
    blocks: Iterable[ClassesBlock],
    before: Container[str],
    references: References,
    plan: ImportPlan,
    result: ClassDiff,
) -> tuple[dict[str, ClassRecord], set[str], dict[str, tuple[str, ...]], list[ClassRecord]]:
    """The classes of the upload by their ids, the ids of those that it only marks as removed, of which fields of a class its file
    says nothing, and those classes that several rows tell: what their terms say together is not settled yet."""
    untold: dict[str, tuple[str, ...]] = {}
    first: dict[str, ClassRow] = {}
    more: dict[str, list[ClassRow]] = {}
    removed: set[str] = set()
    notes = Tally()
    for block in blocks:
        for row, line in zip(block.rows, block.lines, strict=True):
            class_id = row.sourced_id
            if row.removed:
                removed.add(class_id)
                if plan.mode(Kind.CLASSES) is Mode.DELTA and class_id not in before:
                    _count_not_there(result, notes, block.file, line)
                continue
            references.settle(row)
            _tell_unknown(row, references, notes, block.file, line)
            if block.untold:
                untold[class_id] = block.untold
            known = first.setdefault(class_id, row)
            if known is row:
                continue
            if row.is_another_than(known):
                result.rejects.append(_class_twice(block, class_id, line))
                result.classes.read += 1
                result.classes.rejected += 1
                continue
            more.setdefault(class_id, [known]).append(row)
            notes.tell("several_rows_per_class", _SEVERAL_ROWS, block.file, line)
    result.notes += notes.notes()
    after = {class_id: ClassRecord.of(row) for class_id, row in first.items()}
    of_several = {class_id: ClassRecord.of_rows(rows) for class_id, rows in more.items()}
    after |= of_several
    # Whoever deletes a class and adds it again in one upload has it.
    removed -= after.keys()
    if plan.additions_only:
        removed.clear()
    return after, removed, untold, [*of_several.values()]


def _count_not_there(result: ClassDiff, notes: Tally, file: str, line: int) -> None:
    """Count a row that deletes a class that is not there."""
    notes.tell(deletion_notes.CODE, deletion_notes.MESSAGE, file, line)
    result.classes.read += 1
    result.classes.unchanged += 1


def _tell_unknown(row: ClassRow, references: References, notes: Tally, file: str, line: int) -> None:
    """Tell of a course or a term that a row names and no file has, where any are known."""
    if row.course_id and references.courses and row.course_id not in references.courses:
        notes.tell("unknown_course", _UNKNOWN_COURSE, file, line)
    if references.terms and not references.terms.keys() >= set(row.term_ids):
        notes.tell("unknown_term", _UNKNOWN_TERM, file, line)


_UNKNOWN_COURSE = "Classes name courses that no courses.csv has; their titles are not known. Add them."
_UNKNOWN_TERM = "Classes name terms that no academicSessions.csv has; such classes have no end. Add them."
_SEVERAL_ROWS = "Classes on several rows, one for each term or the same one twice, were read as one class each."


def _class_twice(block: ClassesBlock, class_id: str, line: int) -> Reject:
    message = "A class with this id was in an earlier row. Give every class an id of its own."
    return Reject(block.file, line, block.column, "class_twice", message, class_id[:80])
