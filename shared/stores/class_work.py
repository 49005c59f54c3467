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
    account_of_pk,
    account_pk,
    assignment_key,
    class_pk,
    goal_key,
    recreated_key,
    recreated_of_class,
    work_list_of,
)
from shared.stores.table import ABSENT, DynamoTable, Put, Table, Update


@dataclass(frozen=True, slots=True)
class Source:
    """What something in a district class is recreated from: a goal or an assignment of a grassroots class."""

    owner_account_id: str
    class_id: str
    work_id: str

    def item(self, district_id: str, class_id: str, since: str = "") -> Item:
        """The note that this was recreated in that class, once; ``since`` tells the class from earlier ones of its id."""
        into = (district_id, class_id, since) if since else (district_id, class_id)
        return {
            **recreated_key(self.owner_account_id, self.class_id, self.work_id, into),
            "class_id": self.class_id,
            "work_id": self.work_id,
            "district_id": district_id,
            "into": class_id,
            "since": since or None,
        }


def recreated_note(note: Item, class_id: str, since: str, run: str) -> Item:
    """The note of something recreated, once its class has this id and this name; ``run`` is the import that gave them."""
    source = Source(account_of_pk(note["PK"]), note["class_id"], note["work_id"])
    return {**source.item(note["district_id"], class_id, since), "made": note.get("made"), "run": run}


class ClassWorkStore:
    """Goals and assignments that teachers make in district classes (M14, M15).

    ``since`` of a class is what tells it from earlier classes of its id: what was made in one is not in another.
    """

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
        since: str = "",
    ) -> None:
        """Add a goal with its event. Raises Conflict when it was made already, by its id or from the same ``source``."""
        recreated = source.item(district_id, class_id, since) if source else None
        body = {
            "title": goal.title,
            "skill_ids": list(goal.skill_ids),
            "created_at": created_at,
            "since": since or None,
        }
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
        since: str = "",
    ) -> None:
        """Add an assignment with its event. Raises Conflict, as ``add_goal``."""
        recreated = source.item(district_id, class_id, since) if source else None
        body = {
            "title": assignment.title,
            "content_id": assignment.content_id,
            "created_at": created_at,
            "since": since or None,
        }
        self._add({**assignment_key(district_id, class_id, assignment.assignment_id), **body}, event, recreated)

    def _add(self, item: Item, event: Item, recreated: Item | None) -> None:
        new = [item, *([{**recreated, "made": item["SK"]}] if recreated else [])]
        self._table.write(
            *(Put(each).when(ABSENT) for each in new),
            listing(item),
            Put(event),
            otherwise=Conflict("already_made", "This was made already."),
        )

    def recreated(self, owner_account_id: str, class_id: str) -> set[tuple[str, str, str, str]]:
        """What was recreated of a grassroots class: (work id, district id, district class id, the ``since`` of that class)."""
        items = self._table.query(account_pk(owner_account_id), recreated_of_class(class_id))
        return {
            (i["work_id"], i["district_id"], i["into"], i.get("since", "")) for i in items if i["class_id"] == class_id
        }

    def of_class(self, district_id: str, class_id: str, since: str = "") -> tuple[list[Goal], list[Assignment]]:
        """All goals and assignments of a class, the oldest first."""
        return work_of(self._table.query(class_pk(district_id, class_id), between=WORK), since)


def listing(item: Item) -> Update:
    """Have the list of its class name a goal or an assignment, so that one read finds those of many classes."""
    return Update(work_list_of(item)).add(ids={str(item["SK"])})


def work_of(items: Iterable[Item], since: str) -> tuple[list[Goal], list[Assignment]]:
    """The goals and assignments among the items of a class, the oldest first."""
    of_class = [item for item in items if item.get("since", "") == since]
    goals = [Goal(_id(i), i["title"], tuple(i["skill_ids"])) for i in _oldest_first(of_class, GOALS)]
    given = _oldest_first(of_class, ASSIGNMENTS)
    return goals, [Assignment(_id(i), i["title"], i["content_id"], created_at=i["created_at"]) for i in given]


def _oldest_first(items: Iterable[Item], prefix: str) -> list[Item]:
    made = [item for item in items if item["SK"].startswith(prefix)]
    return sorted(made, key=lambda item: (item["created_at"], item["SK"]))


def _id(item: Item) -> str:
    return str(item["SK"]).partition("#")[2]
