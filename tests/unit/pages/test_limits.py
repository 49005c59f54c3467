"""The table of rate limits: each counts for itself."""

from __future__ import annotations

from functions.pages import limits
from shared.stores.rate_limits import Limit

LIMITS = {name: limit for name, limit in vars(limits).items() if isinstance(limit, Limit)}


def test_each_limit_has_a_counter_of_its_own() -> None:
    kinds = [limit.kind for limit in LIMITS.values()]
    assert sorted(kinds) == sorted(set(kinds))


def test_a_limit_is_named_by_its_kind() -> None:
    assert {name.lower() for name in LIMITS} == {limit.kind for limit in LIMITS.values()}
