"""A line of the accounts feed: its schema, and the account it becomes."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.domain.account import Account, Assignment, Goal, GrassrootsClass
from shared.domain.email_address import normalise

_LONGEST_LINE = 5_000_000


type Id = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
type Points = Annotated[int, Field(ge=0, le=100)]
type Moment = Annotated[str, Field(max_length=40)]


class _Body(BaseModel):
    """Part of a line; what the contract does not name is ignored."""

    model_config = ConfigDict(extra="ignore")


class _Skill(_Body):
    points: Points
    updated_at: Moment


class _Goal(_Body):
    goal_id: Id
    title: str
    skill_ids: list[Id] = []


class _Assignment(_Body):
    assignment_id: Id
    title: str
    content_id: str = ""
    scores: dict[Id, Points] = {}
    created_at: Moment | None = None


class ClassLine(_Body):
    """A class of an account."""

    class_id: Id
    name: str
    created_at: Moment | None = None
    last_activity_at: Moment | None = None
    student_account_ids: list[Id] = []
    goals: list[_Goal] = []
    assignments: list[_Assignment] = []


class AccountLine(_Body):
    """One line of the feed (docs/uploads.md). What is absent stays as it is."""

    account_id: Id
    role: Literal["teacher", "student"] = "student"
    display_name: str = ""
    username: str = ""
    email: str | None = None
    email_verified: bool = False
    google_sub: Id | None = None
    clever_id: Id | None = None
    created_at: Moment | None = None
    last_login_at: Moment | None = None
    mastery: dict[Id, _Skill] | None = None
    classes: list[ClassLine] | None = None


def account_line(raw: bytes) -> AccountLine:
    """A line of the feed. Raises ValueError when it is too long, no JSON object, or does not fit the schema."""
    if len(raw) > _LONGEST_LINE:
        raise ValueError("the line is too long")
    return AccountLine.model_validate_json(raw)


def account_of(line: AccountLine, before: Account | None) -> Account:
    """The account after this line; what the line does not name stays as it was before."""
    changed = {name: getattr(line, name) for name in line.model_fields_set & set(Account.__slots__)}
    if "email" in changed:
        changed["email"] = normalise(changed["email"])
        changed.setdefault("email_verified", False)
    base = before or Account(line.account_id, line.role, line.display_name or line.username, line.username)
    return replace(base, **changed)


def class_of(owner: str, line: ClassLine) -> GrassrootsClass:
    """A class of the account that owns it."""
    return GrassrootsClass(
        line.class_id,
        owner,
        line.name,
        line.created_at,
        line.last_activity_at,
        tuple(dict.fromkeys(line.student_account_ids)),
        tuple(Goal(goal.goal_id, goal.title, tuple(goal.skill_ids)) for goal in line.goals),
        tuple(
            Assignment(each.assignment_id, each.title, each.content_id, dict(each.scores), each.created_at)
            for each in line.assignments
        ),
    )


def rejection(line: int, error: ValueError) -> dict[str, Any]:
    """Where and what is wrong with a line, without repeating a value: it may be personal."""
    if not isinstance(error, ValidationError):
        return {"line": line, "column": None, "code": "invalid_line", "message": f"{error}."}
    first = error.errors(include_url=False, include_input=False)[0]
    column = ".".join(str(part) for part in first["loc"][:2] if isinstance(part, str)) or None
    if first["type"] == "json_invalid":
        message = "The line is not a JSON object. Write one object a line."
        return {"line": line, "column": column, "code": "not_json", "message": message}
    message = f"{column or 'The line'}: {first['msg']}."
    return {"line": line, "column": column, "code": "invalid_value", "message": message}
