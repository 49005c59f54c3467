"""Find the one person of a district's roster whom a district login proves (M12, M19)."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.district import District
from shared.domain.email_address import domain_of, normalise
from shared.domain.errors import LoginRefused
from shared.domain.federated_identity import identity_hash
from shared.domain.link import FoundBy, Link, Proof
from shared.domain.matching import Person, is_same_person, is_somebody_else
from shared.domain.person_name import share_a_part
from shared.domain.roster import NumberKind, Role, RosterUser, RosterUserKey
from shared.hubs.hub import Hub, Identity, Number, subject_key
from shared.stores.identifier_index import person_of
from shared.stores.links import LinkStore
from shared.stores.roster_users import RosterUserStore

_MOST_SHARERS = 20


@dataclass(frozen=True, slots=True)
class Found:
    """A person of the roster, and what led to them."""

    user: RosterUser
    by: FoundBy


class FindRosterUser:
    """Looks within the district that the login names, and never at an account: M6 alone decides that."""

    def __init__(self, users: RosterUserStore, links: LinkStore) -> None:
        self._users = users
        self._links = links

    def of(self, identity: Identity, hub: Hub, district: District) -> Found:
        """The person, and what led to them, by the strongest step that leads to one.

        Raises LoginRefused ``not_on_roster``, ``other_domain``, and ``number_of_another`` where the hub's number of this
        person is another's in the roster; and what the hub raises where it cannot say more and nothing else led to anybody.
        """
        trouble: LoginRefused | None = None
        if Proof.of_hub(hub.provider).verifies_addresses:
            found = self._by_verified_address(identity, district) or self._by_memory(identity, district)
        else:
            found = self._by_roster_id(identity, hub, district) or self._by_memory(identity, district)
            if found is None and hub.provider == "microsoft":
                _check_domain(identity, district)
            if found is None:
                identity, trouble = _looked_up(identity, hub)
                found = self._by_the_districts_word(identity, district)
        if found is None:
            raise trouble or LoginRefused(
                "not_on_roster", "You are not on this district's roster. Ask your school to add you."
            )
        return found

    def _by_memory(self, identity: Identity, district: District) -> Found | None:
        """The person of the link that counts for this login, as long as the row is still that person's (M19)."""
        for subject in (identity.subject, *identity.aliases):
            links = self._links.by_identity(district.district_id, identity_hash(identity.issuer, subject))
            people = {link.user: link for link in links if link.is_linked}
            rows = self._users.get_many(people) if people else {}
            known = [row for key, row in rows.items() if row.active and _is_of_link(row, people[key])]
            if known:
                return Found(min(known, key=lambda row: row.key.person_id), FoundBy.REMEMBERED)
        return None

    def _by_roster_id(self, identity: Identity, hub: Hub, district: District) -> Found | None:
        """The person whose id at the hub the roster names."""
        if hub.provider != "clever":
            return None
        for subject in (identity.subject, *identity.aliases):
            if rows := self._users.by_clever_id(district.district_id, subject):
                return self._found(rows, identity, FoundBy.ROSTER_ID)
        return None

    def _by_verified_address(self, identity: Identity, district: District) -> Found | None:
        address = normalise(identity.email) if identity.email_verified else None
        if address is None:
            return None
        if not {domain_of(address), identity.hosted_domain} <= {*district.login_domains}:
            raise LoginRefused(
                "other_domain", "This Google account does not belong to your district. Choose your school account."
            )
        return self._found(self._users.by_email(district.district_id, address), identity, FoundBy.VERIFIED_ADDRESS)

    def _by_the_districts_word(self, identity: Identity, district: District) -> Found | None:
        """What the district told the hub of this person: a number, else an address. Neither is a proof of an account, and
        neither counts for a row of another name or role: numbers are used again, and addresses shared.
        """
        numbered = self._numbered(identity, district)
        rows = [row for row in numbered if _has_number(row, identity)]
        if found := self._found(rows, identity, FoundBy.NUMBER):
            return found
        address = normalise(identity.email)
        held = self._users.by_email(district.district_id, address, most=_MOST_SHARERS) if address else []
        if len(held) == 1 and _fits_role(held[0], identity) and _has_name(held[0], identity):
            return Found(held[0], FoundBy.STATED_ADDRESS)
        if numbered and not rows:
            raise LoginRefused("number_of_another", "Your district's roster has your number for another person.")
        return None

    def _numbered(self, identity: Identity, district: District) -> list[RosterUser]:
        """The rows that have one of the person's numbers now, in the way that the roster numbers its people."""
        kinds = {number: _kinds(number, identity) for number in identity.numbers}
        keys = [RosterUserKey(district.district_id, n.number, kind) for n, of_n in kinds.items() for kind in of_n]
        rows = self._users.get_present(keys) if keys else {}
        return [row for row in {row.key: row for row in rows.values()}.values() if row.active]

    def _found(self, rows: list[RosterUser], identity: Identity, by: FoundBy) -> Found | None:
        user = self._one_of(rows, identity)
        return Found(user, by) if user else None

    def _one_of(self, users: list[RosterUser], identity: Identity) -> RosterUser | None:
        """The one of several rows whose link knows this login, where they are several people's: a slip in another's row
        locks nobody out."""
        found = _one_human(users)
        if found or not users:
            return found
        known = self._links.by_identity(users[0].district_id, identity_hash(*subject_key(identity)))
        linked = {link.user for link in known if link.is_linked}
        if found := next((user for user in users if linked == {user.key}), None):
            return found
        return _one_human_of_two_numbers([user for user in users if user.key in linked] or users)


