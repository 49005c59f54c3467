"""The console: where a district's administrators see how its imports stand (B7). Nobody else's district is shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from functions.pages import limits
from functions.pages.console.access import Access, ConsoleAccess
from functions.pages.console.funnel import funnel_of
from functions.pages.console.moments import Moments
from functions.pages.console.source import source_of
from functions.pages.dependencies import Services
from functions.pages.http import Reply, Request, page, see_other
from functions.pages.request_context import RequestContexts
from shared.domain.clock import to_iso
from shared.domain.errors import RefusedTransition
from shared.domain.first_wave import FirstWave, holds_back
from shared.domain.report import Status
from shared.domain.roster import NumberKind, RosterUser, RosterUserKey
from shared.runtime.i18n import long_date
from shared.runtime.loss_words import losses_in_words
from shared.runtime.report_words import retold
from shared.stores.request_context import Person
from shared.stores.stuck_people import Stuck, StuckCode

_LONGEST = 5
"""Digits of the number of a school at which a page of them begins."""
_STUCK_SHOWN = 33
"""People who are stuck whom one request brings with their links; all of them are among the people."""
_LOOKED_AT = 10
"""The newest imports among which one that waits is looked for."""


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
        self._access = ConsoleAccess(services, contexts)

    def choose(self, request: Request) -> Reply:
        """Which district: an operator names one, an administrator has one."""
        session = self._contexts.of(request).session
        if session and session.operator:
            return page("console/choose", unknown=request.query.get("unknown") == "1")
        if session and session.user:
            return see_other(f"/console/{session.user.district_id}")
        return self._contexts.to_login(request)

    def chosen(self, request: Request) -> Reply:
        """On to the district that an operator named, where there is one."""
        session = self._contexts.of(request).session
        if not (session and session.operator):
            return see_other("/console")
        found = self._services.districts.find(request.form.get("district", "").strip().lower(), consistent=False)
        return see_other(f"/console/{found.district_id}" if found else "/console?unknown=1")

    def show(self, request: Request, district_id: str) -> Reply:
        access = self._access.of(request, district_id)
        if not isinstance(access, Access):
            return access
        first = request.query.get("schools", "")
        return self._page(access, first_school=int(first) if first.isdecimal() and len(first) <= _LONGEST else 0)

    def invite_again(self, request: Request, district_id: str) -> Reply:
        """Another activation mail to somebody who is stuck, because the district asks for it."""
        access = self._access.of(request, district_id)
        if not isinstance(access, Access):
            return access
        self._services.rate_limiter.hit(limits.INVITE_AGAIN, district_id)
        try:
            kind = request.form.get("kind", "")
            if kind and kind not in set(NumberKind):
                raise RefusedTransition("not_renewable", "There is no such kind of number.")
            user = RosterUserKey(district_id, request.form.get("sourced_id", ""), kind)
            self._check_is_shown(access, user)
            self._services.trail.note(
                district_id, to_iso(self._services.clock()), self._services.new_id(), action="mail", by=access.by,
                reason="Asked for on the console", person=user.person_id,
            )  # fmt: skip
            self._services.resend_activation.resend(user)
        except RefusedTransition as refused:
            return self._page(access, refused=refused.code)
        return see_other(f"/console/{district_id}")

    def _check_is_shown(self, access: Access, user: RosterUserKey) -> None:
        """Raises RefusedTransition for somebody of another school, in the words for somebody who is not there."""
        if access.is_whole:
            return
        row = self._services.users.get(user)
        if row is None or not access.sees(row.school_ids):
            raise RefusedTransition("not_renewable", "There is nobody to write to.")

    def _page(self, access: Access, *, refused: str = "", first_school: int = 0) -> Reply:
        district = access.district
        records, _ = (
            self._services.imports.newest(district.district_id, most=_LOOKED_AT) if access.is_whole else ([], "")
        )
        overview = self._services.overview.of(district.district_id)
        return page(
            "console/console",
            funnel=funnel_of(self._services, access, overview.lists_begin, first_school),
            when=Moments(district.zone),
            status=409 if refused else 200,
            refused=refused,
            stuck=self._stuck(access),
            district_id=district.district_id,
            audience=district,
            district=district.name,
            is_whole=access.is_whole,
            tab="overview",
            held=[each for each in records if each.status is Status.HELD and not each.preview],
            standing=overview.standing if access.is_whole else {},
            first_wave=self._first_wave(access),
            source=source_of(self._services, access, overview.source),
            as_of=date.fromisoformat(overview.on) if overview.on else None,
            long_date=long_date,
            losses_in_words=losses_in_words,
            report=self._services.reports.latest(district.district_id) if access.is_whole else None,
            at_work=self._services.progress.at_work(district.district_id) if access.is_whole else [],
            retold=retold,
        )

    def _first_wave(self, access: Access) -> FirstWave | None:
        """The first wave for which the district's other mails wait; None where none do."""
        district = access.district
        if not access.is_whole or district.first_wave is None:
            return None
        wave = self._services.waiting.first_wave.of(district.district_id)
        return wave if holds_back(district, wave) else None

    def _stuck(self, access: Access) -> list[StuckShown]:
        """Who does not get on; whoever shares an address and is linked all the same does."""
        if access.is_whole:
            found = self._services.stuck.of_district(access.district_id, _STUCK_SHOWN)
            people = self._services.request_contexts.people(each.user for each in found) if found else {}
            return [_shown(each, person.user if person else None) for each, person in _not_linked(found, people)]
        found = self._services.stuck.of_district(access.district_id)
        sharers = [stuck.user for stuck in found if stuck.code is StuckCode.SHARED_ADDRESS]
        links = self._services.links.of_users(sharers) if sharers else {}
        listed = [each for each in found if not (each.user in links and links[each.user].is_linked)]
        users = self._services.users.get_many(each.user for each in listed) if listed else {}
        seen = [each for each in listed if each.user in users and access.sees(users[each.user].school_ids)]
        return [_shown(each, users.get(each.user)) for each in seen]


def _not_linked(found: list[Stuck], people: Mapping[RosterUserKey, Person]) -> Iterator[tuple[Stuck, Person | None]]:
    """Those of them who do not get on, each with who it is."""
    for each in found:
        person = people.get(each.user)
        is_linked = person is not None and person.link is not None and person.link.is_linked
        if each.code is not StuckCode.SHARED_ADDRESS or not is_linked:
            yield each, person


def _shown(stuck: Stuck, user: RosterUser | None) -> StuckShown:
    name = user.display_name if user else ""
    return StuckShown(stuck.user.sourced_id, stuck.user.kind, name, stuck.code, stuck.since[:10])
