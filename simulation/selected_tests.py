"""pytest in a process of its own: chosen tests in a given order, or all of them with the lines that each one runs.

``python -m simulation.selected_tests run CHOICE.json`` and ``… record FOLDER PATH…``; both run in the tree that they are
started in.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_ARGUMENTS = ["-q", "--no-header", "--tb=no", "-p", "no:cacheprovider", "-m", "not slow"]
FAILED = "failed"
"""What the file of a choice is called, with this suffix, when it names the test that failed."""


class Selection:
    """Runs the tests of a list in its order, and notes the first that fails."""

    def __init__(self, ids: list[str]) -> None:
        self._order = {node_id: number for number, node_id in enumerate(ids)}
        self.failed: str | None = None

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted(
            (item for item in items if item.nodeid in self._order), key=lambda item: self._order[item.nodeid]
        )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.failed is None:
            self.failed = report.nodeid


class Recorder:
    """Records which lines of the product each test runs, how long it takes, and whether it passes."""

    def __init__(self, folder: Path) -> None:
        from coverage import Coverage

        self._folder = folder
        self._coverage = Coverage(
            data_file=str(folder / "lines"),
            config_file=False,
            source=["functions", "shared"],
            concurrency=["thread", "greenlet"],
        )
        self._coverage.set_option("run:relative_files", True)
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()

    def start(self) -> None:
        self._coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._coverage.switch_context(item.nodeid)
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if not report.passed:
            self.failed.add(report.nodeid)

    def stop(self) -> None:
        self._coverage.stop()
        self._coverage.save()
        seconds = {test: round(took, 3) for test, took in self.seconds.items() if test not in self.failed}
        (self._folder / "tests.json").write_text(json.dumps(seconds))


def run(choice: Path) -> int:
    """Run the tests that a file lists, until one fails. Return pytest's exit status."""
    ids = json.loads(choice.read_text())
    selection = Selection(ids)
    paths = sorted({node_id.partition("::")[0] for node_id in ids})
    status = int(pytest.main([*_ARGUMENTS, "-x", *paths], plugins=[selection]))
    choice.with_suffix(f".{FAILED}").write_text(selection.failed or "")
    return status


def record(folder: Path, paths: list[str]) -> int:
    recorder = Recorder(folder)
    recorder.start()
    status = pytest.main([*_ARGUMENTS, *paths], plugins=[recorder])
    recorder.stop()
    return 0 if status in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) else int(status)


def main() -> int:
    mode, target, *paths = sys.argv[1:]
    return run(Path(target)) if mode == "run" else record(Path(target), paths)


if __name__ == "__main__":
    sys.exit(main())
