"""The tests themselves: names that can be read in one line, helpers apart from tests, each folder with a subject."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.schedule import group_of

ROOT = Path(__file__).parents[3]
LONGEST_NAME = 74
TOPS = ("tests", "simulation", "benchmarks")

FOLDERS = {
    "benchmarks": "figures, generated districts and load: run by make bench and make load",
    "benchmarks/cost": "what a month costs and where the next limit is: run by make cost",
    "benchmarks/morning": "a million first logins in half an hour: run by make morning",
    "simulation": "faults, interleavings, fuzzing and mutations, with the tests that hold them in a slice",
    "simulation/corpus": "inputs that once broke something",
    "simulation/school_years": "the school years of districts of every size, and bad uploads among their nights",
    "simulation/features": "one story for each feature that the faults are tried on",
    "tests": "builders, harness and fixtures that every kind of test uses",
    "tests/bad_uploads": "uploads with something wrong in them, as a table of cases",
    "tests/browser": "pages and mails in a browser, on the local stack",
    "tests/corpus": "whole rosters and hostile text: the project's own, and others' where they are on the machine",
    "tests/fakes": "DynamoDB and the other services, in memory",
    "tests/iam": "what the roles of the template allow, and what the code uses of it",
    "tests/loopback": "a service of another's, over HTTP on this machine",
    "tests/sam_local": "functions in Lambda's own container",
    "tests/stack": "journeys on the local stack",
    "tests/unit": "one process, no socket: what no folder below is for",
    "tests/unit/domain": "the rules alone",
    "tests/unit/fetches": "from a source of rosters to the import of what was fetched",
    "tests/unit/handlers": "each function from an event of AWS, on moto",
    "tests/unit/imports": "from an upload to what stands in the table",
    "tests/unit/mail": "what is mailed, when, and what comes back",
    "tests/unit/pages": "requests and their answers",
    "tests/unit/stores": "what is kept, and what reading it costs",
    "tests/unit/system": "the repository as a whole: template, events, promises",
}


def modules(*tops: str) -> Iterator[Path]:
    for top in tops:
        for path in sorted((ROOT / top).rglob("*.py")):
            yield path.relative_to(ROOT)


def is_test(module: Path) -> bool:
    return module.name.startswith("test_")


def imported(module: Path) -> Iterator[str]:
    """The dotted names that a module imports, each name of a ``from`` import as a module that it may be."""
    for node in ast.walk(ast.parse((ROOT / module).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


TESTS = [module for module in modules(*TOPS) if is_test(module)]
IDS = [str(module) for module in TESTS]


@pytest.mark.parametrize("module", TESTS, ids=IDS)
def test_the_name_of_a_test_fits_in_a_line(module: Path) -> None:
    functions = [
        node.name
        for node in ast.walk(ast.parse((ROOT / module).read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]
    assert [name for name in functions if len(name) > LONGEST_NAME] == []


def test_nothing_imports_a_test() -> None:
    tests = {".".join(module.with_suffix("").parts) for module in TESTS}
    importing = {str(module): tests.intersection(imported(module)) for module in modules(*TOPS)}
    assert {module: found for module, found in importing.items() if found} == {}


def test_every_folder_of_tests_has_a_place_in_the_layout() -> None:
    used = {str(module.parent) for module in modules(*TOPS)}
    used |= {"simulation/corpus"}  # holds bytes, no modules
    assert used == set(FOLDERS)


def test_what_is_expensive_to_make_is_made_in_one_process() -> None:
    """Modules that ask for a stack, a browser or the like are named where tests are handed out."""
    asked = re.compile(r"\b(?:stack|chromium|archive_answers|visitors): (?:LocalStack|Browser|dict|list)\b")
    sharing = [module for module in TESTS if asked.search((ROOT / module).read_text())]
    alone = [str(module) for module in sharing if "::" in group_of(f"{module}::test")]
    assert alone == []
