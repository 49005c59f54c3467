"""A wall that is taken down is noticed: the import contracts fail on a copy of the tree in which a layer reaches up."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests import tree

CONTRACTS = tomllib.loads((tree.ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]

UPWARD = {
    "shared/domain/clock.py": "shared.stores.keys",
    "shared/stores/keys.py": "shared.mail.palette",
    "shared/runtime/parallel.py": "shared.stores.table",
    "shared/hubs/oidc.py": "shared.mail.palette",
    "functions/event_publisher/publish_events.py": "functions.mail_feedback.record_feedback",
}
"""Where a wall is taken down, and what is reached for behind it."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in CONTRACTS["root_packages"]:
        shutil.copytree(tree.ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(tree.ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def check(copy: Path) -> tuple[int, str]:
    """The exit status of import-linter, and what it prints, with blanks for line breaks."""
    run = "import sys; from importlinter import cli; sys.path.insert(0, '.'); sys.exit(cli.lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", run], cwd=copy, capture_output=True, text=True, check=False)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_each_import_that_goes_up_breaks_a_contract_that_names_it(copy: Path):
    for path, module in UPWARD.items():
        file = copy / path
        file.write_text(f"{file.read_text()}\nimport {module}\n")
    status, output = check(copy)
    assert status == 1
    for path, module in UPWARD.items():
        importer = path.removesuffix(".py").replace("/", ".")
        assert f"{importer} -> {module}" in output


def test_a_folder_that_nobody_placed_breaks_the_contract(copy: Path):
    (copy / "shared" / "helpers").mkdir()
    (copy / "shared" / "helpers" / "__init__.py").touch()
    status, output = check(copy)
    assert status == 1
    assert "helpers" in output
