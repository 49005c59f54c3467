"""DynamoDB in memory, at the level of boto3's Table resource: fast enough for a hundred thousand runs.

Where moto differs from DynamoDB, this does as DynamoDB does, and no less strictly: docs/aws-behaviour.md has each rule with its
source and its test. Every call is held against IAM, goes through ``gate``, which counts it and may make it fail, and is metered.
An attribute of which docs/personal-data.md does not say for what and for how long is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from tests.attributes import check as check_attributes
from tests.fakes.expressions import Item, Scope, condition, copied
from tests.fakes.requests import check, check_expressions, check_key, check_value, invalid
from tests.fakes.updates import update
from tests.iam.guard import GUARD

BotoFake: Any = object
"""Base of what stands for a client of boto3. As it is Any, mypy takes a fake where the client is asked for."""

type Effect = Callable[[], dict[str, Any]]
type Gate = Callable[[str, str, dict[str, Any], Effect], dict[str, Any]]
"""(service, operation, request, effect) → the response; calls ``effect`` never, once, or late."""

ITEM_LIMIT = 400 * 1024
TRANSACTION_LIMIT = 4 * 1024 * 1024
PAGE_LIMIT = 1024 * 1024
"""Bytes of the items that one page of a query reads, before its filter."""
BATCH_LIMIT = 16 * 1024 * 1024
"""Bytes that a BatchGetItem returns; the rest is handed back as UnprocessedKeys."""


def ungated(_service: str, _operation: str, _request: dict[str, Any], effect: Effect) -> dict[str, Any]:
    """A gate that lets everything through."""
    return effect()


def error(code: str, operation: str, message: str = "", **more: Any) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": message or code}, **more}
    return ClientError(response, operation)


def item_size(value: Any) -> int:
    """Bytes as DynamoDB counts them (developer guide, "Item sizes and formats")."""
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, bool) or value is None:
        return 1
    if isinstance(value, int | Decimal):
        return (len(Decimal(value).normalize().as_tuple().digits) + 1) // 2 + 1
    if isinstance(value, Mapping):
        return 3 + sum(item_size(str(name)) + item_size(inner) + 1 for name, inner in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return 3 + sum(item_size(inner) + 1 for inner in value)
    return len(value)


def whole_item_size(item: Mapping[str, Any]) -> int:
    return sum(item_size(name) + item_size(value) for name, value in item.items())


def units(size: int, unit: int = 1024) -> int:
    return max(1, -(-size // unit))


@dataclass
class Meter:
    """What was used: write units by kind of item, read units, requests by operation."""

    write_units: dict[str, int] = field(default_factory=dict)
    read_units: float = 0
    requests: dict[str, int] = field(default_factory=dict)

    def wrote(self, key: Mapping[str, Any], size: int, factor: int = 1) -> None:
        kind = _kind((str(key["PK"]), str(key["SK"])))
        self.write_units[kind] = self.write_units.get(kind, 0) + units(size) * factor


class MemoryTable(BotoFake):  # type: ignore[misc]
    """One table with keys PK and SK. ``now`` returns seconds, for the life of a ClientRequestToken."""

    def __init__(
        self,
        name: str = "table",
        *,
        gate: Gate = ungated,
        now: Callable[[], float] = lambda: 0.0,
        is_metered: bool = True,
    ) -> None:
        """``is_metered=False`` neither counts units nor bounds sizes and values, for runs by the hundred thousand."""
        self.name = self.table_name = name
        self.items: dict[tuple[str, str], Item] = {}
        self._partitions: dict[str, set[str]] = {}
        self._kinds: dict[str, dict[tuple[str, str], None]] = {}
        self.meter = Meter()
        self.held: set[tuple[str, str]] = set()
        """Keys that somebody else's transaction holds at this moment: whoever writes them meets a conflict."""
        self.meta = SimpleNamespace(client=MemoryClient(self))
        self.listeners: list[Callable[[Item | None, Item | None], None]] = []
        self._gate = gate
        self._now = now
        self._is_metered = is_metered
        self._size: Callable[[Item], int] = whole_item_size if is_metered else lambda _item: 1
        self._tokens: dict[str, tuple[float, str]] = {}

    def take_over(self, other: MemoryTable) -> None:
        """Hold what another table holds."""
        self.items = {key: copied(item) for key, item in other.items.items()}
        self._partitions = {pk: set(sks) for pk, sks in other._partitions.items()}
        self._kinds = {kind: dict(keys) for kind, keys in other._kinds.items()}

    def of_kind(self, kind: str) -> Iterator[tuple[tuple[str, str], Item]]:
        """The items whose sort key begins with this kind, such as LINK; without a call, for whoever looks from outside."""
        return ((key, self.items[key]) for key in self._kinds.get(kind, ()) if key in self.items)

    def expire(self) -> None:
        """Delete what has expired, as DynamoDB does: without a call, whoever is at work on it."""
        now = self._now()
        for key in [key for key, item in self.items.items() if item.get("ttl", now) < now]:
            self._remove(key)

    def _remove(self, key: tuple[str, str]) -> None:
        self.items.pop(key, None)
        self._partitions.get(key[0], set()).discard(key[1])
        self._kinds.get(_kind(key), {}).pop(key, None)

    # What boto3's Table offers.

    def get_item(self, **request: Any) -> dict[str, Any]:
        return self._call("GetItem", request, lambda: self._get(request))

    def put_item(self, **request: Any) -> dict[str, Any]:
        return self._call("PutItem", request, lambda: self._write("PutItem", {"Put": request}))

    def update_item(self, **request: Any) -> dict[str, Any]:
        return self._call("UpdateItem", request, lambda: self._write("UpdateItem", {"Update": request}))

    def delete_item(self, **request: Any) -> dict[str, Any]:
        return self._call("DeleteItem", request, lambda: self._write("DeleteItem", {"Delete": request}))

    def query(self, **request: Any) -> dict[str, Any]:
        return self._call("Query", request, lambda: self._query(request))

    def scan(self, **request: Any) -> dict[str, Any]:
        """Everything, on pages of 1,000 items."""

        def effect() -> dict[str, Any]:
            start = key_of(request["ExclusiveStartKey"]) if "ExclusiveStartKey" in request else ("", "")
            keys = sorted(key for key in self.items if key > start)[:1_001]
            found = {"Items": [copied(self.items[key]) for key in keys[:1_000]]}
            return {**found, "LastEvaluatedKey": _key_dict(keys[999])} if len(keys) > 1_000 else found

        return self._call("Scan", request, effect)

    # Inside.

    def _call(self, operation: str, request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        self.meter.requests[operation] = self.meter.requests.get(operation, 0) + 1
        check(operation, request)
        GUARD.check("dynamodb", operation, request)
        return self._gate("dynamodb", operation, request, effect)

    def _get(self, request: Mapping[str, Any]) -> dict[str, Any]:
        item = self.items.get(key_of(request["Key"]))
        self.meter.read_units += units(self._size(item or {}), 4096) * (1 if request.get("ConsistentRead") else 0.5)
        return {"Item": copied(item)} if item is not None else {}

    def _query(self, request: Mapping[str, Any]) -> dict[str, Any]:
        names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
        is_wanted = condition(request["KeyConditionExpression"])
        is_kept = _predicate(request.get("FilterExpression"))
        candidates = self._of_partition(request["KeyConditionExpression"], values)
        keys = sorted(key for key in candidates if is_wanted(Scope({"PK": key[0], "SK": key[1]}, values, names)))
        if request.get("ScanIndexForward") is False:
            keys.reverse()
        if start := request.get("ExclusiveStartKey"):
            last = key_of(start)
            keys = [k for k in keys if (k < last if request.get("ScanIndexForward") is False else k > last)]
        limit = request.get("Limit", len(keys) or 1)
        if limit < 1:
            raise invalid("Query", "Value '0' at 'limit' failed to satisfy constraint: greater than or equal to 1")
        page, size = self._page(keys[:limit])
        rest = keys[len(page) :]
        read = [self.items[key] for key in page]
        self.meter.read_units += units(size, 4096) * (1 if request.get("ConsistentRead") else 0.5)
        found = [copied(item) for item in read if is_kept(Scope(item, values, names))]
        answer: dict[str, Any] = {"Count": len(found), "ScannedCount": len(read)}
        if request.get("Select") != "COUNT":
            answer["Items"] = found
        if rest:
            answer["LastEvaluatedKey"] = {"PK": page[-1][0], "SK": page[-1][1]}
        return answer

    def _page(self, keys: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], int]:
        """The keys that fit into a page, the one that goes beyond it included, and the bytes of their items."""
        size = 0
        for number, key in enumerate(keys, 1):
            size += self._size(self.items[key])
            if size >= PAGE_LIMIT:
                return keys[:number], size
        return keys, size

    def _of_partition(self, expression: str, values: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """The keys of the one partition that a query is about; all keys where the expression does not say it plainly."""
        found = re.match(r"PK = (:\w+)", expression)
        if not found:
            return self.items
        return [(values[found[1]], sk) for sk in self._partitions.get(values[found[1]], ())]

    def _write(self, operation: str, write: Mapping[str, Any]) -> dict[str, Any]:
        ((kind, request),) = write.items()
        if written_key(kind, request) in self.held:
            raise error("TransactionConflictException", operation, "Transaction is ongoing for the item")
        before = self.items.get(written_key(kind, request))
        if not self._condition_holds(request, before):
            self.meter.wrote(_key_dict(written_key(kind, request)), self._size(before or {}))
            shown = (
                {"Item": copied(before)}
                if request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and before
                else {}
            )
            raise error("ConditionalCheckFailedException", operation, "The conditional request failed", **shown)
        after = self._after(kind, request, before)
        self._store(written_key(kind, request), before, after)
        match request.get("ReturnValues", "NONE"):
            case "ALL_NEW":
                return {"Attributes": copied(after)}
            case "ALL_OLD":
                return {"Attributes": copied(before)} if before else {}
            case "NONE":
                return {}
            case other:
                raise AssertionError(f"ReturnValues {other} is not known here")

    def _condition_holds(self, request: Mapping[str, Any], before: Item | None) -> bool:
        names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
        return bool(_predicate(request.get("ConditionExpression"))(Scope(before or {}, values, names)))

    def _after(self, kind: str, request: Mapping[str, Any], before: Item | None) -> Item | None:
        if kind == "Delete":
            return None
        if kind == "Put":
            after: Item = copied(request["Item"])
        else:
            scope = Scope(
                before if before is not None else dict(request["Key"]),
                request.get("ExpressionAttributeValues", {}),
                request.get("ExpressionAttributeNames", {}),
            )
            after = update(request["UpdateExpression"])(scope)
        if self._is_metered:
            check_attributes(after)
            for value in after.values():
                check_value(kind, value)
        if self._size(after) > ITEM_LIMIT:
            raise invalid(kind, "Item size has exceeded the maximum allowed size")
        return after

    def _store(self, key: tuple[str, str], before: Item | None, after: Item | None, factor: int = 1) -> None:
        self.meter.wrote(_key_dict(key), max(self._size(before or {}), self._size(after or {})), factor)
        if after is None:
            self._remove(key)
        else:
            self.items[key] = after
            self._partitions.setdefault(key[0], set()).add(key[1])
            self._kinds.setdefault(_kind(key), {})[key] = None
        if before != after:
            for listener in self.listeners:
                listener(before, after)

    def _transact(self, request: Mapping[str, Any]) -> dict[str, Any]:
        writes = request["TransactItems"]
        for write in writes:
            check_expressions("TransactWriteItems", next(iter(write.values())))
        token = request.get("ClientRequestToken")
        if token and token in self._tokens and self._now() - self._tokens[token][0] < 600:
            if self._tokens[token][1] != repr(writes):
                raise error("IdempotentParameterMismatchException", "TransactWriteItems")
            return {}
        keys = [written_key(*next(iter(write.items()))) for write in writes]
        if len(writes) > 100 or len(set(keys)) != len(keys):
            raise invalid("TransactWriteItems", "too many items, or an item twice")
        if any(key in self.held for key in keys):
            in_the_way = [{"Code": "TransactionConflict" if key in self.held else "None"} for key in keys]
            raise error("TransactionCanceledException", "TransactWriteItems", CancellationReasons=in_the_way)
        reasons, afters = [], []
        for write, key in zip(writes, keys, strict=True):
            ((kind, one),) = write.items()
            before = self.items.get(key)
            holds = self._condition_holds(one, before)
            reasons.append({"Code": "None"} if holds else {"Code": "ConditionalCheckFailed"})
            afters.append(self._after(kind, one, before) if holds and kind != "ConditionCheck" else before)
        if any(reason["Code"] != "None" for reason in reasons):
            for key in keys:
                self.meter.wrote(_key_dict(key), self._size(self.items.get(key, {})), 2)
            raise error("TransactionCanceledException", "TransactWriteItems", CancellationReasons=reasons)
        if sum(self._size(after or {}) for after in afters) > TRANSACTION_LIMIT:
            raise invalid("TransactWriteItems", "over 4 MB")
        for key, after in zip(keys, afters, strict=True):
            self._store(key, self.items.get(key), after, 2)
        if token:
            self._tokens[token] = (self._now(), repr(writes))
        return {}


class MemoryClient:
    """What ``table.meta.client`` offers: the calls that name their table, with plain Python values."""

    def __init__(self, table: MemoryTable) -> None:
        self._table = table

    def transact_write_items(self, **request: Any) -> dict[str, Any]:
        table = self._table
        for write in request["TransactItems"]:
            ((_, one),) = write.items()
            if one["TableName"] != table.name:
                raise error("ResourceNotFoundException", "TransactWriteItems")
        return table._call("TransactWriteItems", request, lambda: table._transact(request))

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        table = self._table

        def effect() -> dict[str, Any]:
            ((name, wanted),) = request["RequestItems"].items()
            keys = [key_of(key) for key in wanted["Keys"]]
            if not 1 <= len(keys) <= 100 or len(set(keys)) != len(keys):
                raise invalid("BatchGetItem", "no key, too many of them, or one twice")
            found: list[Item] = []
            size = done = 0
            for key in wanted["Keys"]:
                if size > BATCH_LIMIT:
                    break
                done += 1
                if item := table._get({**wanted, "Key": key}).get("Item"):
                    size += table._size(item)
                    found.append(item)
            left = wanted["Keys"][done:]
            return {"Responses": {name: found}, "UnprocessedKeys": {name: {**wanted, "Keys": left}} if left else {}}

        return table._call("BatchGetItem", request, effect)

    def batch_write_item(self, **request: Any) -> dict[str, Any]:
        table = self._table

        def effect() -> dict[str, Any]:
            ((name, writes),) = request["RequestItems"].items()
            keys = [written_key(kind.removesuffix("Request"), one) for write in writes for kind, one in write.items()]
            if not 1 <= len(writes) <= 25 or len(set(keys)) != len(keys):
                raise invalid("BatchWriteItem", "no item, too many of them, or one twice")
            left = [write for write, key in zip(writes, keys, strict=True) if key in table.held]
            for write in (write for write in writes if write not in left):
                ((kind, one),) = write.items()
                table._write("BatchWriteItem", {kind.removesuffix("Request"): one})
            return {"UnprocessedItems": {name: left} if left else {}}

        return table._call("BatchWriteItem", request, effect)

    def get_item(self, *, TableName: str, **request: Any) -> dict[str, Any]:
        return self._table.get_item(**request)

    def put_item(self, *, TableName: str, **request: Any) -> dict[str, Any]:
        return self._table.put_item(**request)

    def update_item(self, *, TableName: str, **request: Any) -> dict[str, Any]:
        return self._table.update_item(**request)

    def delete_item(self, *, TableName: str, **request: Any) -> dict[str, Any]:
        return self._table.delete_item(**request)

    def query(self, *, TableName: str, **request: Any) -> dict[str, Any]:
        return self._table.query(**request)


def key_of(key: Mapping[str, Any]) -> tuple[str, str]:
    """The two parts. Raises ValidationException for what is no key, also where it is only read."""
    return check_key("Key", key)


def _kind(key: tuple[str, str]) -> str:
    return key[1].partition("#")[0]


def _key_dict(key: tuple[str, str]) -> dict[str, str]:
    return {"PK": key[0], "SK": key[1]}


def written_key(kind: str, request: Mapping[str, Any]) -> tuple[str, str]:
    """The key that a Put, Update, Delete or ConditionCheck is about."""
    return key_of(request["Item"] if kind == "Put" else request["Key"])


def _predicate(expression: str | None) -> Callable[[Scope], Any]:
    return (lambda _scope: True) if expression is None else condition(expression)
