"""Links: every step of ``none → matched → linked → undone`` is one conditional write or one transaction, here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain import link as link_rules
from shared.domain.activation import Activation, ActivationState
from shared.domain.clock import from_iso, to_iso
from shared.domain.errors import RefusedTransition
from shared.domain.link import UNDO_DAYS, Link, LinkState, Proof
from shared.domain.roster import RosterUserKey
from shared.stores.activations import ActivationStore
from shared.stores.audit import Actor, Fact, audit_item, made_by
from shared.stores.due_items import NUDGE, due_item
from shared.stores.keys import (
    LINKS,
    Item,
    account_link_key,
    account_of_pk,
    account_pk,
    activation_key,
    due_key,
    joined_key,
    link_key,
    logins_key,
    stuck_key,
    user_of_pk,
)
from shared.stores.nudges import NudgeStore
from shared.stores.outbox import event_item
from shared.stores.stuck_people import is_noted_as_stuck
from shared.stores.table import ABSENT, Delete, DynamoTable, Put, Table, Update, Write, without_none

_JOINED = "joined"
"""The state of the account's side of a link whose account was joined into another one."""
_ONLY_MATCHED = "attribute_not_exists(PK) OR #state = :matched"


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

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)
        self._activations = ActivationStore(table)
        self._nudges = NudgeStore(table)

    def of_user(self, user: RosterUserKey) -> Link | None:
        return self.of_users([user]).get(user)

    def of_users(self, users: Iterable[RosterUserKey]) -> dict[RosterUserKey, Link]:
        links = map(link_of, self._table.batch_get(map(link_key, users)).values())
        return {link.user: link for link in links}

    def of_account(self, account_id: str, *joined: str) -> list[Link]:
        """The links that stand of this account, and of those that are joined with it: one per district and account at most."""
        accounts = (account_id, *joined)
        users = [
            RosterUserKey(side["SK"].removeprefix(LINKS), side["sourced_id"])
            for account in accounts
            for side in self._table.query(account_pk(account), LINKS)
            if side["state"] == LinkState.LINKED
        ]
        links = self.of_users(users).values()
        return [link for link in links if link.is_linked and link.account_id in accounts]

    def linked_users(self, district_id: str, account_ids: Iterable[str]) -> dict[str, str]:
        """The sourcedId of the person of this district that each account is linked to; the others are left out."""
        found = self._table.batch_get((account_link_key(a, district_id) for a in account_ids), consistent=False)
        return {
            account_of_pk(pk): side["sourced_id"]
            for (pk, _), side in found.items()
            if side["state"] == LinkState.LINKED
        }

    def record_match(self, user: RosterUserKey, account_id: str) -> bool:
        """Note a match by rule (M6). False when a link was made, or undone by a person: those are never touched."""
        match = {**link_key(user), "state": LinkState.MATCHED.value, "account_id": account_id, "version": 1}
        return self._table.attempt(Put(match).when(_ONLY_MATCHED, matched=LinkState.MATCHED.value))

    def forget_match(self, user: RosterUserKey) -> None:
        """Take back a match that the rule no longer finds; anything but a match stays."""
        self._table.attempt(Delete(link_key(user)).when(_ONLY_MATCHED, matched=LinkState.MATCHED.value))

    def make(
        self,
        consent: Consent,
        *,
        event_id: str,
        now: datetime,
        present: Link | None = None,
        also: Iterable[Write] = (),
    ) -> Link:
        """Make the link: both sides, the used-up activation, the nudge, the event and ``also``, or nothing at all.

        ``present`` is the link as the caller saw it; if it is another one by now, that one is read. Run again after it
        was made it returns the same link, without ``also``. Raises RefusedTransition ``already_linked``,
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
            if self._table.attempt(*self.link_writes(consent, wanted, present, event_id, now), *also):
                return wanted
            consent = self._explain(consent, present)
            present = self.of_user(consent.user)

    def link_writes(
        self, consent: Consent, wanted: Link, present: Link | None, event_id: str, now: datetime
    ) -> list[Write]:
        """The writes that make a link, for a transaction of their own or with the account they come with.

        All sessions of the account end with it: somebody may have been logged in before its owner came.
        """
        user, account_id = consent.user, consent.account_id
        detail = {**_ids(account_id, user), "by": consent.by.value, "by_rule": consent.by_rule}
        account_side = {
            **account_link_key(account_id, user.district_id),
            "sourced_id": user.sourced_id,
            "state": LinkState.LINKED.value,
        }
        writes: list[Write] = [
            _put_link(wanted, present, consent.nudge_at),
            Put(account_side).when(
                "attribute_not_exists(PK) OR #state = :undone OR sourced_id = :sourced_id",
                undone=LinkState.UNDONE.value,
                sourced_id=user.sourced_id,
            ),
            Put(event_item(event_id, "AccountLinked", detail, now)),
            _end_logins(account_id, now, consent.shown),
            Put(audit_item(Fact.LINKED, wanted, made_by(wanted), now, wanted.version)),
        ]
        if wanted.joined:
            writes += _join_writes(wanted, wanted.joined, event_id, now)
            writes += self._delete_nudge(user, unless_at=consent.nudge_at)
        if consent.activation:
            writes.append(_use_activation(consent, consent.activation, now))
            if is_noted_as_stuck(consent.activation):
                writes.append(Delete(stuck_key(user)))
        if consent.nudge_at:
            writes.append(Put(due_item(NUDGE, user, consent.nudge_at)))
        return writes

    def _delete_nudge(self, user: RosterUserKey, *, unless_at: datetime | None = None) -> list[Write]:
        """The nudge that is due now is due no more."""
        due_at = self._nudges.due_at(user)
        if due_at is None or (unless_at and due_at == to_iso(unless_at)):
            return []
        return [Delete(due_key(NUDGE, user, due_at))]

    def _explain(self, consent: Consent, present: Link | None) -> Consent:
        """Raise why the transaction was refused, or return what is worth another try."""
        other = self._table.get(account_link_key(consent.account_id, consent.user.district_id))
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
        return "into" in (self._table.get(joined_key(account_id)) or {})

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
            if self._table.attempt(*self._undo_writes(present, wanted, event_id, now, actor)):
                return wanted

    def _undo_writes(self, present: Link, wanted: Link, event_id: str, now: datetime, actor: Actor) -> list[Write]:
        writes: list[Write] = [
            _put_link(wanted, present),
            _account_side(present, LinkState.UNDONE.value),
            Put(event_item(event_id, "LinkUndone", _ids(present.account_id, present.user), now)),
            Put(audit_item(Fact.UNDONE, present, actor, now, wanted.version)),
            *self._delete_nudge(present.user),
        ]
        if actor is Actor.NOTICE:
            writes.append(_end_logins(present.account_id, now))
        if present.joined:
            writes += _part_writes(present, present.joined, event_id, now)
        return writes


def _put_link(wanted: Link, present: Link | None, nudge_at: datetime | None = None) -> Put:
    """The link in the place of the one that was read."""
    put = Put(_link_item(wanted, nudge_at))
    return put.when("version = :version", version=present.version) if present else put.when(ABSENT)


def _end_logins(account_id: str, now: datetime, shown: frozenset[str] = frozenset()) -> Update:
    """Nobody who was logged in before stays so, and outside logins that were not shown have to be confirmed."""
    update = Update(logins_key(account_id)).set(ended_at=to_iso(now))
    return update.add(shown=shown) if shown else update


def _join_writes(link: Link, before: Link, event_id: str, now: datetime) -> list[Write]:
    """One account joined into another. Only accounts that are in none yet: so there is never a circle."""
    in_none = "attribute_not_exists(#into)"
    return [
        Update(joined_key(before.account_id)).set(into=link.account_id).when(in_none),
        Update(joined_key(link.account_id)).add(accounts={before.account_id}).when(in_none),
        _account_side(before, _JOINED),
        _end_logins(before.account_id, now),
        _put_event("AccountsJoined", link, before, event_id, now),
    ]


def _part_writes(link: Link, before: Link, event_id: str, now: datetime) -> list[Write]:
    """Each of two joined accounts by itself again."""
    return [
        Update(joined_key(before.account_id)).remove("into"),
        Update(joined_key(link.account_id)).discard(accounts={before.account_id}),
        _account_side(before, LinkState.LINKED.value),
        _put_event("AccountsParted", link, before, event_id, now),
    ]


def _put_event(fact: str, link: Link, before: Link, event_id: str, now: datetime) -> Put:
    """The event beside the link's own. Its id follows from that one's, so that a repeat is the same.

    It is dated a moment later: consumers that order events by time then take it for the newer of the two.
    """
    detail = {**_ids(link.account_id, link.user), "made_account_id": before.account_id}
    return Put(event_item(f"{event_id}.{fact}", fact, detail, now + timedelta(milliseconds=1)))


def _ids(account_id: str, user: RosterUserKey) -> dict[str, str]:
    return {"account_id": account_id, "district_id": user.district_id, "sourced_id": user.sourced_id}


def _account_side(link: Link, state: str) -> Update:
    return Update(account_link_key(link.account_id, link.user.district_id)).set(state=state)


def _use_activation(consent: Consent, activation: Activation, now: datetime) -> Update:
    """What becomes of the activation: used when it brought the proof, else withdrawn before or dead after sending."""
    update = Update(activation_key(consent.user)).set(used_at=to_iso(now))
    update = update.when("activation_id = :id", id=activation.activation_id)
    if consent.by is Proof.ACTIVATION:
        update = update.when("attribute_not_exists(used_at)")
        return update.set_first(opened_at=activation.opened_at) if activation.opened_at else update
    if activation.state is ActivationState.PENDING:
        update = update.set(state=ActivationState.WITHDRAWN.value)
        return update.when("#state = :pending", pending=ActivationState.PENDING.value)
    return update


def _link_item(link: Link, nudge_at: datetime | None) -> Item:
    return without_none(
        {
            **link_key(link.user),
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
