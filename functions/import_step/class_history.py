"""What is kept of classes beyond what the roster says of them: which of an id it is, and whether it is past (M5).

Most classes have no history: a record is made when the term of a class is over or moves on, when a class leaves the roster,
and when its id comes again for another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from functions.import_step.formats.format import Mode
from functions.import_step.plan import ImportPlan
from functions.import_step.records import STUDENTS, TEACHERS, ClassRecord, MembersRecord, Moves, References
from functions.import_step.shards import shard_of
from shared.domain.past_class import (
    KEPT_DAYS,
    ClassInTerm,
    has_others,
    is_another_class,
    is_of_later_term,
    name_of_next,
)
from shared.domain.report import Kind, Note

type Change = tuple[ClassRecord | None, ClassRecord | None]


class ToldClass(Struct, array_like=True, gc=False):
    """What a class was in an earlier term (``ClassInTerm``); lists are sorted."""

    title: str
    course_id: str
    course_title: str
    terms: list[str]
    term_title: str
    school_year: str
    ends_on: str
    teachers: list[str]

    @classmethod
    def of(cls, told: ClassInTerm) -> ToldClass:
        names = (told.title, told.course_id, told.course_title, sorted(told.terms), told.term_title, told.school_year)
        return cls(*names, told.ends_on, sorted(told.teachers))

    def in_term(self) -> ClassInTerm:
        named = (
            self.title,
            self.course_id,
            self.course_title,
            frozenset(self.terms),
            self.term_title,
            self.school_year,
        )
        return ClassInTerm(*named, self.ends_on, frozenset(self.teachers))


class EarlierClass(Struct, array_like=True, gc=False):
    """A class that an id named before it came to name another one."""

    since: str
    told: ToldClass


class ClassHistory(Struct, array_like=True, gc=False):
    """The history of a class, as a snapshot holds it."""

    sourced_id: str
    since: str = ""
    """Tells it from earlier classes of the id (``DistrictClass``)."""
    noted_by: str = ""
    """The import that noted it as past in its present term."""
    left_on: str = ""
    """The day, YYYY-MM-DD, on which it left the roster; empty while it is there."""
    before: ToldClass | None = None
    """What it was when it left, or before its term moved on in an upload that says nothing of who teaches it."""
    earlier: EarlierClass | None = None
    """The class that the id named before: an upload of a wrong year may be followed by one of the right year."""

    @property
    def says_something(self) -> bool:
        return bool(self.since or self.noted_by or self.left_on or self.before or self.earlier)


class PastClass(Struct, array_like=True, gc=False):
    """A class as it was when it became past."""

    record: ClassRecord
    members: MembersRecord
    since: str


class Past(Struct, kw_only=True):
    """What one shard of classes has of past ones."""

    classes: list[PastClass] = []
    renamed: list[str] = []
    """The ids that name another class now; what is made in it begins anew."""


class PlacesOfClass(Struct, array_like=True, gc=False):
    """People of one shard who had a place in a class that is past now."""

    shard: int
    class_id: str
    taught: bool
    numbers: list[str]


def places_of(past: Past, shards: int) -> Iterator[PlacesOfClass]:
    """Who had a place in which class, by shard of people."""
    for each in past.classes:
        for kind in (TEACHERS, STUDENTS):
            by_shard = dict[int, list[str]]()
            for number in each.members.of_kind(kind):
                by_shard.setdefault(shard_of(number, shards), []).append(number)
            for shard, numbers in by_shard.items():
                yield PlacesOfClass(shard, each.record.sourced_id, kind == TEACHERS, numbers)


type MembersOf = Callable[[set[str]], Iterable[MembersRecord]]
"""Finds who is in these classes."""


@dataclass(slots=True)
class Standing:
    """What stood before an import, as far as classes that end are compared with it; it is read where it is asked for."""

    members: MembersOf
    terms: Callable[[], References]
    teachers_moved: Callable[[], Iterable[Moves]]
    """Who comes to teach a class, and who goes."""


@dataclass(slots=True)
class TeachersMoved:
    """By class, who comes to teach it and who goes."""

    came: dict[str, set[str]] = field(default_factory=dict)
    went: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, moves: Iterable[Moves]) -> TeachersMoved:
        found = cls()
        for line in moves:
            of_kind = found.came if line.come else found.went
            for text in line.texts.split("\n") if line.kind == TEACHERS else ():
                class_id, number = text.split("\t")
                of_kind.setdefault(class_id, set()).add(number)
        return found


@dataclass(slots=True)
class HistoryDiff:
    """What an import means for the history of a shard of classes."""

    history: list[ClassHistory] = field(default_factory=list)
    """Afterwards, in the order of ids."""
    past: Past = field(default_factory=Past)
    notes: list[Note] = field(default_factory=list)


def follow(
    pairs: Iterable[Change],
    history: Iterable[ClassHistory],
    standing: Standing,
    references: References,
    plan: ImportPlan,
    import_id: str,
) -> HistoryDiff:
    """Find the classes that are past with this import, and those that are others than the earlier ones of their ids.

    ``pairs`` are all classes, (before, after), ``references`` the courses and terms after the import.
    """
    changes = {record.sourced_id: pair for pair in pairs if (record := pair[1] or pair[0])}
    stood = _by_id(history, changes)
    before, teachers = standing.terms(), TeachersMoved.of(standing.teachers_moved())
    wanted = {
        key
        for key, change in changes.items()
        if _is_to_be_looked_at(change, stood.get(key), plan.on, before, references)
        or _has_teacher_of_next_year(change, plan.on, teachers)
    }
    follower = _Follower(plan, import_id, wanted, standing, before, references, teachers) if wanted else None
    result = HistoryDiff()
    for key in sorted({*stood, *wanted}):
        now = stood.get(key) or ClassHistory(key)
        if follower and key in wanted:
            now = follower.follow(*changes[key], now, result)
        elif now.left_on:
            now = _shortened(now, plan.on)
        if now.says_something:
            result.history.append(now)
    if result.past.renamed:
        result.notes.append(Note("class_id_used_again", _USED_AGAIN, count=len(result.past.renamed)))
    return result


_USED_AGAIN = (
    "Ids of classes came again in a later term with another course or teacher. Each was read as another class, which begins "
    "without goals; the earlier one is among the past classes of its teacher."
)


def _by_id(history: Iterable[ClassHistory], changes: Mapping[str, Change]) -> dict[str, ClassHistory]:
    """Histories by id. A class that came by a map of numbers to the id of one that left (B11) has a name of its own."""
    found, gone = dict[str, ClassHistory](), dict[str, ClassHistory]()
    for each in history:
        (gone if each.left_on else found)[each.sourced_id] = each
    for key, left in gone.items():
        if None in changes.get(key, (None, None)):
            found.setdefault(key, left)
        else:
            own = found.get(key) or ClassHistory(key)
            found[key] = replace(own, since=name_of_next(left.since, ClassInTerm(), ClassInTerm()))
    return found


def _is_to_be_looked_at(
    change: Change, history: ClassHistory | None, on: str, before: References, now: References
) -> bool:
    old, new = change
    if old is None:
        return history is not None and bool(history.left_on)
    if new is None or (history is not None and history.before):
        return True
    is_noted = history is not None and bool(history.noted_by)
    if new.is_over(on) is not is_noted or before.school_year_of(old) != now.school_year_of(new):
        return True
    return (old.term_ids, old.term_title, old.ends_on, old.course_id, old.course_title, old.title) != (
        new.term_ids, new.term_title, new.ends_on, new.course_id, new.course_title, new.title
    )  # fmt: skip


def _has_teacher_of_next_year(change: Change, on: str, teachers: TeachersMoved) -> bool:
    """Whether somebody comes to teach a class that is over."""
    old, new = change
    return bool(old and new and new.sourced_id in teachers.came and old.is_over(on))


def _shortened(gone: ClassHistory, on: str) -> ClassHistory:
    """Of a class that has been off the roster for very long nothing is kept but that there was one."""
    away = date.fromisoformat(on) - date.fromisoformat(gone.left_on)
    return gone if away.days <= KEPT_DAYS else ClassHistory(gone.sourced_id, gone.since, left_on=gone.left_on)


class _Follower:
    """Looks at those classes whose history may go on."""

    def __init__(
        self,
        plan: ImportPlan,
        import_id: str,
        wanted: set[str],
        standing: Standing,
        before: References,
        references: References,
        teachers: TeachersMoved,
    ) -> None:
        self._plan = plan
        self._import_id = import_id
        self._members = {members.class_id: members for members in standing.members(wanted)}
        self._references = references
        self._before = before
        self._teachers = teachers

    def follow(
        self, old: ClassRecord | None, new: ClassRecord | None, history: ClassHistory, result: HistoryDiff
    ) -> ClassHistory:
        """The history of a class after the import; what becomes past is added to the result."""
        before = self._told_before(old, history)
        if new is None:
            return self._gone(old, before, history, result)
        now = _in_term(new, self._references, self._teachers_now(new.sourced_id))
        if before is None or is_another_class(before, now, today=self._plan.on):
            return self._another(old, before, now, history, result)
        here = replace(history, left_on="", before=None)
        if history.earlier and self._is_back_at(history.earlier, before, now):
            result.past.renamed.append(new.sourced_id)
            return ClassHistory(new.sourced_id, history.earlier.since)
        if is_of_later_term(before, now):
            return self._goes_on(old, before, now, history, result)
        if not new.is_over(self._plan.on):
            return replace(here, noted_by="")
        self._note(old, history, result)
        return replace(here, noted_by=history.noted_by or self._import_id)

    def _another(
        self,
        old: ClassRecord | None,
        before: ClassInTerm | None,
        now: ClassInTerm,
        history: ClassHistory,
        result: HistoryDiff,
    ) -> ClassHistory:
        self._note(old, history, result)
        result.past.renamed.append(history.sourced_id)
        next_one = name_of_next(history.since, before or ClassInTerm(), now)
        earlier = EarlierClass(history.since, ToldClass.of(before)) if before else None
        return ClassHistory(history.sourced_id, next_one, earlier=earlier)

    def _is_back_at(self, earlier: EarlierClass, before: ClassInTerm, now: ClassInTerm) -> bool:
        """Whether the id names the class again that it named before: the upload in between was of a wrong year."""
        told = earlier.told.in_term()
        is_earlier = is_of_later_term(now, before) is True
        return is_earlier and not is_of_later_term(told, now) and not has_others(told, now)

    def _gone(
        self, old: ClassRecord | None, before: ClassInTerm | None, history: ClassHistory, result: HistoryDiff
    ) -> ClassHistory:
        self._note(old, history, result)
        told = ToldClass.of(before) if before else None
        noted_by = history.noted_by or self._import_id
        return replace(history, noted_by=noted_by, left_on=self._plan.on, before=told)

    def _goes_on(
        self,
        old: ClassRecord | None,
        before: ClassInTerm,
        now: ClassInTerm,
        history: ClassHistory,
        result: HistoryDiff,
    ) -> ClassHistory:
        """The same class in a later term. Until an upload says who teaches it, it may turn out to be another one."""
        if not history.before:
            self._note(old, history, result)
        key = history.sourced_id
        says_who_teaches = self._plan.mode(Kind.ENROLLMENTS) is Mode.BULK or key in self._teachers.came
        if now.teachers and says_who_teaches:
            return ClassHistory(key, history.since)
        noted_by = history.noted_by or self._import_id
        return ClassHistory(key, history.since, noted_by, before=ToldClass.of(before), earlier=history.earlier)

    def _note(self, old: ClassRecord | None, history: ClassHistory, result: HistoryDiff) -> None:
        """Note the class as past, unless it is so already."""
        if old and not history.noted_by:
            result.past.classes.append(PastClass(old, self._members_of(old.sourced_id), history.since))

    def _told_before(self, old: ClassRecord | None, history: ClassHistory) -> ClassInTerm | None:
        """What the class was; None where nothing is known of one that was there."""
        if history.before:
            return history.before.in_term()
        return _in_term(old, self._before, self._members_of(old.sourced_id).teachers) if old else None

    def _members_of(self, class_id: str) -> MembersRecord:
        return self._members.get(class_id) or MembersRecord(class_id, [], [])

    def _teachers_now(self, class_id: str) -> Iterable[str]:
        stood = set(self._members_of(class_id).teachers)
        return stood.difference(self._teachers.went.get(class_id, ())).union(self._teachers.came.get(class_id, ()))


def _in_term(record: ClassRecord, references: References, teachers: Iterable[str]) -> ClassInTerm:
    return ClassInTerm(
        record.title,
        record.course_id or "",
        record.course_title or "",
        frozenset(record.term_ids),
        record.term_title or "",
        references.school_year_of(record),
        record.ends_on or "",
        frozenset(teachers),
    )


# Back to what stood before an import.


def undone(
    pairs: Iterable[Change],
    history: Iterable[ClassHistory],
    restored: Iterable[ClassHistory],
    members: MembersOf,
) -> Past:
    """What an import that is rolled back noted as past, and the classes that are others once it is.

    ``pairs`` and ``history`` are (now, then) and what stands; ``restored`` and ``members`` are of what stands again.
    """
    now, then = ({each.sourced_id: each for each in some} for some in (history, restored))
    back = dict[str, tuple[ClassRecord, ClassHistory]]()
    renamed = list[str]()
    for stands, stood in pairs:
        if stood is None:
            continue
        key = stood.sourced_id
        of_now, of_then = now.get(key, ClassHistory(key)), then.get(key, ClassHistory(key))
        if of_now.since != of_then.since:
            renamed.append(key)
        if stands is None or of_now != of_then:
            back[key] = stood, of_then
    found = {each.class_id: each for each in members(set(back))} if back else {}
    return Past(
        classes=[
            PastClass(stood, found.get(key) or MembersRecord(key, [], []), of_then.since)
            for key, (stood, of_then) in back.items()
        ],
        renamed=renamed,
    )
