"""What `make build` makes: code with bytecode for the runtime, alike wherever it is built, for one architecture."""

from __future__ import annotations

import json
import marshal
import os
import subprocess
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest
import yaml

from local.stack import ROOT
from shared.runtime import start_up
from shared.runtime.i18n import CompiledAhead, environment
from tests.template import TEMPLATE

CHECKED_BY_HASH = 3
WORKER = """
import importlib, json, pkgutil, sys
from pathlib import Path
sys.path[:0] = json.loads(sys.argv[1])
import functions
from functions.pages.http import TEMPLATES as PAGES
from shared.mail.rendering import TEMPLATES as MAILS
from shared.runtime import i18n, start_up
compiled = []
real = start_up.methods_of
start_up.methods_of = lambda text: compiled.append(text) or real(text)
for package in ("shared", "functions"):
    for module in pkgutil.walk_packages([str(Path(functions.__file__).parents[1] / package)], f"{package}."):
        importlib.import_module(module.name)
i18n.Environment.compile = lambda _env, _source, name, *_: compiled.append(name)
found = 0
for folder in (PAGES, MAILS):
    for language in ("en", "es"):
        templates = i18n.environment(folder, language)
        for name in templates.list_templates(("css", "html", "txt")):
            templates.get_template(name)
            found += 1
print(json.dumps({"compiled": compiled, "templates": found}))
"""
"""Makes every dataclass and every template that is in an artifact, and tells which of them Python had to compile."""


def build(target: Path, resource: str = "PagesFunction") -> Path:
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


def test_a_worker_has_no_dataclass_and_no_template_to_compile(built: Path) -> None:
    paths = json.dumps([str(built), str(Path(pytest.__file__).parents[1])])
    done = subprocess.run(
        [os.path.realpath(sys.executable), "-I", "-S", "-B", "-c", WORKER, paths],
        env={"AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found["templates"] > 80
    assert found["compiled"] == []


@pytest.mark.parametrize("content", [None, b"", b"of another Python"], ids=["none", "empty", "other"])
def test_what_was_compiled_for_another_python_is_not_used(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "methods.bin"
    if content is not None:
        file.write_bytes(content)
    assert start_up.compiled_ahead(file) is None


def test_a_template_that_is_another_one_by_now_is_compiled(tmp_path: Path) -> None:
    code = environment(tmp_path, "en").compile("as it was", "page.html", "page.html")
    (tmp_path / "page.html").write_text("as it is")
    CompiledAhead.place(tmp_path / "page.html").write_bytes(CompiledAhead.content("as it was", marshal.dumps(code)))
    assert environment(tmp_path, "en").get_template("page.html").render() == "as it is"


def test_code_that_was_compiled_ahead_is_what_runs(tmp_path: Path) -> None:
    code = environment(tmp_path, "en").compile("compiled ahead", "page.html", "page.html")
    (tmp_path / "page.html").write_text("source")
    CompiledAhead.place(tmp_path / "page.html").write_bytes(CompiledAhead.content("source", marshal.dumps(code)))
    assert environment(tmp_path, "en").get_template("page.html").render() == "compiled ahead"


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
