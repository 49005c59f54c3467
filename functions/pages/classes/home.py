"""Home: district and previous classes in one place; for a student, goals with what is already earned (M11, M13, M14)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from functions.pages.classes.class_address import class_address
from functions.pages.dependencies import Services
from functions.pages.http import WANTED_COOKIE, Reply, Request, page, see_other
from functions.pages.request_context import RequestContext, RequestContexts, known
from shared.domain.account import Account, Assignment, GrassrootsClass, Mastery
from shared.domain.clock import to_iso
from shared.domain.district import District
from shared.domain.link import Link
from shared.domain.mastery import goal_percentage
from shared.domain.own_login import may_add
from shared.domain.past_class import to_look_back_at, year_began
from shared.domain.roster import DistrictClass, Role, RosterUser

if TYPE_CHECKING:
    from shared.stores.people_classes import Work

_PAST_AT_ONCE = 40
"""How many past classes a page shows."""


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


@dataclass(slots=True)
class DistrictClasses:
    """Classes of a person's districts: current ones, those whose term is over, and those of past years."""

    current: list[ClassShown] = field(default_factory=list)
    ended: list[ClassShown] = field(default_factory=list)
    past: list[DistrictClass] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LinkShown:
    """A link, by its district. ``may_be_undone`` says whether its 30 days are not over yet (B2)."""

    district_id: str
    district: str
    may_be_undone: bool
    has_receipt: bool = True
    """Whether anything was there before it: not where the account was made with it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What somebody keeps who has just linked, in figures."""

    points: int
    goals: int
    classes: int


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
        if context.session.operator:
            return see_other("/console")
        if context.session.account_id is None:
            return see_other("/welcome")
        account = known(context)
        if wanted := self._contexts.wanted(request):
            return see_other(wanted, **{WANTED_COOKIE: None})
        return self._page(request, context, account)

    def _page(self, request: Request, context: RequestContext, account: Account) -> Reply:
        family = self._services.accounts.family(account)
        found = self._services.links.around_account(*family)
        links = found.standing
        users = found.people
        active = [user for user in users.values() if user.active]
        known_districts = context.stored.districts
        districts = {
            d: known_districts.get(d) or self._services.districts.get(d, consistent=False)
            for d in dict.fromkeys(user.district_id for user in users.values())
        }
        mastery = self._services.accounts.mastery(account.account_id)
        of_districts = self._district_classes(active, districts, mastery)
        past = _past_shown(of_districts.past)
        first = _first_shown(request.query.get("past", ""), len(past))
        owned = self._services.accounts.classes.owned(*family)
        taught = [each for each in owned if each.deleted_at is None]
        attended = self._attended_classes(family, mastery)
        return page(
            "classes/home",
            audience=next(iter(districts.values()), None),
            name=account.display_name,
            is_student=account.role != "teacher" and not any(user.role is Role.TEACHER for user in active),
            district_classes=of_districts.current,
            ended_classes=of_districts.ended,
            past_classes=past[first : first + _PAST_AT_ONCE],
            more_past=first + _PAST_AT_ONCE if first + _PAST_AT_ONCE < len(past) else None,
            previous_classes=[*_taught_classes(owned, are_deleted=False), *attended],
            kept=Kept(
                sum(earned.points for earned in mastery.values()),
                sum(len(each.goals) for each in taught) + sum(len(each.goals) for each in attended),
                len(taught) + len(attended),
            ),
            something_to_clean=bool(links) and bool(owned),
            deleted_classes=_taught_classes(owned, are_deleted=True),
            links=self._links_shown([link for link in links if link.user in users], districts),
            undone_in=[district for each in found.undone_in if (district := self._services.districts.find(each))],
            linked=request.query.get("linked") == "1",
            ready=request.query.get("ready") == "1",
            undone=request.query.get("undone") == "1",
            something_to_link=context.has_something_to_link,
            may_have_another=context.is_in_made_account,
            may_add_login=may_add(account.role, [(user, districts[user.district_id]) for user in users.values()]),
        )

    def _links_shown(self, links: list[Link], districts: dict[str, District]) -> list[LinkShown]:
        """One for each district: further numbers of a person are undone with the first one."""
        now = self._services.clock()
        shown: dict[str, LinkShown] = {}
        for link in links:
            district_id = link.user.district_id
            shown.setdefault(
                district_id,
                LinkShown(
                    district_id,
                    districts[district_id].name,
                    link.may_be_undone(to_iso(now)),
                    not link.is_made or link.joined is not None,
                ),
            )
        return list(shown.values())

    def _district_classes(
        self, users: list[RosterUser], districts: dict[str, District], mastery: Mastery
    ) -> DistrictClasses:
        """All classes by the calendars of their districts: past ones are off the roster, or of an earlier school year."""
        found = DistrictClasses()
        now = self._services.clock()
        of_people = self._services.peoples_classes.of_people(users, now.date())
        for user in users:
            district = districts[user.district_id]
            today = now.astimezone(district.zone).date()
            began = year_began(district, today).isoformat()
            classes = of_people.of(user)
            for district_class in sorted(classes.values(), key=lambda c: (c.title, c.sourced_id)):
                ends_on = district_class.ends_on
                if ends_on is not None and ends_on <= began:
                    found.past.append(district_class)
                    continue
                attends = district_class.sourced_id in user.attends
                work = of_people.work.get((user.district_id, district_class.sourced_id)) if attends else None
                shown = _district_class(district_class, mastery, work)
                is_over = ends_on is not None and ends_on <= today.isoformat()
                (found.ended if is_over else found.current).append(shown)
            found.past += to_look_back_at(of_people.past.get(user.key, ()), classes)
        return found

    def _attended_classes(self, family: tuple[str, ...], mastery: Mastery) -> list[ClassShown]:
        classes = self._services.accounts.classes
        return [
            _attended_class(attended, mastery, family) for attended in classes.with_scores(classes.attended(*family))
        ]


