"""Roster users get other keys: all that is noted of them moves with them, and ``MOVED`` stays at the old key.

A district whose format numbers students, teachers and staff separately is moved at its first import after this service
learnt of it (M20), and people follow to the numbers of a new student information system (B11). A link, a mail that is under
way and a session lead on to the same person.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shared.domain.clock import from_iso
from shared.domain.errors import Conflict
from shared.domain.link import Link
from shared.domain.matching import LinkProofs, is_somebody_else
from shared.domain.roster import KIND_OF_ROLE, Role, RosterUser, RosterUserKey
from shared.runtime.parallel import each
from shared.stores.activations import ActivationStore
from shared.stores.class_work import listing, recreated_note
from shared.stores.due_items import FOLLOW_UP, NUDGE, due_item
from shared.stores.identifier_index import person_of
from shared.stores.keys import (
    AUDIT,
    FORMER,
    RECREATED,
    Item,
    account_link_key,
    account_pk,
    activation_key,
    activation_pointer_key,
    class_pk,
    due_key,
    former_address_of_sk,
    former_holder_key,
    former_number_key,
    further_link_key,
    ids_of,
    is_work,
    key_of,
    link_key,
    moved_key,
    pair,
    past_class_pk,
    proof_key,
    remaining_key,
    roster_key,
    stuck_key,
    user_pk,
    waiting_key,
)
from shared.stores.links import LinkStore, link_of, moved_facts, user_of_side
from shared.stores.table import ABSENT, PRESENT, Delete, DynamoTable, Put, Table, Update, Write

_AT_ONCE = 8
_TRIES = 20


@dataclass(frozen=True, slots=True)
class NumberChange:
    """A person's number before, and the person as the roster names them since (B11)."""

    old: RosterUserKey
    now: RosterUser


@dataclass(frozen=True, slots=True)
class ClassChange:
    """A class that has another id now: what was made in it, under one name, goes there under another one."""

    district_id: str
    old: str
    new: str
    since_before: str
    """What told it from earlier classes of the old id."""
    since: str
    """What tells it from those of the new one."""
    comes_again: bool
    """Whether another class has the old id now."""
    teachers: tuple[RosterUserKey, ...] = ()


