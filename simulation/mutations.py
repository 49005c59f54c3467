"""``make mutations``: a seeded sample of mutants of ``functions/`` and ``shared/``, and whether the tests notice each.

A copy of the tree is changed, never the tree itself. Which tests run which line is recorded once for each state of the
tree; a mutant meets the tests of its line first, the most specific before the others, then those of its module.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from coverage import CoverageData

from simulation.mutants import FOLDERS, Mutant, sample
from simulation.selected_tests import FAILED

RESULT = Path(".local/mutations.json")
TESTS = ("tests/unit", "simulation/test_fuzz_corpus.py", "simulation/test_simulator.py", "simulation/test_sender.py")
"""The tests that mutants meet: all that need no socket and no process of their own."""
_OWN = {f"simulation/{name}.py" for name in ("mutants", "mutations", "selected_tests")}
"""No test runs these."""
_KEPT = Path(".local/mutations")
_WORKERS = 2
_LEAST_NOTICED = 0.95
_FIRST_SECONDS, _TIMES_SLOWER = 60.0, 5.0
"""A run may take this many seconds, and so many times what its tests took without a mutant."""
_CLOSEST = 40
"""How many tests a mutant meets first."""
_LONGEST_TEST = 5.0
"""Seconds. A slower test is asked only about lines that it runs itself."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant: ``noticed`` names the test that failed, or how else it showed; empty for a survivor."""

    mutant: Mutant
    noticed: str
    tests: int
    seconds: float
    diff: str

    def to_json(self) -> dict[str, Any]:
        return {
            "file": self.mutant.path,
            "line": self.mutant.line,
            "operator": self.mutant.operator,
            "noticed": self.noticed,
            "tests": self.tests,
            "seconds": round(self.seconds, 1),
            "diff": self.diff,
        }


class Lines:
    """Which tests run which line, and how long each test takes."""

    def __init__(self, folder: Path) -> None:
        self.seconds: dict[str, float] = {}
        for path in sorted(folder.glob("*/tests.json")):
            self.seconds |= json.loads(path.read_text())
        self._tests: dict[str, dict[int, set[str]]] = {}
        self._breadth: Counter[str] = Counter()
        for path in sorted(folder.glob("*/lines")):
            part = CoverageData(str(path))
            part.read()
            for module in part.measured_files():
                self._add(module, part.contexts_by_lineno(module))

    def _add(self, module: str, contexts: Mapping[int, Iterable[str]]) -> None:
        lines = self._tests.setdefault(module, {})
        for line, tests in contexts.items():
            passing = self.seconds.keys() & set(tests)
            self._breadth.update(passing)
            lines.setdefault(line, set()).update(passing)

    def passes(self, mutant: Mutant) -> Iterator[list[str]]:
        """Yield the tests that a mutant meets, in passes: closest first, then all of its line, then all of its module.

        The closest run the fewest lines of the product besides. For a line that only an import runs, any test of the
        module may notice; for a module that only imports run, any test at all.
        """
        lines = self._tests.get(mutant.path, {})
        own = lines.get(mutant.line, set())
        module = set[str]().union(*lines.values()) or set(self.seconds)
        closest = sorted(own, key=lambda test: (self._breadth[test], test))[:_CLOSEST]
        further = {test for test in module | self._beside(module) if self.seconds[test] <= _LONGEST_TEST} - own
        yield from filter(None, (closest, self.in_order(own.difference(closest)), self.in_order(further)))

    def _beside(self, tests: Iterable[str]) -> set[str]:
        """Return the tests of the same files that run nothing here, as they have a process of their own for it."""
        files = {test.partition("::")[0] for test in tests}
        return {test for test in self.seconds if not self._breadth[test] and test.partition("::")[0] in files}

    def in_order(self, tests: Iterable[str]) -> list[str]:
        """Return tests with the shortest first."""
        return sorted(tests, key=lambda test: (self.seconds[test], test))


class Copy:
    """A copy of the tree in which tests run."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder = folder
        for path in _files(root):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / path, folder / path)

    @property
    def output(self) -> Path:
        """The file with what the last run printed."""
        return self.folder.with_name(f"{self.folder.name}.log")

    def selected(self, *arguments: str, limit: float | None = None) -> int | None:
        """Run ``simulation.selected_tests`` here. Return its exit status; None when it took too long."""
        with self.output.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "simulation.selected_tests", *arguments],
                cwd=self.folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "POWERTOOLS_LOG_LEVEL": "CRITICAL"},
                start_new_session=True,
            )
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def failing(self, tests: Sequence[str], limit: float) -> str:
        """Run tests until one fails. Return its id, or how else the run failed; empty when all pass."""
        choice = self.folder / "choice.json"
        choice.write_text(json.dumps(tests))
        failed = choice.with_suffix(f".{FAILED}")
        failed.unlink(missing_ok=True)
        status = self.selected("run", choice.name, limit=limit)
        if status is None:
            return "took too long"
        if status in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            return ""
        return (failed.read_text() if failed.exists() else "") or "does not import"

    @contextmanager
    def changed(self, mutant: Mutant) -> Iterator[None]:
        path = self.folder / mutant.path
        source = path.read_text()
        compiled = Path(cache_from_source(str(path)))
        path.write_text(mutant.changed(source) or source)
        compiled.unlink(missing_ok=True)
        try:
            yield
        finally:
            path.write_text(source)
            # A compiled module counts as new by its second and size; a mutant's may look like the original's.
            compiled.unlink(missing_ok=True)


def _files(root: Path) -> list[str]:
    """Return the files of the tree: what git knows or would add, and the compiled translations."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=root, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    compiled = [str(path.relative_to(root)) for path in root.glob("shared/locale/*/*/*.mo")]
    return [path for path in (*listed, *compiled) if (root / path).is_file()]


