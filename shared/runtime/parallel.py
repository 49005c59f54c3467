"""The same work on many things, several at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

_AHEAD = 8
"""Things that wait for each thread: one that waits takes memory, a thread that waits takes time."""


def each[T, R](do: Callable[[T], R], things: Iterable[T], *, at_once: int) -> Iterator[R]:
    """Yield what ``do`` returns for each thing, in their order. With ``at_once=1`` all runs in the caller's thread.

    Things are taken as there are threads for them, however many they are. What has not begun when ``do`` raises never begins.
    """
    if at_once == 1:
        yield from map(do, things)
        return
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(at_once) as pool:
        try:
            for thing in things:
                waiting.append(pool.submit(do, thing))
                if len(waiting) > _AHEAD * at_once:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