class Renumbering:
    """May be run again: who was moved is found to be so."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)
        self._links = LinkStore(table)
        self._activations = ActivationStore(table)

    def move(self, users: Iterable[RosterUserKey]) -> None:
        """Move what is noted of each from the key without a kind to this one."""
        for _ in each(self._give_kind, list(users), at_once=_AT_ONCE):
            pass

    def move_returned(self, users: Iterable[RosterUser]) -> None:
        """Move those who were off the roster when their district was moved, and are on it again in the same role."""
        by_key = {pair(roster_key(_without_kind(user.key))): user for user in users}
        stood = self._table.batch_get(map(key_of, by_key))
        self.move(
            by_key[key].key for key, item in stood.items() if KIND_OF_ROLE[Role(item["role"])] == by_key[key].kind
        )

    def follow(self, changes: Iterable[NumberChange], run: str, now: datetime, exchanged: Container[str]) -> None:
        """Let all that is noted of these people follow them to their new numbers: links, mails that are out, nudges (B11).

        ``run`` names the import. ``exchanged`` are the numbers (``person_id``) that one person leaves and another one comes to
        with it. What is noted at a number that somebody comes to is set aside; a link of somebody else than the row names is
        not taken along (M19).
        """
        steps = _Steps(self._table, run, now, exchanged)
        for _ in each(steps.follow, list(changes), at_once=_AT_ONCE):
            pass

    def join(self, people: Iterable[tuple[RosterUser, RosterUserKey]], run: str, now: datetime) -> None:
        """Let the link or the mail of a number that stood by itself be that of the number under which its person is kept (M7):
        (who stood, where). What the kept number has itself stays."""
        listed = list(people)
        keys = [key for user, kept in listed for key in (user.key, kept)]
        links, activations = self._links.of_users(keys), self._activations.of_users(keys)
        for user, kept in listed:
            link, present = links.get(user.key), links.get(kept)
            if link and link.is_linked:
                if not (present and present.is_linked):
                    self._join_link(link, user, kept, run, now)
            elif user.key in activations and kept not in activations and not (present and present.is_linked):
                self._join_activation(user.key, kept)

    def _join_link(self, link: Link, user: RosterUser, kept: RosterUserKey, run: str, now: datetime) -> None:
        proofs = link.proofs or LinkProofs(person_of(user))
        if not is_somebody_else(proofs.person, person_of(user)):
            event_id = hashlib.sha256(f"{run} {user_pk(kept)}".encode()).hexdigest()[:32]
            self._links.move(link, kept, proofs, event_id=event_id, now=now)

    def _join_activation(self, old: RosterUserKey, kept: RosterUserKey) -> None:
        """The mail that is out, or waits, is the kept number's; its link names the number for which it was signed."""
        item = self._table.get(activation_key(old))
        if item is None:
            return
        writes: list[Write] = [
            Put(_moved(item, old, kept)).when(ABSENT),
            _unless_changed(item),
            Put({**activation_pointer_key(item["activation_id"]), **ids_of(kept)}),
            *_due(FOLLOW_UP, old, kept, item.get("follow_up_at")),
        ]
        for key_at in (stuck_key, waiting_key):
            if noted := self._table.get(key_at(old)):
                writes += [Put({**noted, **key_at(kept)}), Delete(key_at(old))]
        self._table.attempt(*writes)

    def move_class(self, change: ClassChange, run: str) -> None:
        """Let what was made in a district class follow to its new id; the class itself is written anew there.

        ``run`` names the import. What was made in earlier classes of the id stays with it, and a past class that shares what
        was made with this one keeps a copy.
        """
        items = list(self._table.query(class_pk(change.district_id, change.old)))
        # What came here with this run is another class's.
        made = [
            item
            for item in items
            if is_work(item["SK"]) and item.get("run") != run and item.get("since", "") == change.since_before
        ]
        there = {"PK": class_pk(change.district_id, change.new), "since": change.since or None, "run": run}
        moved = [{**item, **there} for item in made]
        self._table.write_many(moved)
        for item in moved:
            self._table.write(listing(item))
        for teacher in change.teachers if made else ():
            self._move_notes(change, teacher, run)
        kept = self._keep_for_past(change, made, run)
        gone = [item for item in items if item in made or not (change.comes_again or is_work(item["SK"]))]
        self._table.write_many(kept, [key_of(pair(item)) for item in gone])

    def _keep_for_past(self, change: ClassChange, made: list[Item], run: str) -> list[Item]:
        """Name what was made in a class after this run, for its past terms. Return copies of it under that name."""
        past = self._table.query(past_class_pk(change.district_id, change.old)) if made else ()
        name = f"past-{run}"
        sharing = [item for item in past if "title" in item and item.get("since", "") in (change.since_before, name)]
        for item in sharing:
            self._table.attempt(Update(key_of(pair(item))).set(since=name).when(PRESENT))
        return [{**item, "SK": f"{item['SK']}#{name}", "since": name} for item in made] if sharing else []

    def _move_notes(self, change: ClassChange, teacher: RosterUserKey, run: str) -> None:
        """Let the notes of what a teacher recreated in a class name its new id, so that it is not made once more."""
        link = self._table.get(link_key(teacher)) or {}
        accounts = {each["account_id"] for each in (link, link.get("joined")) if each}
        notes = [note for account in sorted(accounts) for note in self._table.query(account_pk(account), RECREATED)]
        district_id = change.district_id
        for note in notes:
            into = note["district_id"], note["into"], note.get("since", "")
            if into != (district_id, change.old, change.since_before) or note.get("run") == run:
                continue
            came = recreated_note(note, change.new, change.since, run)
            if not self._table.attempt(Put(came).when(ABSENT)):
                # It was recreated in the class that has left this id, too: that one's note is still to be moved.
                also = Update(key_of(pair(came))).set(also_in=run)
                self._table.attempt(also.when("attribute_not_exists(#run) OR #run <> :run", run=run))
            gone = Delete(key_of(pair(note))).when("(attribute_not_exists(#run) OR #run <> :run)", run=run)
            self._table.attempt(gone.when("(attribute_not_exists(#also_in) OR #also_in <> :run)", run=run))

    def _give_kind(self, user: RosterUserKey) -> None:
        """Raises Conflict where others change this person again and again: the step comes again."""
        old = _without_kind(user)
        for _ in range(_TRIES):
            items = _items(self._table, old)
            if not items:
                return
            note = Put({**moved_key(old), "kind": user.kind})
            if _carry(self._table, old, user, items, note):
                return
        raise _contended()


def set_aside(user: RosterUserKey, run: str) -> RosterUserKey:
    """Where that is kept which is noted of somebody whose number is another person's since this import."""
    return replace(user, sourced_id=f"{user.sourced_id} until {run}")


