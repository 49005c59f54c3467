"""Generated districts: whole rosters in each format are read as their makers say, and each fault is told as it promises."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import districts
from benchmarks.districts import Shape, pack, write, write_delta
from benchmarks.faults import FAULTS, Expected, corrupt
from benchmarks.shape import FORMATS, GIVEN_NAMES, District
from shared.domain.roster import Role, RosterUser
from shared.stores.keys import user_of_pk
from tests.corpus.sheet import csv_files
from tests.harness import World

FORMAT_OF_REPORT = {
    "oneroster-1.1": {"name": "oneroster", "version": "1.1", "mode": "bulk"},
    "oneroster-1.2": {"name": "oneroster", "version": "1.2", "mode": "bulk"},
    "clever": {"name": "clever", "version": "csv", "mode": "bulk"},
    "sds-1": {"name": "sds", "version": "1", "mode": "bulk"},
    "sds-2.1": {"name": "sds", "version": "2.1", "mode": "bulk"},
}
KINDS = ("users", "classes", "enrollments")


@pytest.fixture
def world() -> World:
    made = World()
    made.register()
    return made


def upload(world: World, folder: Path, name: str = "roster") -> dict[str, Any]:
    return world.upload(csv_files(folder), name=name)


def generated(shape: Shape, folder: Path) -> Path:
    write(shape, folder)
    return folder


def read_counts(report: dict[str, Any]) -> dict[str, int]:
    return {kind: report[kind]["read"] for kind in KINDS}


def roster_users(world: World) -> list[RosterUser]:
    return list(world.users.get_many(user_of_pk(pk) for pk, sk in world.table.items if sk == "ROSTER").values())


def given_names(world: World) -> dict[str, str]:
    return {user.sourced_id: user.given_name for user in roster_users(world)}


@pytest.mark.parametrize("people", [100, 250])
@pytest.mark.parametrize("form", FORMATS)
def test_a_clean_district_is_read_whole(world: World, tmp_path: Path, form: str, people: int) -> None:
    counts = write(Shape(people, seed=7, format=form), tmp_path)
    report = upload(world, tmp_path)
    assert (report["status"], report["format"]) == ("completed", FORMAT_OF_REPORT[form])
    assert read_counts(report) == counts
    assert {kind: report[kind]["created"] for kind in KINDS} == counts
    assert counts["users"] == people
    assert (report["rejects"], report["notes"]) == ([], [])


@pytest.mark.parametrize("form", FORMATS)
def test_everybody_has_the_address_the_names_and_the_classes_of_the_shape(
    world: World, tmp_path: Path, form: str
) -> None:
    shape = Shape(120, seed=3, format=form)
    write(shape, tmp_path)
    upload(world, tmp_path)
    users = roster_users(world)
    assert len(users) == shape.people
    assert all(user.official_email == f"{user.sourced_id}@lakeside.example" for user in users)
    assert {len(user.sourced_id) for user in users} == ({36} if shape.is_oneroster else {7})
    names = {user.given_name for user in users}
    assert (
        {"José", "美咲", "Kim, Ann", 'William "Bill"'} <= names <= {next(csv.reader([name]))[0] for name in GIVEN_NAMES}
    )
    students, teachers = ([user for user in users if user.role is role] for role in (Role.STUDENT, Role.TEACHER))
    assert (len(students), len(teachers)) == (shape.students, shape.teachers)
    assert {len(student.attends) for student in students} == {7}
    taught = sorted(class_id for teacher in teachers for class_id in teacher.teaches)
    assert taught == sorted({class_id for student in students for class_id in student.attends})


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path, form: str) -> None:
    shape = Shape(150, seed=5, format=form, faults=("missing_id", "unknown_class"))
    one, same = (generated(shape, tmp_path / name) for name in ("one", "same"))
    other = generated(replace(shape, seed=6), tmp_path / "other")
    assert csv_files(one) == csv_files(same)
    assert csv_files(one) != csv_files(other)
    for folder in (one, same):
        pack(folder, folder.with_suffix(".zip"))
    assert one.with_suffix(".zip").read_bytes() == same.with_suffix(".zip").read_bytes()


@pytest.mark.parametrize("form", FORMATS)
def test_the_next_night_changes_the_given_names_of_its_share_and_nothing_else(
    world: World, tmp_path: Path, form: str
) -> None:
    shape = Shape(300, seed=2, format=form)
    upload(world, generated(shape, tmp_path / "first"))
    before = given_names(world)
    report = upload(world, generated(replace(shape, change=0.01), tmp_path / "next"), name="next")
    assert report["status"] == "completed"
    assert (report["users"]["changed"], report["users"]["unchanged"]) == (3, 297)
    assert report["enrollments"]["unchanged"] == report["enrollments"]["read"]
    after = given_names(world)
    assert sum(before[key] != after[key] for key in before) == 3


@pytest.mark.parametrize("form", ["oneroster-1.1", "oneroster-1.2"])
def test_a_delta_leads_to_what_the_next_nights_roster_says(world: World, tmp_path: Path, form: str) -> None:
    shape = Shape(300, seed=2, format=form)
    upload(world, generated(shape, tmp_path / "first"))
    changed = replace(shape, change=0.02)
    counts = write_delta(changed, tmp_path / "delta")
    report = upload(world, tmp_path / "delta", name="delta")
    assert (report["status"], report["format"]["mode"]) == ("completed", "delta")
    assert read_counts(report) == counts
    assert (report["users"]["changed"], report["rejects"]) == (6, [])
    report = upload(world, generated(changed, tmp_path / "next"), name="next")
    assert (report["users"]["changed"], report["users"]["unchanged"]) == (0, 300)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("form", FORMATS)
def test_a_fault_is_told_as_it_promises(world: World, tmp_path: Path, form: str, fault: str) -> None:
    shape = Shape(120, seed=11, format=form)
    counts = write(shape, tmp_path)
    whole = csv_files(tmp_path)
    (expected,) = corrupt(replace(shape, faults=(fault,)), tmp_path)
    if expected.after_whole:
        assert world.upload(whole, name="whole")["status"] == "completed"
    report = upload(world, tmp_path, name="spoiled")
    assert report["status"] == expected.status
    assert report.get("reason", {}).get("code") == expected.reason
    if expected.note:
        assert expected.note in [note["code"] for note in report["notes"]]
    if not expected.after_whole:
        assert_one_reject(report, expected, counts)


def assert_one_reject(report: dict[str, Any], expected: Expected, counts: dict[str, int]) -> None:
    """Nothing but the row that the fault added is rejected."""
    rejected = [expected.reject] if expected.reject else []
    told = [(reject["code"], reject["file"], reject["line"], reject["column"]) for reject in report["rejects"]]
    assert told == [(one.code, one.file, one.line, one.column) for one in rejected]
    more = {kind: sum(one.kind == kind for one in rejected) for kind in KINDS}
    assert read_counts(report) == {kind: counts[kind] + more[kind] for kind in KINDS}
    assert {kind: report[kind]["rejected"] for kind in KINDS} == more


def test_faults_come_together_each_on_its_line(world: World, tmp_path: Path) -> None:
    names = ("utf16", "unknown_user", "unknown_class", "missing_id", "ragged", "duplicate_class")
    shape = Shape(200, seed=4, faults=names)
    write(shape, tmp_path / "spoiled")
    write(replace(shape, faults=()), tmp_path / "clean")
    expected = [one.reject for one in corrupt(shape, tmp_path / "clean") if one.reject]
    assert csv_files(tmp_path / "clean") == csv_files(tmp_path / "spoiled")
    report = upload(world, tmp_path / "spoiled")
    assert {(r["code"], r["file"], r["line"]) for r in report["rejects"]} == {
        (r.code, r.file, r.line) for r in expected
    }
    assert len(expected) == len(report["rejects"]) == 5


def test_names_survive_every_encoding(tmp_path: Path) -> None:
    for fault in ("cr_only", "utf16", "bom", "cp1252"):
        world = World()
        world.register()
        upload(world, generated(Shape(120, seed=9, format="clever", faults=(fault,)), tmp_path / fault))
        names = set(given_names(world).values())
        assert {"José", "Zoë", "Björn", "Kim, Ann", 'William "Bill"', "D'Arcy"} <= names
        assert ("美咲" in names) == (fault != "cp1252")


def test_half_of_the_schools_is_half_of_the_people(tmp_path: Path) -> None:
    shape = Shape(2_400, seed=1)
    write(shape, tmp_path)
    corrupt(replace(shape, faults=("half_schools",)), tmp_path)
    text = (tmp_path / "users.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    district = District(shape)
    kept = {district.school_id(number) for number in (1, 3)}
    assert {row["orgSourcedIds"] for row in rows if row["role"] != "administrator"} == kept
    assert len(rows) == pytest.approx(1_200, abs=4)


def test_memory_holds_a_school_and_not_the_district(tmp_path: Path) -> None:
    peaks = []
    for people in (1_200, 6_000):
        tracemalloc.start()
        write(Shape(people), tmp_path / str(people))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"people": 99}, "people must be 100 to 1000000"),
        ({"people": 1_000_001}, "people must be 100 to 1000000"),
        ({"people": 100, "format": "moodle"}, "format must be one of"),
        ({"people": 100, "change": 1.5}, "change must be a share"),
    ],
)
def test_a_shape_that_cannot_be_is_told(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Shape(**wrong)


def test_an_unknown_fault_or_a_taken_folder_is_refused_before_writing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no fault gremlins; there are half_schools"):
        write(Shape(100, faults=("gremlins",)), tmp_path / "new")
    assert not (tmp_path / "new").exists()
    (tmp_path / "mine.csv").write_text("mine\n", encoding="utf-8")
    with pytest.raises(FileExistsError, match=r"mine\.csv"):
        write(Shape(100), tmp_path)
    with pytest.raises(ValueError, match="clever has no deltas"):
        write_delta(Shape(100, format="clever", change=0.1), tmp_path / "new")


def test_the_command_line_writes_a_zip_that_is_read_as_it_says(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "district"
    asked = f"--people 150 --format clever --seed 7 --out {out} --fault ragged unknown_user --fault bom --zip"
    assert districts.main(asked.split()) == 0
    said = json.loads(capsys.readouterr().out)
    report = world.report(world.put("rosters/lakeside/made.zip", (tmp_path / "district.zip").read_bytes()))
    assert report["users"]["read"] == said["read_when_clean"]["users"] + 1
    told = {(reject["code"], reject["line"]) for reject in report["rejects"]}
    assert told == {(one["reject"]["code"], one["reject"]["line"]) for one in said["faults"] if one["reject"]}
