"""Links: every step of ``none → matched → linked → undone`` is one conditional write or one transaction, here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from shared.domain import link as link_rules
from shared.domain.activation import Activation, ActivationState
from shared.domain.clock import from_iso, to_iso
from shared.domain.errors import Conflict, RefusedTransition
from shared.domain.link import UNDO_DAYS, Link, LinkState, Proof
from shared.domain.roster import RosterUserKey
from shared.stores.activations import ActivationStore
from shared.stores.audit import Actor, Fact, audit_item, made_by
from shared.stores.due import NUDGE, due_item, due_key
from shared.stores.keys import Item, Key, account_pk, joined_key, link_key, logins_key, user_of_pk, user_pk
from shared.stores.nudges import NudgeStore
from shared.stores.outbox import event_item
from shared.stores.stuck import is_noted_as_stuck, stuck_key
from shared.stores.table import conflicts, every_page, get_many, without_none

_JOINED = "joined"
"""How the account's side of a link stands whose account was joined into another one."""


@dataclass(frozen=True, slots=True)
class Consent:
    """Who joins what, and what proved it. ``activation`` is the roster user's, whichever way the proof was brought."""

    user: RosterUserKey
    account_id: str
    by: Proof
    by_rule: bool = False
    activation: Activation | None = None
    nudge_at: datetime | None = None
    """When the first nudge is due; None for those who are never nudged."""
    proved_at: str | None = None
    """When a district login proved the roster user; an activation says by itself whether it was used."""
    shown: frozenset[str] = frozenset()
    """The outside logins that were shown (``shared.domain.federated_identity``)."""
    joins: str | None = None
    """The account, made at the district login, that the person saw and wants joined into this one (M16)."""


