"""Goals and assignments of a grassroots class, recreated in a district class: one press for each (M14, M15, B3)."""

from __future__ import annotations

from dataclasses import dataclass

from functions.pages.dependencies import Services
from shared.domain.account import Account, Assignment, Goal, GrassrootsClass
from shared.domain.clock import to_iso
from shared.domain.errors import Conflict
from shared.domain.roster import DistrictClass, RosterUser
from shared.domain.skill_catalogue import SkillCatalogue
from shared.stores.class_work import Source
from shared.stores.outbox import event_item

MOST_SKILLS = 50
ALL_WORK = "all"
"""What a form names instead of one goal or assignment, to have all of them recreated."""
_LONGEST = 200
_MOST_NAMED = 4
"""So many skills of a goal are named."""


@dataclass(frozen=True, slots=True)
class WorkToRecreate:
    """A goal, which starts at what each student has earned, or an assignment, which starts without scores."""

    work_id: str
    title: str
    is_goal: bool
    is_recreated: bool
    """Whether it was recreated in the class that is chosen."""
    skills: str = ""
    """The names of the first skills of a goal, where the catalogue has them."""


@dataclass(frozen=True, slots=True)
class Checklist:
    """What there is to recreate, and where: ``into`` is chosen, ``others`` could be."""

    into: DistrictClass | None
    others: tuple[DistrictClass, ...]
    work: tuple[WorkToRecreate, ...]

    @property
    def left(self) -> int:
        """How much of it is not recreated yet."""
        return sum(not work.is_recreated for work in self.work)


class RecreateWork:
    """For the teacher who owns a grassroots class."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def checklist(self, account: Account, grassroots: GrassrootsClass, chosen: str | None) -> Checklist:
        """``chosen`` names a district class (``reference_of``); without it the one that has most of the students."""
        classes = self._classes(account, grassroots)
        into = _chosen(classes, chosen) or next(iter(classes), None)
        recreated = self._services.work.recreated(grassroots.owner_account_id, grassroots.class_id) if into else set()
        goals = [goal for goal in grassroots.goals if _can_be_recreated(goal)]
        catalogue = self._services.skills.catalogue() if goals else SkillCatalogue()
        work = [
            *((goal_work_id(goal), goal.title, True, _first_names(catalogue, goal)) for goal in goals),
            *((assignment_work_id(work), work.title, False, "") for work in grassroots.assignments),
        ]
        return Checklist(
            into,
            tuple(district_class for district_class in classes if district_class is not into),
            tuple(
                WorkToRecreate(
                    work_id,
                    title,
                    is_goal,
                    into is not None and (work_id, into.district_id, into.sourced_id, into.since) in recreated,
                    skills,
                )
                for work_id, title, is_goal, skills in work
            ),
        )

    def recreate(self, account: Account, grassroots: GrassrootsClass, work_id: str, chosen: str) -> None:
        """Recreate a goal or an assignment, or all of them, in the chosen class. Pressed twice each is made once; unknown work is
        left."""
        into = _chosen(self._classes(account, grassroots), chosen)
        if into is None:
            return
        if work_id == ALL_WORK:
            for each in (*map(goal_work_id, grassroots.goals), *map(assignment_work_id, grassroots.assignments)):
                self._recreate(into, grassroots, each)
            return
        self._recreate(into, grassroots, work_id)

    def _recreate(self, into: DistrictClass, grassroots: GrassrootsClass, work_id: str) -> None:
        source = Source(grassroots.owner_account_id, grassroots.class_id, work_id)
        goal = next((goal for goal in grassroots.goals if goal_work_id(goal) == work_id), None)
        assignment = next((work for work in grassroots.assignments if assignment_work_id(work) == work_id), None)
        try:
            if goal and _can_be_recreated(goal):
                copy = Goal(self._services.new_id(), _title(goal.title), goal.skill_ids)
                add_goal(self._services, into, copy, source)
            elif assignment:
                add_assignment(self._services, into, assignment.title, assignment.content_id, source)
        except Conflict:
            return

    def _classes(self, account: Account, grassroots: GrassrootsClass) -> list[DistrictClass]:
        """The current district classes that this teacher teaches; first those that the class's students are in."""
        paired: list[DistrictClass] = []
        current: list[DistrictClass] = []
        for user in self._teaching(account):
            district = self._services.districts.get(user.district_id)
            (pairing,) = self._services.paired_by_names_too([grassroots], user)
            paired += [moved.into for moved in pairing.into]
            today = self._services.clock().astimezone(district.zone).date().isoformat()
            taught = self._services.district_classes.get_many(user.district_id, user.teaches).values()
            current += [district_class for district_class in taught if not _is_over(district_class, today)]
        first, going_on = set(map(reference_of, paired)), set(map(reference_of, current))
        rest = sorted(current, key=lambda district_class: (district_class.title, district_class.sourced_id))
        return [
            *(district_class for district_class in paired if reference_of(district_class) in going_on),
            *(district_class for district_class in rest if reference_of(district_class) not in first),
        ]

    def _teaching(self, account: Account) -> list[RosterUser]:
        links = self._services.links.of_account(*self._services.accounts.family(account))
        users = self._services.users.get_many(link.user for link in links)
        return [user for user in users.values() if user.active and user.teaches]


def reference_of(district_class: DistrictClass) -> str:
    """How a form names a district class."""
    return f"{district_class.district_id}/{district_class.sourced_id}"


def goal_work_id(goal: Goal) -> str:
    return f"goal:{goal.goal_id}"


def assignment_work_id(assignment: Assignment) -> str:
    return f"assignment:{assignment.assignment_id}"


def add_goal(services: Services, into: DistrictClass, goal: Goal, source: Source | None = None) -> None:
    """Add a goal to a district class: each student starts at what is already earned (M14). Raises Conflict."""
    now = services.clock()
    detail = {
        "district_id": into.district_id,
        "class_id": into.sourced_id,
        "goal_id": goal.goal_id,
        "skill_ids": list(dict.fromkeys(goal.skill_ids)),
    }
    event = event_item(services.new_id(), "GoalCreated", detail, now)
    services.work.add_goal(
        into.district_id, into.sourced_id, goal, event=event, created_at=to_iso(now), source=source, since=into.since
    )


def add_assignment(
    services: Services, into: DistrictClass, title: str, content_id: str, source: Source | None = None
) -> None:
    """Add an assignment to a district class, without a score, also for those who did it before (M15). Raises Conflict."""
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
        into.district_id,
        into.sourced_id,
        assignment,
        event=event,
        created_at=to_iso(now),
        source=source,
        since=into.since,
    )


def _chosen(classes: list[DistrictClass], reference: str | None) -> DistrictClass | None:
    return next((district_class for district_class in classes if reference_of(district_class) == reference), None)


def _first_names(catalogue: SkillCatalogue, goal: Goal) -> str:
    names = [catalogue.skills[skill].title for skill in goal.skill_ids if skill in catalogue.skills]
    return ", ".join(names[:_MOST_NAMED]) + (", …" if len(names) > _MOST_NAMED else "")


def _can_be_recreated(goal: Goal) -> bool:
    return 0 < len(goal.skill_ids) <= MOST_SKILLS


def _is_over(district_class: DistrictClass, today: str) -> bool:
    return district_class.ends_on is not None and district_class.ends_on <= today


def _title(title: str) -> str:
    return title[:_LONGEST]
