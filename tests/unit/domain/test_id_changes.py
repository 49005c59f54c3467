"""People under new numbers (B11): who is found without a map, how many, and how many wrongly."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.id_changes import Ground, Known, Pairing, People
from shared.domain.roster import Role
from tests.depth import depth
from tests.renumbered import figures, renumbered


def student(number: str, given: str = "Ada", family: str = "Lee", **more: Any) -> Known:
    return replace(Known(number, Role.STUDENT, given, family), **more)


def teacher(number: str, given: str = "Tom", family: str = "May", **more: Any) -> Known:
    return replace(Known(number, Role.TEACHER, given, family), **more)


def people(*each: Known) -> People:
    found = People()
    for known in each:
        found.add(known)
    return found


def found(gone: list[Known], came: list[Known], *, stay: Sequence[tuple[str, str]] = ()) -> list[tuple[str, str, str]]:
    pairing = Pairing(people(*gone), people(*came))
    for before, after in stay:
        pairing.stand(before.split(), after.split())
    return [(change.old, change.new, change.ground.value) for change in pairing.find()]


@pytest.mark.parametrize(
    ("then", "now", "ground"),
    [
        ({"official_email": "a@x.org"}, {"official_email": "a@x.org"}, "address"),
        ({"official_email": "a@old.org"}, {"official_email": "a@new.org"}, "local_part"),
        ({"clever_ids": ("c1",)}, {"clever_ids": ("c1",), "family_name": "Marr"}, "clever_id"),
        ({"username": "ada.lee"}, {"username": "Ada.Lee"}, "username"),
    ],
)
def test_what_one_on_each_side_has_makes_a_pair(then: dict[str, Any], now: dict[str, Any], ground: str) -> None:
    assert found([student("1", **then)], [student("9", **now)]) == [("1", "9", ground)]


def test_a_teacher_who_married_is_found_by_the_address() -> None:
    gone = [teacher("1", official_email="t@x.org")]
    assert found(gone, [teacher("9", family="Kay", official_email="t@x.org")]) == [("1", "9", "address")]


def test_a_sister_on_the_mothers_address_is_another_child() -> None:
    gone = [student("1", "Ada", official_email="mum@x.org")]
    assert found(gone, [student("9", "Bea", official_email="mum@x.org")]) == []


def test_twins_on_one_address_are_told_apart_by_their_names() -> None:
    twins = [student("1", "Ada", official_email="mum@x.org"), student("2", "Bea", official_email="mum@x.org")]
    came = [replace(twins[1], person_id="8"), replace(twins[0], person_id="9")]
    assert found(twins, came) == [("1", "9", "address"), ("2", "8", "address")]


def test_somebody_else_on_an_address_that_was_given_on_is_nobody_we_know() -> None:
    gone = [teacher("1", official_email="office@x.org")]
    assert found(gone, [teacher("9", "Ann", "Roe", official_email="office@x.org")]) == []


def test_a_student_is_no_teacher_whatever_the_address_says() -> None:
    gone = [student("1", official_email="a@x.org", username="u", clever_ids=("c",))]
    came = [teacher("9", "Ada", "Lee", official_email="a@x.org", username="u", clever_ids=("c",))]
    assert found(gone, came) == []


def test_equal_names_are_told_apart_by_the_people_in_their_classes() -> None:
    gone = [student("1", class_ids=("a",)), student("2", class_ids=("b",))]
    came = [student("8", class_ids=("y",)), student("9", class_ids=("x",))]
    stay = [("a", "x"), ("a", "x"), ("b", "y"), ("b", "y")]
    assert found(gone, came, stay=stay) == [("1", "9", "class_company"), ("2", "8", "class_company")]


def test_two_of_one_name_in_one_class_are_not_guessed_at() -> None:
    gone = [student("1", class_ids=("a",)), student("2", class_ids=("a",))]
    came = [student("8", class_ids=("x",)), student("9", class_ids=("x",))]
    assert found(gone, came, stay=[("a", "x"), ("a", "x")]) == []


def test_a_name_alone_makes_no_pair_on_an_ordinary_night() -> None:
    assert found([student("1", class_ids=("a",))], [student("9", class_ids=("b",))]) == []
    assert found([student("1", school_ids=("s",))], [student("9", school_ids=("s",))]) == []


def test_one_of_the_name_with_another_address_is_somebody_else() -> None:
    gone = [student("1", official_email="ada@x.org", class_ids=("a",))]
    came = [student("9", official_email="lee2@x.org", class_ids=("a",))]
    assert found(gone, came, stay=[("a", "a"), ("a", "a")]) == []


def test_an_equal_number_of_another_kind_is_the_same_person() -> None:
    gone = [student("student\x7f7"), teacher("teacher\x7f7")]
    came = [student("7"), teacher("5007", official_email="t@x.org")]
    assert found(gone, came) == [("student\x7f7", "7", Ground.NUMBER)]


@pytest.mark.deep
@pytest.mark.parametrize("new_year", [False, True])
def test_a_district_with_all_numbers_new_is_found(new_year: bool, capsys: pytest.CaptureFixture[str]) -> None:
    size = depth(6_000, 100_000)
    for seed in range(depth(1, 3)):
        district = renumbered(size, seed=seed, new_year=new_year)
        changes = Pairing(people(*district.old), people(*district.new)).find()
        precision, share = figures(district, changes)
        with capsys.disabled():
            sys.stdout.write(f"\n{len(district.old)} people, {seed=}: precision {precision:.5f}, found {share:.4f}\n")
        assert precision >= 0.999
        assert share >= 0.99


@pytest.mark.deep
def test_pairing_takes_little_memory() -> None:
    size = depth(6_000, 100_000)
    district = renumbered(size, seed=7)
    tracemalloc.start()
    gone, came = people(*district.old), people(*district.new)
    Pairing(gone, came).find()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_300 * size + 10_000_000
