"""The one table: how it is read, and how everything is written to it.

A write is built here and made by ``Table.write``; several writes are one transaction. An absent attribute is how None is
stored. In the text of a condition ``#name`` is an attribute, for those whose name is a word of DynamoDB's own, and ``:name``
a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from decimal import Decimal
from time import sleep
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

from botocore.exceptions import ClientError

from shared.domain.errors import AccountLinkingError, Conflict
from shared.stores.keys import Item, Key, Pair, key_of, pair

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import service_resource

ABSENT = "attribute_not_exists(PK)"
"""The condition that there is no such item."""
PRESENT = "attribute_exists(PK)"
"""The condition that there is such an item."""

type Value = str | bytes | int | Decimal | bool | Sequence[Value] | AbstractSet[str] | Mapping[str, Value] | None
"""What an attribute can be. There are no binary fractions: a rate is kept as text."""
type DynamoTable = service_resource.Table
"""boto3's table, which stores are handed."""
type Request = dict[str, Any]
"""The arguments of one call of boto3."""


@dataclass(frozen=True, slots=True)
class _Write:
    """A write, and the condition under which it is made."""

    condition: str = field(default="", kw_only=True)
    names: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    values: Mapping[str, Value] = field(default_factory=dict, kw_only=True)

    def when(self, condition: str, **values: Value) -> Self:
        """Only where this holds. Where it is called again all conditions must hold; one with OR stands in brackets then."""
        return replace(
            self,
            condition=f"{self.condition} AND {condition}" if self.condition else condition,
            names={**self.names, **{f"#{name}": name for name in re.findall(r"#(\w+)", condition)}},
            values=_with(self.values, values),
        )

    def conditions(self) -> Request:
        """The condition, with its names and values, as arguments of a call."""
        request: Request = {"ConditionExpression": self.condition} if self.condition else {}
        if self.names:
            request["ExpressionAttributeNames"] = dict(self.names)
        if self.values:
            request["ExpressionAttributeValues"] = dict(self.values)
        return request


@dataclass(frozen=True, slots=True)
class Put(_Write):
    """Put an item in the place of whatever is there."""

    item: Mapping[str, Any]

    def request(self) -> Request:
        return {"Item": without_none(self.item), **self.conditions()}


@dataclass(frozen=True, slots=True)
class Delete(_Write):
    """Delete an item, if it is there."""

    key: Key

    def request(self) -> Request:
        return {"Key": dict(self.key), **self.conditions()}


@dataclass(frozen=True, slots=True)
class Update(_Write):
    """Change some attributes of an item, which is made where it is not there."""

    key: Key
    clauses: Mapping[str, tuple[str, ...]] = field(default_factory=dict, kw_only=True)

    def set(self, **attributes: Value) -> Self:
        """Set attributes; those that are None are removed."""
        present = without_none(attributes)
        changed = self._with("SET", (f"#{name} = :{name}" for name in present), present, present)
        return changed.remove(*(name for name in attributes if name not in present))

    def set_first(self, **attributes: Value) -> Self:
        """Set attributes that are not there yet; those that are stay as they are."""
        return self._with("SET", (f"#{a} = if_not_exists(#{a}, :{a})" for a in attributes), attributes, attributes)

    def add(self, **amounts: int | AbstractSet[str]) -> Self:
        """Add to numbers, where an absent one is 0, or to sets."""
        return self._with("ADD", (f"#{name} :{name}" for name in amounts), amounts, amounts)

    def discard(self, **elements: AbstractSet[str]) -> Self:
        """Take elements out of sets."""
        return self._with("DELETE", (f"#{name} :{name}" for name in elements), elements, elements)

    def remove(self, *attributes: str) -> Self:
        """Remove attributes."""
        return self._with("REMOVE", (f"#{name}" for name in attributes), attributes)

    def remove_entry(self, attribute: str, entry: str) -> Self:
        """Remove one entry of an attribute that is a map."""
        changed = self._with("REMOVE", [f"#{attribute}.#entry"], [attribute])
        return replace(changed, names={**changed.names, "#entry": entry})

    def _with(
        self, clause: str, parts: Iterable[str], names: Iterable[str], values: Mapping[str, Value] | None = None
    ) -> Self:
        return replace(
            self,
            clauses={**self.clauses, clause: (*self.clauses.get(clause, ()), *parts)},
            names={**self.names, **{f"#{name}": name for name in names}},
            values=_with(self.values, values or {}),
        )

    def request(self) -> Request:
        clauses = (f"{clause} {', '.join(parts)}" for clause, parts in self.clauses.items() if parts)
        return {"Key": dict(self.key), "UpdateExpression": " ".join(clauses), **self.conditions()}


type Write = Put | Update | Delete


class Page(NamedTuple):
    """Some items of a partition; ``last`` is the key of the last one where there may be more."""

    items: list[Item]
    last: Key | None


_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds before a write is tried again that met somebody else's transaction on the same item, which is over in a few of them."""
_HELD_TOGETHER = 500
"""Writes that ``Table.write_all`` collects before it sends them."""


