"""docs/hubs.md: each quirk of a hub has a double that does it, an outcome, and tests by name (B9)."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from local.doubles.classlink import ClassLink
from local.doubles.clever import Clever
from local.doubles.google import Google
from local.doubles.hub import HubDouble
from local.doubles.microsoft import Microsoft
from tests import tree

ROOT = Path(__file__).parents[3]
OUTCOMES = ("right person", "refused", "asked")
QUIRKS = 65
DOUBLES: dict[str, type[HubDouble]] = {
    "Clever": Clever,
    "ClassLink": ClassLink,
    "Google": Google,
    "Microsoft": Microsoft,
}


@cache
def rows() -> dict[int, tuple[str, str, str, str, str]]:
    """By its number: the hub, the quirk, what the double has for it, the outcome, the tests."""
    found: dict[int, tuple[str, str, str, str, str]] = {}
    hub = ""
    for line in tree.texts()["docs/hubs.md"].partition("## Quirks")[2].splitlines():
        if line.startswith("### "):
            hub = line[4:].partition(":")[0]
        if re.match(r"\| \d", line):
            number, quirk, double, outcome, tests = line.strip("| ").split(" | ")
            assert int(number) not in found, number
            found[int(number)] = (hub, quirk, double, outcome, tests)
    return found


@cache
def every_test() -> frozenset[str]:
    modules = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")]
    return frozenset[str]().union(*map(tree.tests_of, modules))


def test_the_table_has_every_quirk_once_and_in_order() -> None:
    assert list(rows()) == [*range(1, QUIRKS + 1)]


@pytest.mark.parametrize("number", range(1, QUIRKS + 1))
def test_a_quirk_has_a_double_an_outcome_and_tests(number: int) -> None:
    _, quirk, double, outcome, tests = rows()[number]
    assert quirk
    assert double
    assert outcome.startswith(OUTCOMES)
    named = re.findall(r"`(test_\w+)`", tests)
    assert named
    assert [test for test in named if test not in every_test()] == []


@pytest.mark.parametrize("hub", DOUBLES)
def test_each_box_and_rare_field_of_a_double_stands_at_a_quirk(hub: str) -> None:
    """A switch that no quirk names is one that nobody tries."""
    ours = " ".join(double for of, _, double, _, _ in rows().values() if of == hub)
    labels = {one.label for one in DOUBLES[hub].switches} | {one.label for one in DOUBLES[hub].rare_fields}
    assert {label for label in labels if f"`{label}`" not in ours} == set()


@pytest.mark.parametrize("hub", DOUBLES)
def test_each_box_and_field_that_a_quirk_names_is_of_its_double(hub: str) -> None:
    named = [
        label
        for of, _, double, _, _ in rows().values()
        if of == hub
        for part in re.findall(r"(?:box|boxes|field|fields) ((?:`[^`]+`(?:, )?)+)", double)
        for label in re.findall(r"`([^`]+)`", part)
    ]
    double = DOUBLES[hub]
    labels = {one.label for one in (*double.switches, *double.fields, *double.rare_fields)}
    assert set(named) <= labels
