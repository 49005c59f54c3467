"""Whatever comes in between, on the way to a link and after it: every page leads on (M18)."""

from __future__ import annotations

import pytest

from tests.builders import enrolled, key, roster, user
from tests.pages_harness import Website, activated, lakeside, linked_teacher, log_in, post, shown_of


@pytest.fixture
def web() -> Website:
    return lakeside()


def in_valley(web: Website) -> None:
    """The same teacher works in a second district, too, and is mailed there."""
    web.world.register("valley", name="Valley Schools", email_domains=["valley.example"])
    web.world.upload(
        roster(
            user("v1", "teacher", given="Ada", email="ada@valley.example"),
            enrollments=enrolled("v1", "teacher"),
        ),
        "valley",
    )
    web.world.send_mail()


def test_a_teacher_of_two_districts_has_both_in_one_account_and_can_leave_one(web: Website) -> None:
    in_valley(web)
    linked_teacher(web)
    page = web.visitor().open(web.world.address_in_mail_to("ada@valley.example"))
    page = log_in(page.press("Log into my existing account")).press("Link my accounts")
    assert "Undo the link with Lakeside Schools" in page.text
    assert "Undo the link with Valley Schools" in page.text

    page.press("Undo the link with Valley Schools").press("Undo the link")

    assert "Undo the link with Lakeside Schools" in page.open("/home").text
    assert "Undo the link with Valley Schools" not in page.text


def test_a_logout_in_another_tab_ends_nothing_but_the_login(web: Website) -> None:
    page = log_in(activated(web).press("Log into my existing account"))
    assert page.path == "/link"

    post(page, "/logout")

    assert post(page, "/link", account_id="ada", sourced_id="t1", person=shown_of(web, "t1")).url.path == "/login"
    assert log_in(page.open("/login")).path == "/link", "the proof of the address is still there"
    assert page.press("Link my accounts").path == "/home"


def test_a_session_that_ended_on_the_way_asks_for_the_login_again(web: Website) -> None:
    page = log_in(activated(web).press("Log into my existing account"))
    web.world.pass_time(hours=9)
    assert page.press("Link my accounts").path == "/login"
    assert web.world.links.of_user(key("t1")) is None


def test_back_after_the_link_leads_home(web: Website) -> None:
    page = linked_teacher(web)
    for address in ("/link", "/activate"):
        page.open(address)
        assert page.path in ("/home", "/activate")
        assert page.status == 200
    assert post(page, "/link", account_id="ada", sourced_id="t1", person=shown_of(web, "t1")).url.path == "/home"


def test_a_page_left_open_in_another_tab_joins_nothing_that_it_did_not_show(web: Website) -> None:
    """One tab shows the own account; in the other one somebody else logged in meanwhile."""
    page = log_in(activated(web).press("Log into my existing account"))
    shown_in_the_first_tab = {"account_id": "ada", "sourced_id": "t1", "person": shown_of(web, "t1")}
    log_in(page.open("/login"), "zoe")

    assert post(page, "/link", **shown_in_the_first_tab).url.path == "/link"

    assert web.world.links.of_user(key("t1")) is None


def test_the_console_of_a_district_without_a_report_opens(web: Website) -> None:
    """Its reports are a year old and gone, or its first import has not ended."""
    del web.world.s3.objects["reports", "reports/lakeside/latest.json"]
    admin = web.visitor(sub="a", email="a1@lakeside.example", email_verified=True).open("/sso/lakeside")
    console = admin.press("Continue with Google").open("/console/lakeside")
    assert console.status == 200
