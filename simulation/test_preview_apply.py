"""A preview that is applied after something changed: as it was shown, or not at all (B14)."""

from __future__ import annotations

from collections import Counter

import pytest

from functions.import_step.steps import finish
from simulation.preview_apply import CHANGES, Case, at_random, every_order, run
from tests.depth import depth


def test_each_change_alone_refuses_it_or_does_not_matter() -> None:
    ended = {case.between: run(case) for case in every_order(1)}
    as_shown = {names for names, end in ended.items() if end == "applied as shown"}
    # A delta waits behind a held roster; links are not the roster's.
    harmless = ("the same roster as before", "a delta", "a link", "an undo", "a held roster is rejected")
    assert as_shown == {(), *((name,) for name in harmless)}
    assert set(ended.values()) == {"applied as shown", "refused: changed_since_preview"}
    assert len(ended) == len(CHANGES) + 1


@pytest.mark.deep
def test_whatever_comes_between_and_whoever_dies_it_is_as_shown_or_not_at_all() -> None:
    ended = Counter(run(at_random(seed)) for seed in range(depth(quick=8, full=60)))
    assert ended["applied as shown"] > 0
    assert ended["refused: changed_since_preview"] > 0


class _Alike(str):
    """Equal to whatever was shown."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return True


@pytest.mark.parametrize("name", ["another roster", "accounts", "midnight"])
def test_a_missing_guard_is_noticed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    # Given an import that does not compare what it comes to with what was shown
    monkeypatch.setattr(finish, "_shown", lambda *_: _Alike())
    with pytest.raises(AssertionError, match="instead of"):
        run(Case(between=(name,)))


def test_a_case_is_repeated_by_its_name() -> None:
    for case in (at_random(7), Case(between=("a link", "midnight")), Case()):
        assert Case.named(case.name) == case
    with pytest.raises(ValueError, match="no change that comes between"):
        Case.named("preview a flood")
