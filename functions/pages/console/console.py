"""The console: where a district's administrators see how its imports stand (B7). Nobody else's district is shown."""

from __future__ import annotations

from dataclasses import dataclass

from functions.pages import limits
from functions.pages.dependencies import Services
from functions.pages.http import Reply, Request, page, see_other
from functions.pages.request_context import RequestContexts
from shared.domain.errors import LoginRefused, RefusedTransition
from shared.domain.roster import NumberKind, Role, RosterUser, RosterUserKey
from shared.runtime.report_words import retold
from shared.stores.stuck_people import Stuck, StuckCode


@dataclass(frozen=True, slots=True)
class StuckShown:
    """Somebody who does not get on, why, and since which day."""

    sourced_id: str
    kind: str
    name: str
    code: StuckCode
    since: str


class ConsolePages:
    """For administrators of one district: its newest report, and who is stuck."""

    def __init__(self, services: Services, contexts: RequestContexts) -> None:
        self._services = services
        self._contexts = contexts

    def show(self, request: Request, district_id: str) -> Reply:
        if not self._is_administrator(request, district_id):
            return self._to_login(district_id)
        return self._page(district_id)

    def invite_again(self, request: Request, district_id: str) -> Reply:
        """Another activation mail to somebody who is stuck, because the district asks for it."""
        if not self._is_administrator(request, district_id):
            return self._to_login(district_id)
        self._services.rate_limiter.hit(limits.INVITE_AGAIN, district_id)
        try:
            kind = request.form.get("kind", "")
            if kind and kind not in set(NumberKind):
                raise RefusedTransition("not_renewable", "There is no such kind of number.")
            user = RosterUserKey(district_id, request.form.get("sourced_id", ""), kind)
            self._services.resend_activation.resend(user)
        except RefusedTransition as refused:
            return self._page(district_id, refused=refused.code)
        return see_other(f"/console/{district_id}")

    def _to_login(self, district_id: str) -> Reply:
        """To the login of this district. Raises UnknownDistrict: no address is built from an id that is not checked."""
        return see_other(f"/sso/{self._services.districts.get(district_id).district_id}")

    def _is_administrator(self, request: Request, district_id: str) -> bool:
        """Whether an administrator of this district is here; False when nobody is. Raises LoginRefused for anybody else."""
        context = self._contexts.of(request)
        if context.session is None or context.session.user is None:
            return False
        user = context.proven.user if context.proven else None
        if user is None or user.district_id != district_id or not self._administers(user):
            raise LoginRefused("not_an_administrator", "This page is for administrators of this district.")
        return True

    def _administers(self, user: RosterUser) -> bool:
        """Whether the roster says so of this person: in the same row, or of a teacher in one of its own (M20)."""
        if user.administers or user.role is not Role.TEACHER or not user.official_email:
            return user.administers
        rows = self._services.users.by_email(user.district_id, user.official_email)
        return any(row.is_administrator_of_same_name(user) for row in rows)

    def _page(self, district_id: str, *, refused: str = "") -> Reply:
        district = self._services.districts.get(district_id)
        return page(
            "console/console",
            status=409 if refused else 200,
            refused=refused,
            stuck=self._stuck(district_id),
            district_id=district_id,
            audience=district,
            district=district.name,
            report=self._services.reports.latest(district_id),
            at_work=self._services.progress.at_work(district_id),
            retold=retold,
        )

    def _stuck(self, district_id: str) -> list[StuckShown]:
        """Who does not get on; whoever shares an address and is linked all the same does."""
        found = self._services.stuck.of_district(district_id)
        sharers = [stuck.user for stuck in found if stuck.code is StuckCode.SHARED_ADDRESS]
        links = self._services.links.of_users(sharers) if sharers else {}
        listed = [each for each in found if not (each.user in links and links[each.user].is_linked)]
        users = self._services.users.get_many(each.user for each in listed) if listed else {}
        return [_shown(each, users.get(each.user)) for each in listed]


def _shown(stuck: Stuck, user: RosterUser | None) -> StuckShown:
    name = user.display_name if user else ""
    return StuckShown(stuck.user.sourced_id, stuck.user.kind, name, stuck.code, stuck.since[:10])
