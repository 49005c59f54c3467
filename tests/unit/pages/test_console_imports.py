"""The console's imports: history, what waits, decisions with who and why, and a roster that is checked before it is applied."""

from __future__ import annotations

import re
from typing import Any

import pytest

from local.web_client import WebClient
from shared.stores.trail import TrailStore
from tests.builders import CLASSES, enrolled, roster, user
from tests.harness import WEB, World, zipped
from tests.pages_harness import Counting, Website, operator, post

STUDENTS = [user(f"s{n}", given=f"Student{n}") for n in range(40)]
HEAD = [user("d1", "districtAdministrator", given="Dana"), user("p1", "principal"), user("t1", "teacher")]


def district(*, gate: Any = None, **settings: Any) -> Website:
    world = World(gate=gate) if gate else World()
    world.register(removal_threshold_count=5, **settings)
    world.upload(roster(*HEAD, *STUDENTS))
    return Website(world, gate=gate) if gate else Website(world)


def console(web: Website, who: str = "d1", path: str = "/imports") -> WebClient:
    address = f"{who}@lakeside.example"
    page = web.visitor(sub=f"google-{who}", email=address, email_verified=True)
    return page.open("/sso/lakeside").press("Continue with Google").open(f"/console/lakeside{path}")


def run(web: Website, page: WebClient) -> WebClient:
    """Let what was decided run, and look again."""
    web.world.run_imports()
    return page.open(page.path)


def halved(web: Website) -> dict[str, Any]:
    return web.world.upload(roster(user("p1", "principal"), *STUDENTS[:25]), name="halved")


def checked(web: Website, page: WebClient, files: dict[str, str | bytes]) -> WebClient:
    """Send a roster by the form, as a browser does, and come back to what it would do."""
    page = page.press("Upload a roster")
    form = page.page.css_first("form[enctype]")
    fields = {i.attributes["name"]: i.attributes.get("value") or "" for i in form.css("input[type=hidden]")}
    assert form.css_first("input[type=file]").attributes["name"] == "file"
    web.world.put(fields["key"], zipped(files))
    return page.open(fields["success_action_redirect"].removeprefix(WEB))


def test_uploads_are_listed_newest_first_with_what_became_of_them() -> None:
    web = district()
    web.world.upload(roster(*HEAD, *STUDENTS, user("s99")), name="second")
    web.world.upload({"users.csv": "x"}, name="third")
    page = console(web)
    order = [page.text.index(f"{name}.zip,") for name in ("third", "second", "roster")]
    assert order == sorted(order)
    assert "not applied" in page.text
    page = page.open(page.page.css_first("li.card h3 a").attributes["href"] or "")
    assert page.status == 200


def test_uploads_of_one_name_in_one_minute_have_names_of_their_own() -> None:
    web = district()
    web.world.upload(roster(*HEAD, *STUDENTS, user("s99")))
    rows = [link.attributes["aria-label"] or "" for link in console(web).page.css("li.card h3 a")]
    assert [row.rpartition(", ")[2] for row in rows] == ["row 1", "row 2"]
    assert len({row.rpartition(", ")[0] for row in rows}) == 1


def test_a_held_import_says_why_in_numbers_and_by_role() -> None:
    web = district()
    halved(web)
    page = console(web)
    assert "halved.zip needs your decision" in page.text
    assert "15 students, 1 teacher and your only administrator" in page.text
    page = page.open(page.page.css_first("section a").attributes["href"] or "")
    assert "Nobody of your district could get into this console any more" in page.text
    assert "Student30 Person" in page.text


