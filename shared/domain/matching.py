"""Whose account it is: the one place that decides it, at an import and at a login (M6, M7, M19, M20).

What a roster says is the district's word; what a login or a mail showed is a proof. A link is made by rule only on a proof,
or on an address that is this district's alone. Everything else names a candidate, and the person proves it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.email_address import domain_of
from shared.domain.person_name import may_be_family_name_of, share_a_part
from shared.domain.roster import Role, RosterUserKey


class Outcome(StrEnum):
    """What the rule says of a roster user; the counts of a report are named after these."""

    MATCHED = "matched"
    AMBIGUOUS = "ambiguous"
    UNMATCHED = "unmatched"


class Grounds(StrEnum):
    """What a link by rule rests on (M6)."""

    SUBJECT = "subject"
    """(a): the subject of this login is the account's own."""
    LOGIN_ADDRESS = "login_address"
    """(b): the issuer's verified address, in a domain of this district, is the account's verified address."""
    ROSTER_ADDRESS = "roster_address"
    """(c): the official address, in a domain that is this district's alone, is the account's verified address."""


class Objection(StrEnum):
    """Why an account is not linked by rule although something points to it."""

    UNPROVEN = "unproven"
    """Only the roster says so, or the account's address was never verified."""
    ANOTHER_FAMILY_NAME = "another_family_name"
    ANOTHER_SUBJECT = "another_subject"
    """The account has another subject of the issuer of this login."""
    ANOTHERS_ADDRESS = "anothers_address"
    """Another roster user of the district holds the address, or held it before."""
    SEVERAL_ACCOUNTS = "several_accounts"
    UNDONE = "undone"
    """A person undid a link of this account in this district."""
    LINKED_ELSEWHERE = "linked_elsewhere"
    """The account is linked to another person of this district."""
    TEACHES = "teaches"
    """A student never gets an account that owns classes with students in it (M20)."""


_NEVER = frozenset({Objection.LINKED_ELSEWHERE, Objection.TEACHES})
"""Not offered either."""


@dataclass(frozen=True, slots=True)
class LoginProof:
    """What one login proved: a subject of an issuer, and an address only where the issuer verified that very address."""

    issuer: str
    subject: str
    verified_email: str | None = None
    aliases: tuple[str, ...] = ()
    """Other ids of the same person at this issuer, which this login proved, too (Clever's of before version 3)."""

    @property
    def identity(self) -> tuple[str, str]:
        return self.issuer, self.subject

    @property
    def identities(self) -> frozenset[tuple[str, str]]:
        """Each id that this login proved."""
        return frozenset((self.issuer, subject) for subject in (self.subject, *self.aliases))


@dataclass(frozen=True, slots=True)
class RosterSide:
    """What the district's roster says of a person, and what is known of the address it gives."""

    role: Role
    family_name: str
    official_email: str | None = None
    address_is_shared: bool = False
    """Whether somebody else of this district has the official address now (M7)."""
    address_was_anothers: bool = False
    """Whether somebody else of this district had it before."""
    address_is_proven: bool = False
    """Whether the person showed that the official address is theirs: by our mail, or by an issuer that verified it."""


@dataclass(frozen=True, slots=True)
class AccountSide:
    """An account that something points to: an address, a subject, or an id that the roster names."""

    account_id: str
    display_name: str = ""
    email: str | None = None
    email_is_verified: bool = False
    subjects: frozenset[tuple[str, str]] = frozenset()
    """(issuer, subject) of each login that opens it."""
    unconfirmed: frozenset[tuple[str, str]] = frozenset()
    """Those of them that were not shown when the account was linked; somebody else may have put them there."""
    teaches: bool = False
    """Whether it owns classes with students in them; only looked at for students."""
    is_undone: bool = False
    is_linked_elsewhere: bool = False
    """Whether it is linked to another person of this district; not to one who left and is this person."""


@dataclass(frozen=True, slots=True)
class Decision:
    """``account_id`` is to be linked by rule, on these ``grounds``; ``candidates`` are offered to the person to prove."""

    account_id: str | None = None
    grounds: Grounds | None = None
    candidates: tuple[str, ...] = ()
    objections: frozenset[Objection] = frozenset()
    address_is_shared: bool = False
    """Whether somebody else of the district has the same official address; then it is not mailed (M7)."""
    sharers: tuple[RosterUserKey, ...] = ()
    """Some of those who have it, too."""

    @property
    def outcome(self) -> Outcome:
        if self.account_id:
            return Outcome.MATCHED
        return Outcome.AMBIGUOUS if self.candidates or self.address_is_shared else Outcome.UNMATCHED


