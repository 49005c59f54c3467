"""Home: district classes and previous classes in one place; for a student, goals with what is already earned (M11, M13, M14)."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from functions.pages.dependencies import Services
from functions.pages.http import WANTED_COOKIE, Reply, Request, page, see_other
from functions.pages.request_context import RequestContexts, known
from shared.domain.account import Assignment, GrassrootsClass, Mastery
from shared.domain.district import District
from shared.domain.mastery import goal_percentage
from shared.domain.roster import DistrictClass, Role, RosterUser

_PLAIN = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class GoalShown:
    """A goal with the percentage that one student has earned of it."""

    title: str
    percentage: int


@dataclass(frozen=True, slots=True)
class WorkShown:
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
    work: list[WorkShown] = field(default_factory=list)


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
        family = self._services.accounts.family(account)
        links = self._services.links.of_account(*family)
        users = self._services.users.get_many(link.user for link in links)
        here = [user for user in users.values() if user.active]
        districts = {user.district_id: self._services.districts.get(user.district_id) for user in users.values()}
        mastery = self._services.accounts.mastery(account.account_id)
        first = next(iter(districts.values()), None)
        current, ended = self._district_classes(here, districts, mastery)
        owned = self._services.accounts.classes.owned(*family)
        return page(
            "classes/home",
            audience=first,
            name=account.display_name,
            is_student=account.role != "teacher" and not any(u.role is Role.TEACHER for u in here),
            district_classes=current,
            ended_classes=ended,
            previous_classes=[
                *(taught_before(c) for c in owned if c.deleted_at is None),
                *(attended_before(c, mastery, family) for c in self._attended(family)),
            ],
            something_to_clean=bool(links) and bool(owned),
            deleted_classes=[taught_before(c) for c in owned if c.deleted_at],
            links=[
                {"district_id": link.user.district_id, "district": districts[link.user.district_id].name}
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
            for one in sorted(classes.values(), key=lambda c: (c.title, c.sourced_id)):
                is_over = one.ends_on is not None and one.ends_on <= today
                attends = one.sourced_id in user.attends
                (ended if is_over else current).append(self._district_class(one, mastery, attends=attends))
        return current, ended

    def _district_class(self, one: DistrictClass, mastery: Mastery, *, attends: bool) -> ClassShown:
        """For who attends it with goals and assignments, at one read more; who teaches it sees them on its own page."""
        goals, assignments = self._services.work.of_class(one.district_id, one.sourced_id) if attends else ([], [])
        return ClassShown(
            class_address(one.sourced_id, one.district_id),
            one.title,
            " · ".join(part for part in (one.course_title, one.term_title) if part and part != one.title),
            one.size,
            [GoalShown(g.title, goal_percentage(g.skill_ids, mastery)) for g in goals],
            [WorkShown(a.title, None) for a in assignments],
        )

    def _attended(self, family: tuple[str, ...]) -> list[GrassrootsClass]:
        return self._services.accounts.classes.with_scores(self._services.accounts.classes.attended(*family))


def taught_before(one: GrassrootsClass) -> ClassShown:
    """A grassroots class as its teacher sees it."""
    return ClassShown(class_address(one.class_id), one.name, "", len(one.student_account_ids))


def attended_before(one: GrassrootsClass, mastery: Mastery, student: Iterable[str]) -> ClassShown:
    """A grassroots class as a student of it sees it, by whichever account: with goals and scores."""
    goals = [GoalShown(g.title, goal_percentage(g.skill_ids, mastery)) for g in one.goals]
    work = [WorkShown(a.title, score_of(a, student)) for a in one.assignments]
    return replace(taught_before(one), goals=goals, work=work)


def score_of(assignment: Assignment, student: Iterable[str]) -> int | None:
    """The best score that any of a student's accounts has; none is None (M15)."""
    return max((assignment.scores[one] for one in student if one in assignment.scores), default=None)


def class_address(class_id: str, district_id: str | None = None) -> str:
    """Where a class is shown; an id that an address cannot hold as it is goes in another form."""
    reference = class_id if _PLAIN.fullmatch(class_id) else "~" + _encoded(class_id)
    return f"/classes/{reference}" + (f"?district={district_id}" if district_id else "")


def class_id_of(reference: str) -> str:
    """The class id that an address names; the reference itself where it is in no other form."""
    if not reference.startswith("~"):
        return reference
    try:
        return base64.urlsafe_b64decode(reference[1:] + "=" * (-len(reference[1:]) % 4)).decode()
    except ValueError:
        return reference


def _encoded(class_id: str) -> str:
    return base64.urlsafe_b64encode(class_id.encode()).decode().rstrip("=")
