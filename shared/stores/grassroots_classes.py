"""Grassroots classes: what a teacher made on an own account, beside that account, and who is in them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.domain.account import (
    RESTORE_DAYS,
    Assignment,
    Goal,
    GrassrootsClass,
    drifted,
    scores_print,
)
from shared.domain.clock import from_iso, to_iso
from shared.domain.errors import RefusedTransition
from shared.stores.keys import (
    ALL_SCORES,
    GRASSROOTS_CLASSES,
    MEMBERSHIPS,
    Item,
    Key,
    Pair,
    account_of_pk,
    account_pk,
    grassroots_class_key,
    handed_over_key,
    key_of,
    membership_key,
    pair,
    scores_key,
    scores_of_class,
)
from shared.stores.table import PRESENT, DynamoTable, Put, Table, Update, without_none

_ASKED = 25
"""Students of a class who are asked whose it was."""
_NOT_DELETED = "attribute_not_exists(deleted_at)"


@dataclass(slots=True)
class ClassChanges:
    """Writes of classes. ``puts`` and ``deletes`` come first; the classes themselves say that these were made."""

    puts: list[Item] = field(default_factory=list)
    deletes: list[Key] = field(default_factory=list)
    new: list[Item] = field(default_factory=list)
    """Classes that are not there yet: nobody decides anything about them at this moment."""
    changed: list[Update] = field(default_factory=list)
    """Classes that are: their teacher may be deleting, restoring or keeping them at this moment."""

    def of(
        self,
        now: GrassrootsClass,
        before: GrassrootsClass | None,
        colleagues: GrassrootsClass | None,
        scores: Mapping[Pair, Item],
    ) -> None:
        """Add those of one class. ``colleagues`` is the same class as somebody else has it, ``scores`` are the items of its
        assignments."""
        old = before or colleagues
        stay = set(before.student_account_ids) if before else set()
        self.puts += _scores_items(now, old, scores)
        self.puts += [
            {**membership_key(student, now.class_id), "owner_account_id": now.owner_account_id}
            for student in now.student_account_ids
            if student not in stay
        ]
        gone = set(old.student_account_ids if old else ()) - set(now.student_account_ids)
        self.puts += [left_mark(student, now.class_id) for student in sorted(gone)]
        drift = drifted(old.drift, old.class_print, now.class_print) or None if old else None
        if before is None:
            deleted = {"deleted_at": colleagues.deleted_at} if colleagues and colleagues.deleted_at else {}
            self.new.append({**_key(now), **_body(now), **deleted, "drift": drift})
        elif without_none(_body(before)) != without_none(_body(now)):
            self.changed.append(Update(_key(now)).set(**_body(now), drift=drift))
        if colleagues:
            self.puts.append(handed_over_key(colleagues.owner_account_id, now.class_id))
            self.deletes.append(handed_over_key(now.owner_account_id, now.class_id))
            self.deletes.append(_key(colleagues))
            self.deletes += [_scores_key(colleagues, a.assignment_id) for a in colleagues.assignments]


class GrassrootsClassStore:
    """``CLASS#id`` and ``CLASS_ASSIGNMENT#id#assignment`` (scores) beside the owner, ``MEMBER#id`` beside each student."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def owned(self, account_id: str, *joined: str, with_scores: bool = False) -> list[GrassrootsClass]:
        """A teacher's grassroots classes, those in the trash too (``deleted_at`` says so); the most recently used first.

        ``joined`` are the accounts that are joined with this one: each class stays with its owner.
        """
        classes: list[GrassrootsClass] = []
        for owner in (account_id, *joined):
            items = list(self._table.query(account_pk(owner), GRASSROOTS_CLASSES))
            scores = list(self._table.query(account_pk(owner), ALL_SCORES)) if with_scores else []
            classes += [_class(owner, item, scores) for item in items]
        return _by_use(classes)

    def attended(self, account_id: str, *joined: str) -> list[GrassrootsClass]:
        """The grassroots classes that a student is in, each once, without those that their teacher deleted."""
        keys = [
            grassroots_class_key(item["owner_account_id"], item["SK"].removeprefix(MEMBERSHIPS))
            for student in (account_id, *joined)
            for item in self._table.query(account_pk(student), MEMBERSHIPS)
            if not has_left(item)
        ]
        found = self._table.batch_get(keys, consistent=False)
        classes = [_class(account_of_pk(pk), item, []) for (pk, _), item in found.items()]
        return _by_use(c for c in classes if c.deleted_at is None)

    def with_scores(self, classes: list[GrassrootsClass]) -> list[GrassrootsClass]:
        """The same classes, with the scores of their assignments; a hundred assignments are one read."""
        found = self._table.batch_get(
            (_scores_key(c, a.assignment_id) for c in classes for a in c.assignments), consistent=False
        )

        def scored(grassroots: GrassrootsClass, assignment: Assignment) -> Assignment:
            item = found.get(pair(_scores_key(grassroots, assignment.assignment_id)))
            return replace(assignment, scores=_scores(item), drift=_drift(item)) if item else assignment

        return [replace(c, assignments=tuple(scored(c, a) for a in c.assignments)) for c in classes]

    def changes(self, classes: Iterable[GrassrootsClass]) -> ClassChanges:
        """What is to be written so that these classes of some teachers are as they are given, as far as they are not yet.

        What a teacher decided about a class stays. A class that was a colleague's until now is the owner's alone; one that
        was deleted here stays deleted. May be asked again after a part of it was written.
        """
        listed = list(classes)
        found = self._table.batch_get(map(_key, listed))
        keys = (_scores_key(c, a.assignment_id) for c in listed if pair(_key(c)) in found for a in c.assignments)
        scores = self._table.batch_get(keys)
        moved = self._of_colleagues([c for c in listed if pair(_key(c)) not in found])
        scores |= self._table.batch_get(_scores_key(c, a.assignment_id) for c in moved.values() for a in c.assignments)
        changes = ClassChanges()
        for each in listed:
            item, colleagues = found.get(pair(_key(each))), moved.get(each.class_id)
            before = _class(each.owner_account_id, item, []) if item else None
            changes.of(each, before, colleagues, scores)
        return changes

    def _of_colleagues(self, classes: Collection[GrassrootsClass]) -> dict[str, GrassrootsClass]:
        """Those of these classes that somebody else owns, as they stand there: known by the students who are in them."""
        wanted = {pair(membership_key(s, c.class_id)): c for c in classes for s in c.student_account_ids[:_ASKED]}
        found = self._table.batch_get(map(key_of, wanted)).items()
        owners = {(m["owner_account_id"], wanted[at].class_id) for at, m in found if not has_left(m)}
        mine = {(c.owner_account_id, c.class_id) for c in classes}
        standing = self._table.batch_get(grassroots_class_key(*each) for each in owners - mine).items()
        return {c.class_id: c for c in (_class(account_of_pk(pk), item, []) for (pk, _), item in standing)}

    def leave(self, owner: str, class_id: str, student: str) -> None:
        """Take a student whose data is deleted out of a class, and the scores, whoever else changes it at the same time."""
        key = grassroots_class_key(owner, class_id)
        while student in (item := self._table.get(key) or {}).get("student_account_ids", ()):
            before = class_of(item)
            stay = tuple(each for each in before.student_account_ids if each != student)
            drift = drifted(before.drift, before.class_print, replace(before, student_account_ids=stay).class_print)
            update = Update(key).set(student_account_ids=list(stay), drift=drift or None)
            if self._table.attempt(update.when("student_account_ids = :present", present=item["student_account_ids"])):
                break
        for each in self._table.query(account_pk(owner), scores_of_class(class_id)):
            self._forget_score(key_of(pair(each)), student)

    def _forget_score(self, key: Key, student: str) -> None:
        while student in (item := self._table.get(key) or {}).get("scores", {}):
            scores = _scores(item)
            rest = {each: score for each, score in scores.items() if each != student}
            drift = drifted(int(item.get("drift", 0)), scores_print(scores), scores_print(rest))
            update = Update(key).set(scores=rest, drift=drift or None)
            if self._table.attempt(update.when("scores = :present", present=item["scores"])):
                return

    def delete(self, owner: str, class_id: str, *, event: Item, now: datetime) -> None:
        """Put a class into the trash, for 30 days. Raises RefusedTransition when it is not there to delete."""
        update = Update(grassroots_class_key(owner, class_id)).set(deleted_at=to_iso(now))
        self._table.write(update.when(PRESENT).when(_NOT_DELETED), Put(event), otherwise=_not_active())

    def restore(self, owner: str, class_id: str, *, event: Item, now: datetime) -> None:
        """Take a class out of the trash. Raises RefusedTransition when it was not deleted within the last 30 days."""
        earliest = to_iso(now - timedelta(days=RESTORE_DAYS))
        update = Update(grassroots_class_key(owner, class_id)).remove("deleted_at")
        self._table.write(
            update.when("deleted_at >= :earliest", earliest=earliest),
            Put(event),
            otherwise=RefusedTransition("not_restorable", "This class cannot be restored any more."),
        )

    def keep(self, owner: str, class_id: str, *, now: datetime) -> None:
        """Let no nudge be about this class any more. Raises RefusedTransition when it is not there to keep. May be run again."""
        update = Update(grassroots_class_key(owner, class_id)).set(kept_at=to_iso(now))
        self._table.write(update.when(PRESENT).when(_NOT_DELETED), otherwise=_not_active())