def decide(
    person: RosterSide,
    accounts: Iterable[AccountSide],
    own_domains: Collection[str],
    login: LoginProof | None = None,
    shared_domains: Collection[str] = (),
) -> Decision:
    """Decide which of these accounts is this person's (M6, M7, M20).

    ``own_domains`` are the domains that are this district's alone, ``shared_domains`` those that it shares: an address in
    one of these counts only where the issuer of the login verified it. Without ``login`` it is an import that asks: then only
    the official address speaks, and of an address outside the district's domains nothing is said, whatever accounts there
    are: a district is not told which addresses have an account. An unproven account beside a proven one changes nothing:
    otherwise anybody could keep a teacher from being matched by signing up with the teacher's address.
    """
    proven: dict[str, Grounds] = {}
    offered: set[str] = set()
    objections: set[Objection] = set()
    for account in accounts:
        if not _may_be_named(person, account, own_domains, login):
            continue
        grounds = _grounds(person, account, own_domains, shared_domains, login)
        against = _objections(person, account, grounds, login)
        objections |= against
        if grounds and not against:
            proven[account.account_id] = grounds
        elif not against & _NEVER:
            offered.add(account.account_id)
    if len(proven) == 1:
        (account_id,) = proven
        return Decision(account_id, proven[account_id], (), frozenset(objections), person.address_is_shared)
    if proven:
        objections.add(Objection.SEVERAL_ACCOUNTS)
    candidates = tuple(sorted(offered | proven.keys()))
    return Decision(None, None, candidates, frozenset(objections), person.address_is_shared)


def may_consent(person: RosterSide, account: AccountSide) -> Objection | None:
    """Return why this account may not be linked even though its owner wants it; None when it may (M20)."""
    if person.role is Role.STUDENT and account.teaches:
        return Objection.TEACHES
    return Objection.LINKED_ELSEWHERE if account.is_linked_elsewhere else None


def _may_be_named(
    person: RosterSide, account: AccountSide, own_domains: Collection[str], login: LoginProof | None
) -> bool:
    """Whether it may be said that this account is there: not of an address that is only claimed."""
    address = person.official_email
    if address is None or person.address_is_proven or domain_of(address) in own_domains:
        return True
    return login is not None and (account.email != address or bool(login.identities & account.subjects))


def _grounds(
    person: RosterSide,
    account: AccountSide,
    own_domains: Collection[str],
    shared_domains: Collection[str],
    login: LoginProof | None,
) -> Grounds | None:
    if login and login.identities & (account.subjects - account.unconfirmed):
        return Grounds.SUBJECT
    if not (account.email and account.email_is_verified):
        return None
    domain = domain_of(account.email)
    if login and login.verified_email == account.email and (domain in own_domains or domain in shared_domains):
        return Grounds.LOGIN_ADDRESS
    is_own = domain in own_domains
    return Grounds.ROSTER_ADDRESS if is_own and person.official_email == account.email else None


def _objections(
    person: RosterSide, account: AccountSide, grounds: Grounds | None, login: LoginProof | None
) -> set[Objection]:
    against = set()
    if never := may_consent(person, account):
        against.add(never)
    if account.is_undone:
        against.add(Objection.UNDONE)
    if grounds is None:
        against.add(Objection.UNPROVEN)
    if grounds in (Grounds.LOGIN_ADDRESS, Grounds.ROSTER_ADDRESS):
        if not may_be_family_name_of(person.family_name, account.display_name):
            against.add(Objection.ANOTHER_FAMILY_NAME)
        if login and any(issuer == login.issuer for issuer, _ in account.subjects):
            against.add(Objection.ANOTHER_SUBJECT)
        is_anothers = person.address_is_shared or person.address_was_anothers
        if is_anothers and account.email == person.official_email:
            against.add(Objection.ANOTHERS_ADDRESS)
    return against


