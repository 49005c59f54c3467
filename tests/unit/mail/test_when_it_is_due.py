"""Whether an activation mail is due is decided when it is sent: settings that change move those that wait (M8)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.domain.activation import ActivationState
from shared.stores.due_items import ACTIVATION, DueStore
from shared.stores.waiting import WaitingStore
from tests.builders import key, roster, user
from tests.harness import World

TEACHER = roster(user("t1", "teacher"))


@pytest.fixture
def world() -> World:
    return World()


def mailed(world: World) -> list[str]:
    """Who has been mailed once the scheduler ran and its queue was read."""
    world.queue_due_activations().run()
    world.send_mail()
    return sorted(mail["To"] for mail in world.ses.sent)


def at_school(person: str, school: str) -> str:
    return user(person, "teacher").replace(",true,o1,", f",true,{school},")


def test_a_day_that_is_postponed_sends_nothing_on_the_old_day(world: World) -> None:
    # Given a teacher whose mail waits for the 15th
    world.register(activations_from="2026-09-15")
    world.upload(TEACHER)
    # When the district postpones it
    world.register(activations_from="2026-09-25")
    # Then
    world.now = datetime(2026, 9, 16, 15, tzinfo=UTC)
    assert mailed(world) == []
    world.now = datetime(2026, 9, 26, 15, tzinfo=UTC)
    assert mailed(world) == ["t1@lakeside.example"]


def test_a_day_that_is_brought_forward_sends_on_the_new_day(world: World) -> None:
    world.register(activations_from="2026-09-15")
    world.upload(TEACHER)
    world.register(activations_from="2026-09-05")
    assert mailed(world) == []
    world.now = datetime(2026, 9, 5, 15, tzinfo=UTC)
    assert mailed(world) == ["t1@lakeside.example"]


def test_a_day_that_is_postponed_while_mails_are_queued_holds_them_back(world: World) -> None:
    # Given a mail that is in the queue
    world.register()
    world.upload(TEACHER)
    # When
    world.register(activations_from="2026-09-15")
    # Then
    assert mailed(world) == []
    world.now = datetime(2026, 9, 15, 15, tzinfo=UTC)
    assert mailed(world) == ["t1@lakeside.example"]
    assert mailed(world) == ["t1@lakeside.example"], "and once only"


def test_the_end_of_a_pilot_mails_the_other_schools(world: World) -> None:
    # Given a pilot at one school
    world.register(schools=["o1"])
    world.upload(roster(at_school("t1", "o1"), at_school("t2", "o2"), at_school("t3", "o3")))
    assert mailed(world) == ["t1@lakeside.example"]
    # When it grows by one, and then is over
    world.register(schools=["o1", "o2"])
    assert mailed(world) == ["t1@lakeside.example", "t2@lakeside.example"]
    world.register()
    # Then
    assert mailed(world) == ["t1@lakeside.example", "t2@lakeside.example", "t3@lakeside.example"]


def test_a_teacher_who_moves_to_a_pilot_school_is_mailed(world: World) -> None:
    world.register(schools=["o1"])
    world.upload(roster(at_school("t1", "o2"), user("s1")))
    world.upload(roster(at_school("t1", "o1"), user("s1")), name="moved")
    assert mailed(world) == ["t1@lakeside.example"]


def test_school_hours_are_asked_when_a_mail_is_sent(world: World) -> None:
    """Nine hours of a queue, a daily quota or an outage may lie between."""
    world.register(activations={"in_school_hours": True})
    world.upload(TEACHER)
    # When its request is read at night in Chicago
    world.now = datetime(2026, 9, 2, 3, tzinfo=UTC)
    world.send_mail()
    # Then
    assert world.ses.sent == []
    assert mailed(world) == []
    world.now = datetime(2026, 9, 2, 12, 1, tzinfo=UTC)
    assert mailed(world) == ["t1@lakeside.example"]


def test_a_mail_that_a_person_asked_for_waits_for_nothing(world: World) -> None:
    world.register()
    world.upload(TEACHER)
    world.send_mail()
    world.register(activations_from="2026-12-01")
    world.resend_activation().resend(key("t1"))
    assert mailed(world) == ["t1@lakeside.example"] * 2


def test_who_waits_and_leaves_is_mailed_after_the_return(world: World) -> None:
    # Given a teacher who waits, and is off the roster when the day comes
    world.register(activations_from="2026-09-05")
    world.upload(roster(user("t1", "teacher"), user("s1")))
    world.upload(roster(user("s1")), name="without")
    world.now = datetime(2026, 9, 5, 15, tzinfo=UTC)
    assert mailed(world) == []
    # When
    world.upload(roster(user("t1", "teacher"), user("s1")), name="again")
    # Then
    assert mailed(world) == ["t1@lakeside.example"]


def test_a_look_at_a_district_reads_nobody_before_its_day(world: World) -> None:
    """Settings that change cost as much as those whom they concern."""
    world.register(activations_from="2026-09-15")
    world.upload(roster(*(user(f"t{n}", "teacher") for n in range(300))))
    world.register(activations_from="2026-09-25")
    before = world.table.meter.read_units
    world.queue_due_activations().run()
    assert world.table.meter.read_units - before < 20


def test_those_who_waited_for_an_earlier_version_are_mailed_on_the_present_day(world: World) -> None:
    # Given a mail that an earlier version made due for the end of a pilot, and one for an old day
    world.register(schools=["o1"])
    world.upload(roster(at_school("t1", "o2"), at_school("t2", "o2")))
    waiting = WaitingStore(world.table)
    for person, moment in (("t1", datetime(9999, 1, 1, tzinfo=UTC)), ("t2", datetime(2026, 9, 15, tzinfo=UTC))):
        activation = world.activations.of_user(key(person))
        assert activation
        assert activation.state is ActivationState.PENDING
        DueStore(world.table).add(ACTIVATION, key(person), moment, activation_id=activation.activation_id)
    waiting.remove([key("t1"), key("t2")])
    assert mailed(world) == []
    # When the schedule runs for some hours
    world.register()
    for _ in range(40):
        world.pass_time(minutes=15)
        sent = mailed(world)
    # Then
    assert sent == ["t1@lakeside.example", "t2@lakeside.example"]
    assert not list(DueStore(world.table).all_of(ACTIVATION))


@pytest.mark.parametrize("minutes", [5, 15, 60, 24 * 60])
def test_what_an_earlier_version_left_is_found_wherever_it_lies(world: World, minutes: int) -> None:
    due = DueStore(world.table)
    for number in range(100):
        due.add(ACTIVATION, key(f"t{number}"), world.now)
    found = set()
    for _ in range(80):
        world.pass_time(minutes=minutes)
        found |= {user for user, _, _ in due.some_of(ACTIVATION, world.now)}
    assert len(found) == 100
