"""The one table: its keys, and the errors of DynamoDB in this service's own words."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from shared.domain.errors import Conflict
from shared.domain.roster import RosterUserKey

type Item = dict[str, Any]
type Key = dict[str, str]


LONGEST_ID = 1_000
"""In bytes: what fits into a sort key (1,024) beside its kind. A longer id, which only a stranger sends, names nothing."""


def is_an_id(text: str) -> bool:
    """Whether there can be an item of this id."""
    return 0 < len(text.encode()) <= LONGEST_ID


def user_pk(user: RosterUserKey) -> str:
    return f"USER#{user.district_id}#{user.sourced_id}"


def user_of_pk(pk: str) -> RosterUserKey:
    """The roster user that a ``USER#…`` key names; a sourcedId may itself hold ``#``."""
    _, district_id, sourced_id = pk.split("#", 2)
    return RosterUserKey(district_id, sourced_id)


def district_pk(district_id: str) -> str:
    return f"DISTRICT#{district_id}"


def class_pk(district_id: str, class_id: str) -> str:
    return f"CLASS#{district_id}#{class_id}"


def account_pk(account_id: str) -> str:
    return f"ACCOUNT#{account_id}"


def link_key(user: RosterUserKey) -> Key:
    return {"PK": user_pk(user), "SK": "LINK"}


def logins_key(account_id: str) -> Key:
    """What a link means for an account's logins: when all earlier sessions ended (``ended_at``), and the outside logins
    that were ``shown`` since."""
    return {"PK": account_pk(account_id), "SK": "LOGINS"}


def joined_key(account_id: str) -> Key:
    """Where it is noted which account this one was joined into (``into``), and which into it (``accounts``)."""
    return {"PK": account_pk(account_id), "SK": "JOINED"}


def email_pk(address: str) -> str:
    return f"EMAIL#{address}"


def clever_pk(clever_id: str) -> str:
    return f"CLEVER#{clever_id}"


def oidc_pk(issuer: str, subject: str) -> str:
    return f"OIDC#{issuer}#{subject}"


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
