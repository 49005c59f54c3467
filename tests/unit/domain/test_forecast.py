"""What follows from a forecast's counts: who is stuck, when mails go out, reminders, a morning, cost (B14)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from shared.domain.district import ActivationSettings, District, NudgeSettings
from shared.domain.forecast import COST, forecast, mail_plan
from shared.domain.forecast_tally import Found
from shared.domain.send_rate import CAUTIOUS, Limits

NOW = datetime(2026, 8, 14, 15, tzinfo=UTC)
"""A Friday, ten in the morning in Chicago."""


def district(**settings: Any) -> District:
    base = {"district_id": "d", "name": "D", "email_domains": ("d.example",), "time_zone": "America/Chicago"}
    return District(**{**base, **settings})


def found(**tally: int) -> Found:
    return Found(
        "i", "2026-08-14T15:00:00.000Z", is_preview=True, tally={k.replace("__", "/"): n for k, n in tally.items()}
    )


def test_students_are_stuck_where_no_hub_knows_them_by_the_roster() -> None:
    counted = found(
        student__unmatched__none__not_due=3, student__unmatched__own__not_due=5, student__by_rule__own__not_due=2
    )
    by_google = forecast(counted, district(identity_providers=("google",)), None, NOW).students
    assert by_google.stuck == {"no_address": 3, "shared_address": 0, "outside_domain": 0}
    assert forecast(counted, district(), None, NOW).students.stuck == {}
    by_microsoft = forecast(counted, district(identity_providers=("google", "microsoft")), None, NOW).students
    assert by_microsoft.stuck == {"outside_domain": 0}
    assert (by_google.people, by_google.by_rule, by_google.to_prove) == (10, 2, 8)


def test_teachers_are_mailed_or_stuck_or_linked_by_rule() -> None:
    counted = found(
        teacher__by_rule__own__not_due=4,
        teacher__ambiguous__own__goes=2,
        teacher__unmatched__outside__goes=1,
        teacher__unmatched__own__waits=6,
        teacher__unmatched__own__pilot=5,
        teacher__unmatched__shared__not_due=3,
        teacher__unmatched__none__not_due=1,
    )
    teachers = forecast(counted, district(), None, NOW).teachers
    assert (teachers.people, teachers.by_rule, teachers.mailed, teachers.waiting, teachers.pilot) == (22, 4, 9, 6, 5)
    assert teachers.stuck == {"no_address": 1, "shared_address": 3}
    assert teachers.outside == 1


def test_mails_go_out_at_the_rate_and_within_a_days_quota() -> None:
    plan = mail_plan(district(), 1_000, Limits(rate=10, per_day=400), NOW)
    assert [each.mails for each in plan.days] == [396, 396, 208]
    assert plan.starts == NOW
    assert plan.ends is not None
    assert plan.ends - NOW < timedelta(days=2, hours=1)
    assert plan.number_of_days == 3


def test_what_the_account_has_sent_today_counts() -> None:
    plan = mail_plan(district(), 100, Limits(rate=10, per_day=200, sent=150), NOW)
    assert [each.mails for each in plan.days] == [48, 52]


def test_mails_begin_on_the_districts_day_and_keep_to_its_hours() -> None:
    settings = district(
        activations_from=date(2026, 8, 15),
        activations=ActivationSettings(in_school_hours=True),
        nudges=NudgeSettings(quiet_hours=(time(8), time(7)), holidays=(date(2026, 8, 17),)),
    )
    plan = mail_plan(settings, 7_000, Limits(rate=1, per_day=None), NOW)
    # An hour a day, from Tuesday on: the fifteenth is a Saturday, and Monday a holiday.
    assert [(each.day.isoformat(), each.mails) for each in plan.days] == [
        ("2026-08-18", 3492),
        ("2026-08-19", 3492),
        ("2026-08-20", 16),
    ]


@pytest.mark.parametrize(
    "limits", [Limits(1, per_day=0), Limits(0, per_day=None), Limits(1, per_day=None, may_send=False)]
)
def test_where_nothing_may_be_sent_there_is_no_end(limits: Limits) -> None:
    plan = mail_plan(district(), 5, limits, NOW)
    assert (plan.starts, plan.ends, plan.days) == (None, None, ())


def test_without_limits_those_of_a_new_account_are_taken_and_it_is_said() -> None:
    plan = mail_plan(district(), 5, None, NOW)
    assert (plan.rate, plan.per_day, plan.is_assumed) == (CAUTIOUS.rate, CAUTIOUS.per_day, True)


def test_the_first_wave_is_told_where_there_are_more() -> None:
    assert mail_plan(district(first_wave=20), 50, None, NOW).first_wave == 20
    assert mail_plan(district(first_wave=20), 15, None, NOW).first_wave == 0


def test_reminders_and_nudges_are_told_at_most() -> None:
    settings = district(activations=ActivationSettings(valid_days=14, reminders_after_days=(7, 14)))
    counted = Found(
        "i", "", is_preview=True, tally={"teacher/unmatched/own/goes": 10}, classes={"obsolete": 3}, nudged=2
    )
    told = forecast(counted, settings, None, NOW)
    # The second reminder, after three weeks, comes after the link's end.
    assert told.reminders == 10
    assert told.nudges == 8
    assert told.dollars["mails"] == pytest.approx(10 * COST["mail"] + 10 * COST["reminder"] + 8 * COST["nudge"])


def test_a_morning_has_its_busiest_minute() -> None:
    morning = forecast(found(student__unmatched__own__not_due=600), district(), None, NOW).morning
    assert (morning.students, morning.a_minute, morning.at_once, morning.choosing) == (600, 30, 23, 600)


def test_what_is_written_can_be_read_again() -> None:
    counted = found(teacher__unmatched__own__goes=1)
    assert Found.of_json(counted.to_json()) == counted
    written = forecast(counted, district(), None, NOW).to_json()
    assert written["mail"]["days"] == [{"day": "2026-08-14", "mails": 1}]