def _looked_up(identity: Identity, hub: Hub) -> tuple[Identity, LoginRefused | None]:
    """What the hub says besides, and why it could not."""
    try:
        return hub.look_up(identity), None
    except LoginRefused as refused:
        return identity, refused


def _one_human(users: list[RosterUser]) -> RosterUser | None:
    """The one person whom these are. Of somebody who teaches and administers under two numbers, the teacher (M20)."""
    teachers = [user for user in users if user.role is Role.TEACHER]
    if len(users) > 1 and len(teachers) == 1:
        (teacher,) = teachers
        is_one = all(user is teacher or user.is_administrator_of_same_name(teacher) for user in users)
        return teacher if is_one else None
    return users[0] if len(users) == 1 else None


def _one_human_of_two_numbers(users: list[RosterUser]) -> RosterUser | None:
    """Of one human at two schools, under two numbers with one Clever id, the row whose number comes first (M19)."""
    first = min(users, key=lambda user: user.key.person_id)
    are_one = all(user.role is first.role and is_same_person(person_of(user), person_of(first)) for user in users)
    return first if are_one else None


def _check_domain(identity: Identity, district: District) -> None:
    """A tenant names its people by addresses of domains that it has shown to be its own. Raises LoginRefused."""
    address = normalise(identity.email)
    if address is not None and domain_of(address) not in district.login_domains:
        raise LoginRefused(
            "other_domain", "This Microsoft account does not belong to your district. Choose your school account."
        )


def _is_of_link(row: RosterUser, link: Link) -> bool:
    return link.proofs is None or not is_somebody_else(link.proofs.person, person_of(row))


def _kinds(number: Number, identity: Identity) -> tuple[str, ...]:
    """The kinds under which a roster may have this number; a roster without kinds has one set of numbers."""
    if number.kind:
        return ("", number.kind)
    return ("", NumberKind.STUDENT) if identity.is_student else ("", NumberKind.TEACHER, NumberKind.STAFF)


def _fits_role(row: RosterUser, identity: Identity) -> bool:
    return identity.is_student is None or identity.is_student is (row.role is Role.STUDENT)


def _has_name(row: RosterUser, identity: Identity) -> bool:
    """Whether the hub's name may be the row's: given names share a part, and so do family names. No name contradicts none."""
    if not (identity.given_name or identity.family_name):
        return True
    return is_same_person(Person(identity.given_name, identity.family_name), person_of(row))


def _has_number(row: RosterUser, identity: Identity) -> bool:
    """Whether a row of this number is of this person: numbers are used again, within a family too. Who has changed the
    family name still has the given name and the address."""
    address = normalise(identity.email)
    has_same_address = address is not None and address == row.official_email
    is_renamed = has_same_address and share_a_part(identity.given_name, row.given_name)
    return _fits_role(row, identity) and (_has_name(row, identity) or is_renamed)
