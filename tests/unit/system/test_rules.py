"""The rule book is whole: every number that is cited is in it, and every rule has its code and its tests."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from tests import tree

BOOK = "docs/rules.md"
NUMBERS = [*(f"M{n}" for n in range(1, 22)), *(f"B{n}" for n in range(1, 16))]


@dataclass(frozen=True, slots=True)
class Rule:
    number: str
    code: list[str]
    tests: list[str]
    not_built_yet: str


def rules() -> list[Rule]:
    sections = re.split(r"^### ", tree.texts()[BOOK].split("\n## ", 1)[1], flags=re.MULTILINE)[1:]
    return [
        Rule(
            section.partition(":")[0],
            re.findall(r"`([^`]+)`", _item(section, "Code")),
            re.findall(r"`([^`]+)`", _item(section, "Tests")),
            _item(section, "Not built yet"),
        )
        for section in sections
    ]


def _item(section: str, name: str) -> str:
    found = re.search(rf"^- {name}: (.+(?:\n  .+)*)", section, re.MULTILINE)
    return found.group(1) if found else ""


def test_the_book_has_every_number_once():
    assert sorted(rule.number for rule in rules()) == sorted(NUMBERS)


def test_every_number_that_is_cited_is_in_the_book():
    cited = {
        f"{path}: {number}"
        for path in tree.texts()
        for number in re.findall(r"\b[MB]\d{1,2}\b", tree.prose(path))
        if number not in NUMBERS
    }
    assert not cited


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.number)
def test_a_rule_has_code_and_tests_or_says_what_is_missing(rule: Rule):
    assert rule.not_built_yet or (rule.code and rule.tests)
    assert not [path for path in rule.code if not (tree.ROOT / path).exists()]
    missing = [test for test in rule.tests if not _is_a_test(test)]
    assert not missing


def _is_a_test(node_id: str) -> bool:
    path, _, name = node_id.partition("::")
    return path in tree.texts() and name in tree.tests_of(path)
