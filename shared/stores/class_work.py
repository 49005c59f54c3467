"""Goals and assignments made in district classes, and what they were recreated from (M14, M15)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shared.domain.account import Assignment, Goal
from shared.domain.errors import Conflict
from shared.stores.keys import (
    ASSIGNMENTS,
    GOALS,
    WORK,
    Item,
    account_pk,
    assignment_key,
    class_pk,
    goal_key,
    recreated_key,
    recreated_of_class,
)
from shared.stores.table import ABSENT, DynamoTable, Put, Table


@dataclass(frozen=True, slots=True)
class Source:
    """What something in a district class is recreated from: a goal or an assignment of a grassroots class."""

    owner_account_id: str
    class_id: str
    work_id: str

    def item(self, district_id: str, class_id: str) -> Item:
        """The note that this was recreated in that class, once."""
        return {
            **recreated_key(self.owner_account_id, self.class_id, self.work_id, (district_id, class_id)),
            "class_id": self.class_id,
            "work_id": self.work_id,
            "district_id": district_id,
            "into": class_id,
        }


class ClassWorkStore:
    """Goals and assignments that teachers make in district classes (M14, M15)."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def add_goal(
        self,
        district_id: str,
        class_id: str,
        goal: Goal,
        *,
        event: Item,
        created_at: str,
        source: Source | None = None,
    ) -> None:
        """Add a goal with its event. Raises Conflict when it was made already, by its id or from the same ``source``."""
        recreated = source.item(district_id, class_id) if source else None
        body = {"title": goal.title, "skill_ids": list(goal.skill_ids), "created_at": created_at}
        self._add({**goal_key(district_id, class_id, goal.goal_id), **body}, event, recreated)

    def add_assignment(
        self,
        district_id: str,
        class_id: str,
        assignment: Assignment,
        *,
        event: Item,
        created_at: str,
        source: Source | None = None,
    ) -> None:
        """Add an assignment with its event. Raises Conflict, as ``add_goal``."""
        recreated = source.item(district_id, class_id) if source else None
        body = {"title": assignment.title, "content_id": assignment.content_id, "created_at": created_at}
        self._add({**assignment_key(district_id, class_id, assignment.assignment_id), **body}, event, recreated)

    def _add(self, item: Item, event: Item, recreated: Item | None) -> None:
        new = [item, *([recreated] if recreated else [])]
        self._table.write(
            *(Put(each).when(ABSENT) for each in new),
            Put(event),
            otherwise=Conflict("already_made", "This was made already."),
        )

    def recreated(self, owner_account_id: str, class_id: str) -> set[tuple[str, str, str]]:
        """What was recreated of a grassroots class: (work id, district id, district class id)."""
        items = self._table.query(account_pk(owner_account_id), recreated_of_class(class_id))
        return {(i["work_id"], i["district_id"], i["into"]) for i in items if i["class_id"] == class_id}

    def of_class(self, district_id: str, class_id: str) -> tuple[list[Goal], list[Assignment]]:
        """All goals and assignments of a class, the oldest first."""
        items = list(self._table.query(class_pk(district_id, class_id), between=WORK))
        goals = [Goal(_id(i), i["title"], tuple(i["skill_ids"])) for i in _oldest_first(items, GOALS)]
        given = _oldest_first(items, ASSIGNMENTS)
        return goals, [Assignment(_id(i), i["title"], i["content_id"], created_at=i["created_at"]) for i in given]


def _oldest_first(items: Iterable[Item], prefix: str) -> list[Item]:
    made = [item for item in items if item["SK"].startswith(prefix)]
    return sorted(made, key=lambda item: (item["created_at"], item["SK"]))


def _id(item: Item) -> str:
    return str(item["SK"]).partition("#")[2]
