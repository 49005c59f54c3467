"""Mutants of the product's code: places where cosmic-ray can change something, and a seeded sample of them."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

FOLDERS = ("functions", "shared")

_UNUSED = (
    # These insert or replace variables at random, by arguments that they are given.
    "core/VariableReplacer",
    "core/VariableInserter",
    # Of None, enum members and interned texts, identity and equality say the same.
    "core/ReplaceComparisonOperator_Eq_Is",
    "core/ReplaceComparisonOperator_NotEq_IsNot",
    "core/ReplaceComparisonOperator_Is_Eq",
    "core/ReplaceComparisonOperator_IsNot_NotEq",
)
_WITHOUT_EFFECT = {"cache", "lru_cache", "final", "override", "overload", "runtime_checkable"}
"""Decorators whose removal changes no result."""
_OF_A_DATACLASS = {"frozen", "slots", "eq", "kw_only"}
"""Arguments of a dataclass that forbid something which no code does."""
_LEAVES_WITHOUT_MUTANTS = {"name", "string", "newline", "endmarker", "fstring_start", "fstring_string", "fstring_end"}

type Position = tuple[int, int]


@dataclass(frozen=True, order=True, slots=True)
class Mutant:
    """One change: the ``occurrence``-th place (0 …) of a file at which an operator applies."""

    path: str
    line: int
    column: int
    operator: str
    occurrence: int

    @property
    def place(self) -> tuple[str, int, int]:
        return self.path, self.line, self.column

    def changed(self, source: str) -> str | None:
        """Return the changed source; None when that is no Python, or the same program."""
        try:
            changed = mutate_code(source, plugins.get_operator(self.operator)(), self.occurrence)
        except AttributeError:  # An operator that does not know this syntax: ``except json.JSONDecodeError``.
            return None
        try:
            return changed if ast.dump(ast.parse(changed or source)) != ast.dump(ast.parse(source)) else None
        except SyntaxError:
            return None

    def diff(self, source: str) -> str:
        """Return the change as the removed and the added lines."""
        lines = difflib.ndiff(source.splitlines(), (self.changed(source) or "").splitlines())
        return "\n".join(line for line in lines if line.startswith(("- ", "+ ")))


def sample(root: Path, number: int, seed: int) -> list[Mutant]:
    """Return so many mutants, each at a place of its own; the same tree and seed give the same ones."""
    places: dict[tuple[str, int, int], list[Mutant]] = {}
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            for mutant in _mutants_of(str(path.relative_to(root)), path.read_text()):
                places.setdefault(mutant.place, []).append(mutant)
    dice = Random(seed)
    order = sorted(places)
    dice.shuffle(order)
    chosen: list[Mutant] = []
    for place in order:
        mutants = sorted(places[place])
        dice.shuffle(mutants)
        source = (root / place[0]).read_text()
        valid = next((mutant for mutant in mutants if mutant.changed(source)), None)
        if valid:
            chosen.append(valid)
        if len(chosen) == number:
            break
    return sorted(chosen)


def _mutants_of(path: str, source: str) -> Iterator[Mutant]:
    left_out = _spans_without_effect(ast.parse(source))
    for operator, positions in _positions(source).items():
        for occurrence, (line, column) in enumerate(positions):
            if not any(start <= (line, column) < end for start, end in left_out):
                yield Mutant(path, line, column, operator, occurrence)


def _positions(source: str) -> dict[str, list[Position]]:
    """Return where each operator applies, in the order in which ``mutate_code`` counts the places."""
    found: dict[str, list[Position]] = {}
    for node in ast_nodes(get_ast(source)):
        if node.type not in _LEAVES_WITHOUT_MUTANTS and not _is_mark_of_a_signature(node):
            for name, operator in _operators():
                for start, _end in operator.mutation_positions(node):
                    found.setdefault(name, []).append(start)
    return found


def _is_mark_of_a_signature(node: Any) -> bool:
    """Whether this is a ``*`` or ``/`` among parameters, which says how to name arguments: the callers are what they are."""
    return node.type == "operator" and node.value in "*/" and node.parent.type in ("parameters", "param", "lambdef")


@cache
def _operators() -> list[tuple[str, Any]]:
    return [(name, plugins.get_operator(name)()) for name in sorted(plugins.operator_names()) if name not in _UNUSED]


def _spans_without_effect(tree: ast.Module) -> list[tuple[Position, Position]]:
    """Return the parts of a module whose change no test could notice: types, log texts, ``__all__``, plain decorators."""
    return [
        ((node.lineno, node.col_offset), (node.end_lineno or node.lineno, node.end_col_offset or node.col_offset))
        for parent in ast.walk(tree)
        for node in _without_effect(parent)
    ]


def _without_effect(node: ast.AST) -> Iterator[Any]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            for decorator in node.decorator_list:
                yield from _of_decorator(decorator)
            if not isinstance(node, ast.ClassDef):
                yield from filter(None, (node.returns,))
                if _has_no_body(node):
                    yield from filter(None, (*node.args.defaults, *node.args.kw_defaults))
        case ast.arg(annotation=ast.AST() as annotation) | ast.AnnAssign(annotation=annotation):
            yield annotation
        case ast.Import() | ast.ImportFrom() | ast.TypeAlias():
            yield node
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            yield node
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            yield node
        case ast.Call(func=ast.Name(id="cast"), args=[kind, *_]):
            yield kind
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="logger")))):
            yield node


def _has_no_body(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function only says its type, as those of a Protocol do."""
    return all(isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) for part in node.body)


def _of_decorator(decorator: ast.expr) -> Iterator[Any]:
    call = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "")
    if name in _WITHOUT_EFFECT:
        # The position of a decorator is that of its "@", one column before its expression.
        yield _From(decorator)
    elif name == "dataclass" and isinstance(decorator, ast.Call):
        yield from (keyword.value for keyword in decorator.keywords if keyword.arg in _OF_A_DATACLASS)


class _From:
    """A decorator with its "@"."""

    def __init__(self, decorator: ast.expr) -> None:
        self.lineno, self.col_offset = decorator.lineno, decorator.col_offset - 1
        self.end_lineno, self.end_col_offset = decorator.end_lineno, decorator.end_col_offset
