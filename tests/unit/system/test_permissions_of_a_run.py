"""A run of all tests fails where none of them uses a permission any more; tests/iam/session.py gathers it of all processes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.iam import proof
from tests.iam.grants import Grant
from tests.iam.guard import GUARD, Use
from tests.iam.proof import recorded, used_grants
from tests.iam.session import Permissions

USED = used_grants(recorded())
_BY_TESTPATHS = pytest.Config.ArgsSource.TESTPATHS


def run(
    monkeypatch: pytest.MonkeyPatch, used: dict[Grant, Use], *, source: Any = _BY_TESTPATHS, keyword: str = ""
) -> Any:
    """A run in two processes: a worker hands over what it used, and the one that reports ends."""
    config: Any = SimpleNamespace(workeroutput={}, args_source=source, option=SimpleNamespace(keyword=keyword))
    monkeypatch.setattr(GUARD, "used", used)
    session = SimpleNamespace(exitstatus=pytest.ExitCode.OK)
    Permissions(config).pytest_sessionfinish(cast(pytest.Session, session), 0)
    monkeypatch.setattr(GUARD, "used", {})
    node = SimpleNamespace(workeroutput=config.workeroutput)
    del config.workeroutput
    reporting = Permissions(config)
    reporting.pytest_testnodedown(node)
    reporting.pytest_sessionfinish(cast(pytest.Session, session), 0)
    return session.exitstatus


def test_a_run_that_uses_all_that_is_allowed_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, dict(USED)) == pytest.ExitCode.OK


def test_a_run_that_leaves_a_permission_unused_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    without = dict(list(USED.items())[1:])
    assert run(monkeypatch, dict(without)) == pytest.ExitCode.TESTS_FAILED
    some = pytest.Config.ArgsSource.ARGS
    assert run(monkeypatch, dict(without), source=some) == pytest.ExitCode.OK, "a run of some tests says nothing"
    assert run(monkeypatch, dict(without), keyword="links") == pytest.ExitCode.OK


def test_a_test_with_random_inputs_counts_in_a_run_and_is_not_recorded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(proof, "RECORDED", tmp_path / "recorded.json")
    grant, use = next(iter(USED.items()))
    at_random = {**USED, grant: Use("", use.role, use.request)}
    assert run(monkeypatch, dict(at_random)) == pytest.ExitCode.OK
    proof.record(at_random, is_all=True)
    assert "" not in {each.test for each in recorded()}
