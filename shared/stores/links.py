"""Links: every step of ``none → matched → linked → undone`` is one conditional write or one transaction, here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING

from shared.domain import link as link_rules
from shared.domain.activation import Activation, ActivationState
from shared.domain.clock import from_iso, to_iso
from shared.domain.errors import RefusedTransition
from shared.domain.funnel import Standing
from shared.domain.link import UNDO_DAYS, FoundBy, Link, LinkState, Proof
from shared.domain.matching import LinkProofs, Person
from shared.domain.roster import NumberKind, RosterUser, RosterUserKey
from shared.stores.activations import ActivationStore
from shared.stores.audit import Actor, Fact, audit_item, made_by
from shared.stores.counted_items import STANDS_AS
from shared.stores.due_items import NUDGE, due_item
from shared.stores.keys import (
    LINKS,
    Item,
    Key,
    account_link_key,
    account_of_pk,
    account_pk,
    activation_key,
    due_key,
    further_link_key,
    holders_of_district,
    ids_of,
    joined_key,
    link_key,
    logins_key,
    pair,
    proof_key,
    roster_key,
    stuck_key,
    user_of_holder,
    user_of_pk,
)
from shared.stores.nudges import NudgeStore
from shared.stores.outbox import event_item
from shared.stores.roster_users import roster_user_of
from shared.stores.stuck_people import is_noted_as_stuck
from shared.stores.table import ABSENT, Delete, DynamoTable, Put, Table, Update, Write, without_none

if TYPE_CHECKING:
    from shared.stores.receipts import ReceiptStore

JOINED = "joined"
"""The state of the account's side of a link whose account was joined into another one."""
_TRIES = 5
"""More than there are people who change one link at a time."""
_NO_PROOFS = "attribute_not_exists(proofs)"
BY_CLASS_CODE = "class_code"
"""What an event says of a link that a class code made."""
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
    proofs: LinkProofs | None = None
    """What the link is to count for (M19)."""
    beside: RosterUserKey | None = None
    """The number of the same person that the account is linked to, where this is a further one; that link has to stand."""
    found_by: FoundBy | None = None
    """How the district login led to the roster user."""
    stands_as: Standing = ""
    """As whom the roster user is counted."""
    vouched: tuple[str, str] | None = None
    """The class and the teacher (``person_id``) whose code and word stand for the login to the account (B12)."""
    receipt: bytes | None = None
    """What the account had before (``shared.domain.receipt``)."""
    receipt_of_joined: bytes | None = None
    """The same of the account that is joined into it."""


@dataclass(frozen=True, slots=True)
class AccountLinks:
    """The links of an account that stand, and the districts in which it had one that does not."""

    standing: list[Link]
    undone_in: tuple[str, ...]
    people: Mapping[RosterUserKey, RosterUser] = field(default_factory=dict)
    """Whom the standing links lead to, as the roster has them."""


