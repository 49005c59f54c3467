"""Link a roster user to an account: by rule, by consent, or with a new account (M6, M7, M12, M16)."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto

from shared.domain import link as link_rules
from shared.domain.account import Account
from shared.domain.activation import Activation
from shared.domain.clock import Clock, NewId, from_iso, to_iso
from shared.domain.district import District
from shared.domain.email_address import normalise
from shared.domain.errors import Conflict, RefusedTransition
from shared.domain.federated_identity import identity_hash
from shared.domain.funnel import stands_as
from shared.domain.link import UNDO_DAYS, FoundBy, Link, Proof
from shared.domain.link_notice import Side, addresses
from shared.domain.matching import (
    AccountSide,
    Decision,
    Grounds,
    LinkProofs,
    LoginProof,
    Objection,
    Recognition,
    RosterSide,
    is_same_person,
    is_somebody_else,
    may_consent,
    recognise,
)
from shared.domain.nudge import first_nudge_at
from shared.domain.roster import Role, RosterUser, RosterUserKey
from shared.hubs.hub import Identity, subject_key
from shared.runtime.masking import mask_email, mask_name
from shared.stores.accounts import AccountStore
from shared.stores.identifier_index import IdentifierIndex, OnAddress, is_same_person_who_left, person_of
from shared.stores.keys import ids_of
from shared.stores.links import Consent, LinkStore
from shared.stores.outbox import event_item
from shared.stores.request_context import RequestContextStore
from shared.stores.roster_users import RosterUserStore
from shared.stores.table import Write

_MOST_CANDIDATES = 5
_LISTED = (Proof.DISTRICT_LOGIN_CLASSLINK, Proof.DISTRICT_LOGIN_MICROSOFT)
"""Proofs of hubs whose ids an account has in a list; Google's and Clever's have fields of their own."""


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
    subject: tuple[str, str] | None = None
    """Issuer and subject of that district login."""
    verified_email: str | None = None
    """The address that its issuer verified."""
    aliases: tuple[str, ...] = ()
    """Other ids of the person at that issuer, which the login proved, too."""
    found_by: FoundBy | None = None
    """How that login led to the roster user."""

    @property
    def proves_by_mail(self) -> bool:
        """Whether the mail proved the address on the roster: not where the district had it sent elsewhere."""
        is_at_it = self.activation is None or self.activation.official_email == self.user.official_email
        return self.by is Proof.ACTIVATION and is_at_it

    @property
    def proofs_of_login(self) -> frozenset[tuple[str, str]]:
        """(issuer, hash) of each id that the district login proved, as links keep them."""
        if self.subject is None:
            return frozenset()
        issuer, subject = self.subject
        return frozenset((issuer, identity_hash(issuer, each)) for each in (subject, *self.aliases))

    @property
    def has_to_confirm(self) -> bool:
        """Whether the link does not know the login that proved this person, so that the account confirms it once (M19)."""
        if not (self.is_linked and self.link and self.subject):
            return False
        return self.link.proofs is None or self.proofs_of_login.isdisjoint(self.link.proofs.identities)

    @property
    def is_linked(self) -> bool:
        return self.link is not None and self.link.is_linked

    def joins(self, account_id: str) -> str | None:
        """The account that was made at this person's district login, where this is another one (M16)."""
        return self.made_account_id if self.made_account_id != account_id else None

    @property
    def made_account_id(self) -> str | None:
        """The account that was made at this person's district login, and that may be joined into an older one (M16).

        None for a login that the link does not know: it may be another person's (M19).
        """
        is_made = self.link is not None and self.is_linked and self.link.is_made and not self.has_to_confirm
        return self.link.account_id if self.link and is_made else None


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
    CONFIRMATION_NEEDED = auto()
    """The link does not know this login yet: the person logs into the linked account once (M19)."""
    CHOICE_NEEDED = auto()
    """No account is known: the person logs into one, or gets a new one (M12)."""


