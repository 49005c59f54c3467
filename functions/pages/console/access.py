"""Who gets into a district's console: its administrators by its own login, and the platform's operators (B7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from functions.pages.dependencies import Services
from functions.pages.http import Reply, Request, see_other
from functions.pages.request_context import RequestContext, RequestContexts
from shared.domain.district import District
from shared.domain.errors import LoginRefused
from shared.domain.federated_identity import identity_hash
from shared.domain.roster import Role, RosterUser
from shared.stores.sessions import Session


@dataclass(frozen=True, slots=True)
class Access:
    """What somebody may see of a district, and do."""

    district: District
    by: str
    """Who it is, in records: ``operator:`` and a username, or the ``person_id`` of an administrator."""
    name: str
    """The same as people read it."""
    schools: frozenset[str] | None = None
    """The schools of an administrator of these alone; None for the whole district."""
    rolls_back: str = ""
    """The one import that somebody may roll back who approved it, and to whom nothing else is open any more."""

    @property
    def district_id(self) -> str:
        return self.district.district_id

    @property
    def is_whole(self) -> bool:
        """Whether all of the district is open: who has some schools alone uploads nothing and decides nothing."""
        return self.schools is None

    def sees(self, school_ids: Iterable[str]) -> bool:
        """Whether somebody of these schools is shown."""
        return self.schools is None or not self.schools.isdisjoint(school_ids)


class ConsoleAccess:
    """Answers who is here. Every page of the console asks first."""

    def __init__(self, services: Services, contexts: RequestContexts) -> None:
        self._services = services
        self._contexts = contexts

    def of(self, request: Request, district_id: str) -> Access | Reply:
        """What is open to who is here; the way to the login where nobody is.

        Raises LoginRefused for anybody else, and UnknownDistrict.
        """
        context = self._contexts.of(request)
        session = context.session
        if session and session.operator:
            district = self._services.districts.get(district_id, consistent=False)
            return Access(district, f"operator:{session.operator}", session.operator)
        if session is None or session.user is None:
            return self._to_login(request, district_id)
        return self._of_administrator(context, district_id) or self._of_approver(session, district_id)

    def of_whole(self, request: Request, district_id: str) -> Access | Reply:
        """The same for what only who has the whole district may see or do."""
        access = self.of(request, district_id)
        if isinstance(access, Access) and not access.is_whole:
            raise _not_an_administrator()
        return access

    def of_import(self, request: Request, district_id: str, import_id: str) -> Access | Reply:
        """The same for one import: also for who approved it within the last day."""
        access = self.of(request, district_id)
        if isinstance(access, Access) and not access.is_whole and access.rolls_back != import_id:
            raise _not_an_administrator()
        return access

    def _to_login(self, request: Request, district_id: str) -> Reply:
        """To the login of this district. Raises UnknownDistrict: no address is built from an id that is not checked."""
        known = self._services.districts.get(district_id, consistent=False)
        reply = self._contexts.to_login(request)
        return see_other(f"/sso/{known.district_id}", **reply.cookies)

    def _of_approver(self, session: Session, district_id: str) -> Access:
        """Who approved an import that took their rights. Raises LoginRefused for anybody else."""
        kept = None
        if session.subject and session.user and session.user.district_id == district_id:
            kept = self._services.ways_in.of(district_id, identity_hash(*session.subject), self._services.clock())
        if kept is None:
            raise _not_an_administrator()
        district = self._services.districts.get(district_id, consistent=False)
        by = kept.user.person_id
        return Access(district, by, kept.user.sourced_id, frozenset(), kept.import_id)

    def _of_administrator(self, context: RequestContext, district_id: str) -> Access | None:
        proven = context.proven
        user = proven.user if proven else None
        if proven is None or user is None or user.district_id != district_id:
            return None
        rows = self._rows(user)
        if not rows:
            return None
        schools = None
        if all(row.schools_only for row in rows):
            schools = frozenset(school for row in rows for school in row.school_ids)
        return Access(proven.district, user.key.person_id, user.display_name, schools)

    def _rows(self, user: RosterUser) -> list[RosterUser]:
        """The rows by which this person administers: the same one, or of a teacher others of its own (M20)."""
        if user.administers or user.role is not Role.TEACHER or not user.official_email:
            return [user] if user.administers else []
        rows = self._services.users.by_email(user.district_id, user.official_email)
        return [row for row in rows if row.is_administrator_of_same_name(user)]


def _not_an_administrator() -> LoginRefused:
    return LoginRefused("not_an_administrator", "This page is for administrators of this district.")
