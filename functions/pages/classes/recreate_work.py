"""Goals and assignments of a grassroots class, recreated in a district class: a checklist, and one press (M14, M15, B3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice

from functions.pages.dependencies import Services
from shared.domain.account import Account, Assignment, Goal, GrassrootsClass
from shared.domain.clock import to_iso
from shared.domain.errors import Conflict
from shared.domain.mastery import Credit, credit
from shared.domain.roster import DistrictClass, RosterUser, RosterUserKey
from shared.domain.skill_catalogue import SkillCatalogue
from shared.stores.class_work import Source
from shared.stores.outbox import event_item

MOST_SKILLS = 50
ALL_WORK = "all"
"""What a form names instead of one goal or assignment, to have all of them recreated."""
MOST_AT_ONCE = 200
"""So many goals and assignments have a box; further ones get theirs once these are made."""
_PICK = "pick-"
_LONGEST = 200
_MOST_NAMED = 4
"""So many skills of a goal are named."""
_SAID = "Recreated by a teacher of the class, from an old class"


@dataclass(frozen=True, slots=True)
class WorkToRecreate:
    """A goal, which starts at what each student has earned, or an assignment, which starts without scores.

    ``title`` is told apart from others of the same title. ``skills`` are the names of a goal's first skills, ``unnamed`` counts
    those that the catalogue does not name: they stay in the goal, for what was earned is known by their ids.
    """

    work_id: str
    title: str
    is_goal: bool
    is_there: bool
    """Whether it is in the class that is chosen: recreated, or made there by hand with the same title and skills or content."""
    skills: str = ""
    unnamed: int = 0
    has_too_many: bool = False
    """Whether the goal has more skills than one in a district class may have: it is made in parts, by hand."""
    credit: Credit | None = None

    @property
    def may_be_picked(self) -> bool:
        return not (self.is_there or self.has_too_many)

    @property
    def field(self) -> str:
        """What its box is called in the form."""
        return _PICK + sha256(self.work_id.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Standing:
    """How many students of the district class have an account that is known, and whose figures the credits are.

    ``is_by_links``: those of the linked students; else those of the old class, for nobody is linked yet.
    """

    students: int = 0
    linked: int = 0

    @property
    def is_by_links(self) -> bool:
        return self.linked > 0


@dataclass(frozen=True, slots=True)
class Checklist:
    """What there is to recreate, and where: ``into`` is chosen, ``others`` could be."""

    into: DistrictClass | None
    others: tuple[DistrictClass, ...]
    work: tuple[WorkToRecreate, ...]
    standing: Standing = Standing()

    @property
    def left(self) -> int:
        """How much of it can be recreated yet."""
        return sum(work.may_be_picked for work in self.work)

    @property
    def shown(self) -> list[WorkToRecreate]:
        """What the page lists: all that is there, and as many of the others as have a box."""
        boxes = set(islice((work.work_id for work in self.work if work.may_be_picked), MOST_AT_ONCE))
        return [work for work in self.work if not work.may_be_picked or work.work_id in boxes]


@dataclass(frozen=True, slots=True)
class _Choice:
    """A district class, and as whom the teacher teaches it."""

    district_class: DistrictClass
    teacher: RosterUserKey


class RecreateWork:
    """For the teacher who owns a grassroots class."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def checklist(self, account: Account, grassroots: GrassrootsClass, chosen: str | None) -> Checklist:
        """``chosen`` names a district class (``reference_of``); without it the one that has most of the students.

        Three reads more than its classes, whatever the number of goals and students, and none where nothing is left.
        """
        choices = self._choices(account, grassroots)
        choice = _chosen(choices, chosen) or next(iter(choices), None)
        into = choice.district_class if choice else None
        others = tuple(each.district_class for each in choices if each is not choice)
        if into is None or not (grassroots.goals or grassroots.assignments):
            return Checklist(into, others, ())
        is_there = self._is_there(grassroots, into)
        left = [goal for goal in grassroots.goals if goal.skill_ids and not is_there(goal)]
        standing, credits = self._credits(grassroots, into, left)
        catalogue = self._services.skills.catalogue() if grassroots.goals else SkillCatalogue()
        return Checklist(into, others, tuple(_listed(grassroots, is_there, credits, catalogue)), standing)

    def recreate(self, account: Account, grassroots: GrassrootsClass, form: Mapping[str, str]) -> int:
        """Recreate what the form has ticked, or the one ``work`` that it names, or all, in the class ``into``. Return how many
        were made. Pressed twice, or in two tabs, each is made once; unknown work is left."""
        choice = _chosen(self._choices(account, grassroots), form.get("into"))
        if choice is None:
            return 0
        into = choice.district_class
        is_there = self._is_there(grassroots, into)
        wanted = [work for work in _recreatable(grassroots) if not is_there(work) and _is_wanted(work, form)]
        if not wanted:
            return 0
        self._services.trail.note(
            into.district_id, to_iso(self._services.clock()), self._services.new_id(),
            action="work_recreated", by=choice.teacher.person_id, reason=_SAID, about=into.sourced_id,
        )  # fmt: skip
        return sum(self._recreate(into, grassroots, work) for work in wanted)

    def _recreate(self, into: DistrictClass, grassroots: GrassrootsClass, work: Goal | Assignment) -> bool:
        """Whether it was made now, and not before or in another tab."""
        source = Source(grassroots.owner_account_id, grassroots.class_id, work_id_of(work))
        try:
            if isinstance(work, Goal):
                add_goal(
                    self._services, into, Goal(self._services.new_id(), _title(work.title), work.skill_ids), source
                )
            else:
                add_assignment(self._services, into, work.title, work.content_id, source)
        except Conflict:
            return False
        return True

    def _is_there(self, grassroots: GrassrootsClass, into: DistrictClass) -> Callable[[Goal | Assignment], bool]:
        """Whether work is in the class: recreated from this one, or the same made by hand."""
        noted = self._services.work.recreated(grassroots.owner_account_id, grassroots.class_id)
        recreated = {work_id for work_id, *place in noted if tuple(place) == _place_of(into)}
        goals, assignments = self._services.work.of_class(into.district_id, into.sourced_id, into.since)
        same = {*map(_alike, goals), *map(_alike, assignments)}
        return lambda work: work_id_of(work) in recreated or _alike(work) in same

    def _credits(
        self, grassroots: GrassrootsClass, into: DistrictClass, goals: Iterable[Goal]
    ) -> tuple[Standing, dict[str, Credit]]:
        """What students have earned of each goal, before it is made: those who are linked; of the old class where nobody is."""
        wanted = list(goals)
        if not wanted:
            return Standing(into.size), {}
        links = self._services.links.of_users(into.student_keys).values()
        linked = [link.account_id for link in links if link.is_linked]
        accounts = linked or list(grassroots.student_account_ids)
        earned = self._services.accounts.masteries(accounts)
        masteries = [earned.get(account_id, {}) for account_id in accounts]
        return (
            Standing(into.size, len(linked)),
            {goal.goal_id: credit(goal.skill_ids, masteries) for goal in wanted},
        )

    def _choices(self, account: Account, grassroots: GrassrootsClass) -> list[_Choice]:
        """The current district classes that this teacher teaches; first those that the class's students are in."""
        paired: list[_Choice] = []
        current: list[_Choice] = []
        for user in self._teaching(account):
            district = self._services.districts.get(user.district_id)
            taught = self._services.district_classes.get_many(user.district_id, user.teaches, with_students=True)
            (pairing,) = self._services.paired_by_names_too([grassroots], user, district, taught)
            paired += [_Choice(moved.into, user.key) for moved in pairing.into]
            today = self._services.clock().astimezone(district.zone).date().isoformat()
            current += [_Choice(each, user.key) for each in taught.values() if not _is_over(each, today)]
        first = {reference_of(choice.district_class) for choice in paired}
        going_on = {reference_of(choice.district_class) for choice in current}
        rest = sorted(current, key=lambda choice: (choice.district_class.title, choice.district_class.sourced_id))
        return [
            *(choice for choice in paired if reference_of(choice.district_class) in going_on),
            *(choice for choice in rest if reference_of(choice.district_class) not in first),
        ]

    def _teaching(self, account: Account) -> list[RosterUser]:
        links = self._services.links.of_account(*self._services.accounts.family(account))
        users = self._services.users.get_many(link.user for link in links)
        return [user for user in users.values() if user.active and user.teaches]


