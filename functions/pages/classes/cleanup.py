"""Where a nudge leads: a teacher's grassroots classes, to download, then delete, keep, or look at later (M17, B3, B4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from functions.pages.classes.download import DownloadPages
from functions.pages.dependencies import Services
from functions.pages.http import Reply, Request, page, see_other
from functions.pages.request_context import RequestContexts
from shared.domain.account import RESTORE_DAYS, GrassrootsClass, is_restorable
from shared.domain.clock import from_iso
from shared.domain.errors import RefusedTransition
from shared.domain.link import Link
from shared.domain.nudge import left_to_clean_up
from shared.domain.pairing import Pairing, Verdict
from shared.domain.roster import Role, RosterUser
from shared.domain.school_calendar import next_allowed
from shared.runtime.i18n import long_date
from shared.stores.class_exports import ExportedClass

SNOOZE_DAYS = 30
_FIELD = "class-"
_BETWEEN = ","
_STRONGEST_FIRST = (Verdict.OBSOLETE, Verdict.ASK, Verdict.LEFT_ALONE)


@dataclass(frozen=True, slots=True)
class GrassrootsClassShown:
    """What is in a grassroots class, where its students are now, and when its data was last downloaded."""

    class_id: str
    name: str
    students: int
    goals: int
    assignments: int
    moved: int
    names: int
    """How many of its students' names are in ``into``, where names alone say so."""
    into: str
    gathered_on: str | None

    @classmethod
    def of(cls, pairing: Pairing, gathered: Mapping[str, str]) -> GrassrootsClassShown:
        """``gathered`` is the day on which the data of a class was last downloaded, as people write it, by the class's id."""
        grassroots = pairing.grassroots
        return cls(
            grassroots.class_id,
            grassroots.name,
            pairing.size,
            len(grassroots.goals),
            len(grassroots.assignments),
            pairing.moved,
            pairing.names,
            ", ".join(moved.into.title for moved in pairing.into),
            gathered.get(grassroots.class_id),
        )


@dataclass(frozen=True, slots=True)
class DeletedClassShown:
    """A class that can be restored."""

    class_id: str
    name: str


