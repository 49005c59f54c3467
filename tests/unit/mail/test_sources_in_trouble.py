"""A district's contacts hear in the morning that its roster did not come for two nights: once for each trouble (B10)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from local.doubles.oneroster import OneRoster
from tests.builders import roster, user
from tests.fetching import ONEROSTER, FetchWorld, with_double
from tests.harness import WEB, text

CONTACTS = ["pat@lakeside.example", "kim@lakeside.example"]


@pytest.fixture
def world() -> FetchWorld:
    made = roster(user("t1", "teacher"), user("s1"))
    files = {name: body.encode() if isinstance(body, str) else body for name, body in made.items()}
    world = with_double(OneRoster(files), ONEROSTER, contacts=CONTACTS)
    assert world.fetch()["status"] == "completed"
    world.ses.sent.clear()
    return world


def told(world: FetchWorld) -> list[str]:
    """Who is told by the quarter-hourly look of this morning."""
    before = len(world.ses.sent)
    world.watch_sources().run()
    return sorted(mail["To"] for mail in world.ses.sent[before:])


def night(world: FetchWorld, day: int) -> None:
    """03:00 and what comes of it, then 08:00 of the district's day."""
    world.now = datetime(2026, 9, day, 8, tzinfo=UTC)
    world.start_due()
    world.run_fetches()
    world.now = datetime(2026, 9, day, 13, tzinfo=UTC)


def refuse(world: FetchWorld) -> Mapping[str, Mapping[str, str]]:
    before = dict(world.secrets)
    world.secrets.clear()
    return before


def test_contacts_are_told_after_the_second_night_and_once(world: FetchWorld) -> None:
    # Given a source that lets nobody in
    refuse(world)
    # When one night fails, then another
    night(world, 2)
    assert told(world) == []
    night(world, 3)
    # Then each contact is told, once
    assert told(world) == sorted(CONTACTS)
    assert told(world) == []
    said = " ".join(text(world.ses.sent[-1]).split())
    for words in (
        "The roster of Lakeside Schools did not come for two nights",
        "The secret of the source is not there",
        "OneRoster, sis.example",
        "Last good fetch: September 1, 2026",
        "Nobody is removed, and what stood still stands.",
        f"{WEB}/console/lakeside/source",
    ):
        assert words in said, words
    # And the nights after it bring no other mail
    night(world, 4)
    assert told(world) == []
    assert world.latest()["users"]["removed"] == 0


def test_nobody_is_told_at_night_or_of_a_fetch_that_somebody_watches(world: FetchWorld) -> None:
    secrets = refuse(world)
    world.fetch()
    world.pass_time(minutes=5)
    world.fetch()
    assert told(world) == []
    night(world, 2)
    night(world, 3)
    world.now = datetime(2026, 9, 3, 9, tzinfo=UTC)
    assert told(world) == [], "it is 4:00 there"
    # And a good fetch in the meantime ends it
    world.secrets.update(secrets)
    assert world.fetch()["status"] in ("completed", "unchanged")
    world.now = datetime(2026, 9, 3, 13, tzinfo=UTC)
    assert told(world) == []


def test_the_next_trouble_is_told_again(world: FetchWorld) -> None:
    secrets = refuse(world)
    night(world, 2)
    night(world, 3)
    assert told(world) == sorted(CONTACTS)
    world.secrets.update(secrets)
    night(world, 4)
    world.secrets.clear()
    night(world, 5)
    assert told(world) == []
    night(world, 6)
    assert told(world) == sorted(CONTACTS)


def test_a_step_that_runs_again_counts_one_night_once(world: FetchWorld) -> None:
    refuse(world)
    night(world, 2)
    (trouble,) = [item for (pk, _), item in world.table.items.items() if pk == "SOURCES"]
    world.fetches.note_failed_night("lakeside", trouble["failed_at"])
    assert list(world.fetches.troubles()) == []


def test_a_contact_is_told_in_the_districts_language(world: FetchWorld) -> None:
    world.register(contacts=CONTACTS[:1], locale="es")
    refuse(world)
    night(world, 2)
    night(world, 3)
    assert told(world) == CONTACTS[:1]
    said = " ".join(text(world.ses.sent[-1]).split())
    assert "La lista de Lakeside Schools no llegó durante dos noches" in said
    assert "El secreto de la fuente" in said


def test_a_district_that_takes_its_source_away_hears_nothing(world: FetchWorld) -> None:
    refuse(world)
    night(world, 2)
    night(world, 3)
    world.fetches.forget_source("lakeside")
    # And a fetch that was still at work fails
    world.fetches.note_failed_night("lakeside", "2026-09-04T07:30:00Z")
    assert told(world) == []
    assert world.start_due() == 0
