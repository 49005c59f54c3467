"""``make start-up EMULATOR=1``: the mail's button in Lambda's own runtime, in a container that has a share of a processor.

The two requests behind the button, asked of the runtime interface emulator, which begins the worker at the first of them: the
clock from the first byte of the first request to the last of the page. ``docker run --cpus`` gives the container the share that
a memory would buy. Lambda gives a worker a whole processor while it imports; this does not, so it shows more than is waited for.
What the worker's process took in all (interpreter and runtime's client included) is read from the machine's ``/proc``.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.start_up import PAGES, StartUps, started
from local.containers import IMAGE, engine_answers
from local.processes import free_port
from local.stack import HOME, build
from tests.template import RESOURCES

WHOLE = 1769
"""MB with which a function has a whole processor."""
SIZES = (256, 512, 1024, 1769)
_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make start-up EMULATOR=1", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--built", type=Path, action="append", help="measure what was built into these folders, in turn"
    )
    arguments = parser.parse_args()
    if not engine_answers():
        print(f"No container engine answers that has {IMAGE}, or may fetch it: nothing was measured.")
        return 2
    with tempfile.TemporaryDirectory() as name:
        folders = arguments.built or [Path(name)]
        if arguments.built is None:
            build(lambda _: None, folders[0], "x86_64")
        runs: dict[tuple[Path, int], list[dict[str, float]]] = {}
        for _ in range(arguments.rounds):
            for size in SIZES:
                for folder in folders:
                    with started(folder.resolve()) as start_ups:
                        runs.setdefault((folder, size), []).append(_run(folder.resolve(), start_ups, size))
    print("| built | memory | of a processor | the mail's button | the processor's time | most memory |")
    print("|---|---|---|---|---|---|")
    for (folder, size), found in runs.items():
        clock, cpu, memory = (median(run[of] for run in found) for of in ("clock", "cpu", "memory"))
        print(
            f"| {folder.name} | {size:,} MB | {size / WHOLE:.3f} | {clock:,.0f} ms | {cpu:,.0f} ms | {memory:.1f} MB |"
        )
    return 0


def _run(built: Path, start_ups: StartUps, size: int) -> dict[str, float]:
    """One worker's milliseconds by the clock and of the processor, and the most memory of its process (MB)."""
    with _container(built, start_ups.environment, size) as (container, address):
        first, second = start_ups.clicks()
        began = time.perf_counter()
        sent_on = _invoke(address, first)
        second["cookies"] = [cookie.partition(";")[0] for cookie in sent_on.get("cookies", ())]
        page = _invoke(address, second)
        clock = time.perf_counter() - began
        if page.get("statusCode") != 200 or "Log into my existing account" not in page["body"]:
            raise RuntimeError(f"The page behind the mail's button was not rendered: {page}")
        worker = _worker_of(container)
        fields = (worker / "stat").read_text().rpartition(")")[2].split()
        status = (worker / "status").read_text()
        peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        cpu = (int(fields[11]) + int(fields[12])) * _TICK_MS
        return {"clock": clock * 1000, "cpu": cpu, "memory": int(peak.split()[1]) / 1024}


@contextmanager
def _container(built: Path, environment: dict[str, str], size: int) -> Iterator[tuple[str, str]]:
    """A container of the pages whose emulator listens, and the address at which they are invoked."""
    port = free_port()
    (emulator,) = (HOME / "sam-env").glob("lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64")
    variables = {**environment, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(size)}
    command = ["docker", "run", "--rm", "--detach", "--network", "host", f"--cpus={size / WHOLE:.3f}"]
    command += ["--volume", f"{built / PAGES}:/var/task:ro", "--volume", f"{built / 'DependencyLayer'}:/opt:ro"]
    command += ["--volume", f"{emulator.resolve()}:/emulator:ro", "--entrypoint", "/emulator"]
    for name, value in variables.items():
        command += ["--env", f"{name}={value}"]
    command += [IMAGE, "--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    command += ["/var/runtime/bootstrap", RESOURCES[PAGES]["Properties"]["Handler"]]
    container = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    try:
        _wait_for(port)
        yield container, f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
    finally:
        subprocess.run(["docker", "rm", "--force", container], check=False, capture_output=True)


def _wait_for(port: int) -> None:
    """Until the emulator listens, ten seconds at the most. It is asked nothing: it begins the worker at its first request, which
    is what is measured."""
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("The runtime interface emulator did not begin to listen.")


def _invoke(address: str, event: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(address, json.dumps(event).encode())
    with urllib.request.urlopen(request, timeout=60) as response:
        found: dict[str, Any] = json.loads(response.read())
    return found


def _worker_of(container: str) -> Path:
    """The folder of ``/proc`` of the container's process that runs Python."""
    listed = subprocess.run(["docker", "top", container, "-eo", "pid,args"], check=True, capture_output=True, text=True)
    (pid,) = (
        line.split()[0] for line in listed.stdout.splitlines() if "awslambdaric" in line or "bootstrap.py" in line
    )
    return Path("/proc") / pid


if __name__ == "__main__":
    sys.exit(main())
