"""The teacher's table of a district class, and the class code (B12)."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain.account import Account, GrassrootsClass
from shared.domain.clock import Clock, NewId, to_iso
from shared.domain.errors import RefusedTransition
from shared.domain.link import Link, Proof
from shared.domain.name_likeness import AccountName, PersonName, differ_much
from shared.domain.roster import DistrictClass, Role, RosterUser, RosterUserKey
from shared.domain.vouching import (
    ClassCode,
    OldStudent,
    StudentRow,
    StudentState,
    Vouch,
    is_free,
    is_protected,
    old_students,
    row_of,
    table_of,
)
from shared.stores.accounts import AccountStore
from shared.stores.audit import Actor
from shared.stores.links import LinkStore
from shared.stores.roster_users import RosterUserStore
from shared.stores.vouching import VouchStore
from shared.use_cases.link_accounts import LinkAccounts, Proven

_ORDER = (
    StudentState.SUGGESTED,
    StudentState.NOT_YET,
    StudentState.CONFIRMED,
    StudentState.MATCHED,
    StudentState.LINKED,
)


@dataclass(frozen=True, slots=True)
class Teacher:
    """Who looks at the table: a teacher of the class, and the account that is linked to them."""

    user: RosterUserKey
    account: Account


@dataclass(frozen=True, slots=True)
class TeachersTable:
    """The rows, those that wait for the teacher first, then by name; and whom the teacher told apart from a student."""

    rows: list[StudentRow]
    apart: dict[RosterUserKey, list[OldStudent]]

    def sure(self) -> list[StudentRow]:
        """Those suggestions that may be confirmed all at once."""
        return [row for row in self.rows if row.state is StudentState.SUGGESTED and row.doubt is None]


class VouchForStudents:
    """Reads and keeps what a teacher says of the students of one class; what a student does with it is proved by the student."""

    def __init__(
        self,
        accounts: AccountStore,
        links: LinkStore,
        users: RosterUserStore,
        vouches: VouchStore,
        link_accounts: LinkAccounts,
        *,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self._accounts = accounts
        self._links = links
        self._users = users
        self._vouches = vouches
        self._link_accounts = link_accounts
        self._clock = clock
        self._new_id = new_id

    # The teacher

    def table(self, teacher: Teacher, taught: DistrictClass) -> TeachersTable:
        """Every student of the class, and what this teacher's own old classes say of them; nothing of another teacher's."""
        students = sorted(
            self._users.get_present(taught.student_keys).values(),
            key=lambda one: (one.family_name.casefold(), one.given_name.casefold(), one.sourced_id),
        )
        old = self._old_students(teacher.account)
        by_id = {each.account.account_id: each for each in old}
        told_apart = self._vouches.told_apart(taught.district_id, taught.sourced_id)
        keys = [one.key for one in students]
        rows = table_of(
            students,
            self._links.of_users(keys),
            old,
            self._links.linked_users(taught.district_id, by_id),
            self._vouches.of_students(keys, self._clock()),
            told_apart,
        )
        apart: dict[RosterUserKey, list[OldStudent]] = {}
        for row in rows:
            if row.state is StudentState.NOT_YET:
                numbers = [account_id for number, account_id in told_apart if number == row.user.sourced_id]
                apart[row.user.key] = [by_id[each] for each in numbers if each in by_id]
        return TeachersTable(sorted(rows, key=lambda row: _ORDER.index(row.state)), apart)

    def confirm(self, teacher: Teacher, taught: DistrictClass, pairs: Iterable[tuple[str, str]]) -> int:
        """Note the teacher's word on these (number, account id), of those that are suggested at this moment. Return how many."""
        wanted = set(pairs)
        now = to_iso(self._clock())
        vouches = [
            Vouch(
                row.user.key, row.old.account.account_id, taught.sourced_id, teacher.user, teacher.account.account_id, now,
                row_of(row.user),
            )
            for row in self.table(teacher, taught).rows
            if row.old and row.state is StudentState.SUGGESTED
            and (row.user.sourced_id, row.old.account.account_id) in wanted
        ]  # fmt: skip
        self._vouches.confirm(vouches)
        return len(vouches)

    def tell_apart(self, teacher: Teacher, taught: DistrictClass, number: str, account_id: str) -> None:
        """Note that these are two people; a confirmation of the same pair goes with it."""
        row = self._row(teacher, taught, number)
        if row and row.old and row.old.account.account_id == account_id:
            self._vouches.tell_apart(taught.district_id, taught.sourced_id, row.user.key, account_id, self._clock())
            if row.state is StudentState.CONFIRMED:
                self._vouches.take_back(row.user.key)

    def take_back(
        self, teacher: Teacher, taught: DistrictClass, number: str, account_id: str, linked_at: str = ""
    ) -> None:
        """Undo what the teacher said of a student: a confirmation, or that they are two people; or, for 30 days, the link that
        a code of this class made. That is named by its moment: a co-teacher may undo it, and its account may be in
        another teacher's class. Raises RefusedTransition as ``LinkStore.undo``."""
        row = self._row(teacher, taught, number)
        if row is None:
            return
        if row.state is StudentState.CONFIRMED:
            self._vouches.take_back(row.user.key)
        elif row.by_code:
            if row.by_code.vouched_in == taught.sourced_id and row.by_code.linked_at == linked_at:
                self._links.undo(
                    row.user.key,
                    account_id=row.by_code.account_id,
                    event_id=self._new_id(),
                    now=self._clock(),
                    actor=Actor.TEACHER,
                )
        else:
            self._vouches.take_apart_back(taught.district_id, taught.sourced_id, row.user.key, account_id)

    def code(self, taught: DistrictClass) -> ClassCode | None:
        """The code on the board of this class now."""
        return self._vouches.code(taught.district_id, taught.sourced_id, self._clock())

    def show_code(self, teacher: Teacher, taught: DistrictClass, digits: str) -> None:
        """Put a new code on the board."""
        self._vouches.show_code(taught.district_id, taught.sourced_id, digits, teacher.user, self._clock())

    def hide_code(self, taught: DistrictClass) -> None:
        """End the code before its time."""
        self._vouches.hide_code(taught.district_id, taught.sourced_id)

    def _row(self, teacher: Teacher, taught: DistrictClass, number: str) -> StudentRow | None:
        return next((row for row in self.table(teacher, taught).rows if row.user.sourced_id == number), None)

    def _old_students(self, account: Account) -> list[OldStudent]:
        classes = self._classes_of(account)
        wanted = dict.fromkeys(each for grassroots in classes for each in grassroots.student_account_ids)
        return old_students(classes, self._accounts.get_many(wanted))

    def _classes_of(self, account: Account) -> Sequence[GrassrootsClass]:
        owned = self._accounts.classes.owned(*self._accounts.family(account))
        return [grassroots for grassroots in owned if grassroots.deleted_at is None]

    # The student

    def word_for(self, student: RosterUser) -> Account | None:
        """The account that a teacher of theirs says is this student's; None where the word counts no more."""
        found = self._standing(student)
        return found[1] if found else None

    def join(self, proven: Proven, digits: str, *, shown: frozenset[str], now: datetime, is_mine: bool = False) -> Link:
        """Link the account that the teacher named, by district login, teacher's word and class code together (B12).

        Raises RefusedTransition: ``code_not_taken`` where the district does not allow it or this is no student's district login,
        ``not_confirmed`` where no teacher's word stands, ``account_protected`` where the account has a verified address or an
        outside login, ``code_wrong`` where that class has no such code now, ``names_differ`` where the account is called nothing
        like the student, who did not say ``is_mine`` yet, and what ``LinkAccounts.by_class_code`` raises.
        """
        student = proven.user
        if not (
            proven.district.teachers_may_vouch and student.role is Role.STUDENT and proven.by is not Proof.ACTIVATION
        ):
            raise RefusedTransition("code_not_taken", "This district does not use class codes.")
        found = self._standing(student)
        if found is None:
            raise RefusedTransition("not_confirmed", "Ask your teacher to find you in the list of students first.")
        vouch, account = found
        code = self._vouches.code(student.district_id, vouch.class_id, now)
        if code is None or not hmac.compare_digest(code.digits, digits):
            raise RefusedTransition("code_wrong", "This is not the code that is on the board now.")
        if is_protected(account):
            raise RefusedTransition("account_protected", "This account is opened by its own login alone.")
        name = PersonName.of(student.given_name, student.family_name)
        if not is_mine and differ_much(name, AccountName.of(account.display_name)):
            raise RefusedTransition("names_differ", "The account has another name. Say that it is yours.")
        return self._link_accounts.by_class_code(
            proven,
            account,
            (vouch.class_id, vouch.teacher.person_id),
            shown=shown,
            now=now,
            also=[self._vouches.use(vouch)],
        )

    def _standing(self, student: RosterUser) -> tuple[Vouch, Account] | None:
        """The word that stands, and its account: of who teaches the student now, about an account of their own class."""
        vouch = self._vouches.of_students([student.key], self._clock()).get(student.key)
        if vouch is None or not vouch.is_about(student) or vouch.class_id not in student.attends:
            return None
        teacher = self._users.get(vouch.teacher)
        link = self._links.of_user(vouch.teacher)
        is_theirs = link is not None and link.is_linked and link.account_id == vouch.teacher_account_id
        if teacher is None or not teacher.active or vouch.class_id not in teacher.teaches or not is_theirs:
            return None
        accounts = self._accounts.get_many([vouch.account_id, vouch.teacher_account_id])
        account, teachers = accounts.get(vouch.account_id), accounts.get(vouch.teacher_account_id)
        if account is None or teachers is None:
            return None
        linked = self._links.linked_users(student.district_id, [account.account_id])
        in_class = any(account.account_id in each.student_account_ids for each in self._classes_of(teachers))
        return (vouch, account) if in_class and is_free(account, linked) else None
