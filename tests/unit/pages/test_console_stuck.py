"""People who are stuck, many at once: chosen, counted, mailed again or withdrawn, and undone (B5, B7)."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from functions.pages import limits
from local.web_client import WebClient
from shared.domain.activation import ActivationState
from shared.stores.rate_limits import Limit
from shared.stores.stuck_people import StuckCode
from tests.builders import account, key, roster, user
from tests.fakes.dynamodb import Effect, Gate, MemoryTable
from tests.harness import World
from tests.pages_harness import PASSWORD, Counting, Website, activated, log_in, post

TEACHERS = [f"t{n:02}" for n in range(12)]


ALL = "All 3 of this list"


def chosen(number: int) -> str:
    return f"Choose Kim Person (t{number:02})"


class Cut(Exception):
    """The function is killed."""


class Cuts:
    """A gate that kills the function after the call of a number, and lets all others through."""

    def __init__(self) -> None:
        self.at: int | None = None
        self.calls = 0

    def __call__(self, service: str, operation: str, request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        self.calls += 1
        answer = effect()
        if self.calls == self.at:
            raise Cut
        return answer


def district(*, gate: Gate | None = None) -> Website:
    """A district with a dozen teachers who were mailed, of whom the first four are stuck."""
    world = World(gate=gate) if gate else World()
    world.register()
    staff = [user("d1", "districtAdministrator"), user("p1", "principal", school="o2")]
    schools = {"t02": "o2"}
    world.upload(roster(*staff, *(user(each, "teacher", school=schools.get(each, "o1")) for each in TEACHERS)))
    world.send_mail()
    web = Website(world, gate=gate) if gate else Website(world)
    for number, code in zip(TEACHERS, [StuckCode.EXPIRED] * 3 + [StuckCode.COMPLAINED], strict=False):
        web.site.services.stuck.note(key(number), code, "2026-09-01T00:00:00Z")
    world.table.items["USER#lakeside#t03", "ACTIVATION"]["state"] = "complained"
    return web


def console(web: Website, who: str = "d1", path: str = "/people") -> WebClient:
    page = web.visitor(sub=f"google-{who}", email=f"{who}@lakeside.example", email_verified=True)
    return page.open("/sso/lakeside").press("Continue with Google").open(f"/console/lakeside{path}")


def mailed(web: Website) -> list[str]:
    """Whom the mails go to that are sent now."""
    before = len(web.world.ses.sent)
    web.world.send_mail()
    return sorted(mail["To"].partition("@")[0] for mail in web.world.ses.sent[before:])


def trail(web: Website) -> list[tuple[str, str]]:
    return sorted((entry.action, entry.person) for entry in web.site.services.trail.all("lakeside"))


def test_those_who_are_ticked_are_counted_then_mailed_again() -> None:
    web = district()
    page = console(web).press("Send another email", chosen(0), chosen(3))
    assert "Send another email to 1 person" in page.text
    assert "1: marked an email as spam" in page.text
    assert mailed(web) == []
    page = page.press("Send now")
    assert "1 email is on its way." in page.text
    assert mailed(web) == ["t00"]
    assert trail(web) == [("mail", "t00")]


def test_all_of_a_list_are_mailed_again_and_undone() -> None:
    web = district()
    page = console(web, path="/people?stuck=expired").press("Send another email", ALL).press("Send now")
    assert mailed(web) == ["t00", "t01", "t02"]
    assert "3 emails are on their way." in page.text
    page = page.press("Undo")
    assert "Undone for 3 people." in page.text
    assert trail(web) == [(action, f"t0{n}") for action in ("mail", "withdraw") for n in range(3)]
    assert {web.world.activations.of_user(key(f"t0{n}")).state for n in range(3)} == {ActivationState.WITHDRAWN}  # type: ignore[union-attr]


def test_what_was_withdrawn_is_undone_by_mailing_again() -> None:
    web = district()
    page = console(web).press("Withdraw the email", "All 4 of this list").press("Withdraw now")
    assert "3 emails are withdrawn." in page.text
    assert mailed(web) == []
    page.press("Undo")
    assert mailed(web) == ["t00", "t01", "t02"]
    assert trail(web) == [(action, f"t0{n}") for action in ("mail", "withdraw") for n in range(3)]


def test_what_a_person_withdrew_unsent_is_sent_by_a_person_alone() -> None:
    web = district()
    console(web).press("Send another email", chosen(0)).press("Send now")
    page = console(web, path="/people/person/t00").press("Withdraw the mail")
    changed = user("t00", "teacher", given="Renamed")
    staff = [user("d1", "districtAdministrator"), user("p1", "principal", school="o2")]
    web.world.upload(roster(*staff, changed, *(user(each, "teacher") for each in TEACHERS[1:])), name="next")
    assert mailed(web) == []
    page.press("Send another mail")
    assert mailed(web) == ["t00"]


def test_a_bulk_stays_within_the_districts_mails_of_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    web = district()
    monkeypatch.setattr(limits, "INVITE_AGAIN", Limit("invite_again", 2, limits.INVITE_AGAIN.within))
    page = console(web, path="/people?stuck=expired").press("Send another email", ALL).press("Send now")
    assert "1: your district's limit for today is reached" in page.text
    assert mailed(web) == ["t00", "t01"]


def test_a_bulk_that_is_cut_at_any_call_loses_nobody_and_mails_nobody_twice() -> None:
    gate = Cuts()
    web = district(gate=gate)
    page = console(web, path="/people?stuck=expired").press("Send another email", ALL)
    web.site.bulk._at_once = 1
    path, shown = page.path, MemoryTable("shown")
    shown.take_over(web.world.table)
    gate.calls = 0
    post(page, f"{path}/do")
    calls = gate.calls
    mailed(web)
    assert calls > 10
    for at in range(1, calls + 1):
        web.world.table.take_over(shown)
        gate.calls, gate.at = 0, at
        with suppress(Cut):
            post(page, f"{path}/do")
        gate.at = None
        page = page.open(path)
        for button in page.page.css(f'form[action="{path}/do"] button'):
            page = page.press(button.text())
        assert "3 emails are on their way." in page.text, at
        assert mailed(web) == ["t00", "t01", "t02"], at
        assert trail(web) == [("mail", f"t0{n}") for n in range(3)], at


def test_a_bulk_that_was_cut_long_ago_is_closed_and_mails_nobody() -> None:
    gate = Cuts()
    web = district(gate=gate)
    page = console(web, path="/people?stuck=expired").press("Send another email", ALL)
    gate.calls, gate.at, path = 0, 4, page.path
    with suppress(Cut):
        post(page, f"{path}/do")
    gate.at = None
    web.world.pass_time(minutes=31)
    page = page.open(path).press("Go on")
    assert "3: it was cut short for too long: choose them again" in page.text
    assert mailed(web) == []


def test_who_has_single_schools_acts_for_their_people_alone() -> None:
    web = district()
    page = console(web, "p1")
    assert [" ".join(link.text().split()) for link in page.page.css("li.card a")] == ["Kim Person (t02)"]
    other = post(page, "/console/lakeside/people/mail", **{"who-1": "person/t00", "all": "on"})
    assert other.status_code == 200
    assert "not on the roster" in other.text
    page = page.open("/console/lakeside/people").press("Send another email", chosen(2)).press("Send now")
    assert mailed(web) == ["t02"]
    of_the_district = console(web).press("Send another email", chosen(0))
    assert page.open(of_the_district.path).status == 404
    assert post(page, f"{of_the_district.path}/do").status_code == 404


def test_nobody_chosen_is_told_and_other_orders_are_not_found() -> None:
    web = district()
    page = console(web).press("Send another email")
    assert "Check the people you want to do it for." in page.text
    assert post(page, "/console/lakeside/people/undo", **{"who-1": "person/t00"}).status_code == 404
    for path in ("/bulk/nothing", "/bulk/..%2f", "/bulk/" + "x" * 2_000):
        assert page.open(f"/console/lakeside{path}").status == 404


def test_lists_of_any_length_are_paged_with_three_calls() -> None:
    gate = Counting()
    web = district(gate=gate)
    for n in range(80):
        web.site.services.stuck.note(key(f"x{n:02}"), StuckCode.BOUNCED, "2026-09-01T00:00:00Z")
    page = console(web)
    seen: list[str] = []
    path = "/console/lakeside/people"
    while path:
        gate.calls.clear()
        page = page.open(path)
        assert page.status == 200
        assert gate.calls.total() <= 3, gate.calls
        seen += [link.text() for link in page.page.css("li.card a")]
        path = next((a.attributes["href"] or "" for a in page.page.css("a.way") if a.text() == "More people"), "")
    # Whoever the table no longer has is left out.
    assert len(seen) == 4


def test_beyond_what_one_read_brings_the_list_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.stores.stuck_people.WINDOW", 2)
    web = district()
    page, seen = console(web, path="/people?stuck=complained"), []
    assert "Marked as spam (0+)" in page.text
    while page.status == 200:
        seen += [link.text() for link in page.page.css("li.card a")]
        more = [a.attributes["href"] or "" for a in page.page.css("a.way") if a.text() == "More people"]
        page = page.open(more[0] if more else "/nowhere")
    assert seen == ["Kim Person (t03)"]


def test_a_teacher_without_an_address_is_stuck_until_the_roster_has_one() -> None:
    web = district()
    staff = [user("d1", "districtAdministrator"), user("p1", "principal", school="o2")]
    others = [user(each, "teacher") for each in TEACHERS]
    web.world.upload(roster(*staff, *others, user("t99", "teacher", email="")), name="without")
    page = console(web, path="/people?stuck=no_address")
    assert "Kim Person (t99)" in page.text
    assert "Add an address in the roster, and the next upload sends the email." in page.text
    web.world.upload(roster(*staff, *others, user("t99", "teacher", email="", given="Renamed")), name="renamed")
    assert "Renamed Person (t99)" in page.open("/console/lakeside/people").text
    web.world.upload(roster(*staff, *others, user("t99", "teacher")), name="with")
    assert "(t99)" not in page.open("/console/lakeside/people").text
    assert mailed(web) == ["t99"]


def test_who_opened_nothing_though_reminded_is_stuck_until_they_link() -> None:
    web = district()
    web.world.feed(account("kim", "kim@mail.example"))
    web.cognito.users = {"kim": (PASSWORD, "kim")}
    web.world.pass_time(days=8)
    web.world.queue_due_activations().run()
    web.world.send_mail()
    page = console(web, path="/people?stuck=never_opened")
    assert "Kim Person (t05)" in page.text
    assert "Your IT can let our emails through." in page.text
    page = activated(web, "t05").press("Log into my existing account")
    log_in(page, "kim").press("Link my accounts")
    assert web.world.links.of_user(key("t05"))
    assert "(t05)" not in console(web, path="/people?stuck=never_opened").text


def test_who_logged_in_at_home_and_is_on_no_row_is_listed_for_a_month() -> None:
    web = district()
    for email, verified in (
        ("new@lakeside.example", True),
        ("eve@elsewhere.example", True),
        ("x@lakeside.example", False),
    ):
        stranger = web.visitor(
            sub=f"google-{email}", email=email, email_verified=verified, given_name="Nova", hd=email[-16:]
        )
        stranger.open("/sso/lakeside").press("Continue with Google")
    page = console(web, path="/people?stuck=not_on_roster")
    assert "Nova" in page.text
    assert [" ".join(each.text().split()) for each in page.page.css("li.card .soft")] == [
        "new@lakeside.example · Google · September 1, 2026, 10:00"
    ]
    assert "new@lakeside.example" not in console(web, "p1", "/people?stuck=not_on_roster").text
    web.world.pass_time(days=31)
    assert "new@lakeside.example" not in console(web, path="/people?stuck=not_on_roster").text


def test_no_more_strangers_are_noted_than_a_district_looks_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.stores.strangers._LIMIT", Limit("stranger", 2, timedelta(days=30)))
    web = district()
    for n in (0, 1, 2, 0):
        stranger = web.visitor(sub=f"google-x{n}", email=f"x{n}@lakeside.example", email_verified=True)
        stranger.open("/sso/lakeside").press("Continue with Google")
    assert len(console(web, path="/people?stuck=not_on_roster").page.css("li.card")) == 2
