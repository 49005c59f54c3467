"""From shards to changes: people and classes against what stands. Nothing but working files is written."""

from __future__ import annotations

import io
from collections.abc import Iterable
from functools import partial

from functions.import_step.class_history import HistoryDiff, Standing, TeachersMoved, follow
from functions.import_step.compare_classes import ClassDiff, diff_classes
from functions.import_step.compare_people import diff_people
from functions.import_step.formats.format import Mode
from functions.import_step.further_numbers import FurtherNumbers
from functions.import_step.import_context import ImportContext
from functions.import_step.many_objects import cycles_looked_for_seldom
from functions.import_step.memberships import is_about_a_teacher, moves
from functions.import_step.one_person import together_with
from functions.import_step.people_diff import PeopleDiff
from functions.import_step.plan import SHOWN, ClassesResult, First, Import, ImportPlan, PeopleResult, StepResult
from functions.import_step.records import References, digest_of
from functions.import_step.row_marks import mark_of, packed_people, unpacked_people
from functions.import_step.shards import class_shards_of, shard_of
from functions.import_step.shared_addresses import Identifiers, bearers
from functions.import_step.standing_classes import PassedClasses, class_count
from functions.import_step.standing_people import PassedOver, UntouchedRows
from functions.import_step.working_files import (
    ASIDE,
    BEARERS,
    CLASSES,
    CLASSES_RESULT,
    GIVEN_UP,
    HISTORY,
    ID_MAP,
    MEMBERS,
    MOVED,
    ONE_PERSON,
    PEOPLE,
    PEOPLE_RESULT,
    PLAN,
    SHARED_ADDRESSES,
    TEACHERS_MOVED,
    TOUCHED,
    WorkingFiles,
    differ,
)
from shared.domain.report import Counts, Kind


