"""Identifiers: who holds an address, a Clever id or an outside identity, and what the rule decides of them (M6, M7)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from shared.domain.account import Account
from shared.domain.district import District
from shared.domain.email_address import domain_of, has_only_another_domain
from shared.domain.link import Link, LinkState
from shared.domain.matching import (
    AccountSide,
    Decision,
    LoginProof,
    Person,
    RosterSide,
    decide,
    is_same_person,
    is_somebody_else,
)
from shared.domain.roster import Role, RosterUser, RosterUserKey
from shared.stores.accounts import account_of
from shared.stores.grassroots_classes import GrassrootsClassStore
from shared.stores.keys import (
    ACCOUNTS,
    FORMER,
    Item,
    Pair,
    account_key,
    account_link_key,
    account_of_pk,
    clever_pk,
    domain_key,
    email_pk,
    former_holder_of_sk,
    further_link_key,
    holder_sk,
    holders_of_district,
    is_account,
    is_user,
    joined_key,
    link_key,
    logins_key,
    oidc_key,
    pair,
    roster_key,
    user_of_holder,
)
from shared.stores.links import link_of, user_of_side
from shared.stores.roster_holders import RosterHolders
from shared.stores.roster_users import roster_user_of
from shared.stores.sessions import has_to_be_confirmed
from shared.stores.table import DynamoTable, Table

_FIRST_LOOK = 8
"""As many items as are one read unit, however long their keys. Hardly any address has more holders."""
_MOST_UNPROVEN = 20
"""So many accounts that never verified an address are looked at more closely; anybody can make more of them."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An account that holds an address; ``is_verified`` is False where that was never verified."""

    account_id: str
    address: str | None
    is_verified: bool


@dataclass(frozen=True, slots=True)
class Holders:
    """Everybody who holds one address or id: accounts, and roster users of any district."""

    accounts: tuple[Claim, ...]
    users: tuple[RosterUserKey, ...]
    former: tuple[RosterUserKey, ...] = ()
    """Roster users who held the address before."""


@dataclass(frozen=True, slots=True)
class OnAddress:
    """Who holds a person's official address: accounts, somebody else of the district, and those who had it before."""

    claims: tuple[Claim, ...] = ()
    is_shared: bool = False
    others: tuple[RosterUserKey, ...] = ()
    former: tuple[RosterUserKey, ...] = ()
    leaving: tuple[RosterUserKey, ...] = ()
    """Those of the former holders who still have it until an import is applied."""


