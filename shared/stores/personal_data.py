"""All that is held about one person: gathered for them, or deleted on the platform's request. By keys, without a scan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from shared.domain.errors import Conflict
from shared.domain.roster import RosterUserKey
from shared.stores.accounts import AccountStore, account_key
from shared.stores.audit import AuditStore
from shared.stores.digests import remaining_key
from shared.stores.due import NUDGE, due_key
from shared.stores.keys import Item, Key, account_pk, class_pk, clever_pk, email_pk, user_pk
from shared.stores.links import LinkStore
from shared.stores.nudges import NudgeStore
from shared.stores.roster_users import RosterUserStore
from shared.stores.stuck import stuck_key
from shared.stores.table import conflicts, every_page, get_many, write_many


class PersonalData:
    """A person is an account with those that are joined with it, a roster user, or both where they are linked."""

    def __init__(self, table: Any, accounts: AccountStore) -> None:
        self._table = table
        self._accounts = accounts
        self._links = LinkStore(table)
        self._nudges = NudgeStore(table)
        self._audit = AuditStore(table)
        self._users = RosterUserStore(table)

    def person_of_account(self, account_id: str) -> tuple[tuple[str, ...], tuple[RosterUserKey, ...]]:
        """The accounts that are joined with this one, and the roster users that are linked to them."""
        family = self._accounts.family_of(account_id)
        return family, tuple(link.user for link in self._links.of_account(*family))

    def person_of_user(self, user: RosterUserKey) -> tuple[tuple[str, ...], tuple[RosterUserKey, ...]]:
        """The roster user, and the accounts that they are linked to."""
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
            items += self._items(account_pk(account_id))
            items += self._existing(self._account_identifiers(account_id))
            parts += self._memberships(account_id)
        for user in users:
            items += self._items(user_pk(user))
            items += self._existing(self._user_keys(user))
            parts += self._enrollments(user)
        return {"items": items, "parts": parts}

    def delete_account(self, account_id: str) -> int:
        """Delete an account, its identifiers, mastery, classes and links, and the person's part in what others own.

        May be run again after it was cut: the account itself goes last. Answers how many items were deleted. Events that
        were told go on to hold ids for as long as the outbox keeps them.
        """
        for link in self._links.of_account(account_id):
            self._forget_link(link.user)
        for membership in self._items(account_pk(account_id), "MEMBER#"):
            self._leave(membership["owner_account_id"], membership["SK"].removeprefix("MEMBER#"), account_id)
        members = [
            {"PK": account_pk(student), "SK": f"MEMBER#{one.class_id}"}
            for one in self._accounts.owned_classes(account_id)
            for student in one.student_account_ids
        ]
        last = account_key(account_id)
        own = [_key(item) for item in self._items(account_pk(account_id)) if _key(item) != last]
        trail = self._trail(account_id)
        deleted = write_many(self._table, deletes=[*trail, *members, *self._account_identifiers(account_id), *own])
        return deleted + write_many(self._table, deletes=[last])

    def delete_user(self, user: RosterUserKey) -> int:
        """Delete a roster user with link, activation and identifiers, and the place in district classes.

        Whoever stays on the district's roster comes back with the next change that the roster has for them.
        """
        self._forget_link(user)
        found = self._users.get(user)
        for class_id in (*found.teaches, *found.attends) if found else ():
            self._drop(class_pk(user.district_id, class_id), "MEMBERS", "student_ids", user.sourced_id)
            self._drop(class_pk(user.district_id, class_id), "CLASS", "teacher_ids", user.sourced_id)
        roster = {"PK": user_pk(user), "SK": "ROSTER"}
        own = [_key(item) for item in self._items(user_pk(user)) if _key(item) != roster]
        deleted = write_many(self._table, deletes=[*self._user_keys(user), *own])
        return deleted + write_many(self._table, deletes=[roster])

    def _forget_link(self, user: RosterUserKey) -> None:
        """The link's item and its nudge; the account's side goes with the account."""
        deletes: list[Key] = [{"PK": user_pk(user), "SK": "LINK"}]
        link, due_at = self._links.of_user(user), self._nudges.due_at(user)
        if due_at:
            deletes.append(due_key(NUDGE, user, due_at))
        if link:
            deletes.append({"PK": account_pk(link.account_id), "SK": f"LINK#{user.district_id}"})
        write_many(self._table, deletes=deletes)

    def _trail(self, account_id: str) -> list[Key]:
        """What the audit trail says of an account, beside the last person of each district that it was linked to."""
        sides = self._items(account_pk(account_id), "LINK#")
        users = (RosterUserKey(side["SK"].removeprefix("LINK#"), side["sourced_id"]) for side in sides)
        return [key for user in users for key in self._audit.keys_about(user, account_id)]

    def _leave(self, owner: str, class_id: str, account_id: str) -> None:
        """Out of another's class: the membership, and the scores."""
        self._drop(account_pk(owner), f"CLASS#{class_id}", "student_account_ids", account_id)
        for item in self._items(account_pk(owner), f"CLASS_ASSIGNMENT#{class_id}#"):
            if account_id in item.get("scores", {}):
                self._table.update_item(
                    Key=_key(item),
                    UpdateExpression="REMOVE scores.#account",
                    ConditionExpression="attribute_exists(PK)",
                    ExpressionAttributeNames={"#account": account_id},
                )

    def _drop(self, pk: str, sk: str, name: str, value: str) -> None:
        """Take a value out of an item's list, whoever else changes it at the same time."""
        key = {"PK": pk, "SK": sk}
        while True:
            present = (self._table.get_item(Key=key, ConsistentRead=True).get("Item") or {}).get(name) or []
            if value not in present:
                return
            try:
                with conflicts("list_changed", "The list changed in the meantime."):
                    self._table.update_item(
                        Key=key,
                        UpdateExpression="SET #list = :left",
                        ConditionExpression="#list = :present",
                        ExpressionAttributeNames={"#list": name},
                        ExpressionAttributeValues={":left": [v for v in present if v != value], ":present": present},
                    )
            except Conflict:
                continue

    def _memberships(self, account_id: str) -> Iterator[Item]:
        """What classes of others hold about an account: that it is in them, and its own scores."""
        for one in self._accounts.with_scores(self._accounts.member_classes(account_id)):
            scores = {a.title: a.scores[account_id] for a in one.assignments if account_id in a.scores}
            yield {"class": one.name, "owner_account_id": one.owner_account_id, "scores": scores}

    def _enrollments(self, user: RosterUserKey) -> Iterator[Item]:
        found = self._users.get(user)
        for role, class_ids in (("teaches", found.teaches), ("attends", found.attends)) if found else ():
            for class_id in class_ids:
                yield {"district_class": class_id, "district_id": user.district_id, "role": role}

    def _account_identifiers(self, account_id: str) -> list[Key]:
        account = self._accounts.get(account_id)
        return [_key(item) for item in self._accounts.identifier_items(account)] if account else []

    def _user_keys(self, user: RosterUserKey) -> list[Key]:
        """Where a roster user is noted outside of the own partition."""
        sk = user_pk(user)
        found = self._users.get(user)
        activation = self._table.get_item(Key={"PK": sk, "SK": "ACTIVATION"}, ConsistentRead=True).get("Item")
        pks = [email_pk(found.official_email)] if found and found.official_email else []
        pks += [clever_pk(one) for one in found.clever_ids] if found else []
        pointer = [{"PK": f"ACTIVATION#{activation['activation_id']}", "SK": "POINTER"}] if activation else []
        return [*({"PK": pk, "SK": sk} for pk in pks), stuck_key(user), remaining_key(user), *pointer]

    def _existing(self, keys: Iterable[Key]) -> list[Item]:
        return list(get_many(self._table, keys, consistent=True).values())

    def _items(self, pk: str, prefix: str = "") -> Iterator[Item]:
        """A partition, or the part of it whose sort keys begin in this way."""
        values = {":pk": pk, **({":prefix": prefix} if prefix else {})}
        return every_page(
            self._table.query,
            KeyConditionExpression="PK = :pk" + (" AND begins_with(SK, :prefix)" if prefix else ""),
            ExpressionAttributeValues=values,
            ConsistentRead=True,
        )


def _key(item: Item) -> Key:
    return {"PK": item["PK"], "SK": item["SK"]}