def reference_of(district_class: DistrictClass) -> str:
    """How a form names a district class."""
    return f"{district_class.district_id}/{district_class.sourced_id}"


def work_id_of(work: Goal | Assignment) -> str:
    """How the note of what was recreated, and a form, name work of a grassroots class."""
    return f"goal:{work.goal_id}" if isinstance(work, Goal) else f"assignment:{work.assignment_id}"


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


def _chosen(choices: list[_Choice], reference: str | None) -> _Choice | None:
    return next((choice for choice in choices if reference_of(choice.district_class) == reference), None)


def _listed(
    grassroots: GrassrootsClass,
    is_there: Callable[[Goal | Assignment], bool],
    credits: Mapping[str, Credit],
    catalogue: SkillCatalogue,
) -> Iterator[WorkToRecreate]:
    """Every goal that has skills, and every assignment, each under a title of its own."""
    goals = [goal for goal in grassroots.goals if goal.skill_ids]
    work: list[Goal | Assignment] = [*goals, *grassroots.assignments]
    of_title = Counter[str]()
    for each in work:
        of_title[each.title] += 1
        number = of_title[each.title]
        title = f"{each.title} · {number}" if number > 1 else each.title
        if isinstance(each, Assignment):
            yield WorkToRecreate(work_id_of(each), title, False, is_there(each))
            continue
        skills, unnamed = _names(catalogue, each)
        yield WorkToRecreate(
            work_id_of(each), title, True, is_there(each), skills, unnamed, len(each.skill_ids) > MOST_SKILLS,
            credits.get(each.goal_id),
        )  # fmt: skip


