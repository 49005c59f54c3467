"""Accounts of the platform: who they are, their mastery, their grassroots classes and memberships."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from shared.domain import joining
from shared.domain import mastery as mastery_rules
from shared.domain.account import RESTORE_DAYS, Account, Assignment, Goal, GrassrootsClass, Mastery, SkillMastery
from shared.domain.clock import to_iso
from shared.domain.errors import Conflict, RefusedTransition
from shared.stores.keys import Item, Key, account_pk, clever_pk, email_pk, joined_key, oidc_pk
from shared.stores.table import conflicts, every_page, get_many, without_none, write_many


@dataclass(frozen=True, slots=True)
class Stored:
    """An account as it stands: with the hash of the feed line it was last written from, and how often it was written."""

    account: Account
    fingerprint: str | None
    version: int


class AccountStore:
    """Accounts by id. ``google_issuer`` is the issuer under which a feed's ``google_sub`` is known."""

    def __init__(self, table: Any, google_issuer: str) -> None:
        self._table = table
        self._google_issuer = google_issuer

    def get(self, account_id: str) -> Account | None:
        return self.get_many([account_id]).get(account_id)

    def get_many(self, account_ids: Iterable[str]) -> dict[str, Account]:
        keys = [key for a in account_ids for key in (account_key(a), joined_key(a))]
        found = get_many(self._table, keys, consistent=True)
        return {
            pk.removeprefix("ACCOUNT#"): account_of(item, found.get((pk, "JOINED")))
            for (pk, sk), item in found.items()
            if sk == "ACCOUNT"
        }

    def stored(self, account_id: str) -> Stored | None:
        """The account with what a later ``put`` compares it with."""
        item = self._table.get_item(Key=account_key(account_id), ConsistentRead=True).get("Item")
        return Stored(account_of(item), item.get("fingerprint"), int(item.get("version", 0))) if item else None

    def masteries(self, account_ids: Iterable[str]) -> dict[str, Mastery]:
        """The progress that each account shows: its own, and that of all accounts that it is joined with (M16).

        An account without any is left out.
        """
        wanted = list(dict.fromkeys(account_ids))
        own, joins = self._own_masteries(wanted)
        families = {a: joining.family(a, joins) for a in wanted}
        shown = {a: joining.together(own[one] for one in family if one in own) for a, family in families.items()}
        return {a: mastery for a, mastery in shown.items() if mastery}

    def own_mastery(self, account_id: str) -> Mastery:
        """What was earned on this very account, whatever it is joined with."""
        return self._own_masteries([account_id])[0].get(account_id, {})

    def family(self, account: Account) -> tuple[str, ...]:
        """All accounts that are joined with this one, and itself; the one that all their logins lead to comes first."""
        if account.joined_into is None and not account.joined:
            return (account.account_id,)
        return joining.family(account.account_id, self._own_masteries([account.account_id])[1])

    def family_of(self, account_id: str) -> tuple[str, ...]:
        """``family`` of an account that may be there or not."""
        account = self.get(account_id)
        return self.family(account) if account else (account_id,)

    def _own_masteries(self, account_ids: Iterable[str]) -> tuple[dict[str, Mastery], dict[str, joining.Joined]]:
        """What was earned on each account and on those that are joined with them, and how they are joined.

        One read where nothing is joined, one more for each step of joining.
        """
        own: dict[str, Mastery] = {}
        joins: dict[str, joining.Joined] = {}
        wanted = set(account_ids)
        while wanted:
            keys = [key for a in sorted(wanted) for key in (mastery_key(a), joined_key(a))]
            found = get_many(self._table, keys, consistent=True)
            for a in wanted:
                item = found.get((account_pk(a), "MASTERY"))
                if item:
                    own[a] = _mastery(item)
                joins[a] = _joined(found.get((account_pk(a), "JOINED")))
            wanted = {b for a in wanted for b in (*joins[a].accounts, joins[a].into) if b} - joins.keys()
        return own, joins

    def mastery(self, account_id: str) -> Mastery:
        return self.masteries([account_id]).get(account_id, {})

    def put(
        self,
        account: Account,
        mastery: Mastery | None,
        classes: Iterable[GrassrootsClass] | None,
        fingerprint: str,
        *,
        before: Stored | None,
        once_indexed: Callable[[], None] = lambda: None,
    ) -> None:
        """Write what the feed says; what is None stays as it is. ``before`` is the account as it was read.

        ``once_indexed`` is called when the account's identifiers stand, and again when this is run again.

        Mastery is merged, so that nobody goes down (M16); what is only repeated from an account that this one is joined
        with stays that one's. A class that was deleted here stays deleted. Identifiers that
        the account no longer has are taken away. May be run again. Raises Conflict when somebody else wrote the account in
        the meantime: read it again.
        """
        stale = {_pair(key) for key in self.identifier_items(before.account)} if before else set()
        puts = list(self.identifier_items(account))
        deletes = [{"PK": pk, "SK": sk} for pk, sk in stale - {_pair(put) for put in puts}]
        if mastery is not None:
            self._merge_mastery(account.account_id, mastery)
        if classes is not None:
            more_puts, more_deletes = self._class_writes(account.account_id, list(classes))
            puts += more_puts
            deletes += more_deletes
        write_many(self._table, puts, deletes)
        once_indexed()
        # The account itself comes last: until it stands with its fingerprint, the line is read again.
        version = before.version if before else 0
        item = {**_account_item(account), "fingerprint": fingerprint, "version": version + 1}
        with conflicts("account_changed", "Somebody else wrote this account in the meantime."):
            self._put_if(item, "version", version, exists=before is not None)

    def _merge_mastery(self, account_id: str, mastery: Mastery) -> None:
        """Merge, whoever else does at the same time."""
        key = mastery_key(account_id)
        while True:
            found = get_many(self._table, [key, joined_key(account_id)], consistent=True)
            item, joined = (found.get((key["PK"], sk)) for sk in ("MASTERY", "JOINED"))
            merged = mastery_rules.merge(
                _mastery(item) if item else {}, self._earned_here(account_id, mastery) if joined else mastery
            )
            version = int(item.get("version", 0)) if item else 0
            skills = {skill: {"points": m.points, "updated_at": m.updated_at} for skill, m in merged.items()}
            if item and _mastery(item) == merged:
                return
            try:
                with conflicts("mastery_changed", "Somebody else wrote this mastery in the meantime."):
                    self._put_if(
                        {**key, "skills": skills, "version": version + 1}, "version", version, exists=bool(item)
                    )
            except Conflict:
                continue
            return

    def _earned_here(self, account_id: str, told: Mastery) -> Mastery:
        own, _ = self._own_masteries([account_id])
        return joining.earned_here(told, joining.together(m for a, m in own.items() if a != account_id))

    def _put_if(self, item: Item, name: str, value: int, *, exists: bool) -> None:
        """Put an item as long as this number is what it was when it was read; 0 stands for an item without it."""
        rule: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(PK)"}
        if exists:
            rule = {"ConditionExpression": f"attribute_not_exists({name})"}
        if value:
            rule = {"ConditionExpression": f"{name} = :{name}", "ExpressionAttributeValues": {f":{name}": value}}
        self._table.put_item(Item=without_none(item), **rule)

    def _class_writes(self, owner: str, classes: list[GrassrootsClass]) -> tuple[list[Item], list[Key]]:
        """Writes the classes themselves, and answers what else is to be written and deleted."""
        before = {c.class_id: c for c in self.owned_classes(owner, with_scores=True)}
        puts: list[Item] = []
        deletes: list[Key] = []
        for one in classes:
            old = before.get(one.class_id)
            body, *more = _class_items(one)
            puts += more
            self._update_class(body)
            gone = set(old.student_account_ids if old else ()) - set(one.student_account_ids)
            deletes += [{"PK": account_pk(student), "SK": f"MEMBER#{one.class_id}"} for student in gone]
        return puts, deletes

    def _update_class(self, body: Item) -> None:
        """Write all of a class but what its teacher decides, who may be deleting, restoring or keeping it at this moment."""
        names = [name for name in _CLASS_ATTRIBUTES if name in body]
        absent = [name for name in _CLASS_ATTRIBUTES if name not in body]
        changes = ", ".join(f"#{name} = :{name}" for name in names)
        removals = f" REMOVE {', '.join(f'#{name}' for name in absent)}" if absent else ""
        self._table.update_item(
            Key={"PK": body["PK"], "SK": body["SK"]},
            UpdateExpression=f"SET {changes}{removals}",
            ExpressionAttributeNames={f"#{name}": name for name in _CLASS_ATTRIBUTES},
            ExpressionAttributeValues={f":{name}": body[name] for name in names},
        )

    def create(self, account: Account, *, also: Iterable[dict[str, Any]], event: Item) -> None:
        """A new account with its identifiers, and ``also`` whatever else must be true with it, in one transaction.

        Raises Conflict when the account, or one of its outside identities, exists already.
        """
        name = self._table.name
        writes: list[dict[str, Any]] = [
            {
                "Put": {
                    "TableName": name,
                    "Item": _account_item(account),
                    "ConditionExpression": "attribute_not_exists(PK)",
                }
            }
        ]
        for identifier in self.identifier_items(account):
            put: dict[str, Any] = {"TableName": name, "Item": identifier}
            if identifier["PK"].startswith("OIDC#"):
                put["ConditionExpression"] = "attribute_not_exists(PK)"
            writes.append({"Put": put})
        writes += [*also, {"Put": {"TableName": name, "Item": event}}]
        with conflicts("account_exists", "An account for this person was made in the meantime."):
            self._table.meta.client.transact_write_items(TransactItems=writes)

    def identifier_items(self, account: Account) -> Iterator[Item]:
        sk = account_pk(account.account_id)
        if account.email:
            yield {
                "PK": email_pk(account.email),
                "SK": sk,
                "proven": account.email_verified,
                "username": account.username,
            }
        if account.clever_id:
            yield {"PK": clever_pk(account.clever_id), "SK": sk, "proven": True}
        if account.google_sub:
            yield {
                "PK": oidc_pk(self._google_issuer, account.google_sub),
                "SK": "ACCOUNT",
                "account_id": account.account_id,
            }

    def owned_classes(self, account_id: str, *joined: str, with_scores: bool = False) -> list[GrassrootsClass]:
        """A teacher's own classes, those in the bin too (``deleted_at`` says so); the most recently used first.

        ``joined`` are the accounts that are joined with this one: each class stays with its owner.
        """
        classes: list[GrassrootsClass] = []
        for owner in (account_id, *joined):
            items = list(self._items(owner, "CLASS#"))
            scores = list(self._items(owner, "CLASS_ASSIGNMENT#")) if with_scores else []
            classes += [_class(owner, item, scores) for item in items]
        return _by_use(classes)

    def member_classes(self, account_id: str, *joined: str) -> list[GrassrootsClass]:
        """The grassroots classes that a student is in, each once, without those that their teacher deleted."""
        keys = [
            {"PK": account_pk(m["owner_account_id"]), "SK": f"CLASS#{m['SK'].removeprefix('MEMBER#')}"}
            for one in (account_id, *joined)
            for m in self._items(one, "MEMBER#")
        ]
        found = get_many(self._table, keys)
        classes = [_class(pk.removeprefix("ACCOUNT#"), item, []) for (pk, _), item in found.items()]
        return _by_use(c for c in classes if c.deleted_at is None)

    def with_scores(self, classes: list[GrassrootsClass]) -> list[GrassrootsClass]:
        """The same classes, with the scores of their assignments; a hundred assignments are one read."""
        keys = [_scores_key(c, a.assignment_id) for c in classes for a in c.assignments]
        found = get_many(self._table, keys)

        def scored(one: GrassrootsClass, assignment: Assignment) -> Assignment:
            item = found.get(_pair(_scores_key(one, assignment.assignment_id)))
            return replace(assignment, scores=_scores(item)) if item else assignment

        return [replace(c, assignments=tuple(scored(c, a) for a in c.assignments)) for c in classes]

    def delete_class(self, owner: str, class_id: str, *, event: Item, now: datetime) -> None:
        """Put a class into the bin, for 30 days. Raises RefusedTransition when it is not there to delete."""
        self._move(
            owner,
            class_id,
            "SET deleted_at = :now",
            "attribute_exists(PK) AND attribute_not_exists(deleted_at)",
            {":now": to_iso(now)},
            event,
            RefusedTransition("not_active", "This class was already deleted."),
        )

    def restore_class(self, owner: str, class_id: str, *, event: Item, now: datetime) -> None:
        """Take a class out of the bin. Raises RefusedTransition when it was not deleted within the last 30 days."""
        earliest = to_iso(now - timedelta(days=RESTORE_DAYS))
        self._move(
            owner,
            class_id,
            "REMOVE deleted_at",
            "deleted_at >= :earliest",
            {":earliest": earliest},
            event,
            RefusedTransition("not_restorable", "This class cannot be restored any more."),
        )

    def keep_class(self, owner: str, class_id: str, *, now: datetime) -> None:
        """No nudge is about this class any more. Raises RefusedTransition when it is not there to keep. May be run again."""
        try:
            with conflicts("not_active", "This class was already deleted."):
                self._table.update_item(
                    Key={"PK": account_pk(owner), "SK": f"CLASS#{class_id}"},
                    UpdateExpression="SET kept_at = :now",
                    ConditionExpression="attribute_exists(PK) AND attribute_not_exists(deleted_at)",
                    ExpressionAttributeValues={":now": to_iso(now)},
                )
        except Conflict as refused:
            raise RefusedTransition(refused.code, refused.message) from None

    def _move(
        self,
        owner: str,
        class_id: str,
        update: str,
        condition: str,
        values: dict[str, Any],
        event: Item,
        refused: RefusedTransition,
    ) -> None:
        name = self._table.name
        change = {
            "TableName": name,
            "Key": {"PK": account_pk(owner), "SK": f"CLASS#{class_id}"},
            "UpdateExpression": update,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
        }
        try:
            with conflicts(refused.code, refused.message):
                self._table.meta.client.transact_write_items(
                    TransactItems=[{"Update": change}, {"Put": {"TableName": name, "Item": event}}]
                )
        except Conflict:
            raise refused from None

    def _items(self, account_id: str, prefix: str) -> Iterator[Item]:
        return every_page(
            self._table.query,
            KeyConditionExpression="PK = :pk AND begins_with(SK, :prefix)",
            ExpressionAttributeValues={":pk": account_pk(account_id), ":prefix": prefix},
            ConsistentRead=True,
        )


