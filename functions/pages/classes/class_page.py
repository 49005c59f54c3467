"""A class's pages: who is in it, its goals and assignments, and its settings (M13–M15, M17)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from functions.pages.classes.class_address import class_address, class_id_of
from functions.pages.classes.download import DownloadPages
from functions.pages.classes.home import score_of
from functions.pages.classes.new_goal import LONGEST_TITLE, GoalForm, NewGoal, to_fill_in
from functions.pages.classes.recreate_work import MOST_SKILLS, RecreateWork, add_assignment, add_goal, reference_of
from functions.pages.dependencies import Services
from functions.pages.http import DISTRICT_COOKIE, NoSuchClass, Reply, Request, page, see_other
from functions.pages.request_context import RequestContexts
from shared.domain.account import RESTORE_DAYS, Account, Assignment, Goal, GrassrootsClass, Mastery, is_restorable
from shared.domain.district import District
from shared.domain.link import Link
from shared.domain.mastery import goal_percentage
from shared.domain.roster import DistrictClass, RosterUserKey
from shared.stores.class_exports import ExportedClass
from shared.stores.keys import is_an_id
from shared.use_cases.class_contents import Member


@dataclass(frozen=True, slots=True)
class StudentShown:
    """A student of a class, with percentages by goal and scores by assignment, in the order of the class."""

    name: str
    percentages: list[int]
    scores: list[int | None]
    is_linked: bool
    """Whether an account is known: without one nothing is known of what was earned."""


@dataclass(frozen=True, slots=True)
class OpenedClass:
    """A class that somebody may see: one of a district, or a grassroots one."""

    account: Account
    class_id: str
    name: str
    is_teacher: bool
    district: DistrictClass | None = None
    grassroots: GrassrootsClass | None = None
    person: RosterUserKey | None = None
    """Who of the district the account is linked to, where it is a class of one."""

    @property
    def is_past(self) -> bool:
        """Whether it is a district class that is over: to look at alone."""
        return self.district is not None and bool(self.district.noted_by)

    @property
    def address(self) -> str:
        return class_address(self.class_id, self.district.district_id if self.district else None)

    @property
    def settings_address(self) -> str:
        path, mark, query = self.address.partition("?")
        return f"{path}/settings{mark}{query}"

    @property
    def students_address(self) -> str:
        path, mark, query = self.address.partition("?")
        return f"{path}/students{mark}{query}"

    @property
    def board_address(self) -> str:
        path, mark, query = self.address.partition("?")
        return f"{path}/students/board{mark}{query}"

    @property
    def has_table(self) -> bool:
        """Whether its teacher has the table of students: of a district class that goes on (B12)."""
        return self.is_teacher and self.district is not None and not self.is_past

    @property
    def form_address(self) -> str:
        """Where the forms of the page go: each adds its own part, and the district."""
        return self.address.partition("?")[0]


class ClassPages:
    """Only who teaches or attends a class sees it; only its teacher changes it."""

    def __init__(self, services: Services, contexts: RequestContexts, download: DownloadPages) -> None:
        self._services = services
        self._contexts = contexts
        self._recreate_work = RecreateWork(services)
        self._new_goal = NewGoal(services)
        self._download = download
        self._contents = services.contents()
        self._trash = services.class_trash()

    def show(self, request: Request, reference: str) -> Reply:
        opened = self._open(request, reference)
        if isinstance(opened, Reply):
            return opened
        goals, assignments = self._work(opened)
        checklist = None
        if opened.grassroots and opened.is_teacher:
            chosen = request.query.get("into")
            checklist = self._recreate_work.checklist(opened.account, opened.grassroots, chosen)
        return page(
            "classes/class_page",
            audience=self._district_of(request, opened),
            opened=opened,
            is_student=opened.account.role == "student",
            goals=goals,
            assignments=assignments,
            students=self._students(opened, goals, assignments),
            form=request.query.get("form", "goal"),
            action=opened.form_address,
            problem=request.query.get("problem"),
            checklist=checklist,
            most_skills=MOST_SKILLS,
            made=_number(request.query.get("made")),
            into_address=checklist and checklist.into and class_address(*_place_of(checklist.into)),
            goal_form=self._goal_form(request, opened),
            choice=lambda into: _with_query(opened.address, into=reference_of(into)),
            reference_of=reference_of,
        )

    def settings(self, request: Request, reference: str) -> Reply:
        opened = self._open(request, reference)
        if isinstance(opened, Reply):
            return opened
        grassroots = opened.grassroots
        export = self._download.export_named(request, opened.account.account_id)
        reply = page(
            "classes/class_settings",
            audience=self._district_of(request, opened),
            export=export,
            opened=opened,
            is_student=opened.account.role == "student",
            action=opened.form_address,
            is_deleted=bool(grassroots and grassroots.deleted_at),
            is_restorable=bool(grassroots and is_restorable(grassroots, self._services.clock())),
            restore_days=RESTORE_DAYS,
            restored=request.query.get("restored") == "1",
            is_gathered=self._is_gathered(opened),
        )
        return self._download.refresh(reply, export)

    def add_goal(self, request: Request, reference: str) -> Reply:
        """A goal made in a district class: each student starts at what is already earned (M14)."""
        opened = self._open_to_add(request, reference)
        if isinstance(opened, Reply):
            return opened
        goal = self._new_goal.read(opened.account, request.form, lambda: _accounts_of(self._members(opened)))
        if opened.district is None or isinstance(goal, str):
            again = {"form": "goal", "problem": str(goal), **to_fill_in(request.form)}
            return see_other(_with_query(opened.address, **again) + "#new")
        add_goal(self._services, opened.district, goal)
        return see_other(opened.address)

    def add_assignment(self, request: Request, reference: str) -> Reply:
        """An assignment starts without a score, also for those who did it before (M15)."""
        opened = self._open_to_add(request, reference)
        if isinstance(opened, Reply):
            return opened
        title = request.form.get("title", "").strip()[:LONGEST_TITLE]
        if opened.district is None or not title:
            return see_other(_with_query(opened.address, form="assignment", problem="assignment") + "#new")
        add_assignment(self._services, opened.district, title, request.form.get("content", "").strip())
        return see_other(opened.address)

    def recreate(self, request: Request, reference: str) -> Reply:
        """A goal or an assignment of this grassroots class, in a district class of the same teacher (M15, B3)."""
        opened = self._open_to_change(request, reference)
        if isinstance(opened, Reply):
            return opened
        if opened.grassroots is None:
            return see_other(opened.address)
        made = self._recreate_work.recreate(opened.account, opened.grassroots, request.form)
        return see_other(_with_query(opened.address, into=request.form.get("into", ""), made=str(made)) + "#again")

    def delete(self, request: Request, reference: str) -> Reply:
        """Delete a grassroots class (M17)."""
        return self._move(request, reference, self._trash.delete)

    def restore(self, request: Request, reference: str) -> Reply:
        return self._move(request, reference, self._trash.restore, restored="1")

    def _move(self, request: Request, reference: str, move: Callable[[str, str], None], **said: str) -> Reply:
        opened = self._open_to_change(request, reference)
        if isinstance(opened, Reply):
            return opened
        if opened.grassroots is not None:
            move(opened.grassroots.owner_account_id, opened.class_id)
        return see_other(_with_query(opened.settings_address, **said) if said else opened.settings_address)

    def _is_gathered(self, opened: OpenedClass) -> bool:
        """Whether the data of this grassroots class was downloaded once, by its teacher."""
        if opened.grassroots is None or not opened.is_teacher:
            return False
        family = self._services.accounts.family(opened.account)
        return any(opened.class_id in self._services.exports.gathered(account_id) for account_id in family)

    def download(self, request: Request, reference: str) -> Reply:
        """Have a class's data gathered (B4); the settings say when it is there."""
        opened = self._open_to_change(request, reference)
        if isinstance(opened, Reply):
            return opened
        wanted = ExportedClass(opened.class_id, opened.district.district_id if opened.district else None)
        export_id = self._download.request_export(request, opened.account.account_id, [wanted])
        return see_other(_with_query(opened.settings_address, download=export_id))

    def _district_of(self, request: Request, opened: OpenedClass) -> District | None:
        """The district whose language and support the page has: the class's own, else the one that this browser came for."""
        district_id = opened.district.district_id if opened.district else request.cookies.get(DISTRICT_COOKIE, "")
        return self._services.districts.find(district_id)

    def _goal_form(self, request: Request, opened: OpenedClass) -> GoalForm | None:
        """For whoever may make a goal in a district class."""
        if opened.district is None or not opened.is_teacher or opened.is_past:
            return None
        return self._new_goal.form(opened.account, request.query)

    # Who may see it

    def _open(self, request: Request, reference: str) -> OpenedClass | Reply:
        """The class, or the way to the login. Raises NoSuchClass."""
        account = self._contexts.of(request).account
        if account is None:
            return self._contexts.to_login(request)
        class_id = class_id_of(reference)
        opened = self._class_of(account, class_id, request.query.get("district")) if is_an_id(class_id) else None
        if opened is None:
            raise _no_such_class()
        return opened

    def _open_to_change(self, request: Request, reference: str) -> OpenedClass | Reply:
        """As ``_open``, for its teacher alone."""
        opened = self._open(request, reference)
        if isinstance(opened, OpenedClass) and not opened.is_teacher:
            raise _no_such_class()
        return opened

    def _open_to_add(self, request: Request, reference: str) -> OpenedClass | Reply:
        """As ``_open_to_change``, where the class is not past."""
        opened = self._open_to_change(request, reference)
        if isinstance(opened, OpenedClass) and opened.is_past:
            raise _no_such_class()
        return opened

    def opened_with_table(self, request: Request, reference: str) -> OpenedClass | Reply:
        """The class, for a teacher of it who has its table of students; or the way to the login. Raises NoSuchClass."""
        opened = self._open(request, reference)
        if isinstance(opened, OpenedClass) and not opened.has_table:
            raise _no_such_class()
        return opened

    def _class_of(self, account: Account, class_id: str, district_id: str | None) -> OpenedClass | None:
        """The class of this district; without one a grassroots class, else that of the first district that has it."""
        family = self._services.accounts.family(account)
        if district_id is None and (opened := self._grassroots_class(account, family, class_id)):
            return opened
        links = self._services.links.of_account(*family)
        for link in (link for link in links if district_id in (None, link.user.district_id)):
            if opened := self._district_class(account, link, class_id):
                return opened
        return None

    def _district_class(self, account: Account, link: Link, class_id: str) -> OpenedClass | None:
        user = self._services.users.get(link.user)
        place = self._contents.place_in(user, class_id, self._services.clock().date()) if user else None
        if place is None:
            return None
        found = place.district_class
        return OpenedClass(account, class_id, found.title, is_teacher=place.teaches, district=found, person=link.user)

    def _grassroots_class(self, account: Account, family: tuple[str, ...], class_id: str) -> OpenedClass | None:
        classes = self._services.accounts.classes
        owned = [taught for taught in classes.owned(*family, with_scores=True) if taught.class_id == class_id]
        if owned:
            return OpenedClass(account, class_id, owned[0].name, is_teacher=True, grassroots=owned[0])
        attended = [c for c in classes.attended(*family) if c.class_id == class_id]
        found = next(iter(classes.with_scores(attended)), None)
        return OpenedClass(account, class_id, found.name, is_teacher=False, grassroots=found) if found else None

    # What is in it

    def _work(self, opened: OpenedClass) -> tuple[list[Goal], list[Assignment]]:
        if opened.district:
            district_class = opened.district
            return self._services.work.of_class(
                district_class.district_id, district_class.sourced_id, district_class.since
            )
        if opened.grassroots:
            return list(opened.grassroots.goals), list(opened.grassroots.assignments)
        return [], []

    def _students(self, opened: OpenedClass, goals: list[Goal], assignments: list[Assignment]) -> list[StudentShown]:
        """For the teacher all students; a student sees only the own line."""
        accounts = self._services.accounts
        if not opened.is_teacher:
            account = opened.account
            mastery = accounts.mastery(account.account_id)
            return [_student(account.display_name, accounts.family(account), mastery, goals, assignments)]
        members = self._members(opened)
        masteries = accounts.masteries(_accounts_of(members))
        shown = [
            _student(
                member.name,
                (member.account_id,) if member.account_id else (),
                masteries.get(member.account_id or "", {}),
                goals,
                assignments,
            )
            for member in members
        ]
        return sorted(shown, key=lambda student: student.name.casefold())

    def _members(self, opened: OpenedClass) -> list[Member]:
        if opened.district:
            return self._contents.of_district(opened.district, self._services.clock().date())
        return self._contents.of_grassroots(opened.grassroots.student_account_ids if opened.grassroots else ())


def _student(
    name: str, account_ids: tuple[str, ...], mastery: Mastery, goals: list[Goal], assignments: list[Assignment]
) -> StudentShown:
    return StudentShown(
        name,
        [goal_percentage(goal.skill_ids, mastery) for goal in goals],
        [score_of(assignment, account_ids) for assignment in assignments],
        bool(account_ids),
    )


def _accounts_of(members: list[Member]) -> list[str]:
    return [member.account_id for member in members if member.account_id]


def _place_of(district_class: DistrictClass) -> tuple[str, str]:
    return district_class.sourced_id, district_class.district_id


def _number(asked: str | None) -> int | None:
    """A small number out of an address."""
    return int(asked) if asked and asked.isascii() and asked.isdigit() and len(asked) < 5 else None


def _with_query(address: str, **query: str) -> str:
    """The address with more of a query than it has."""
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"


def _no_such_class() -> NoSuchClass:
    return NoSuchClass("no_such_class", "This class is not there, or it is not yours.")
