"""The single writes within a request, by kind: an operation and the kind of item, such as ``Put USER/LINK``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def every_write(operation: str, request: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each single write of a request with its kind. Batches are not taken apart."""
    actions = request.get("TransactItems")
    writes = [pair for action in actions for pair in action.items()] if actions else [(operation, request)]
    for verb, write in writes:
        key = write.get("Item") or write.get("Key")
        if isinstance(key, dict) and "PK" in key and not verb.startswith("Get"):
            kind = f"{key['PK'].partition('#')[0]}/{key['SK'].partition('#')[0]}"
            yield f"{verb.removesuffix('Item')} {kind}", write


def conditional_writes(operation: str, request: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the writes of a request that have a condition, each with its kind."""
    return ((kind, write) for kind, write in every_write(operation, request) if "ConditionExpression" in write)


def is_about(kind: str) -> Callable[[str, dict[str, Any]], bool]:
    """Return a predicate: whether a request makes a write of this kind."""
    return lambda operation, request: any(found == kind for found, _ in every_write(operation, request))
