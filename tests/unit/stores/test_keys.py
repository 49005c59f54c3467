"""Keys are in one place: no store types one by itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.domain.roster import RosterUserKey
from shared.stores import keys

STORES = Path(keys.__file__).parent
USER = RosterUserKey("lakeside", "a#b")


def typed_keys(tree: ast.Module) -> Iterator[str]:
    """Items that name PK or SK, and texts such as ``USER#``, outside of docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            names = {key.value for key in node.keys if isinstance(key, ast.Constant)}
            if {"PK", "SK"} <= names and not all(_is_a_call(value) for value in node.values[:2]):
                yield ast.unparse(node)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            kind, mark, _ = node.value.partition("#")
            if mark and kind and kind.isupper():
                yield node.value


def _is_a_call(node: ast.expr) -> bool:
    return isinstance(node, ast.Call | ast.Name)


@pytest.mark.parametrize("store", sorted(path.name for path in STORES.glob("*.py") if path.name != "keys.py"))
def test_no_store_types_a_key_of_its_own(store: str) -> None:
    assert not list(typed_keys(ast.parse((STORES / store).read_text())))


def test_a_typed_key_is_found() -> None:
    assert len(list(typed_keys(ast.parse('x = {"PK": "A", "SK": "B"}; y = f"USER#{z}"')))) == 2


def test_a_key_says_whose_it_is_though_an_id_holds_the_separator() -> None:
    assert keys.user_of_pk(keys.user_pk(USER)) == USER
    assert keys.due_of_sk(keys.due_key("nudge", USER, "2026-01-01")["SK"]) == ("2026-01-01", USER)
    assert keys.account_of_pk(keys.account_pk("a#b")) == "a#b"


def test_a_secret_is_in_no_key() -> None:
    found = [
        keys.session_key("secret"), keys.login_state_key("secret"), keys.limit_key("login", "secret", 1),
    ]  # fmt: skip
    assert not [key for key in found if "secret" in "".join(key.values())]


@pytest.mark.parametrize(("text", "is_one"), [("", False), ("a", True), ("é" * 500, True), ("é" * 500 + "a", False)])
def test_an_id_has_at_least_a_byte_and_at_most_as_many_as_a_key_holds(text: str, is_one: bool) -> None:
    assert keys.is_an_id(text) is is_one