def _district_class(district_class: DistrictClass, mastery: Mastery, work: Work | None) -> ClassShown:
    """For who attends it with goals and assignments; who teaches it sees them on its own page."""
    goals, assignments = work or ([], [])
    details = (district_class.course_title, district_class.term_title)
    return ClassShown(
        class_address(district_class.sourced_id, district_class.district_id),
        district_class.title,
        " · ".join(detail for detail in details if detail and detail != district_class.title),
        district_class.size,
        [GoalShown(goal.title, goal_percentage(goal.skill_ids, mastery)) for goal in goals],
        [AssignmentShown(assignment.title, None) for assignment in assignments],
    )


def _past_shown(past: Iterable[DistrictClass]) -> list[ClassShown]:
    """Past classes, the latest first; each with its term in the name, because names come again every year."""
    names = Counter[str]()
    found = []
    by_name = sorted(past, key=lambda each: (each.title, each.sourced_id))
    for each in sorted(by_name, key=lambda each: each.ends_on or "", reverse=True):
        term = each.term_title or (last_day(each.ends_on) if each.ends_on else "")
        name = f"{each.title} ({term})" if term else each.title
        names[name] += 1
        numbered = f"{name} · {names[name]}" if names[name] > 1 else name
        detail = each.course_title if each.course_title and each.course_title != each.title else ""
        found.append(ClassShown(class_address(each.reference, each.district_id), numbered, detail, each.size))
    return found


def last_day(ends_on: str) -> str:
    """The last day of a class that ends on the next one, YYYY-MM-DD."""
    return (date.fromisoformat(ends_on) - timedelta(days=1)).isoformat()


def _first_shown(asked: str, number: int) -> int:
    """From which past class on the page shows them."""
    return int(asked) if asked.isascii() and asked.isdigit() and int(asked[:6]) < number else 0


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
