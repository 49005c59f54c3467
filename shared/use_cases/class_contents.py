"""What is in a class that somebody teaches: its work and its students, of a district or grassroots."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from shared.domain.account import Assignment, Goal, GrassrootsClass
from shared.domain.roster import DistrictClass, RosterUser, class_of_reference, past_reference
from shared.stores.accounts import AccountStore
from shared.stores.class_exports import ExportedClass
from shared.stores.class_work import ClassWorkStore
from shared.stores.district_classes import DistrictClassStore
from shared.stores.links import LinkStore
from shared.stores.roster_users import RosterUserStore


@dataclass(frozen=True, slots=True)
class Member:
    """A student of a class; ``account_id`` is None where nobody of the district has linked one yet."""

    name: str
    account_id: str | None


@dataclass(frozen=True, slots=True)
class Taught:
    """A class with its goals, its assignments and their scores; its students are read apart."""

    name: str
    goals: tuple[Goal, ...]
    assignments: tuple[Assignment, ...]
    district: DistrictClass | None = None
    grassroots: GrassrootsClass | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A district class that somebody may see."""

    district_class: DistrictClass
    teaches: bool
    """Whether the person teaches it, or did; else a student of it."""


class ClassContents:
    """Reads classes with what is in them."""

    def __init__(
        self,
        accounts: AccountStore,
        links: LinkStore,
        users: RosterUserStore,
        district_classes: DistrictClassStore,
        work: ClassWorkStore,
    ) -> None:
        self._accounts = accounts
        self._links = links
        self._users = users
        self._district_classes = district_classes
        self._work = work

    def taught(self, account_id: str, class_id: str, district_id: str | None, today: date) -> Taught | None:
        """The class, if this account teaches it now, as its owner or for the district that it is linked in; or taught it, where the
        id names a past class that can be looked at ``today``."""
        family = self._accounts.family_of(account_id)
        if district_id is None:
            classes = self._accounts.classes.owned(*family, with_scores=True)
            owned = next((taught for taught in classes if taught.class_id == class_id), None)
            return Taught(owned.name, owned.goals, owned.assignments, grassroots=owned) if owned else None
        keys = [link.user for link in self._links.of_account(*family) if link.user.district_id == district_id]
        places = (self.place_in(user, class_id, today) for user in self._users.get_many(keys).values())
        place = next((place for place in places if place and place.teaches), None)
        if place is None:
            return None
        district_class = place.district_class
        goals, assignments = self._work.of_class(district_id, district_class.sourced_id, district_class.since)
        return Taught(district_class.title, tuple(goals), tuple(assignments), district=district_class)

    def place_in(self, user: RosterUser, reference: str, today: date) -> Place | None:
        """The class of this reference with its students, where the person teaches or attends it now; a past one, where the person
        did (``PastPlaces``). None for everybody else."""
        if not user.active:
            return None
        class_id, noted_by = class_of_reference(reference)
        if not noted_by:
            has_it = class_id in (*user.teaches, *user.attends)
            found = self._district_classes.get(user.district_id, class_id) if has_it else None
            return Place(found, class_id in user.teaches) if found else None
        past = self._district_classes.past
        places = past.places([user], today).get(user.key, ())
        had = [place.taught for place in places if (place.class_id, place.noted_by) == (class_id, noted_by)]
        found = past.get(user.district_id, (class_id, noted_by)) if had else None
        return Place(found, any(had)) if found else None

    def teaches_all(self, account_id: str, classes: Iterable[ExportedClass], today: date) -> bool:
        """Whether this account still has each of these classes: as its owner, in the trash too, or by a link that stands."""
        wanted = list(classes)
        family = self._accounts.family_of(account_id)
        if any(named.district_id is None for named in wanted):
            owned = {found.class_id for found in self._accounts.classes.owned(*family)}
            if not owned >= {named.class_id for named in wanted if named.district_id is None}:
                return False
        by_link = [(named.district_id, named.class_id) for named in wanted if named.district_id]
        links = [link.user for link in self._links.of_account(*family)] if by_link else []
        users = [user for user in self._users.get_many(links).values() if user.active] if links else []
        taught = {(user.district_id, class_id) for user in users for class_id in user.teaches}
        places = self._district_classes.past.places(users, today) if set(by_link) - taught else {}
        taught |= {
            (user.district_id, past_reference(place.class_id, place.noted_by))
            for user, had in places.items()
            for place in had
            if place.taught
        }
        return taught >= set(by_link)

    def of_district(self, district_class: DistrictClass, today: date) -> list[Member]:
        """Its students; of a past class those who were in it, and can be told from others who have their numbers by now."""
        if district_class.noted_by:
            users = self._district_classes.past.students(district_class, today)
        else:
            # While an import moves numbers to kinds, its people have moved before their class says so.
            users = self._users.get_present(district_class.student_keys)
        links = self._links.of_users(users)
        linked = {key: link.account_id for key, link in links.items() if link.is_linked}
        return [Member(user.display_name, linked.get(key)) for key, user in users.items()]

    def of_grassroots(self, account_ids: Iterable[str]) -> list[Member]:
        ids = list(account_ids)
        accounts = self._accounts.get_many(ids)
        return [Member(accounts[i].display_name if i in accounts else "—", i) for i in ids]

    def students(self, taught: Taught, today: date) -> list[Member]:
        """Everybody in the class, by name."""
        members = self.of_district(taught.district, today) if taught.district else []
        members += self.of_grassroots(taught.grassroots.student_account_ids) if taught.grassroots else []
        return sorted(members, key=lambda student: student.name.casefold())
