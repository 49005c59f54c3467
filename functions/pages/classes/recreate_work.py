"""The goals and assignments of a class from before, made again in a district class: one press for each (M14, M15, B3)."""

from __future__ import annotations

from dataclasses import dataclass

from functions.pages.dependencies import Services
from shared.domain.account import Account, Assignment, Goal, GrassrootsClass
from shared.domain.clock import to_iso
from shared.domain.errors import Conflict
from shared.domain.roster import DistrictClass, RosterUser
from shared.stores.class_work import Source
from shared.stores.outbox import event_item

MOST_SKILLS = 50
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class WorkToRecreate:
    """A goal, which starts at what each student has earned, or an assignment, which starts without scores."""

    work_id: str
    title: str
    is_goal: bool
    is_made: bool
    """Whether it was made again in the class that is chosen."""


@dataclass(frozen=True, slots=True)
class Checklist:
    """What there is to make again, and where: ``into`` is chosen, ``others`` could be."""

    into: DistrictClass | None
    others: tuple[DistrictClass, ...]
    work: tuple[WorkToRecreate, ...]


class RecreateWork:
    """For the teacher who owns a class from before."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._previous = services.pair_classes()

    def checklist(self, account: Account, old: GrassrootsClass, chosen: str | None) -> Checklist:
        """``chosen`` names a district class (``reference_of``); without it the one that has most of the students."""
        classes = self._classes(account, old)
        into = next((one for one in classes if reference_of(one) == chosen), None) or next(iter(classes), None)
        made = self._services.work.recreated(old.owner_account_id, old.class_id) if into else set()
        work = [(goal_work(g), g.title, True) for g in old.goals if 0 < len(g.skill_ids) <= MOST_SKILLS]
        work += [(assignment_work(a), a.title, False) for a in old.assignments]
        return Checklist(
            into,
            tuple(one for one in classes if one is not into),
            tuple(
                WorkToRecreate(
                    work_id,
                    title,
                    is_goal,
                    into is not None and (work_id, into.district_id, into.sourced_id) in made,
                )
                for work_id, title, is_goal in work
            ),
        )

    def make(self, account: Account, old: GrassrootsClass, work_id: str, chosen: str) -> None:
        """Make one of them in that class. Pressed twice it is made once; what is not there to make is left."""
        into = next((one for one in self._classes(account, old) if reference_of(one) == chosen), None)
        goal = next((g for g in old.goals if goal_work(g) == work_id and 0 < len(g.skill_ids) <= MOST_SKILLS), None)
        assignment = next((a for a in old.assignments if assignment_work(a) == work_id), None)
        if into is None:
            return
        source = Source(old.owner_account_id, old.class_id, work_id)
        try:
            if goal:
                add_goal(
                    self._services, into, Goal(self._services.new_id(), _title(goal.title), goal.skill_ids), source
                )
            elif assignment:
                add_assignment(self._services, into, assignment.title, assignment.content_id, source)
        except Conflict:
            return

    def _classes(self, account: Account, old: GrassrootsClass) -> list[DistrictClass]:
        """The current district classes that this teacher teaches; first those that the old one's students are in."""
        paired: list[DistrictClass] = []
        others: list[DistrictClass] = []
        for user in self._teaching(account):
            district = self._services.districts.get(user.district_id)
            (pairing,) = self._previous.paired([old], user, district)
            paired += [moved.into for moved in pairing.into]
            today = self._services.clock().astimezone(district.zone).date().isoformat()
            taught = self._services.district_classes.get_many(user.district_id, user.teaches)
            others += [one for one in taught.values() if one.ends_on is None or one.ends_on > today]
        first = {reference_of(one) for one in paired}
        current = {reference_of(one) for one in others}
        rest = sorted(others, key=lambda one: (one.title, one.sourced_id))
        return [one for one in paired if reference_of(one) in current] + [
            one for one in rest if reference_of(one) not in first
        ]

    def _teaching(self, account: Account) -> list[RosterUser]:
        links = self._services.links.of_account(*self._services.accounts.family(account))
        users = self._services.users.get_many(link.user for link in links)
        return [user for user in users.values() if user.active and user.teaches]


def reference_of(one: DistrictClass) -> str:
    return f"{one.district_id}/{one.sourced_id}"


def goal_work(goal: Goal) -> str:
    return f"goal:{goal.goal_id}"


def assignment_work(assignment: Assignment) -> str:
    return f"assignment:{assignment.assignment_id}"


def add_goal(services: Services, into: DistrictClass, goal: Goal, source: Source | None = None) -> None:
    """A goal in a district class: each student starts at what is already earned (M14). Raises Conflict."""
    now = services.clock()
    detail = {
        "district_id": into.district_id,
        "class_id": into.sourced_id,
        "goal_id": goal.goal_id,
        "skill_ids": list(dict.fromkeys(goal.skill_ids)),
    }
    event = event_item(services.new_id(), "GoalCreated", detail, now)
    services.work.add_goal(into.district_id, into.sourced_id, goal, event=event, created_at=to_iso(now), source=source)


def add_assignment(
    services: Services, into: DistrictClass, title: str, content_id: str, source: Source | None = None
) -> None:
    """An assignment in a district class: without a score, also for those who did it before (M15). Raises Conflict."""
    now = services.clock()
    assignment_id = services.new_id()
    assignment = Assignment(assignment_id, _title(title), content_id[:_LONGEST] or assignment_id)
    detail = {
        "district_id": into.district_id,
        "class_id": into.sourced_id,
        "assignment_id": assignment_id,
        "content_id": assignment.content_id,
    }
    event = event_item(services.new_id(), "AssignmentCreated", detail, now)
    services.work.add_assignment(
        into.district_id, into.sourced_id, assignment, event=event, created_at=to_iso(now), source=source
    )


def _title(title: str) -> str:
    return title[:_LONGEST]
