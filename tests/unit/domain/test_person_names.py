"""Names as they are compared: what is common to very many names says nothing (M6, M19)."""

import pytest

from shared.domain.person_name import may_be_family_name_of, share_a_part


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("O'Neill", "O'Brien"),
        ("O’Neill", "O’Brien"),
        ("de la Cruz", "de la Rosa"),
        ("van der Berg", "van Dijk"),
        ("Al-Sayed", "al Hakim"),
        ("D'Angelo", "D'Amico"),
        ("St. John", "St. Clair"),
        ("Smith Jr.", "Jones Jr."),
        ("Smith III", "Jones III"),
        ("Maria F.", "John F."),
        ("अमित", "सुमन"),
    ],
)
def test_a_particle_in_common_makes_no_two_names_one(one: str, other: str) -> None:
    assert not share_a_part(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("O'Neill", "ONEILL"),
        ("O'Neill", "O’Neill"),
        ("García", "Garcia Lopez"),
        ("Łukasz", "Lukasz"),
        ("Ｓｍｉｔｈ", "Smith"),
        ("de la Cruz", "Cruz"),
        ("Ben", "Ben Michael"),
        ("Le", "Van Le"),
        ("J.", "J"),
        ("राम", "राम कुमार"),
    ],
)
def test_one_name_in_two_spellings_is_one(one: str, other: str) -> None:
    assert share_a_part(one, other)


@pytest.mark.parametrize(
    "shown", ["Ms. Moss", "MR MOSS", "Dr. Moss", "Moss, Ms.", "Ada Moss", "de Moss", "Mr. O'Neill"]
)
def test_a_display_name_with_a_formal_title_has_a_family_name(shown: str) -> None:
    assert not may_be_family_name_of("Stone", shown)


@pytest.mark.parametrize("shown", ["", "Moss", "moss7", "Coach Kim", "Miss Kim", "O'Neill", "Ms. Stone", "Bob Stone"])
def test_a_name_of_one_part_contradicts_no_family_name(shown: str) -> None:
    assert may_be_family_name_of("Stone", shown)
