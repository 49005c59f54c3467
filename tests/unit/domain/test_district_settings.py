"""What a district's settings are when it says nothing, and how far each number may go (docs/district-settings.md)."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from datetime import time
from typing import Any

import pytest
from msgspec import convert, to_builtins
from pydantic import ValidationError

from shared.domain.district import ActivationSettings, DigestSettings, District, NudgeSettings, Window
from shared.domain.district_file import Form, Settings, settings_of

LEAST = {"district_id": "lakeside", "name": "L", "email_domains": ["l.example"], "time_zone": "America/Chicago"}


def with_settings(name: str, value: Any) -> District:
    """``name`` may lead into a group of settings: ``nudges.first_after_days``."""
    group, _, setting = name.rpartition(".")
    return settings_of(LEAST | ({group: {setting: value}} if group else {name: value}))


def test_a_district_that_says_nothing_has_these_settings() -> None:
    district = settings_of(LEAST)
    assert (district.removal_threshold_percent, district.removal_threshold_count) == (None, None)
    assert district.school_removal_threshold_percent is None
    activations = district.activations
    assert (activations.valid_days, activations.reminders_after_days) == (30, (7, 14))
    assert not activations.in_school_hours
    nudges = district.nudges
    assert (nudges.first_after_days, nudges.repeat_after_days) == (14, (14, 30, 60))
    assert nudges.quiet_hours == (time(18), time(7))


BOUNDS = {
    "removal_threshold_percent": (0, 100),
    "school_removal_threshold_percent": (0, 100),
    "nudges.first_after_days": (0, 365),
}


@pytest.mark.parametrize(("name", "bounds"), BOUNDS.items(), ids=BOUNDS)
def test_a_number_may_go_as_far_as_its_bounds_and_no_further(name: str, bounds: tuple[int, int]) -> None:
    least, most = bounds
    for value in (least, most):
        assert with_settings(name, value)
    for value in (least - 1, most + 1):
        with pytest.raises(ValidationError):
            with_settings(name, value)


def test_a_count_of_removals_is_not_negative() -> None:
    assert with_settings("removal_threshold_count", 0).removal_threshold_count == 0
    with pytest.raises(ValidationError):
        with_settings("removal_threshold_count", -1)


@pytest.mark.parametrize("days", [1, 365])
def test_a_nudge_is_repeated_within_a_year(days: int) -> None:
    assert with_settings("nudges.repeat_after_days", [days]).nudges.repeat_after_days == (days,)


@pytest.mark.parametrize("days", [[0], [366], [1, 2, 3, 4]])
def test_a_nudge_is_not_repeated_at_once_after_a_year_or_four_times(days: list[int]) -> None:
    with pytest.raises(ValidationError):
        with_settings("nudges.repeat_after_days", days)


def test_the_file_has_the_settings_that_a_district_has() -> None:
    """The form of the file says what may stand in it, the district what it is where nothing does."""
    forms = [Settings, *(form for form in Form.__subclasses__() if form is not Settings)]
    assert {form.makes for form in forms} == {District, NudgeSettings, ActivationSettings, DigestSettings, Window}
    for form in forms:
        assert list(form.model_fields) == [field.name for field in fields(form.makes)]
        assert {name for name, field in form.model_fields.items() if field.is_required()} == {
            field.name for field in fields(form.makes) if field.default is MISSING
        }


EVERYTHING = {
    **LEAST,
    "shared_email_domains": ["shared.example"],
    "locale": "es",
    "removal_threshold_percent": 12.5,
    "removal_threshold_count": 7,
    "pauses": [{"from": "2026-12-19", "to": "2027-01-04"}],
    "school_year_starts": "2026-08-20",
    "clever_district_id": "c1",
    "nudges": {
        "quiet_hours": [],
        "school_days": ["mon", "tuesday"],
        "holidays": ["2026-11-26", {"from": "2026-12-19", "to": "2027-01-04"}],
        "terms": [{"from": "2026-08-20", "to": "2027-06-10"}],
    },
    "activations": {"reminders_after_days": [3]},
    "digest": {"to": ["data@lakeside.example"], "weekday": "fri"},
}


@pytest.mark.parametrize("written", [LEAST, EVERYTHING], ids=["least", "everything"])
def test_settings_are_read_as_they_were_stored(written: dict[str, Any]) -> None:
    district = settings_of(written)
    stored = json.loads(json.dumps(to_builtins(district)))
    assert convert(stored, District) == district
    assert stored["nudges"]["quiet_hours"] in (["18:00:00", "07:00:00"], [])
