"""A class's pages: who is in it, its goals and assignments, and its settings (M13–M15, M17)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from functions.pages.classes.download import DownloadPages
from functions.pages.classes.home import class_address, class_id_of, score_of
from functions.pages.classes.recreate_work import MOST_SKILLS, RecreateWork, add_assignment, add_goal, reference_of
from functions.pages.dependencies import Services
from functions.pages.http import Reply, Request, page, see_other
from functions.pages.request_context import RequestContexts
from shared.domain.account import RESTORE_DAYS, Account, Assignment, Goal, GrassrootsClass, Mastery, is_restorable
from shared.domain.errors import AccountLinkingError
from shared.domain.mastery import goal_percentage
from shared.domain.roster import DistrictClass
from shared.stores.class_exports import ClassNamed
from shared.stores.keys import is_an_id
from shared.use_cases.class_contents import Member


class NoSuchClass(AccountLinkingError):
    """This class is not there, or not for this person to see: both are told in the same words."""


@dataclass(frozen=True, slots=True)
class StudentShown:
    """A student of a class, with percentages by goal and scores by assignment, in the order of the class."""

    name: str
    percentages: list[int]
    scores: list[int | None]


@dataclass(frozen=True, slots=True)
class Opened:
    """A class that somebody may see: one of a district, or a grassroots one."""

    account: Account
    class_id: str
    name: str
    is_teacher: bool
    district: DistrictClass | None = None
    grassroots: GrassrootsClass | None = None

    @property
    def address(self) -> str:
        return class_address(self.class_id, self.district.district_id if self.district else None)

    @property
    def settings_address(self) -> str:
        path, mark, query = self.address.partition("?")
        return f"{path}/settings{mark}{query}"


class ClassPages:
    """Only who teaches or attends a class sees it; only its teacher changes it."""

    def __init__(self, services: Services, contexts: RequestContexts, downloads: DownloadPages) -> None:
        self._services = services
        self._contexts = contexts
        self._again = RecreateWork(services)
        self._downloads = downloads
        self._contents = services.contents()
        self._trash = services.class_trash()

    def show(self, request: Request, reference: str) -> Reply:
        opened = self._open(request, reference)
        if isinstance(opened, Reply):
            return opened
        goals, assignments = self._work(opened)
        old = opened.grassroots if opened.is_teacher else None
        return page(
            "classes/class_page",
            one=opened,
            goals=goals,
            assignments=assignments,
            students=self._students(opened, goals, assignments),
            form=request.query.get("form", "goal"),
            action=self._action(opened, ""),
            problem=request.query.get("problem"),
            checklist=self._again.checklist(opened.account, old, request.query.get("into")) if old else None,
            choice=lambda one: f"{opened.address}?{urlencode({'into': reference_of(one)})}",
            reference_of=reference_of,
        )

    def settings(self, request: Request, reference: str) -> Reply:
        opened = self._open(request, reference)
        if isinstance(opened, Reply):
            return opened
        one = opened.grassroots
        export = self._downloads.asked_for(request, opened.account.account_id)
        return self._downloads.page(
            "classes/class_settings",
            export,
            one=opened,
            action=self._action(opened, ""),
            is_deleted=bool(one and one.deleted_at),
            is_restorable=bool(one and is_restorable(one, self._services.clock())),
            restore_days=RESTORE_DAYS,
        )

    def add_goal(self, request: Request, reference: str) -> Reply:
        """A goal made in a district class: each student starts at what is already earned (M14)."""
        opened = self._open(request, reference, for_change=True)
        if isinstance(opened, Reply):
            return opened
        title = request.form.get("title", "").strip()[:200]
        skills = tuple(dict.fromkeys(s.strip() for s in request.form.get("skills", "").replace(",", " ").split()))
        if opened.district is None or not title or not skills or len(skills) > MOST_SKILLS:
            return self._back(opened, "goal")
        add_goal(self._services, opened.district, Goal(self._services.new_id(), title, skills))
        return see_other(opened.address)

    def add_assignment(self, request: Request, reference: str) -> Reply:
        """An assignment starts without a score, also for those who did it before (M15)."""
        opened = self._open(request, reference, for_change=True)
        if isinstance(opened, Reply):
            return opened
        title = request.form.get("title", "").strip()[:200]
        if opened.district is None or not title:
            return self._back(opened, "assignment")
        add_assignment(self._services, opened.district, title, request.form.get("content", "").strip())
        return see_other(opened.address)

    def recreate(self, request: Request, reference: str) -> Reply:
        """A goal or an assignment of this class from before, in a district class of the same teacher (M15, B3)."""
        opened = self._open(request, reference, for_change=True)
        if isinstance(opened, Reply):
            return opened
        if opened.grassroots is None:
            return see_other(opened.address)
        into = request.form.get("into", "")
        self._again.make(opened.account, opened.grassroots, request.form.get("work", ""), into)
        return see_other(f"{opened.address}?{urlencode({'into': into})}")

    def delete(self, request: Request, reference: str) -> Reply:
        """Delete a grassroots class (M17)."""
        return self._move(request, reference, self._trash.delete)

    def restore(self, request: Request, reference: str) -> Reply:
        return self._move(request, reference, self._trash.restore)

    def _move(self, request: Request, reference: str, move: Callable[[str, str], None]) -> Reply:
        opened = self._open(request, reference, for_change=True)
        if isinstance(opened, Reply):
            return opened
        if opened.grassroots is not None:
            move(opened.grassroots.owner_account_id, opened.class_id)
        return see_other(opened.settings_address)

    def download(self, request: Request, reference: str) -> Reply:
        """Have a class's data gathered (B4); the settings say when it is there."""
        opened = self._open(request, reference, for_change=True)
        if isinstance(opened, Reply):
            return opened
        wanted = ClassNamed(opened.class_id, opened.district.district_id if opened.district else None)
        export_id = self._downloads.ask(request, opened.account.account_id, [wanted])
        mark = "&" if "?" in opened.settings_address else "?"
        return see_other(f"{opened.settings_address}{mark}download={export_id}")

    def _open(self, request: Request, reference: str, *, for_change: bool = False) -> Opened | Reply:
        """Raises NoSuchClass."""
        account = self._contexts.of(request).account
        if account is None:
            return see_other("/login")
        class_id = class_id_of(reference)
        if not is_an_id(class_id):
            raise NoSuchClass("no_such_class", "This class is not there, or it is not yours.")
        opened = (
            self._district_class(account, request.query["district"], class_id)
            if "district" in request.query
            else self._grassroots_class(account, class_id) or self._only_district_class(account, class_id)
        )
        if opened is None or (for_change and not opened.is_teacher):
            raise NoSuchClass("no_such_class", "This class is not there, or it is not yours.")
        return opened

    def _grassroots_class(self, account: Account, class_id: str) -> Opened | None:
        family = self._services.accounts.family(account)
        owned = self._services.accounts.classes.owned(*family, with_scores=True)
        if one := next((c for c in owned if c.class_id == class_id), None):
            return Opened(account, class_id, one.name, is_teacher=True, grassroots=one)
        attended = [c for c in self._services.accounts.classes.attended(*family) if c.class_id == class_id]
        one = next(iter(self._services.accounts.classes.with_scores(attended)), None)
        return Opened(account, class_id, one.name, is_teacher=False, grassroots=one) if one else None

    def _only_district_class(self, account: Account, class_id: str) -> Opened | None:
        for link in self._services.links.of_account(*self._services.accounts.family(account)):
            if opened := self._district_class(account, link.user.district_id, class_id):
                return opened
        return None

    def _district_class(self, account: Account, district_id: str, class_id: str) -> Opened | None:
        link = next(
            (
                k
                for k in self._services.links.of_account(*self._services.accounts.family(account))
                if k.user.district_id == district_id
            ),
            None,
        )
        user = self._services.users.get(link.user) if link else None
        if user is None or not user.active or class_id not in (*user.teaches, *user.attends):
            return None
        one = self._services.district_classes.get(district_id, class_id)
        return Opened(account, class_id, one.title, is_teacher=class_id in user.teaches, district=one) if one else None

    def _work(self, opened: Opened) -> tuple[list[Goal], list[Assignment]]:
        if opened.district:
            return self._services.work.of_class(opened.district.district_id, opened.class_id)
        if opened.grassroots:
            return list(opened.grassroots.goals), list(opened.grassroots.assignments)
        return [], []

    def _students(self, opened: Opened, goals: list[Goal], assignments: list[Assignment]) -> list[StudentShown]:
        """For the teacher all students; a student sees only the own line."""
        if not opened.is_teacher:
            account = opened.account
            mastery = self._services.accounts.mastery(account.account_id)
            family = self._services.accounts.family(account)
            return [self._student(account.display_name, family, mastery, goals, assignments)]
        people = self._people(opened)
        masteries = self._services.accounts.masteries([one.account_id for one in people if one.account_id])
        shown = [
            self._student(
                one.name,
                (one.account_id,) if one.account_id else (),
                masteries.get(one.account_id or "", {}),
                goals,
                assignments,
            )
            for one in people
        ]
        return sorted(shown, key=lambda student: student.name.casefold())

    def _people(self, opened: Opened) -> list[Member]:
        """Everybody in the class."""
        if opened.district:
            return self._contents.of_district(opened.district)
        return self._contents.of_grassroots(opened.grassroots.student_account_ids if opened.grassroots else ())

    @staticmethod
    def _student(
        name: str, accounts: tuple[str, ...], mastery: Mastery, goals: list[Goal], assignments: list[Assignment]
    ) -> StudentShown:
        return StudentShown(
            name,
            [goal_percentage(g.skill_ids, mastery) for g in goals],
            [score_of(a, accounts) for a in assignments],
        )

    @staticmethod
    def _action(opened: Opened, suffix: str) -> str:
        return opened.address.partition("?")[0] + suffix

    @staticmethod
    def _back(opened: Opened, form: str) -> Reply:
        mark = "&" if "?" in opened.address else "?"
        return see_other(f"{opened.address}{mark}form={form}&problem={form}")
