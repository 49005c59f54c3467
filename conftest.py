"""For every test, wherever it lies: how far random inputs go, which process runs it, what IAM refused, and times."""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from tests.depth import use_profile
from tests.iam.session import Permissions
from tests.parts import Parts
from tests.schedule import GroupScheduling, takes_minutes

_ROOM = 4 << 30
"""Bytes that a file system in memory must have left before the tests' files go there."""


def pytest_configure(config: pytest.Config) -> None:
    use_profile()
    _keep_temporary_files_in_memory()
    _read_descriptions_of_aws_once()
    config.pluginmanager.register(Permissions(config))
    if not hasattr(config, "workerinput"):  # only the process that reports
        config.pluginmanager.register(Parts())


def _keep_temporary_files_in_memory() -> None:
    """Each step of an import has a folder of its own: on a disk, making and deleting them is a tenth of the tests' time."""
    memory = Path("/dev/shm")  # noqa: S108 - only folders that tempfile makes, each with a name of its own
    if "TMPDIR" not in os.environ and memory.is_dir() and shutil.disk_usage(memory).free > _ROOM:
        # What pytest keeps of the last runs stays on the disk.
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
        tempfile.tempdir = str(memory)


def _read_descriptions_of_aws_once() -> None:
    """Each session of botocore reads what it knows of a service from files, some of them megabytes; most tests have a new one."""
    botocore.session.create_loader = cache(botocore.session.create_loader)


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
