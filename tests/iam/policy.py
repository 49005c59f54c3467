"""IAM's decision on one request, for the part of its language that template.yaml uses; a policy with anything else is refused.

As the IAM user guide says ("Policy evaluation logic", "Condition operators", "Set operators for multivalued context keys").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

type Context = tuple[tuple[str, tuple[str, ...]], ...]
"""What a request says of itself beside action and resource: (condition key, its values)."""

_ELEMENTS = {"Sid", "Effect", "Action", "Resource", "Condition"}
_KEYS = {"dynamodb:LeadingKeys", "ses:FromAddress", "s3:prefix"}


class UnknownPolicy(ValueError):
    """A policy says what this evaluator does not know: teach it, do not guess."""


@dataclass(frozen=True, slots=True)
class Condition:
    """``operator`` of a key's values in the request and these patterns; one of them has to match."""

    operator: str
    key: str
    patterns: tuple[str, ...]

    def holds(self, context: Context) -> bool:
        values = dict(context).get(self.key)
        matches = _like if self.operator.endswith("StringLike") else _equals
        if self.operator.startswith("ForAllValues:"):
            # True where the request has no such key: so it must never be the only guard of a Scan.
            return all(any(matches(pattern, value) for pattern in self.patterns) for value in values or ())
        if self.operator.startswith("ForAnyValue:"):
            return any(any(matches(pattern, value) for pattern in self.patterns) for value in values or ())
        if values is None:
            return False
        if len(values) != 1:
            raise UnknownPolicy(f"{self.key} has several values and {self.operator} asks for one")
        return any(matches(pattern, values[0]) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of an identity-based policy, with every name resolved."""

    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Statement:
        """Raises UnknownPolicy for an element, effect, operator, key or variable that is not known here."""
        if unknown := set(body) - _ELEMENTS:
            raise UnknownPolicy(f"the element {sorted(unknown)[0]}")
        if body["Effect"] not in ("Allow", "Deny"):
            raise UnknownPolicy(f"the effect {body['Effect']}")
        made = cls(
            body["Effect"],
            tuple(_listed(body["Action"])),
            tuple(_listed(body["Resource"])),
            tuple(_conditions(body.get("Condition", {}))),
        )
        patterns = [*made.resources, *(p for condition in made.conditions for p in condition.patterns)]
        if variables := [pattern for pattern in patterns if "${" in pattern]:
            raise UnknownPolicy(f"the variable in {variables[0]}")
        return made

    def is_about(self, action: str, resource: str) -> bool:
        """Whether the statement speaks of this action on this resource; its conditions are another matter."""
        return _is_named(self.actions, action) and any(_like(known, resource) for known in self.resources)

    def applies(self, request: Request) -> bool:
        return self.is_about(request.action, request.resource) and all(
            condition.holds(request.context) for condition in self.conditions
        )


@dataclass(frozen=True, slots=True, order=True)
class Request:
    """One permission that is asked for: an action on one resource."""

    action: str
    resource: str
    context: Context = ()

    def __str__(self) -> str:
        said = ", ".join(value for _, values in self.context for value in values)
        return f"{self.action} on {self.resource}{f' ({said})' if said else ''}"


def allows(statements: Iterable[Statement], request: Request) -> bool:
    """An explicit Deny wins; without an Allow the answer is no."""
    applying = [statement.effect for statement in statements if statement.applies(request)]
    return "Allow" in applying and "Deny" not in applying


def _conditions(body: Mapping[str, Mapping[str, Any]]) -> Iterator[Condition]:
    for operator, keys in body.items():
        if operator.removeprefix("ForAllValues:").removeprefix("ForAnyValue:") not in ("StringEquals", "StringLike"):
            raise UnknownPolicy(f"the operator {operator}")
        for key, patterns in keys.items():
            if key not in _KEYS:
                raise UnknownPolicy(f"the condition key {key}")
            yield Condition(operator, key, tuple(_listed(patterns)))


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


@cache
def _is_named(actions: tuple[str, ...], action: str) -> bool:
    return any(_like(known.lower(), action.lower()) for known in actions)


def _equals(pattern: str, value: str) -> bool:
    return pattern == value


def _like(pattern: str, value: str) -> bool:
    return _matcher(pattern)(value) is not None


@cache
def _matcher(pattern: str) -> Callable[[str], re.Match[str] | None]:
    """``*`` is any text and ``?`` any character; unlike in a shell, brackets mean nothing."""
    text = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(text, re.DOTALL).fullmatch
