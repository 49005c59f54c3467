"""What a person may do on the pages comes from the person's role (M20)."""

from __future__ import annotations

import pytest

from local.web_client import WebClient
from tests.bad_uploads.valid_rosters import CLEVER, ONE_ROSTER_1_2
from tests.builders import account, enrolled, roster, user
from tests.harness import World
from tests.pages_harness import PASSWORD, Website, log_in

STAFF = "School_id,Staff_id,Staff_email,First_name,Last_name,Title,Role\n"


def of_clever(*staff: str) -> Website:
    """Lakeside by Clever CSV, where Ann Ames teaches as number t1."""
    world = World()
    world.register()
    world.upload({**CLEVER.files, "staff.csv": STAFF + "".join(f"o1,{row}\n" for row in staff)})
    return Website(world)


def with_google(web: Website, address: str) -> WebClient:
    """Somebody who logs in through the district with this address."""
    visitor = web.visitor(sub=f"google-{address}", email=address, email_verified=True)
    return visitor.open("/sso/lakeside").press("Continue with Google")


@pytest.mark.parametrize("title", ["Secretary", "Cafeteria", "Administrative Assistant"])
def test_secretary_and_cafeteria_are_not_let_into_the_console(title: str) -> None:
    web = of_clever(f"9,sue@lakeside.example,Sue,Ash,{title},Staff")
    page = with_google(web, "sue@lakeside.example")
    assert page.status == 403
    assert web.visitor().open("/console/lakeside").path == "/sso/lakeside"


@pytest.mark.parametrize(("title", "status"), [("Principal", 200), ("Librarian", 403)])
def test_a_teacher_in_staff_under_another_number_logs_in_as_teacher(title: str, status: int) -> None:
    """The console is open to who is called an administrator there, and to nobody else."""
    web = of_clever(f"9,ann@lakeside.example,Ann,Ames,{title},")
    page = with_google(web, "ann@lakeside.example")
    assert page.path == "/welcome"
    assert page.open("/console/lakeside").status == status


def test_an_administrator_of_another_name_on_a_teachers_address_is_not_let_in() -> None:
    web = of_clever("9,ann@lakeside.example,Gus,Gray,Principal,")
    assert with_google(web, "ann@lakeside.example").status == 403


def test_who_teaches_and_administers_in_one_row_is_let_into_the_console() -> None:
    world = World()
    world.register()
    roles = ONE_ROSTER_1_2.sheet("roles.csv").text + "r9,,,t1,secondary,siteAdministrator,,,o1,\n"
    world.upload({**ONE_ROSTER_1_2.files, "roles.csv": roles})
    web = Website(world)
    page = with_google(web, "ann@lakeside.example")
    assert page.path == "/welcome"
    assert page.open("/console/lakeside").status == 200
    assert with_google(web, "bob@lakeside.example").open("/console/lakeside").status == 403


def test_a_student_whom_an_enrollment_calls_teacher_has_no_class_to_teach() -> None:
    world = World()
    world.register()
    world.feed(account("kid", "s1@lakeside.example", role="student"))
    rows = enrolled("t1", "teacher") + enrolled("s1", "teacher") + enrolled("s2")
    world.upload(roster(user("t1", "teacher"), user("s1"), user("s2"), enrollments=rows))
    item = world.table.items["USER#lakeside#s1", "ROSTER"]
    web = Website(world)
    web.cognito.users = {"kid": (PASSWORD, "kid")}
    with_google(web, "s1@lakeside.example")
    visitor = log_in(web.visitor().open("/login"), "kid")
    assert visitor.open("/classes/c1?district=lakeside").status == 404
    world.table.put_item(Item={**item, "teaches": ["c1"], "attends": ["c1"]})
    page = visitor.open("/classes/c1?district=lakeside")
    assert (page.status, "New goal" in page.text) == (200, False)
