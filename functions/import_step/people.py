"""People: one shard's rows against the last applied snapshot: who is created, changed, removed, unchanged (M4, M5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from functions.import_step.formats import Kind, Mode
from shared.report import Counts, Note
from shared.roster import ROLE_PRECEDENCE, Role, RosterUser

type Record = list[Any]
"""A person as the snapshot holds it: [sourcedId, role, given, family, email, username, clever ids, school ids,
[[class id, enrollment role], …]], lists sorted."""

_STAFF_OF_A_CLASS = {"teacher", "aide", "proctor", "professor", "faculty", "lecturer", "staff", "instructor"}


@dataclass(slots=True)
class PeopleDiff:
    """What one shard of people comes to. ``changes`` are (before, after), where None stands for not there."""

    users: Counts = field(default_factory=Counts)
    enrollments: Counts = field(default_factory=Counts)
    changes: list[tuple[Record | None, Record | None]] = field(default_factory=list)
    standing: list[Record] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    put_off: int = 0
    put_off_enrollments: int = 0
    schools: dict[str, list[int]] = field(default_factory=dict)
    """By school: how many of its people stood before, and how many of them are removed."""
    reused: list[str] = field(default_factory=list)
    """Ids that name somebody else now: another given name, family name and address at once."""
    left: list[list[Any]] = field(default_factory=list)
    came: list[list[Any]] = field(default_factory=list)
    """Who is gone and who is new: [sourcedId, role, address, Clever ids]."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How each kind is spoken of, and of which kinds nothing may be removed because rows of it were rejected."""

    modes: dict[str, str]
    keeps: tuple[str, ...]
    additions_only: bool = False
    """Nothing is removed at all, whatever the rows say."""

    def mode(self, kind: Kind) -> Mode:
        return Mode(self.modes[kind])

    def may_remove(self, kind: Kind) -> bool:
        return self.mode(kind) is Mode.BULK and kind not in self.keeps and not self.additions_only


@dataclass(slots=True)
class _Gathered:
    people: dict[str, Record] = field(default_factory=dict)
    roles: dict[str, set[str]] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    enrollments: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    ended: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    repeated: int = 0
    repeated_enrollments: int = 0
    other_names: int = 0


def diff_people(rows: Iterable[list[Any]], snapshot: Iterable[Record], plan: Plan) -> PeopleDiff:
    """Compare a shard's rows with the snapshot's people.

    In bulk, who is missing is removed, unless rows of the file were rejected: then the removal is put off (M2).
    """
    result = PeopleDiff()
    before = {record[0]: record for record in snapshot}
    seen = _gather(rows)
    if plan.additions_only:
        result.put_off += len(seen.removed & set(before))
        seen.removed.clear()
        seen.ended.clear()
    after, left_out = _people_after(seen, before, plan, result)
    _count_enrollments(seen, before, after, plan, result)
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        if new is not None:
            result.standing.append(new)
        if old != new:
            result.changes.append((old, new))
            _look_closely(result, old, new)
        for school in old[7] if old else ():
            count = result.schools.setdefault(school, [0, 0])
            count[0] += 1
            count[1] += new is None
    _note(result, "guardians_left_out", "People without a role that this system acts for were left out.", len(left_out))
    _note(result, "several_rows_per_person", "People on several rows were read as one person each.", seen.repeated)
    _note(
        result,
        "rows_disagree",
        "Rows of one person name the person differently; the first was taken.",
        seen.other_names,
    )
    _note(result, "repeated_enrollments", "Repeated enrollments were counted once.", seen.repeated_enrollments)
    _note(
        result,
        "removals_put_off",
        "People who are missing were kept, because the district takes additions only at this time."
        if plan.additions_only
        else "People who are missing were kept, because rows of the file were rejected.",
        result.put_off,
    )
    _note(
        result,
        "enrollment_removals_put_off",
        "Enrollments that are missing were kept, because the district takes additions only at this time."
        if plan.additions_only
        else "Enrollments that are missing were kept, because rows of the file were rejected.",
        result.put_off_enrollments,
    )
    return result


def _look_closely(result: PeopleDiff, old: Record | None, new: Record | None) -> None:
    """Who may be somebody else, or the same under another id: never guessed, only told."""
    if old and new:
        if old[4] and new[4] and all(old[at] != new[at] for at in (2, 3, 4)):
            result.reused.append(old[0])
    elif old:
        result.left.append([old[0], old[1], old[4], old[6]])
    elif new:
        result.came.append([new[0], new[1], new[4], new[6]])


