"""DynamoDB's update expressions, applied to items in memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from tests.fakes.expressions import MISSING, Eval, Item, Path, Reader, Scope, UnknownExpression, copied, look_up

type Change = Callable[[Scope, Item], None]


@lru_cache(maxsize=4096)
def update(text: str) -> Callable[[Scope], Item]:
    """Return the update that an UpdateExpression states: a function from the present item to a new one.

    All values are read from the item as it was before the update, as DynamoDB does.
    """
    reader = Reader(text)
    changes: list[Change] = []
    while reader.peek():
        clause = reader.take("SET", "REMOVE", "ADD", "DELETE").upper()
        while True:
            resolve = reader.path()
            if clause == "SET":
                reader.take("=")
                changes.append(_set(resolve, reader.update_value()))
            elif clause == "REMOVE":
                changes.append(_remove(resolve))
            elif clause == "ADD":
                changes.append(_add(resolve, reader.operand()))
            else:
                changes.append(_take_out(resolve, reader.operand()))
            if reader.peek() != ",":
                break
            reader.take()

    def apply(scope: Scope) -> Item:
        changed: Item = copied(scope.item)
        for change in changes:
            change(scope, changed)
        return changed

    return apply


def _parent(item: Item, path: Path) -> Any:
    parent: Any = item
    for step in path[:-1]:
        parent = parent[step]
    return parent


def _set(resolve: Callable[[Scope], Path], value: Eval) -> Change:
    def change(scope: Scope, item: Item) -> None:
        path = resolve(scope)
        new = value(scope)
        if new is MISSING:
            raise UnknownExpression("the right side of SET names an attribute that is not there")
        _parent(item, path)[path[-1]] = copied(new)

    return change


def _remove(resolve: Callable[[Scope], Path]) -> Change:
    def change(scope: Scope, item: Item) -> None:
        path = resolve(scope)
        if look_up(item, path) is not MISSING:
            del _parent(item, path)[path[-1]]

    return change


def _add(resolve: Callable[[Scope], Path], value: Eval) -> Change:
    def change(scope: Scope, item: Item) -> None:
        (name,) = resolve(scope)
        more = value(scope)
        present = item.get(str(name))
        if isinstance(more, set | frozenset):
            item[str(name)] = set(present or ()) | more
        else:
            item[str(name)] = (present or 0) + more

    return change


def _take_out(resolve: Callable[[Scope], Path], value: Eval) -> Change:
    def change(scope: Scope, item: Item) -> None:
        (name,) = resolve(scope)
        left = set(item.get(str(name)) or ()) - value(scope)
        if left:
            item[str(name)] = left
        else:
            item.pop(str(name), None)

    return change
