"""For every test, wherever it lies: how far random inputs go, which process runs it, what IAM refused, and times."""

from __future__ import annotations

from typing import Any

import pytest

from tests.depth import use_profile
from tests.iam.session import Permissions
from tests.parts import Parts
from tests.schedule import GroupScheduling, takes_minutes


def pytest_configure(config: pytest.Config) -> None:
    use_profile()
    config.pluginmanager.register(Permissions(config))
    if not hasattr(config, "workerinput"):  # only the process that reports
        config.pluginmanager.register(Parts())


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> GroupScheduling:
    return GroupScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes minutes begins first, so that no process waits for it at the end."""
    items.sort(key=lambda item: not takes_minutes(item.nodeid))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tests with made-up inputs take more of them in `make test-all`."""
    if isinstance(item, pytest.Function) and getattr(item.obj, "is_hypothesis_test", False):
        item.add_marker(pytest.mark.deep)