def test_a_decision_wants_a_reason_and_is_kept_with_who_and_when() -> None:
    web = district()
    held = halved(web)
    page = console(web)
    assert post(page, f"/console/lakeside/imports/{held['import_id']}/reject", reason=" ").status_code == 409
    page = page.press("Reject", reason="half is missing")
    assert web.world.report_of(held["import_id"])["status"] == "rejected"
    assert "Rejected by Dana Person (d1)" in page.text
    assert "half is missing" in page.text
    (entry,), _ = TrailStore(web.world.table).newest("lakeside")
    assert (entry.action, entry.by, entry.reason) == ("reject", "d1", "half is missing")


def test_who_approved_rolls_back_within_a_day_though_locked_out() -> None:
    web = district()
    held = halved(web)
    page = run(web, console(web).press("Approve", reason="as they say"))
    assert web.world.report_of(held["import_id"])["status"] == "completed"
    # The browser that approved, and a new login of the same person, see that import and nothing else.
    for browser in (page, console(web)):
        assert browser.open("/console/lakeside/imports").status == 200
        assert browser.open("/console/lakeside/imports/upload").status == 403
        assert browser.open(f"/console/lakeside/imports/{held['import_id']}").status == 200
    assert console(web, "p1").open(f"/console/lakeside/imports/{held['import_id']}").status == 403
    page = console(web).open(f"/console/lakeside/imports/{held['import_id']}").press("Roll back", reason="a mistake")
    web.world.run_imports()
    assert console(web).press("Upload a roster").status == 200


def test_the_way_to_roll_back_ends_after_a_day() -> None:
    web = district()
    held = halved(web)
    run(web, console(web).press("Approve", reason="as they say"))
    web.world.pass_time(hours=25)
    visitor = web.visitor(sub="google-d1", email="d1@lakeside.example", email_verified=True)
    assert visitor.open("/sso/lakeside").press("Continue with Google").status == 403
    assert visitor.open(f"/console/lakeside/imports/{held['import_id']}").path == "/sso/lakeside"


def test_where_more_than_half_leave_the_number_is_typed() -> None:
    web = district()
    held = web.world.upload(roster(*HEAD, *STUDENTS[:10]), name="tenth")
    page = console(web).press("Approve", reason="meant")
    assert page.status == 409
    assert web.world.report_of(held["import_id"])["status"] == "held"
    assert page.press("Approve", confirm="31").status == 409
    run(web, page.press("Approve", confirm="30"))
    assert web.world.report_of(held["import_id"])["status"] == "completed"


def test_a_finished_import_is_rolled_back_from_the_list() -> None:
    web = district()
    done = web.world.upload(roster(*HEAD, *STUDENTS, user("s99")), name="second")
    page = run(web, console(web).press("Roll back", reason="wrong file"))
    assert web.world.report_of(done["import_id"])["reason"]["code"] == "rolled_back"
    assert post(page, f"/console/lakeside/imports/{done['import_id']}/roll-back", reason="again").status_code == 409


def test_a_roster_is_checked_and_then_applied_as_it_was_shown() -> None:
    web = district()
    page = checked(web, console(web), roster(*HEAD, *STUDENTS, user("s98"), user("t9", "teacher")))
    assert "new people 2 " in page.text
    assert "1 teacher gets an email" in page.text
    page = run(web, page.press("Apply these changes"))
    assert "applied" in page.text
    assert web.world.latest()["users"]["created"] == 2
    assert web.world.latest()["status"] == "completed"


def test_the_form_goes_to_the_bucket_and_the_policy_of_that_page_alone_says_so() -> None:
    web = district()
    page = console(web)
    page.press("Upload a roster")
    bucket = page.page.css_first("form[enctype]").attributes["action"] or ""
    assert bucket.startswith("https://files.example/rosters")
    policies = [
        (name, answer.headers["Content-Security-Policy"]) for name, answer in web.responses if "/console" in name
    ]
    assert {name for name, policy in policies if "https://files.example" in policy} == {
        "GET /console/lakeside/imports/upload"
    }
    key = page.page.css_first("input[name=key]").attributes["value"] or ""
    assert re.fullmatch(r"previews/lakeside/console-[0-9a-f]+\.zip", key)


