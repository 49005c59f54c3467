"""What DynamoDB refuses of a request before it looks at an item (API reference, "ValidationException").

The reader of an expression is given each text once; a request then costs a comparison of names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from botocore.exceptions import ClientError
from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords

PARTITION_KEY_LIMIT = 2048
SORT_KEY_LIMIT = 1024
EXPRESSION_LIMIT = 4096
"""Bytes of one expression."""
MOST_OPERATORS = 300
DIGITS = 38
_EXPRESSIONS = (
    "ConditionExpression",
    "UpdateExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "ProjectionExpression",
)
_COMMON = {"TableName", "ReturnConsumedCapacity"}
_WRITES = {
    "ConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues", "ReturnValues",
    "ReturnValuesOnConditionCheckFailure",
}  # fmt: skip
KNOWN = {
    "GetItem": {"Key", "ConsistentRead"},
    "PutItem": {"Item", *_WRITES},
    "UpdateItem": {"Key", "UpdateExpression", *_WRITES},
    "DeleteItem": {"Key", *_WRITES},
    "Query": {
        "KeyConditionExpression", "FilterExpression", "ExpressionAttributeNames", "ExpressionAttributeValues",
        "ConsistentRead", "ScanIndexForward", "Limit", "ExclusiveStartKey", "Select",
    },
    "Scan": {"ConsistentRead", "ExclusiveStartKey"},
    "TransactWriteItems": {"TransactItems", "ClientRequestToken"},
    "BatchGetItem": {"RequestItems"},
    "BatchWriteItem": {"RequestItems"},
}  # fmt: skip
"""Parameters that the fake obeys; it refuses any other, instead of leaving it out."""
_FUNCTIONS = {
    "attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains", "size", "if_not_exists",
    "list_append", "and", "or", "not", "between", "in", "set", "remove", "add", "delete",
}  # fmt: skip
_WORD = re.compile(r"[#:]?[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r"<>|<=|>=|=|<|>|\b(?:AND|OR|NOT|BETWEEN|IN)\b|\w+\(", re.IGNORECASE)


def invalid(operation: str, message: str) -> ClientError:
    response: Any = {"Error": {"Code": "ValidationException", "Message": message}}
    return ClientError(response, operation)


@dataclass(frozen=True, slots=True)
class _Words:
    names: frozenset[str]
    values: frozenset[str]
    plain: frozenset[str]


@lru_cache(maxsize=8192)
def _words(expressions: tuple[str, ...]) -> _Words:
    """The words of all expressions of a request. Raises ValueError for what no request may have."""
    found: set[str] = set()
    for text in expressions:
        if not text.strip():
            raise ValueError("The expression can not be empty;")
        if len(text.encode()) > EXPRESSION_LIMIT:
            raise ValueError("Expression size has exceeded the maximum allowed size;")
        if len(_OPERATOR.findall(text)) > MOST_OPERATORS:
            raise ValueError("Too many operators;")
        found |= set(_WORD.findall(text))
    plain = frozenset(word for word in found if word[0] not in "#:" and word.lower() not in _FUNCTIONS)
    if reserved := [word for word in plain if word.upper() in _reserved()]:
        raise ValueError(f"Attribute name is a reserved keyword; reserved keyword: {reserved[0]}")
    return _Words(frozenset(w for w in found if w[0] == "#"), frozenset(w for w in found if w[0] == ":"), plain)


@lru_cache
def _reserved() -> frozenset[str]:
    """The developer guide's "Reserved words in DynamoDB", as moto has them."""
    return frozenset(word.upper() for word in ReservedKeywords.get_reserved_keywords())


def check(operation: str, request: Mapping[str, Any]) -> None:
    """Raise ValidationException for a request that DynamoDB would not look at; AssertionError for what the fake ignores."""
    if unknown := set(request) - KNOWN[operation] - _COMMON:
        raise AssertionError(f"{operation} has {sorted(unknown)}, of which the fake knows nothing")
    check_expressions(operation, request)


