"""The same work on many things, several at once."""

from __future__ import annotations

from itertools import count, islice

import pytest

from shared.runtime.parallel import each


@pytest.mark.parametrize("at_once", [1, 3])
def test_of_very_many_things_few_wait_and_results_are_in_their_order(at_once: int) -> None:
    taken = count()
    results = each(lambda thing: 2 * thing, taken, at_once=at_once)
    assert list(islice(results, 1000)) == list(range(0, 2000, 2))
    results.close()  # type: ignore[attr-defined]
    assert next(taken) < 1000 + 10 * at_once


def test_after_an_error_nothing_more_begins() -> None:
    def do(thing: int) -> int:
        begun.append(thing)
        if thing == 5:
            raise ValueError("the fifth")
        return thing

    begun: list[int] = []
    with pytest.raises(ValueError, match="the fifth"):
        list(each(do, range(10_000), at_once=2))
    assert len(begun) < 100
