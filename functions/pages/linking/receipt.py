"""A link's receipt: what each side had before and what is there now, for whose link it is (M13–M16, B2)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from functions.pages.dependencies import Services
from functions.pages.http import Reply, Request, not_found, page
from functions.pages.request_context import RequestContexts
from shared.domain import joining
from shared.domain.account import Account, GrassrootsClass, Mastery
from shared.domain.clock import from_iso
from shared.domain.district import District
from shared.domain.mastery import goal_percentage
from shared.domain.receipt import Before, ClassBefore, Difference, Holdings, differences, points_before
from shared.stores.links import user_of_side
from shared.stores.receipts import Side

_DATA = ".json"
"""What the address ends with, or a browser asks for, to get it as data."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How much there is, of an account or of all together."""

    points: int = 0
    skills: int = 0
    classes: int = 0
    goals: int = 0
    assignments: int = 0
    scores: int = 0


@dataclass(frozen=True, slots=True)
class GoalKept:
    """A goal of a student, in percent."""

    goal_id: str
    title: str
    before: int
    now: int


@dataclass(frozen=True, slots=True)
class ClassKept:
    """An old class: what was in it before, where that is known, and is now. ``recreated`` is how much of its work is in a
    district class."""

    class_id: str
    name: str
    is_owned: bool
    is_in_trash: bool
    before: dict[str, int] | None
    now: dict[str, int]
    goals: list[GoalKept] = field(default_factory=list)
    assignments: list[dict[str, Any]] = field(default_factory=list)
    recreated: int = 0

    @property
    def is_changed(self) -> bool:
        """Whether its figures are others than before: work went on in it, or its teacher changed it."""
        return self.before is not None and self.before != self.now


@dataclass(frozen=True, slots=True)
class Receipt:
    """What there is to show. ``before`` has the account that the link leads to first, and then what was joined into it."""

    district_id: str
    district: str
    linked_at: str
    undone_at: str
    is_known: bool
    """Whether what was there before was kept: not by an earlier version."""
    before: list[Figures]
    now: Figures
    classes: list[ClassKept]
    skills: list[dict[str, Any]]
    lost: list[Difference]

    @property
    def rows(self) -> list[tuple[str, list[int], int]]:
        """The kinds of things that there are, with how many before on each side, and now."""
        now = asdict(self.now)
        before = [asdict(each) for each in self.before]
        return [
            (name, [each[name] for each in before], now[name])
            for name in now
            if now[name] or any(each[name] for each in before)
        ]

    def as_json(self) -> str:
        told = {
            "district_id": self.district_id,
            "district": self.district,
            "linked_at": self.linked_at or None,
            "undone_at": self.undone_at or None,
            "known_before": self.is_known,
            "nothing_lost": not self.lost if self.is_known else None,
            "before": [asdict(each) for each in self.before] if self.is_known else [],
            "now": asdict(self.now),
            "classes": [asdict(each) for each in self.classes],
            "skills": self.skills,
            "lost": [{"what": each.loss.value, "id": each.what} for each in self.lost],
        }
        return json.dumps(told, ensure_ascii=False, indent=1)


class ReceiptPage:
    """Shows a receipt to whom the link belongs, and to nobody else."""

    def __init__(self, services: Services, contexts: RequestContexts) -> None:
        self._services = services
        self._contexts = contexts

    def show(self, request: Request, district_id: str) -> Reply:
        account = self._contexts.of(request).account
        if account is None:
            return self._contexts.to_login(request)
        wants_data = district_id.endswith(_DATA) or "application/json" in request.headers.get("accept", "")
        district_id = district_id.removesuffix(_DATA)
        sides = self._sides(account, district_id)
        district = self._services.districts.find(district_id) if sides else None
        if district is None:
            return not_found()
        receipt = self._receipt(sides, district)
        if wants_data:
            return Reply(body=receipt.as_json(), content_type="application/json")
        return page("linking/receipt", audience=district, receipt=receipt, is_student=account.role == "student")

    def _sides(self, account: Account, district_id: str) -> list[Side]:
        """The sides of the link to this district: of the account that the link leads to, then of those joined into it."""
        store = self._services.links.receipts()
        family = self._services.accounts.family(account)
        found = [side for each in family for side in store.sides(each) if side.district_id == district_id]
        own = [side for side in found if not side.is_joined and not side.is_further]
        return [*own[:1], *(side for side in found if side.is_joined)] if own else []

    def _receipt(self, sides: list[Side], district: District) -> Receipt:
        holdings = self._services.links.receipts().holdings([side.account_id for side in sides], with_work=True)
        link = self._services.links.of_user(user_of_side(sides[0].item))
        befores = [side.before for side in sides]
        known = [before for before in befores if before is not None]
        mastery = joining.together(each.mastery for each in holdings.values())
        lost = [
            each
            for side, before in zip(sides, befores, strict=True)
            if before
            for each in differences(before, holdings[side.account_id])
        ]
        is_undone = sides[0].item["state"] == "undone"
        return Receipt(
            district.district_id,
            district.name,
            _day(district, link.linked_at if link and not is_undone else None),
            _day(district, link.undone_at if link and is_undone else None),
            len(known) == len(sides),
            [_figures_before(before) for before in known],
            _figures_now(mastery, holdings.values()),
            _classes(known, holdings, mastery),
            _skills(known, mastery),
            lost,
        )


