"""What `make build` makes: code with bytecode for the runtime, alike wherever it is built, for one architecture."""

from __future__ import annotations

import json
import subprocess
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest
import yaml

from local.stack import ROOT
from tests.template import TEMPLATE

CHECKED_BY_HASH = 3


def build(target: Path, resource: str = "ActivationEmailFunction") -> Path:
    target.mkdir()
    subprocess.run(["make", f"build-{resource}", f"ARTIFACTS_DIR={target}"], cwd=ROOT, check=True, capture_output=True)
    return target


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("here") / "one")


def test_every_module_has_bytecode_of_the_runtimes_python(built: Path) -> None:
    """Lambda cannot write any. Files have other times there, so it is checked by the hash of the source."""
    assert TEMPLATE["Globals"]["Function"]["Runtime"] == "python3.13"
    modules = sorted(built.rglob("*.py"))
    assert len(modules) > 50
    for module in modules:
        compiled = module.parent / "__pycache__" / f"{module.stem}.cpython-313.pyc"
        head = compiled.read_bytes()[:8]
        assert head[:4] == MAGIC_NUMBER, "the tests run on that Python, too"
        assert int.from_bytes(head[4:], "little") == CHECKED_BY_HASH


def test_a_build_elsewhere_is_the_same(built: Path, tmp_path: Path) -> None:
    again = build(tmp_path / "another")
    files = {path.relative_to(built): path.read_bytes() for path in built.rglob("*") if path.is_file()}
    assert {path.relative_to(again): path.read_bytes() for path in again.rglob("*") if path.is_file()} == files
    assert not [path for path, body in files.items() if str(ROOT).encode() in body], "no path of this machine"


def test_other_dependencies_are_other_code(built: Path) -> None:
    """A version is published for new code; the layer beside it may be all that changes."""
    assert (built / "runtime.txt").read_bytes() == (ROOT / "requirements/runtime.txt").read_bytes()


def test_the_layer_has_bytecode_too() -> None:
    recipe = subprocess.run(
        ["make", "-n", "build-DependencyLayer", "ARTIFACTS_DIR=layer"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "compileall" in recipe
    assert "--invalidation-mode checked-hash" in recipe


@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_a_built_template_takes_the_architecture_that_it_was_built_for(architecture: str, tmp_path: Path) -> None:
    """Else arm64 functions would be deployed with code for x86_64, and not one of them would load."""
    parameters = {
        "Parameters": {"Architecture": TEMPLATE["Parameters"]["Architecture"], "LogLevel": {"Default": "INFO"}}
    }
    file = tmp_path / "template.yaml"
    file.write_text(yaml.safe_dump(json.loads(json.dumps({**parameters, "Resources": {}})), sort_keys=False))
    (tmp_path / "Makefile").write_text(f"include {ROOT}/Makefile\nshown:\n\t@$(call for-one-architecture,{file})\n")
    subprocess.run(
        ["make", "-f", str(tmp_path / "Makefile"), "shown", f"ARCHITECTURE={architecture}"], cwd=ROOT, check=True
    )
    kept = yaml.safe_load(file.read_text())["Parameters"]
    assert (kept["Architecture"]["Default"], kept["Architecture"]["AllowedValues"]) == (architecture, [architecture])
    assert kept["LogLevel"] == {"Default": "INFO"}
