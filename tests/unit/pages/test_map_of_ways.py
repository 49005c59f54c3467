"""From every page, in every state and language, home, the district's login and support are at most two presses away (M18)."""

from __future__ import annotations

import pytest

from functions.pages.http import TEMPLATES
from shared.runtime.languages import languages
from tests.browser.every_page import Shown
from tests.ways import MAP, MOST_PRESSES, Goal, MapOfWays, Place, Way, every_shown, map_of_ways, written


@pytest.fixture(scope="module")
def states() -> list[tuple[str, Shown]]:
    return list(every_shown())


@pytest.mark.parametrize("language", languages())
def test_home_the_district_login_and_support_are_two_presses_away(
    states: list[tuple[str, Shown]], language: str
) -> None:
    found = map_of_ways(language, states)

    far = [(place.state, goal) for place in found.places for goal in Goal if found.presses(place, goal) > MOST_PRESSES]

    assert far == []


def test_the_map_has_every_page(states: list[tuple[str, Shown]]) -> None:
    whole = {
        path.relative_to(TEMPLATES).with_suffix("").as_posix()
        for path in TEMPLATES.rglob("*.html")
        if "{% extends" in path.read_text(encoding="utf-8")
    }
    assert {shown.reply.template for _, shown in states} == whole - {"classes/class_base", "console/console_base"}


def test_the_document_is_as_make_ways_would_write_it(states: list[tuple[str, Shown]]) -> None:
    assert MAP.read_text(encoding="utf-8") == written(map_of_ways("en", states)), "run `make ways`"


def test_a_page_that_leads_nowhere_is_found() -> None:
    dead_end = Place("dead end", "sorry", "/nowhere", 404, (Way("Back", "/elsewhere"),))
    found = MapOfWays((dead_end, Place("elsewhere", "home", "/elsewhere", 200, (Way("Home", "/home"),))))

    assert found.presses(dead_end, Goal.HOME) == MOST_PRESSES
    assert found.presses(dead_end, Goal.DISTRICT) > MOST_PRESSES
