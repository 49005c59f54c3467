"""Who gets into a district's console: its administrators by its own login, and the platform's operators (B7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from functions.pages.dependencies import Services
from functions.pages.http import Reply, Request, see_other
from functions.pages.request_context import RequestContext, RequestContexts
from shared.domain.district import District
from shared.domain.errors import LoginRefused
from shared.domain.roster import Role, RosterUser


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
        return self._of_administrator(context, district_id)

    def of_whole(self, request: Request, district_id: str) -> Access | Reply:
        """The same for what only who has the whole district may see or do."""
        access = self.of(request, district_id)
        if isinstance(access, Access) and not access.is_whole:
            raise _not_an_administrator()
        return access

    def _to_login(self, request: Request, district_id: str) -> Reply:
        """To the login of this district. Raises UnknownDistrict: no address is built from an id that is not checked."""
        known = self._services.districts.get(district_id, consistent=False)
        reply = self._contexts.to_login(request)
        return see_other(f"/sso/{known.district_id}", **reply.cookies)

    def _of_administrator(self, context: RequestContext, district_id: str) -> Access:
        proven = context.proven
        user = proven.user if proven else None
        if proven is None or user is None or user.district_id != district_id:
            raise _not_an_administrator()
        rows = self._rows(user)
        if not rows:
            raise _not_an_administrator()
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
