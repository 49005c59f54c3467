"""Districts, their schools and classes, and what is made in their classes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from shared.domain.account import Assignment, Goal
from shared.domain.district import DISTRICT_ID, District
from shared.domain.errors import Conflict, UnknownDistrict
from shared.domain.roster import DistrictClass, School
from shared.stores.digests import digest_key
from shared.stores.table import (
    Item,
    Key,
    account_pk,
    class_pk,
    conflicts,
    district_pk,
    every_page,
    get_many,
    without_none,
    write_many,
)


class DistrictStore:
    """District settings, and the names of schools."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def put(self, district: District) -> None:
        """Store the settings; a Clever district id leads back to its district, and one that wants a digest is noted."""
        settings = district.model_dump(mode="json")
        self._table.put_item(Item={**settings_key(district.district_id), "body": json.dumps(settings)})
        if district.clever_district_id:
            self._table.put_item(
                Item={
                    "PK": f"CLEVER_DISTRICT#{district.clever_district_id}",
                    "SK": "DISTRICT",
                    "district_id": district.district_id,
                }
            )

        if district.digest is None:
            self._table.delete_item(Key=digest_key(district.district_id))
            return
        with suppress(Conflict), conflicts("noted", "This district is noted already."):
            self._table.put_item(Item=digest_key(district.district_id), ConditionExpression="attribute_not_exists(PK)")

    def find(self, district_id: str) -> District | None:
        if not DISTRICT_ID.fullmatch(district_id):
            return None
        item = self._table.get_item(Key=settings_key(district_id), ConsistentRead=True).get("Item")
        return district_of(item) if item else None

    def get(self, district_id: str) -> District:
        """Raises UnknownDistrict."""
        if district := self.find(district_id):
            return district
        raise UnknownDistrict(
            "unknown_district",
            "This district is not registered. Put its settings at districts/{district_id}/district.json.",
        )

    def by_clever_district(self, clever_district_id: str) -> str | None:
        """The district whose Clever id this is."""
        key = {"PK": f"CLEVER_DISTRICT#{clever_district_id}", "SK": "DISTRICT"}
        item = self._table.get_item(Key=key).get("Item")
        return str(item["district_id"]) if item else None

    def put_schools(self, schools: Iterable[School]) -> None:
        write_many(
            self._table,
            ({"PK": district_pk(s.district_id), "SK": f"SCHOOL#{s.sourced_id}", "name": s.name} for s in schools),
        )

    def school_names(self, district_id: str, school_ids: Iterable[str]) -> dict[str, str]:
        """The names of these schools by sourcedId, as far as they are known."""
        keys = [school_key(district_id, school_id) for school_id in school_ids]
        return {sk.removeprefix("SCHOOL#"): str(item["name"]) for (_, sk), item in get_many(self._table, keys).items()}


class DistrictClassStore:
    """District classes as the roster names them: ``CLASS`` (names, teachers, size) and ``MEMBERS`` (students)."""

    def __init__(self, table: Any) -> None:
        self._table = table

    @staticmethod
    def items(one: DistrictClass) -> list[Item]:
        """What is stored of a class; the import writes them many at a time."""
        pk = class_pk(one.district_id, one.sourced_id)
        return [
            {
                "PK": pk,
                "SK": "CLASS",
                "title": one.title,
                "school_id": one.school_id,
                "course_title": one.course_title,
                "class_code": one.class_code,
                "term_title": one.term_title,
                "ends_on": one.ends_on,
                "teacher_ids": list(one.teacher_ids),
                "size": one.size,
            },
            {"PK": pk, "SK": "MEMBERS", "student_ids": list(one.student_ids)},
        ]

    @staticmethod
    def keys(district_id: str, class_id: str) -> list[dict[str, str]]:
        pk = class_pk(district_id, class_id)
        return [{"PK": pk, "SK": "CLASS"}, {"PK": pk, "SK": "MEMBERS"}]

    def get(self, district_id: str, class_id: str) -> DistrictClass | None:
        """The class with its students."""
        return self.get_many(district_id, [class_id], with_students=True).get(class_id)

    def get_many(
        self, district_id: str, class_ids: Iterable[str], *, with_students: bool = False
    ) -> dict[str, DistrictClass]:
        """The classes by sourcedId; students are only read when asked for."""
        wanted = list(dict.fromkeys(class_ids))
        keys = [key for c in wanted for key in self.keys(district_id, c)[: 2 if with_students else 1]]
        found = get_many(self._table, keys)
        classes = {}
        for class_id in wanted:
            pk = class_pk(district_id, class_id)
            if item := found.get((pk, "CLASS")):
                members = found.get((pk, "MEMBERS"), {})
                classes[class_id] = district_class_of(district_id, class_id, item, members)
        return classes


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

    def made_again(self, owner_account_id: str, class_id: str) -> set[tuple[str, str, str]]:
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


def class_key(district_id: str, class_id: str) -> Key:
    return {"PK": class_pk(district_id, class_id), "SK": "CLASS"}


def district_class_of(district_id: str, class_id: str, item: Item, members: Item) -> DistrictClass:
    """The class; without students where ``members`` is empty because nobody asked for them."""
    return DistrictClass(
        district_id,
        class_id,
        item["title"],
        item.get("school_id"),
        item.get("course_title"),
        item.get("class_code"),
        item.get("term_title"),
        item.get("ends_on"),
        tuple(item.get("teacher_ids", ())),
        tuple(members.get("student_ids", ())),
        int(item["size"]),
    )


def district_of(item: Item) -> District:
    return District.model_validate_json(item["body"])


def school_key(district_id: str, school_id: str) -> Key:
    return {"PK": district_pk(district_id), "SK": f"SCHOOL#{school_id}"}


def settings_key(district_id: str) -> Key:
    return {"PK": district_pk(district_id), "SK": "SETTINGS"}
