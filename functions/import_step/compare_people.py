"""People: one shard's rows against the last applied snapshot: who is created, changed, removed, unchanged (M4, M5)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import chain

from msgspec.json import Decoder
from msgspec.structs import replace

from functions.import_step.formats.format import Mode
from functions.import_step.id_changes import with_kinds
from functions.import_step.merge_people import join_people
from functions.import_step.one_person import has_address_of
from functions.import_step.people_diff import PeopleDiff
from functions.import_step.person_enrollments import EnrollmentComparison, Enrollments
from functions.import_step.person_roles import ToldPeople
from functions.import_step.plain_people import PlainPeople, take_plain_people
from functions.import_step.plan import ImportPlan, Touched
from functions.import_step.records import TEACHING, PersonRecord, packed, sourced_id_of
from functions.import_step.row_marks import mark_of, unpacked_people
from functions.import_step.rows_by_person import RowsByPerson, rows_by_person
from functions.import_step.shards import AnyPeopleBlock, PackedPeople, PeopleBlock
from functions.import_step.standing_people import PassedOver, UntouchedRows
from functions.import_step.unusable_rows import reject_dangling, reject_what_is_too_much, reject_without_role
from shared.domain.id_changes import may_follow
from shared.domain.ordinary_nights import Hurt
from shared.domain.report import Kind, Note
from shared.domain.roster import Role, number_of

_unpacked = Decoder(PersonRecord).decode


def diff_people(
    blocks: Callable[[], Iterable[AnyPeopleBlock]],
    snapshot: Iterable[bytes] | None,
    plan: ImportPlan,
    class_ids: Callable[[], Iterable[list[str]]] = tuple,
    aside: Iterable[bytes] = (),
    renumbered: Collection[str] = (),
    mapped: Collection[str] = (),
    joined: tuple[dict[str, list[PersonRecord]], set[str]] | None = None,
    over: Callable[[], frozenset[str]] = frozenset,
    *,
    packed_blocks: Callable[[], Iterable[AnyPeopleBlock | PackedPeople]] | None = None,
    touched: Touched | None = None,
    pass_over: Callable[[Iterable[str]], PassedOver] | None = None,
) -> PeopleDiff:
    """Compare a shard's rows with the snapshot's people.

    In bulk, who is missing is removed, unless rows of the file were rejected: then the removal is put off (M2).
    ``blocks`` gives the rows as often as it is called; ``snapshot`` is None where nothing was ever applied; ``class_ids``
    gives the ids of the classes that enrollments may name, list by list;
    ``aside`` are people of the snapshot without a role for which anything is done, where the upload may be about them;
    ``renumbered`` are those who count as changed even where they are as they were: their numbers are new in the table;
    ``mapped`` are the numbers in a map of old and new ones, which may have changed places;
    ``joined`` are the other numbers of people in the shard, and the numbers of the shard that are another's (``one_person``).

    ``packed_blocks`` gives the same rows as ``blocks``, those about people as they are packed.
    ``over`` gives the ids of the classes that stand and have ended; it is called where many people lose classes.

    ``touched`` says of whom there are rows, where the others are as they were (``night``); then ``snapshot`` is empty, and
    ``pass_over`` gives the others, when it is told of whom rows are read. Raises UntouchedRows where that cannot be.

    Most people are as they were. Their line of the snapshot is compared as it lies there, and never unpacked.
    """
    result = PeopleDiff()
    known_aside = {sourced_id_of(line): line for line in aside}
    stays_packed = packed_blocks and joined is None and _says_all_of_people(plan)
    shared = set() if plan.round or plan.moves_people else set(plan.shared)
    seen = rows_by_person(
        packed_blocks() if packed_blocks and stays_packed else blocks(),
        tells_roles_with_people=plan.tells_roles_with_people,
        shared=shared,
    )
    passed = _passed_over(touched, set(seen.named()), pass_over) if touched and pass_over else None
    before = dict(passed.touched) if passed else {sourced_id_of(line): line for line in snapshot or ()}
    reject_without_role(seen, blocks, plan, result)
    adds_to = before if plan.mode(Kind.ENROLLMENTS) is not Mode.BULK else {}
    reject_what_is_too_much(seen, blocks, result, adds_to)
    result.rejects += seen.others
    result.users.read += len(seen.others)
    result.users.rejected += len(seen.others)
    nameless = {key for key in seen.named_by_roles & known_aside.keys() if not _unpacked(known_aside[key]).has_name()}
    standing = before.keys() | known_aside.keys()
    reject_dangling(seen, blocks, plan, class_ids, result, standing - nameless)
    is_delta = plan.mode(Kind.USERS) is not Mode.BULK
    if is_delta:
        named = seen.removed | seen.roles.keys() | {*chain.from_iterable(seen.ended.values())}
        seen.not_there.people = named - standing - seen.people.keys()
    if plan.additions_only:
        result.put_off += len(seen.removed & before.keys())
        seen.removed.clear()
        seen.ended.clear()
    if plan.moves_people:
        before = with_kinds(before.values(), seen.people)
        result.moved = list(before)
    if joined:
        join_people(seen, before, blocks, result, *joined, is_delta=is_delta)
    others = {*renumbered, *known_aside}
    plain = take_plain_people(seen, before, result, others=others, is_first=snapshot is None, shared=shared)
    comparison = _Comparison(seen, plan, result, known_aside, None if snapshot is None else renumbered, mapped)
    comparison.compare_all(before, plain, passed, shared)
    plain.count_into(result)
    if passed and touched:
        passed.count_into(result, shared, unpacked_people(touched.sharers))
    for person in result.hurt.counted_fewer(over):
        for school in person.school_ids:
            result.fates(school)[0].hurt += 1
    comparison.add_notes(blocks)
    result.watched = comparison.watched()
    return result


def _says_all_of_people(plan: ImportPlan) -> bool:
    """Whether a person's rows in users.csv and enrollments.csv say all that becomes of the person."""
    is_whole = plan.tells_roles_with_people and plan.mode(Kind.ENROLLMENTS) is Mode.BULK
    return is_whole and not (plan.needs_roles or plan.moves_people)