class _Steps:
    """Moves one person after the other, beside others who do the same, and again after a fault.

    Where this run moved a person to is noted at the old number, together with the move: what lies there later is another
    person's.
    """

    def __init__(self, table: Table, run: str, now: datetime, exchanged: Container[str]) -> None:
        self._table = table
        self._run = run
        self._now = now
        self._exchanged = exchanged

    def follow(self, change: NumberChange) -> None:
        """Move one person. Raises Conflict where others change this person again and again: the step comes again."""
        old, new = change.old, change.now.key
        for _ in range(_TRIES):
            note = self._note(old)
            if note and note["sourced_id"] == new.sourced_id:
                return
            source = set_aside(old, self._run) if note else old
            items = _items(self._table, source)
            if not items:
                if old.person_id in self._exchanged and not note:
                    self._table.attempt(self._noting(old, new))
                return
            link = link_of(items["LINK"]) if "LINK" in items else None
            if link and link.proofs and is_somebody_else(link.proofs.person, person_of(change.now)):
                self._set_aside(old)
                return
            self._make_room(new)
            facts = self._facts(replace(link, user=old), new) if link and link.is_linked else []
            if self._carry(source, new, items, facts):
                return
        raise _contended()

    def _make_room(self, new: RosterUserKey) -> None:
        """Set aside what is noted at a number that somebody comes to."""
        if new.person_id in self._exchanged:
            self._set_aside(new)
            return
        held = self._table.batch_get([link_key(new), activation_key(new), moved_key(new)])
        if pair(link_key(new)) in held or pair(activation_key(new)) in held:
            self._set_aside(new)
        elif held:
            self._table.write(Delete(moved_key(new)))

    def _set_aside(self, user: RosterUserKey) -> None:
        """Move what is noted of somebody who is at this number no more, unless this run did so."""
        target = set_aside(user, self._run)
        for _ in range(_TRIES):
            if self._note(user):
                return
            items = _items(self._table, user)
            if not items:
                self._table.attempt(self._noting(user, target))
                return
            if self._carry(user, target, items, [], leaves=True):
                return
        raise _contended()

    def _carry(
        self,
        old: RosterUserKey,
        new: RosterUserKey,
        items: dict[str, Item],
        facts: Iterable[Write],
        *,
        leaves: bool = False,
    ) -> bool:
        note = self._noting(old, new, [sort_key for sort_key in items if sort_key.startswith(AUDIT)])
        at_once = leaves or old.person_id in self._exchanged
        if _carry(self._table, old, new, items, note, facts, at_once=at_once, leaves=leaves):
            self._table.attempt(Update(moved_key(old)).remove("trail").when("#run = :run", run=self._run))
            return True
        return False

    def _noting(self, old: RosterUserKey, new: RosterUserKey, trail: Sequence[str] = ()) -> Put:
        """The note of where a person went, and of what of the trail is to be deleted then; the first one stays."""
        item = {
            **moved_key(old),
            "sourced_id": new.sourced_id,
            "kind": new.kind or None,
            "run": self._run,
            "trail": list(trail) or None,
        }
        return Put(item).when("attribute_not_exists(#run) OR #run <> :run", run=self._run)

    def _note(self, user: RosterUserKey) -> Item | None:
        """The note of this run; what was left to be deleted with it is deleted."""
        note = self._table.get(moved_key(user))
        if note is None or note.get("run") != self._run:
            return None
        if trail := note.get("trail"):
            self._table.write_many(deletes=[key_of((user_pk(user), sort_key)) for sort_key in trail])
            self._table.write(Update(moved_key(user)).remove("trail"))
        return note

    def _facts(self, link: Link, new: RosterUserKey) -> list[Write]:
        """That the link moved, for the platform and the audit trail."""
        event_id = hashlib.sha256(f"{self._run} {user_pk(new)}".encode()).hexdigest()[:32]
        return moved_facts(link, new, event_id=event_id, now=self._now)


def _contended() -> Conflict:
    return Conflict("link_changed", "This link was changed in the meantime.")


def _items(table: Table, user: RosterUserKey) -> dict[str, Item]:
    """What is noted of a person in the own partition, but for where an earlier one of this number went."""
    return {item["SK"]: item for item in table.query(user_pk(user)) if pair(item) != pair(moved_key(user))}


def _carry(
    table: Table,
    old: RosterUserKey,
    new: RosterUserKey,
    items: dict[str, Item],
    note: Put,
    facts: Iterable[Write] = (),
    *,
    at_once: bool = False,
    leaves: bool = False,
) -> bool:
    """Move all that is noted of a person; with a link or an activation, and ``at_once``, in one transaction.

    ``leaves`` takes the person off the roster. False where one of them was changed in the meantime, or somebody else moved
    the person.
    """
    trail = [item for sort_key, item in items.items() if sort_key.startswith(AUDIT)]
    came_from = former_number_key(new, old)
    moved = {sk: _moved(item, old, new, leaves=leaves) for sk, item in items.items() if not sk.startswith(AUDIT)}
    if old.sourced_id != new.sourced_id:
        moved[came_from["SK"]] = dict(came_from)
        moved.pop(former_number_key(new, new)["SK"], None)
    outside = [note, *_outside(table, old, new, items)]
    table.write_many([_moved(item, old, new) for item in trail])
    if not at_once and "LINK" not in items and "ACTIVATION" not in items:
        puts = [_without_run(write.item) for write in outside if isinstance(write, Put)]
        deletes = [write.key for write in outside if isinstance(write, Delete)]
        table.write_many([*moved.values(), *puts])
        table.write_many(deletes=[*deletes, *(key_of(pair(item)) for item in items.values())])
        return True
    gone = [_unless_changed(item) for item in items.values() if item not in trail]
    if not table.attempt(*map(Put, moved.values()), *gone, *outside, *facts):
        return False
    table.write_many(deletes=[key_of(pair(item)) for item in trail])
    return True


