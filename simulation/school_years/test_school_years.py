"""The rule on simulated school years: quiet on ordinary nights, and awake to bad uploads (B15, M3)."""

from __future__ import annotations

from datetime import date
from random import Random

import pytest

from simulation.school_years import rates
from simulation.school_years.disasters import KINDS, Disaster, disaster
from simulation.school_years.district import District, Tally
from simulation.school_years.nights import nights_of
from simulation.school_years.run import LEAST_OF_SMALL, MOST_FALSE_HOLDS, Found, carry_out, sizes
from tests.depth import depth


def together(districts: int, years: int, *, seed: int, own_rates: rates.Rates = rates.RATES) -> Found:
    found = Found()
    for _, of_district in carry_out(districts, years, seed=seed, own_rates=own_rates, disasters=30):
        found.add(of_district)
    return found


@pytest.mark.deep
def test_ordinary_nights_do_not_wait_and_bad_uploads_do() -> None:
    # Given districts of 300 to 200,000 people; when they live through school years
    found = together(depth(8, 60), depth(1, 3), seed=7)
    # Then
    assert found.nights > 150 * found.years
    assert found.false_holds <= MOST_FALSE_HOLDS + depth(2, 0) / 10, "a slice is eight years"
    assert found.missed_of("large") == {}
    assert found.share("small") >= LEAST_OF_SMALL - depth(3, 1) / 100, "a slice has few of them"


def test_districts_that_are_twice_as_restless_wait_seldom() -> None:
    # Given what no roster says: everything moves twice as much as is usual
    usual = rates.RATES
    restless = rates.Rates(
        leave_in_a_year=(2 * usual.leave_in_a_year[0], 2 * usual.leave_in_a_year[1]),
        names_change=2 * usual.names_change,
        addresses_are_corrected=2 * usual.addresses_are_corrected,
        sections_in_a_month=2 * usual.sections_in_a_month,
        change_classes_later=2 * usual.change_classes_later,
    )
    # When
    found = together(5, 1, seed=7, own_rates=restless)
    # Then
    assert found.false_holds <= 1
    assert found.missed_of("large") == {}


def test_the_same_seed_is_the_same_year() -> None:
    assert [found for _, found in carry_out(2, 1, seed=5, disasters=5)] == [
        found for _, found in carry_out(2, 1, seed=5, disasters=5)
    ]


def test_sizes_go_from_the_smallest_district_to_the_largest() -> None:
    assert sizes(3) == [300, 7_746, 200_000]


@pytest.mark.parametrize("people", [2_000, 20_000])
def test_a_year_moves_what_the_facts_say(people: int) -> None:
    # Given
    district = District.drawn(people, Random(3), rates.RATES)
    pupils, staff = district.pupils, district.staff
    sums = Tally()
    # When
    for night in nights_of(district, 2026):
        for tally in night.tallies.values() if not night.to_be_asked else ():
            sums.add(tally)
    # Then
    assert 0.06 <= sums.students_left / pupils <= 0.18, "moves and no-shows"
    assert 0.05 <= sums.staff_left / staff <= 0.25
    assert 0.85 <= district.pupils / pupils <= 1.1, "as many come as go; graduates may have left"


def test_every_kind_of_bad_upload_hurts_somebody() -> None:
    district = District.drawn(5_000, Random(3), rates.RATES)
    made = {bad.kind: bad for bad in (disaster(district, 0.1, Random(seed)) for seed in range(300))}
    assert set(made) == set(KINDS)
    assert all(sum(tally.hurt for tally in bad.tallies.values()) for bad in made.values())


@pytest.mark.parametrize(("hurt", "size"), [(3, "tiny"), (12, "small"), (29, "small"), (30, "large")])
def test_a_bad_upload_is_large_from_thirty_people_and_five_percent(hurt: int, size: str) -> None:
    district = District.drawn(550, Random(3), rates.RATES)
    assert Disaster("any", {0: Tally(students_left=hurt)}).size(district) == size


def test_a_year_begins_once_and_before_school_does() -> None:
    district = District.drawn(1_000, Random(3), rates.RATES)
    begins = [night.day for night in nights_of(district, 2026) if night.begins_year]
    assert len(begins) == 1
    assert date(2026, 7, 1) <= begins[0] < date(2026, 9, 8)
