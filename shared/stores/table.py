"""The one table: its keys, and the errors of DynamoDB in this service's own words."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from shared.domain.errors import Conflict
from shared.stores.keys import Item, Key


@contextmanager
def conflicts(code: str, message: str) -> Iterator[None]:
    """Inside, a condition that DynamoDB refused is raised as Conflict(code, message)."""
    try:
        yield
    except ClientError as error:
        if is_refused_condition(error):
            raise Conflict(code, message) from None
        raise


def is_refused_condition(error: ClientError) -> bool:
    """Whether a write was refused by its own condition (alone or within a transaction), and not by anything else."""
    if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
        return True
    reasons = error.response.get("CancellationReasons") or []
    codes = {reason.get("Code") for reason in reasons} - {"None", None}
    return bool(codes) and codes <= {"ConditionalCheckFailed", "TransactionConflict"}


def every_page(query: Callable[..., dict[str, Any]], **request: Any) -> Iterator[Item]:
    """All items of a query, page after page."""
    while True:
        page = query(**request)
        yield from page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def get_many(table: Any, keys: Iterable[Key], *, consistent: bool = False) -> dict[tuple[str, str], Item]:
    """The items of these keys, by (PK, SK), in batches of 100; keys without an item are left out."""
    wanted = [dict(key) for key in {(k["PK"], k["SK"]): k for k in keys}.values()]
    found: dict[tuple[str, str], Item] = {}
    client = table.meta.client
    for start in range(0, len(wanted), 100):
        request = {table.name: {"Keys": wanted[start : start + 100], "ConsistentRead": consistent}}
        while request:
            answer = client.batch_get_item(RequestItems=request)
            for item in answer["Responses"].get(table.name, []):
                found[item["PK"], item["SK"]] = item
            request = answer.get("UnprocessedKeys") or {}
    return found


def without_none(item: Item) -> Item:
    """The item without its empty attributes: an absent attribute is how None is stored."""
    return {name: value for name, value in item.items() if value is not None}


def write_many(
    table: Any, puts: Iterable[Item] = (), deletes: Iterable[Key] = (), *, sleep: Callable[[float], None] = time.sleep
) -> int:
    """Put and delete without conditions, in batches of 25; what DynamoDB hands back is sent again, ever more slowly.

    Of several writes to one key the last put wins. Answers how many writes were made.
    """
    writes: dict[tuple[str, str], dict[str, Any]] = {}
    for key in deletes:
        writes[key["PK"], key["SK"]] = {"DeleteRequest": {"Key": {"PK": key["PK"], "SK": key["SK"]}}}
    for item in puts:
        writes[item["PK"], item["SK"]] = {"PutRequest": {"Item": without_none(item)}}
    waiting = list(writes.values())
    pause = 0.05
    while waiting:
        batch, waiting = waiting[:25], waiting[25:]
        left = table.meta.client.batch_write_item(RequestItems={table.name: batch}).get("UnprocessedItems") or {}
        if unprocessed := left.get(table.name, []):
            waiting = unprocessed + waiting
            sleep(pause)
            pause = min(pause * 2, 5)
        else:
            pause = 0.05
    return len(writes)