class LinkStore:
    """The only writer of links; how a link's nudges stand, which is noted on it, is ``NudgeStore``'s."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)
        self._activations = ActivationStore(table)
        self._nudges = NudgeStore(table)

    def receipts(self) -> ReceiptStore:
        """Where what was there before links is kept. Few need it, so it is imported here."""
        from shared.stores.receipts import ReceiptStore

        return ReceiptStore(self._table.dynamo)

    def of_user(self, user: RosterUserKey) -> Link | None:
        return self.of_users([user]).get(user)

    def of_users(self, users: Iterable[RosterUserKey], *, consistent: bool = True) -> dict[RosterUserKey, Link]:
        links = map(link_of, self._table.batch_get(map(link_key, users), consistent=consistent).values())
        return {link.user: link for link in links}

    def of_account(self, account_id: str, *joined: str) -> list[Link]:
        """The links that stand of this account, and of those that are joined with it: one for each district, and after it those
        to further numbers of the same person."""
        return self.around_account(account_id, *joined).standing

    def around_account(self, account_id: str, *joined: str) -> AccountLinks:
        """``of_account``, with whom they lead to and the districts in which a link was undone, at no further call."""
        accounts = (account_id, *joined)
        sides = [side for account in accounts for side in self._table.query(account_pk(account), LINKS)]
        users = [user_of_side(side) for side in sides if side["state"] == LinkState.LINKED]
        found = self._table.batch_get(key for user in users for key in (link_key(user), roster_key(user)))
        items = [item for user in dict.fromkeys(users) if (item := found.get(pair(link_key(user))))]
        links = sorted(map(link_of, items), key=attrgetter("is_further"))
        standing = [link for link in links if link.is_linked and link.account_id in accounts]
        people = {
            link.user: roster_user_of(item) for link in standing if (item := found.get(pair(roster_key(link.user))))
        }
        undone = [user_of_side(side).district_id for side in sides if side["state"] == LinkState.UNDONE]
        linked_in = {link.user.district_id for link in standing}
        return AccountLinks(standing, tuple(each for each in dict.fromkeys(undone) if each not in linked_in), people)

    def linked_users(self, district_id: str, account_ids: Iterable[str]) -> dict[str, str]:
        """The number of the student of this district that each account is linked to; the others are left out.

        Where numbers have no kinds, that is whoever it is linked to.
        """
        found = self._table.batch_get((account_link_key(a, district_id) for a in account_ids), consistent=False)
        return {
            account_of_pk(pk): side["sourced_id"]
            for (pk, _), side in found.items()
            if side["state"] == LinkState.LINKED and side.get("kind") in (None, NumberKind.STUDENT)
        }

    def person_linked_to(self, account_id: str, district_id: str) -> RosterUserKey | None:
        """The person of this district that an account is linked to, whether or not on the roster."""
        side = self._table.get(account_link_key(account_id, district_id))
        return user_of_side(side) if side and side["state"] == LinkState.LINKED else None

    def last_person_of(self, account_id: str, district_id: str) -> RosterUserKey | None:
        """The person of this district that an account is, or was last, linked to, under the number that they have now."""
        found = self._table.batch_get([account_link_key(account_id, district_id)]).values()
        return next(map(user_of_side, found), None)

    def record_match(
        self, user: RosterUserKey, account_id: str, *, address: str | None = None, stands_as: Standing = ""
    ) -> bool:
        """Note a match by rule (M6). False when a link was made, or undone by a person: those are never touched.

        ``address`` is the account's where it is not the official one: the one before the mail domain changed (B11).
        ``stands_as`` is as whom the person is counted.
        """
        match = {**link_key(user), "state": LinkState.MATCHED.value, "account_id": account_id, "version": 1}
        match = without_none({**match, "matched_address": address, STANDS_AS: stands_as or None})
        return self._table.attempt(Put(match).when(_ONLY_MATCHED, matched=LinkState.MATCHED.value))

    def readdress(self, link: Link, before: str, now: str, *, is_own: bool) -> bool:
        """Let a match or a link go on at its person's address in another domain (B11). ``is_own`` says that the domain is the
        district's alone: only then the address counts for a link as the one before did. False where it is another by now."""
        if link.state is LinkState.MATCHED:
            update = Update(link_key(link.user)).set_first(matched_address=before)
            is_same = "#state = :matched AND account_id = :account"
            return self._table.attempt(update.when(is_same, matched=LinkState.MATCHED.value, account=link.account_id))
        proofs = link.proofs
        if proofs is None or before not in (proofs.person.official_email, *proofs.addresses):
            return True
        person = proofs.person
        if person.official_email == before:
            person = replace(person, official_email=now)
        addresses = proofs.addresses | {now} if is_own and before in proofs.addresses else proofs.addresses
        wanted = replace(proofs, person=person, addresses=addresses)
        return wanted == proofs or self._table.attempt(_put_proofs(link, wanted))

    def forget_match(self, user: RosterUserKey) -> None:
        """Take back a match that the rule no longer finds; anything but a match stays.

        A write that is refused costs as much as one that is made: it is for those who have a match (B8).
        """
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
        ``activation_dead`` (its token was used, or replaced by a newer one), ``link_contended`` (others changed one of the two
        sides again and again).
        """
        for _ in range(_TRIES):
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
                proofs=consent.proofs,
                found_by=consent.found_by,
                stands_as=consent.stands_as,
                vouched=consent.vouched,
            )
            wanted = replace(wanted, is_further=consent.beside is not None)
            consent = self._with_receipts(consent, wanted, now)
            if self._table.attempt(*self.link_writes(consent, wanted, present, event_id, now), *also):
                return wanted
            consent = self._explain(consent, present)
            present = self.of_user(consent.user)
        raise _contended()

    def _with_receipts(self, consent: Consent, wanted: Link, now: datetime) -> Consent:
        """With what both accounts have at this moment. A further number of a person adds nothing to the first one's receipt."""
        if consent.beside or consent.receipt:
            return consent
        receipts = self.receipts()
        joined = receipts.receipt_of(wanted.joined.account_id, now) if wanted.joined else None
        return replace(consent, receipt=receipts.receipt_of(consent.account_id, now), receipt_of_joined=joined)

    def link_writes(
        self, consent: Consent, wanted: Link, present: Link | None, event_id: str, now: datetime
    ) -> list[Write]:
        """The writes that make a link, for a transaction of their own or with the account they come with.

        All sessions of the account end with it: somebody may have been logged in before its owner came.
        """
        user, account_id = consent.user, consent.account_id
        detail = {
            **_ids(account_id, user),
            "by": BY_CLASS_CODE if consent.vouched else consent.by.value,
            "by_rule": consent.by_rule,
        }
        writes: list[Write] = [
            _put_link(wanted, present, consent.nudge_at),
            *_put_account_side(consent),
            *_proof_items(wanted),
            Put(event_item(event_id, "AccountLinked", detail, now)),
            _end_logins(account_id, now, consent.shown),
            Put(audit_item(Fact.LINKED, wanted, made_by(wanted), now, wanted.version)),
        ]
        if wanted.joined:
            writes += _join_writes(wanted, wanted.joined, consent.receipt_of_joined, event_id, now)
            writes += self._delete_nudge(user, unless_at=consent.nudge_at)
        if consent.activation:
            writes.append(_use_activation(consent, consent.activation, now))
            if is_noted_as_stuck(consent.activation):
                writes.append(Delete(stuck_key(user)))
        elif consent.nudge_at:
            # A teacher whom nobody could mail: without an address, or with a shared one.
            writes.append(Delete(stuck_key(user)))
        if consent.nudge_at:
            writes.append(Put(due_item(NUDGE, user, consent.nudge_at)))
        return writes

    def by_identity(self, district_id: str, hashed_identity: str) -> list[Link]:
        """The links of this district, those that were undone too, of which this federated identity is a proof (M19)."""
        pk = proof_key(hashed_identity, RosterUserKey(district_id, ""))["PK"]
        users = [user_of_holder(i["SK"]) for i in self._table.query(pk, holders_of_district(district_id))]
        return [link for link in self.of_users(users).values() if _is_proof(hashed_identity, link)] if users else []

    def note_proofs(self, link: Link, proofs: LinkProofs) -> bool:
        """Let a link count for these proofs; False where it is another link by now, or counts for others."""
        noted = _put_proofs(link, proofs)
        return self._table.attempt(noted, *_proof_items(replace(link, proofs=proofs)))

    def note_another(self, link: Link) -> bool:
        """Note that the roster names somebody else under the number of a link (M19); False where it is another link by now."""
        is_same = "account_id = :account AND #state = :linked"
        noted = Update(link_key(link.user)).set(named_another=True)
        return self._table.attempt(noted.when(is_same, account=link.account_id, linked=LinkState.LINKED.value))

    def adopt(
        self,
        link: Link,
        proofs: LinkProofs,
        by: Proof,
        *,
        event_id: str,
        now: datetime,
        found_by: FoundBy | None = None,
    ) -> bool:
        """Let a link count for a login that is new for it, which the rule takes for the same person's (M19).

        The account's own address is told, and the link can be undone for 30 days from now. False as ``note_proofs``.
        """
        adopted = replace(link, proofs=proofs, adopted_at=to_iso(now))
        return self._table.attempt(
            _put_proofs(link, proofs).set(adopted_at=adopted.adopted_at),
            *_proof_items(adopted),
            Put(_adoption(adopted, by, event_id, now)),
            Put(audit_item(Fact.ADOPTED, replace(adopted, by=by, found_by=found_by), Actor.RULE, now, link.version)),
        )

    def confirm(
        self,
        link: Link,
        proofs: LinkProofs,
        by: Proof,
        *,
        event_id: str,
        now: datetime,
        shown: frozenset[str],
        found_by: FoundBy | None = None,
        also: Iterable[Write] = (),
    ) -> Link:
        """Make a link anew with another proof, which the person confirmed by a login to the account (M19).

        It counts as made now: both sides are told, and have 30 days to undo it. Raises RefusedTransition
        ``already_linked`` where it is another link by now.
        """
        made = replace(
            link,
            version=link.version + 1,
            by=by,
            by_rule=False,
            linked_at=to_iso(now),
            proofs=proofs,
            found_by=found_by,
        )
        update = Update(link_key(link.user)).set(
            version=made.version, by=by.value, by_rule=False, linked_at=made.linked_at, proofs=_proofs_item(proofs)
        )
        update = update.set(found_by=found_by.value) if found_by else update.remove("found_by")
        detail = {**_ids(link.account_id, link.user), "by": by.value, "by_rule": False}
        writes = (
            update.when("version = :seen AND #state = :linked", seen=link.version, linked=LinkState.LINKED.value),
            *_proof_items(made),
            Put(event_item(event_id, "AccountLinked", detail, now)),
            _end_logins(link.account_id, now, shown),
            Put(audit_item(Fact.LINKED, made, Actor.PERSON, now, made.version)),
        )
        if not self._table.attempt(*writes, *also):
            raise RefusedTransition("already_linked", "This link was changed in the meantime.")
        return made

    def end(self, link: Link, *, event_id: str, now: datetime) -> Link | None:
        """End a link whose number is somebody else's now (M19): as an undo, by rule. None where it is another by now.

        A further number of the person of the link is still that person's: the first of them is linked as the first one was.
        """
        ended = link_rules.end(link, now=to_iso(now))
        for _ in range(_TRIES):
            further = self._further_of(link)
            writes: list[Write] = [
                _put_link(ended, link),
                *self._hand_over(link, further[0] if further else None),
                Put(event_item(event_id, "LinkUndone", _ids(link.account_id, link.user), now)),
                Put(audit_item(Fact.UNDONE, link, Actor.RULE, now, ended.version)),
                _end_logins(link.account_id, now),
                *self._delete_nudge(link.user),
            ]
            if self._table.attempt(*writes):
                return ended
            present = self.of_user(link.user)
            if present is None or present.version != link.version:
                return None
        return None

    def _hand_over(self, link: Link, further: Link | None) -> list[Write]:
        """The account's side once this link has ended; that of a further number takes its place, nudges and all."""
        if further is None:
            return [_account_side(link, LinkState.UNDONE.value)]
        user, due_at = further.user, self._nudges.due_at(link.user)
        side = Update(account_link_key(link.account_id, user.district_id))
        as_first = Update(link_key(user)).remove("is_further").set(nudge_due_at=due_at)
        return [
            side.set(sourced_id=user.sourced_id, kind=user.kind or None, state=LinkState.LINKED.value),
            Delete(side_key_of(further)),
            as_first.when("version = :seen AND #is_further = :true", seen=further.version, true=True),
            *([Put(due_item(NUDGE, user, from_iso(due_at)))] if due_at else []),
        ]

    def move(
        self,
        link: Link,
        to: RosterUserKey,
        proofs: LinkProofs,
        *,
        event_id: str,
        now: datetime,
        also: Iterable[Write] = (),
        adopts: Proof | None = None,
    ) -> Link | None:
        """Let a link follow its person to another number of the district (M19), nudges and all; nobody is mailed.

        ``adopts`` names the kind of a login that is new for the link: then the account's own address is told, as by ``adopt``.
        None where it is another link by now, or the new number is linked already.
        """
        item, present = self._table.get(link_key(link.user)), self.of_user(to)
        if item is None or int(item["version"]) != link.version or (present and present.is_linked):
            return None
        version = max(link.version, present.version if present else 0) + 1
        moved = replace(link, user=to, version=version, noticed_version=link.signed_version, proofs=proofs)
        if adopts:
            moved = replace(moved, adopted_at=to_iso(now))
        put = Put({**item, **_link_item(moved, None), "nudge_due_at": item.get("nudge_due_at")})
        writes: list[Write] = [
            put.when("version = :version", version=present.version) if present else put.when(ABSENT),
            Delete(link_key(link.user)).when("version = :version", version=link.version),
            *_move_side(link, to),
            *_proof_items(moved),
            *moved_facts(link, to, event_id=event_id, now=now, version=version),
        ]
        if adopts:
            writes.append(Put(_adoption(moved, adopts, f"{event_id}.LoginAdopted", now)))
        if link.joined:
            side = Update(account_link_key(link.joined.account_id, to.district_id))
            writes.append(side.set(sourced_id=to.sourced_id, kind=to.kind or None))
        if due_at := item.get("nudge_due_at"):
            writes += [Delete(due_key(NUDGE, link.user, due_at)), Put(due_item(NUDGE, to, from_iso(due_at)))]
        if activation := self._activations.of_user(to):
            writes.append(_use_activation(Consent(to, link.account_id, link.by or Proof.ACTIVATION), activation, now))
        return moved if self._table.attempt(*writes, *also) else None

    def _delete_nudge(self, user: RosterUserKey, *, unless_at: datetime | None = None) -> list[Write]:
        """The nudge that is due now is due no more."""
        due_at = self._nudges.due_at(user)
        if due_at is None or (unless_at and due_at == to_iso(unless_at)):
            return []
        return [Delete(due_key(NUDGE, user, due_at))]

    def _explain(self, consent: Consent, present: Link | None) -> Consent:
        """Raise why the transaction was refused, or return what is worth another try."""
        other = self._table.get(account_link_key(consent.account_id, consent.user.district_id))
        linked = user_of_side(other) if other and other["state"] == LinkState.LINKED else None
        if consent.beside and linked != consent.beside:
            raise _contended()
        if linked and not consent.beside and linked != consent.user:
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
        Raises RefusedTransition ``not_linked``, ``too_late`` or ``link_contended``.
        """
        for _ in range(_TRIES):
            present = self.of_user(user)
            if present and account_id not in (None, present.account_id):
                present = None
            wanted = link_rules.undo(present, now=to_iso(now))
            if present is None or not present.may_be_undone(to_iso(now)):
                raise RefusedTransition("too_late", f"A link can be undone for {UNDO_DAYS} days.")
            account_id = present.account_id
            self._undo_further(present, event_id, now, actor)
            if self._table.attempt(*self._undo_writes(present, wanted, event_id, now, actor)):
                # One that was made after the look above and before the write.
                self._undo_further(present, f"{event_id}.late", now, actor)
                return wanted
        raise _contended()

    def _undo_further(self, present: Link, event_id: str, now: datetime, actor: Actor) -> None:
        """With a link those to further numbers of the same person are undone, as long as they can be."""
        further = self._further_of(present)
        for place, link in enumerate(further):
            with suppress(RefusedTransition):
                self.undo(link.user, event_id=f"{event_id}.{place}", now=now, account_id=link.account_id, actor=actor)

    def _further_of(self, link: Link) -> list[Link]:
        """The links of the same person and account to further numbers; of one of these none."""
        if link.is_further:
            return []
        links = self.of_account(link.account_id)
        return [other for other in links if other.is_further and other.user.district_id == link.user.district_id]

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
        # Few undo links, and most functions that know links never do.
        from shared.stores.own_logins import ended_with

        writes += ended_with(self._table, present, by_person=actor is Actor.PERSON)
        if present.joined:
            writes += _part_writes(present, present.joined, event_id, now)
        return writes


def _contended() -> RefusedTransition:
    return RefusedTransition("link_contended", "Others changed this link or its account again and again. Try again.")


def _put_link(wanted: Link, present: Link | None, nudge_at: datetime | None = None) -> Put:
    """The link in the place of the one that was read."""
    put = Put(_link_item(wanted, nudge_at))
    return put.when("version = :version", version=present.version) if present else put.when(ABSENT)


def _put_proofs(link: Link, proofs: LinkProofs) -> Update:
    """The proofs of a link in the place of those that were read: of two logins at once neither loses the other's."""
    update = (
        Update(link_key(link.user)).set(proofs=_proofs_item(proofs)).when("version = :version", version=link.version)
    )
    return update.when("proofs = :seen", seen=_proofs_item(link.proofs)) if link.proofs else update.when(_NO_PROOFS)


