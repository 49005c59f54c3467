"""For every test, wherever it lies: how far random inputs go, and the times of the parts."""

from __future__ import annotations

import pytest

from tests.depth import use_profile
from tests.parts import Parts


def pytest_configure(config: pytest.Config) -> None:
    use_profile()
    if not hasattr(config, "workerinput"):  # only the process that reports
        config.pluginmanager.register(Parts())
