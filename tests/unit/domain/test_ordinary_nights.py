"""How many people a night may hurt unasked: by size, time of the year, and the district's own nights (M3, B15)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from shared.domain.district import District
from shared.domain.district_file import settings_of
from shared.domain.ordinary_nights import (
    Classes,
    Harm,
    History,
    Measure,
    Night,
    OfSchool,
    SchoolYear,
    Season,
    Unusual,
    unusual,
)

LEAST = {"district_id": "lakeside", "name": "Lakeside", "email_domains": (), "time_zone": "America/Chicago"}
DISTRICT = settings_of(LEAST)
IN_MARCH = date(2027, 3, 10)
"""A Wednesday between the seasons."""
NOBODY = Classes(0, 0, 0)


def night(
    people: int = 10_000, *, day: date = IN_MARCH, schools: dict[str, OfSchool] | None = None, **harm: int
) -> Night:
    """A night of a district with one in ten on the staff."""
    counted = Harm(people, people // 10, **harm)
    return Night.of(counted, NOBODY, schools or {}, day=day, since=day - timedelta(days=1))


def said(one: Night, history: History | None = None, district: District = DISTRICT) -> Unusual | None:
    return unusual(one, history or History(), district)


@pytest.mark.parametrize("people", [300, 2_000, 20_000, 200_000])
@pytest.mark.parametrize("what", ["students_removed", "altered", "thinned"])
def test_one_percent_of_a_district_of_any_size_waits_in_march(people: int, what: str) -> None:
    number = max(6, round(0.0125 * people))
    assert said(night(people, **{what: number})) is not None
    assert said(night(people, **{what: people // 1_000})) is None


def test_a_district_of_sixty_thousand_does_not_wait_for_fifty() -> None:
    assert said(night(60_000, students_removed=50)) is None
    assert said(night(60_000, students_removed=250)) is None


@pytest.mark.parametrize(
    ("people", "hurt", "waits"), [(500, 29, False), (500, 30, True), (4_000, 200, False), (4_000, 201, True)]
)
def test_more_than_five_percent_and_thirty_people_wait_whatever_is_usual(people: int, hurt: int, waits: bool) -> None:
    # Given a history in which as many were dropped once after school began, and a night on which as many come as go
    august = date(2027, 8, 26)
    found = said(night(people, day=august, students_removed=hurt, students_came=hurt))
    assert (found is not None) == waits


def test_fewer_than_twenty_people_never_wait() -> None:
    assert said(night(19, students_removed=17)) is None
    assert said(night(20, students_removed=17)) is not None


def test_as_many_as_come_may_go() -> None:
    assert said(night(students_removed=150)) is not None
    assert said(night(students_removed=150, students_came=150)) is None


def test_where_many_get_other_classes_some_get_none() -> None:
    assert said(night(thinned=150)) is not None
    assert said(night(thinned=150, swapped=600)) is None


def test_a_married_name_is_less_than_another_person() -> None:
    assert said(night(renamed=200)) is None
    found = said(night(altered=200))
    assert found is not None
    assert (found.measure, found.number, found.stood) == (Measure.ALTERED, 200, 10_000)


def test_an_office_may_correct_the_names_of_one_school_and_not_of_all() -> None:
    one = {"north": OfSchool(600, 31, 31)}
    assert said(night(1_000, renamed=31, schools=one)) is None
    assert said(night(1_000, renamed=31)) is not None


@pytest.mark.parametrize(("stood", "hurt"), [(20, 9), (100, 26), (1_000, 161)])
def test_of_a_small_school_four_in_ten_wait_and_of_a_large_one_fewer(stood: int, hurt: int) -> None:
    for number, waits in ((hurt, True), (hurt - 1, False)):
        found = said(night(200_000, students_removed=number, schools={"annex": OfSchool(stood, number)}))
        assert (found is not None) == waits
        assert found is None or (found.school, found.number, found.stood) == ("annex", number, stood)


def test_those_who_did_not_turn_up_are_dropped_once_around_the_tenth_day() -> None:
    # Given a district whose school starts on 20 August
    district = settings_of({**LEAST, "school_year_starts": "2026-08-20"})
    dropped = night(day=date(2026, 9, 3), students_removed=300)
    history = History()
    # Then
    assert said(dropped, history, district) is None
    history.note(dropped, district)
    again = night(day=date(2026, 9, 8), students_removed=300)
    assert said(again, history, district) is not None
    assert said(night(students_removed=300), History(), district) is not None, "not in March"


def test_nobody_is_dropped_before_lessons_where_it_is_known_when_they_begin() -> None:
    # Given a district whose settings do not say when school starts, and in which lessons were seen to begin last year
    early = night(day=date(2027, 8, 16), students_removed=300)
    history = History()
    history.note(night(day=date(2026, 8, 24), swapped=500), DISTRICT)
    # Then those who did not turn up are not expected before they begin again, where a new district may drop them
    assert said(early) is None
    assert said(early, history) is not None
    history.note(night(day=date(2027, 8, 23), swapped=500), DISTRICT)
    assert said(night(day=date(2027, 9, 3), students_removed=300), history) is None


@pytest.mark.parametrize(("people", "family", "waits"), [(400, 4, False), (400, 6, True), (900, 5, False)])
def test_a_family_that_moves_from_a_small_district_does_not_wait(people: int, family: int, waits: bool) -> None:
    assert (said(night(people, students_removed=family)) is not None) == waits


def test_contracts_end_in_summer() -> None:
    assert said(night(day=date(2027, 6, 30), staff_removed=100)) is None
    assert said(night(day=date(2027, 6, 30), staff_removed=170)) is not None
    assert said(night(staff_removed=100)) is not None


def test_what_a_restless_districts_nights_often_come_to_is_usual_there() -> None:
    # Given a district in which every night alters one in a hundred
    restless = night(altered=100)
    history = History()
    assert said(restless, history) is not None
    # When a person approved five such nights
    for _ in range(5):
        history.note(restless, DISTRICT)
    # Then
    assert said(restless, history) is None
    assert said(night(altered=300), history) is not None


def test_one_approved_night_makes_nothing_usual() -> None:
    history = History()
    history.note(night(students_removed=2_000), DISTRICT)
    assert said(night(students_removed=200), history) is not None


def test_what_was_long_ago_is_forgotten() -> None:
    history = History()
    for _ in range(5):
        history.note(night(altered=100), DISTRICT)
    for _ in range(60):
        history.note(night(), DISTRICT)
    assert said(night(altered=100), history) is not None


def test_two_weeks_without_an_import_allow_what_a_week_does() -> None:
    one = night(students_removed=1)
    waited = Night(one.day, one.day - timedelta(days=60), one.stood, one.numbers, one.schools)
    week = Night(one.day, one.day - timedelta(days=7), one.stood, one.numbers, one.schools)
    assert said(waited) == said(week)


def test_a_history_is_small_and_says_the_same_after_it_was_stored() -> None:
    history = History()
    for day in range(400):
        history.note(night(day=IN_MARCH + timedelta(days=day), students_removed=day % 7, altered=day % 5), DISTRICT)
    text = history.to_text()
    assert len(text) < 1_500
    assert History.from_text(text).to_text() == text
    assert History.from_text("") == History()


@pytest.mark.parametrize(
    ("day", "season"),
    [
        (date(2026, 8, 12), Season.OPENING),
        (date(2026, 11, 10), Season.BETWEEN),
        (date(2027, 1, 20), Season.SEMESTER),
        (date(2027, 3, 10), Season.BETWEEN),
        (date(2027, 6, 20), Season.SUMMER),
    ],
)
def test_a_school_year_has_seasons(day: date, season: Season) -> None:
    assert SchoolYear.of(DISTRICT, day).season is season


def test_the_seasons_follow_the_districts_own_start() -> None:
    southern = settings_of({**LEAST, "nudges": {"terms": [{"from": "2027-02-01", "to": "2027-12-10"}]}})
    assert SchoolYear.of(southern, date(2027, 2, 10)).season is Season.OPENING
    assert SchoolYear.of(southern, date(2027, 8, 20)).season is not Season.OPENING


def test_classes_wait_when_they_go_and_when_others_take_their_place() -> None:
    def with_classes(gone: int, came: int) -> Unusual | None:
        return said(Night.of(Harm(1_000, 100), Classes(100, gone, came), {}, day=IN_MARCH, since=None))

    assert with_classes(3, 0) is None
    lost = with_classes(10, 0)
    assert lost is not None
    assert (lost.measure, lost.number) == (Measure.CLASSES, 10)
    assert with_classes(30, 30) is None
    replaced = with_classes(80, 80)
    assert replaced is not None
    assert replaced.measure is Measure.REPLACED
