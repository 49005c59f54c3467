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


class _Class(_Body):
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
    classes: list[_Class] | None = None


def _account(line: AccountLine, before: Account | None) -> Account:
    said = {name: getattr(line, name) for name in line.model_fields_set & set(Account.__slots__)}
    if "email" in said:
        said["email"] = normalise(said["email"])
        said.setdefault("email_verified", False)
    base = before or Account(line.account_id, line.role, line.display_name or line.username, line.username)
    return replace(base, **said)


def _class(owner: str, one: _Class) -> GrassrootsClass:
    return GrassrootsClass(
        one.class_id,
        owner,
        one.name,
        one.created_at,
        one.last_activity_at,
        tuple(dict.fromkeys(one.student_account_ids)),
        tuple(Goal(g.goal_id, g.title, tuple(g.skill_ids)) for g in one.goals),
        tuple(
            Assignment(a.assignment_id, a.title, a.content_id, dict(a.scores), a.created_at) for a in one.assignments
        ),
    )


def _line(raw: bytes) -> AccountLine:
    if len(raw) > _LONGEST_LINE:
        raise ValueError("the line is too long")
    return AccountLine.model_validate_json(raw)


def _reject(line: int, error: ValueError) -> dict[str, Any]:
    """Where and what is wrong, without repeating a value: it may be personal."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"][:2] if isinstance(part, str)) or None
        is_json = first["type"] == "json_invalid"
        return {
            "line": line,
            "column": where,
            "code": "not_json" if is_json else "invalid_value",
            "message": "The line is not a JSON object. Write one object a line."
            if is_json
            else f"{where or 'The line'}: {first['msg']}.",
        }
    return {"line": line, "column": None, "code": "invalid_line", "message": f"{error}."}