class Pace(Protocol):
    """How fast writes without conditions are sent (``shared.domain.write_pace``)."""

    def wait(self, writes: int) -> float:
        """Seconds to wait before so many are sent."""

    def sent(self, taken: int, refused: int) -> None:
        """What became of them."""


class Table:
    """The table, in the words of the stores. Reads see all that was written before, unless ``consistent`` is False."""

    def __init__(self, dynamo: DynamoTable, pace: Pace | None = None) -> None:
        """``pace`` is for who writes many; without one they go as fast as the table takes them."""
        self._pace = pace
        self._dynamo = dynamo
        self._client = dynamo.meta.client
        self._name = dynamo.name

    @property
    def dynamo(self) -> DynamoTable:
        """The table itself, for a store that another one makes when it needs it."""
        return self._dynamo

    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        """The item of this key."""
        return self._dynamo.get_item(Key=key, ConsistentRead=consistent).get("Item")

    def batch_get(self, keys: Iterable[Key], *, consistent: bool = True) -> dict[Pair, Item]:
        """The items of these keys, by (PK, SK), in batches of 100; keys without an item are left out."""
        wanted = [key_of(each) for each in dict.fromkeys(map(pair, keys))]
        found: dict[Pair, Item] = {}
        for start in range(0, len(wanted), 100):
            request: Any = {self._name: {"Keys": wanted[start : start + 100], "ConsistentRead": consistent}}
            pause = 0.05
            while request:
                response = self._client.batch_get_item(RequestItems=request)
                found |= {pair(item): item for item in response["Responses"].get(self._name, [])}
                if request := response.get("UnprocessedKeys") or {}:
                    sleep(pause)
                    pause = min(pause * 2, 5)
        return found

    def query(
        self,
        pk: str,
        prefix: str = "",
        *,
        between: Pair | None = None,
        until: str | None = None,
        after: Key | None = None,
        page_size: int | None = None,
        consistent: bool = True,
    ) -> Iterator[Item]:
        """The items of a partition in the order of their sort keys, read page after page.

        Only those whose sort key begins with ``prefix``, lies ``between`` two, or comes ``until`` one (each included), and
        comes after that of ``after``. A page has at most ``page_size`` items.
        """
        request = _query(pk, prefix, between, until, consistent=consistent)
        if page_size:
            request["Limit"] = page_size
        while True:
            if after:
                request["ExclusiveStartKey"] = after
            response = self._dynamo.query(**request)
            yield from response["Items"]
            if "LastEvaluatedKey" not in response:
                return
            after = key_of(pair(response["LastEvaluatedKey"]))

    def page(
        self, pk: str, prefix: str = "", *, most: int, after: Key | None = None, newest_first: bool = False
    ) -> Page:
        """The first items of a partition, or those that come ``after`` one, in one read; ``newest_first`` begins at its end."""
        request = _query(pk, prefix)
        if after:
            request["ExclusiveStartKey"] = after
        if newest_first:
            request["ScanIndexForward"] = False
        response = self._dynamo.query(**request, Limit=most)
        last = response.get("LastEvaluatedKey")
        return Page(response["Items"], key_of(pair(last)) if last else None)

    def scan(self) -> Iterator[Item]:
        """Every item there is, read page after page: for what is done once in years."""
        request: Request = {"ConsistentRead": True}
        while True:
            response = self._dynamo.scan(**request)
            yield from response["Items"]
            if "LastEvaluatedKey" not in response:
                return
            request["ExclusiveStartKey"] = response["LastEvaluatedKey"]

    def scanned(self, after: Key | None = None) -> Page:
        """The next items of the whole table in no order, in one read that may miss what was written just now."""
        request: Request = {"ExclusiveStartKey": after} if after else {}
        response = self._dynamo.scan(**request)
        last = response.get("LastEvaluatedKey")
        return Page(response["Items"], key_of(pair(last)) if last else None)

    def write(self, *writes: Write, otherwise: AccountLinkingError | None = None) -> None:
        """Make a write; several are one transaction: all of them are made, or none.

        Raises ``otherwise`` where a condition does not hold. Where somebody else's transaction holds an item at this moment,
        nothing was made and no condition was looked at: it is tried again, and at last DynamoDB's own error is raised.
        """
        try:
            self._write(writes)
        except ClientError as error:
            if otherwise and is_refused_condition(error):
                raise otherwise from None
            raise

    def attempt(self, *writes: Write) -> bool:
        """``write``, and whether it was made: False where a condition does not hold."""
        try:
            self.write(*writes, otherwise=Conflict("condition_refused", "The condition of a write does not hold."))
        except Conflict:
            return False
        return True

    def _write(self, writes: tuple[Write, ...]) -> None:
        match writes:
            case [Put() as put]:
                _unhindered(self._dynamo.put_item, put.request())
            case [Update() as update]:
                _unhindered(self._dynamo.update_item, update.request())
            case [Delete() as delete]:
                _unhindered(self._dynamo.delete_item, delete.request())
            case _:
                items: Any = [{type(write).__name__: {"TableName": self._name, **write.request()}} for write in writes]
                _unhindered(self._client.transact_write_items, {"TransactItems": items})

    def updated(self, update: Update) -> Item:
        """Make an update, and return the item as it is then."""
        item: Item = _unhindered(self._dynamo.update_item, {**update.request(), "ReturnValues": "ALL_NEW"})[
            "Attributes"
        ]
        return item

    def write_many(self, puts: Iterable[Mapping[str, Any]] = (), deletes: Iterable[Key] = ()) -> int:
        """Put and delete without conditions, in batches of 25; what DynamoDB hands back is sent again, ever more slowly.

        Of several writes to one key the last put wins. Return how many writes were made.
        """
        writes: dict[Pair, Any] = {pair(key): {"DeleteRequest": {"Key": key_of(pair(key))}} for key in deletes}
        writes |= {pair(item): {"PutRequest": {"Item": without_none(item)}} for item in puts}
        waiting = list(writes.values())
        pause = 0.05
        while waiting:
            batch, waiting = waiting[:25], waiting[25:]
            if unprocessed := self._write_batch(batch):
                waiting = [*unprocessed, *waiting]
                sleep(pause)
                pause = min(pause * 2, 5)
            else:
                pause = 0.05
        return len(writes)

    def _write_batch(self, batch: list[Any]) -> list[Any]:
        """Send a batch at the pace there is. Return what DynamoDB hands back."""
        if self._pace and (wait := self._pace.wait(len(batch))):
            sleep(wait)
        response = self._client.batch_write_item(RequestItems={self._name: batch})
        unprocessed: list[Any] = (response.get("UnprocessedItems") or {}).get(self._name) or []
        if self._pace:
            # A batch that is refused as a whole is sent again by the SDK, which says no more than that.
            retries = response.get("ResponseMetadata", {}).get("RetryAttempts", 0)
            self._pace.sent(len(batch) - len(unprocessed), len(unprocessed) + retries)
        return unprocessed

    def write_all(self, changes: Iterable[tuple[Iterable[Item], Iterable[Key]]]) -> int:
        """Put and delete without conditions, (puts, deletes) by turns, holding few of them at a time.

        Return how many writes were made.
        """
        puts: list[Item] = []
        deletes: list[Key] = []
        written = 0
        for more_puts, more_deletes in changes:
            puts += more_puts
            deletes += more_deletes
            if len(puts) + len(deletes) >= _HELD_TOGETHER:
                written += self.write_many(puts, deletes)
                puts, deletes = [], []
        return written + self.write_many(puts, deletes)


