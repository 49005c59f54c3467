"""Sessions and single-use states of logins: short-lived items that hold no usable secret."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain.clock import Clock, to_iso
from shared.domain.federated_identity import identity_hash, is_trusted
from shared.domain.link import FoundBy, Proof
from shared.domain.roster import RosterUserKey
from shared.stores.keys import Item, ids_of, login_state_key, logins_key, session_key, user_of
from shared.stores.table import ABSENT, PRESENT, Delete, DynamoTable, Put, Table, Update, Write

SESSION_HOURS = 8
OPERATOR_HOURS = 1


@dataclass(frozen=True, slots=True)
class WaitingLogin:
    """An outside login that the account's owner is asked about, and its address, masked, by which it is recognised."""

    identity: str
    name: str


@dataclass(frozen=True, slots=True)
class Session:
    """Who is logged in: an account, a roster user whom a district login proved, or both.

    ``subject`` is the outside identity (issuer, subject) of that district login: a new account is keyed by it.
    """

    account_id: str | None = None
    user: RosterUserKey | None = None
    proof: Proof | None = None
    subject: tuple[str, str] | None = None
    session_id: str = ""
    proved_at: str | None = None
    """When the district login proved the roster user (ISO 8601, UTC)."""
    begun_at: str = ""
    federated_identity: str | None = None
    """The outside login by which the account was entered (``shared.domain.federated_identity``)."""
    is_trusted: bool = True
    """False while that login has to be confirmed."""
    verified_email: str | None = None
    """The address that the issuer of the district login verified."""
    federated_name: str | None = None
    """The address of the outside login by which the account was entered, masked."""
    waiting: WaitingLogin | None = None
    """The outside login that this session, which was entered without it, is asked about."""
    aliases: tuple[str, ...] = ()
    """Other ids of the person at the issuer of ``subject``, which the district login proved, too."""
    found_by: FoundBy | None = None
    """How the district login led to the roster user."""
    row: str | None = None
    """A hash of what the roster said of the person then (``row_hash``)."""
    answer: str | None = None
    """A hash of the state of the login that began it (``answer_hash``)."""
    operator: str | None = None
    """The operator of the platform who is here, by username: with password and second factor, and without an account."""

    @property
    def shown(self) -> frozenset[str]:
        """The outside logins that this browser has shown."""
        return frozenset(identity for identity in (self.federated_identity, *self._proved) if identity)

    @property
    def _proved(self) -> list[str]:
        """The hashes of all ids that the district login proved."""
        if self.subject is None:
            return []
        issuer, subject = self.subject
        return [identity_hash(issuer, each) for each in (subject, *self.aliases)]

    def with_account(self, account_id: str) -> Session:
        return replace(self, account_id=account_id)


class SessionStore:
    """Sessions by the hash of their id: a dump of the table opens none. ``RequestContextStore`` reads them."""

    def __init__(self, table: DynamoTable, clock: Clock) -> None:
        self._table = Table(table)
        self._clock = clock

    def start(self, session: Session, session_id: str, *, instead_of: Session | None = None) -> Session:
        """A new session under a fresh id; the one that it replaces ends (rotation at every step)."""
        now = self._clock()
        self._table.write(Put(_item(session, session_id, now)))
        if instead_of:
            self.end(instead_of.session_id)
        return _begun(session, session_id, now)

    def rotation(
        self, session: Session, session_id: str, *, instead_of: Session, now: datetime
    ) -> tuple[Session, list[Write]]:
        """``start``, as writes for the transaction of ``now`` that the new session comes with."""
        put, delete = Put(_item(session, session_id, now)), Delete(session_key(instead_of.session_id))
        return _begun(session, session_id, now), [put, delete]

    def end(self, session_id: str) -> None:
        self._table.write(Delete(session_key(session_id)))

    def trust(self, account_id: str, federated_identity: str) -> None:
        """An outside login of a linked account was confirmed."""
        self._table.write(Update(logins_key(account_id)).add(shown={federated_identity}).when(PRESENT))

    def end_all(self, account_id: str) -> None:
        """End every session of an account that has begun until now."""
        self._table.write(Update(logins_key(account_id)).set(ended_at=to_iso(self._clock())))

    def use_once(self, state: str, lifetime: timedelta) -> bool:
        """Whether this state of a login is used for the first time."""
        expires = self._clock() + lifetime
        return self._table.attempt(Put({**login_state_key(state), "ttl": int(expires.timestamp())}).when(ABSENT))


def _item(session: Session, session_id: str, now: datetime) -> Item:
    expires = now + timedelta(hours=OPERATOR_HOURS if session.operator else SESSION_HOURS)
    return {
        **session_key(session_id),
        "account_id": session.account_id,
        **(ids_of(session.user) if session.user else {}),
        "proof": session.proof.value if session.proof else None,
        "subject": list(session.subject) if session.subject else None,
        "begun_at": to_iso(now),
        "proved_at": session.proved_at,
        "verified_email": session.verified_email,
        "way": session.federated_identity,
        "way_name": session.federated_name,
        "aliases": list(session.aliases) or None,
        "found_by": session.found_by.value if session.found_by else None,
        "row": session.row,
        "answer": session.answer,
        "operator": session.operator,
        "waiting": [session.waiting.identity, session.waiting.name] if session.waiting else None,
        "expires_at": to_iso(expires),
        "ttl": int(expires.timestamp()),
    }


def has_to_be_confirmed(subject: tuple[str, str], logins: Item | None) -> bool:
    """Whether an account was linked without this outside login of its own being shown."""
    return logins is not None and not is_trusted(identity_hash(*subject), logins.get("shown", ()))


def _begun(session: Session, session_id: str, now: datetime) -> Session:
    return replace(session, session_id=session_id, begun_at=to_iso(now))


def session_of(session_id: str, item: Item, logins: Item | None, now: datetime) -> Session | None:
    """The session, unless it is over: DynamoDB removes expired items late, so the time is checked here.

    ``logins`` says when all sessions of the account ended: whoever holds an older one was here before the owner.
    """
    if item["expires_at"] <= to_iso(now) or (logins and item["begun_at"] < logins["ended_at"]):
        return None
    subject = item.get("subject")
    return Session(
        item.get("account_id"),
        user_of(item) if "sourced_id" in item else None,
        Proof(item["proof"]) if item.get("proof") else None,
        (subject[0], subject[1]) if subject else None,
        session_id,
        item.get("proved_at"),
        item["begun_at"],
        item.get("way"),
        is_trusted(item.get("way"), logins.get("shown", ()) if logins else None),
        item.get("verified_email"),
        item.get("way_name"),
        WaitingLogin(*item["waiting"]) if item.get("waiting") else None,
        tuple(item.get("aliases") or ()),
        FoundBy(item["found_by"]) if item.get("found_by") else None,
        item.get("row"),
        item.get("answer"),
        item.get("operator"),
    )
