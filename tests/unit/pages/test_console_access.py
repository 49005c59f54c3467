"""Who gets into a console by which login, and whose people are shown there (each role at each route: test_access_matrix.py)."""

from __future__ import annotations

import pytest

from local.web_client import WebClient
from shared.stores.stuck_people import StuckCode
from tests.builders import account, key, roster, user
from tests.harness import World
from tests.pages_harness import PASSWORD, Website, activated, log_in, operator, post

TWO_SCHOOLS = "sourcedId,status,dateLastModified,name,type\no1,,,Lakeside Middle,school\no2,,,Lakeside High,school\n"


def two_districts() -> Website:
    """Lakeside and Hilltop, each with people of every role; at Lakeside the principals are of school o1."""
    world = World()
    for district, domain in (("lakeside", "lakeside.example"), ("hilltop", "hilltop.example")):
        world.register(district, email_domains=[domain], nudges={})
        people = [
            user("t1", "teacher", email=f"t1@{domain}"),
            user("s1", email=f"s1@{domain}"),
            user("d1", "districtAdministrator", email=f"d1@{domain}"),
            user("a1", "administrator", email=f"a1@{domain}"),
            user("p1", "principal", email=f"p1@{domain}"),
            user("b1", "siteAdministrator", email=f"b1@{domain}"),
            user("t2", "teacher", email=f"t2@{domain}", school="o2"),
        ]
        world.upload({**roster(*people), "orgs.csv": TWO_SCHOOLS}, district)
    world.feed(account("ops", "ops@lakeside.example"), account("ada", "ada@mail.example"))
    web = Website(world)
    web.cognito.users = {"ops": (PASSWORD, ""), "ada": (PASSWORD, "ada"), "with-account": (PASSWORD, "ops")}
    web.cognito.operators = {"ops", "with-account"}
    return web


def through_district(web: Website, address: str) -> WebClient:
    district = address.partition("@")[2].partition(".")[0]
    visitor = web.visitor(sub=f"google-{address}", email=address, email_verified=True)
    return visitor.open(f"/sso/{district}").press("Continue with Google")


@pytest.mark.parametrize("who", ["p1", "b1"])
def test_who_administers_schools_sees_and_mails_their_people_alone(who: str) -> None:
    web = two_districts()
    web.world.send_mail()
    for teacher in ("t1", "t2"):
        web.site.services.stuck.note(key(teacher), StuckCode.EXPIRED, "2026-09-01T00:00:00Z")
    page = through_district(web, f"{who}@lakeside.example")
    assert page.path == "/console/lakeside"
    assert ("(t1)" in page.text, "(t2)" in page.text) == (True, False)
    assert post(page, "/console/lakeside/invite-again", sourced_id="t2").status_code == 409
    everybody = through_district(web, "d1@lakeside.example")
    assert "(t1)" in everybody.text
    assert "(t2)" in everybody.text


def test_people_of_one_name_have_their_number_on_their_buttons() -> None:
    web = two_districts()
    for teacher in ("t1", "t2"):
        web.site.services.stuck.note(key(teacher), StuckCode.EXPIRED, "2026-09-01T00:00:00Z")
    page = through_district(web, "d1@lakeside.example")
    buttons = [" ".join(each.text().split()) for each in page.page.css("main form button")]
    assert buttons == ["Send another mail to Kim Person (t1)", "Send another mail to Kim Person (t2)"]


def test_a_row_as_the_districts_administrator_counts_beside_a_schools() -> None:
    web = two_districts()
    rows = [
        user("p1", "principal", email="p1@lakeside.example"),
        user("p1", "administrator", email="p1@lakeside.example"),
    ]
    for n, order in enumerate((rows, rows[::-1])):
        web.world.upload({**roster(user("d1", "districtAdministrator"), *order), "orgs.csv": TWO_SCHOOLS}, name=f"r{n}")
        found = web.world.users.get(key("p1"))
        assert found
        assert found.administers
        assert not found.schools_only


def test_an_operator_gets_in_with_password_and_second_factor_for_an_hour() -> None:
    web = two_districts()
    page = operator(web)
    assert page.path == "/console"
    assert page.press("Open the console", district="nowhere").path == "/console"
    assert page.press("Open the console", district="Hilltop").path == "/console/hilltop"
    web.world.pass_time(minutes=59)
    assert page.open("/console/lakeside").status == 200
    web.world.pass_time(minutes=2)
    assert page.open("/console/lakeside").path == "/sso/lakeside"


def test_an_operator_without_a_second_factor_gets_in_nowhere() -> None:
    web = two_districts()
    page = log_in(web.visitor().open("/login"), "with-account")
    assert page.status == 401
    assert page.open("/home").path == "/login"


def test_a_code_by_mail_is_no_second_factor() -> None:
    web = two_districts()
    web.cognito.challenges["ops"] = [("EMAIL_OTP", "123456")]
    assert operator(web).open("/console/lakeside").path == "/sso/lakeside"


def test_an_operators_account_is_never_matched_linked_or_opened_by_a_hub() -> None:
    web = two_districts()
    web.world.feed(account("ops", "new@lakeside.example", google_sub="google-ops"))
    page = operator(web, "with-account")
    assert page.path == "/console"
    assert page.open("/home").path == "/console"
    # The feed goes on telling of the account, with another address; roster users with both come.
    web.world.feed(account("ops", "newer@lakeside.example", google_sub="google-ops", display_name="Ops"))
    people = [user(f"n-{each}", "teacher", email=f"{each}@lakeside.example") for each in ("new", "newer")]
    assert web.world.upload(roster(*people), name="next")["matching"]["matched"] == 0
    hub = web.visitor(sub="google-ops", email="ops@mail.example", email_verified=True, hd=None)
    assert hub.open("/login").press("Continue with Google").status == 401
    assert through_district(web, "new@lakeside.example").path == "/welcome"


def test_an_operator_who_opens_a_teachers_mail_links_nothing() -> None:
    web = two_districts()
    web.world.send_mail()
    page = activated(web, "t1")
    web.cognito.challenges["with-account"] = [("SOFTWARE_TOKEN_MFA", "123456")]
    page = log_in(page.press("Log into my existing account"), "with-account").press("Log in", code="123456")
    assert page.path == "/console"
    for path in ("/link", "/account/new", "/account/older"):
        post(page, path)
    assert web.world.links.of_user(key("t1")) is None
