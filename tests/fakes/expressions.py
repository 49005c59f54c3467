"""DynamoDB's conditions, evaluated on items in memory; ``updates`` reads updates with the same reader.

A small recursive-descent reader of the grammar in the DynamoDB developer guide, as far as the stores use it; what it does
not know it refuses loudly, so that no expression is ever half understood. Held to moto and DynamoDB Local by
``test_dynamodb_contract.py``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

type Item = dict[str, Any]
type Path = tuple[str | int, ...]


class UnknownExpression(AssertionError):
    """The fake does not know this expression: implement it, do not guess."""


@dataclass(frozen=True)
class Scope:
    """What an expression is evaluated on: the item (empty if there is none), the values, and the names behind ``#``."""

    item: Mapping[str, Any]
    values: Mapping[str, Any]
    names: Mapping[str, str]


_TOKEN = re.compile(
    r"\s*(?:(?P<op><>|<=|>=|=|<|>|\+|-|\(|\)|,|\.|\[|\])|(?P<number>\d+)|(?P<word>[#:]?[A-Za-z_][A-Za-z0-9_]*))"
)
_KEYWORDS = {"AND", "OR", "NOT", "BETWEEN", "IN", "SET", "REMOVE", "ADD", "DELETE"}
MISSING = object()

type Eval = Callable[[Scope], Any]


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    position = 0
    text = text.strip()
    while position < len(text):
        step = _TOKEN.match(text, position)
        if not step:
            raise UnknownExpression(f"cannot read {text[position:]!r}")
        found.append(step.group().strip())
        position = step.end()
    return found


class Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _tokens(text)
        self.position = 0

    def peek(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def keyword(self) -> str:
        word = self.peek().upper()
        return word if word in _KEYWORDS else ""

    def take(self, *expected: str) -> str:
        token = self.peek()
        if expected and token not in expected and token.upper() not in expected:
            raise UnknownExpression(f"expected {expected} at {token!r} in {self.text!r}")
        self.position += 1
        return token

    def path(self) -> Callable[[Scope], Path]:
        steps: list[str | int] = [self.take()]
        while self.peek() in (".", "["):
            if self.take() == ".":
                steps.append(self.take())
            else:
                steps.append(int(self.take()))
                self.take("]")

        def resolve(scope: Scope) -> Path:
            return tuple(scope.names[s] if isinstance(s, str) and s.startswith("#") else s for s in steps)

        return resolve

    def operand(self) -> Eval:
        token = self.peek()
        if token.startswith(":"):
            self.take()
            return lambda scope: scope.values[token]
        if token == "size":
            self.take()
            self.take("(")
            inner = self.operand()
            self.take(")")
            return lambda scope: MISSING if (value := inner(scope)) is MISSING else Decimal(len(value))
        resolve = self.path()
        return lambda scope: look_up(scope.item, resolve(scope))

    def condition(self) -> Eval:
        left = self._all_of()
        while self.keyword() == "OR":
            self.take()
            left = (lambda a, b: lambda scope: a(scope) or b(scope))(left, self._all_of())
        return left

    def _all_of(self) -> Eval:
        left = self._negated()
        while self.keyword() == "AND":
            self.take()
            left = (lambda a, b: lambda scope: a(scope) and b(scope))(left, self._negated())
        return left

    def _negated(self) -> Eval:
        if self.keyword() == "NOT":
            self.take()
            inner = self._negated()
            return lambda scope: not inner(scope)
        return self._term()

    def _term(self) -> Eval:
        token = self.peek()
        if token == "(":
            self.take()
            inner = self.condition()
            self.take(")")
            return inner
        if token in ("attribute_exists", "attribute_not_exists"):
            self.take()
            self.take("(")
            resolve = self.path()
            self.take(")")
            wanted = token == "attribute_exists"
            return lambda scope: (look_up(scope.item, resolve(scope)) is not MISSING) is wanted
        if token in ("begins_with", "contains"):
            self.take()
            self.take("(")
            left = self.operand()
            self.take(",")
            right = self.operand()
            self.take(")")
            return _begins_with(left, right) if token == "begins_with" else _contains(left, right)
        return self._comparison()

    def _comparison(self) -> Eval:
        left = self.operand()
        if self.keyword() == "BETWEEN":
            self.take()
            low = self.operand()
            self.take("AND")
            high = self.operand()
            return lambda scope: _compare(">=", left(scope), low(scope)) and _compare("<=", left(scope), high(scope))
        if self.keyword() == "IN":
            self.take()
            self.take("(")
            options = [self.operand()]
            while self.peek() == ",":
                self.take()
                options.append(self.operand())
            self.take(")")
            return lambda scope: any(_compare("=", left(scope), option(scope)) for option in options)
        operator = self.take("=", "<>", "<", "<=", ">", ">=")
        right = self.operand()
        return lambda scope: _compare(operator, left(scope), right(scope))

    def update_value(self) -> Eval:
        left = self._update_operand()
        while self.peek() in ("+", "-"):
            sign = 1 if self.take() == "+" else -1
            left = (lambda a, b, s: lambda scope: a(scope) + s * b(scope))(left, self._update_operand(), sign)
        return left

    def _update_operand(self) -> Eval:
        token = self.peek()
        if token == "if_not_exists":
            self.take()
            self.take("(")
            resolve = self.path()
            self.take(",")
            default = self.update_value()
            self.take(")")

            def evaluate(scope: Scope) -> Any:
                present = look_up(scope.item, resolve(scope))
                return default(scope) if present is MISSING else present

            return evaluate
        if token == "list_append":
            self.take()
            self.take("(")
            first = self.update_value()
            self.take(",")
            second = self.update_value()
            self.take(")")
            return lambda scope: [*first(scope), *second(scope)]
        return self.operand()


def look_up(item: Any, path: Path) -> Any:
    """The value at a path, or MISSING."""
    step: Any
    for step in path:
        if (isinstance(item, Mapping) and step in item) or (
            isinstance(item, list) and isinstance(step, int) and step < len(item)
        ):
            item = item[step]
        else:
            return MISSING
    return item


def _begins_with(left: Eval, right: Eval) -> Eval:
    def evaluate(scope: Scope) -> bool:
        value = left(scope)
        return isinstance(value, str) and value.startswith(right(scope))

    return evaluate


def _contains(left: Eval, right: Eval) -> Eval:
    def evaluate(scope: Scope) -> bool:
        value = left(scope)
        return value is not MISSING and right(scope) in value

    return evaluate


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "BOOL"
    if isinstance(value, int | Decimal):
        return "N"
    return type(value).__name__


def _compare(operator: str, left: Any, right: Any) -> bool:
    if left is MISSING or right is MISSING:
        return False
    same_kind = _kind(left) == _kind(right)
    match operator:
        case "=":
            return bool(same_kind and left == right)
        case "<>":
            return bool(not same_kind or left != right)
        case "<":
            return bool(same_kind and left < right)
        case "<=":
            return bool(same_kind and left <= right)
        case ">":
            return bool(same_kind and left > right)
        case _:
            return bool(same_kind and left >= right)


@lru_cache(maxsize=4096)
def condition(text: str) -> Eval:
    """The predicate that a ConditionExpression, FilterExpression or KeyConditionExpression states."""
    reader = Reader(text)
    found = reader.condition()
    if reader.peek():
        raise UnknownExpression(f"{reader.peek()!r} is left over in {text!r}")
    return found


def copied(value: Any) -> Any:
    """A deep copy of DynamoDB data, with numbers as boto3 returns them: as Decimal."""
    if isinstance(value, str | bool | bytes | Decimal) or value is None:
        return value
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, Mapping):
        return {name: copied(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [copied(inner) for inner in value]
    if isinstance(value, set | frozenset):
        return {copied(inner) for inner in value}
    raise TypeError(f"DynamoDB holds no {type(value).__name__}")