def _gather(rows: Iterable[list[Any]]) -> _Gathered:
    seen = _Gathered()
    for row in rows:
        kind, sourced_id = row[0], row[1]
        if kind == "u":
            _, _, role, given, family, email, username, clever_ids, schools, removed = row
            if removed:
                seen.removed.add(sourced_id)
                continue
            if role:
                seen.roles.setdefault(sourced_id, set()).add(role)
            known = seen.people.get(sourced_id)
            if known is None:
                seen.people[sourced_id] = [
                    sourced_id,
                    None,
                    given,
                    family,
                    email,
                    username,
                    sorted(clever_ids),
                    sorted(schools),
                    [],
                ]
                continue
            seen.repeated += 1
            seen.other_names += known[2:4] != [given, family]
            known[4] = known[4] or email
            known[5] = known[5] or username
            known[6] = sorted({*known[6], *clever_ids})
            known[7] = sorted({*known[7], *schools})
        elif kind == "r":
            _, _, role, school, removed = row
            if not removed:
                if role:
                    seen.roles.setdefault(sourced_id, set()).add(role)
                if school and sourced_id in seen.people:
                    seen.people[sourced_id][7] = sorted({*seen.people[sourced_id][7], school})
        else:
            _, _, class_id, role, removed = row
            into = seen.ended if removed else seen.enrollments
            of_person = into.setdefault(sourced_id, set())
            seen.repeated_enrollments += (class_id, role) in of_person
            of_person.add((class_id, role))
    return seen


def _people_after(
    seen: _Gathered, before: dict[str, Record], plan: Plan, result: PeopleDiff
) -> tuple[dict[str, Record], set[str]]:
    after: dict[str, Record] = {}
    left_out: set[str] = set()
    for key, person in seen.people.items():
        roles = seen.roles.get(key, set())
        role = next((r for r in ROLE_PRECEDENCE if r.value in roles), None)
        if role is None and plan.mode(Kind.USERS) is Mode.DELTA and key in before:
            role = Role(before[key][1])
        if role is None:
            left_out.add(key)
            continue
        person[1] = role.value
        after[key] = person
        result.users.read += 1
        old = before.get(key)
        if old is None:
            result.users.created += 1
        elif old[:8] == person[:8]:
            result.users.unchanged += 1
        else:
            result.users.changed += 1
    for key in before:
        if key in after or (key in left_out and plan.mode(Kind.USERS) is Mode.DELTA):
            continue
        if plan.mode(Kind.USERS) is Mode.DELTA:
            if key in seen.removed:
                result.users.read += 1
                result.users.removed += 1
            else:
                after[key] = [*before[key][:8], []]
        elif plan.may_remove(Kind.USERS) or key in seen.removed:
            result.users.removed += 1
        else:
            after[key] = [*before[key][:8], []]
            result.put_off += plan.mode(Kind.USERS) is Mode.BULK
    return after, left_out


def _count_enrollments(
    seen: _Gathered,
    before: dict[str, Record],
    after: dict[str, Record],
    plan: Plan,
    result: PeopleDiff,
) -> None:
    mode = plan.mode(Kind.ENROLLMENTS)
    counts = result.enrollments
    others = 0
    for key in {*seen.enrollments, *seen.ended} - set(after):
        others += len(seen.enrollments.get(key, ()))
    _note(result, "enrollments_left_out", "Enrollments of people who were left out were not read.", others)
    for key, person in after.items():
        old = {(c, r) for c, r in before[key][8]} if key in before else set()
        said = seen.enrollments.get(key, set())
        ended = seen.ended.get(key, set()) & old
        if mode is Mode.BULK:
            missing = old - said
            kept = set() if plan.may_remove(Kind.ENROLLMENTS) else missing - ended
            result.put_off_enrollments += len(kept)
            new = said | kept
            counts.read += len(said)
            counts.removed += len(missing - kept)
        else:
            new = (old | said) - ended
            counts.read += len(said) + len(ended)
            counts.removed += len(ended)
        counts.created += len(said - old)
        counts.unchanged += len(said & old)
        person[8] = [list(pair) for pair in sorted(new)]
    for key in set(before) - set(after):
        counts.removed += len(before[key][8])


def roster_user(district_id: str, record: Record, *, active: bool = True) -> RosterUser:
    """The person that a record of the snapshot is."""
    sourced_id, role, given, family, email, username, clever_ids, schools, enrollments = record
    teaches = sorted({c for c, r in enrollments if r in _STAFF_OF_A_CLASS})
    attends = sorted({c for c, r in enrollments if r == "student"})
    return RosterUser(
        district_id,
        sourced_id,
        Role(role),
        given,
        family,
        email,
        username,
        tuple(clever_ids),
        tuple(schools),
        tuple(teaches) if active else (),
        tuple(attends) if active else (),
        active,
    )


def memberships(standing: Iterable[Record]) -> Iterator[list[str]]:
    """[class id, "t" or "s", sourcedId] for everybody who teaches or attends a class."""
    for record in standing:
        for class_id, role in record[8]:
            if role in _STAFF_OF_A_CLASS:
                yield [class_id, "t", record[0]]
            elif role == "student":
                yield [class_id, "s", record[0]]


def _note(result: PeopleDiff, code: str, message: str, count: int) -> None:
    if count:
        result.notes.append(Note(code, message, count=count))
