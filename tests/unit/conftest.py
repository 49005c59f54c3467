"""Unit tests are one process: no socket leads out of it (moto answers inside)."""

from __future__ import annotations

import socket
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

_FOLDER = Path(__file__).parent


class SocketOpened(Exception):
    """A unit test spoke to an address. Tests that need one are in tests/loopback, tests/stack or tests/browser."""


def _refuse(opened: socket.socket, address: Any) -> None:
    raise SocketOpened(f"{address} ({opened.family.name}): unit tests open no socket")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Around the fixtures of a unit test, too, whatever their scope. Tests of other folders come by here as well."""
    if not item.path.is_relative_to(_FOLDER):
        return (yield)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "bind"):
            patch.setattr(socket.socket, name, _refuse)
        return (yield)
