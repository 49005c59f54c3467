"""Which process runs which test, when several do: what is expensive to make is made in one of them."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it has no types

_ON_THE_STACK = ("tests/stack/", "tests/sam_local/", "tests/browser/test_browser", "tests/browser/test_cleanup")
"""One stack runs at a time, and the tests of a journey go on with what those before them did."""
_WHOLE_MODULES = (
    "tests/browser/", "tests/unit/imports/test_bad_uploads.py", "tests/unit/pages/test_map_of_ways.py",
    "tests/unit/pages/test_openapi.py", "tests/unit/system/test_cost.py", "tests/unit/system/test_start_up.py",
)  # fmt: skip
"""A page in a browser, a process that reads archives, prepared visitors, every page, counts of a district: made once for each."""

_MINUTES = ("tests/unit/pages/test_proofs_at_random.py",)
"""In full depth."""


def takes_minutes(test: str) -> bool:
    return test.startswith(_MINUTES)


def group_of(test: str) -> str:
    """Tests of one group run in one process, in their order. ``test`` is a node id; most are a group of their own."""
    if test.startswith(_ON_THE_STACK):
        return "stack"
    return test.partition("::")[0] if test.startswith(_WHOLE_MODULES) else test


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]  # as above
    """Hands out groups, the largest first, to whichever process is free."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
