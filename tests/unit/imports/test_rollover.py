"""A school year begins: what would look like a mistake is held as a rollover, in the numbers of the new year (M3)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.domain.roster import RosterUserKey
from tests.builders import enrolled, roster, user
from tests.harness import World, decide

STUDENTS = [f"s{n}" for n in range(40)]
IN_JUNE = datetime(2026, 6, 1, 15, tzinfo=UTC)
"""The year of 2026 is not over."""
IN_AUGUST = datetime(2026, 8, 20, 15, tzinfo=UTC)
"""It is."""


@pytest.fixture
def world() -> World:
    made = World()
    made.now = IN_JUNE
    made.register()
    return made


def classes_of(year: int) -> list[str]:
    return [f"{year}-{n}" for n in range(25)]


def year_of(year: int, *, students: list[str] = STUDENTS, named: bool = True) -> dict[str, str | bytes]:
    """A roster with 25 classes of its own, each student in one of them. ``named``: its sessions say which year it is."""
    ids = classes_of(year)
    files = roster(
        *(user(key) for key in students),
        classes="".join(f"{key},,,Class {key},k1,scheduled,o1,y{year}\n" for key in ids),
        enrollments="".join(enrolled(key, class_id=ids[n % len(ids)]) for n, key in enumerate(students)),
    )
    if named:
        files["academicSessions.csv"] = (
            "sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear\n"
            f"y{year},,,{year - 1}-{year},schoolYear,{year - 1}-08-15,{year}-06-20,,{year}\n"
        )
    return files


def attends(world: World, who: str) -> tuple[str, ...]:
    found = world.users.get(RosterUserKey("lakeside", who))
    return found.attends if found else ()


def codes(report: dict[str, Any]) -> list[str]:
    return [note["code"] for note in report["notes"]]


def test_the_roster_of_the_next_year_is_held_as_a_rollover_until_approved(
    world: World,
) -> None:
    # Given
    assert world.upload(year_of(2026))["status"] == "completed"
    # When
    leavers, comers = STUDENTS[:3], ["n1", "n2"]
    report = world.upload(year_of(2027, students=STUDENTS[3:] + comers), name="next-year")
    # Then
    assert (report["status"], report["reason"]["code"]) == ("held", "rollover")
    assert report["rollover"] == {"before": "2026", "after": "2027"}
    message = report["reason"]["message"]
    for wanted in (
        "the school year 2027",
        "3 of 40 people leave and 2 are new",
        "25 of 25 classes leave and 25 are new",
        "40 of 40 enrollments leave and 39 are new",
        "Nothing was written",
    ):
        assert wanted in message
    assert attends(world, "s3") == ("2026-3",)
    # When
    decide(world, report, "approve")
    # Then
    approved = world.latest()
    assert (approved["status"], approved["rollover"]) == ("completed", report["rollover"])
    assert attends(world, "s3") == ("2027-0",)
    assert attends(world, leavers[0]) == ()


def test_a_rollover_that_a_person_rejects_changes_nothing(world: World) -> None:
    world.upload(year_of(2026))
    decide(world, world.upload(year_of(2027), name="next-year"), "reject")
    assert world.latest()["status"] == "rejected"
    assert attends(world, "s3") == ("2026-3",)
    # Then the year has not begun: the same roster again is a rollover again
    again = world.upload(year_of(2027), name="again")
    assert (again["status"], again["reason"]["code"]) == ("held", "rollover")


def test_where_the_roster_names_no_year_the_districts_date_begins_a_new_one(world: World) -> None:
    # Given
    world.register(school_year_starts="2026-08-15")
    assert world.upload(year_of(2026, named=False))["status"] == "completed"
    # When
    world.now = IN_AUGUST
    report = world.upload(year_of(2027, named=False), name="next-year")
    # Then
    assert (report["status"], report["reason"]["code"]) == ("held", "rollover")
    assert report["rollover"] == {"before": "", "after": ""}
    assert "a new school year" in report["reason"]["message"]
    # When
    decide(world, report, "approve")
    # Then
    assert world.latest()["status"] == "completed"
    assert attends(world, "s3") == ("2027-3",)


def test_the_date_of_the_district_counts_once(world: World) -> None:
    """The first import from that day on begins the year; what comes after it is in the same year."""
    world.register(school_year_starts="2026-08-15")
    world.upload(year_of(2026, named=False))
    world.now = IN_AUGUST
    decide(world, world.upload(year_of(2027, named=False), name="next-year"), "approve")
    report = world.upload(year_of(2028, named=False), name="a-mistake")
    assert (report["status"], report["reason"]["code"]) == ("held", "too_many_removed")
    assert "rollover" not in report


@pytest.mark.parametrize("named", [True, False])
def test_a_large_removal_within_the_year_is_no_rollover(world: World, named: bool) -> None:
    world.register(school_year_starts="2026-08-15")
    world.upload(year_of(2026, named=named))
    report = world.upload(year_of(2026, students=STUDENTS[:20], named=named), name="cut-off")
    assert (report["status"], report["reason"]["code"]) == ("held", "too_many_removed")
    assert "20 of 40 students" in report["reason"]["message"]
    assert "rollover" not in report


def test_a_first_roster_begins_no_year_and_is_never_held(world: World) -> None:
    report = world.upload(year_of(2026))
    assert report["status"] == "completed"
    assert "rollover" not in report


def test_a_year_begins_with_its_classes_and_not_with_its_sessions(world: World) -> None:
    world.upload(year_of(2026))
    ahead = year_of(2026)
    ahead["academicSessions.csv"] = str(ahead["academicSessions.csv"]) + "y2027,,,2026-2027,schoolYear,,,,2027\n"
    report = world.upload(ahead, name="ahead")
    assert report["status"] == "completed"
    assert "rollover" not in report
    world.now = IN_AUGUST
    assert world.upload(year_of(2027), name="next-year")["rollover"] == {"before": "2026", "after": "2027"}


@pytest.mark.parametrize("percent_of_a_school", [100, 50])
def test_classes_whose_term_is_over_go_without_being_held(world: World, percent_of_a_school: int) -> None:
    # Given
    world.register(school_removal_threshold_percent=percent_of_a_school)
    world.upload(year_of(2026))
    # When the year of 2026 is over, and the next one begins with the same people
    world.now = IN_AUGUST
    report = world.upload(year_of(2027), name="next-year")
    # Then
    assert report["status"] == "completed"
    assert "term_ended" in codes(report)
    assert next(n["count"] for n in report["notes"] if n["code"] == "term_ended") == 25
    assert report["classes"]["removed"] == 25
    assert report["rollover"] == {"before": "2026", "after": "2027"}
    assert attends(world, "s3") == ("2027-3",)


def test_people_who_go_are_held_though_the_term_of_their_classes_is_over(world: World) -> None:
    world.upload(year_of(2026))
    world.now = IN_AUGUST
    report = world.upload(year_of(2027, students=STUDENTS[:20]), name="next-year")
    assert (report["status"], report["reason"]["code"]) == ("held", "rollover")
    assert "20 of 40 people" in report["reason"]["message"]
