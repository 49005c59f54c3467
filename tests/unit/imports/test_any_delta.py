"""Any roster, then the delta that leads to any other one, is the other one (M1, M2)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import Phase, given, note, settings
from hypothesis import strategies as st

from shared.domain.roster import RosterUser
from shared.stores.keys import user_of_pk
from tests.harness import World, decide
from tests.roster_facts import Delta, rosters, uploads

type Files = dict[str, str | bytes]


def imported(*steps: Files) -> World:
    """A district after these uploads; one that is held is approved."""
    world = World()
    world.register(removal_threshold_percent=100, removal_threshold_count=1_000)
    for number, files in enumerate(steps):
        report = world.upload(files, name=f"upload-{number}")
        if report["status"] == "held":
            decide(world, report, "approve")
            report = world.latest()
        assert report["status"] in ("completed", "unchanged"), report
        assert report["rejects"] == [], report
    return world


def people(world: World) -> dict[str, RosterUser]:
    found = world.users.get_many(user_of_pk(pk) for pk, sk in world.table.items if sk == "ROSTER")
    assert not any(user.teaches or user.attends for user in found.values() if not user.active)
    return {user.sourced_id: user for user in found.values() if user.active}


def classes(world: World) -> dict[tuple[str, str], dict[str, Any]]:
    """What the roster says of classes; which of its id a class is, is history (``since``)."""
    found = {at: item for at, item in world.table.items.items() if at[0].startswith("CLASS#lakeside#")}
    return {at: {name: value for name, value in item.items() if name != "since"} for at, item in found.items()}


def school_names(world: World) -> dict[str, str]:
    return world.districts.school_names("lakeside", ("o1", "o2"))


def mailed(world: World) -> set[str]:
    """Who is mailed an activation."""
    world.send_mail()
    return {mail["To"] for mail in world.ses.sent}


def snapshot(world: World) -> dict[str, list[Any]]:
    """What the standing snapshot says, kind by kind, without the history of classes and which rows were read."""
    standing = world.table.items["DISTRICT#lakeside", "SNAPSHOT"]
    folder = f"snapshots/lakeside/{standing['snapshot_id']}/"
    found: dict[str, list[Any]] = {"counts": [standing["standing"]], "school year": [standing["school_year"]]}
    for (_, place), body in sorted(world.s3.objects.items()):
        if place.startswith(folder) and body:
            kind = place.removeprefix(folder).partition("-")[0]
            if kind in ("history", "rows"):
                continue
            found.setdefault(kind, []).extend(map(json.loads, body.splitlines()))
    return {kind: sorted(lines, key=str) for kind, lines in found.items()}


def assert_same(world: World, other: World) -> None:
    assert people(world) == people(other)
    assert classes(world) == classes(other)
    assert school_names(world) == school_names(other)
    assert snapshot(world) == snapshot(other)
    assert mailed(world) == mailed(other)


@pytest.mark.deep
@settings(phases=[Phase.reuse, Phase.generate])
@given(st.data())
def test_a_roster_and_the_delta_to_another_one_are_the_other_one(data: st.DataObject) -> None:
    # Two whole districts a try: a smaller example of a failure would take longer than it is worth.
    # Given a district with a whole roster, and another that has a different one
    version = data.draw(st.sampled_from(("1.1", "1.2")))
    one, other = data.draw(rosters(version)), data.draw(rosters(version))
    # When the first one gets the delta between them, in whatever uploads
    delta = data.draw(uploads(Delta.between(one, other)))
    note(f"{one.files()}\n{delta}\n{other.files()}")
    # Then the table and the snapshot of both say the same, and the same people are mailed
    assert_same(imported(one.files(), *delta), imported(other.files()))