def _not_active() -> RefusedTransition:
    return RefusedTransition("not_active", "This class was already deleted.")


def _key(grassroots: GrassrootsClass) -> Key:
    return grassroots_class_key(grassroots.owner_account_id, grassroots.class_id)


def _body(grassroots: GrassrootsClass) -> Item:
    """All attributes of a class but what its teacher decided here."""
    return {
        "name": grassroots.name,
        "created_at": grassroots.created_at,
        "last_activity_at": grassroots.last_activity_at,
        "student_account_ids": list(grassroots.student_account_ids),
        "goals": [{"goal_id": g.goal_id, "title": g.title, "skill_ids": list(g.skill_ids)} for g in grassroots.goals],
        "assignments": [
            without_none(
                {
                    "assignment_id": a.assignment_id,
                    "title": a.title,
                    "content_id": a.content_id,
                    "created_at": a.created_at,
                }
            )
            for a in grassroots.assignments
        ],
    }


def _scores_items(now: GrassrootsClass, old: GrassrootsClass | None, scores: Mapping[Pair, Item]) -> list[Item]:
    """The scores that differ from those that stand, at their owner or at the one before."""
    items: list[Item] = []
    for a in now.assignments:
        key = _scores_key(now, a.assignment_id)
        own = scores.get(pair(key))
        standing = own or (scores.get(pair(_scores_key(old, a.assignment_id))) if old else None)
        drift = int(standing.get("drift", 0)) if standing else 0
        if standing:
            drift = drifted(drift, scores_print(_scores(standing)), scores_print(a.scores))
        named = {"class_id": now.class_id, "assignment_id": a.assignment_id}
        item = without_none({**key, **named, "scores": dict(a.scores), "drift": drift or None})
        if own != item:
            items.append(item)
    return items