def _adoption(link: Link, by: Proof, event_id: str, now: datetime) -> Item:
    """The event of a login that is new for a link, of which the account's own address is told."""
    return event_item(event_id, "LoginAdopted", {**_ids(link.account_id, link.user), "by": by.value}, now)


def _end_logins(account_id: str, now: datetime, shown: frozenset[str] | None = None) -> Update:
    """Nobody who was logged in before stays so, and outside logins that were not ``shown`` have to be confirmed: what was
    trusted at an earlier link is not trusted for ever. None leaves the trusted ones as they are."""
    update = Update(logins_key(account_id)).set(ended_at=to_iso(now))
    if shown is None:
        return update
    return update.set(shown=shown) if shown else update.remove("shown")


def _put_account_side(consent: Consent) -> list[Write]:
    """The account's side, that of a further number beside the first one's alone; a rule never makes anew what was undone,
    whatever number the person has by now (M6)."""
    user, first = consent.user, consent.beside
    side = {
        **_side_key(consent.account_id, user, is_further=first is not None),
        "sourced_id": user.sourced_id,
        "kind": user.kind or None,
        "state": LinkState.LINKED.value,
        "receipt": consent.receipt,
    }
    if consent.by_rule:
        is_free = f"attribute_not_exists(PK) OR (#state = :linked AND {_is_of(user)})"
        return [Put(side).when(is_free, **_named(user), linked=LinkState.LINKED.value)]
    is_free = f"attribute_not_exists(PK) OR #state = :undone OR ({_is_of(user)})"
    put = Put(side).when(is_free, undone=LinkState.UNDONE.value, **_named(user))
    return [put, _first_side_stands(consent.account_id, first)] if first else [put]


