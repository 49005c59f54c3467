"""Home: district and previous classes in one place; for a student, goals with what is already earned (M11, M13, M14)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from functions.pages.classes.class_address import class_address
from functions.pages.dependencies import Services
from functions.pages.http import WANTED_COOKIE, Reply, Request, page, see_other
from functions.pages.request_context import RequestContext, RequestContexts, known
from shared.domain.account import Account, Assignment, Goal, GrassrootsClass, Mastery
from shared.domain.district import District
from shared.domain.mastery import goal_percentage
from shared.domain.roster import DistrictClass, Role, RosterUser


@dataclass(frozen=True, slots=True)
class GoalShown:
    """A goal with the percentage that one student has earned of it."""

    title: str
    percentage: int


@dataclass(frozen=True, slots=True)
class AssignmentShown:
    """An assignment, with a score where one was earned in that class (M15)."""

    title: str
    score: int | None


@dataclass(frozen=True, slots=True)
class ClassShown:
    """A class on a page, told apart by more than colour."""

    address: str
    name: str
    detail: str
    students: int
    goals: list[GoalShown] = field(default_factory=list)
    work: list[AssignmentShown] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LinkShown:
    """A link that can be undone, by its district."""

    district_id: str
    district: str


class HomePage:
    """What somebody who is logged in sees first."""

    def __init__(self, services: Services, contexts: RequestContexts) -> None:
        self._services = services
        self._contexts = contexts

    def show(self, request: Request) -> Reply:
        context = self._contexts.of(request)
        if context.unconfirmed:
            return page("login/confirm")
        if context.session is None:
            return see_other("/login")
        if context.session.account_id is None:
            return see_other("/welcome")
        account = known(context)
        if request.cookies.get(WANTED_COOKIE) == "cleaning":
            return see_other("/cleaning", **{WANTED_COOKIE: None})
        return self._page(request, context, account)

    def _page(self, request: Request, context: RequestContext, account: Account) -> Reply:
        family = self._services.accounts.family(account)
        links = self._services.links.of_account(*family)
        users = self._services.users.get_many(link.user for link in links)
        active = [user for user in users.values() if user.active]
        districts = {user.district_id: self._services.districts.get(user.district_id) for user in users.values()}
        mastery = self._services.accounts.mastery(account.account_id)
        current, ended = self._district_classes(active, districts, mastery)
        owned = self._services.accounts.classes.owned(*family)
        return page(
            "classes/home",
            audience=next(iter(districts.values()), None),
            name=account.display_name,
            is_student=account.role != "teacher" and not any(user.role is Role.TEACHER for user in active),
            district_classes=current,
            ended_classes=ended,
            previous_classes=[*_taught_classes(owned, are_deleted=False), *self._attended_classes(family, mastery)],
            something_to_clean=bool(links) and bool(owned),
            deleted_classes=_taught_classes(owned, are_deleted=True),
            links=[
                LinkShown(link.user.district_id, districts[link.user.district_id].name)
                for link in links
                if link.user in users
            ],
            linked=request.query.get("linked") == "1",
            undone=request.query.get("undone") == "1",
            something_to_link=context.has_something_to_link,
            may_have_another=context.is_in_made_account,
        )

    def _district_classes(
        self, users: list[RosterUser], districts: dict[str, District], mastery: Mastery
    ) -> tuple[list[ClassShown], list[ClassShown]]:
        """The classes that are current, and those whose term is over on the calendar of their district."""
        current: list[ClassShown] = []
        ended: list[ClassShown] = []
        for user in users:
            today = self._services.clock().astimezone(districts[user.district_id].zone).date().isoformat()
            classes = self._services.district_classes.get_many(user.district_id, (*user.teaches, *user.attends))
            for district_class in sorted(classes.values(), key=lambda c: (c.title, c.sourced_id)):
                is_over = district_class.ends_on is not None and district_class.ends_on <= today
                attends = district_class.sourced_id in user.attends
                shown = self._district_class(district_class, mastery, attends=attends)
                (ended if is_over else current).append(shown)
        return current, ended

    def _district_class(self, district_class: DistrictClass, mastery: Mastery, *, attends: bool) -> ClassShown:
        """For who attends it with goals and assignments, at one read more; who teaches it sees them on its own page."""
        goals: list[Goal] = []
        assignments: list[Assignment] = []
        if attends:
            goals, assignments = self._services.work.of_class(district_class.district_id, district_class.sourced_id)
        details = (district_class.course_title, district_class.term_title)
        return ClassShown(
            class_address(district_class.sourced_id, district_class.district_id),
            district_class.title,
            " · ".join(detail for detail in details if detail and detail != district_class.title),
            district_class.size,
            [GoalShown(goal.title, goal_percentage(goal.skill_ids, mastery)) for goal in goals],
            [AssignmentShown(assignment.title, None) for assignment in assignments],
        )

    def _attended_classes(self, family: tuple[str, ...], mastery: Mastery) -> list[ClassShown]:
        classes = self._services.accounts.classes
        return [
            _attended_class(attended, mastery, family) for attended in classes.with_scores(classes.attended(*family))
        ]


def score_of(assignment: Assignment, account_ids: Iterable[str]) -> int | None:
    """The best score that any of a student's accounts has; None where none has one (M15)."""
    scores = assignment.scores
    return max((scores[account_id] for account_id in account_ids if account_id in scores), default=None)


def _taught_classes(owned: Iterable[GrassrootsClass], *, are_deleted: bool) -> list[ClassShown]:
    return [_taught_class(taught) for taught in owned if (taught.deleted_at is not None) is are_deleted]


def _taught_class(taught: GrassrootsClass) -> ClassShown:
    """A grassroots class as its teacher sees it."""
    return ClassShown(class_address(taught.class_id), taught.name, "", len(taught.student_account_ids))


def _attended_class(attended: GrassrootsClass, mastery: Mastery, account_ids: Collection[str]) -> ClassShown:
    """A grassroots class as a student of it sees it, by whichever account: with goals and scores."""
    goals = [GoalShown(goal.title, goal_percentage(goal.skill_ids, mastery)) for goal in attended.goals]
    work = [AssignmentShown(work.title, score_of(work, account_ids)) for work in attended.assignments]
    return replace(_taught_class(attended), goals=goals, work=work)
