"""Where a nudge leads: a teacher's classes from before, to be downloaded, then deleted, kept, or looked at later (M17, B3, B4)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from functions.pages.classes.download import DownloadPages
from functions.pages.dependencies import Services
from functions.pages.http import WANTED_COOKIE, Reply, Request, see_other
from functions.pages.request_context import RequestContexts
from shared.domain.account import RESTORE_DAYS, GrassrootsClass, is_restorable
from shared.domain.errors import RefusedTransition
from shared.domain.link import Link
from shared.domain.nudge import left_to_clean_up
from shared.domain.pairing import Pairing, Verdict
from shared.domain.roster import Role, RosterUser
from shared.domain.school_calendar import next_allowed
from shared.stores.class_exports import ClassNamed

SNOOZE_DAYS = 30
_FIELD = "class-"
_STRONGEST_FIRST = (Verdict.OBSOLETE, Verdict.ASK, Verdict.LEFT_ALONE)


@dataclass(frozen=True, slots=True)
class Previous:
    """A class from before: what is in it, where its students are now, and when its data was last downloaded."""

    class_id: str
    name: str
    students: int
    goals: int
    assignments: int
    moved: int
    into: str
    gathered_on: str | None

    @classmethod
    def of(cls, found: Pairing, gathered: dict[str, str]) -> Previous:
        old = found.grassroots
        return cls(
            old.class_id,
            old.name,
            found.size,
            len(old.goals),
            len(old.assignments),
            found.moved,
            ", ".join(one.into.title for one in found.into),
            gathered.get(old.class_id, "")[:10] or None,
        )


class CleanupPages:
    """Everything is about the classes that the form has ticked, and only about the own ones."""

    def __init__(self, services: Services, contexts: RequestContexts, downloads: DownloadPages) -> None:
        self._services = services
        self._contexts = contexts
        self._downloads = downloads

    def show(self, request: Request) -> Reply:
        account = self._contexts.of(request).account
        if account is None:
            return see_other("/login", **{WANTED_COOKIE: "cleaning"})
        family = self._services.accounts.family(account)
        owned = self._services.accounts.classes.owned(*family)
        about = {one.class_id for one in left_to_clean_up(owned)}
        links = self._services.links.of_account(*family)
        district = self._services.districts.find(links[0].user.district_id) if links else None
        found = self._paired([one for one in owned if one.class_id in about], self._teachers(links))
        gathered = {class_id: at for one in family for class_id, at in self._services.exports.gathered(one).items()}
        shown = {v: [Previous.of(one, gathered) for one in found if one.verdict is v] for v in _STRONGEST_FIRST}
        now = self._services.clock()
        reply = self._downloads.page(
            "classes/cleanup",
            self._downloads.asked_for(request, account.account_id),
            audience=district,
            obsolete=shown[Verdict.OBSOLETE],
            asked=shown[Verdict.ASK],
            left_alone=shown[Verdict.LEFT_ALONE],
            kept=[one.name for one in owned if one.kept_at and not one.deleted_at],
            deleted=[{"class_id": one.class_id, "name": one.name} for one in owned if is_restorable(one, now)],
            restore_days=RESTORE_DAYS,
            snooze_days=SNOOZE_DAYS,
            may_snooze=any(self._services.nudges.due_at(link.user) for link in links),
            done=request.query.get("done"),
        )
        if WANTED_COOKIE in request.cookies:
            reply.cookies[WANTED_COOKIE] = None
        return reply

    def download(self, request: Request) -> Reply:
        """One zip of all the ticked classes."""
        account = self._contexts.of(request).account
        if account is None or not (ticked := self._ticked(request, self._services.accounts.family(account))):
            return see_other("/cleaning?done=nothing")
        export_id = self._downloads.ask(request, account.account_id, [ClassNamed(one.class_id) for one in ticked])
        return see_other(f"/cleaning?download={export_id}")

    def delete(self, request: Request) -> Reply:
        return self._each(request, "deleted", self._services.class_trash().delete)

    def restore(self, request: Request) -> Reply:
        return self._each(request, "restored", self._services.class_trash().restore)

    def keep(self, request: Request) -> Reply:
        """No nudge is about them any more."""
        now = self._services.clock()
        return self._each(
            request, "kept", lambda owner, class_id: self._services.accounts.classes.keep(owner, class_id, now=now)
        )

    def later(self, request: Request) -> Reply:
        """The next nudge comes in a month."""
        account = self._contexts.of(request).account
        for link in self._services.links.of_account(*self._services.accounts.family(account)) if account else ():
            self._snooze(link)
        return see_other("/cleaning?done=later")

    def _snooze(self, link: Link) -> None:
        district = self._services.districts.get(link.user.district_id)
        self._services.nudges.snooze(
            link.user, next_allowed(district, self._services.clock() + timedelta(days=SNOOZE_DAYS))
        )

    def _each(self, request: Request, done: str, do: Callable[[str, str], None]) -> Reply:
        """Do it to each ticked class; what was done before, or is not there, stays as it is."""
        account = self._contexts.of(request).account
        family = self._services.accounts.family(account) if account else ()
        if not (ticked := self._ticked(request, family)):
            return see_other("/cleaning?done=nothing")
        for one in ticked:
            with suppress(RefusedTransition):
                do(one.owner_account_id, one.class_id)
        self._note_what_is_left(family)
        return see_other(f"/cleaning?done={done}")

    def _note_what_is_left(self, family: tuple[str, ...]) -> None:
        old = left_to_clean_up(self._services.accounts.classes.owned(*family))
        for user in self._teachers(self._services.links.of_account(*family)):
            found = self._services.pair_classes().paired(old, user, self._services.districts.get(user.district_id))
            self._services.remaining.note(user, sum(one.verdict is not Verdict.LEFT_ALONE for one in found))

    def _teachers(self, links: list[Link]) -> list[RosterUser]:
        """Who of a district the account is linked to, as far as they teach there now."""
        users = self._services.users.get_many(link.user for link in links)
        return [user for user in users.values() if user.active and user.role is Role.TEACHER]

    def _ticked(self, request: Request, family: tuple[str, ...]) -> list[GrassrootsClass]:
        """Those of the own classes that the form has ticked."""
        names = {name.removeprefix(_FIELD) for name in request.form if name.startswith(_FIELD)}
        return (
            [one for one in self._services.accounts.classes.owned(*family) if one.class_id in names]
            if names and family
            else []
        )

    def _paired(self, old: list[GrassrootsClass], users: list[RosterUser]) -> list[Pairing]:
        """What has become of each class, by the district that says most of it."""
        best = {one.class_id: Pairing(one, Verdict.LEFT_ALONE) for one in old}
        for user in users:
            for found in self._services.pair_classes().paired(
                old, user, self._services.districts.get(user.district_id)
            ):
                before = best[found.grassroots.class_id]
                best[found.grassroots.class_id] = min(
                    before, found, key=lambda one: _STRONGEST_FIRST.index(one.verdict)
                )
        return list(best.values())