def _first_side_stands(account_id: str, first: RosterUserKey) -> Update:
    """A write that changes nothing, and is refused once the account is not linked to this person any more."""
    linked = LinkState.LINKED.value
    stands = Update(account_link_key(account_id, first.district_id)).set(state=linked)
    return stands.when(f"#state = :linked AND {_is_of(first)}", **_named(first), linked=linked)


def _is_of(user: RosterUserKey) -> str:
    """The condition that an account's side names this person; its values are ``_named``."""
    return f"sourced_id = :number AND {'#kind = :kind' if user.kind else 'attribute_not_exists(#kind)'}"


def _named(user: RosterUserKey) -> dict[str, str]:
    return {"number": user.sourced_id, **({"kind": user.kind} if user.kind else {})}


def user_of_side(side: Item) -> RosterUserKey:
    """The roster user whom the account's side of a link names."""
    district_id = side["SK"].removeprefix(LINKS).partition("#")[0]
    return RosterUserKey(district_id, side["sourced_id"], side.get("kind", ""))


def side_key_of(link: Link) -> Key:
    """The key of the account's side of a link."""
    return _side_key(link.account_id, link.user, is_further=link.is_further)


def _side_key(account_id: str, user: RosterUserKey, *, is_further: bool) -> Key:
    return further_link_key(account_id, user) if is_further else account_link_key(account_id, user.district_id)


