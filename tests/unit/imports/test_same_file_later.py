"""The same bytes on a later day: unchanged, until a date in them passes; then what the date changes happens, and no more (M4)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.builders import CLASSES, ENROLLMENTS, enrolled, key, roster, user
from tests.harness import World, zipped

ROLES = "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId\n"
DATED = ENROLLMENTS.strip() + ",primary,beginDate,endDate\n"


@pytest.fixture
def world() -> World:
    made = World()
    made.register()
    return made


def on(world: World, day: str) -> None:
    """It is noon of this day."""
    world.now = datetime.fromisoformat(f"{day}T18:00:00").replace(tzinfo=UTC)


def with_role(begins: str = "", ends: str = "") -> dict[str, str | bytes]:
    """A teacher and two students of OneRoster 1.2; the teacher's role has these dates."""
    people = "".join(f"{n},,,true,{n},,Ada,Lee,{n}@lakeside.example\n" for n in ("t1", "s1", "s2"))
    roles = f"r1,,,t1,primary,teacher,{begins},{ends},o1\n" + "".join(
        f"r-{n},,,{n},primary,student,,,o1\n" for n in ("s1", "s2")
    )
    return {
        "manifest.csv": "propertyName,value\nmanifest.version,1.0\noneroster.version,1.2\n",
        "orgs.csv": "sourcedId,status,dateLastModified,name,type\no1,,,Lakeside Middle,school\n",
        "users.csv": "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,email\n"
        + people,
        "roles.csv": ROLES + roles,
        "classes.csv": CLASSES + "c1,,,Algebra,k1,scheduled,o1,t1\n",
        "enrollments.csv": ENROLLMENTS + enrolled("t1", "teacher") + enrolled("s1") + enrolled("s2"),
    }


def night(world: World, day: str, files: dict[str, str | bytes]) -> dict[str, Any]:
    on(world, day)
    return world.upload(files, name=f"night-{day}")


def test_a_role_that_begins_today_mails_its_teacher_once(world: World) -> None:
    files = with_role(begins="2026-09-10")
    night(world, "2026-09-01", files)
    assert night(world, "2026-09-09", files)["status"] == "unchanged"
    preview = world.report(world.put("previews/lakeside/same.zip", zipped(files)))
    assert preview["status"] == "unchanged"
    report = night(world, "2026-09-10", files)
    assert (report["status"], report["activations"]["queued"], report["users"]["removed"]) == ("completed", 1, 0)
    assert night(world, "2026-09-11", files)["status"] == "unchanged"


def test_a_role_that_ends_lets_nobody_in_from_its_last_day_on(world: World) -> None:
    files = with_role(ends="2026-09-10")
    night(world, "2026-09-01", files)
    assert night(world, "2026-09-09", files)["status"] == "unchanged"
    assert night(world, "2026-09-10", files)["status"] == "completed"
    teacher = world.users.get(key("t1"))
    assert teacher
    assert not teacher.active


def test_an_enrollment_that_ends_takes_its_class(world: World) -> None:
    rows = "".join(f"e-{n},,,c1,o1,{n},student,,,{end}\n" for n, end in (("s1", "2026-09-10"), ("s2", "2026-12-20")))
    files = roster(user("s1"), user("s2"), user("t1", "teacher"))
    files["enrollments.csv"] = DATED + rows
    night(world, "2026-09-01", files)
    assert night(world, "2026-09-09", files)["status"] == "unchanged"
    report = night(world, "2026-09-10", files)
    assert (report["enrollments"]["removed"], report["users"]["unchanged"]) == (1, 3)
    assert night(world, "2026-09-11", files)["status"] == "unchanged"
    assert night(world, "2026-12-20", files)["enrollments"]["removed"] == 1


def test_the_date_is_the_districts_own_and_not_that_of_greenwich(world: World) -> None:
    files = with_role(begins="2026-09-10")
    night(world, "2026-09-01", files)
    world.now = datetime(2026, 9, 10, 3, tzinfo=UTC)
    assert world.upload(files, name="evening-of-the-ninth")["status"] == "unchanged"


def test_a_file_without_dates_ahead_is_unchanged_whenever_it_comes(world: World) -> None:
    files = with_role(begins="2020-09-10", ends="")
    night(world, "2026-09-01", files)
    assert night(world, "2027-03-01", files)["status"] == "unchanged"


def test_a_roll_back_to_a_file_whose_date_has_passed_reads_it_anew(world: World) -> None:
    files = with_role(begins="2026-09-10")
    night(world, "2026-09-01", files)
    other = {**files, "orgs.csv": str(files["orgs.csv"]) + "o2,,,Other,school\n"}
    report = night(world, "2026-09-02", other)
    world.put(f"decisions/lakeside/{report['import_id']}.json", b'{"action": "roll_back", "by": "kim", "reason": "x"}')
    assert night(world, "2026-09-03", files)["status"] == "unchanged"
    assert night(world, "2026-09-11", files)["activations"]["queued"] == 1