def test_a_check_waits_for_its_result_and_then_leads_there() -> None:
    web = district()
    page = console(web, path="/imports/checks/console-1")
    assert page.response is not None
    assert page.response.headers["Refresh"] == "3"
    web.world.put("previews/lakeside/console-1.zip", zipped(roster(*HEAD, *STUDENTS)))
    assert re.fullmatch(
        r"/console/lakeside/imports/[0-9A-Za-z-]+", page.open("/console/lakeside/imports/checks/console-1").path
    )


def test_a_preview_that_changed_meanwhile_is_refused_with_the_difference() -> None:
    web = district()
    page = checked(web, console(web), roster(*HEAD, *STUDENTS, user("s98")))
    web.world.upload(roster(*HEAD, *STUDENTS[:38]), name="night")
    page = run(web, page.press("Apply these changes"))
    assert "what it would do has changed" in page.text
    assert "new people 1 3 " in page.text


def test_one_that_would_wait_asks_why_and_applying_is_the_approval() -> None:
    web = district()
    page = checked(web, console(web), roster(*HEAD, *STUDENTS[:25]))
    assert page.press("Apply these changes", reason="").status == 409
    run(web, page.press("Apply these changes", reason="they moved away"))
    assert web.world.latest()["status"] == "completed"


def test_rows_that_could_not_be_read_are_together_with_their_cause() -> None:
    web = district()
    files = roster(*HEAD, *STUDENTS, enrollments="".join(enrolled(f"s{n}", class_id="c9") for n in range(25)))
    files["classes.csv"] = CLASSES + "c1,,,Algebra,k1,scheduled,o1,t1\nc9,,,,k1,scheduled,o1,t1\n"
    web.world.upload(files, name="broken")
    page = console(web)
    page = page.open(page.page.css_first("li.card h3 a").attributes["href"] or "")
    assert "classes.csv line 3 was not read, so 25 rows of enrollments.csv could not be read. Fix line 3." in page.text
    assert len(page.page.css("li.card")) == 2
    assert (
        page.open(page.page.css('a[href$="rejects.csv"]')[0].attributes["href"] or "").text.count("unknown_class") == 50
    )


def test_an_operator_decides_in_every_district_and_is_named() -> None:
    web = district()
    held = halved(web)
    page = operator(web).open("/console/lakeside/imports").press("Reject", reason="the district asked by phone")
    assert web.world.report_of(held["import_id"])["status"] == "rejected"
    assert "operator:ops" in page.text


@pytest.mark.parametrize("who", ["p1"])
def test_who_administers_a_school_sees_how_uploads_stand_and_decides_nothing(who: str) -> None:
    web = district()
    held = halved(web)
    page = console(web, who)
    assert page.status == 200
    assert "<form" not in page.text.replace('<form method="post" action="/logout">', "")
    assert "only administrator" not in page.text
    assert post(page, f"/console/lakeside/imports/{held['import_id']}/approve", reason="x").status_code == 403


def test_a_login_from_a_mails_address_leads_to_that_page() -> None:
    web = district()
    held = halved(web)
    visitor = web.visitor(sub="google-d1", email="d1@lakeside.example", email_verified=True)
    page = visitor.open(f"/console/lakeside/imports/{held['import_id']}").press("Continue with Google")
    assert page.path == f"/console/lakeside/imports/{held['import_id']}"


def test_the_list_costs_four_calls_and_an_import_at_most_six() -> None:
    gate = Counting()
    web = district(gate=gate)
    held = halved(web)
    page = console(web)
    for path, most in (("/imports", 4), (f"/imports/{held['import_id']}", 6), ("/imports/upload", 1)):
        gate.calls.clear()
        assert page.open(f"/console/lakeside{path}").status == 200
        assert gate.calls.total() <= most, gate.calls