class Compare:
    """Each method is a step."""

    def __init__(self, context: ImportContext) -> None:
        self._context = context

    @cycles_looked_for_seldom()
    def people(self, import_: Import, shard: int) -> StepResult:
        """Compare one shard of people with the snapshot."""
        files = self._context.files(import_)
        plan = files.get(PLAN)
        rows = partial(files.people_blocks, plan)
        is_delta = plan.format["mode"] == Mode.DELTA
        found = files.get(ONE_PERSON) if plan.joins else []
        several = together_with(files.people_of_several_numbers(plan.before), found) if is_delta else found
        further = FurtherNumbers(several if is_delta else [])
        if shard == 0:
            files.write_people_of_several_numbers(plan, several)
        touched = files.get(TOUCHED) if plan.is_night else None
        try:
            result = diff_people(
                lambda: further.blocks(rows, shard, plan.shards) if is_delta and several else rows(shard),
                _standing_people(files, plan, shard),
                plan,
                partial(files.class_ids if plan.mode(Kind.CLASSES) is Mode.BULK else files.all_class_ids, plan),
                files.standing_lines(ASIDE, plan.before, shard, plan.shards) if plan.needs_aside else (),
                files.renumbered_ids(PEOPLE, plan, shard),
                files.get(ID_MAP).numbers() if plan.has_id_map and not plan.ids_settled else (),
                files.joined(plan, shard) if plan.joins else None,
                partial(files.classes_over, plan),
                packed_blocks=None if is_delta else partial(files.packed_people_blocks, plan, shard),
                touched=touched,
                pass_over=partial(_people_passed_over, files, plan, shard, touched.gone) if touched else None,
            )
        except UntouchedRows:
            nothing = dict.fromkeys(Kind, 0)
            none = PeopleResult(
                users=Counts(), enrollments=Counts(), notes=[], schools={}, reused=First(0, []), standing=nothing
            )
            none.is_doubtful = True
            files.put(PEOPLE_RESULT, none, f"{shard}{plan.round}")
            return self._context.part_done(import_, "people", shard, of=plan.shards)
        result.notes += further.notes(rows, shard)
        if plan.shared and not plan.round:
            files.write_holders(shard, result.holders, result.records_of_holders)
        files.write_shard(PEOPLE, plan, shard, result.standing, result.changes)
        if plan.reading:
            result.counted.size = len(result.standing)
            files.write_people_count(plan, shard, result.counted)
        files.write_aside(plan, shard, result.aside)
        everybody = map(PEOPLE.decode, io.BytesIO(result.standing)) if import_.preview else ()
        parts = bearers(result.changes, everybody, class_shards_of(plan.shards))
        if plan.moves_people:
            files.put(MOVED, result.moved, f"{shard}{plan.round}")
        files.put_for_each(BEARERS, f"{shard}{plan.round}", parts)
        if teachers := [change for change in result.changes if is_about_a_teacher(change)]:
            moved = moves(teachers, class_shards_of(plan.shards))
            files.put_for_each(TEACHERS_MOVED, f"{shard}{plan.round}", moved)
        files.write_rejects(PEOPLE, plan, shard, result.rejects)
        files.write_strangers(PEOPLE, plan, shard, result.strangers)
        files.put(
            PEOPLE_RESULT,
            PeopleResult(
                users=result.users,
                enrollments=result.enrollments,
                notes=result.notes,
                schools=result.schools,
                reused=First(len(result.reused), result.reused[:SHOWN]),
                standing={Kind.USERS: result.stand, Kind.ENROLLMENTS: result.enrolled},
                harm=result.hurt.harm,
                readdressed=result.readdressed,
                watched=None if result.watched is None else packed_people(map(mark_of, result.watched)),
                digest=_digest(plan, result) if import_.has_digest else "",
                stood=result.stood,
            ),
            f"{shard}{plan.round}",
        )
        return self._context.part_done(import_, "people", shard, of=plan.shards)

    def classes(self, import_: Import, shard: int) -> StepResult:
        """Compare one shard of classes with the snapshot; see who changed ids."""
        files = self._context.files(import_)
        plan = files.get(PLAN)
        references = files.references(plan)
        if shard == 0:
            files.write_references(plan, references.rows())
        try:
            passed = _passed_classes(files, plan, shard, references) if plan.passes_classes else None
            standing = passed.touched if passed else files.standing(CLASSES, plan.before, shard, plan.shards)
            result = diff_classes(files.class_blocks(plan, shard), standing, plan, references, on=plan.on)
            if passed:
                passed.count_into(result)
        except UntouchedRows:
            counts = Counts()
            nothing = dict.fromkeys((Kind.CLASSES, Kind.ENROLLMENTS), 0)
            none = ClassesResult(classes=counts, notes=[], schools={}, ended=nothing, ended_by_school={}, standing={})
            none.is_doubtful = True
            files.put(CLASSES_RESULT, none, f"{shard}{plan.round}")
            return self._context.part_done(import_, "classes", shard, of=class_shards_of(plan.shards))
        if passed:
            changed = (pair for pair in result.pairs if differ(pair))
            files.write_shard(CLASSES, plan, shard, passed.standing(result), changed)
        else:
            files.write_pairs(CLASSES, plan, shard, result.pairs)
        files.write_rejects(CLASSES, plan, shard, result.rejects)
        noted = set[str]()
        if plan.before:
            followed = self._follow_history(import_, files, plan, shard, result, references, passed)
            result.notes += followed.notes
            noted = {each.sourced_id for each in followed.history}
        if plan.classes_reading:
            files.write_class_count(plan, shard, class_count(result, references, noted, passed))
        if plan.before:
            exchanged = _exchanged(files, plan, shard, result) if plan.has_id_map and not plan.ids_settled else ()
            files.write_strangers(CLASSES, plan, shard, result.strangers(exchanged))
        identifiers = Identifiers(files.from_all(BEARERS, plan, shard))
        files.put(SHARED_ADDRESSES, identifiers.shared_addresses(), shard)
        if given_up := identifiers.given_up():
            files.put(GIVEN_UP, given_up, f"{shard}{plan.round}")
        ended = _ended_enrollments(files, plan, shard, result)
        files.put(
            CLASSES_RESULT,
            ClassesResult(
                classes=result.classes,
                notes=result.notes,
                schools=result.schools,
                ended={Kind.CLASSES: len(result.ended), Kind.ENROLLMENTS: sum(ended.values())},
                ended_by_school=ended,
                standing={Kind.CLASSES: result.stand},
                school_year=result.school_year,
                digest=digest_of(pair for pair in result.pairs if pair[0] != pair[1]) if import_.has_digest else "",
                stood=result.stood,
            ),
            f"{shard}{plan.round}",
        )
        return self._context.part_done(import_, "classes", shard, of=class_shards_of(plan.shards))

    @staticmethod
    def _follow_history(
        import_: Import,
        files: WorkingFiles,
        plan: ImportPlan,
        shard: int,
        result: ClassDiff,
        references: References,
        passed: PassedClasses | None,
    ) -> HistoryDiff:
        """See which classes of a shard are past with this import, and which are others than before."""
        standing = Standing(
            files.standing_members(plan, plan.before, shard),
            partial(files.standing_terms, plan),
            partial(files.from_all, TEACHERS_MOVED, plan, shard),
        )
        history = [*files.standing(HISTORY, plan.before, shard, plan.shards)]
        pairs = result.pairs
        if passed:
            passed.look_at((each.sourced_id for each in history), plan.on)
            pairs = [*pairs, *((record, record) for record in passed.looked_at)]
        followed = follow(pairs, history, standing, references, plan, import_.import_id)
        files.write_history(plan, shard, followed.history)
        files.write_past(plan, shard, followed.past)
        return followed