def _day(district: District, moment: str | None) -> str:
    """The day of a moment as the district's calendar has it."""
    return from_iso(moment).astimezone(district.zone).date().isoformat() if moment else ""


def _figures_before(before: Before) -> Figures:
    classes = before.classes
    return Figures(
        before.points,
        len(before.skills),
        len(classes),
        sum(each.goals for each in classes),
        sum(each.assignments for each in classes),
        sum(each.scores for each in classes),
    )


def _figures_now(mastery: Mastery, holdings: Iterable[Holdings]) -> Figures:
    listed = list(holdings)
    classes = {each.class_id: each for one in listed for each in (*one.attended.values(), *one.owned.values())}.values()
    owned = {class_id for one in listed for class_id in one.owned}
    accounts = [one.account_id for one in listed]
    return Figures(
        sum(earned.points for earned in mastery.values()),
        len(mastery),
        len(classes),
        sum(len(each.goals) for each in classes),
        sum(len(each.assignments) for each in classes),
        sum(_scores(each, None if each.class_id in owned else accounts) for each in classes),
    )


def _scores(grassroots: GrassrootsClass, students: list[str] | None) -> int:
    """How many scores there are in a class: all, or those of some accounts."""
    return sum(
        len(each.scores) if students is None else sum(student in each.scores for student in students)
        for each in grassroots.assignments
    )


def _classes(known: list[Before], holdings: dict[str, Holdings], mastery: Mastery) -> list[ClassKept]:
    """Each old class once, whichever of the accounts has it."""
    before = {each.class_id: each for one in known for each in one.classes}
    found: dict[str, ClassKept] = {}
    for one in holdings.values():
        for grassroots in (*one.owned.values(), *one.attended.values()):
            is_owned = grassroots.class_id in one.owned
            students = None if is_owned else list(holdings)
            found[grassroots.class_id] = ClassKept(
                grassroots.class_id,
                grassroots.name,
                is_owned,
                grassroots.deleted_at is not None,
                _counts_before(before.get(grassroots.class_id)),
                _counts(grassroots, students),
                [] if is_owned else _goals(grassroots, known, mastery),
                [] if is_owned else _assignments(grassroots, list(holdings)),
                sum(work.class_id == grassroots.class_id for work in one.recreated),
            )
    return sorted(found.values(), key=lambda each: (each.name, each.class_id))


def _counts_before(before: ClassBefore | None) -> dict[str, int] | None:
    if before is None:
        return None
    return {
        "students": before.students,
        "goals": before.goals,
        "assignments": before.assignments,
        "scores": before.scores,
    }


def _counts(grassroots: GrassrootsClass, students: list[str] | None) -> dict[str, int]:
    return {
        "students": len(grassroots.student_account_ids),
        "goals": len(grassroots.goals),
        "assignments": len(grassroots.assignments),
        "scores": _scores(grassroots, students),
    }


def _goals(grassroots: GrassrootsClass, known: list[Before], mastery: Mastery) -> list[GoalKept]:
    """A student's goals: what they stood at on the account that had more, and what they stand at now."""
    return [
        GoalKept(
            goal.goal_id,
            goal.title,
            max((goal_percentage(goal.skill_ids, points_before(one, goal.skill_ids)) for one in known), default=0),
            goal_percentage(goal.skill_ids, mastery),
        )
        for goal in grassroots.goals
    ]


def _assignments(grassroots: GrassrootsClass, accounts: list[str]) -> list[dict[str, Any]]:
    """A student's assignments, with the best score that any of the accounts has."""
    return [
        {
            "assignment_id": each.assignment_id,
            "title": each.title,
            "now": max((each.scores[one] for one in accounts if one in each.scores), default=None),
        }
        for each in grassroots.assignments
    ]


def _skills(known: list[Before], mastery: Mastery) -> list[dict[str, Any]]:
    """Each skill with its points on each side before, and now."""
    before = [points_before(one, mastery) for one in known]
    return [
        {
            "skill_id": skill,
            "before": [one[skill].points if skill in one else None for one in before],
            "now": earned.points,
        }
        for skill, earned in sorted(mastery.items())
    ]