@dataclass(frozen=True, slots=True)
class DistrictLogin:
    """The outcome of a district login, and the account that it enters, if any."""

    outcome: DistrictLoginOutcome
    user: RosterUserKey
    """The roster user that it proves; another than the row says where the login is known as another's."""
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
        users: RosterUserStore,
        *,
        google_issuer: str,
        clever_issuer: str,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self._accounts = accounts
        self._identifiers = identifiers
        self._links = links
        self._request_contexts = request_contexts
        self._users = users
        self._google_issuer = google_issuer
        self._clever_issuer = clever_issuer
        self._clock = clock
        self._new_id = new_id

    def candidates(self, proven: Proven | None) -> list[Candidate]:
        """The accounts that may be this person's, to be proved by a login (M7); no rule decides here."""
        if proven is None or proven.is_linked:
            return []
        address = proven.user.official_email
        is_address_proven = proven.proves_by_mail or (address is not None and address == proven.verified_email)
        decision = self._identifiers.find_match(
            proven.user, proven.district.own_domains, address_is_proven=is_address_proven, matched=proven.link
        )
        named = (*([decision.account_id] if decision.account_id else []), *decision.candidates)
        accounts = self._accounts.get_many(named[:_MOST_CANDIDATES])
        candidates = [
            Candidate(mask_name(account.username), mask_email(account.email), (account.created_at or "")[:4])
            for account in accounts.values()
        ]
        return sorted(candidates, key=lambda candidate: (candidate.since, candidate.username), reverse=True)

    # A district login

    def at_district_login(
        self, user: RosterUser, proof: Proof, district: District, identity: Identity, found_by: FoundBy | None = None
    ) -> DistrictLogin:
        """Decide what a district login opens (M6, M19): the account of this person's link, one by rule, or none yet."""
        login = _login_proof(identity, proof)
        person = self._request_contexts.read(people=[user.key], with_settings=False).people[user.key]
        proven = Proven(
            user, district, proof, person.link, person.activation,
            subject=login.identity, verified_email=login.verified_email, aliases=login.aliases, found_by=found_by,
        )  # fmt: skip
        known = self._known_links(district, login)
        if elsewhere := next((link for link in known if link.is_linked and link.user != user.key), None):
            if found := self._known_elsewhere(elsewhere, proven):
                return found
            person_link = self._links.of_user(user.key)
            proven = replace(proven, link=person_link)
        if proven.link and proven.link.is_linked:
            recognised = self._recognised(proven, proven.link, login)
            if recognised:
                return recognised
            proven = replace(proven, link=self._links.of_user(user.key))
        if proven.link and self._may_be_taken_back(proven, proven.link):
            consent = self._consent(proven, proven.link.account_id, shown=_hashes(login))
            with suppress(RefusedTransition):
                self._make(consent, proven, self._clock())
                return DistrictLogin(DistrictLoginOutcome.ALREADY_LINKED, user.key, proven.link.account_id)
        return self._first_login(proven, login)

    def _known_links(self, district: District, login: LoginProof) -> list[Link]:
        """The links of this district that count for this login, by its subject before other ids of the person."""
        for subject in (login.subject, *login.aliases):
            if found := self._links.by_identity(district.district_id, identity_hash(login.issuer, subject)):
                return found
        return []

    def _known_elsewhere(self, link: Link, proven: Proven) -> DistrictLogin | None:
        """This login is a proof of another number's link, so it is that person (M19).

        Where that number is theirs still, its account is entered. Where they left it, the link follows them to this one.
        """
        before = self._users.get(link.user)
        if before is None:
            return None
        if before.active and not (link.proofs and is_somebody_else(link.proofs.person, person_of(before))):
            return DistrictLogin(DistrictLoginOutcome.ALREADY_LINKED, link.user, link.account_id)
        if self._follow(link, proven):
            return DistrictLogin(DistrictLoginOutcome.ALREADY_LINKED, proven.user.key, link.account_id)
        return None

    def _follow(self, link: Link, proven: Proven, also: Iterable[Write] = ()) -> Link | None:
        """Move a link to the number that its person has now. Return it; None where it was not moved."""
        if proven.is_linked or self._is_refused(proven, link.account_id):
            return None
        proofs = self._proofs(proven, link.proofs)
        adopts = proven.by if link.proofs and proofs.identities - link.proofs.identities else None
        return self._links.move(
            link, proven.user.key, proofs, event_id=self._new_id(), now=self._clock(), also=also, adopts=adopts
        )

    def _recognised(self, proven: Proven, link: Link, login: LoginProof) -> DistrictLogin | None:
        """What a login to a linked number opens; None where it is somebody else, whose link is still to be made (M19)."""
        user = proven.user
        entered = DistrictLogin(DistrictLoginOutcome.ALREADY_LINKED, user.key, link.account_id)
        if link.proofs and not proven.proofs_of_login.isdisjoint(link.proofs.identities):
            return entered
        hashed = _hash_known(login, link.proofs)
        account = self._accounts.get(link.account_id)
        side = self._identifiers.side_of(user, account) if account else AccountSide(link.account_id)
        decision = self._identifiers.find_match(
            user,
            proven.district.own_domains,
            login=login,
            shared_domains=proven.district.shared_email_domains,
        )
        identities = link.proofs.identities if link.proofs else frozenset()
        shown = {hashed_subject for _, hashed_subject in identities}
        is_made = link.is_made and link.joined is None and all(identity_hash(*s) in shown for s in side.subjects)
        follows = is_made and not self._is_of_another_row(user, link, side)
        grounds = decision.grounds if decision.account_id == link.account_id else None
        recognition = recognise(
            link.proofs,
            login,
            hashed,
            person_of(user),
            side.display_name,
            grounds=grounds,
            follows=follows,
            named_another=link.named_another,
        )
        if recognition is Recognition.SOMEBODY_ELSE:
            self._links.end(link, event_id=self._new_id(), now=self._clock())
            return None
        if recognition is Recognition.CONFIRM:
            return DistrictLogin(DistrictLoginOutcome.CONFIRMATION_NEEDED, user.key)
        # A link of an earlier version knew no logins, and the account's own subject opened it before.
        is_new = recognition is Recognition.SAME and link.proofs is not None and grounds is not Grounds.SUBJECT
        self._note_login(proven, link, account, is_new=is_new)
        return entered

    def _note_login(self, proven: Proven, link: Link, account: Account | None, *, is_new: bool) -> None:
        """Let a link count for a login from now on. The account's own address is told of one that is new for it.

        Raises Conflict where that could not be noted: nobody gets in untold.
        """
        proofs = self._proofs(proven, link.proofs)
        if not is_new or Side.OWN not in addresses(proven.user, account):
            self._links.note_proofs(link, proofs)
        elif not self._links.adopt(
            link, proofs, proven.by, event_id=self._new_id(), now=self._clock(), found_by=proven.found_by
        ):
            raise Conflict("link_changed", "This link was changed in the meantime.")

    def _is_of_another_row(self, user: RosterUser, link: Link, side: AccountSide) -> bool:
        """Whether what the link counts for, or what opens its account, is another row's in the roster now, or the address of
        this row was another's: then the sheet was wrong before, or it is now, and the account follows nobody (M19)."""
        clever_ids = [subject for issuer, subject in side.subjects if issuer == self._clever_issuer]
        addresses = link.proofs.addresses if link.proofs else ()
        return self._identifiers.is_anothers_now(user, addresses, clever_ids) or self._identifiers.was_anothers(user)

    def _may_be_taken_back(self, proven: Proven, link: Link) -> bool:
        """Whether this is the person of a link that ended for another one, within the days of an undo."""
        if not (link.is_ended and link.proofs) or proven.proofs_of_login.isdisjoint(link.proofs.identities):
            return False
        is_late = from_iso(link.undone_at or "") < self._clock() - timedelta(days=UNDO_DAYS)
        is_another = is_late or is_somebody_else(link.proofs.person, person_of(proven.user))
        return not is_another and not self._is_refused(proven, link.account_id)

    def _first_login(self, proven: Proven, login: LoginProof) -> DistrictLogin:
        """Let a link follow whom it knows, and link by rule whoever is matched (M6); nobody whose link was undone."""
        user, link = proven.user, proven.link
        on_address = self._identifiers.on_address(user)
        if kept := self._kept_link(proven, login, on_address):
            return DistrictLogin(DistrictLoginOutcome.ALREADY_LINKED, user.key, kept.account_id)
        decision = self._identifiers.find_match(
            user,
            proven.district.own_domains,
            login=login,
            shared_domains=proven.district.shared_email_domains,
            address_is_proven=user.official_email is not None and user.official_email == login.verified_email,
            matched=link,
            on_address=on_address,
        )
        if decision.account_id and not (link and link.was_undone):
            if self._link_by_rule(proven, decision, login):
                return DistrictLogin(DistrictLoginOutcome.LINKED_BY_RULE, user.key, decision.account_id)
            return DistrictLogin(DistrictLoginOutcome.CHOICE_NEEDED, user.key)
        offered = {decision.account_id, *decision.candidates}
        account_id = self._identifiers.account_opened_by(login)
        if account_id in offered and account_id and self._accounts.get(account_id):
            return DistrictLogin(
                DistrictLoginOutcome.CONSENT_NEEDED, user.key, account_id, identity_hash(*login.identity)
            )
        return DistrictLogin(DistrictLoginOutcome.CHOICE_NEEDED, user.key)

    def _kept_link(self, proven: Proven, login: LoginProof, on_address: OnAddress) -> Link | None:
        """The link of a number that this person left, moved here, where this login is one that it counts for (M19)."""
        now = person_of(proven.user)
        for link in self._identifiers.kept_links(proven.user, on_address) if login.verified_email else ():
            hashed = _hash_known(login, link.proofs)
            recognition = recognise(link.proofs, login, hashed, now, "", grounds=None, follows=False)
            if recognition is Recognition.SAME:
                return self._follow(link, proven)
        return None

    def _link_by_rule(self, proven: Proven, decision: Decision, login: LoginProof) -> bool:
        account_id = decision.account_id or ""
        if (other := self._left(account_id, proven)) and self._follow(other, proven):
            return True
        consent = self._consent(proven, account_id, shown=_hashes(login), by_rule=True)
        if decision.grounds is Grounds.SUBJECT:
            # Only the subject is proved: what the roster says besides is not.
            consent = replace(consent, proofs=self._proofs(proven, with_roster=False))
        try:
            self._make(consent, proven, self._clock())
        except RefusedTransition:
            return False
        return True

    def _left(self, account_id: str, proven: Proven) -> Link | None:
        """The link of this account to a number of the district that this person left (M19)."""
        key = self._links.person_linked_to(account_id, proven.user.district_id)
        if key is None or key == proven.user.key:
            return None
        link, before = self._links.of_user(key), self._users.get(key)
        is_left = link and before and link.is_linked and is_same_person_who_left(link, before, proven.user)
        return link if is_left else None

    # By consent

    def refusal(self, proven: Proven, account: Account) -> str | None:
        """Why ``by_consent`` would be refused as things stand, as its code; None where nothing is known to stand in the way.

        It is told before the press. The press decides all the same: things may change in between.
        """
        link = proven.link
        if link and not link.is_linked and proven.proved_at and link.undone_at and proven.proved_at < link.undone_at:
            return "proof_spent"
        if self._is_refused(proven, account.account_id):
            return "account_teaches"
        other = self._links.person_linked_to(account.account_id, proven.user.district_id)
        if other is None or other == proven.user.key:
            return None
        is_own = self._left(account.account_id, proven) or self._first_number(account.account_id, proven)
        return None if is_own else "account_linked_elsewhere"

    def by_consent(
        self,
        proven: Proven,
        account: Account,
        *,
        shown: frozenset[str],
        now: datetime,
        also: Iterable[Write] = (),
    ) -> Link:
        """Link the account that the person logged into, after both sides were shown; ``also`` are writes of the same
        transaction. ``shown`` are the outside logins of this browser.

        Raises what ``LinkStore.make`` raises, and RefusedTransition ``account_teaches`` for a student and an account that
        owns classes with students (M20).
        """
        account_id = account.account_id
        if self._is_refused(proven, account_id):
            raise RefusedTransition(
                "account_teaches", "A student cannot be linked to an account that owns classes with students."
            )
        link = proven.link
        if link and link.is_linked and link.account_id == account_id and proven.has_to_confirm:
            proofs = self._proofs(proven, link.proofs)
            return self._links.confirm(
                link,
                proofs,
                proven.by,
                event_id=self._new_id(),
                now=now,
                shown=shown,
                found_by=proven.found_by,
                also=also,
            )
        consent = self._consent(proven, account_id, shown=shown)
        try:
            return self._make(consent, proven, now, also)
        except RefusedTransition as refused:
            if refused.code != "account_linked_elsewhere":
                raise
            left = self._left(account_id, proven)
            if moved := self._follow(left, proven, also) if left else None:
                return moved
            first = self._first_number(account_id, proven)
            if first is None:
                raise
        # Its nudges go to the number that was linked first.
        return self._make(replace(consent, beside=first, nudge_at=None), proven, now, also)

    def by_class_code(
        self,
        proven: Proven,
        account: Account,
        vouched: tuple[str, str],
        *,
        shown: frozenset[str],
        now: datetime,
        also: Iterable[Write] = (),
    ) -> Link:
        """Link an account that nobody logged into: a teacher's word and a class code stand for that (B12).

        ``vouched`` are the class and the teacher.

        Raises what ``LinkStore.make`` raises, ``account_linked_elsewhere`` whoever it is, and RefusedTransition
        ``account_teaches`` (M20).
        """
        if self._is_refused(proven, account.account_id):
            raise RefusedTransition(
                "account_teaches", "A student cannot be linked to an account that owns classes with students."
            )
        consent = replace(self._consent(proven, account.account_id, shown=shown), joins=None, vouched=vouched)
        return self._make(consent, proven, now, also)

    def _first_number(self, account_id: str, proven: Proven) -> RosterUserKey | None:
        """The number that the account is linked to, where it is the same person's of this district and stands, too: one human at
        two schools, say, who proved both numbers and logged into the account."""
        key = self._links.person_linked_to(account_id, proven.user.district_id)
        before, link = (self._users.get(key), self._links.of_user(key)) if key else (None, None)
        if before is None or link is None or before.role is not proven.user.role:
            return None
        now = person_of(proven.user)
        is_same = is_same_person(person_of(before), now) and (
            link.proofs is None or is_same_person(link.proofs.person, now)
        )
        return key if is_same else None

    def _is_refused(self, proven: Proven, account_id: str) -> bool:
        """Whether this person never gets this account, whoever wants it and whatever was proved: a student, one that teaches
        (M20)."""
        if proven.user.role is not Role.STUDENT:
            return False
        account = self._accounts.get(account_id)
        person = RosterSide(proven.user.role, proven.user.family_name, proven.user.official_email)
        return account is not None and (
            may_consent(person, self._identifiers.side_of(proven.user, account)) is Objection.TEACHES
        )

    def new_account_for(self, proven: Proven) -> Account:
        """The account that ``with_new_account`` makes; its address is verified only where the issuer verified that one.

        A ClassLink or Microsoft id that opens another account already is left with that one.
        """
        user = proven.user
        account_id = self._new_id()
        issuer, name = proven.subject or ("", "")
        is_google = proven.by is Proof.DISTRICT_LOGIN_GOOGLE and issuer == self._google_issuer
        is_listed = proven.by in _LISTED and self._identifiers.account_by_subject(issuer, name) is None
        return Account(
            account_id,
            "teacher" if user.role is Role.TEACHER else "student",
            user.display_name,
            user.official_email or f"district-{account_id[:12]}",
            user.official_email,
            user.official_email is not None and user.official_email == proven.verified_email,
            google_sub=name if is_google else None,
            clever_id=name if proven.by is Proof.DISTRICT_LOGIN_CLEVER else None,
            created_at=to_iso(self._clock()),
            identities=((issuer, name),) if is_listed else (),
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
        from shared.stores.receipts import NOTHING

        consent = replace(self._consent(proven, account.account_id, shown=shown), receipt=NOTHING)
        link = link_rules.make(
            proven.link,
            proven.user.key,
            account.account_id,
            by=proven.by,
            by_rule=False,
            now=to_iso(now),
            proved_at=proven.proved_at,
            is_made=True,
            proofs=consent.proofs,
            found_by=consent.found_by,
            stands_as=consent.stands_as,
        )
        detail = {
            "account_id": account.account_id,
            **ids_of(proven.user.key),
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
            proofs=self._proofs(proven),
            found_by=proven.found_by,
            stands_as=stands_as(proven.user),
        )

    def _proofs(self, proven: Proven, before: LinkProofs | None = None, *, with_roster: bool = True) -> LinkProofs:
        """What a link counts for from now on: this login, the official address, and what was proved before."""
        user = proven.user
        identities = set(before.identities) if before else set()
        addresses = set(before.addresses) if before else set()
        identities |= proven.proofs_of_login
        named = before.named if before else frozenset[str]()
        if with_roster and before is None:
            named = frozenset(identity_hash(self._clever_issuer, clever_id) for clever_id in user.clever_ids)
            is_elsewhere = proven.by is Proof.ACTIVATION and not proven.proves_by_mail
            addresses |= {user.official_email} if user.official_email and not is_elsewhere else set()
        if proven.verified_email:
            addresses.add(proven.verified_email)
        return LinkProofs(person_of(user), frozenset(identities), frozenset(addresses), named)

    def _make(self, consent: Consent, proven: Proven, now: datetime, also: Iterable[Write] = ()) -> Link:
        return self._links.make(consent, present=proven.link, event_id=self._new_id(), now=now, also=also)


def _login_proof(identity: Identity, proof: Proof) -> LoginProof:
    """What a login proved. Clever verifies no address, whatever its claims say."""
    is_verified = proof.verifies_addresses and identity.email_verified
    return LoginProof(*subject_key(identity), normalise(identity.email) if is_verified else None, identity.aliases)


def _hashes(login: LoginProof) -> frozenset[str]:
    """The hashes of all ids that a login proved."""
    return frozenset(identity_hash(*identity) for identity in login.identities)


def _hash_known(login: LoginProof, proofs: LinkProofs | None) -> str:
    """The hash of that id of the login which the roster named when the link was made; of its subject where it named none."""
    named = _hashes(login) & (proofs.named if proofs else frozenset[str]())
    return min(named, default=identity_hash(*login.identity))
