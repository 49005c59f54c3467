"""A year of nudges on a simulated clock: each once, in school hours, whatever the scheduler does (M17)."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from functions.cleanup_nudges.send_nudge import SendNudge
from shared.domain.district import District
from shared.domain.district_file import parse_district, settings_of
from shared.domain.errors import InvalidSettings
from shared.domain.link import Proof
from shared.domain.nudge import first_nudge_at
from shared.domain.roster import RosterUserKey
from shared.domain.school_calendar import next_allowed
from shared.stores.links import Consent
from tests.builders import account, enrolled, roster, user
from tests.fakes.dynamodb import Effect
from tests.harness import World

YEAR_BEGINS = datetime(2027, 7, 1, tzinfo=UTC)
TICK = timedelta(hours=1)
TEACHERS = 24
HOLIDAYS = [
    "2027-09-06", "2028-01-26", {"from": "2027-11-22", "to": "2027-11-26"}, {"from": "2027-12-20", "to": "2028-01-04"},
]  # fmt: skip
TERMS = [{"from": "2027-08-16", "to": "2027-12-17"}, {"from": "2028-01-05", "to": "2028-06-23"}]
CLOSED = {date(2027, 9, 6), date(2028, 1, 26)} | {date(2027, 11, 22) + timedelta(days=n) for n in range(5)}


def is_open(moment: datetime, zone: ZoneInfo) -> bool:
    """Said in another way than the product says it: the wall clock and the calendar at this moment."""
    local = moment.astimezone(zone)
    in_term = date(2027, 8, 16) <= local.date() <= date(2027, 12, 17) or date(2028, 1, 5) <= local.date() <= date(
        2028, 6, 23
    )
    return in_term and local.weekday() < 5 and local.date() not in CLOSED and time(7) <= local.time() < time(18)


class Year(World):
    """A district of linked teachers; ``mails`` are the moments at which each was nudged. No time passes while one waits."""

    def __init__(self, zone: str) -> None:
        super().__init__(gate=self._note, is_metered=False)
        self.mails: dict[str, list[datetime]] = defaultdict(list)
        self.linked: dict[str, datetime] = {}
        self.now = YEAR_BEGINS
        self.register(time_zone=zone, nudges={"holidays": HOLIDAYS, "terms": TERMS})
        names = [f"t{number}" for number in range(TEACHERS)]
        self.feed(
            *(account(f"a-{t}", f"{t}@mail.example", classes=[{"class_id": t, "name": "Period 3"}]) for t in names)
        )
        self.upload(
            roster(*(user(t, "teacher") for t in names), enrollments="".join(enrolled(t, "teacher") for t in names))
        )

    def sleep(self, seconds: float) -> None:
        pass

    def _note(self, service: str, _operation: str, request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        answer = effect()
        if service == "ses" and "EmailTags" in request:
            self.mails[self.ses.sent[-1]["To"].partition("@")[0]].append(self.now)
        return answer

    def link(self, teacher: str) -> None:
        key = RosterUserKey("lakeside", teacher)
        consent = Consent(
            key, f"a-{teacher}", Proof.ACTIVATION, False, self.activations.of_user(key),
            first_nudge_at(self.districts.get("lakeside"), self.now),
        )  # fmt: skip
        self.links.make(consent, event_id=self.new_id(), now=self.now)
        self.linked[teacher] = self.now


def ticks(random: Random) -> list[datetime]:
    """A year of the scheduler: some come twice, and for 25 hours in every season none comes."""
    outages = [YEAR_BEGINS + timedelta(days=days, hours=random.randint(0, 23)) for days in (70, 125, 200, 270, 330)]
    every = [YEAR_BEGINS + n * TICK for n in range(366 * 24)]
    heard = [tick for tick in every if not any(begins <= tick < begins + timedelta(hours=25) for begins in outages)]
    return sorted([*heard, *random.sample(heard, len(heard) // 10)])


_SLOW_ZONES = (
    pytest.param(zone, marks=pytest.mark.slow) for zone in ("Europe/Madrid", "Australia/Sydney", "America/Phoenix")
)


@pytest.mark.parametrize("zone", ["America/Chicago", *_SLOW_ZONES])
def test_in_a_year_each_due_nudge_goes_out_once_when_school_opens(zone: str) -> None:
    random = Random(zone)
    year = Year(zone)
    schedule = ticks(random)
    links = sorted(random.sample(range(366 * 24), TEACHERS))
    nudging = year.send_nudge()
    for tick in schedule:
        year.now = tick
        while links and YEAR_BEGINS + timedelta(hours=links[0]) <= tick:
            year.link(f"t{TEACHERS - len(links)}")
            links.pop(0)
        nudging.run()

    open_ticks = [tick for tick in dict.fromkeys(schedule) if is_open(tick, ZoneInfo(zone))]
    assert len(year.linked) == TEACHERS
    for teacher, linked_at in year.linked.items():
        expected: list[datetime] = []
        due = linked_at + timedelta(days=14)
        for space in (14, 30, 60, 0):
            first = next((tick for tick in open_ticks if tick >= due), None)
            if first is None:
                break
            expected.append(first)
            due = first + timedelta(days=space)
        assert year.mails[teacher] == expected, teacher
    assert sum(map(len, year.mails.values())) > 2 * TEACHERS


CHICAGO = {"name": "L", "email_domains": ["l.example"], "time_zone": "America/Chicago"}


def district(**nudges: Any) -> District:
    return settings_of({"district_id": "lakeside", **CHICAGO, "nudges": nudges})


EVERY_DAY = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-03-08T07:00:00+00:00", "2026-03-08T08:30:00+00:00"),
        ("2026-03-07T07:00:00+00:00", "2026-03-07T08:30:00+00:00"),
        ("2026-11-01T05:00:00+00:00", "2026-11-01T08:30:00+00:00"),
        ("2026-11-01T10:00:00+00:00", "2026-11-02T08:30:00+00:00"),
    ],
)
def test_hours_that_the_clock_skips_or_has_twice_are_still_hours_of_that_day(moment: str, expected: str) -> None:
    """Between 02:30 and 04:00 in Chicago: on March 8 the clock goes from 02:00 to 03:00, on November 1 back at 02:00."""
    night = district(quiet_hours=["04:00", "02:30"], school_days=EVERY_DAY)
    assert next_allowed(night, datetime.fromisoformat(moment)) == datetime.fromisoformat(expected)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-08", 23), ("2026-11-01", 25), ("2026-11-02", 24)])
def test_a_district_without_quiet_hours_is_open_all_day_however_long_it_is(day: str, hours: int) -> None:
    only_then = district(quiet_hours=[], school_days=EVERY_DAY, terms=[{"from": day, "to": day}])
    begins = datetime.combine(date.fromisoformat(day), time(), ZoneInfo("America/Chicago")).astimezone(UTC)
    inside = [begins + timedelta(minutes=30 * n) for n in range(-4, 60)]
    open_moments = [moment for moment in inside if next_allowed(only_then, moment) == moment]
    assert open_moments == [begins + timedelta(minutes=30 * n) for n in range(2 * hours)]


def test_a_calendar_without_a_school_day_ahead_is_read_again_before_mail_goes() -> None:
    over = district(terms=[{"from": "2020-09-01", "to": "2021-06-30"}])
    moment = datetime(2026, 9, 1, tzinfo=UTC)
    later = next_allowed(over, moment)
    assert later > moment + timedelta(days=300)
    assert next_allowed(over, later) > later


def test_there_are_four_nudges_at_most() -> None:
    body = b'{"name": "L", "email_domains": ["l.example"], "time_zone": "UTC", "nudges": {"repeat_after_days": [1, 2, 3, 4]}}'
    with pytest.raises(InvalidSettings, match="repeat_after_days"):
        parse_district("lakeside", body)


def test_a_run_that_has_no_time_left_leaves_the_rest_due() -> None:
    year = Year("America/Chicago")
    year.now = datetime(2027, 9, 1, 15, tzinfo=UTC)
    for number in range(3):
        year.link(f"t{number}")
    year.pass_time(days=14)
    assert year.send_nudge().run(until=year.now) == {}
    assert year.send_nudge().run(until=year.now + timedelta(seconds=1)) == {"sent": 3}


def one_linked_teacher() -> tuple[Year, SendNudge]:
    year = Year("America/Chicago")
    year.now = datetime(2027, 9, 1, 15, tzinfo=UTC)
    year.link("t0")
    return year, year.send_nudge()


def test_a_snoozed_nudge_comes_later_and_none_is_lost() -> None:
    year, nudging = one_linked_teacher()
    key = RosterUserKey("lakeside", "t0")
    later = datetime(2027, 10, 6, 15, tzinfo=UTC)

    assert year.nudges.snooze(key, later)

    year.pass_time(days=20)
    assert nudging.run() == {}
    year.now = later
    assert nudging.run() == {"sent": 1}
    assert year.nudges.of_user(key).sent == 1


def test_who_stopped_the_nudges_does_not_get_them_back_by_a_snooze() -> None:
    year, nudging = one_linked_teacher()
    key = RosterUserKey("lakeside", "t0")
    year.nudges.stop(key)
    assert not year.nudges.snooze(key, year.now)
    year.pass_time(days=30)
    assert nudging.run() == {}


def test_a_class_that_its_teacher_keeps_is_nudged_about_no_more() -> None:
    year, nudging = one_linked_teacher()
    year.accounts.classes.keep("a-t0", "t0", now=year.now)
    year.pass_time(days=15)
    assert nudging.run() == {"not_needed": 1}
    assert year.nudges.due_at(RosterUserKey("lakeside", "t0")) is None


def test_a_class_that_is_another_one_is_left_alone_and_looked_at_again() -> None:
    year, nudging = one_linked_teacher()
    year.feed(account("a-t0", "t0@mail.example", classes=[{"class_id": "t0", "name": "Chess club"}]))
    year.pass_time(days=15)
    assert nudging.run() == {"nothing_to_say": 1}
    year.feed(account("a-t0", "t0@mail.example", classes=[{"class_id": "t0", "name": "Algebra, period 3"}]))
    year.pass_time(days=20)
    assert nudging.run() == {"sent": 1}
    text = year.ses.sent[-1]["Content"]["Simple"]["Body"]["Text"]["Data"]
    assert "You may not need" not in text
    assert "Its name is like that of your district class Algebra" in text
