"""What a role is granted, in its smallest parts, and which of them a request uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.iam.policy import Condition, Request, Statement


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One action on one resource, for one pattern of the statement's condition."""

    role: str
    action: str
    resource: str
    pattern: str = ""

    def __str__(self) -> str:
        return f"{self.role}: {self.action} on {self.resource}{f' for {self.pattern}' if self.pattern else ''}"


def grants(role: str, statements: Iterable[Statement]) -> Iterator[Grant]:
    """All that a role is granted."""
    for statement in statements:
        if statement.effect == "Allow":
            yield from _parts(role, statement)


def grants_of(role: str, statements: Iterable[Statement], request: Request) -> Iterator[Grant]:
    """The grants that allow a request."""
    for statement in statements:
        if statement.effect == "Allow" and statement.applies(request):
            yield from (g for g in _parts(role, statement) if _is_used(g, statement.conditions, request))


def _parts(role: str, statement: Statement) -> Iterator[Grant]:
    patterns = [pattern for condition in statement.conditions for pattern in condition.patterns] or [""]
    for action in statement.actions:
        for resource in statement.resources:
            yield from (Grant(role, action, resource, pattern) for pattern in patterns)


def _is_used(grant: Grant, conditions: tuple[Condition, ...], request: Request) -> bool:
    if not Statement("Allow", (grant.action,), (grant.resource,)).is_about(request.action, request.resource):
        return False
    values = [(each, value) for each in conditions for value in dict(request.context).get(each.key, ())]
    return not grant.pattern or any(
        Condition(each.operator, each.key, (grant.pattern,)).holds(((each.key, (value,)),)) for each, value in values
    )
