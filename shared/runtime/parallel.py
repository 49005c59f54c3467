"""The same work on many things, several at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor


def each[T, R](do: Callable[[T], R], things: Iterable[T], *, at_once: int) -> Iterator[R]:
    """Yield what ``do`` returns for each thing, in their order. With ``at_once=1`` all runs in the caller's thread."""
    if at_once == 1:
        yield from map(do, things)
        return
    with ThreadPoolExecutor(at_once) as pool:
        yield from pool.map(do, things)
