"""What the teacher's table suggests, on generated classes whose truth is known (B12): docs/pairs.md has the whole table."""

from __future__ import annotations

import re

import pytest

from benchmarks.suggestions import measured, reasons, table
from shared.domain.name_likeness import AccountName, Doubt, PersonName, doubt_of, likeness
from tests.depth import depth
from tests.tree import ROOT

SURE_IS_RIGHT = 0.995


@pytest.mark.deep
def test_sure_suggestions_are_right_whoever_left_or_is_new() -> None:
    found = measured(depth(5, 60), overlaps=(0.2, 0.6, 1.0))
    made, right = sum(each.of(None) for each in found), sum(each.right[None] for each in found)
    assert right >= SURE_IS_RIGHT * made, (right, made)
    assert sum(each.right.total() for each in found) >= 0.85 * sum(each.true for each in found)
    for each in found:
        assert each.wrong[None] <= 2 + (1 - SURE_IS_RIGHT) * each.of(None), (each.noise, each.overlap)


@pytest.mark.parametrize(
    ("given", "family", "shown", "doubt"),
    [
        ("William", "O'Brien", "bill obrien", None),
        ("María", "García López", "Maria Garcia", None),
        ("Юлия", "Иванова", "Julia Ivanova", Doubt.SPELLING),
        ("John", "Smith", "johnsmith", None),
        ("Dana", "Mitchell", "Dana Mitchel", None),
        ("Ella", "Russell", "Elli Russell", Doubt.SPELLING),
        ("Robert", "Moss", "William Moss", Doubt.SPELLING),
        ("Mariana", "Lopez", "Maria Lopez", Doubt.SPELLING),
        ("María", "García López", "Maria Garcia Ruiz", Doubt.SPELLING),
        ("Ada Kimberly", "Moss", "Kimberly Moss", Doubt.SPELLING),
        ("Maria", "Lopez", "Maria L.", Doubt.INITIAL),
        ("Maria", "Lopez", "maria", Doubt.FIRST_NAME_ALONE),
    ],
)
def test_what_may_be_a_brothers_or_sisters_is_asked_about(
    given: str, family: str, shown: str, doubt: Doubt | None
) -> None:
    assert doubt_of(likeness(PersonName.of(given, family), AccountName.of(shown))) is doubt


def test_the_tables_have_a_line_for_each_noise_and_reason() -> None:
    found = measured(1, ("none",), (1.0,))
    assert len(list(table(found))) == 3
    assert len(list(reasons(found))) == 2 + len(Doubt)


def test_every_cell_of_the_document_keeps_what_sure_promises() -> None:
    text = (ROOT / "docs/pairs.md").read_text().split("<!-- suggestions -->")[1]
    cells = re.findall(r"^\| (\w+) \| (\d+)% \| [\d,]+ \| [\d,]+ \| ([\d.]+)% \|", text, re.M)
    assert len(cells) == 15
    assert all(float(right) >= 100 * SURE_IS_RIGHT for _, _, right in cells), cells
