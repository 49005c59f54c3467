"""The restore drill: a table of any night, beside snapshots of the same or of another one, goes on as if nothing was."""

from __future__ import annotations

from typing import Any

import pytest

from functions.accounts_feed.feed_files import SnapshotFiles
from functions.import_step.working_files import WorkingFiles
from shared.stores.restored_table import CarriedOver, RestoredTable
from simulation.restore_drill import SNAPSHOTS, carry_out
from tests.depth import IS_FULL, depth


def wrong(drills: Any) -> list[str]:
    return [each for drill in drills.values() for each in drill.wrong]


@pytest.mark.deep
def test_whatever_moment_is_restored_nobody_is_mailed_twice_or_lost() -> None:
    drills = carry_out(range(depth(1, 10)), step=1 if IS_FULL else 3)
    assert wrong(drills) == []
    assert [drills[which].counts["imports that waited for a person"] for which in SNAPSHOTS[:2]] == [0, 0]
    assert min(drills[which].counts["imports that waited for a person"] for which in SNAPSHOTS[2:]) > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("of", "guard", "without"),
    [
        (RestoredTable, "carry_over", lambda _self: CarriedOver()),
        (SnapshotFiles, "is_of", lambda _self, _state: True),
        (WorkingFiles, "is_lost", lambda _self, _snapshot: False),
    ],
    ids=["mails are brought over", "feeds know their table", "a lost snapshot is found out"],
)
def test_the_drill_sees_each_guard_that_is_taken_out(
    of: type, guard: str, without: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of, guard, without)
    assert wrong(carry_out(range(1), step=4))
