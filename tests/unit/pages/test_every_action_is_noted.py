"""Whatever somebody does with people, links, mails and imports has an entry: who, when and why (B7).

The actions are those of the pages' forms and of the commands of people on call; one that is not named here fails the test.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from local.web_client import WebClient
from operations.__main__ import COMMANDS
from shared.stores.fetches import FetchStore
from shared.stores.keys import is_entry
from shared.stores.stuck_people import StuckCode
from tests.builders import account, enrolled, key, roster, user
from tests.harness import OFFICIAL, World, text, zipped
from tests.pages_harness import (
    PASSWORD,
    Website,
    activated,
    in_a_made_account,
    lakeside,
    linked_teacher,
    post,
    routes,
)
from tests.two_accounts import link, two_accounts

STUDENTS = [user(f"s{n}") for n in range(10)]
OLD_CLASS = {
    "class_id": "own", "name": "Period 3", "student_account_ids": [],
    "goals": [{"goal_id": "g", "title": "Equations", "skill_ids": ["a"]}],
}  # fmt: skip
STAFF = [user("d1", "districtAdministrator"), user("t1", "teacher"), user("t2", "teacher")]


@cache
def prepared() -> World:
    world = World()
    world.register(removal_threshold_count=3)
    world.feed(account("ada", "ada@mail.example", classes=[OLD_CLASS]))
    world.upload(roster(*STAFF, *STUDENTS, enrollments=enrolled("t1", "teacher")))
    world.send_mail()
    return world


def district() -> Website:
    world = World()
    world.begin_like(prepared())
    world.ses.sent = list(prepared().ses.sent)
    web = Website(world)
    web.cognito.users = {"ada": (PASSWORD, "ada")}
    for teacher in ("t1", "t2"):
        web.site.services.stuck.note(key(teacher), StuckCode.EXPIRED, "2026-09-01T00:00:00Z")
    return web


def console(web: Website, path: str = "") -> WebClient:
    page = web.visitor(sub="google-d1", email="d1@lakeside.example", email_verified=True)
    return page.open("/sso/lakeside").press("Continue with Google").open(f"/console/lakeside{path}")


def undone(web: Website) -> None:
    linked_teacher(web).press("Undo the link with Lakeside Schools").press("Undo the link")


def undone_by_the_notice(web: Website) -> None:
    linked_teacher(web)
    web.world.notify_of_links()
    mail = next(mail for mail in web.world.ses.sent if mail["To"] == OFFICIAL and "/notice/" in text(mail))
    address = next(word for word in text(mail).split() if "/notice/" in word)
    assert post(web.visitor().open(address), "/notice/undo", email=OFFICIAL).status_code == 200


def joined(_web: Website) -> World:
    world = two_accounts()
    link(world, "old", joins="made")
    return world


def another_mail(web: Website) -> None:
    page = activated(web)
    web.world.pass_time(days=60)
    page = page.open("/activate")
    assert post(page, "/activate/again", email="t1@lakeside.example").status_code == 200


def linked_by_the_console_then_undone(web: Website) -> None:
    linked_teacher(web)
    post(console(web), "/console/lakeside/people/person/t1/undo", reason="Wrong person")


def held(web: Website) -> str:
    return str(web.world.upload(roster(*STAFF, *STUDENTS[:4]), name="halved")["import_id"])


def decided(action: str) -> Callable[[Website], None]:
    def act(web: Website) -> None:
        import_id = held(web)
        post(console(web, "/imports"), f"/console/lakeside/imports/{import_id}/{action}", reason="as meant", count="6")

    return act


def rolled_back(web: Website) -> None:
    import_id = web.world.upload(roster(*STAFF, *STUDENTS, user("s99")), name="more")["import_id"]
    post(console(web, "/imports"), f"/console/lakeside/imports/{import_id}/roll-back", reason="wrong file")


def applied(web: Website) -> None:
    shown = web.world.report(web.world.put("previews/lakeside/p.zip", zipped(roster(*STAFF, *STUDENTS, user("s99")))))
    post(console(web, "/imports"), f"/console/lakeside/imports/{shown['import_id']}/commit", reason="as shown")


def decided_by_a_file(web: Website) -> None:
    body = b'{"action": "reject", "by": "kim", "reason": "half of it is missing"}'
    web.world.put(f"decisions/lakeside/{held(web)}.json", body)


def many(web: Website) -> None:
    console(web, "/people?stuck=expired").press("Send another email", "All 2 of this list").press("Send now")


def many_undone(web: Website) -> None:
    page = console(web, "/people?stuck=expired").press("Send another email", "All 2 of this list").press("Send now")
    page.press("Undo")


def class_code(web: Website) -> None:
    web.world.register(removal_threshold_count=3, teachers_may_vouch=True)
    linked_teacher(web)
    home = web.visitor(sub="google-t1", email="t1@lakeside.example", email_verified=True).open("/sso/lakeside")
    post(home.press("Continue with Google"), "/classes/c1/students/code?district=lakeside")


def own_login(web: Website) -> WebClient:
    web.world.register(removal_threshold_count=3, students_may_add_logins=True)
    page = web.visitor(sub="google-s1", email="s1@lakeside.example", email_verified=True).open("/sso/lakeside")
    page = page.press("Continue with Google").press("I don't have an account yet").open("/ways-in")
    page.press("Send the code", email="s1@home.example")
    web.world.mail_codes_asked()
    digits = re.findall(r"\b(\d{4}) (\d{4})\b", text(web.world.ses.sent[-1]))[0]
    return page.press("Add this login", code="".join(digits))


def own_login_removed(web: Website) -> None:
    own_login(web).press("Remove")


def first_mails(action: str, **fields: str) -> Callable[[Website], None]:
    def act(web: Website) -> None:
        web.world.register(first_wave=1, removal_threshold_count=3)
        if action == "again":
            web.site.services.waiting.first_wave.stop("lakeside", web.world.now)
        post(console(web, "/first-mails"), f"/console/lakeside/first-mails/{action}", **fields)

    return act


def fetched(web: Website) -> None:
    source = {"kind": "oneroster", "base_url": "https://sis.example", "auth": {"kind": "bearer", "secret": "sis"}}
    FetchStore(web.world.table).put_source("lakeside", json.dumps(source), web.world.now)
    post(console(web, "/source"), "/console/lakeside/source/fetch")


FIRST_MAILS = "/console/<district_id>/first-mails/<action>"
PERSON = "/console/<district_id>/people/<kind>/<sourced_id>/<action>"
DECISION = "/console/<district_id>/imports/<import_id>/<action>"
ACTIONS: dict[str, tuple[str, Callable[[Website], Any], str]] = {
    "a link by mail": ("/link", linked_teacher, "linked"),
    "a new account": ("/account/new", in_a_made_account, "linked"),
    "an older account": ("/account/older", joined, "linked"),
    "an undo": ("/link/undo", undone, "undone"),
    "an undo from a notice": ("/notice/undo", undone_by_the_notice, "undone"),
    "another mail at the page of its link": ("/activate/again", another_mail, "mail"),
    "another mail from the overview": (
        "/console/<district_id>/invite-again",
        lambda web: post(console(web), "/console/lakeside/invite-again", sourced_id="t1"),
        "mail",
    ),
    "another mail from a person's page": (
        PERSON, lambda web: post(console(web), "/console/lakeside/people/person/t1/mail", reason="asked"), "mail",
    ),
    "a mail is withdrawn": (
        PERSON, lambda web: post(console(web), "/console/lakeside/people/person/t1/withdraw", reason="left"), "withdraw",
    ),
    "an address is corrected": (
        PERSON,
        lambda web: post(console(web), "/console/lakeside/people/person/t1/correct", address="a@lakeside.example"), "correct",
    ),
    "an undo from the console": (PERSON, linked_by_the_console_then_undone, "undo"),
    "many are mailed": ("/console/<district_id>/people/<action>", many, "mail"),
    "many are undone": ("/console/<district_id>/bulk/<order_id>/<what>", many_undone, "withdraw"),
    "an import is approved": (DECISION, decided("approve"), "approve"),
    "an import is rejected": (DECISION, decided("reject"), "reject"),
    "an import is rolled back": (DECISION, rolled_back, "roll_back"),
    "a preview is applied": (DECISION, applied, "commit"),
    "an own login is added": ("/ways-in/code", own_login, "own_login_added"),
    "an own login is removed": ("/ways-in/remove", own_login_removed, "own_login_removed"),
    "old work is recreated": (
        "/classes/<reference>/again",
        lambda web: post(linked_teacher(web), "/classes/own/again", into="lakeside/c1", work="all"), "work_recreated",
    ),
    "a teacher shows a class code": ("/classes/<reference>/students/<action>", class_code, "class_code_shown"),
    "all first mails go": (FIRST_MAILS, first_mails("go", reason="tried"), "first_mails_go"),
    "the first ones are mailed again": (FIRST_MAILS, first_mails("again", reason="in spam"), "first_mails_again"),
    "it is chosen who goes first": (FIRST_MAILS, first_mails("choose", who="order"), "first_mails_choose"),
    "a roster is fetched": ("/console/<district_id>/source/fetch", fetched, "fetch"),
    "a decision comes as a file": ("", decided_by_a_file, "reject"),
}  # fmt: skip
"""What somebody does: the form's address, how, and what its entry says of it."""
NO_ENTRY = {
    "/activate/existing": "leads to a login", "/activate/new": "leads to a login",
    "/classes/<reference>/assignments": "own work",
    "/classes/<reference>/delete": "own class, an event tells", "/classes/<reference>/download": "own data",
    "/classes/<reference>/goals": "own work", "/classes/<reference>/restore": "own class, an event tells",
    "/cleaning/delete": "own classes, an event tells", "/cleaning/download": "own data", "/cleaning/keep": "own classes",
    "/cleaning/later": "own nudges", "/cleaning/restore": "own classes, an event tells",
    "/console": "chooses a district", "/console/<district_id>/people": "searches",
    "/link/not-me": "forgets a login of this browser",
    "/login/email": "logs in", "/login/email/code": "logs in", "/ways-in/email": "asks for a code",
    "/ways-in/google": "leads to a login",
    "/login": "logs in", "/login/another": "logs in", "/login/code": "logs in", "/login/confirm": "logs in",
    "/login/forgot": "logs in", "/login/google": "logs in", "/login/reset": "logs in", "/logout": "logs out",
    "/sso": "finds a district", "/sso/<district_id>/<provider>": "logs in", "/unsubscribe/<token>": "own nudges",
    "/real": "looks a code up",
}  # fmt: skip
"""Forms that do nothing to people's links, mails or imports, and why they have no entry."""