def _standing_people(files: WorkingFiles, plan: ImportPlan, shard: int) -> Iterable[bytes] | None:
    """The lines of everybody who stands, where they are all compared; None where nothing was ever applied."""
    if plan.before is None:
        return None
    return () if plan.is_night else files.standing_lines(PEOPLE, plan.before, shard, plan.shards)


def _people_passed_over(
    files: WorkingFiles, plan: ImportPlan, shard: int, gone: Iterable[str], named: Iterable[str]
) -> PassedOver:
    """Those of whom no row is read: all but the ``named`` ones, and whoever of the shard is among the ``gone``."""
    left = (key for key in gone if shard_of(key, plan.shards) == shard)
    counted = files.people_count(plan.before, shard, plan.shards)
    return PassedOver(files.standing_body(PEOPLE, plan.before, shard), counted, {*named, *left})


def _passed_classes(files: WorkingFiles, plan: ImportPlan, shard: int, references: References) -> PassedClasses:
    """The classes of which no row is read. Raises UntouchedRows where that cannot be."""
    body = files.standing_body(CLASSES, plan.before, shard)
    touched = unpacked_people(files.get(TOUCHED).classes or b"")
    return PassedClasses(body, files.class_count(plan.before, shard, plan.shards), touched, references)


def _digest(plan: ImportPlan, result: PeopleDiff) -> str:
    """Of the people of a shard who change; where nobody stood, of everybody."""
    return digest_of(result.changes, b"" if plan.before else bytes(result.standing))


def _exchanged(files: WorkingFiles, plan: ImportPlan, shard: int, result: ClassDiff) -> set[str]:
    """The ids that a map gives from one class to another, where the upload says so, too: of the class, or of its teachers.

    On later nights the same map says nothing new.
    """
    mapped = files.get(ID_MAP).exchanged_classes()
    if not mapped:
        return set()
    teachers = TeachersMoved.of(files.from_all(TEACHERS_MOVED, plan, shard))
    both = ((old, new) for old, new in result.pairs if old and new and old.sourced_id in mapped)
    return {old.sourced_id for old, new in both if old.sourced_id in teachers.came or not old.acts_like(new)}


def _ended_enrollments(files: WorkingFiles, plan: ImportPlan, shard: int, result: ClassDiff) -> dict[str, int]:
    """By school, how many enrollments stood in classes that are gone because their term is over."""
    schools = {old.sourced_id: old.school_id for old, _ in result.pairs if old and old.sourced_id in result.ended}
    enrolled: dict[str, int] = {}
    if schools:
        for members in files.standing(MEMBERS, plan.before, shard, plan.shards):
            if members.class_id in schools:
                school = schools[members.class_id] or ""
                number = len(members.teachers) + len(members.students)
                enrolled[school] = enrolled.get(school, 0) + number
    return enrolled