def _unhindered(call: Callable[..., Any], request: Request) -> Any:
    """Make a call that writes; again, where somebody else's transaction is in the way. The SDK's own retries leave that out."""
    for pause in _PAUSES:
        try:
            return call(**request)
        except ClientError as error:
            if not _is_hindered(error):
                raise
        sleep(pause)
    return call(**request)


def _is_hindered(error: ClientError) -> bool:
    """Whether nothing but another transaction was in the way of a write."""
    return _code(error) == "TransactionConflictException" or _reasons(error) == {"TransactionConflict"}


def is_refused_condition(error: ClientError) -> bool:
    """Whether a write was refused by its own condition (alone or within a transaction), and not by anything else."""
    reasons = _reasons(error)
    return _code(error) == "ConditionalCheckFailedException" or (
        "ConditionalCheckFailed" in reasons and reasons <= {"ConditionalCheckFailed", "TransactionConflict"}
    )


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


def _reasons(error: ClientError) -> set[str]:
    """Why a transaction was cancelled, without the writes that nothing was against."""
    reasons: Any = error.response.get("CancellationReasons") or []
    return {str(reason["Code"]) for reason in reasons if reason.get("Code") not in ("None", None)}


def without_none(item: Mapping[str, Any]) -> Item:
    """The item without its empty attributes: an absent attribute is how None is stored."""
    return {name: value for name, value in item.items() if value is not None}


def _with(values: Mapping[str, Value], more: Mapping[str, Value]) -> dict[str, Value]:
    """Values of an expression with more of them. Raises ValueError where one name stands for two values."""
    named = {f":{name}": value for name, value in more.items()}
    if twice := [name for name in named if name in values and values[name] != named[name]]:
        raise ValueError(f"{', '.join(twice)} is named twice in one write")
    return {**values, **named}


def _query(
    pk: str, prefix: str = "", between: Pair | None = None, until: str | None = None, *, consistent: bool = True
) -> Request:
    condition, values = "PK = :pk", {":pk": pk}
    if prefix:
        condition, values[":prefix"] = f"{condition} AND begins_with(SK, :prefix)", prefix
    elif between:
        condition = f"{condition} AND SK BETWEEN :first AND :last"
        values[":first"], values[":last"] = between
    elif until is not None:
        condition, values[":until"] = f"{condition} AND SK <= :until", until
    return {
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": values,
        "ConsistentRead": consistent,
    }