def has_left(membership: Item) -> bool:
    """Whether this says that a student was in a class, and is no more."""
    return "owner_account_id" not in membership


def left_mark(student: str, class_id: str) -> Item:
    """What takes the place of a membership that the platform or the class's owner ended."""
    return {**membership_key(student, class_id), "has_left": True}


def class_of(item: Item, scores: Iterable[Item] = ()) -> GrassrootsClass:
    """The class of an item, with those of its scores that are among these."""
    return _class(account_of_pk(item["PK"]), item, list(scores))


def _class(owner: str, item: Item, scores: list[Item]) -> GrassrootsClass:
    class_id = item["SK"].removeprefix(GRASSROOTS_CLASSES)
    by_assignment = {s["assignment_id"]: s for s in scores if s["class_id"] == class_id}
    return GrassrootsClass(
        class_id,
        owner,
        item["name"],
        item.get("created_at"),
        _moment(item.get("last_activity_at")),
        tuple(item.get("student_account_ids", ())),
        tuple(Goal(g["goal_id"], g["title"], tuple(g["skill_ids"])) for g in item.get("goals", ())),
        tuple(
            Assignment(
                a["assignment_id"],
                a["title"],
                a["content_id"],
                _scores(by_assignment.get(a["assignment_id"], {})),
                a.get("created_at"),
                _drift(by_assignment.get(a["assignment_id"])),
            )
            for a in item.get("assignments", ())
        ),
        item.get("deleted_at"),
        item.get("kept_at"),
        int(item.get("drift", 0)),
    )


def _drift(scores: Item | None) -> int | None:
    return int(scores.get("drift", 0)) if scores else None


def _moment(text: str | None) -> str | None:
    """A moment that is one; an earlier version took any text."""
    try:
        return text if text and from_iso(text) else None
    except ValueError:
        return None


def _scores_key(grassroots: GrassrootsClass, assignment_id: str) -> Key:
    return scores_key(grassroots.owner_account_id, grassroots.class_id, assignment_id)


def _scores(item: Item) -> dict[str, int]:
    return {student: int(score) for student, score in item.get("scores", {}).items()}


def _by_use(classes: Iterable[GrassrootsClass]) -> list[GrassrootsClass]:
    return sorted(classes, key=lambda c: (c.last_activity_at or c.created_at or "", c.class_id), reverse=True)
