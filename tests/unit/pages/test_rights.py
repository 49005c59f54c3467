"""What a person may do on the pages comes from the person's role (M20)."""

from __future__ import annotations

import json

import pytest

from local.web_client import WebClient
from shared.domain.activation import ActivationState
from shared.stores.personal_data import PersonalData
from tests.bad_uploads.valid_rosters import CLEVER, ONE_ROSTER_1_2
from tests.builders import account, enrolled, key, roster, user
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


def one_number() -> Website:
    """Ana learns and Bob teaches, both as number 1001; Bob's mail is out."""
    world = World()
    world.register()
    files = {
        **CLEVER.files,
        "students.csv": CLEVER.sheet("students.csv").text + "o1,1001,1001,Ash,Ana,7,ana@lakeside.example,ana,x\n",
        "teachers.csv": CLEVER.sheet("teachers.csv").text + "o1,1001,9,bea@lakeside.example,Bea,Bond,Ms,bea,x\n",
        "sections.csv": CLEVER.sheet("sections.csv").text + "o1,c9,1001,,Music,Music,3,Fall\n",
        "enrollments.csv": CLEVER.sheet("enrollments.csv").text + "o1,c9,s1\no1,c9,1001\n",
    }
    world.feed(account("ana", "ana@lakeside.example", role="student"), account("bea", "bea@mail.example"))
    world.upload(files)
    world.send_mail()
    web = Website(world)
    web.cognito.users = {name: (PASSWORD, name) for name in ("ana", "bea")}
    return web


def test_a_student_with_a_teachers_number_does_not_teach_that_teachers_class() -> None:
    web = one_number()
    page = with_google(web, "ana@lakeside.example")
    page = log_in(web.visitor().open("/login"), "ana").open("/classes/c9?district=lakeside")
    assert page.status == 200
    assert "New goal" not in page.text
    assert "Cleo" not in page.text
    assert page.open("/classes/c9/settings?district=lakeside").status in (403, 404) or "Download" not in page.text


def test_the_teacher_of_that_number_gets_the_class_the_student_keeps_the_link() -> None:
    web = one_number()
    with_google(web, "ana@lakeside.example")
    page = web.visitor().open(web.world.address_in_mail_to("bea@lakeside.example"))
    page = log_in(page.press("Log into my existing account"), "bea").press("Link my accounts")
    assert page.path == "/home"
    page = page.open("/classes/c9?district=lakeside")
    assert "New goal" in page.text
    assert ("Cleo" in page.text, "Ana Ash" in page.text) == (True, True)
    links = {kind: web.world.links.of_user(key("1001", kind)) for kind in ("student", "teacher")}
    assert {kind: link and link.account_id for kind, link in links.items()} == {"student": "ana", "teacher": "bea"}


def test_an_account_of_a_student_is_not_linked_to_the_teacher_of_that_number() -> None:
    web = one_number()
    with_google(web, "ana@lakeside.example")
    page = web.visitor().open(web.world.address_in_mail_to("bea@lakeside.example"))
    assert log_in(page.press("Log into my existing account"), "ana").status == 409
    assert web.world.links.of_user(key("1001", "teacher")) is None


def test_the_console_sends_another_mail_to_the_kind_that_is_stuck() -> None:
    web = of_clever("t1,gus@lakeside.example,Gus,Gray,Principal,")
    world = web.world
    world.send_mail()
    ann = world.activations.of_user(key("t1", "teacher"))
    assert ann
    assert ann.message_id
    world.activations.mark_feedback(ann, ActivationState.BOUNCED, ann.message_id, now=world.now)
    sent = len(world.sqs.messages)
    with_google(web, "gus@lakeside.example").press("Send another mail to Ann Ames")
    assert [json.loads(message)["kind"] for message in world.sqs.messages[sent:]] == ["teacher"]


def test_all_that_is_held_of_a_person_is_of_the_kind() -> None:
    web = one_number()
    with_google(web, "ana@lakeside.example")
    data = PersonalData(web.world.table, web.world.accounts)
    held = data.held(*data.person_of_user(key("1001", "student")))
    assert "Bond" not in repr(held)
    assert data.delete_user(key("1001", "student")) > 0
    of_class = web.world.classes.get("lakeside", "c9")
    assert of_class
    assert (of_class.teacher_ids, of_class.student_ids) == (("1001",), ("s1",))
    assert web.world.users.get(key("1001", "teacher"))