class IdentifierIndex:
    """Who holds an address or an id, from both sides. Accounts sort before former holders, and these before roster users.

    ``google_issuer`` and ``clever_issuer`` are those under which an account's ids are known; an import has only to tell them apart.
    """

    def __init__(self, table: DynamoTable, google_issuer: str = "google", clever_issuer: str = "clever") -> None:
        self._table = Table(table)
        self._roster_holders = RosterHolders(table)
        self._classes = GrassrootsClassStore(table)
        self._google_issuer = google_issuer
        self._clever_issuer = clever_issuer

    def holders_of_address(self, address: str, *districts: str) -> Holders:
        """The accounts that hold this address, and the people of these districts. With one that thousands share this reads
        thousands of items."""
        pk = email_pk(address)
        items = list(self._table.query(pk))
        users = [user_of_holder(i["SK"]) for i in items if is_user(i["SK"])]
        users += [user for each in dict.fromkeys(districts) for user in self._roster_holders.packed(each, pk).users]
        former = tuple(former_holder_of_sk(i["SK"]) for i in items if i["SK"].startswith(FORMER))
        return Holders(_claims(items, address), tuple(dict.fromkeys(users)), former)

    def username_of_address(self, address: str) -> str | None:
        """The username of the one account that holds this address; a proven address counts more than others."""
        accounts = list(self._table.query(email_pk(address), ACCOUNTS))
        names = [i["username"] for i in accounts if i["proven"] and "username" in i]
        names = names or [i["username"] for i in accounts if "username" in i]
        return str(names[0]) if len(names) == 1 else None

    def account_by_subject(self, issuer: str, subject: str) -> str | None:
        """The account that this outside identity logs into: issuer and subject, never an email (nOAuth)."""
        item = self._table.get(oidc_key(issuer, subject), consistent=False)
        return str(item["account_id"]) if item else None

    def account_opened_by(self, login: LoginProof) -> str | None:
        """The one account whose own subject this login proved; None where none or several have it."""
        holders = self._opened_by(login)
        if login.issuer == self._clever_issuer:
            subjects = (login.subject, *login.aliases)
            found = [_claims(self._table.query(clever_pk(subject), ACCOUNTS), None) for subject in subjects]
            holders |= {claim.account_id for claims in found for claim in claims}
        return holders.pop() if len(holders) == 1 else None

    def _opened_by(self, login: LoginProof) -> set[str]:
        """The accounts that the ids of this login log into, each into one; a ``clever_id`` may be of several besides."""
        if not login.aliases:
            opened = self.account_by_subject(*login.identity)
            return {opened} if opened else set()
        keys = [oidc_key(*identity) for identity in sorted(login.identities)]
        return {str(item["account_id"]) for item in self._table.batch_get(keys, consistent=False).values()}

    def subjects_of(self, account: Account) -> frozenset[tuple[str, str]]:
        """(issuer, subject) of each login that opens this account."""
        found = {(self._google_issuer, account.google_sub), (self._clever_issuer, account.clever_id)}
        return frozenset((issuer, subject) for issuer, subject in (*found, *account.identities) if subject)

    # The decision

    def find_match(
        self,
        user: RosterUser,
        own_domains: Collection[str],
        *,
        login: LoginProof | None = None,
        shared_domains: Collection[str] = (),
        address_is_proven: bool = False,
        address_is_shared: bool | None = None,
        undone: Collection[str] = (),
        written: Account | None = None,
        matched: Link | None = None,
        holders: Sequence[RosterUserKey] | None = None,
        on_address: OnAddress | None = None,
    ) -> Decision:
        """Ask ``matching.decide`` about everybody who holds this person's address, Clever ids or login.

        Without ``login`` it is an import, or the list of candidates, that asks. ``address_is_shared`` is for an import that
        is not applied yet and knows more than the table, and so is ``undone``: accounts whose link to this row it ends.
        ``address_is_proven`` says that a mail or an issuer proved it. ``written`` is an account that is just being written.
        ``matched`` is how the person is matched or linked: a match outlives a change of the district's mail domain (B11).
        ``holders`` are all people of the district who hold the official address, and ``on_address`` is everybody on it, where
        they are known.
        """
        on_address = on_address or self.on_address(user, holders)
        if address_is_shared is not None:
            # In an import to come, those who have the address now and not then are former holders.
            leaving = () if address_is_shared else on_address.others
            former = (*on_address.former, *leaving)
            on_address = replace(on_address, is_shared=address_is_shared, former=former, leaving=leaving)
        was_anothers, kept = self._before(user, on_address.former)
        kept_claims = [Claim(link.account_id, user.official_email, is_verified=True) for link in kept]
        kept_claims += self._outlives_domain(user, matched, written)
        if written and login is None and has_only_another_domain(written.email, user.official_email, own_domains):
            kept_claims += self._of_domain_before(user, written)
        opened = self._opened_by(login) if login else set()
        claims = {claim.account_id: claim for claim in self._other_claims(user, login, opened)}
        claims |= {claim.account_id: claim for claim in (*on_address.claims, *kept_claims)}
        person = RosterSide(
            user.role,
            user.family_name,
            user.official_email,
            on_address.is_shared,
            was_anothers,
            address_is_proven,
        )
        sides = self._sides(
            user, list(claims.values()), is_login=login is not None, leaving=on_address.leaving, written=written
        )
        sides = [replace(side, is_undone=side.is_undone or side.account_id in undone) for side in sides]
        if login and login.issuer != self._clever_issuer:
            # A federated identity opens one account; another one may name it still.
            sides = [
                side if side.account_id in opened else replace(side, subjects=side.subjects - {login.identity})
                for side in sides
            ]
        return replace(decide(person, sides, own_domains, login, shared_domains), sharers=on_address.others)

    def opened_by_own_id(self, user: RosterUser, found: Decision, district: District) -> str | None:
        """The account that a login will be linked to without a question because its id is the account's own (M6 a): with Clever by
        an id that the roster names, with Google as the one whose address this is.

        ``found`` is what the official address alone leads to. Of one outside the district's own domains nothing is said: then
        nobody is offered.
        """
        for login in self._foreseen_logins(user, found, district):
            opened = self.find_match(user, district.own_domains, login=login, address_is_shared=found.address_is_shared)
            if opened.account_id:
                return opened.account_id
        return None

    def _foreseen_logins(self, user: RosterUser, found: Decision, district: District) -> Iterator[LoginProof]:
        """What the person's login will prove, as far as the roster and the accounts that are offered tell."""
        candidates = found.candidates[:_FIRST_LOOK]
        is_offered = bool(candidates or found.account_id)
        if user.clever_ids and is_offered and "clever" in district.identity_providers:
            subject, *aliases = user.clever_ids
            yield LoginProof(self._clever_issuer, subject, aliases=tuple(aliases))
        has_own_address = user.official_email is not None and not found.address_is_shared
        if candidates and has_own_address and "google" in district.identity_providers:
            keys = [account_key(account_id) for account_id in candidates]
            accounts = map(account_of, self._table.batch_get(keys, consistent=False).values())
            subjects = [each.google_sub for each in accounts if each.google_sub and each.email == user.official_email]
            for google_sub in sorted(subjects):
                yield LoginProof(self._google_issuer, google_sub, user.official_email)

    def kept_links(self, user: RosterUser, on_address: OnAddress) -> list[Link]:
        """The links of numbers that this person left, which count for the official address (M19)."""
        kept = self._before(user, on_address.former)[1]
        return [link for link in kept if not self._is_anothers(user, link.user, ())]

    def is_anothers_now(self, user: RosterUser, addresses: Iterable[str], clever_ids: Iterable[str]) -> bool:
        """Whether the roster gives one of these addresses or Clever ids, which are not this row's, to another row now (M19)."""
        keys = [email_pk(address) for address in addresses if address != user.official_email]
        keys += [clever_pk(clever_id) for clever_id in clever_ids if clever_id not in user.clever_ids]
        # Of any two, one is another row.
        found = (self._roster_holders.of(user.district_id, key, most=2) for key in keys)
        return any(holder != user.key for holders in found for holder in holders)

    def users(self, keys: Iterable[RosterUserKey]) -> list[RosterUser]:
        """These people as the roster has them."""
        return [
            roster_user_of(item) for item in self._table.batch_get(map(roster_key, keys), consistent=False).values()
        ]

    def is_stuck_by_address(self, user: RosterUser) -> bool:
        """Whether somebody else of the district has this person's address, too, and one of them is a teacher (M7)."""
        others = self.on_address(user).others if user.active and user.official_email else ()
        rows = self._table.batch_get([roster_key(other) for other in others], consistent=False).values()
        found = [other for other in map(roster_user_of, rows) if other.active]
        if user.role is Role.TEACHER:
            return any(not other.is_administrator_of_same_name(user) for other in found)
        return any(other.role is Role.TEACHER and not user.is_administrator_of_same_name(other) for other in found)

    def was_anothers(self, user: RosterUser) -> bool:
        """Whether the roster gave this row's address to a row of somebody else before (M19)."""
        return user.official_email is not None and self._before(user, self.on_address(user, ()).former)[0]

    def side_of(self, user: RosterUser, account: Account) -> AccountSide:
        """What is to be known of one account before its owner links it to this person."""
        claim = Claim(account.account_id, account.email, account.email_verified)
        (side,) = self._sides(user, [claim], is_login=True)
        return side

    def _other_claims(self, user: RosterUser, login: LoginProof | None, opened: Collection[str]) -> Iterable[Claim]:
        """The accounts that Clever ids and the login point to; ``opened`` are those that the login's ids open."""
        clever_ids = list(user.clever_ids)
        if login:
            if login.issuer == self._clever_issuer:
                clever_ids += [login.subject, *login.aliases]
            for account_id in sorted(opened):
                yield Claim(account_id, None, is_verified=False)
            if login.verified_email and login.verified_email != user.official_email:
                pk = email_pk(login.verified_email)
                yield from _claims(self._table.query(pk, ACCOUNTS), login.verified_email)
        for clever_id in dict.fromkeys(clever_ids):
            yield from _claims(self._table.query(clever_pk(clever_id), ACCOUNTS), None)

    def on_address(self, user: RosterUser, holders: Sequence[RosterUserKey] | None = None) -> OnAddress:
        """The accounts on this person's address, and whether somebody else of the district has it, or had it.

        ``holders`` are all people of the district who hold it, where they are known. What is read does not grow with the number of
        people who share it: otherwise n people would cost n² reads. The first page is enough unless accounts, former holders or
        other districts fill it.
        """
        if (address := user.official_email) is None:
            return OnAddress()
        pk = email_pk(address)
        items, last = self._table.page(pk, most=_FIRST_LOOK)
        claims = list(_claims(items, address))
        if last and is_account(last["SK"]):
            claims += _claims(self._table.query(pk, ACCOUNTS, after=last), address)
        of_district = holders_of_district(user.district_id)
        if holders is None:
            holders = self._roster_holders.packed(user.district_id, pk).users
        others = tuple(dict.fromkeys([*_others(items, user), *(each for each in holders if each != user.key)]))
        former = _former(items, user)
        if last and not others:
            # Of any two, one is somebody else.
            others = _others(self._table.page(pk, of_district, most=2).items, user)
        if others and last is None and self._are_rows_of(user, others):
            others = ()
        if last and not is_user(last["SK"]):
            former = _former(self._table.page(pk, f"{FORMER}{of_district}", most=_FIRST_LOOK).items, user)
        return OnAddress(tuple(claims), bool(others), others, former)

    def _outlives_domain(self, user: RosterUser, matched: Link | None, written: Account | None) -> list[Claim]:
        """The account of a match from before the district's mail domain changed, as long as it has that address, verified."""
        if matched is None or matched.state is not LinkState.MATCHED or matched.matched_address is None:
            return []
        if written is None or written.account_id != matched.account_id:
            item = self._table.get(account_key(matched.account_id))
            written = account_of(item, None) if item else None
        if written is None or not (written.email_verified and written.email == matched.matched_address):
            return []
        return [Claim(matched.account_id, user.official_email, is_verified=True)]

    def _of_domain_before(self, user: RosterUser, written: Account) -> list[Claim]:
        """An account that comes with the address that only this person of all held before the mail domain changed (B11)."""
        if not (written.email and written.email_verified):
            return []
        owner = self._table.get(domain_key(domain_of(written.email)), consistent=False) or {}
        owners = (str(owner["district_id"]),) if "district_id" in owner else ()
        holders = self.holders_of_address(written.email, user.district_id, *owners)
        is_only_theirs = holders.former == (user.key,) and not holders.users
        return [Claim(written.account_id, user.official_email, is_verified=True)] if is_only_theirs else []

    def _are_rows_of(self, teacher: RosterUser, others: Collection[RosterUserKey]) -> bool:
        """Whether the others on a teacher's address are the same human, as an administrator under another number."""
        if teacher.role is not Role.TEACHER:
            return False
        rows = self._table.batch_get([roster_key(other) for other in others], consistent=False).values()
        found = [roster_user_of(row) for row in rows]
        return len(found) == len(others) and all(row.is_administrator_of_same_name(teacher) for row in found)

    def _before(self, user: RosterUser, former: Collection[RosterUserKey]) -> tuple[bool, list[Link]]:
        """Whether one of those who had the address is somebody else, or was at any time since the link; and the links of this
        person's earlier numbers that count for the address."""
        if not former:
            return False, []
        found = self._table.batch_get(key for one in former for key in (roster_key(one), link_key(one)))
        was_anothers, kept = False, list[Link]()
        for one in former:
            roster, item = found.get(pair(roster_key(one))), found.get(pair(link_key(one)))
            link = link_of(item) if item else None
            proofs = link.proofs if link else None
            before = proofs.person if proofs else person_of(roster_user_of(roster)) if roster else None
            is_named_another = link is not None and link.named_another
            if before is None or is_named_another or not is_same_person(before, person_of(user)):
                was_anothers = True
            elif link and link.is_linked and proofs and user.official_email in proofs.addresses:
                kept.append(link)
        return was_anothers, kept

    def _sides(
        self,
        user: RosterUser,
        claims: list[Claim],
        *,
        is_login: bool,
        leaving: Collection[RosterUserKey] = (),
        written: Account | None = None,
    ) -> list[AccountSide]:
        """The accounts as ``decide`` sees them. Those that cannot be linked by an import are not read for one."""
        unproven = [claim for claim in claims if not claim.is_verified]
        read = [claim for claim in claims if claim.is_verified]
        read += unproven[:_MOST_UNPROVEN] if is_login else []
        ids = [claim.account_id for claim in read]
        keys = [make(a) for a in ids for make in (account_key, joined_key)]
        keys += [logins_key(a) for a in ids] if is_login else []
        keys += [account_link_key(a, user.district_id) for a in ids]
        keys += [further_link_key(a, user.key) for a in ids] if is_login else []
        found = self._table.batch_get(keys, consistent=is_login)
        return [self._side(user, claim, found, leaving, written) for claim in claims]

    def _side(
        self,
        user: RosterUser,
        claim: Claim,
        found: Mapping[Pair, Item],
        leaving: Collection[RosterUserKey],
        written: Account | None,
    ) -> AccountSide:
        item = found.get(pair(account_key(claim.account_id)))
        if written and written.account_id == claim.account_id:
            account = written
        elif item is None:
            return AccountSide(claim.account_id, email=claim.address, email_is_verified=claim.is_verified)
        else:
            account = account_of(item, found.get(pair(joined_key(claim.account_id))))
        own, subjects = (
            found.get(pair(account_link_key(account.account_id, user.district_id))),
            self.subjects_of(account),
        )
        further = found.get(pair(further_link_key(account.account_id, user.key)))
        is_own = further is not None and further["state"] == LinkState.LINKED
        logins = found.get(pair(logins_key(account.account_id)))
        return AccountSide(
            account.account_id,
            account.display_name,
            claim.address or account.email,
            claim.is_verified if claim.address else account.email_verified,
            subjects,
            frozenset(s for s in subjects if has_to_be_confirmed(s, logins)),
            user.role is Role.STUDENT and self._teaches(account),
            own is not None and own["state"] == LinkState.UNDONE,
            own is not None
            and not is_own
            and own["state"] != LinkState.UNDONE
            and self._is_anothers(user, user_of_side(own), leaving),
        )

    def _teaches(self, account: Account) -> bool:
        owned = self._classes.owned(account.account_id, *account.joined)
        return any(grassroots.student_account_ids for grassroots in owned)

    def _is_anothers(self, user: RosterUser, key: RosterUserKey, leaving: Collection[RosterUserKey]) -> bool:
        """Whether the person of this district that an account is linked to is another one than this; not where that one
        left the roster and is this person under an earlier number (M19)."""
        if key == user.key:
            return False
        found = self._table.batch_get([roster_key(key), link_key(key)])
        roster, link = found.get(pair(roster_key(key))), found.get(pair(link_key(key)))
        if roster is None or link is None:
            return True
        before = replace(roster_user_of(roster), active=False) if key in leaving else roster_user_of(roster)
        return not is_same_person_who_left(link_of(link), before, user)