def check_expressions(operation: str, request: Mapping[str, Any]) -> None:
    """The expressions of one request, or of one write of a transaction."""
    texts = tuple(request[name] for name in _EXPRESSIONS if name in request)
    names, values = request.get("ExpressionAttributeNames"), request.get("ExpressionAttributeValues")
    try:
        words = _words(texts)
    except ValueError as wrong:
        raise invalid(operation, f"Invalid expression: {wrong}") from None
    for what, given, used in (("Names", names, words.names), ("Values", values, words.values)):
        if given is not None and not given:
            raise invalid(operation, f"ExpressionAttribute{what} must not be empty")
        if unused := set(given or ()) - used:
            raise invalid(
                operation, f"Value provided in ExpressionAttribute{what} unused in expressions: keys: {unused}"
            )
        if undefined := used - set(given or ()):
            raise invalid(operation, f"An expression attribute used in expression is not defined; {undefined}")
    if "UpdateExpression" in request:
        _check_update(operation, request["UpdateExpression"], names or {})
    if {"PK", "SK"} & _named(request.get("FilterExpression", ""), names or {}):
        raise invalid(operation, "Filter Expression can only contain non-primary key attributes")
    for value in (values or {}).values():
        check_value(operation, value)


def _named(expression: str, names: Mapping[str, str]) -> set[str]:
    return {names.get(word, word) for word in _WORD.findall(expression)} if expression else set()


_CLAUSE = re.compile(r"\b(SET|REMOVE|ADD|DELETE)\b")


def _check_update(operation: str, expression: str, names: Mapping[str, str]) -> None:
    clauses = _clauses(expression)
    targets = [tuple(names.get(part, part) for part in target.split(".")) for target in clauses]
    if {target[0] for target in targets} & {"PK", "SK"}:
        raise invalid(operation, "Cannot update attribute PK or SK. This attribute is part of the key")
    for number, one in enumerate(targets):
        for other in targets[number + 1 :]:
            if one[: len(other)] == other or other[: len(one)] == one:
                raise invalid(
                    operation, "Two document paths overlap with each other; must remove or rewrite one of them"
                )


@lru_cache(maxsize=4096)
def _clauses(expression: str) -> tuple[str, ...]:
    """The path that each part of an update changes. Raises ValidationException for a clause that comes twice."""
    parts = _CLAUSE.split(expression)[1:]
    kinds = parts[::2]
    if len(set(kinds)) != len(kinds):
        raise invalid("UpdateItem", 'The "SET" section can only be used once in an update expression;')
    found: list[str] = []
    for body in parts[1::2]:
        found += [re.split(r"[\s=\[]", action.strip(), maxsplit=1)[0] for action in _top_level(body)]
    return tuple(found)


def _top_level(body: str) -> Iterable[str]:
    """The parts between commas that are in no brackets."""
    depth, part = 0, ""
    for letter in body:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            yield part
            part = ""
        else:
            part += letter
    yield part


def check_value(operation: str, value: Any, depth: int = 0) -> None:
    """Raise ValidationException for a value that no attribute may have."""
    if isinstance(value, str | bool) or value is None:
        return
    if isinstance(value, Decimal) and len(value.as_tuple().digits) > DIGITS:
        raise invalid(operation, "Attempting to store more than 38 significant digits in a Number")
    if isinstance(value, int) and len(str(abs(value)).rstrip("0")) > DIGITS:
        raise invalid(operation, "Attempting to store more than 38 significant digits in a Number")
    if isinstance(value, float):
        raise TypeError("Float types are not supported. Use Decimal types instead.")
    if isinstance(value, set | frozenset) and not value:
        raise invalid(operation, "An string set  may not be empty")
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        if depth > 31:
            raise invalid(operation, "Nesting Levels have exceeded supported limits")
        for inner in value.values() if isinstance(value, Mapping) else value:
            if not isinstance(inner, str):
                check_value(operation, inner, depth + 1)


def check_key(operation: str, key: Mapping[str, Any]) -> tuple[str, str]:
    """The two parts of a key. Raises ValidationException for what is no key, is empty or too long, also where it is read."""
    pk, sk = key["PK"], key["SK"]
    if not isinstance(pk, str) or not isinstance(sk, str):
        raise invalid(operation, "The provided key element does not match the schema")
    if not pk or not sk:
        raise invalid(
            operation,
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string "
            "value.",
        )
    if len(pk.encode()) > PARTITION_KEY_LIMIT or len(sk.encode()) > SORT_KEY_LIMIT:
        raise invalid(operation, "One or more parameter values were invalid: Size of a key has exceeded the limit")
    return pk, sk