def _passed_over(touched: Touched, named: set[str], pass_over: Callable[[Iterable[str]], PassedOver]) -> PassedOver:
    """The people of whom no row is read; there are rows of those who are ``named``. Raises UntouchedRows where the others may not
    be as they were."""
    if not unpacked_people(touched.people).issuperset(map(mark_of, named)):
        raise UntouchedRows
    passed = pass_over(named)
    if passed.name_any({*touched.gone_classes}):
        raise UntouchedRows
    return passed


class _Comparison:
    """Compares person by person."""

    def __init__(
        self,
        seen: RowsByPerson,
        plan: ImportPlan,
        result: PeopleDiff,
        aside: dict[str, bytes],
        renumbered: Collection[str] | None,
        mapped: Collection[str],
    ) -> None:
        """``renumbered`` is None where nothing stood before: then nobody changes."""
        self._seen = seen
        self._plan = plan
        self._result = result
        self._aside = aside
        self._notes_changes = renumbered is not None
        self._renumbered = renumbered or ()
        self._mapped = mapped
        self._told = ToldPeople(seen, plan)
        self._named = Enrollments(seen)
        self._enrollments = EnrollmentComparison(self._named, seen, plan, result)
        self._replaces_all = plan.mode(Kind.ENROLLMENTS) is Mode.BULK and plan.tells_roles_with_people
        self._named_as_teachers = {user for role in TEACHING for user in seen.enrollments.get(role, ())}
        self._kept = 0
        self._waiting: set[str] = set()
        """Those whose role no row tells."""
        self._left_out: set[str] = set()

    def compare_all(
        self, before: dict[str, bytes], plain: PlainPeople, passed: PassedOver | None, shared: set[int]
    ) -> None:
        """Compare everybody in the order of their ids. Who is in ``plain`` or ``passed`` is as their lines say; who has one of the
        ``shared`` addresses is noted."""
        seen, result, is_delta = self._seen, self._result, self._plan.mode(Kind.USERS) is not Mode.BULK
        if not (before or seen.people or self._aside or passed):
            result.standing = bytearray().join(map(plain.lines.__getitem__, sorted(plain.lines)))
            return
        for key in sorted(before.keys() | seen.people.keys() | plain.lines.keys() | self._aside.keys()):
            if passed:
                result.standing += passed.before(key)
            if line := plain.lines.pop(key, None):
                result.standing += line
                continue
            stood, person = before.pop(key, None), seen.people.pop(key, None)
            after = self.compare(key, stood, person)
            if after and self._plan.reading:
                result.counted.add(after)
            # Whom a delta does not name may have an address that it names.
            holder = after if is_delta else person
            if shared and holder and has_address_of(holder, shared):
                result.note_holder(holder, stands=stood is not None)
        if passed:
            result.standing += passed.rest()

    def watched(self) -> set[str] | None:
        """Whose rows are to be read every night. ``add_notes`` comes before."""
        result, seen, plan = self._result, self._seen, self._plan
        said = {note.code for note in result.notes}
        if result.rejects or result.put_off or result.put_off_enrollments or not said <= _OF_WATCHED_PEOPLE:
            return None
        if seen.unused.in_classes or plan.joins or not plan.tells_roles_with_people:
            return None
        unused = seen.unused
        return (
            self._left_out | self._waiting | seen.remarked | unused.of_people | unused.not_teachers | unused.repeated_of
        )

    def compare(self, key: str, line: bytes | None, person: PersonRecord | None) -> PersonRecord | None:
        """Compare a person of the upload with the packed record of the snapshot. Return the person after the import."""
        result = self._result
        if person and person.role and line and self._replaces_all:
            person.enrollments = self._named.of(key)
            if packed(person) == line:
                self._count_unchanged(person)
                self._note_rights(key, person)
                result.standing += line
                if key in self._renumbered:
                    result.changes.append((person, person))
                return person
            if (untold := self._seen.untold.get(key)) and person.keep(_unpacked(line), untold):
                self._kept += 1
        old = _unpacked(line) if line else None
        line_aside = self._aside.get(key)
        known = old or (_unpacked(line_aside) if line_aside else None)
        told = self._told.of(key, person, known)
        new = self._person_after(key, told, old)
        if new:
            self._enrollments.count(key, new, old, known)
            self._note_rights(key, new)
            result.stand += 1
            result.standing += packed(new)
        elif old:
            result.enrollments.removed += old.number_of_enrollments()
        if new is None:
            self._leave_aside(key, told, known)
        self._note_harm(key, old, new, told)
        if self._notes_changes:
            if key in self._renumbered or not _is_as_it_was(old, new):
                result.changes.append((old, new))
            self._note_strangers(key, told, old, new)
        return new

    def _note_strangers(
        self, key: str, told: PersonRecord | None, old: PersonRecord | None, new: PersonRecord | None
    ) -> None:
        """Note who is gone and who came, also where the removal is put off. A delta names by its number whom it means, so
        in one only a number that nobody had is somebody who came."""
        strangers = self._result.strangers
        is_bulk = self._plan.mode(Kind.USERS) is Mode.BULK
        if old is None:
            if new and (is_bulk or key not in self._aside):
                strangers.append((None, new))
        elif told is None:
            is_missing = is_bulk and old.role not in self._plan.kept_roles
            if is_missing or key in self._seen.removed:
                strangers.append((old, None))
        elif new and (number_of(key) in self._mapped or (is_bulk and _is_another(old, new))):
            strangers += [(old, None), (None, new)]

    def _note_harm(
        self, key: str, old: PersonRecord | None, new: PersonRecord | None, told: PersonRecord | None
    ) -> None:
        result = self._result
        if old is None:
            if new:
                result.hurt.came(new)
            return
        if new and old.is_readdressed_as(new, self._plan.domains):
            result.readdressed += 1
            old = replace(old, email=new.email)
        how: Hurt | None = None
        is_left_out = new is None and _is_left_out(told, old)
        if is_left_out:
            result.hurt.left_out(old)
        else:
            how = result.hurt.changed(old, new)
        self._note_schools(old, new, how, is_missing=new is None and not is_left_out)
        if new and old.email and new.email and old.is_somebody_else(new):
            result.reused.append(number_of(key))

    def _leave_aside(self, key: str, told: PersonRecord | None, known: PersonRecord | None) -> None:
        """Keep somebody without a role for whom a delta may have one: of whose own row tells it the number alone."""
        if told is None:
            if key in self._aside and key not in self._seen.removed and self._plan.mode(Kind.USERS) is not Mode.BULK:
                stood = _unpacked(self._aside[key])
                self._result.aside += packed(stood.with_enrollments(self._enrollments.aside(key, stood)))
            return
        is_waiting = not told.roles and "role" in self._seen.untold.get(key, ())
        (self._waiting if is_waiting else self._left_out).add(key)
        if self._plan.format["name"] != "oneroster":
            return
        enrollments = self._enrollments.aside(key, known)
        if told.roles or is_waiting:
            person = told.with_enrollments(enrollments)
        else:
            person = PersonRecord(key, None, "", "", None, None, [], [], enrollments)
        self._result.aside += packed(person)

    def _note_rights(self, key: str, person: PersonRecord) -> None:
        if key in self._named_as_teachers and person.names_as_teacher():
            self._seen.unused.not_teachers.add(key)

    def _count_unchanged(self, person: PersonRecord) -> None:
        result = self._result
        number = person.number_of_enrollments()
        result.hurt.unchanged(person)
        result.stand += 1
        result.users.read += 1
        result.users.unchanged += 1
        result.enrollments.read += number
        result.enrollments.unchanged += number
        result.enrolled += number
        for school in person.school_ids:
            people, enrollments = result.fates(school)
            people.stood += 1
            enrollments.stood += number

    def _person_after(self, key: str, told: PersonRecord | None, old: PersonRecord | None) -> PersonRecord | None:
        """Return the person after the import, enrollments left aside; None if the person is removed."""
        users = self._result.users
        if told and told.role:
            users.read += 1
            if old is None:
                users.created += 1
            elif old.equals_but_for_enrollments(told) or old.in_one_form().equals_but_for_enrollments(told):
                users.unchanged += 1
            else:
                users.changed += 1
            return told
        if old is None or (_is_left_out(told, old) and key not in self._seen.unusable_roles):
            return None
        if self._leaves(key, told, old):
            users.read += self._plan.mode(Kind.USERS) is not Mode.BULK
            users.removed += 1
            return None
        return old.with_enrollments([])

    def _leaves(self, key: str, told: PersonRecord | None, old: PersonRecord) -> bool:
        """Whether somebody who stood and has no role in the upload leaves; a removal that is put off is counted."""
        plan = self._plan
        is_removed = key in self._seen.removed
        if plan.mode(Kind.USERS) is Mode.BULK:
            if old.role in plan.kept_roles:
                return False
            leaves = plan.may_remove(Kind.USERS) or is_removed
        else:
            if told is None and not is_removed:
                return False
            leaves = not plan.additions_only
        self._result.put_off += not leaves
        return leaves

    def _note_schools(self, old: PersonRecord, new: PersonRecord | None, how: Hurt | None, *, is_missing: bool) -> None:
        for school in old.school_ids:
            people, enrollments = self._result.fates(school)
            people.stood += 1
            people.removed += is_missing
            people.hurt += how is not None
            people.renamed += how is Hurt.RENAMED
            stood = old.number_of_enrollments()
            enrollments.stood += stood
            if new is None:
                enrollments.removed += stood
            elif new.enrollments != old.enrollments:
                enrollments.removed += len(old.pairs() - new.pairs())

    def add_notes(self, blocks: Callable[[], Iterable[AnyPeopleBlock]]) -> None:
        """Note what was unusual, once everybody was compared; ``blocks`` gives the rows once more, for their lines."""
        result, seen = self._result, self._seen
        because = (
            "the district takes additions only at this time"
            if self._plan.additions_only
            else "rows of the file were rejected"
        )
        for code, message, count in (
            ("kept_untold", _KEPT, self._kept),
            ("removals_put_off", f"People who are missing were kept, because {because}.", result.put_off),
            (
                "enrollment_removals_put_off",
                f"Enrollments that are missing were kept, because {because}.",
                result.put_off_enrollments,
            ),
        ):
            if count:
                result.notes.append(Note(code, message, count=count))
        # Clever's staff is noted where it is read, with its lines.
        if left_out := self._left_out - seen.unusable_roles if self._plan.format["name"] != "clever" else None:
            message = "People without a role that this system acts for were left out."
            result.notes.append(_note_of_people("guardians_left_out", message, blocks(), left_out))
        if self._waiting:
            message = "People whose role no row tells wait for it: they come with the upload that tells it."
            result.notes.append(_note_of_people("waits_for_role", message, blocks(), self._waiting))
        if seen.not_there:
            result.notes += seen.not_there.notes(blocks())
        result.notes += seen.notes.notes()
        seen.unused.of_people |= self._named.left()
        seen.unused.repeated_of = self._named.repeated_of
        if seen.unused:
            result.notes += seen.unused.notes(blocks())