def _state(root: Path) -> str:
    """Return a name for the state of everything that tests run."""
    digest = hashlib.sha256()
    for path in sorted({*_files(root)} - _OWN):
        if path.startswith((*FOLDERS, "tests/", "simulation/", "benchmarks/", "local/", "operations/")):
            digest.update(path.encode() + b"\0" + (root / path).read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def recorded(root: Path, copies: Sequence[Copy]) -> Lines:
    """Return which tests run which line; recorded here unless this state of the tree was before."""
    folder = root / _KEPT / _state(root)
    if not (folder / "done").exists():
        shutil.rmtree(root / _KEPT, ignore_errors=True)
        names = sorted(str(path.relative_to(root)) for tests in TESTS for path in _test_modules(root / tests))
        with ThreadPoolExecutor(len(copies)) as pool:
            parts = []
            for number, copy in enumerate(copies):
                part = folder / str(number)
                part.mkdir(parents=True)
                parts.append(pool.submit(copy.selected, "record", str(part), *names[number :: len(copies)]))
            for part, copy in zip(parts, copies, strict=True):
                if part.result():
                    raise RuntimeError(f"the tests could not be recorded: {copy.output.read_text()[-2000:]}")
        (folder / "done").touch()
    return Lines(folder)


def _test_modules(path: Path) -> Iterator[Path]:
    return iter([path]) if path.is_file() else path.rglob("test_*.py")


def judge(mutant: Mutant, lines: Lines, copy: Copy, source: str) -> Verdict:
    """Run the tests that a mutant meets until one fails."""
    began = time.monotonic()
    asked, noticed = 0, ""
    with copy.changed(mutant):
        for tests in lines.passes(mutant):
            noticed = copy.failing(tests, _FIRST_SECONDS + _TIMES_SLOWER * sum(lines.seconds[test] for test in tests))
            asked += len(tests)
            if noticed:
                break
    return Verdict(mutant, noticed, asked, time.monotonic() - began, mutant.diff(source))


def carry_out(root: Path, number: int, seed: int) -> list[Verdict]:
    with tempfile.TemporaryDirectory(prefix="mutations-") as name:
        unchanged, *copies = [Copy(root, Path(name) / str(number)) for number in range(_WORKERS + 1)]
        lines = recorded(root, copies)
        mutants = sample(unchanged.folder, number, seed)
        _print(f"{len(mutants)} mutants, seed {seed}; {len(lines.seconds)} tests")
        free: Queue[Copy] = Queue()
        for copy in copies:
            free.put(copy)

        def one(mutant: Mutant) -> Verdict:
            copy = free.get()
            try:
                verdict = judge(mutant, lines, copy, (unchanged.folder / mutant.path).read_text())
            finally:
                free.put(copy)
            mark = "✓" if verdict.noticed else "✗"
            _print(f"{mark} {verdict.seconds:5.0f} s  {mutant.path}:{mutant.line}  {verdict.noticed or 'SURVIVED'}")
            return verdict

        with ThreadPoolExecutor(_WORKERS) as pool:
            verdicts = list(pool.map(one, mutants))
        return _without_flaky(verdicts, lines, unchanged)


def _without_flaky(verdicts: list[Verdict], lines: Lines, copy: Copy) -> list[Verdict]:
    """Take back what a test noticed that also fails without a mutant, when it runs in this order."""
    killers = lines.in_order({verdict.noticed for verdict in verdicts} & lines.seconds.keys())
    flaky = set()
    while killers and (failed := copy.failing(killers, _FIRST_SECONDS * 10)):
        flaky.add(failed)
        killers = [test for test in killers if test != failed]
    return [Verdict(v.mutant, "" if v.noticed in flaky else v.noticed, v.tests, v.seconds, v.diff) for v in verdicts]


def report(verdicts: Sequence[Verdict], seed: int) -> bool:
    """Print the survivors and the counts, write ``.local/mutations.json``. Return True when enough were noticed."""
    survivors = [verdict for verdict in verdicts if not verdict.noticed]
    for verdict in survivors:
        _print(f"\n{verdict.mutant.path}:{verdict.mutant.line}  ({verdict.mutant.operator}, {verdict.tests} tests)")
        _print(verdict.diff)
    share = 1 - len(survivors) / len(verdicts)
    hung = Counter(verdict.noticed for verdict in verdicts)["took too long"]
    _print(
        f"\n{len(verdicts)} mutants: {len(verdicts) - len(survivors)} noticed ({share:.1%}), {hung} of them by hanging"
    )
    RESULT.parent.mkdir(exist_ok=True)
    found = {
        "seed": seed,
        "mutants": len(verdicts),
        "noticed": len(verdicts) - len(survivors),
        "share": round(share, 4),
        "survivors": [verdict.to_json() for verdict in survivors],
        "all": [verdict.to_json() for verdict in verdicts],
    }
    RESULT.write_text(json.dumps(found, indent=1) + "\n")
    return share >= _LEAST_NOTICED


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutations", description=__doc__.partition("\n")[0])
    parser.add_argument("--mutants", type=int, default=200, help="how many (default 200)")
    parser.add_argument("--seed", type=int, default=1, help="the same tree and seed give the same mutants (default 1)")
    arguments = parser.parse_args()
    verdicts = carry_out(Path.cwd(), arguments.mutants, arguments.seed)
    return 0 if report(verdicts, arguments.seed) else 1


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