class Recognition(StrEnum):
    """What a later login to a linked row is (M19)."""

    SAME = "same"
    """Its proofs made the link, or agree with it."""
    FOLLOWS = "follows"
    """A new proof, and an account that was made at this district's login and that nothing else opens."""
    CONFIRM = "confirm"
    """A new proof: the person logs into the account once, and the account's own address is told."""
    SOMEBODY_ELSE = "somebody_else"
    """The row is another person now: the link ends, and this person begins anew."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who a row was about when its link was made, or is about now."""

    given_name: str
    family_name: str
    official_email: str | None = None


@dataclass(frozen=True, slots=True)
class LinkProofs:
    """What a link counts for (M19): the person at its time, the subjects (issuer, hash) and the addresses."""

    person: Person
    identities: frozenset[tuple[str, str]] = frozenset()
    addresses: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
    """Hashes of the subjects that the roster named at that time: its word, which proves nothing, but has not changed since."""


def is_somebody_else(before: Person, now: Person) -> bool:
    """Whether a row names another person now: another name and another address. That both have no address says nothing
    in their favour (M19)."""
    has_same_address = now.official_email is not None and now.official_email == before.official_email
    return not (has_same_address or _share_a_name(before, now))


def recognise(
    proofs: LinkProofs | None,
    login: LoginProof,
    hashed_subject: str,
    now: Person,
    display_name: str,
    *,
    grounds: Grounds | None,
    follows: bool,
    named_another: bool = False,
) -> Recognition:
    """Decide whether a login to a linked row is still the person of the link.

    ``proofs`` is None for a link that an earlier version made: the first login that the account's ``display_name`` does not
    contradict is the person then. ``hashed_subject`` is the login's subject as the link keeps subjects. ``grounds`` are those
    on which ``decide`` would give this login the link's account, if it would; ``follows`` says that the account was made at
    this district's login and has no other login. ``named_another`` says that the roster named somebody else under the number
    since: a row that names the person again says nothing of who has the address.
    """
    if proofs is None:
        fits = grounds is not None or follows or may_be_family_name_of(now.family_name, display_name)
        return Recognition.SAME if fits else Recognition.CONFIRM
    if (login.issuer, hashed_subject) in proofs.identities:
        return Recognition.SAME
    before = proofs.person
    if is_somebody_else(before, now):
        return Recognition.SOMEBODY_ELSE
    if grounds is Grounds.SUBJECT:
        return Recognition.SAME
    has_same_address = now.official_email is not None and now.official_email == before.official_email
    has_a_same_name = has_same_address and _share_a_name(before, now)
    knows_issuer = any(issuer == login.issuer for issuer, _ in proofs.identities)
    has_proven_address = login.verified_email is not None and login.verified_email in proofs.addresses
    is_named = grounds is Grounds.ROSTER_ADDRESS and hashed_subject in proofs.named
    agrees = not named_another and (has_proven_address or grounds is Grounds.LOGIN_ADDRESS or is_named)
    agree = agree_in_names(before, now)
    if agrees and not knows_issuer and agree:
        return Recognition.SAME
    if knows_issuer and not has_a_same_name and not share_a_part(before.given_name, now.given_name):
        # A brother or sister under a number that was used again; with the address, too, where that is made of the number.
        return Recognition.SOMEBODY_ELSE
    if not follows or (has_a_same_name and not agree) or (named_another and agree):
        return Recognition.CONFIRM
    # Nobody can confirm it for an account that nothing else opens.
    return Recognition.FOLLOWS if agree else Recognition.SOMEBODY_ELSE


def agree_in_names(before: Person, now: Person) -> bool:
    """Whether both names have a part in common; one that is not there says nothing."""
    pairs = ((before.given_name, now.given_name), (before.family_name, now.family_name))
    return _share_a_name(before, now) and all(share_a_part(*pair) for pair in pairs if all(pair))


def _share_a_name(before: Person, now: Person) -> bool:
    return share_a_part(before.family_name, now.family_name) or share_a_part(before.given_name, now.given_name)


def is_same_person(before: Person, now: Person) -> bool:
    """Whether two rows name one person: both names have a part in common. An address says nothing: it is given on."""
    return share_a_part(before.family_name, now.family_name) and share_a_part(before.given_name, now.given_name)
