"""What is ordinary for a district never waits, and what is not does; without thresholds of its own (M3, B15)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.ordinary_nights import History
from tests.builders import USERS, enrolled, roster, user
from tests.harness import World, decide, zipped

PEOPLE = 400
SCHOOLS = ("north", "south", "east", "west")
CLASSES = [f"c{n}" for n in range(40)]


@pytest.fixture
def world() -> World:
    made = World()
    made.register()
    return made


def person(number: int, **more: Any) -> str:
    """One of four schools' people, one in sixteen of them a teacher."""
    row = user(f"p{number}", "student" if number % 16 else "teacher", **more)
    return row.replace(",o1,", f",{SCHOOLS[number % 4]},", 1)


def attends(numbers: Iterable[int], *, classes: int = 4, ids: list[str] = CLASSES) -> str:
    """Each of these people in so many classes."""
    rows = ((number, ids[(number + each) % len(ids)]) for number in numbers for each in range(classes))
    return "".join(
        enrolled(f"p{number}", "student" if number % 16 else "teacher", class_id) for number, class_id in rows
    )


def district(
    numbers: Iterable[int] = range(PEOPLE), *, enrollments: str | None = None, ids: list[str] = CLASSES, **rows: Any
) -> dict[str, str | bytes]:
    """The district's roster; ``rows`` are people whose row is another, by their names (``p7="…"``)."""
    numbers = list(numbers)
    return roster(
        *(rows.get(f"p{number}") or person(number) for number in numbers),
        classes="".join(f"{class_id},,,Class {class_id},k1,scheduled,o1,t1\n" for class_id in ids),
        enrollments=attends(numbers, ids=ids) if enrollments is None else enrollments,
    )


def codes(report: dict[str, Any]) -> tuple[str, str | None]:
    return report["status"], report.get("reason", {}).get("code")


def people_file(world: World, report: dict[str, Any]) -> list[dict[str, str]]:
    body = world.s3.objects["reports", report["people_key"]].decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(body)))


def previewed(world: World, files: dict[str, str | bytes]) -> dict[str, Any]:
    return world.report(world.put("previews/lakeside/preview.zip", zipped(files)))


def test_an_ordinary_night_does_not_wait(world: World) -> None:
    # Given
    world.upload(district())
    # When three leave, three come, and two change a name
    changed = {f"p{n}": person(n, given="Robin") for n in (21, 22)}
    report = world.upload(district(range(3, PEOPLE + 3), **changed), name="night")
    # Then
    assert codes(report) == ("completed", None)
    assert (report["users"]["removed"], report["users"]["created"], report["users"]["changed"]) == (3, 3, 2)


def test_people_who_are_missing_wait_for_a_person_with_numbers_and_names(world: World) -> None:
    # Given
    world.upload(district())
    # When
    report = world.upload(district(range(40, PEOPLE)), name="cut-off")
    # Then
    assert codes(report) == ("held", "too_many_removed")
    assert "remove 37 of 375 students" in report["reason"]["message"]
    assert "up to 22 are usual for this district now" in report["reason"]["message"]
    listed = people_file(world, report)
    assert len(listed) == 40
    assert {row["what"] for row in listed} == {"removed"}
    assert listed[0].keys() == {"what", "kind", "sourcedId", "role", "schools"}


def test_a_preview_says_that_it_would_wait_and_names_the_people(world: World) -> None:
    world.upload(district())
    taken = previewed(world, district(range(40, PEOPLE)))
    assert codes(taken) == ("held", "too_many_removed")
    assert len(people_file(world, taken)) == 40


def test_half_of_a_school_waits_in_a_district_that_could_spare_as_many(world: World) -> None:
    # Given a district of 400 and a school of 20
    small = [user(f"m{n}").replace(",o1,", ",annex,", 1) for n in range(20)]
    big = [person(n) for n in range(2_000)]
    world.upload(roster(*big, *small))
    # When
    report = world.upload(roster(*big, *small[10:]), name="half")
    # Then
    assert codes(report) == ("held", "too_many_removed")
    assert "10 of 20 people of the school annex" in report["reason"]["message"]


def test_addresses_that_are_blank_wait(world: World) -> None:
    world.upload(district())
    blank = {f"p{n}": person(n, email="") for n in range(30)}
    report = world.upload(district(**blank), name="blank")
    assert codes(report) == ("held", "too_many_changed")
    assert {row["what"] for row in people_file(world, report)} == {"altered"}


def test_addresses_that_are_new_hurt_nobody(world: World) -> None:
    blank = {f"p{n}": person(n, email="") for n in range(200)}
    world.upload(district(**blank))
    assert codes(world.upload(district(), name="with-addresses")) == ("completed", None)


def test_names_in_capitals_are_the_same_names(world: World) -> None:
    world.upload(district())
    capitals = {f"p{n}": person(n, given="KIM").replace("Person", "PERSON") for n in range(200)}
    assert codes(world.upload(district(**capitals), name="capitals")) == ("completed", None)


def test_a_school_that_is_merged_into_another_hurts_nobody(world: World) -> None:
    world.upload(district())
    merged = {f"p{n}": person(n).replace(",south,", ",north,", 1) for n in range(1, PEOPLE, 4)}
    report = world.upload(district(**merged), name="merged")
    assert (codes(report), report["users"]["changed"]) == (("completed", None), 100)