def _without_run(item: Mapping[str, Any]) -> Item:
    """A note that says where somebody went, and not that nothing of them is left."""
    return {name: value for name, value in item.items() if name not in ("run", "trail")}


def _outside(table: Table, old: RosterUserKey, new: RosterUserKey, items: dict[str, Item]) -> Iterator[Write]:
    """What is noted of a person elsewhere. Who holds an address or a Clever id is written by the import itself."""
    if link := items.get("LINK"):
        yield from _sides(table, old, new, link)
        yield from _proofs(old, new, link)
        yield from _due(NUDGE, old, new, link.get("nudge_due_at"))
    if activation := items.get("ACTIVATION"):
        yield Put({**activation_pointer_key(activation["activation_id"]), **ids_of(new)})
        yield from _due(FOLLOW_UP, old, new, activation.get("follow_up_at"))
    for sort_key in items:
        if sort_key.startswith(FORMER):
            address = former_address_of_sk(sort_key)
            yield Put(former_holder_key(address, new))
            yield Delete(former_holder_key(address, old))
    for key_at in (stuck_key, remaining_key, waiting_key):
        if item := table.get(key_at(old)):
            yield Put({**item, **key_at(new)})
            yield Delete(key_at(old))


def _sides(table: Table, old: RosterUserKey, new: RosterUserKey, link: Item) -> Iterator[Write]:
    """The accounts' sides of a link, and of the one that was joined into it."""
    if link.get("is_further"):
        former = further_link_key(link["account_id"], old)
        if side := table.get(former):
            named = {"sourced_id": new.sourced_id, "kind": new.kind or None}
            yield Delete(former)
            yield Put({**side, **further_link_key(link["account_id"], new), **named})
        return
    for account_id in dict.fromkeys((link["account_id"], (link.get("joined") or link)["account_id"])):
        key = account_link_key(account_id, old.district_id)
        side = table.get(key)
        if side and user_of_side(side) == old:
            update = Update(key).set(sourced_id=new.sourced_id, kind=new.kind or None)
            yield update.when("sourced_id = :former", former=old.sourced_id)


def _without_kind(user: RosterUserKey) -> RosterUserKey:
    return RosterUserKey(user.district_id, user.sourced_id)


def _moved(item: Item, old: RosterUserKey, new: RosterUserKey, *, leaves: bool = False) -> Item:
    """The item at its new key; a link holds the one before it as an item, too."""
    moved: Item = {**item, "PK": user_pk(new)}
    if item["SK"] == "ACTIVATION" and "signed_number" not in item:
        # What is out was signed for the number that it had then.
        kind = "" if item.get("from_before_kinds") else old.kind
        moved |= {"signed_number": old.sourced_id, "signed_kind": kind or None}
    if item["SK"] == "ROSTER" and leaves:
        moved["active"] = False
    if "joined" in item:
        moved["joined"] = {**item["joined"], "PK": user_pk(new)}
    return moved


def _proofs(old: RosterUserKey, new: RosterUserKey, link: Item) -> Iterator[Write]:
    """Where it is noted by which federated identities the person is known."""
    proofs = link_of(link).proofs
    for _, hashed in sorted(proofs.identities) if proofs else ():
        yield Put(proof_key(hashed, new))
        yield Delete(proof_key(hashed, old))


def _due(kind: str, old: RosterUserKey, new: RosterUserKey, due_at: str | None) -> Iterator[Write]:
    if due_at:
        yield Put(due_item(kind, new, from_iso(due_at)))
        yield Delete(due_key(kind, old, due_at))


_DECIDED_BY = {
    "LINK": ("version", "nudge_due_at", "nudges", "proofs"),
    "ACTIVATION": ("activation_id", "state", "used_at", "follow_up_at", "attempts"),
}
"""The attributes that every step of a link or an activation changes one of."""


def _unless_changed(item: Item) -> Delete:
    """Delete an item, unless it was changed since it was read."""
    delete = Delete(key_of(pair(item)))
    for name in _DECIDED_BY.get(item["SK"], ()):
        if name in item:
            delete = delete.when(f"#{name} = :{name}", **{name: item[name]})
        else:
            delete = delete.when(f"attribute_not_exists(#{name})")
    return delete
