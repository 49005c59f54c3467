"""A pause: uploads are taken, checked and reported, and applied after it in their order; the contacts are told (M1, M2)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.domain.district_file import settings_of
from shared.mail.ses import MailRefused
from tests.builders import key, roster, user
from tests.fakes.dynamodb import Effect, error
from tests.harness import World, text, zipped

PAUSE = [{"from": "2026-12-19", "to": "2027-01-04"}]
CONTACTS = ["pat@lakeside.example", "sam@lakeside.example"]
DURING, AFTER = datetime(2026, 12, 28, 15, tzinfo=UTC), datetime(2027, 1, 5, 15, tzinfo=UTC)


@pytest.fixture
def world() -> World:
    """A district with a roster from before the pause, in the pause."""
    found = World()
    found.register(pauses=PAUSE, contacts=CONTACTS)
    found.upload(roster(*(user(f"s{n}") for n in range(5))), name="before")
    found.now = DURING
    return found


def delta(*users: str) -> dict[str, str | bytes]:
    files = {name: body for name, body in roster(*users).items() if name in ("manifest.csv", "users.csv")}
    modes = "".join(
        f"file.{name},{'delta' if name == 'users' else 'absent'}\n"
        for name in ("orgs", "users", "classes", "enrollments", "academicSessions", "courses", "demographics")
    )
    return {**files, "manifest.csv": f"propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\n{modes}"}


def goes_on(world: World, times: int = 1) -> None:
    """The schedule fires so often, and what it starts is run."""
    for _ in range(times):
        world.watch_pauses().run()
        world.run_imports()


def statuses(world: World, *reports: dict[str, Any]) -> list[str]:
    bodies = (world.report_of(report["import_id"]) for report in reports)
    return [str(body["status"]) for body in bodies]


def is_on_roster(world: World, *people: str) -> list[bool]:
    found = (world.users.get(key(person)) for person in people)
    return [person is not None and person.active for person in found]


def test_an_upload_in_a_pause_is_checked_and_reported_and_changes_nothing(world: World) -> None:
    # When
    before = {pk: item for pk, item in world.table.items.items() if pk[1] == "ROSTER"}
    report = world.upload(roster(*(user(f"s{n}") for n in range(6)), ",,,true,o1,student,x,,No,Id,x@l.example,p\n"))
    # Then
    assert (report["status"], report["reason"]["code"]) == ("paused", "paused")
    assert "2027-01-04" in report["reason"]["message"]
    assert (report["users"]["created"], report["users"]["rejected"]) == (1, 1)
    assert report["activations"] == {"queued": 0, "withheld": 0}
    assert world.latest() == report
    assert {pk: item for pk, item in world.table.items.items() if pk[1] == "ROSTER"} == before


def test_a_preview_in_a_pause_says_that_it_is_paused(world: World) -> None:
    files = roster(*(user(f"s{n}") for n in range(6)))
    preview = world.report(world.put("previews/lakeside/next.zip", zipped(files)))
    assert (preview["status"], preview["reason"]) == ("paused", world.upload(files)["reason"])


def test_after_the_pause_the_newest_whole_roster_is_applied(world: World) -> None:
    # Given two whole rosters in the pause
    first = world.upload(roster(*(user(f"s{n}") for n in range(7))), name="first")
    second = world.upload(roster(*(user(f"s{n}") for n in range(6))), name="second")
    goes_on(world)
    assert statuses(world, first, second) == ["paused", "paused"]
    # When it is over
    world.now = AFTER
    goes_on(world, 3)
    # Then
    assert statuses(world, first, second) == ["superseded", "completed"]
    assert is_on_roster(world, "s5", "s6") == [True, False]
    assert not [pk for pk in world.table.items if pk[1].startswith("PAUSED#")]


def test_deltas_of_a_pause_are_applied_in_their_order_behind_the_whole_one(world: World) -> None:
    # Given a delta, a whole roster, and two deltas about one person after it
    early = world.upload(delta(user("s9")), name="early")
    whole = world.upload(roster(*(user(f"s{n}") for n in range(6))), name="whole")
    came = world.upload(delta(user("s8")), name="came")
    left = world.upload(delta(user("s8", status="tobedeleted")), name="left")
    # When
    world.now = AFTER
    goes_on(world, 5)
    # Then
    assert statuses(world, early, whole, came, left) == ["superseded", "completed", "completed", "completed"]
    assert is_on_roster(world, "s9", "s5", "s8") == [False, True, False]


def test_a_delta_after_the_pause_waits_behind_those_of_the_pause(world: World) -> None:
    came = world.upload(delta(user("s8")), name="came")
    world.now = AFTER
    left = world.upload(delta(user("s8", status="tobedeleted")), name="left")
    assert statuses(world, came, left) == ["paused", "paused"]
    goes_on(world, 3)
    assert statuses(world, came, left) == ["completed", "completed"]
    assert is_on_roster(world, "s8") == [False]


def test_a_whole_roster_after_the_pause_counts_instead_of_those_of_the_pause(world: World) -> None:
    came = world.upload(delta(user("s8")), name="came")
    world.now = AFTER
    report = world.upload(roster(*(user(f"s{n}") for n in range(6))), name="after")
    goes_on(world, 3)
    assert (report["status"], statuses(world, came)) == ("completed", ["superseded"])
    assert is_on_roster(world, "s8", "s5") == [False, True]


def test_what_is_held_after_the_pause_keeps_the_deltas_behind_it(world: World) -> None:
    # Given a whole roster that lacks most of the people, and a delta
    world.register(pauses=PAUSE, removal_threshold_count=2, removal_threshold_percent=100)
    short = world.upload(roster(user("s0")), name="short")
    came = world.upload(delta(user("s8")), name="came")
    # When
    world.now = AFTER
    goes_on(world, 3)
    # Then the one is held, and the other waits for it
    assert statuses(world, short, came) == ["held", "paused"]
    decision = b'{"action": "approve", "by": "kim", "reason": "as meant"}'
    world.put(f"decisions/lakeside/{short['import_id']}.json", decision)
    goes_on(world, 3)
    assert statuses(world, short, came) == ["completed", "completed"]
    assert is_on_roster(world, "s0", "s1", "s8") == [True, False, True]


def test_a_pause_that_the_settings_take_back_is_over(world: World) -> None:
    report = world.upload(roster(*(user(f"s{n}") for n in range(6))), name="during")
    world.register()
    goes_on(world, 3)
    assert statuses(world, report) == ["completed"]
    assert ("PAUSES", "lakeside") not in world.table.items, "nobody looks at it any more"


@pytest.mark.parametrize(("day", "is_looked_at"), [(4, True), (5, False)], ids=["its last day", "the day after"])
def test_a_district_is_looked_at_until_its_pause_has_ended(world: World, day: int, *, is_looked_at: bool) -> None:
    world.now = datetime(2027, 1, day, 15, tzinfo=UTC)
    goes_on(world, 2)
    assert (("PAUSES", "lakeside") in world.table.items) is is_looked_at


def test_a_district_is_looked_at_while_another_pause_lies_ahead(world: World) -> None:
    world.register(pauses=[*PAUSE, {"from": "2027-04-01", "to": "2027-04-05"}])
    world.now = AFTER
    goes_on(world)
    assert ("PAUSES", "lakeside") in world.table.items


def test_a_roster_that_stands_already_is_unchanged_in_a_pause(world: World) -> None:
    early = world.upload(roster(*(user(f"s{n}") for n in range(7))), name="early")
    again = world.upload(roster(*(user(f"s{n}") for n in range(5))), name="again")
    assert again["status"] == "unchanged"
    world.now = AFTER
    goes_on(world, 2)
    assert statuses(world, early) == ["superseded"], "the newest whole one is what stands"


@pytest.mark.parametrize(
    ("day", "is_paused"), [("2026-12-18", False), ("2026-12-19", True), ("2027-01-04", True), ("2027-01-05", False)]
)
def test_a_pause_has_its_first_and_its_last_day(day: str, *, is_paused: bool) -> None:
    district = settings_of({"district_id": "d", "name": "D", "email_domains": [], "time_zone": "UTC", "pauses": PAUSE})
    assert (district.pause_on(datetime.fromisoformat(day).date()) is not None) is is_paused


# The mails.


@pytest.mark.parametrize(
    ("evening_before", "subject"),
    [
        (datetime(2026, 12, 18, 15, tzinfo=UTC), "Rosters of Lakeside Schools pause from tomorrow"),
        (datetime(2027, 1, 4, 15, tzinfo=UTC), "Uploads for Lakeside Schools count again tomorrow"),
    ],
)
def test_each_contact_is_told_once_the_day_before(world: World, evening_before: datetime, subject: str) -> None:
    world.now = evening_before
    goes_on(world, 3)
    assert [mail["To"] for mail in world.ses.sent] == CONTACTS
    assert {mail["Content"]["Simple"]["Subject"]["Data"] for mail in world.ses.sent} == {subject}
    assert "2027" in text(world.ses.sent[0])


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 12, 17, 15, tzinfo=UTC),
        datetime(2026, 12, 18, 11, tzinfo=UTC),
        DURING,
        AFTER,
    ],
    ids=["two days before", "at five in the morning", "during", "after"],
)
def test_nobody_is_told_on_other_days_or_at_night(world: World, moment: datetime) -> None:
    world.now = moment
    goes_on(world)
    assert world.ses.sent == []


def test_a_mail_about_a_pause_is_in_the_districts_language(world: World) -> None:
    world.register(pauses=PAUSE, contacts=CONTACTS, locale="es")
    world.now = datetime(2026, 12, 18, 15, tzinfo=UTC)
    goes_on(world)
    assert "mañana" in world.ses.sent[0]["Content"]["Simple"]["Subject"]["Data"]


def test_a_contact_whose_mail_was_refused_is_told_later() -> None:
    # Given a moment at which SES takes the first mail alone
    refusals = iter([False, True])

    def gate(_service: str, operation: str, _request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        if operation == "SendEmail" and next(refusals, False):
            raise error("TooManyRequestsException", operation)
        return effect()

    world = World(gate=gate)
    world.register(pauses=PAUSE, contacts=CONTACTS)
    world.now = datetime(2026, 12, 18, 15, tzinfo=UTC)
    # When, then
    with pytest.raises(MailRefused):
        world.watch_pauses().run()
    goes_on(world, 2)
    assert [mail["To"] for mail in world.ses.sent] == CONTACTS
