"""Find the one person of a district's roster whom a district login proves (M12, M19)."""

from __future__ import annotations

from shared.domain.district import District
from shared.domain.email_address import domain_of, normalise
from shared.domain.errors import LoginRefused
from shared.domain.federated_identity import identity_hash
from shared.domain.matching import is_same_person
from shared.domain.roster import Role, RosterUser
from shared.hubs.hub import Identity, Provider, subject_key
from shared.stores.identifier_index import person_of
from shared.stores.links import LinkStore
from shared.stores.roster_users import RosterUserStore


class FindRosterUser:
    """Looks within the district that the login names, and never at an account: M6 alone decides that."""

    def __init__(self, users: RosterUserStore, links: LinkStore) -> None:
        self._users = users
        self._links = links

    def of(self, identity: Identity, provider: Provider, district: District) -> RosterUser | None:
        """The one person of this district's roster whom the login proves: by Clever id, or by a verified address."""
        if provider == "clever":
            # Clever verifies no address, whatever its claims say: a parent's may be the child's.
            found = self._users.by_clever_id(district.district_id, identity.subject)
            return self._one_of(found, identity)
        address = normalise(identity.email) if identity.email_verified else None
        if address is None:
            return None
        if not {domain_of(address), identity.hosted_domain} <= {*district.login_domains}:
            raise LoginRefused(
                "other_domain", "This Google account does not belong to your district. Choose your school account."
            )
        return self._one_of(self._users.by_email(district.district_id, address), identity)

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