class LinkStore:
    """The only writer of links; how a link's nudges stand, which is noted on it, is ``NudgeStore``'s."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self._activations = ActivationStore(table)
        self._nudges = NudgeStore(table)

    def of_user(self, user: RosterUserKey) -> Link | None:
        return self.of_users([user]).get(user)

    def of_users(self, users: Iterable[RosterUserKey]) -> dict[RosterUserKey, Link]:
        found = get_many(self._table, map(link_key, users), consistent=True)
        links = [link_of(item) for item in found.values()]
        return {link.user: link for link in links}

    def of_account(self, account_id: str, *joined: str) -> list[Link]:
        """The links that stand of this account, and of those that are joined with it: one per district and account at most."""
        accounts = (account_id, *joined)
        items = [
            item
            for one in accounts
            for item in every_page(
                self._table.query,
                KeyConditionExpression="PK = :pk AND begins_with(SK, :prefix)",
                ExpressionAttributeValues={":pk": account_pk(one), ":prefix": "LINK#"},
                ConsistentRead=True,
            )
        ]
        users = [
            RosterUserKey(i["SK"].removeprefix("LINK#"), i["sourced_id"])
            for i in items
            if i["state"] == LinkState.LINKED
        ]
        links = self.of_users(users).values()
        return [link for link in links if link.is_linked and link.account_id in accounts]

    def linked_users(self, district_id: str, account_ids: Iterable[str]) -> dict[str, str]:
        """The sourcedId of the person of this district that each account is linked to; the others are left out."""
        found = get_many(self._table, ({"PK": account_pk(a), "SK": f"LINK#{district_id}"} for a in account_ids))
        return {
            pk.removeprefix("ACCOUNT#"): item["sourced_id"]
            for (pk, _), item in found.items()
            if item["state"] == LinkState.LINKED
        }

    def record_match(self, user: RosterUserKey, account_id: str) -> bool:
        """Note a match by rule (M6). False when a link was made, or undone by a person: those are never touched."""
        item = {
            "PK": user_pk(user),
            "SK": "LINK",
            "state": LinkState.MATCHED.value,
            "account_id": account_id,
            "version": 1,
        }
        try:
            with conflicts("link_stands", "This person's link was made or undone already."):
                self._table.put_item(
                    Item=item,
                    ConditionExpression="attribute_not_exists(PK) OR #state = :matched",
                    ExpressionAttributeNames={"#state": "state"},
                    ExpressionAttributeValues={":matched": LinkState.MATCHED.value},
                )
        except Conflict:
            return False
        return True

    def forget_match(self, user: RosterUserKey) -> None:
        """Take back a match that the rule no longer finds; anything but a match stays."""
        try:
            with conflicts("no_match", "There is no match to take back."):
                self._table.delete_item(
                    Key=link_key(user),
                    ConditionExpression="attribute_not_exists(PK) OR #state = :matched",
                    ExpressionAttributeNames={"#state": "state"},
                    ExpressionAttributeValues={":matched": LinkState.MATCHED.value},
                )
        except Conflict:
            return

    def make(
        self,
        consent: Consent,
        *,
        event_id: str,
        now: datetime,
        present: Link | None = None,
        also: Iterable[dict[str, Any]] = (),
    ) -> Link:
        """Make the link: both sides, the used-up activation, the nudge, the event and ``also``, or nothing at all.

        ``present`` is the link as the caller saw it; if it is another one by now, that one is read. Running it again after
        it was made answers the same link, without ``also``. Raises RefusedTransition ``already_linked``,
        ``undone_by_person``, ``account_linked_elsewhere`` (the account belongs to another person of this district),
        ``account_joined`` (one of two accounts was joined into another already),
        ``activation_dead`` (its token was used, or replaced by a newer one).
        """
        while True:
            if present and present.is_linked and present.account_id == consent.account_id:
                return present
            wanted = link_rules.make(
                present,
                consent.user,
                consent.account_id,
                by=consent.by,
                by_rule=consent.by_rule,
                now=to_iso(now),
                proved_at=consent.proved_at,
                joins=consent.joins,
            )
            try:
                with conflicts("link_changed", "The link changed in the meantime."):
                    self._table.meta.client.transact_write_items(
                        TransactItems=[*self.link_writes(consent, wanted, present, event_id, now), *also]
                    )
            except Conflict:
                consent = self._explain(consent, present)
                present = self.of_user(consent.user)
                continue
            return wanted

    def link_writes(
        self, consent: Consent, wanted: Link, present: Link | None, event_id: str, now: datetime
    ) -> list[dict[str, Any]]:
        """The writes that make a link, for a transaction of their own or with the account they come with.

        All sessions of the account end with it: somebody may have been logged in before its owner came.
        """
        name = self._table.name
        link_put: dict[str, Any] = {"TableName": name, "Item": _link_item(wanted, consent.nudge_at)}
        if present is None:
            link_put["ConditionExpression"] = "attribute_not_exists(PK)"
        else:
            link_put["ConditionExpression"] = "version = :version"
            link_put["ExpressionAttributeValues"] = {":version": present.version}
        writes: list[dict[str, Any]] = [
            {"Put": link_put},
            {
                "Put": {
                    "TableName": name,
                    "Item": {
                        "PK": account_pk(consent.account_id),
                        "SK": f"LINK#{consent.user.district_id}",
                        "sourced_id": consent.user.sourced_id,
                        "state": LinkState.LINKED.value,
                    },
                    "ConditionExpression": "attribute_not_exists(PK) OR #state = :undone OR sourced_id = :sourced_id",
                    "ExpressionAttributeNames": {"#state": "state"},
                    "ExpressionAttributeValues": {
                        ":undone": LinkState.UNDONE.value,
                        ":sourced_id": consent.user.sourced_id,
                    },
                }
            },
            {
                "Put": {
                    "TableName": name,
                    "Item": event_item(
                        event_id,
                        "AccountLinked",
                        {
                            "account_id": consent.account_id,
                            "district_id": consent.user.district_id,
                            "sourced_id": consent.user.sourced_id,
                            "by": consent.by.value,
                            "by_rule": consent.by_rule,
                        },
                        now,
                    ),
                }
            },
            self._end_logins(consent.account_id, now, consent.shown),
            {"Put": {"TableName": name, "Item": audit_item(Fact.LINKED, wanted, made_by(wanted), now, wanted.version)}},
        ]
        if wanted.joined:
            writes += self._join_writes(wanted, wanted.joined, event_id, now)
            writes += self._delete_nudge(consent.user, unless_at=consent.nudge_at)
        if consent.activation:
            writes.append({"Update": self._use_activation(consent, consent.activation, now)})
            if is_noted_as_stuck(consent.activation):
                writes.append({"Delete": {"TableName": name, "Key": stuck_key(consent.user)}})
        if consent.nudge_at:
            writes.append({"Put": {"TableName": name, "Item": due_item(NUDGE, consent.user, consent.nudge_at)}})
        return writes

    def _end_logins(self, account_id: str, now: datetime, shown: Iterable[str] = ()) -> dict[str, Any]:
        """Nobody who was logged in before stays so, and outside logins that were not shown have to be confirmed."""
        expression, values = "SET ended_at = :now", {":now": to_iso(now)}
        if shown:
            return self._update(
                logins_key(account_id), f"{expression} ADD shown :shown", {**values, ":shown": set(shown)}
            )
        return self._update(logins_key(account_id), expression, values)

    def _join_writes(self, link: Link, before: Link, event_id: str, now: datetime) -> list[dict[str, Any]]:
        """One account joined into another. Only accounts that are in none yet: so there is never a circle."""
        one_of_many = {"ConditionExpression": "attribute_not_exists(#into)"}
        return [
            self._update(
                joined_key(before.account_id), "SET #into = :into", {":into": link.account_id}, ["into"], **one_of_many
            ),
            self._update(
                joined_key(link.account_id),
                "ADD accounts :joined",
                {":joined": {before.account_id}},
                ["into"],
                **one_of_many,
            ),
            self._account_side(before, _JOINED),
            self._end_logins(before.account_id, now),
            self._tell("AccountsJoined", link, before, event_id, now),
        ]

    def _part_writes(self, link: Link, before: Link, event_id: str, now: datetime) -> list[dict[str, Any]]:
        """Each of two joined accounts by itself again."""
        return [
            self._update(joined_key(before.account_id), "REMOVE #into", {}, ["into"]),
            self._update(joined_key(link.account_id), "DELETE accounts :joined", {":joined": {before.account_id}}),
            self._account_side(before, LinkState.LINKED.value),
            self._tell("AccountsParted", link, before, event_id, now),
        ]

    def _tell(self, fact: str, link: Link, before: Link, event_id: str, now: datetime) -> dict[str, Any]:
        """The event beside the link's own. Its id follows from that one's, so that a repeat is the same; it is told as a
        moment later, because whoever puts facts in order by their time takes it for the newer one.
        """
        detail = {
            "account_id": link.account_id,
            "made_account_id": before.account_id,
            "district_id": link.user.district_id,
            "sourced_id": link.user.sourced_id,
        }
        later = now + timedelta(milliseconds=1)
        return {"Put": {"TableName": self._table.name, "Item": event_item(f"{event_id}.{fact}", fact, detail, later)}}

    def _account_side(self, link: Link, state: str) -> dict[str, Any]:
        key = {"PK": account_pk(link.account_id), "SK": f"LINK#{link.user.district_id}"}
        return self._update(key, "SET #state = :state", {":state": state}, ["state"])

    def _update(
        self, key: Key, expression: str, values: dict[str, Any], names: Iterable[str] = (), **rule: str
    ) -> dict[str, Any]:
        update: dict[str, Any] = {"TableName": self._table.name, "Key": key, "UpdateExpression": expression, **rule}
        if values:
            update["ExpressionAttributeValues"] = values
        if aliases := {f"#{name}": name for name in names}:
            update["ExpressionAttributeNames"] = aliases
        return {"Update": update}

    def _delete_nudge(self, user: RosterUserKey, *, unless_at: datetime | None = None) -> list[dict[str, Any]]:
        """The nudge that is due now is due no more."""
        due_at = self._nudges.due_at(user)
        if due_at is None or (unless_at and due_at == to_iso(unless_at)):
            return []
        return [{"Delete": {"TableName": self._table.name, "Key": due_key(NUDGE, user, due_at)}}]

    def _use_activation(self, consent: Consent, activation: Activation, now: datetime) -> dict[str, Any]:
        """What becomes of the activation: used when it brought the proof, else withdrawn before or dead after sending."""
        update: dict[str, Any] = {
            "TableName": self._table.name,
            "Key": {"PK": user_pk(consent.user), "SK": "ACTIVATION"},
            "UpdateExpression": "SET used_at = :now",
            "ConditionExpression": "activation_id = :id",
            "ExpressionAttributeValues": {
                ":now": to_iso(now),
                ":id": activation.activation_id,
            },
        }
        if consent.by is Proof.ACTIVATION:
            update["ConditionExpression"] += " AND attribute_not_exists(used_at)"
            if activation.opened_at:
                update["UpdateExpression"] += ", opened_at = if_not_exists(opened_at, :opened)"
                update["ExpressionAttributeValues"][":opened"] = activation.opened_at
        elif activation.state is ActivationState.PENDING:
            update["UpdateExpression"] = "SET used_at = :now, #state = :withdrawn"
            update["ConditionExpression"] += " AND #state = :pending"
            update["ExpressionAttributeNames"] = {"#state": "state"}
            update["ExpressionAttributeValues"][":pending"] = ActivationState.PENDING.value
            update["ExpressionAttributeValues"][":withdrawn"] = ActivationState.WITHDRAWN.value
        return update

    def _explain(self, consent: Consent, present: Link | None) -> Consent:
        """Say why the transaction was refused, or answer what is worth another try."""
        other = self._table.get_item(
            Key={"PK": account_pk(consent.account_id), "SK": f"LINK#{consent.user.district_id}"}, ConsistentRead=True
        ).get("Item")
        if other and other["state"] == LinkState.LINKED and other["sourced_id"] != consent.user.sourced_id:
            raise RefusedTransition(
                "account_linked_elsewhere", "This account is already linked to another person of this district."
            )
        if self._is_joined(consent.account_id) or (consent.joins and self._is_joined(consent.joins)):
            raise RefusedTransition("account_joined", "One of these accounts was joined into another one already.")
        if consent.activation is None:
            return consent
        activation = self._activations.of_user(consent.user)
        if consent.by is not Proof.ACTIVATION:
            return replace(consent, activation=activation)
        same = activation is not None and activation.activation_id == consent.activation.activation_id
        if self.of_user(consent.user) == present and (not same or (activation and activation.used_at)):
            raise RefusedTransition("activation_dead", "This activation was used, or replaced by a newer one.")
        return consent

    def _is_joined(self, account_id: str) -> bool:
        return "into" in (self._table.get_item(Key=joined_key(account_id), ConsistentRead=True).get("Item") or {})

    def undo(
        self,
        user: RosterUserKey,
        *,
        event_id: str,
        now: datetime,
        account_id: str | None = None,
        actor: Actor = Actor.PERSON,
    ) -> Link:
        """Undo a link within 30 days (B2): both sides stand alone again, and accounts that were joined with it.

        ``account_id`` is the account that the caller saw it with; without it, the present one. A link that leads elsewhere by
        now is not undone. Undone from a notice, by whom the link may have surprised, all sessions of the account end with it.
        Raises RefusedTransition ``not_linked`` or ``too_late``.
        """
        while True:
            present = self.of_user(user)
            if present and account_id not in (None, present.account_id):
                present = None
            wanted = link_rules.undo(present, now=to_iso(now))
            if present is None or from_iso(present.linked_at or "") < now - timedelta(days=UNDO_DAYS):
                raise RefusedTransition("too_late", f"A link can be undone for {UNDO_DAYS} days.")
            account_id = present.account_id
            try:
                with conflicts("link_changed", "The link changed in the meantime."):
                    self._table.meta.client.transact_write_items(
                        TransactItems=self._undo_writes(present, wanted, event_id, now, actor)
                    )
            except Conflict:
                continue
            return wanted

    def _undo_writes(
        self, present: Link, wanted: Link, event_id: str, now: datetime, actor: Actor
    ) -> list[dict[str, Any]]:
        name = self._table.name
        user = present.user
        writes: list[dict[str, Any]] = [
            {
                "Put": {
                    "TableName": name,
                    "Item": _link_item(wanted, None),
                    "ConditionExpression": "version = :version",
                    "ExpressionAttributeValues": {":version": present.version},
                }
            },
            self._account_side(present, LinkState.UNDONE.value),
            {
                "Put": {
                    "TableName": name,
                    "Item": event_item(
                        event_id,
                        "LinkUndone",
                        {
                            "account_id": present.account_id,
                            "district_id": user.district_id,
                            "sourced_id": user.sourced_id,
                        },
                        now,
                    ),
                }
            },
            {"Put": {"TableName": name, "Item": audit_item(Fact.UNDONE, present, actor, now, wanted.version)}},
            *self._delete_nudge(user),
        ]
        if actor is Actor.NOTICE:
            writes.append(self._end_logins(present.account_id, now))
        if present.joined:
            writes += self._part_writes(present, present.joined, event_id, now)
        return writes


def _link_item(link: Link, nudge_at: datetime | None) -> Item:
    return without_none(
        {
            "PK": user_pk(link.user),
            "SK": "LINK",
            "state": link.state.value,
            "account_id": link.account_id,
            "version": link.version,
            "by": link.by.value if link.by else None,
            "by_rule": link.by_rule,
            "linked_at": link.linked_at,
            "undone_at": link.undone_at,
            "nudge_due_at": to_iso(nudge_at) if nudge_at else None,
            "is_made": link.is_made or None,
            "joined": _link_item(link.joined, None) if link.joined else None,
        }
    )


def link_of(item: Item) -> Link:
    return Link(
        user_of_pk(item["PK"]),
        LinkState(item["state"]),
        item["account_id"],
        int(item["version"]),
        by=Proof(item["by"]) if item.get("by") else None,
        by_rule=bool(item.get("by_rule")),
        linked_at=item.get("linked_at"),
        undone_at=item.get("undone_at"),
        is_made=bool(item.get("is_made")),
        joined=link_of(item["joined"]) if "joined" in item else None,
    )
