"""Link a roster user to an account: by rule, by consent, or with a new account (M6, M7, M12, M16)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from shared.domain import link as link_rules
from shared.domain.account import Account
from shared.domain.activation import Activation
from shared.domain.clock import Clock, NewId, to_iso
from shared.domain.district import District
from shared.domain.errors import RefusedTransition
from shared.domain.federated_identity import identity_hash
from shared.domain.link import Link, LinkState, Proof
from shared.domain.matching import Outcome
from shared.domain.nudge import first_nudge_at
from shared.domain.roster import Role, RosterUser
from shared.hubs.oidc import Identity, subject_key
from shared.runtime.masking import mask_email, mask_name
from shared.stores.accounts import AccountStore
from shared.stores.identifier_index import IdentifierIndex
from shared.stores.links import Consent, LinkStore
from shared.stores.outbox import event_item
from shared.stores.request_context import RequestContextStore
from shared.stores.table import Write

_MOST_CANDIDATES = 5


@dataclass(frozen=True, slots=True)
class Proven:
    """The roster user whom a browser has proved to be, how, and how their link stands."""

    user: RosterUser
    district: District
    by: Proof
    link: Link | None = None
    activation: Activation | None = None
    proved_at: str | None = None
    """When a district login proved it (ISO 8601, UTC)."""

    @property
    def is_linked(self) -> bool:
        return self.link is not None and self.link.is_linked

    @property
    def made_account_id(self) -> str | None:
        """The account that was made at this person's district login, and that may be joined into an older one (M16)."""
        return self.link.account_id if self.link and self.is_linked and self.link.is_made else None


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account that may be somebody's, masked: only its owner recognises it. ``since`` is a year, empty if unknown."""

    username: str
    email: str | None
    since: str


class DistrictLoginOutcome(Enum):
    """What a district login leads to."""

    ALREADY_LINKED = auto()
    LINKED_BY_RULE = auto()
    CONSENT_NEEDED = auto()
    """The same outside identity logs into an account already; the person decides whether both are linked."""
    CHOICE_NEEDED = auto()
    """No account is known: the person logs into one, or gets a new one (M12)."""


@dataclass(frozen=True, slots=True)
class DistrictLogin:
    """The outcome of a district login, and the account that it enters, if any."""

    outcome: DistrictLoginOutcome
    account_id: str | None = None
    federated_identity: str | None = None
    """The outside login by which that account is entered (``shared.domain.federated_identity``)."""


