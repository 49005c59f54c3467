"""How far an import has come is seen while it runs, and gone when it is over (M2, B7)."""

from __future__ import annotations

import json

from functions.import_step.plan import Import
from shared.stores.import_progress import ProgressStore
from tests.builders import enrolled, roster, user
from tests.harness import World, zipped
from tests.pages_harness import Website


def begun(world: World) -> Import:
    """An import whose execution was started, and did nothing yet."""
    upload = world.arrive(
        "rosters/lakeside/monday.zip", zipped(roster(user("t1", "teacher"), user("s1"), enrollments=enrolled("s1")))
    )
    world.receive_upload().receive(upload)
    (body,) = world.states.started.values()
    return Import.from_event(json.loads(body)["import"])


def test_while_an_import_runs_its_stage_and_parts_are_told() -> None:
    world = World()
    world.register()
    progress = ProgressStore(world.table)
    import_, steps = begun(world), world.steps()
    assert progress.at_work("lakeside") == []
    steps.run("open", import_)
    (now,) = progress.at_work("lakeside")
    assert (now.stage, now.done, now.parts, now.rows) == ("split", 0, 1, 0)
    steps.run("split", import_, 0)
    (now,) = progress.at_work("lakeside")
    assert (now.stage, now.done, now.rows) == ("split", 1, 4)
    steps.run("admit", import_)
    (now,) = progress.at_work("lakeside")
    assert (now.upload_key, now.stage, now.done, now.parts, now.rows) == (
        "rosters/lakeside/monday.zip",
        "people",
        0,
        1,
        4,
    )
    for stage in ("people", "classes"):
        steps.run(stage, import_, 0)
        (now,) = progress.at_work("lakeside")
        assert (now.stage, now.done) == (stage, 1)
    steps.run("gate", import_)
    for _ in range(2):
        steps.run("apply", import_, 0)
    (now,) = progress.at_work("lakeside")
    assert (now.stage, now.done) == ("apply", 1), "a part that is done again is still one part"
    steps.run("members", import_, 0)
    steps.run("match", import_, 0)
    steps.run("finish", import_)
    assert progress.at_work("lakeside") == []


def test_the_console_shows_it() -> None:
    world = World()
    world.register(clever_district_id="d")
    world.upload(roster(user("a1", "administrator", ids="{Clever:c-9}")))
    import_ = begun(world)
    for step, shard in (("open", None), ("split", 0), ("admit", None)):
        world.steps().run(step, import_, shard)
    page = (
        Website(world)
        .visitor(sub="c-9", district="d")
        .open("/sso/lakeside")
        .press("Continue with Clever")
        .open("/console/lakeside")
    )
    assert "4 rows read; 0 of 1 parts done in the step people" in page.text
    world.run_imports()
    assert "rows read" not in page.open("/console/lakeside").text
