"""DynamoDB's table with plain Python values: what stores call of boto3's Table, on a client that is made at the first call.

boto3's own Table wants the whole of its resources before the first read (docs/decisions/0060-what-a-cold-start-pays-for.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from decimal import Clamped, Context, Decimal, Inexact, Overflow, Rounded, Underflow
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.service_resource import Table

_NUMBERS = Context(Emin=-128, Emax=126, prec=38, traps=[Clamped, Overflow, Inexact, Rounded, Underflow])
"""The numbers that DynamoDB can hold; any other raises."""
_ATTRIBUTES = {"Attributes", "ExclusiveStartKey", "ExpressionAttributeValues", "Item", "Key", "LastEvaluatedKey"}
"""Parts of a request or a response that are values by name."""
_LISTS = {"Items", "Keys"}
"""Parts that are lists of such."""

type Attributes = Mapping[str, Any]
type Operation = Callable[..., dict[str, Any]]


def plain_table(name: str, client: Callable[[], DynamoDBClient]) -> Table:
    """The table of this name. ``client`` is asked at the first call."""
    return cast("Table", _PlainTable(name, _PlainClient(client)))


class _PlainClient:
    """The operations of a client, with plain values."""

    def __init__(self, client: Callable[[], DynamoDBClient]) -> None:
        self._client = client

    def __getattr__(self, operation: str) -> Operation:
        """Any operation of the client, by its name."""

        def call(**request: Any) -> dict[str, Any]:
            response = getattr(self._client(), operation)(**_converted(request, typed))
            return cast(dict[str, Any], _converted(response, plain))

        return call


class _Meta:
    def __init__(self, client: _PlainClient) -> None:
        self.client = client


class _PlainTable:
    """The operations that are on one table."""

    def __init__(self, name: str, client: _PlainClient) -> None:
        self.name = name
        self.meta = _Meta(client)

    def __getattr__(self, operation: str) -> Operation:
        """Any operation of the client that names one table, by its name."""
        call = getattr(self.meta.client, operation)
        return lambda **request: call(TableName=self.name, **request)


def _converted(part: Any, convert: Callable[[Any], Any]) -> Any:
    """A request or a response, in which every value of an attribute is converted."""
    if isinstance(part, list):
        return [_converted(one, convert) for one in part]
    if not isinstance(part, Mapping):
        return part
    return {name: _part(name, value, convert) for name, value in part.items()}


def _part(name: str, value: Any, convert: Callable[[Any], Any]) -> Any:
    if name in _ATTRIBUTES:
        return _each(value, convert)
    if name in _LISTS:
        return [_each(one, convert) for one in value]
    if name == "Responses":  # of a batch: the items of each table
        return {table: [_each(item, convert) for item in items] for table, items in value.items()}
    return _converted(value, convert)


def _each(attributes: Attributes, convert: Callable[[Any], Any]) -> dict[str, Any]:
    return {name: convert(value) for name, value in attributes.items()}


def typed(value: Any) -> dict[str, Any]:
    """A value as DynamoDB wants it, with its type. Raises TypeError for one that it has no type for."""
    match value:
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int() | Decimal():
            return {"N": _number(value)}
        case None:
            return {"NULL": True}
        case Mapping():
            return {"M": _each(value, typed)}
        case list() | tuple():
            return {"L": [typed(one) for one in value]}
        case AbstractSet():
            return _typed_set(value)
        case bytes() | bytearray():
            return {"B": value}
    raise TypeError(f"DynamoDB has no type for {type(value).__name__}")


def _typed_set(values: AbstractSet[Any]) -> dict[str, Any]:
    if all(isinstance(one, int | Decimal) for one in values):
        return {"NS": [_number(one) for one in values]}
    if all(isinstance(one, str) for one in values):
        return {"SS": list(values)}
    raise TypeError("DynamoDB has sets of texts and of numbers alone")


def _number(value: int | Decimal) -> str:
    number = _NUMBERS.create_decimal(value)
    if not number.is_finite():
        raise TypeError("DynamoDB has finite numbers alone")
    return str(number)


def plain(value: Attributes) -> Any:
    """A value of DynamoDB's, without its type."""
    ((kind, inner),) = value.items()
    match kind:
        case "S" | "BOOL" | "B":
            return inner
        case "N":
            return _NUMBERS.create_decimal(inner)
        case "M":
            return _each(inner, plain)
        case "L":
            return [plain(one) for one in inner]
        case "SS":
            return set(inner)
        case "NS":
            return {_NUMBERS.create_decimal(one) for one in inner}
        case "NULL":
            return None
    raise TypeError(f"no value of a table: {kind}")