def _move_side(link: Link, to: RosterUserKey) -> list[Write]:
    """The account's side of a link names its person's new number."""
    is_linked = f"#state = :linked AND {_is_of(link.user)}"
    values = {**_named(link.user), "linked": LinkState.LINKED.value}
    if not link.is_further:
        update = Update(side_key_of(link)).set(sourced_id=to.sourced_id, kind=to.kind or None)
        return [update.when(is_linked, **values)]
    side = {"sourced_id": to.sourced_id, "kind": to.kind or None, "state": LinkState.LINKED.value}
    new_key = further_link_key(link.account_id, to)
    return [Delete(side_key_of(link)).when(is_linked, **values), Put({**new_key, **side})]


def _proof_items(link: Link) -> list[Write]:
    """Where it is noted by which federated identities the person of this link is known again."""
    return [Put(proof_key(hashed, link.user)) for _, hashed in sorted(link.proofs.identities)] if link.proofs else []


def _is_proof(hashed_identity: str, link: Link) -> bool:
    return link.proofs is not None and any(hashed == hashed_identity for _, hashed in link.proofs.identities)


def moved_facts(
    link: Link, to: RosterUserKey, *, event_id: str, now: datetime, version: int | None = None
) -> list[Write]:
    """That a link follows its person to this number, for the platform and the audit trail; ``version`` is the link's then."""
    moved = replace(link, user=to)
    return [
        Put(event_item(event_id, "LinkMoved", _moved(link, to), now)),
        Put(audit_item(Fact.MOVED, moved, Actor.RULE, now, version or link.version)),
    ]