class LinkAccounts:
    """Makes links; what a person must see before is the pages' work."""

    def __init__(
        self,
        accounts: AccountStore,
        identifiers: IdentifierIndex,
        links: LinkStore,
        request_contexts: RequestContextStore,
        *,
        google_issuer: str,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self._accounts = accounts
        self._identifiers = identifiers
        self._links = links
        self._request_contexts = request_contexts
        self._google_issuer = google_issuer
        self._clock = clock
        self._new_id = new_id

    def candidates(self, proven: Proven | None) -> list[Candidate]:
        """The accounts that may be this person's, to be proved by a login (M7); no rule decides here."""
        if proven is None or proven.is_linked:
            return []
        match = self._identifiers.find_match(proven.user)
        accounts = self._accounts.get_many(match.candidates[:_MOST_CANDIDATES])
        candidates = [
            Candidate(mask_name(account.username), mask_email(account.email), (account.created_at or "")[:4])
            for account in accounts.values()
        ]
        return sorted(candidates, key=lambda candidate: (candidate.since, candidate.username), reverse=True)

    def at_district_login(
        self, user: RosterUser, proof: Proof, district: District, identity: Identity
    ) -> DistrictLogin:
        """Link by rule whoever is matched (M6); nobody whose link was undone."""
        person = self._request_contexts.read(people=[user.key]).people[user.key]
        proven = Proven(user, district, proof, person.link, person.activation)
        if person.link and proven.is_linked:
            return DistrictLogin(DistrictLoginOutcome.ALREADY_LINKED, person.link.account_id)
        clever_ids = (identity.subject,) if proof is Proof.DISTRICT_LOGIN_CLEVER else ()
        match = self._identifiers.find_match(user, proven_clever_ids=clever_ids)
        federated_identity = identity_hash(*subject_key(identity))
        if match.outcome is Outcome.MATCHED and match.account_id and not _was_undone(person.link):
            consent = self._consent(proven, match.account_id, shown=frozenset({federated_identity}), by_rule=True)
            try:
                self._make(consent, proven, self._clock())
            except RefusedTransition:
                return DistrictLogin(DistrictLoginOutcome.CHOICE_NEEDED)
            return DistrictLogin(DistrictLoginOutcome.LINKED_BY_RULE, match.account_id)
        account_id = self._identifiers.account_by_subject(identity.issuer, identity.subject)
        if account_id and self._accounts.get(account_id):
            return DistrictLogin(DistrictLoginOutcome.CONSENT_NEEDED, account_id, federated_identity)
        return DistrictLogin(DistrictLoginOutcome.CHOICE_NEEDED)

    def by_consent(
        self,
        proven: Proven,
        account_id: str,
        *,
        shown: frozenset[str],
        now: datetime,
        also: Iterable[Write] = (),
    ) -> Link:
        """Link the account that the person logged into, after both sides were shown; ``also`` are writes of the same
        transaction. ``shown`` are the outside logins of this browser. Raises what ``LinkStore.make`` raises."""
        return self._make(self._consent(proven, account_id, shown=shown), proven, now, also)

    def new_account_for(self, proven: Proven, subject: tuple[str, str] | None) -> Account:
        """The account that ``with_new_account`` makes. ``subject`` is issuer and subject of the district login."""
        user = proven.user
        account_id = self._new_id()
        issuer, name = subject or ("", "")
        is_google = proven.by is Proof.DISTRICT_LOGIN_GOOGLE and issuer == self._google_issuer
        return Account(
            account_id,
            "teacher" if user.role is Role.TEACHER else "student",
            user.display_name,
            user.official_email or f"district-{account_id[:12]}",
            user.official_email,
            user.official_email is not None,
            google_sub=name if is_google else None,
            clever_id=name if proven.by is Proof.DISTRICT_LOGIN_CLEVER else None,
            created_at=to_iso(self._clock()),
        )

    def with_new_account(
        self,
        proven: Proven,
        account: Account,
        *,
        shown: frozenset[str],
        now: datetime,
        also: Iterable[Write] = (),
    ) -> None:
        """Make the account, its link, its event and ``also`` in one transaction.

        Raises Conflict when such an account was made meanwhile, and RefusedTransition as ``shared.domain.link.make``.
        """
        consent = self._consent(proven, account.account_id, shown=shown)
        link = link_rules.make(
            proven.link,
            proven.user.key,
            account.account_id,
            by=proven.by,
            by_rule=False,
            now=to_iso(now),
            proved_at=proven.proved_at,
            is_made=True,
        )
        detail = {
            "account_id": account.account_id,
            "district_id": proven.user.district_id,
            "sourced_id": proven.user.sourced_id,
        }
        self._accounts.create(
            account,
            also=[*self._links.link_writes(consent, link, proven.link, self._new_id(), now), *also],
            event=event_item(self._new_id(), "AccountCreated", detail, now),
        )

    def _consent(self, proven: Proven, account_id: str, *, shown: frozenset[str], by_rule: bool = False) -> Consent:
        is_teacher = proven.user.role is Role.TEACHER
        return Consent(
            proven.user.key,
            account_id,
            proven.by,
            by_rule,
            proven.activation,
            first_nudge_at(proven.district, self._clock()) if is_teacher else None,
            proven.proved_at,
            shown,
            joins=proven.made_account_id,
        )

    def _make(self, consent: Consent, proven: Proven, now: datetime, also: Iterable[Write] = ()) -> Link:
        return self._links.make(consent, present=proven.link, event_id=self._new_id(), now=now, also=also)


def _was_undone(link: Link | None) -> bool:
    return link is not None and link.state is LinkState.UNDONE
