"""Processes that the local stack starts, and ends: all of them, by their own process group."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any


class StackError(Exception):
    """The local stack cannot do what was asked; the message says why and what to do."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_to_use(wanted: str | None, name: str) -> int:
    """The port that a variable names, or any free one for 0. Raises StackError when it is taken."""
    if wanted in (None, "", "0"):
        return free_port()
    try:
        port = int(str(wanted))
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except (ValueError, OverflowError):
        raise StackError(f"{name}={wanted} is no port. Give a number from 1 to 65535, or 0 for any free one.") from None
    except OSError:
        raise StackError(f"Port {wanted} is in use. Choose another {name}, or 0 for any free one.") from None
    return port


class Process:
    """A process in a group of its own, whose output goes to a file."""

    def __init__(self, command: list[str], log: Path, environment: Mapping[str, str]) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **environment},
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until(self, is_ready: Callable[[], bool], *, seconds: float, name: str) -> None:
        """Raises StackError with the end of the log when the process ends, or is not ready in time."""
        ends = monotonic() + seconds
        while monotonic() < ends:
            if not self.is_running:
                raise StackError(f"{name} ended while it started:\n{self.tail()}")
            if is_ready():
                return
            sleep(0.05)
        raise StackError(f"{name} was not ready after {seconds:.0f} s:\n{self.tail()}")

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    def children(self, *, naming: str) -> list[int]:
        """The processes of its group, without itself, whose command line has this text in it."""
        found = []
        for status in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = status.read_text().rpartition(")")[2].split()
                command = (status.parent / "cmdline").read_bytes().decode(errors="replace")
                if int(fields[2]) == self.pid and int(status.parent.name) != self.pid and naming in command:
                    found.append(int(status.parent.name))
        return found

    def stop(self, *, patience: float = 5) -> None:
        """End it and everything that it started; politely, then not. ``patience`` in seconds."""
        end_group(self._process, patience=patience)


def end_group(process: subprocess.Popen[Any], *, patience: float = 5) -> None:
    """End the leader of a process group and all of the group, so that nothing of it writes any more; politely, then not."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(patience)
    ends = monotonic() + 5
    with suppress(ProcessLookupError):
        while monotonic() < ends:
            # Refused once nobody of the group is left.
            os.killpg(process.pid, signal.SIGKILL)
            process.poll()
            sleep(0.02)
