"""What a way costs a person, in presses and words, never grows (docs/stop-watch.md)."""

from __future__ import annotations

import re

import pytest

from tests.browser.every_page import Riverbend
from tests.stop_watch import BEFORE, MOST_PRESSES_ON_MONDAY, PAGE, WAYS, Seen, Walk, bounds, monday, presses_on, walked


@pytest.fixture(scope="module")
def walks() -> dict[str, Walk]:
    return walked()


def test_no_way_takes_more_presses_or_words_than_the_document_says(walks: dict[str, Walk]) -> None:
    held = bounds()
    longer = {
        name: (walk.presses, walk.words, held[name])
        for name, walk in walks.items()
        if walk.presses > held[name][0] or walk.words > held[name][1]
    }
    assert longer == {}, "shorten it; where it has to be longer, run `make ways` and say why"


def test_each_way_is_as_short_as_before_or_shorter_and_has_fewer_words(walks: dict[str, Walk]) -> None:
    assert BEFORE.keys() == WAYS.keys() == bounds().keys()
    assert [name for name, walk in walks.items() if walk.presses > BEFORE[name].presses] == []
    assert [name for name, walk in walks.items() if walk.words >= BEFORE[name].words] == []


def test_nothing_is_asked_twice_on_any_way(walks: dict[str, Walk]) -> None:
    """A question is a form that was answered; the mail's button comes again where the mail does."""
    answered = {name: [seen.question for seen in walk.seen if seen.question] for name, walk in walks.items()}

    assert {name: asked for name, asked in answered.items() if len(set(asked)) < len(asked)} == {}
    assert "I don't have an account yet" in answered["teacher without an account"]


def test_words_that_are_folded_away_or_only_numbers_are_not_read() -> None:
    page = "<main><h1>Two words</h1><p hidden>no</p><details><summary>More</summary><p>folded away</p></details> · 5 %</main>"

    assert Seen(page).words == 4


def test_a_newcomers_monday_is_done_in_a_dozen_presses() -> None:
    walk = monday(Riverbend())

    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    presses, words = re.findall(rf"(\d+) presses of {MOST_PRESSES_ON_MONDAY} at most; (\d+) words", text)[0]
    assert presses_on(walk) <= int(presses) <= MOST_PRESSES_ON_MONDAY
    assert walk.words <= int(words), "shorten it; where it has to be longer, run `make ways` and say why"