def _account_item(account: Account) -> Item:
    return without_none(
        {
            "PK": account_pk(account.account_id),
            "SK": "ACCOUNT",
            "role": account.role,
            "display_name": account.display_name,
            "username": account.username,
            "email": account.email,
            "email_verified": account.email_verified,
            "google_sub": account.google_sub,
            "clever_id": account.clever_id,
            "created_at": account.created_at,
            "last_login_at": account.last_login_at,
        }
    )


def account_key(account_id: str) -> Key:
    return {"PK": account_pk(account_id), "SK": "ACCOUNT"}


def mastery_key(account_id: str) -> Key:
    return {"PK": account_pk(account_id), "SK": "MASTERY"}


def account_of(item: Item, joined: Item | None = None) -> Account:
    """``joined`` is the item that says how the account is joined with others, where that was read with it."""
    join = _joined(joined)
    return Account(
        item["PK"].removeprefix("ACCOUNT#"),
        item["role"],
        item["display_name"],
        item["username"],
        item.get("email"),
        bool(item.get("email_verified")),
        item.get("google_sub"),
        item.get("clever_id"),
        item.get("created_at"),
        item.get("last_login_at"),
        join.into,
        tuple(sorted(join.accounts)),
    )


def _joined(item: Item | None) -> joining.Joined:
    return joining.Joined(item.get("into"), frozenset(item.get("accounts") or ())) if item else joining.Joined()