class CleanupPages:
    """Every button is about the classes that the form has ticked, and only about those that the account owns."""

    def __init__(self, services: Services, contexts: RequestContexts, download: DownloadPages) -> None:
        self._services = services
        self._contexts = contexts
        self._download = download
        self._trash = services.class_trash()
        self._pair_classes = services.pair_classes()

    def show(self, request: Request) -> Reply:
        account = self._contexts.of(request).account
        if account is None:
            return self._contexts.to_login(request)
        family = self._services.accounts.family(account)
        owned = self._services.accounts.classes.owned(*family)
        links = self._services.links.of_account(*family)
        pairings = self._pairings(left_to_clean_up(owned), self._teachers(links))
        now = self._services.clock()
        gathered = self._gathered(family)
        days = {
            class_id: long_date(request.language(), from_iso(moment).date()) for class_id, moment in gathered.items()
        }
        shown = _shown(pairings, days)
        deleted = [DeletedClassShown(gone.class_id, gone.name) for gone in owned if is_restorable(gone, now)]
        named = set(request.query.get("classes", "").split(_BETWEEN))
        changed = [gone for gone in deleted if gone.class_id in named]
        export = self._download.export_named(request, account.account_id)
        reply = page(
            "classes/cleanup",
            export=export,
            audience=self._services.districts.find(links[0].user.district_id) if links else None,
            obsolete=shown[Verdict.OBSOLETE],
            asked=shown[Verdict.ASK],
            left_alone=shown[Verdict.LEFT_ALONE],
            kept=[grassroots.name for grassroots in owned if grassroots.kept_at and not grassroots.deleted_at],
            deleted=deleted,
            changed=changed,
            lost=any(gone.class_id not in gathered for gone in changed),
            restore_days=RESTORE_DAYS,
            snooze_days=SNOOZE_DAYS,
            may_snooze=any(self._services.nudges.due_at(link.user) for link in links),
            done=request.query.get("done"),
        )
        return self._download.refresh(reply, export)

    def download(self, request: Request) -> Reply:
        """One zip of all the ticked classes."""
        account = self._contexts.of(request).account
        if account is None or not (ticked := self._ticked(request, self._services.accounts.family(account))):
            return see_other("/cleaning?done=nothing")
        classes = [ExportedClass(grassroots.class_id) for grassroots in ticked]
        export_id = self._download.request_export(request, account.account_id, classes)
        return see_other(f"/cleaning?download={export_id}")

    def delete(self, request: Request) -> Reply:
        return self._each(request, "deleted", self._trash.delete)

    def restore(self, request: Request) -> Reply:
        return self._each(request, "restored", self._trash.restore)

    def keep(self, request: Request) -> Reply:
        """No nudge is about them any more."""
        now = self._services.clock()
        return self._each(
            request, "kept", lambda owner, class_id: self._services.accounts.classes.keep(owner, class_id, now=now)
        )

    def later(self, request: Request) -> Reply:
        """The next nudge comes in a month."""
        account = self._contexts.of(request).account
        links = self._services.links.of_account(*self._services.accounts.family(account)) if account else []
        for link in links:
            district = self._services.districts.get(link.user.district_id)
            snoozed_to = next_allowed(district, self._services.clock() + timedelta(days=SNOOZE_DAYS))
            self._services.nudges.snooze(link.user, snoozed_to)
        return see_other("/cleaning?done=later")

    def _each(self, request: Request, done: str, change: Callable[[str, str], None]) -> Reply:
        """Change each ticked class; what was done before, or is not there, stays as it is."""
        account = self._contexts.of(request).account
        family = self._services.accounts.family(account) if account else ()
        if not (ticked := self._ticked(request, family)):
            return see_other("/cleaning?done=nothing")
        for grassroots in ticked:
            with suppress(RefusedTransition):
                change(grassroots.owner_account_id, grassroots.class_id)
        self._note_remaining(family)
        return see_other(
            f"/cleaning?{urlencode({'done': done, 'classes': _BETWEEN.join(each.class_id for each in ticked)})}"
        )

    def _note_remaining(self, family: tuple[str, ...]) -> None:
        """Note for the digest how many classes are left to clean up."""
        remaining = left_to_clean_up(self._services.accounts.classes.owned(*family))
        for user in self._teachers(self._services.links.of_account(*family)):
            if not remaining:
                self._services.nudges.note_cleaned_up(user.key)
            pairings = self._pair_classes.paired(remaining, user, self._services.districts.get(user.district_id))
            self._services.remaining.note(user, sum(pair.verdict is not Verdict.LEFT_ALONE for pair in pairings))

    def _teachers(self, links: list[Link]) -> list[RosterUser]:
        """The roster users that the account is linked to, as far as they are teachers now."""
        users = self._services.users.get_many(link.user for link in links)
        return [user for user in users.values() if user.active and user.role is Role.TEACHER]

    def _ticked(self, request: Request, family: tuple[str, ...]) -> list[GrassrootsClass]:
        """The classes of this family of accounts that the form has ticked."""
        ids = {name.removeprefix(_FIELD) for name in request.form if name.startswith(_FIELD)}
        if not ids or not family:
            return []
        return [owned for owned in self._services.accounts.classes.owned(*family) if owned.class_id in ids]

    def _pairings(self, classes: list[GrassrootsClass], teachers: list[RosterUser]) -> list[Pairing]:
        """What has become of each class, by the district that says most of it."""
        strongest = {grassroots.class_id: Pairing(grassroots, Verdict.LEFT_ALONE) for grassroots in classes}
        for user in teachers:
            for pairing in self._services.paired_by_names_too(classes, user):
                class_id = pairing.grassroots.class_id
                strongest[class_id] = min(strongest[class_id], pairing, key=_strength)
        return list(strongest.values())

    def _gathered(self, family: tuple[str, ...]) -> dict[str, str]:
        """When the data of each class was last downloaded, by the class's id."""
        gathered: dict[str, str] = {}
        for account_id in family:
            gathered |= self._services.exports.gathered(account_id)
        return gathered


def _shown(pairings: list[Pairing], gathered: Mapping[str, str]) -> dict[Verdict, list[GrassrootsClassShown]]:
    shown: dict[Verdict, list[GrassrootsClassShown]] = {verdict: [] for verdict in Verdict}
    for pairing in pairings:
        shown[pairing.verdict].append(GrassrootsClassShown.of(pairing, gathered))
    return shown


def _strength(pairing: Pairing) -> int:
    return _STRONGEST_FIRST.index(pairing.verdict)