_OF_WATCHED_PEOPLE = {
    "disabled_user",
    "enrollments_left_out",
    "guardians_left_out",
    "not_a_teacher",
    "repeated_enrollments",
    "rows_disagree",
    "several_rows_per_person",
    "waits_for_role",
}
"""The codes of notes of which it is known whom they are about."""
_KEPT = "People keep addresses, Clever ids or their being disabled, for which the files have no column."


def _note_of_people(code: str, message: str, blocks: Iterable[AnyPeopleBlock], people: set[str]) -> Note:
    """A note about these people, with the file and the line of the first of them."""
    rows = (
        (block.file, line)
        for block in blocks
        if isinstance(block, PeopleBlock)
        for row, line in zip(block.rows, block.lines, strict=True)
        if row.sourced_id in people
    )
    file, line = next(rows, (None, None))
    return Note(code, message, file, len(people), line)


def _is_left_out(person: PersonRecord | None, old: PersonRecord) -> bool:
    """Whether an administrator is in the upload still, as somebody for whom nothing is done: that is no removal."""
    return person is not None and person.role is None and old.role is Role.ADMINISTRATOR


def _is_another(old: PersonRecord, new: PersonRecord) -> bool:
    """Whether a number names somebody else now; most names are equal, and not taken apart."""
    if old.given_name == new.given_name or old.family_name == new.family_name:
        return False
    return not may_follow(old.known().person, new.known().person)


def _is_as_it_was(old: PersonRecord | None, new: PersonRecord | None) -> bool:
    return old.acts_like(new) if old and new else old is new
