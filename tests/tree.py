"""The files of the project, as a reader of the repository sees them."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = (
    "benchmarks", "docs", "events", "examples", "functions", "local", "operations", "shared", "simulation",
    "statemachine", "tests",
)  # fmt: skip
_TEXTS = {".py", ".md", ".html", ".txt", ".css", ".yaml", ".yml", ".json", ".toml", ".in", ".po"}


@cache
def texts() -> dict[str, str]:
    """Every text of the project by its path, without generated files."""
    places = [*(ROOT / folder for folder in FOLDERS), *(p for p in ROOT.iterdir() if p.is_file())]
    files = [file for place in places for file in ([place] if place.is_file() else sorted(place.rglob("*")))]
    return {
        str(file.relative_to(ROOT)): file.read_text(encoding="utf-8")
        for file in files
        if (file.suffix in _TEXTS or file.name == "Makefile") and "__pycache__" not in file.parts
    }


@cache
def prose(path: str) -> str:
    """What a text says to a reader: all of a document, the docstrings and comments of Python."""
    text = texts()[path]
    if not path.endswith(".py"):
        return text
    parts = [
        token.string for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type == tokenize.COMMENT
    ]
    return "\n".join([*parts, *_docstrings(ast.parse(text))])


def _docstrings(tree: ast.AST) -> Iterator[str]:
    """Strings that stand alone: docstrings, and what is said below an attribute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


@cache
def tests_of(path: str) -> frozenset[str]:
    """The names of the tests in a module."""
    tree = ast.parse(texts()[path])
    return frozenset(n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name.startswith("test_"))


def anchors(document: str) -> frozenset[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#{1,6} (.+)$", texts()[document], re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)
