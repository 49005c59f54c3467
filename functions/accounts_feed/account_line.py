"""A line of the accounts feed: its schema, and the account it becomes."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from functions.accounts_feed.feed import LineReject
from shared.domain.account import Account, Assignment, Goal, GrassrootsClass
from shared.domain.clock import from_iso
from shared.domain.email_address import normalise
from shared.domain.federated_identity import Issuers

LONGEST_LINE = 5_000_000
"""In bytes."""
LARGEST_CLASS = 380_000
"""Bytes of a class, or of the scores of one of its assignments: an item of the table may have 400 KB."""
_LONGEST_ID = 400
"""Bytes of an id: two of them, of a class and of an assignment, stand in a sort key, which has 1,024."""
_MOST_IDENTITIES = 20
"""Of an account: each is an item of the table."""
_AROUND_AN_ENTRY = 50
"""Bytes of an entry of a class beside its texts."""


def _fits_into_a_key(value: str) -> str:
    if len(value.encode()) > _LONGEST_ID:
        raise ValueError(f"must have at most {_LONGEST_ID} bytes in UTF-8")
    return value


def _is_a_moment(value: str) -> str:
    try:
        from_iso(value).astimezone(UTC)  # a moment before the first year overflows
    except (ValueError, OverflowError):
        raise ValueError("must be a moment like 2025-08-20T10:00:00Z, or a day like 2025-08-20") from None
    return value


type Id = Annotated[
    str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$"), AfterValidator(_fits_into_a_key)
]
type Issuer = Annotated[
    str,
    Field(max_length=200, pattern=r"^(https?://[^\s#?\x00-\x1f\x7f]+|accounts\.google\.com)$"),
    AfterValidator(_fits_into_a_key),
]
type Text = Annotated[str, Field(max_length=1_000)]
type Points = Annotated[int, Field(ge=0, le=100)]
type Moment = Annotated[str, Field(max_length=40), AfterValidator(_is_a_moment)]


class _Body(BaseModel):
    """Part of a line; what the contract does not name is ignored."""

    model_config = ConfigDict(extra="ignore")


class _Skill(_Body):
    points: Points
    updated_at: Moment


class _Goal(_Body):
    goal_id: Id
    title: Text
    skill_ids: list[Id] = []


class _Assignment(_Body):
    assignment_id: Id
    title: Text
    content_id: Text = ""
    scores: dict[Id, Points] = {}
    created_at: Moment | None = None


class _Identity(_Body):
    issuer: Issuer
    subject: Id


class ClassLine(_Body):
    """A class of an account."""

    class_id: Id
    name: Text
    created_at: Moment | None = None
    last_activity_at: Moment | None = None
    student_account_ids: list[Id] = []
    goals: list[_Goal] = []
    assignments: list[_Assignment] = []

    @model_validator(mode="after")
    def _fits_into_an_item(self) -> ClassLine:
        work = [text for a in self.assignments for text in (a.assignment_id, a.title, a.content_id)]
        goals = [text for goal in self.goals for text in (goal.goal_id, goal.title, *goal.skill_ids)]
        if _size([self.name, *self.student_account_ids, *goals, *work]) > LARGEST_CLASS:
            raise ValueError(f"the class has more students, goals and assignments than {LARGEST_CLASS} bytes hold")
        if any(_size(assignment.scores) > LARGEST_CLASS for assignment in self.assignments):
            raise ValueError(f"an assignment has more scores than {LARGEST_CLASS} bytes hold")
        return self


def _size(texts: Collection[str]) -> int:
    return sum(len(text.encode()) + _AROUND_AN_ENTRY for text in texts)


class AccountLine(_Body):
    """One line of the feed (docs/uploads.md). What is absent stays as it is."""

    account_id: Id
    role: Literal["teacher", "student"] = "student"
    display_name: Text = ""
    username: Text = ""
    email: Text | None = None
    email_verified: bool = False
    google_sub: Id | None = None
    clever_id: Id | None = None
    identities: Annotated[list[_Identity], Field(max_length=_MOST_IDENTITIES)] | None = None
    created_at: Moment | None = None
    last_login_at: Moment | None = None
    closed_at: Moment | None = None
    mastery: dict[Id, _Skill] | None = None
    classes: list[ClassLine] | None = None


_COLUMNS = frozenset(
    name for body in (AccountLine, ClassLine, _Identity, _Skill, _Goal, _Assignment) for name in body.model_fields
)
"""The names that a rejection may repeat; ids of people and skills stand beside them."""


_PLACE = re.compile(r"column (\d+)$")
"""Where JSON cannot be read, in the parser's words."""


def account_line(raw: bytes) -> AccountLine:
    """A line of the feed. Raises ValueError when it is too long, no JSON object, or does not fit the schema."""
    if len(raw) > LONGEST_LINE:
        raise ValueError(f"The line has more than {LONGEST_LINE} bytes")
    return AccountLine.model_validate_json(raw)


def account_of(line: AccountLine, before: Account | None, issuers: Issuers) -> Account:
    """The account after this line; what the line does not name stays as it was before."""
    changed = {name: getattr(line, name) for name in line.model_fields_set & set(Account.__slots__)}
    if "identities" in changed:
        changed["identities"] = tuple(sorted({(issuers.own(i.issuer), i.subject) for i in line.identities or ()}))
    if "email" in changed:
        changed["email"] = normalise(changed["email"])
        # Another address has yet to be verified; the one that stood is what it was.
        is_as_before = before is not None and before.email == changed["email"]
        changed.setdefault("email_verified", is_as_before and before is not None and before.email_verified)
    base = before or Account(line.account_id, line.role, line.display_name or line.username, line.username)
    return replace(base, **changed)


def account_after(lines: Sequence[AccountLine], before: Account | None, issuers: Issuers) -> Account:
    """The account after all of its lines, of which there is one at least; of what two of them name the later one counts."""
    first, *others = lines
    account = account_of(first, before, issuers)
    for line in others:
        account = account_of(line, account, issuers)
    return account


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


def rejection(line: int, error: ValueError, columns: Collection[str] = _COLUMNS) -> LineReject:
    """Where and what is wrong with a line, without repeating a value: it may be personal. ``columns`` may be named."""
    if not isinstance(error, ValidationError):
        return LineReject(line, None, "invalid_line", f"{error}.")
    first = error.errors(include_url=False, include_input=False)[0]
    column = ".".join(part for part in first["loc"] if isinstance(part, str) and part in columns) or None
    if first["type"] == "json_invalid":
        place = _PLACE.search(str(first.get("ctx", {}).get("error", "")))
        at = f" It cannot be read from character {place[1]} on." if place else ""
        message = f"The line is not a JSON object.{at} Write one object a line."
        return LineReject(line, int(place[1]) if place else None, "not_json", message)
    return LineReject(line, column, "invalid_value", f"{column or 'The line'}: {first['msg']}.")
