"""`make local` as an operator meets it: starting twice, a port in use, an end in the middle."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest

from local.stack import HOME, ROOT, STACK_FILE

_started: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """A test that fails leaves no stack to the next one."""
    yield
    while _started:
        with _started.pop() as process:
            if process.poll() is None:
                process.terminate()


def start(**environment: str) -> subprocess.Popen[str]:
    """Start it as a terminal does: a shell's job in the background would hand on that SIGINT is ignored."""
    process = subprocess.Popen(
        [sys.executable, "-m", "local.stack"], cwd=ROOT, env={**os.environ, **environment}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    _started.append(process)
    return process


def children_of(folder: Path) -> list[int]:
    """Processes whose environment names this run's folder: what a stack started and must end."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if str(folder).encode() in (process / "environ").read_bytes():
                    found.append(int(process.name))
            except OSError:
                continue
    return found


def runs() -> set[Path]:
    return set(HOME.glob("run-*"))


def test_a_port_in_use_is_told_in_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start(WEB_PORT=str(port))
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert output.strip() == f"Port {port} is in use. Choose another WEB_PORT, or 0 for any free one."


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_end_in_the_middle_of_the_start_leaves_nothing_running(number: signal.Signals) -> None:
    before = runs()
    process = start()
    ends = monotonic() + 30
    while not (runs() - before) and monotonic() < ends:
        sleep(0.05)
    sleep(2)
    (folder,) = runs() - before
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert "Traceback" not in output
    assert output.rstrip().endswith("Ended.")
    assert children_of(folder) == []
    assert not folder.exists()


@pytest.mark.slow
def test_a_second_start_names_the_first_and_the_end_leaves_nothing_running() -> None:
    before = runs()
    first = start(ENDPOINT_PORT="0", WEB_PORT="0")
    ends = monotonic() + 120
    while not STACK_FILE.exists() and monotonic() < ends:
        assert first.poll() is None, first.stdout and first.stdout.read()
        sleep(0.1)
    body = json.loads(STACK_FILE.read_text())
    assert body["outputs"]["WebUrl"] == body["web_url"]
    (folder,) = runs() - before
    assert children_of(folder) != []

    second = start()
    output, _ = second.communicate(timeout=60)
    assert second.returncode == 1
    assert output.startswith(f"A local stack runs already: {body['web_url']}")

    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=60)
    assert first.returncode == 0
    assert not STACK_FILE.exists()
    assert children_of(folder) == []
    assert not folder.exists()
