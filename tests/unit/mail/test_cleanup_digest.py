"""Once a week a district that asked for it is told how many classes from before are left, by school (M17)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.domain.digest import next_digest_at
from shared.domain.district_file import settings_of
from shared.domain.roster import Role, RosterUser, School
from shared.stores.digests import DigestStore, RemainingClassesStore
from tests.fakes.dynamodb import Effect, error
from tests.harness import World

MONDAY = datetime(2026, 9, 14, 12, tzinfo=UTC)
"""07:00 in Chicago."""


def teacher(number: int, school: str | None) -> RosterUser:
    return RosterUser(
        "lakeside", f"t{number}", Role.TEACHER, "Ada", f"Lovelace{number}", school_ids=(school,) if school else ()
    )


def lakeside(world: World) -> World:
    """North has five classes left, of two teachers; South has one; one teacher is of no school."""
    world.register(digest={"to": ["data@lakeside.example", "head@lakeside.example"]})
    world.districts.put_schools(
        [School("lakeside", "north", "North Middle"), School("lakeside", "south", "South High")]
    )
    left = RemainingClassesStore(world.table)
    for number, (school, classes) in enumerate([("north", 3), ("south", 1), ("north", 2), (None, 1), ("south", 0)]):
        left.note(teacher(number, school), classes)
    return world


@pytest.fixture
def world() -> World:
    return lakeside(World())


def digests(world: World) -> list[dict[str, Any]]:
    kind = {"Name": "kind", "Value": "digest"}
    return [mail for mail in world.ses.sent if kind in mail["EmailTags"]]


def test_a_digest_counts_classes_by_school_the_most_first_and_names_no_person(world: World) -> None:
    assert world.send_digest().run() == {"planned": 1}
    world.now = MONDAY
    assert world.send_digest().run() == {"sent": 1}

    assert [mail["To"] for mail in digests(world)] == ["data@lakeside.example", "head@lakeside.example"]
    content = digests(world)[0]["Content"]["Simple"]
    text = content["Body"]["Text"]["Data"]
    assert "7 old classes are still open. 4 teachers still have to look at them." in text
    assert "- North Middle: 5\n- No school: 1\n- South High: 1\n" in text
    assert 'width="100%"' in content["Body"]["Html"]["Data"]
    assert 'width="20%"' in content["Body"]["Html"]["Data"]
    assert "Lovelace" not in json.dumps(content)


def test_the_bar_of_a_school_with_hardly_any_classes_can_still_be_seen(world: World) -> None:
    RemainingClassesStore(world.table).note(teacher(9, "north"), 995)
    world.send_digest().run()
    world.now = MONDAY
    world.send_digest().run()
    assert 'width="1%"' in digests(world)[0]["Content"]["Simple"]["Body"]["Html"]["Data"]


def test_it_comes_once_a_week_however_often_the_schedule_fires(world: World) -> None:
    world.send_digest().run()
    sent = 0
    for hour in range(4 * 7 * 24):
        world.now = MONDAY.replace(hour=0).replace(day=14) if hour == 0 else world.now
        world.pass_time(hours=1)
        sent += world.send_digest().run()["sent"] + world.send_digest().run()["sent"]
    assert sent == 4
    assert len(digests(world)) == 8


def test_nothing_left_is_no_mail(world: World) -> None:
    for number in range(5):
        RemainingClassesStore(world.table).forget(teacher(number, None).key)
    world.send_digest().run()
    world.now = MONDAY
    assert world.send_digest().run() == {"nothing_to_say": 1}
    assert digests(world) == []


def test_whoever_did_not_ask_gets_none_and_whoever_asks_no_longer_gets_no_more(world: World) -> None:
    world.register("valley")
    world.send_digest().run()
    world.register()
    world.now = MONDAY
    assert world.send_digest().run() == {}
    world.register(digest={"to": ["data@lakeside.example"]})
    assert world.send_digest().run() == {"planned": 1}
    world.register(digest={"to": ["data@lakeside.example"], "weekday": "tue"})
    assert [one.due_at for one in DigestStore(world.table).all()] == ["2026-09-21T12:00:00.000Z"]


def test_without_an_address_of_its_own_it_goes_to_the_contacts(world: World) -> None:
    world.register(digest={}, contacts=["contact@lakeside.example"])
    world.send_digest().run()
    world.now = MONDAY
    world.send_digest().run()
    assert [mail["To"] for mail in digests(world)] == ["contact@lakeside.example"]


def test_a_worker_that_dies_while_it_sends_is_not_repeated_by_the_next_one() -> None:
    class Died(BaseException):
        pass

    def gate(service: str, operation: str, _request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        answer = effect()
        if operation == "SendEmail" and len(world.ses.sent) == 1:
            raise Died
        return answer

    world = World(gate=gate)
    lakeside(world)
    world.send_digest().run()
    world.now = MONDAY
    with pytest.raises(Died):
        world.send_digest().run()
    assert world.send_digest().run() == {}, "another one has it, as far as anybody knows"
    world.pass_time(minutes=11)
    assert world.send_digest().run() == {"unanswered": 1}
    assert len(digests(world)) == 1


def test_one_that_ses_refuses_is_tried_again_within_the_day() -> None:
    refused = True

    def gate(_service: str, operation: str, _request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        if operation == "SendEmail" and refused:
            raise error("TooManyRequestsException", "SendEmail")
        return effect()

    world = lakeside(World(gate=gate))
    world.send_digest().run()
    world.now = MONDAY
    assert world.send_digest().run() == {"refused": 1}
    refused = False
    world.pass_time(hours=2)
    assert world.send_digest().run() == {"sent": 1}


@pytest.mark.parametrize(
    ("weekday", "now", "expected"),
    [
        ("monday", "2026-09-14T12:00:00+00:00", "2026-09-21T12:00:00+00:00"),
        ("mon", "2026-09-13T12:00:00+00:00", "2026-09-14T12:00:00+00:00"),
        ("friday", "2026-10-31T12:00:00+00:00", "2026-11-06T13:00:00+00:00"),
        ("sunday", "2026-09-16T12:00:00+00:00", "2026-09-21T12:00:00+00:00"),
    ],
)
def test_the_next_one_is_due_on_the_districts_weekday_in_school_hours(weekday: str, now: str, expected: str) -> None:
    settings = {
        "name": "L",
        "email_domains": ["l.example"],
        "time_zone": "America/Chicago",
        "digest": {"weekday": weekday},
    }
    district = settings_of({"district_id": "lakeside", **settings})
    assert next_digest_at(district, datetime.fromisoformat(now)) == datetime.fromisoformat(expected)