LINKS = {"/account/join": "unit/pages/test_teachers_table.py"}
"""Forms that make a link, whose entry is written with it (tests/unit/stores/test_audit.py), and where they are tried."""


def test_every_form_is_named_with_its_entry_or_why_it_has_none() -> None:
    forms = {address for method, address in routes() if method == "POST"}
    named = {address for address, _, _ in ACTIONS.values() if address}
    named |= LINKS.keys()
    assert named.isdisjoint(NO_ENTRY)
    assert forms - named - NO_ENTRY.keys() == set(), "name these"
    assert (named | NO_ENTRY.keys()) - forms - {"/real"} == set(), "these are gone"


@pytest.mark.parametrize("name", ACTIONS)
def test_what_somebody_does_has_an_entry_with_who_when_and_why(name: str) -> None:
    _, act, said = ACTIONS[name]
    address = ACTIONS[name][0]
    web = district() if "console" in address or "students" in address or not address else lakeside()
    done = act(web)
    world = done if isinstance(done, World) else web.world
    entries = [item for at, item in world.table.items.items() if is_entry(*at)]
    found = [item for item in entries if said in (item.get("action"), item.get("fact"))]
    assert found, [(item["SK"], item.get("action"), item.get("fact")) for item in entries]
    for item in found:
        assert item.get("by") or item.get("actor")
        assert item.get("reason") or item.get("proof")
        assert item["SK"].split("#")[1].startswith("20")


CHANGES_NOTHING = {"doctor", "audit", "verify-audit", "drill", "reconcile"}
NOTED_BY_ITSELF = {"decide", "delete-person"}


def test_every_command_that_changes_something_is_noted_before_it_does() -> None:
    assert {each.name for each in COMMANDS if each.noted is None} == CHANGES_NOTHING | NOTED_BY_ITSELF
    assert {each.name for each in COMMANDS if each.is_noted_itself} == NOTED_BY_ITSELF
