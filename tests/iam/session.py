"""Gathers what the tests of a run use of the roles, from all its processes.

``RECORD_PERMISSIONS=some`` adds it to recorded.json, ``all`` puts it there instead.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest

from tests.iam.grants import Grant
from tests.iam.guard import GUARD, Use
from tests.iam.policy import Request
from tests.iam.proof import platform_uses, record, unexplained, used_grants

_KEY = "permissions"


class Permissions:
    """A plugin of pytest, in every process of a run."""

    def __init__(self, config: pytest.Config) -> None:
        self._worker_output: dict[str, Any] | None = getattr(config, "workeroutput", None)
        self._is_all = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not config.option.keyword
        self._recording = os.environ.get("RECORD_PERMISSIONS")
        self._unused: list[Grant] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        GUARD.run_in("" if item.get_closest_marker("deep") else item.nodeid.partition("[")[0])
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None, object, object]:
        """What a role does not allow fails a test, also where the code lives with a refusal of AWS'."""
        try:
            return (yield)
        finally:
            refused, GUARD.denied[:] = sorted(set(GUARD.denied)), []
            if refused:
                lines = "\n".join(map(str, refused))
                pytest.fail(f"template.yaml does not allow what this test makes functions do:\n{lines}", pytrace=False)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        for grant, (test, *request) in getattr(node, "workeroutput", {}).get(_KEY, ()):
            action, resource, context = request
            read = tuple((key, tuple(values)) for key, values in context)
            use = Use(test, grant[0], Request(action, resource, read))
            known = GUARD.used.get(Grant(*grant))
            GUARD.used[Grant(*grant)] = use if known is None or not known.test else known

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self._worker_output is not None:
            self._worker_output[_KEY] = [
                (
                    (g.role, g.action, g.resource, g.pattern),
                    (u.test, u.request.action, u.request.resource, u.request.context),
                )
                for g, u in GUARD.used.items()
            ]
        elif self._recording:
            record(GUARD.used, is_all=self._recording == "all")
        elif self._is_all and exitstatus == 0:
            self._unused = unexplained([*GUARD.used, *used_grants(platform_uses())])
            if self._unused:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._unused:
            terminalreporter.section("permissions that no test uses any more (docs/permissions.md)")
            for grant in self._unused:
                terminalreporter.write_line(str(grant))
