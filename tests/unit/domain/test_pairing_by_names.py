"""A teacher's classes paired by names, on teachers whose truth is known and at the edges (B13)."""

from __future__ import annotations

import itertools
import random
import re

import pytest

from benchmarks.named_classes import teacher
from benchmarks.pairs import measured, paired, table
from shared.domain.pairing_by_names import NamedClass, Strength, best_assignment, pair_by_names
from tests.depth import depth
from tests.tree import ROOT

NAMES = [("Ada", "Lovelace"), ("Ben", "Okafor"), ("Chloé", "Dupont"), ("Dana", "Kim"), ("Emil", "Nolde"), ("Femi", "Ade"),
         ("Gus", "Hall"), ("Hana", "Sato"), ("Ines", "Silva"), ("Jorge", "Luna")]  # fmt: skip
PEOPLE = {f"p{n}": name for n, name in enumerate(NAMES)}
ACCOUNTS = {f"a{n}": " ".join(name) for n, name in enumerate(NAMES)}


def named(*students: str, title: str = "") -> NamedClass:
    return NamedClass(frozenset(title.split()), students)


def accounts(*numbers: int) -> tuple[str, ...]:
    return tuple(f"a{n}" for n in numbers)


def people(*numbers: int) -> tuple[str, ...]:
    return tuple(f"p{n}" for n in numbers)


def test_who_is_likely_in_both_pairs_two_classes_and_is_the_reason() -> None:
    (found,) = pair_by_names(
        [named(*accounts(*range(10)))], [named(*people(0, 1)), named(*people(*range(2, 9)))], ACCOUNTS, PEOPLE
    )
    assert (found.into, found.names, found.of, found.strength) == (1, 7, 10, Strength.STRONG)


@pytest.mark.parametrize(
    ("common", "strength"), [(0, None), (1, None), (2, Strength.WEAK), (4, Strength.WEAK), (5, Strength.STRONG)]
)
def test_few_names_are_asked_about_and_one_is_nothing(common: int, strength: Strength | None) -> None:
    found = pair_by_names(
        [named(*accounts(*range(10)))], [named(*people(*range(common)), "stranger")], ACCOUNTS,
        {**PEOPLE, "stranger": ("Zora", "Quux")},
    )  # fmt: skip
    assert [each.strength for each in found] == ([strength] if strength else [])


def test_a_class_that_is_split_in_two_is_asked_about() -> None:
    halves = [named(*people(*range(5))), named(*people(*range(5, 10)))]
    (found,) = pair_by_names([named(*accounts(*range(10)))], halves, ACCOUNTS, PEOPLE)
    assert found.strength is Strength.WEAK


def test_where_all_lessons_have_the_same_students_their_names_tell_which() -> None:
    old = [named(*accounts(*range(10)), title=title) for title in ("algebra", "biology")]
    new = [named(*people(*range(9)), title=title) for title in ("biology", "algebra")]
    found = pair_by_names(old, new, ACCOUNTS, PEOPLE)
    assert [(each.old, each.into, each.strength) for each in found] == [
        (0, 1, Strength.STRONG),
        (1, 0, Strength.STRONG),
    ]


def test_classes_of_one_name_are_asked_about_though_nobody_is_in_both() -> None:
    found = pair_by_names([named("a0", title="algebra")], [named("p5", title="algebra")], ACCOUNTS, PEOPLE)
    assert [(each.names, each.strength) for each in found] == [(0, Strength.WEAK)]


def test_nothing_pairs_with_nothing() -> None:
    assert pair_by_names([], [named(*people(1))], ACCOUNTS, PEOPLE) == []
    assert pair_by_names([named(*accounts(1))], [], ACCOUNTS, PEOPLE) == []
    assert pair_by_names([named()], [named()], {}, {}) == []


def test_the_best_total_is_found_one_to_one() -> None:
    for seed in range(60):
        chance = random.Random(seed)
        rows, columns = chance.randint(1, 4), chance.randint(1, 4)
        totals = [[round(chance.random(), 2) for _ in range(columns)] for _ in range(rows)]
        places = itertools.permutations(range(max(rows, columns)), rows)
        best = max(sum(totals[r][c] for r, c in enumerate(each) if c < columns) for each in places)
        found = best_assignment(totals)
        assert sum(totals[r][c] for r, c in found) == pytest.approx(best)
        assert len({c for _, c in found}) == len(found)


@pytest.mark.deep
def test_what_is_offered_is_right_and_most_is_offered_where_half_stayed() -> None:
    teachers = depth(3, 15)
    found = measured(teachers, overlaps=(0.3, 0.5, 0.8))
    offered, right = sum(each.offered for each in found), sum(each.right for each in found)
    assert right >= 0.99 * offered
    enough = [each for each in found if each.overlap >= 0.5]
    assert sum(each.right for each in enough) >= 0.95 * sum(each.true for each in enough)


def test_the_same_seed_gives_the_same_pairs() -> None:
    assert paired(teacher(3, "much", 0.6)) == paired(teacher(3, "much", 0.6))
    assert len(list(table(measured(1, ("none",), (1.0,))))) == 3


def test_the_document_has_what_was_measured() -> None:
    text = (ROOT / "docs/pairs.md").read_text().split("<!-- table -->")[1].split("<!-- end -->")[0]
    rows = re.findall(r"^\| (\w+) \| (\d+)% \|.*?\| ([\d.]+)% \| ([\d.]+)% \|", text, re.M)
    assert len(rows) == 21
    assert all(float(found) >= 95 for _, stayed, _, found in rows if int(stayed) >= 50)
    assert all(float(right) >= 99 for _, stayed, right, _ in rows if int(stayed) >= 30)


def test_a_class_that_ended_among_mixed_ones_is_asked_about() -> None:
    """Nearly half of one old class is together again, of the other hardly anybody: that is chance."""
    old = [named(*accounts(*range(5)), "b1", "b2", "b3", "b4", "b5"), named(*accounts(*range(5, 10)))]
    new = [named(*people(*range(5))), named(*people(5)), named(*people(6))]
    found = pair_by_names(old, new, {**ACCOUNTS, **{f"b{n}": f"Zed Quux{n}" for n in range(1, 6)}}, PEOPLE)
    assert {each.old: each.strength for each in found if each.names > 1} == {0: Strength.WEAK}
