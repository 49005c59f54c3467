"""What a teacher types as skills: titles, parts of them, or ids."""

from __future__ import annotations

import pytest

from shared.domain.skill_catalogue import Picked, Skill, SkillCatalogue

CATALOGUE = SkillCatalogue(
    {
        skill.skill_id: skill
        for skill in (
            Skill("slope", "Slope of a line", "Algebra"),
            Skill("x-2", "Add, subtract, and check", "Arithmetic"),
            Skill("x-3", "Équations linéaires", "Algebra"),
            Skill("x-4", "Area", "Geometry"),
            Skill("x-5", "Area", "Calculus"),
            Skill("graph", "Graph slope", "Algebra"),
        )
    }
)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("slope, x-2", Picked(("slope", "x-2"))),
        ("slope x-2 slope", Picked(("slope", "x-2"))),
        ("  SLOPE OF  a Line ", Picked(("slope",))),
        ("Slope of a line graph", Picked(("slope", "graph"))),
        ("Slope of a line, equations lineaires", Picked(("slope", "x-3"))),
        ("Add, subtract, and check, x-4", Picked(("x-2", "x-4"))),
        ("graph slope", Picked(("graph", "slope"))),  # two ids that are known, whatever title they make
        ("skill-07, unit:3", Picked(("skill-07", "unit:3"))),  # ids that no file named
        ("Area", Picked((), ("Area",))),  # two skills have this name: it is asked which
        ("slop of a line, x-4", Picked(("x-4",), ("slop of a line",))),
    ],
)
def test_titles_and_ids_are_read_alike(typed: str, expected: Picked) -> None:
    assert CATALOGUE.read(typed) == expected


def test_without_a_catalogue_every_word_is_an_id() -> None:
    assert SkillCatalogue().read("a, b c,,a") == Picked(("a", "b", "c"))


def test_what_a_class_has_points_in_is_an_id_whatever_the_catalogue_says() -> None:
    assert CATALOGUE.read("old, new", {"old"}.__contains__) == Picked(("old",), ("new",))


def test_parts_of_names_are_found_without_case_and_accents() -> None:
    assert [skill.skill_id for skill in CATALOGUE.search("slo", most=9)] == ["slope", "graph"]
    assert [skill.skill_id for skill in CATALOGUE.search("ÉQUA algebra", most=9)] == ["x-3"]
    assert CATALOGUE.search("volume", most=9) == []


def test_skills_of_one_name_are_told_apart() -> None:
    assert CATALOGUE.names(["x-4", "x-5", "slope"]) == {
        "x-4": "Area (x-4)",
        "x-5": "Area (x-5)",
        "slope": "Slope of a line",
    }
    assert SkillCatalogue().title("linear-equations") == "Linear equations"