def person_of(user: RosterUser) -> Person:
    """Who a row is about now."""
    return Person(user.given_name, user.family_name, user.official_email)


def is_same_person_who_left(link: Link, before: RosterUser, now: RosterUser) -> bool:
    """Whether the person of a link left under one number and is on the roster under another one now."""
    if before.active and not is_somebody_else(_person_of_link(link, before), person_of(before)):
        return False
    return not is_somebody_else(_person_of_link(link, before), person_of(now))


def _person_of_link(link: Link, user: RosterUser) -> Person:
    return link.proofs.person if link.proofs else person_of(user)


def _claims(items: Iterable[Item], address: str | None) -> tuple[Claim, ...]:
    """The accounts among these holders; a Clever id verifies no address."""
    return tuple(
        Claim(account_of_pk(i["SK"]), address, address is not None and bool(i["proven"]))
        for i in items
        if is_account(i["SK"])
    )


def _others(items: Iterable[Item], user: RosterUser) -> tuple[RosterUserKey, ...]:
    """Those of the same district among the holders who are not this person."""
    same, of_district = holder_sk(user.key), holders_of_district(user.district_id)
    return tuple(
        user_of_holder(item["SK"]) for item in items if item["SK"].startswith(of_district) and item["SK"] != same
    )


def _former(items: Iterable[Item], user: RosterUser) -> tuple[RosterUserKey, ...]:
    """Those of the same district who had the address before, and are not this number."""
    of_district = f"{FORMER}{holders_of_district(user.district_id)}"
    found = (former_holder_of_sk(item["SK"]) for item in items if item["SK"].startswith(of_district))
    return tuple(key for key in found if key != user.key)
