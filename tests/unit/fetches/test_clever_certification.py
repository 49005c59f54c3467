"""What Clever's certification asks of a sync: each point of the table in docs/fetching.md has a test that is there (B10)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from local.doubles.clever_rosters import CleverRosters
from local.doubles.roster_rows import by_role, clever_id
from local.doubles.roster_server import Quirks, WithinProcess
from tests import tree
from tests.builders import account
from tests.fetching import CLEVER, TENANT, FetchWorld, with_double

POINTS = 12


def files(*students: str) -> dict[str, bytes]:
    rows = "".join(f"h1,{each},Person,Kim,{each}@lakeside.example,7\n" for each in students)
    return {
        "schools.csv": b"School_id,School_name,School_number\nh1,Lakeside Middle,1\n",
        "students.csv": f"School_id,Student_id,Last_name,First_name,Student_email,Grade\n{rows}".encode(),
        "teachers.csv": b"School_id,Teacher_id,Last_name,First_name,Teacher_email\nh1,t1,Person,Ada,t1@lakeside.example\n",
        "sections.csv": b"School_id,Section_id,Teacher_id,Name,Term_name,Course_name\nh1,c1,t1,Algebra,Y1,Math\n",
        "enrollments.csv": b"School_id,Section_id,Student_id\n" + b"".join(f"h1,c1,{s}\n".encode() for s in students),
    }


def fetched(double: CleverRosters) -> tuple[FetchWorld, dict[str, Any]]:
    world = with_double(double, CLEVER)
    return world, world.fetch()


def again(world: FetchWorld, double: CleverRosters) -> dict[str, Any]:
    world.web = WithinProcess(double)
    return world.fetch()


def people(world: FetchWorld) -> set[str]:
    return {pk for (pk, sk), item in world.table.items.items() if sk == "ROSTER" and item.get("active", True)}


def test_people_keep_their_number_when_clever_gives_them_another_id() -> None:
    world, _ = fetched(CleverRosters(files("s1", "s2"), TENANT))
    before = people(world)
    report = again(world, CleverRosters(files("s1", "s2"), TENANT, Quirks(frozenset({41}))))
    assert (report["status"], people(world)) == ("unchanged", before)


def test_accounts_that_there_are_are_matched_and_not_made_again() -> None:
    world = with_double(CleverRosters(files("s1"), TENANT), CLEVER)
    world.feed(account("ada", "t1@lakeside.example"))
    report = world.fetch()
    assert report["matching"]["matched"] == 1
    assert report["activations"]["queued"] == 0


def test_a_source_is_synced_each_day_and_on_demand() -> None:
    world = with_double(CleverRosters(files("s1"), TENANT), CLEVER)
    world.night()
    assert world.latest()["status"] == "completed"
    assert world.fetch()["status"] == "unchanged"


def test_who_is_not_shared_any_more_is_archived_and_restored_on_return() -> None:
    world, _ = fetched(CleverRosters(files("s1", "s2", "s3"), TENANT))
    before = people(world)
    assert again(world, CleverRosters(files("s1", "s2"), TENANT))["users"]["removed"] == 1
    back = again(world, CleverRosters(files("s1", "s2", "s3"), TENANT))
    assert (back["users"]["created"] + back["users"]["changed"], people(world)) == (1, before)


def test_terms_and_courses_that_are_made_again_change_no_class() -> None:
    world, _ = fetched(CleverRosters(files("s1"), TENANT))
    report = again(world, CleverRosters(files("s1"), TENANT, Quirks(frozenset({39}))))
    assert report["status"] == "unchanged"


def test_fields_that_are_not_guaranteed_may_be_missing() -> None:
    double = CleverRosters(files("s1", "s2"), TENANT)
    for student in by_role(double.rows["users"], "student"):
        student.pop("email")
        student["roles"]["student"] = {
            "sis_id": student["roles"]["student"]["sis_id"],
            "school": clever_id("school", "h1"),
        }
    for section in double.rows["sections"]:
        for name in ("period", "subject", "grade", "section_number", "term_id", "course", "teacher"):
            section.pop(name, None)
    _, report = fetched(double)
    assert (report["status"], report["users"]["read"], report["enrollments"]["rejected"]) == ("completed", 3, 0)


def test_who_is_in_a_section_and_not_shared_is_left_out() -> None:
    world, _ = fetched(CleverRosters(files("s1"), TENANT))
    report = again(world, CleverRosters(files("s1"), TENANT, Quirks(frozenset({38}))))
    assert report["status"] == "unchanged"


@pytest.mark.parametrize("state", ["paused", "pending", "error"])
def test_a_district_that_is_not_running_keeps_its_people(state: str) -> None:
    world, _ = fetched(CleverRosters(files("s1"), TENANT))
    before, double = people(world), CleverRosters(files(), TENANT)
    double.state = state
    report = again(world, double)
    assert (report["reason"]["code"], people(world)) == ("fetch_paused", before)


def test_the_districts_token_is_looked_up_at_each_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    world, _ = fetched(CleverRosters(files("s1"), TENANT))
    monkeypatch.setattr("local.doubles.clever_rosters.DISTRICT_TOKEN", "another-token")
    assert world.fetch()["status"] == "unchanged"


def test_a_district_that_shares_nothing_any_more_keeps_its_people() -> None:
    world, _ = fetched(CleverRosters(files("s1"), TENANT))
    before, double = people(world), CleverRosters(files("s1"), TENANT)
    double.is_shared = False
    assert again(world, double)["reason"]["code"] == "fetch_switched_off"
    assert people(world) == before


def test_the_limit_of_requests_is_waited_for() -> None:
    world = with_double(CleverRosters(files("s1"), TENANT, Quirks(frozenset({15}))), CLEVER)
    assert world.fetch()["status"] == "completed"
    assert world.waited == [2.0]


def test_names_of_any_length_and_script_are_read() -> None:
    double = CleverRosters(files("s1"), TENANT)
    double.rows["users"][0]["name"] = {"first": "名" * 60, "last": "Nguyễn-Ødegård " * 4, "middle": "🎓"}
    _, report = fetched(double)
    assert (report["status"], report["users"]["rejected"]) == ("completed", 0)


def test_each_point_of_the_table_names_a_test_that_is_there() -> None:
    table = tree.texts()["docs/fetching.md"].partition("## Clever's certification")[2].partition("\n## ")[0]
    named = re.findall(r"^\| [^|]+ \| [^|]+ \| `(test_\w+)` \|$", table, re.MULTILINE)
    source = tree.texts()["tests/unit/fetches/test_clever_certification.py"]
    own = set(re.findall(r"^def (test_\w+)\(", source, re.MULTILINE)) - {
        "test_each_point_of_the_table_names_a_test_that_is_there"
    }
    assert set(named) == own
    assert len(named) == POINTS
