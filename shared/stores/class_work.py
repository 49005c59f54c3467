"""Goals and assignments made in district classes, and what they were recreated from (M14, M15)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from shared.domain.account import Assignment, Goal
from shared.stores.keys import Item, account_pk, class_pk
from shared.stores.table import conflicts, every_page, without_none


@dataclass(frozen=True, slots=True)
class Source:
    """What something in a district class is made again from: a goal or an assignment of a class from before."""

    owner_account_id: str
    class_id: str
    work_id: str

    def item(self, district_id: str, class_id: str) -> Item:
        """The note that this was made in that class, once."""
        made = hashlib.sha256(json.dumps([self.work_id, district_id, class_id]).encode()).hexdigest()[:32]
        return {
            "PK": account_pk(self.owner_account_id),
            "SK": f"MADE_AGAIN#{self.class_id}#{made}",
            "class_id": self.class_id,
            "work_id": self.work_id,
            "district_id": district_id,
            "into": class_id,
        }


class ClassWorkStore:
    """Goals and assignments that teachers make in district classes (M14, M15)."""

    def __init__(self, table: Any) -> None:
        self._table = table

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
        """Raises Conflict when it was made already, by its id or from the same ``source``."""
        body = {"title": goal.title, "skill_ids": list(goal.skill_ids), "created_at": created_at}
        self._add(district_id, class_id, f"GOAL#{goal.goal_id}", body, event, source)

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
        """Raises Conflict, as ``add_goal``."""
        body = {"title": assignment.title, "content_id": assignment.content_id, "created_at": created_at}
        self._add(district_id, class_id, f"ASSIGNMENT#{assignment.assignment_id}", body, event, source)

    def _add(
        self, district_id: str, class_id: str, sk: str, body: dict[str, Any], event: Item, source: Source | None
    ) -> None:
        new = [without_none({"PK": class_pk(district_id, class_id), "SK": sk, **body})]
        if source:
            new.append(source.item(district_id, class_id))
        name = self._table.name
        puts = [{"TableName": name, "Item": item, "ConditionExpression": "attribute_not_exists(PK)"} for item in new]
        with conflicts("already_made", "This was made already."):
            self._table.meta.client.transact_write_items(
                TransactItems=[{"Put": put} for put in (*puts, {"TableName": name, "Item": event})]
            )

    def recreated(self, owner_account_id: str, class_id: str) -> set[tuple[str, str, str]]:
        """What was made again of a class from before: (work id, district, district class)."""
        items = every_page(
            self._table.query,
            KeyConditionExpression="PK = :pk AND begins_with(SK, :prefix)",
            ExpressionAttributeValues={":pk": account_pk(owner_account_id), ":prefix": f"MADE_AGAIN#{class_id}#"},
            ConsistentRead=True,
        )
        return {(i["work_id"], i["district_id"], i["into"]) for i in items if i["class_id"] == class_id}

    def of_class(self, district_id: str, class_id: str) -> tuple[list[Goal], list[Assignment]]:
        """All goals and assignments of a class, the oldest first."""
        items = list(
            every_page(
                self._table.query,
                KeyConditionExpression="PK = :pk AND SK BETWEEN :first AND :last",
                ExpressionAttributeValues={
                    ":pk": class_pk(district_id, class_id),
                    ":first": "ASSIGNMENT#",
                    ":last": "GOAL#\U0010ffff",
                },
                ConsistentRead=True,
            )
        )
        goals = [Goal(_id(i), i["title"], tuple(i["skill_ids"])) for i in _oldest_first(items, "GOAL#")]
        given = _oldest_first(items, "ASSIGNMENT#")
        return goals, [Assignment(_id(i), i["title"], i["content_id"], created_at=i["created_at"]) for i in given]


def _oldest_first(items: Iterable[Item], prefix: str) -> list[Item]:
    made = [item for item in items if item["SK"].startswith(prefix)]
    return sorted(made, key=lambda item: (item["created_at"], item["SK"]))


def _id(item: Item) -> str:
    return str(item["SK"]).partition("#")[2]