def test_the_overview_begins_with_what_waits_and_says_what_stands() -> None:
    web = district()
    web.world.upload(roster(*HEAD, *STUDENTS), name="again")
    page = console(web, path="")
    assert "people 43 " in page.text
    assert "As of September 1, 2026" in page.text
    assert "0 matched" not in page.text
    halved(web)
    page = page.open("/console/lakeside")
    assert page.text.index("halved.zip needs your decision") < page.text.index("people 43 ")
    assert "15 students, 1 teacher and your only administrator" in page.text


def test_the_overview_costs_ten_calls_at_most() -> None:
    gate = Counting()
    web = district(gate=gate)
    halved(web)
    page = console(web)
    gate.calls.clear()
    assert page.open("/console/lakeside").status == 200
    assert gate.calls.total() <= 10, gate.calls


def test_what_was_applied_is_rolled_back_from_the_list_while_another_one_waits() -> None:
    web = district()
    done = web.world.upload(roster(*HEAD, *STUDENTS, user("s99")), name="second")
    halved(web)
    page = console(web)
    labels = [label.text() for label in page.page.css("main label")]
    assert labels == ["Reason", "Reason to roll back"]
    run(web, page.press("Roll back", reason_to_roll_back="wrong file"))
    assert web.world.report_of(done["import_id"])["reason"]["code"] == "rolled_back"


def test_where_more_than_half_leave_the_list_asks_for_the_number_too() -> None:
    web = district()
    held = web.world.upload(roster(*HEAD, *STUDENTS[:10]), name="tenth")
    run(web, console(web).press("Approve", reason="meant", confirm="30"))
    assert web.world.report_of(held["import_id"])["status"] == "completed"


def test_a_preview_that_was_refused_does_not_say_that_it_was_applied() -> None:
    web = district()
    page = checked(web, console(web), roster(*HEAD, *STUDENTS, user("s98")))
    web.world.upload(roster(*HEAD, *STUDENTS[:38]), name="night")
    page = run(web, page.press("Apply these changes"))
    assert "Asked to apply by Dana Person (d1)" in page.text
    assert "Applied by" not in page.text


def test_a_preview_lists_who_leaves_then_who_is_new_or_changes() -> None:
    web = district()
    changed = user("s0", given="Renamed")
    page = checked(
        web, console(web), roster(*HEAD, changed, *STUDENTS[1:39], user("s98"), user("t9", "teacher", email=""))
    )
    rows = [" ".join(row.text(separator=" ").split()) for row in page.page.css("table.list tbody tr")]
    assert rows == [
        "Student0 Person s0 student gets another name",
        "Student39 Person s39 student leaves",
        "– s98 student is new",
        "– t9 teacher is new",
    ]
    assert "t9: no address on the roster" in page.text


def test_numbers_that_change_stand_side_by_side() -> None:
    web = district()
    moved = [user(f"n{n}", given=f"Student{n}", email=f"s{n}@lakeside.example") for n in range(40)]
    page = checked(web, console(web), roster(*HEAD, *moved))
    cells = [[cell.text() for cell in row.css("td")] for row in page.page.css(".scroll tbody tr")]
    assert len(cells) == 40
    assert ["student", "s7", "n7"] in cells


def test_an_import_at_work_says_how_far_it_is_and_about_how_long_it_takes() -> None:
    web = district()
    now, progress = web.world.clock(), web.site.services.progress
    key = "previews/lakeside/console-1.zip"
    progress.begin("lakeside", "20260901T080000000Z-1", key, "people", parts=64, now=now, rows=9_000)
    for _ in range(11):
        web.world.pass_time(minutes=1)
        progress.part_done("lakeside", "20260901T080000000Z-1", "people", web.world.clock(), parts=64)
    for path in ("/imports", "/imports/checks/console-1"):
        page = console(web, path=path)
        assert "comparing people, 9000 rows read, about 58 minutes left in this step" in page.text
        assert "11/64" in page.text
