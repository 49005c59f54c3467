"""All that is held about one person: gathered for them, or deleted on the platform's request. By keys, without a scan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from shared.domain.link import Link
from shared.domain.roster import RosterUserKey
from shared.stores.accounts import AccountStore
from shared.stores.audit import AuditStore
from shared.stores.district_class_item import packed_ids, unpacked_ids
from shared.stores.due_items import NUDGE
from shared.stores.federated_ids import is_of
from shared.stores.grassroots_classes import has_left, left_mark
from shared.stores.keys import (
    AUDIT,
    FORMER,
    FORMER_NUMBERS,
    LINKS,
    MEMBERSHIPS,
    OWN_LOGINS,
    Item,
    Key,
    account_key,
    account_pk,
    activation_key,
    activation_pointer_key,
    class_key,
    due_key,
    former_address_of_sk,
    former_holder_key,
    former_number_of,
    key_of,
    link_key,
    members_key,
    moved_key,
    opened_by_own_key,
    pair,
    past_class_key,
    proof_key,
    remaining_key,
    roster_key,
    stuck_key,
    user_pk,
    waiting_key,
)
from shared.stores.links import LinkStore, side_key_of, user_of_side
from shared.stores.nudges import NudgeStore
from shared.stores.own_logins import own_login_of
from shared.stores.past_classes import PastClassStore
from shared.stores.roster_users import RosterUserStore
from shared.stores.table import DynamoTable, Table, Update


class PersonalData:
    """A person is an account with those that are joined with it, a roster user, or both where they are linked."""

    def __init__(self, table: DynamoTable, accounts: AccountStore) -> None:
        self._table = Table(table)
        self._accounts = accounts
        self._links = LinkStore(table)
        self._nudges = NudgeStore(table)
        self._audit = AuditStore(table)
        self._users = RosterUserStore(table)
        self._past = PastClassStore(table)

    def person_of_account(self, account_id: str) -> tuple[tuple[str, ...], tuple[RosterUserKey, ...]]:
        """The accounts that are joined with this one, and the roster users that are linked to them."""
        family = self._accounts.family_of(account_id)
        return family, tuple(link.user for link in self._links.of_account(*family))

    def person_of_user(self, user: RosterUserKey) -> tuple[tuple[str, ...], tuple[RosterUserKey, ...]]:
        """The roster user, and the accounts that they are linked to."""
        user = self._present(user)
        link = self._links.of_user(user)
        family, _ = self.person_of_account(link.account_id) if link and link.is_linked else ((), ())
        return family, (user,)

    def held(self, accounts: Iterable[str], users: Iterable[RosterUserKey]) -> dict[str, list[Item]]:
        """Every item about these accounts and roster users; of what others own, the person's own part.

        What is held under a hash of a secret (sessions, limits) cannot be found by a person and is gone within a day.
        """
        items: list[Item] = []
        parts: list[Item] = []
        for account_id in accounts:
            items += self._table.query(account_pk(account_id))
            items += self._existing(self._account_identifiers(account_id))
            parts += self._memberships(account_id)
        for user in users:
            items += self._table.query(user_pk(user))
            items += self._existing(self._user_keys(user))
            parts += self._enrollments(user)
            parts += self._held(user)
        return {"items": items, "parts": parts}

    def entries_of_account(self, account_id: str) -> list[Key]:
        """The entries of trails that go with an account."""
        return self._trail(account_id)

    def entries_of_user(self, user: RosterUserKey) -> list[Key]:
        """The entries of the trail that go with a roster user."""
        return [key_of(pair(item)) for item in self._table.query(user_pk(self._present(user)), AUDIT)]

    def partitions_of(self, user: RosterUserKey) -> set[str]:
        """The partition of a roster user, and those of the numbers before."""
        items = self._table.query(user_pk(user), FORMER_NUMBERS)
        return {user_pk(user), *(user_pk(former_number_of(user, item["SK"])) for item in items)}

    def delete_account(self, account_id: str) -> int:
        """Delete an account, its identifiers, mastery, classes and links, and the person's part in what others own.

        May be run again after it was cut: the account itself goes last. Return how many items were deleted. Events that
        were written go on to hold ids for as long as the outbox keeps them.
        """
        for link in self._links.of_account(account_id):
            self._forget_link(link.user)
        for membership in self._table.query(account_pk(account_id), MEMBERSHIPS):
            if not has_left(membership):
                class_id = membership["SK"].removeprefix(MEMBERSHIPS)
                self._accounts.classes.leave(membership["owner_account_id"], class_id, account_id)
        left = [
            left_mark(student, owned.class_id)
            for owned in self._accounts.classes.owned(account_id)
            for student in owned.student_account_ids
        ]
        last = account_key(account_id)
        elsewhere = [*self._trail(account_id), *self._account_identifiers(account_id)]
        deleted = self._table.write_many(left, [*elsewhere, *self._partition(account_pk(account_id), last)])
        return deleted + self._table.write_many(deletes=[last])

    def delete_user(self, user: RosterUserKey) -> int:
        """Delete a roster user with link, activation and identifiers, and the place in district classes.

        Whoever stays on the district's roster comes back with the next change that the roster has for them.
        """
        user = self._present(user)
        self._forget_link(user)
        # As stored: also what gives no rights is deleted.
        noted = self._table.get(roster_key(user)) or {}
        for class_id in noted.get("attends", ()):
            self._drop_student(class_key(user.district_id, class_id), user.sourced_id)
            members = self._table.get(members_key(user.district_id, class_id)) or {}
            for chunk in range(int(members.get("chunks", 1))):
                self._drop(members_key(user.district_id, class_id, chunk), "student_ids", user.sourced_id)
        for class_id in noted.get("teaches", ()):
            self._drop(class_key(user.district_id, class_id), "teacher_ids", user.sourced_id)
        self._leave_past_classes(user)
        self._users.holders.write(user.district_id, taken=((each, user) for each in self._identifiers(user)))
        last = roster_key(user)
        deleted = self._table.write_many(deletes=[*self._user_keys(user), *self._partition(user_pk(user), last)])
        return deleted + self._table.write_many(deletes=[last])

    def _leave_past_classes(self, user: RosterUserKey) -> None:
        """Out of past classes, where the number is the one that the person had then."""
        for place in self._past.every_place(user):
            named = user.district_id, place.class_id, place.noted_by
            if place.taught:
                self._drop(past_class_key(*named), "teacher_ids", place.number)
                continue
            item = self._table.get(past_class_key(*named)) or {}
            for chunk in range(int(item.get("chunks", 1))):
                self._drop(past_class_key(*named, chunk), "student_ids", place.number)

    def existing(self, items: Iterable[Item]) -> list[Item]:
        """Those of these items that are there now."""
        return self._existing(key_of(pair(item)) for item in items)

    def _present(self, user: RosterUserKey) -> RosterUserKey:
        """The person, also where the number is given without the kind that it has had since."""
        return user if self._users.get(user) else self._users.present_key(user)

    def _partition(self, pk: str, last: Key) -> list[Key]:
        """All keys of a partition but the one that is deleted last."""
        return [key_of(pair(item)) for item in self._table.query(pk) if pair(item) != pair(last)]

    def _forget_link(self, user: RosterUserKey) -> None:
        """The link's item and its nudge; the account's side goes with the account."""
        deletes = [link_key(user)]
        link, due_at = self._links.of_user(user), self._nudges.due_at(user)
        # First those that only the link's item leads to: it may be cut here.
        self._table.write_many(deletes=_proof_keys(link))
        if due_at:
            deletes.append(due_key(NUDGE, user, due_at))
        if link:
            deletes.append(side_key_of(link))
        self._table.write_many(deletes=deletes)

    def _trail(self, account_id: str) -> list[Key]:
        """What the audit trail says of an account, beside the last person of each district that it was linked to."""
        sides = self._table.query(account_pk(account_id), LINKS)
        users = map(user_of_side, sides)
        return [key for user in users for key in self._audit.keys_about(user, account_id)]

    def _drop(self, key: Key, name: str, value: str) -> None:
        """Take a value out of an item's list, whoever else changes it at the same time."""
        while True:
            present: list[str] = (self._table.get(key) or {}).get(name) or []
            if value not in present:
                return
            update = Update(key).set(**{name: [v for v in present if v != value]})
            if self._table.attempt(update.when(f"#{name} = :present", present=present)):
                return

    def _drop_student(self, key: Key, sourced_id: str) -> None:
        """Take a student out of those that stand with a class, whoever else changes it at the same time."""
        while packed := (self._table.get(key) or {}).get("students"):
            students = unpacked_ids(packed)
            if sourced_id not in students:
                return
            update = Update(key).set(students=packed_ids(each for each in students if each != sourced_id))
            if self._table.attempt(update.when("students = :present", present=packed)):
                return

    def _memberships(self, account_id: str) -> Iterator[Item]:
        """What classes of others hold about an account: that it is in them, and its own scores."""
        classes = self._accounts.classes
        for attended in classes.with_scores(classes.attended(account_id)):
            scores = {a.title: a.scores[account_id] for a in attended.assignments if account_id in a.scores}
            yield {"class": attended.name, "owner_account_id": attended.owner_account_id, "scores": scores}

    def _enrollments(self, user: RosterUserKey) -> Iterator[Item]:
        found = self._users.get(user)
        for role, class_ids in (("teaches", found.teaches), ("attends", found.attends)) if found else ():
            for class_id in class_ids:
                yield {"district_class": class_id, "district_id": user.district_id, "role": role}
        for place in self._past.every_place(user):
            role = "taught" if place.taught else "attended"
            yield {"past_class": place.class_id, "district_id": user.district_id, "role": role}

    def _account_identifiers(self, account_id: str) -> list[Key]:
        account = self._accounts.get(account_id)
        if account is None:
            return []
        named = self._existing(key_of(pair(item)) for item in self._accounts.identifier_items(account))
        own = self._table.query(account_pk(account_id), OWN_LOGINS)
        return [
            *(key_of(pair(item)) for item in named if is_of(item, account_id)),
            *(opened_by_own_key(own_login_of(item).login_id) for item in own),
        ]

    def _user_keys(self, user: RosterUserKey) -> list[Key]:
        """Where a roster user is noted outside of the own partition."""
        activation = self._table.get(activation_key(user))
        pointer = [activation_pointer_key(activation["activation_id"])] if activation else []
        former = [
            former_holder_key(former_address_of_sk(item["SK"]), user)
            for item in self._table.query(user_pk(user), FORMER)
        ]
        proofs = _proof_keys(self._links.of_user(user))
        own = (self._users.holder_key(user, each) for each in self._identifiers(user))
        noted = (key_at(user) for key_at in (stuck_key, remaining_key, waiting_key))
        return [*own, *former, *proofs, *noted, *pointer, *self._note_of_move(user)]

    def _identifiers(self, user: RosterUserKey) -> list[str]:
        found = self._users.get(user)
        return self._users.identifiers(found.official_email, found.clever_ids) if found else []

    def _held(self, user: RosterUserKey) -> Iterator[Item]:
        """The person's own part of what says who holds an address or a Clever id."""
        for each in self._identifiers(user):
            if user in self._users.holders.packed(user.district_id, each).users:
                yield {"held": each, "district_id": user.district_id}

    def _note_of_move(self, user: RosterUserKey) -> list[Key]:
        former = [former_number_of(user, item["SK"]) for item in self._table.query(user_pk(user), FORMER_NUMBERS)]
        without_kind = RosterUserKey(user.district_id, user.sourced_id)
        return [moved_key(each) for each in (*former, without_kind) if each != user and self._leads_to(each, user)]

    def _leads_to(self, former: RosterUserKey, user: RosterUserKey) -> bool:
        return self._users.present_key(former) == user

    def _existing(self, keys: Iterable[Key]) -> list[Item]:
        return list(self._table.batch_get(keys).values())


def _proof_keys(link: Link | None) -> list[Key]:
    """Where it is noted by which federated identities the person of this link is known."""
    return [proof_key(hashed, link.user) for _, hashed in link.proofs.identities] if link and link.proofs else []