def _mastery(item: Item) -> Mastery:
    return {skill: SkillMastery(int(m["points"]), m["updated_at"]) for skill, m in item["skills"].items()}


_CLASS_ATTRIBUTES = ("name", "created_at", "last_activity_at", "student_account_ids", "goals", "assignments")


def _class_items(one: GrassrootsClass) -> list[Item]:
    pk = account_pk(one.owner_account_id)
    body = without_none(
        {
            "PK": pk,
            "SK": f"CLASS#{one.class_id}",
            "name": one.name,
            "created_at": one.created_at,
            "last_activity_at": one.last_activity_at,
            "student_account_ids": list(one.student_account_ids),
            "goals": [{"goal_id": g.goal_id, "title": g.title, "skill_ids": list(g.skill_ids)} for g in one.goals],
            "assignments": [
                without_none(
                    {
                        "assignment_id": a.assignment_id,
                        "title": a.title,
                        "content_id": a.content_id,
                        "created_at": a.created_at,
                    }
                )
                for a in one.assignments
            ],
        }
    )
    scores = [
        {
            **_scores_key(one, a.assignment_id),
            "class_id": one.class_id,
            "assignment_id": a.assignment_id,
            "scores": dict(a.scores),
        }
        for a in one.assignments
    ]
    members = [
        {"PK": account_pk(student), "SK": f"MEMBER#{one.class_id}", "owner_account_id": one.owner_account_id}
        for student in one.student_account_ids
    ]
    return [body, *scores, *members]