def _moved(link: Link, to: RosterUserKey) -> dict[str, str]:
    former = {"former_sourced_id": link.user.sourced_id}
    if link.user.kind:
        former["former_kind"] = link.user.kind
    return {**_ids(link.account_id, to), **former}


def _join_writes(link: Link, before: Link, receipt: bytes | None, event_id: str, now: datetime) -> list[Write]:
    """One account joined into another. Only accounts that are in none yet: so there is never a circle."""
    in_none = "attribute_not_exists(#into)"
    return [
        Update(joined_key(before.account_id)).set(into=link.account_id).when(in_none),
        Update(joined_key(link.account_id)).add(accounts={before.account_id}).when(in_none),
        _account_side(before, JOINED).set(receipt=receipt),
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
    return {"account_id": account_id, **ids_of(user)}


def _account_side(link: Link, state: str) -> Update:
    return Update(side_key_of(link)).set(state=state)


def _use_activation(consent: Consent, activation: Activation, now: datetime) -> Update:
    """What becomes of the activation: used when it brought the proof, else withdrawn before or dead after sending."""
    update = Update(activation_key(consent.user)).set(used_at=to_iso(now))
    update = update.when("activation_id = :id", id=activation.activation_id)
    if consent.by is Proof.ACTIVATION and consent.activation:
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
            "proofs": _proofs_item(link.proofs) if link.proofs else None,
            "is_ended": link.is_ended or None,
            "noticed_version": link.noticed_version,
            "is_further": link.is_further or None,
            "adopted_at": link.adopted_at,
            "matched_address": link.matched_address,
            "found_by": link.found_by.value if link.found_by else None,
            "named_another": link.named_another or None,
            STANDS_AS: link.stands_as or None,
            "cleaned_up": link.cleaned_up or None,
            "vouched_in": link.vouched_in,
            "vouched_by": link.vouched_by,
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
        proofs=_proofs_of(item["proofs"]) if "proofs" in item else None,
        is_ended=bool(item.get("is_ended")),
        noticed_version=int(item["noticed_version"]) if item.get("noticed_version") else None,
        adopted_at=item.get("adopted_at"),
        matched_address=item.get("matched_address"),
        is_further=bool(item.get("is_further")),
        found_by=FoundBy(item["found_by"]) if item.get("found_by") else None,
        named_another=bool(item.get("named_another")),
        stands_as=item.get(STANDS_AS, ""),
        cleaned_up=bool(item.get("cleaned_up")),
        vouched_in=item.get("vouched_in"),
        vouched_by=item.get("vouched_by"),
    )


def _proofs_item(proofs: LinkProofs) -> Item:
    person = proofs.person
    return without_none(
        {
            "given_name": person.given_name,
            "family_name": person.family_name,
            "email": person.official_email,
            "identities": [list(identity) for identity in sorted(proofs.identities)],
            "addresses": sorted(proofs.addresses),
            "named": sorted(proofs.named) or None,
        }
    )


def _proofs_of(item: Item) -> LinkProofs:
    return LinkProofs(
        Person(item["given_name"], item["family_name"], item.get("email")),
        frozenset((issuer, hashed) for issuer, hashed in item["identities"]),
        frozenset(item["addresses"]),
        frozenset(item.get("named", ())),
    )