def _names(catalogue: SkillCatalogue, goal: Goal) -> tuple[str, int]:
    """The names of the goal's first skills, and how many the catalogue does not name. Without one, ids are read as words."""
    known = [skill for skill in dict.fromkeys(goal.skill_ids) if not catalogue or skill in catalogue.skills]
    names = [catalogue.title(skill) for skill in known]
    text = ", ".join(names[:_MOST_NAMED]) + (", …" if len(names) > _MOST_NAMED else "")
    return text, len(set(goal.skill_ids)) - len(known)


def _recreatable(grassroots: GrassrootsClass) -> list[Goal | Assignment]:
    goals = [goal for goal in grassroots.goals if 0 < len(goal.skill_ids) <= MOST_SKILLS]
    return [*goals, *grassroots.assignments]


def _is_wanted(work: Goal | Assignment, form: Mapping[str, str]) -> bool:
    named, work_id = form.get("work"), work_id_of(work)
    if named is not None:
        return named in (ALL_WORK, work_id)
    return WorkToRecreate(work_id, "", isinstance(work, Goal), False).field in form


def _alike(work: Goal | Assignment) -> tuple[str, object]:
    """What makes two goals, or two assignments, the same for a teacher."""
    title = _title(work.title).casefold()
    return title, frozenset(work.skill_ids) if isinstance(work, Goal) else work.content_id[:_LONGEST]


def _place_of(district_class: DistrictClass) -> tuple[str, str, str]:
    return district_class.district_id, district_class.sourced_id, district_class.since


def _is_over(district_class: DistrictClass, today: str) -> bool:
    return district_class.ends_on is not None and district_class.ends_on <= today


def _title(title: str) -> str:
    return title[:_LONGEST]