def _class(owner: str, item: Item, scores: list[Item]) -> GrassrootsClass:
    class_id = item["SK"].removeprefix("CLASS#")
    by_assignment = {s["assignment_id"]: s for s in scores if s["class_id"] == class_id}
    return GrassrootsClass(
        class_id,
        owner,
        item["name"],
        item.get("created_at"),
        item.get("last_activity_at"),
        tuple(item.get("student_account_ids", ())),
        tuple(Goal(g["goal_id"], g["title"], tuple(g["skill_ids"])) for g in item.get("goals", ())),
        tuple(
            Assignment(
                a["assignment_id"],
                a["title"],
                a["content_id"],
                _scores(by_assignment.get(a["assignment_id"], {})),
                a.get("created_at"),
            )
            for a in item.get("assignments", ())
        ),
        item.get("deleted_at"),
        item.get("kept_at"),
    )


def _scores_key(one: GrassrootsClass, assignment_id: str) -> Key:
    return {"PK": account_pk(one.owner_account_id), "SK": f"CLASS_ASSIGNMENT#{one.class_id}#{assignment_id}"}


def _scores(item: Item) -> dict[str, int]:
    return {student: int(score) for student, score in item.get("scores", {}).items()}


def _by_use(classes: Iterable[GrassrootsClass]) -> list[GrassrootsClass]:
    return sorted(classes, key=lambda c: (c.last_activity_at or c.created_at or "", c.class_id), reverse=True)


def _pair(key: Item) -> tuple[str, str]:
    return key["PK"], key["SK"]