def test_enrollments_that_are_lost_wait(world: World) -> None:
    world.upload(district())
    fewer = attends(range(100), classes=2) + attends(range(100, PEOPLE))
    report = world.upload(district(enrollments=fewer), name="lost")
    assert codes(report) == ("held", "too_many_removed")
    assert "take classes from 100 of 400 people" in report["reason"]["message"]
    assert {row["what"] for row in people_file(world, report)} == {"fewer_classes"}


def test_classes_that_are_changed_for_others_do_not_wait(world: World) -> None:
    # Given
    world.upload(district())
    # When a third of the students is in other classes, as many as before
    others = [*CLASSES[1:], CLASSES[0]]
    changed = attends(range(130), ids=others) + attends(range(130, PEOPLE))
    # Then
    assert codes(world.upload(district(enrollments=changed), name="swapped")) == ("completed", None)


def with_terms(files: dict[str, str | bytes], ends: str) -> dict[str, str | bytes]:
    """The same with a term that ends then."""
    terms = "sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear\n"
    return {**files, "academicSessions.csv": f"{terms}t1,,,Term,term,2026-08-15,{ends},,2027\n"}


@pytest.mark.parametrize(("ends", "status"), [("2026-08-30", "completed"), ("2027-06-20", "held")])
def test_nobody_loses_a_class_whose_term_is_over(world: World, ends: str, status: str) -> None:
    # Given people in classes of a term
    world.upload(with_terms(district(), ends))
    # When the enrollments go, and the classes stay
    some = attends(range(0, PEOPLE, 16))
    report = world.upload(with_terms(district(enrollments=some), ends), name="over")
    # Then
    assert report["status"] == status


def test_another_years_classes_wait_though_everybody_gets_as_many(world: World) -> None:
    world.upload(district())
    report = world.upload(district(ids=[f"last-year-{n}" for n in range(40)]), name="last-year")
    assert codes(report) == ("held", "too_many_removed")
    assert "replace 40 of 40 classes" in report["reason"]["message"]


def test_a_threshold_that_a_district_sets_holds_besides(world: World) -> None:
    world.register(removal_threshold_count=2)
    world.upload(district())
    report = world.upload(district(range(3, PEOPLE)), name="three")
    assert codes(report) == ("held", "too_many_removed")
    assert "the district's limit is 2" in report["reason"]["message"]


def test_a_district_of_a_version_that_had_fixed_defaults_has_none_now(world: World) -> None:
    # Given settings as an earlier version stored them
    item = world.table.items["DISTRICT#lakeside", "SETTINGS"]
    body = json.loads(item["body"])
    del body["written"]
    former = {
        "removal_threshold_percent": 10.0,
        "removal_threshold_count": 50,
        "school_removal_threshold_percent": 30.0,
    }
    world.table.items["DISTRICT#lakeside", "SETTINGS"] = {**item, "body": json.dumps({**body, **former})}
    # Then
    found = world.districts.get("lakeside")
    assert (found.removal_threshold_percent, found.removal_threshold_count) == (None, None)
    assert found.school_removal_threshold_percent == 30, "what the district has set stays"


def test_a_threshold_of_fifty_that_a_district_sets_is_kept(world: World) -> None:
    world.register(removal_threshold_count=50)
    assert world.districts.get("lakeside").removal_threshold_count == 50


def test_a_districts_nights_are_remembered_and_its_previews_are_not(world: World) -> None:
    # Given
    world.upload(district())
    assert "nights" not in world.table.items["DISTRICT#lakeside", "SNAPSHOT"]
    # When
    previewed(world, district(range(1, PEOPLE)))
    assert "nights" not in world.table.items["DISTRICT#lakeside", "SNAPSHOT"]
    for night in range(1, 4):
        world.now += timedelta(days=1)
        world.upload(district(range(night, PEOPLE)), name=f"night-{night}")
    # Then
    (usual,) = History.from_text(str(world.table.items["DISTRICT#lakeside", "SNAPSHOT"]["nights"])).seasons.values()
    assert usual.days >= 3
    assert usual.sums["students"] > 0


def test_a_held_night_is_remembered_once_a_person_approves_it(world: World) -> None:
    world.upload(district())
    report = world.upload(district(range(40, PEOPLE)), name="cut-off")
    assert "nights" not in world.table.items["DISTRICT#lakeside", "SNAPSHOT"]
    decide(world, report, "approve")
    assert world.table.items["DISTRICT#lakeside", "SNAPSHOT"]["nights"]


def test_what_is_remembered_stays_after_a_roll_back(world: World) -> None:
    world.upload(district())
    report = world.upload(district(range(1, PEOPLE)), name="night")
    remembered = world.table.items["DISTRICT#lakeside", "SNAPSHOT"]["nights"]
    decide(world, report, "roll_back")
    assert world.table.items["DISTRICT#lakeside", "SNAPSHOT"]["nights"] == remembered


def test_a_delta_that_removes_many_waits_too(world: World) -> None:
    world.upload(district())
    rows = "".join(user(f"p{n}", status="tobedeleted") for n in range(1, 40))
    delta = {"manifest.csv": "propertyName,value\noneroster.version,1.1\nfile.users,delta\n", "users.csv": USERS + rows}
    assert codes(world.upload(delta, name="delta")) == ("held", "too_many_removed")
