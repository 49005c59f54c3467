"""A district's first wave: so many mails go first, and the rest when one was opened, or a person says so (M8)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.domain.activation import Activation
from shared.domain.clock import to_iso
from shared.domain.first_wave import FirstWave, in_order_of_roster, school_day_after
from shared.domain.roster import RosterUserKey
from shared.stores.first_wave import FirstWaveStore
from tests.builders import account, key, roster, user
from tests.harness import CONFIGURATION_SET, World, zipped


@pytest.fixture
def world() -> World:
    return World(is_metered=False)


def teachers(*numbers: int, school: str = "o1") -> list[str]:
    return [user(f"t{n}", "teacher", school=school) for n in numbers]


def look(world: World) -> list[str]:
    """Who has been mailed once the schedule ran and its queue was read, in the order of the mails."""
    world.queue_due_activations().run()
    world.send_mail()
    return [mail["To"].partition("@")[0] for mail in world.ses.sent]


def wave(world: World) -> FirstWave:
    found = FirstWaveStore(world.table).of("lakeside")
    assert found
    return found


def activation(world: World, who: str) -> Activation:
    found = world.activations.of_user(key(who))
    assert found
    return found


def opened(world: World, who: str) -> None:
    """Somebody pressed the first button and logged in."""
    world.activations.mark_opened(key(who), activation(world, who).activation_id, to_iso(world.now))


def comes_back(world: World, who: str) -> None:
    mail = next(mail for mail in world.ses.sent if mail["To"] == f"{who}@lakeside.example")
    tags = {tag["Name"]: [tag["Value"]] for tag in mail["EmailTags"]} | {"ses:configuration-set": [CONFIGURATION_SET]}
    about = {"messageId": mail["MessageId"], "tags": tags}
    world.record_feedback().record({"eventType": "Bounce", "mail": about, "bounce": {"bounceType": "Permanent"}})


def begun(world: World, size: int, count: int, **settings: Any) -> None:
    world.register(first_wave=size, **settings)
    world.upload(roster(*teachers(*range(1, count + 1)), user("s1")))


def test_so_many_go_first_in_the_order_of_the_roster(world: World) -> None:
    world.register(first_wave=2)
    report = world.upload(roster(*teachers(10, 2, 1, 30)))
    assert report["activations"] == {"queued": 0, "withheld": 4}
    assert look(world) == ["t1", "t2"]
    assert look(world) == ["t1", "t2"], "and no more, however often it is looked"


def test_a_district_that_asks_for_none_waits_for_nothing(world: World) -> None:
    world.register()
    report = world.upload(roster(*teachers(1, 2, 3)))
    assert report["activations"] == {"queued": 3, "withheld": 0}
    world.send_mail()
    assert len(world.ses.sent) == 3


def test_the_rest_go_when_one_of_them_was_opened(world: World) -> None:
    begun(world, 2, 5)
    look(world)
    opened(world, "t2")
    assert sorted(look(world)) == ["t1", "t2", "t3", "t4", "t5"]
    assert wave(world).released_by == "opened"
    # And whoever comes later goes at once
    world.upload(roster(*teachers(*range(1, 7)), user("s1")), name="later")
    world.send_mail()
    assert len(world.ses.sent) == 6


def test_a_mail_that_a_robot_opened_lets_nobody_go(world: World) -> None:
    begun(world, 1, 3)
    look(world)
    world.activations.note_seen(activation(world, "t1"), "mail_opened_at", to_iso(world.now))
    world.activations.note_seen(activation(world, "t1"), "mail_clicked_at", to_iso(world.now))
    assert look(world) == ["t1"]


def test_a_person_lets_the_rest_go_even_before_the_first_ones(world: World) -> None:
    begun(world, 2, 4)
    assert FirstWaveStore(world.table).release("lakeside", "p1", world.now)
    assert not FirstWaveStore(world.table).release("lakeside", "p2", world.now), "once"
    assert sorted(look(world)) == ["t1", "t2", "t3", "t4"]


def test_a_wave_that_nobody_opens_for_a_school_day_stops_the_rest(world: World) -> None:
    # Given ten mails of a Friday, and a holiday on Monday
    world.now = datetime(2026, 9, 4, 15, tzinfo=UTC)
    begun(world, 10, 30, nudges={"holidays": ["2026-09-07"]})
    look(world)
    world.now = datetime(2026, 9, 8, 14, 50, tzinfo=UTC)
    look(world)
    assert wave(world).stopped_at is None, "Tuesday is the school day after it, at the same time"
    # When
    world.now = datetime(2026, 9, 8, 15, 15, tzinfo=UTC)
    # Then
    assert len(look(world)) == 10
    assert wave(world).stopped_at == to_iso(world.now)
    world.pass_time(days=1)
    assert len(look(world)) == 10


def test_fifty_unopened_of_a_larger_wave_stop_the_rest(world: World) -> None:
    begun(world, 60, 70)
    look(world)
    for number in range(1, 8):
        comes_back(world, f"t{number}")
    world.pass_time(hours=2)
    look(world)
    assert wave(world).stopped_at is None, "seven came back, and nobody had a school day yet"
    world.pass_time(hours=23)
    look(world)
    assert wave(world).stopped_at


def test_a_wave_that_came_back_as_a_whole_stops_the_rest_at_once(world: World) -> None:
    begun(world, 2, 5)
    look(world)
    comes_back(world, "t1")
    assert look(world) == ["t1", "t2"], "a mail that came back keeps its place"
    comes_back(world, "t2")
    assert look(world) == ["t1", "t2"]
    assert wave(world).stopped_at


def test_it_stops_within_school_hours_alone(world: World) -> None:
    begun(world, 1, 2)
    look(world)
    world.now = datetime(2026, 9, 2, 3, tzinfo=UTC)
    comes_back(world, "t1")
    look(world)
    assert wave(world).stopped_at is None
    world.now = datetime(2026, 9, 2, 13, tzinfo=UTC)
    look(world)
    assert wave(world).stopped_at


def test_one_that_is_opened_after_the_stop_lets_the_rest_go(world: World) -> None:
    begun(world, 1, 2)
    look(world)
    world.pass_time(hours=25)
    look(world)
    assert wave(world).stopped_at
    opened(world, "t1")
    assert look(world) == ["t1", "t2"]
    assert wave(world).stopped_at is None


def test_who_leaves_the_wave_gives_the_place_to_the_next_one(world: World) -> None:
    """Off the roster, withdrawn on the console, or matched with an account: nobody waits for these."""
    # Given
    begun(world, 3, 6)
    look(world)
    # When one leaves the roster, one mail is withdrawn, and one person is linked in another way
    world.upload(roster(*teachers(2, 3, 4, 5, 6), user("s1")), name="without")
    world.activations.call_back(activation(world, "t2"))
    # Then
    assert look(world) == ["t1", "t2", "t3", "t4", "t5"]
    assert wave(world).released_at is None


def test_a_wave_that_everybody_left_strands_nobody(world: World) -> None:
    begun(world, 2, 6)
    look(world)
    world.upload(roster(*teachers(3, 4, 5, 6), user("s1")), name="without")
    assert look(world) == ["t1", "t2", "t3", "t4"]


def test_who_is_matched_before_the_wave_goes_is_none_of_it(world: World) -> None:
    begun(world, 2, 4)
    world.feed(account("ada", email="t1@lakeside.example", role="teacher"))
    assert look(world) == ["t2", "t3"]


def test_later_imports_fill_a_wave_that_was_not_full(world: World) -> None:
    begun(world, 3, 1)
    assert look(world) == ["t1"]
    report = world.upload(roster(*teachers(*range(1, 8)), user("s1")), name="later")
    assert report["activations"] == {"queued": 0, "withheld": 6}
    assert look(world) == ["t1", "t2", "t3"]


def test_a_roll_back_gives_the_places_to_others(world: World) -> None:
    begun(world, 2, 1)
    look(world)
    taken = world.put("rosters/lakeside/more.zip", zipped(roster(*teachers(1, 2, 3), user("s1"))))
    assert look(world) == ["t1", "t2"]
    decision = b'{"action": "roll_back", "by": "k", "reason": "r"}'
    world.put(f"decisions/lakeside/{taken.import_id}.json", decision)
    world.upload(roster(*teachers(1, 4, 5), user("s1")), name="other")
    assert look(world) == ["t1", "t2", "t4"]


def test_a_larger_wave_is_filled_up_and_a_smaller_one_takes_nobody_back(world: World) -> None:
    begun(world, 2, 6)
    look(world)
    world.register(first_wave=4)
    assert look(world) == ["t1", "t2", "t3", "t4"]
    world.register(first_wave=1)
    assert look(world) == ["t1", "t2", "t3", "t4"]


def test_a_stop_ends_when_the_district_asks_for_another_size(world: World) -> None:
    begun(world, 1, 4)
    look(world)
    world.pass_time(hours=25)
    look(world)
    world.register(first_wave=2)
    assert look(world) == ["t1", "t2"]
    assert wave(world).stopped_at is None


def test_settings_without_a_wave_let_everybody_go(world: World) -> None:
    begun(world, 2, 5)
    look(world)
    world.register()
    assert sorted(look(world)) == ["t1", "t2", "t3", "t4", "t5"]


def test_the_wave_waits_for_the_districts_day_and_its_pilot(world: World) -> None:
    world.register(first_wave=2, activations_from="2026-09-15", schools=["o2"])
    world.upload(roster(*teachers(1, 2), *teachers(3, 4, 5, school="o2")))
    assert look(world) == []
    world.now = datetime(2026, 9, 15, 15, tzinfo=UTC)
    assert look(world) == ["t3", "t4"]
    opened(world, "t3")
    assert look(world) == ["t3", "t4", "t5"], "those outside of the pilot wait for its end"


def test_the_contacts_choose_people_or_a_school(world: World) -> None:
    world.register(first_wave=2)
    world.upload(roster(*teachers(1, 2, 3), *teachers(4, 5, 6, school="o2")))
    store = FirstWaveStore(world.table)
    assert store.choose("lakeside", "", ["t5"])
    assert look(world) == ["t5"], "those alone who were chosen"
    assert store.choose("lakeside", "o2", [])
    assert look(world) == ["t5", "t4"]


def test_fewer_who_were_chosen_stop_the_rest_as_a_whole_wave_does(world: World) -> None:
    begun(world, 5, 6)
    FirstWaveStore(world.table).choose("lakeside", "", ["t5"])
    look(world)
    world.pass_time(hours=25)
    assert look(world) == ["t5"]
    assert wave(world).stopped_at


def test_where_nobody_who_was_chosen_can_be_mailed_the_roster_decides(world: World) -> None:
    begun(world, 2, 4)
    FirstWaveStore(world.table).choose("lakeside", "o9", [])
    assert look(world) == ["t1", "t2"]


def test_who_was_chosen_and_left_strands_nobody(world: World) -> None:
    begun(world, 1, 4)
    FirstWaveStore(world.table).choose("lakeside", "", ["t3"])
    assert look(world) == ["t3"]
    world.upload(roster(*teachers(1, 2, 4), user("s1")), name="without")
    assert look(world) == ["t3", "t1"]


def test_somebody_with_another_number_is_still_of_the_wave(world: World) -> None:
    begun(world, 2, 4)
    world.queue_due_activations().run()
    rows = [user("n1", "teacher", email="t1@lakeside.example"), *teachers(2, 3, 4), user("s1")]
    ids = {"id_map.csv": "kind,oldSourcedId,newSourcedId\nteacher,t1,n1\n"}
    world.upload({**roster(*rows), **ids}, name="renumbered")
    assert sorted(look(world)) == ["t1", "t2"]


def test_settings_of_an_earlier_version_go_on_as_before(world: World) -> None:
    """It took ``first_wave`` and did nothing with it: districts in mid-way are not stopped."""
    world.register(first_wave=2)
    world.table.items.pop(("DISTRICT#lakeside", "FIRST_MAILS"))
    # When the same settings are loaded again, and a roster comes
    world.register(first_wave=2)
    report = world.upload(roster(*teachers(1, 2, 3)))
    # Then
    assert report["activations"] == {"queued": 3, "withheld": 0}


def test_a_mail_that_a_person_asked_for_waits_for_no_wave(world: World) -> None:
    begun(world, 1, 2)
    look(world)
    opened(world, "t1")
    look(world)
    world.register(first_wave=5)
    world.resend_activation().resend(key("t2"))
    assert look(world) == ["t1", "t2", "t2"]


def test_numbers_are_in_the_order_of_people_and_not_of_letters() -> None:
    numbers = ["b", "t10", "T2", "9", "t2x", "10"]
    ordered = in_order_of_roster(RosterUserKey("lakeside", number) for number in numbers)
    assert [each.sourced_id for each in ordered] == ["9", "10", "b", "T2", "t2x", "t10"]


@pytest.mark.parametrize(
    ("mailed_at", "over_at"),
    [
        ("2026-09-01T15:00Z", "2026-09-02T15:00Z"),
        ("2026-09-02T02:00Z", "2026-09-03T12:00Z"),
        ("2026-09-05T15:00Z", "2026-09-08T12:00Z"),
        ("2026-10-30T15:00Z", "2026-11-02T16:00Z"),
    ],
    ids=["a school day", "at night", "on a Saturday", "over the end of summer time"],
)
def test_a_school_day_is_one_of_the_districts_own_calendar(world: World, mailed_at: str, over_at: str) -> None:
    world.register()
    found = school_day_after(world.districts.get("lakeside"), datetime.fromisoformat(mailed_at))
    assert found == datetime.fromisoformat(over_at)
