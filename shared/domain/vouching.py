"""The teacher's table and the class code: a teacher says which old account is which student's, and the student proves it (B12).

A teacher's word alone links nobody: the account that a teacher names is the first one that the student is offered at their own
district login, and is proved by a login to it. Where the district allows it, three things together stand for that login: the
student's district login, the teacher's word, and a code that is on the board in these ten minutes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.domain.account import Account, GrassrootsClass
from shared.domain.clock import from_iso
from shared.domain.federated_identity import row_hash
from shared.domain.link import Link, LinkState
from shared.domain.name_likeness import AccountName, Doubt, PersonName, best_pairs, doubt_of
from shared.domain.roster import RosterUser, RosterUserKey

CODE_FOR = timedelta(minutes=10)
"""How long a class code is good."""
CODE_DIGITS = 6


class StudentState(StrEnum):
    """How far a student of a district class is."""

    LINKED = "linked"
    MATCHED = "matched"
    """Will be linked by rule at the next district login (M6)."""
    SUGGESTED = "suggested"
    CONFIRMED = "confirmed"
    """Their teacher said which account is theirs; they have not proved it yet."""
    NOT_YET = "not_yet"


@dataclass(frozen=True, slots=True)
class Vouch:
    """A teacher's word that an account is a student's. ``class_id`` is the district class in which it was given."""

    student: RosterUserKey
    account_id: str
    class_id: str
    teacher: RosterUserKey
    teacher_account_id: str
    at: str
    """ISO 8601, UTC."""
    row: str
    """The hash of the student's name on the roster: under another name the number is somebody else's (M19)."""

    def is_about(self, student: RosterUser) -> bool:
        return self.row == row_of(student)


def row_of(student: RosterUser) -> str:
    return row_hash(student.given_name, student.family_name, None)


@dataclass(frozen=True, slots=True)
class ClassCode:
    """The code of one district class, on the board until ``until`` (ISO 8601, UTC)."""

    digits: str
    until: str
    teacher: RosterUserKey

    def is_good(self, now: datetime) -> bool:
        return from_iso(self.until) > now

    @property
    def on_the_board(self) -> str:
        """In two groups, as it is read out."""
        half = CODE_DIGITS // 2
        return f"{self.digits[:half]} {self.digits[half:]}"


@dataclass(frozen=True, slots=True)
class OldStudent:
    """An account in the teacher's own grassroots classes, and the names of these."""

    account: Account
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StudentRow:
    """A student in the teacher's table; ``old`` is the account that is suggested or confirmed."""

    user: RosterUser
    state: StudentState
    old: OldStudent | None = None
    doubt: Doubt | None = None
    """Why a suggestion is not a sure one: then the teacher is asked about it alone, and told why."""
    by_code: Link | None = None
    """The link, where a class code made it: the teacher may undo it for 30 days."""


def old_students(classes: Iterable[GrassrootsClass], accounts: Mapping[str, Account]) -> list[OldStudent]:
    """The students of these classes of one teacher, each once, by the order of the classes."""
    named: dict[str, list[str]] = {}
    for grassroots in classes:
        if grassroots.deleted_at is None:
            for account_id in grassroots.student_account_ids:
                named.setdefault(account_id, []).append(grassroots.name)
    return [OldStudent(accounts[each], tuple(names)) for each, names in named.items() if each in accounts]


def is_free(account: Account, linked: Collection[str]) -> bool:
    """Whether an account may still be some student's: found, a student's, and linked to nobody of the district."""
    return (
        account.is_found and account.role == "student" and account.account_id not in linked and not account.joined_into
    )


def table_of(
    students: Sequence[RosterUser],
    links: Mapping[RosterUserKey, Link],
    old: Iterable[OldStudent],
    linked_accounts: Collection[str],
    vouches: Mapping[RosterUserKey, Vouch],
    refused: Collection[tuple[str, str]],
) -> list[StudentRow]:
    """Return the rows of the table, in the order of ``students``.

    ``refused`` are pairs (number, account id) of which the teacher said that they are two people. Who is linked or matched is
    suggested nobody, and an account is suggested once.
    """
    free = {each.account.account_id: each for each in old if is_free(each.account, linked_accounts)}
    confirmed = {
        one.key: free[vouch.account_id]
        for one in students
        if (vouch := vouches.get(one.key)) and vouch.is_about(one) and vouch.account_id in free
    }
    open_students = [one for one in students if _state_of(links.get(one.key)) is None and one.key not in confirmed]
    taken = {each.account.account_id for each in confirmed.values()}
    suggested = _suggested(open_students, [each for name, each in free.items() if name not in taken], refused)
    return [_row(one, links.get(one.key), confirmed.get(one.key), suggested.get(one.key)) for one in students]


def _suggested(
    students: Sequence[RosterUser], old: Sequence[OldStudent], refused: Collection[tuple[str, str]]
) -> dict[RosterUserKey, tuple[OldStudent, float]]:
    people = [PersonName.of(one.given_name, one.family_name) for one in students]
    names = [AccountName.of(each.account.display_name) for each in old]
    return {
        students[pair.person].key: (old[pair.account], pair.value)
        for pair in best_pairs(people, names)
        if (students[pair.person].sourced_id, old[pair.account].account.account_id) not in refused
    }


def _row(
    user: RosterUser, link: Link | None, confirmed: OldStudent | None, suggested: tuple[OldStudent, float] | None
) -> StudentRow:
    state = _state_of(link)
    if state is not None:
        return StudentRow(user, state, by_code=link if link and link.is_linked and link.vouched_in else None)
    if confirmed:
        return StudentRow(user, StudentState.CONFIRMED, confirmed)
    if suggested:
        old, likeness = suggested
        return StudentRow(user, StudentState.SUGGESTED, old, doubt_of(likeness))
    return StudentRow(user, StudentState.NOT_YET)


def _state_of(link: Link | None) -> StudentState | None:
    if link and link.is_linked:
        return StudentState.LINKED
    return StudentState.MATCHED if link and link.state is LinkState.MATCHED else None


def is_protected(account: Account) -> bool:
    """Whether a verified address or an outside login protects an account: then only these open it (B12)."""
    return bool(
        (account.email and account.email_verified) or account.google_sub or account.clever_id or account.identities
    )
