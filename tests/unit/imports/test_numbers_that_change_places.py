"""Two numbers change places in one map while people are at work (B11): a session, an open page, a notice, an export, a form."""

from __future__ import annotations

import pytest

from functions.class_export.export_classes import Outcome
from shared.stores.class_exports import ClassExport, ExportedClass
from tests.builders import account, enrolled, key, roster, user
from tests.harness import WEB, World, text
from tests.pages_harness import PASSWORD, WebClient, Website, log_in

CLASSES = "c1,,,Algebra,k1,scheduled,o1,t1\nc2,,,Biology,k2,scheduled,o1,t1\n"
MAP = "kind,oldSourcedId,newSourcedId\nteacher,a,b\nteacher,b,a\n"


def district(ada: str = "a", bob: str = "b", c1: str = "c1", c2: str = "c2", **more: str) -> dict[str, str | bytes]:
    """Ada teaches Algebra and Bob Biology; under these numbers."""
    people = [
        f"{ada},,,true,o1,teacher,ada,,Ada,Lee,ada@lakeside.example,x\n",
        f"{bob},,,true,o1,teacher,bob,,Bob,Roe,bob@lakeside.example,x\n",
    ]
    rows = enrolled(ada, "teacher", c1) + enrolled(bob, "teacher", c2) + enrolled("s1", class_id=c1)
    classes = CLASSES.replace("c1,", "C1,").replace("c2,", "C2,").replace("C1,", f"{c1},").replace("C2,", f"{c2},")
    return {**roster(*people, user("s1"), classes=classes, enrollments=rows), **more}


@pytest.fixture
def web() -> Website:
    world = World()
    world.register()
    world.feed(
        account("ada", "ada@mail.example", display_name="Ada Lee"),
        account("bob", "bob@mail.example", display_name="Bob Roe"),
    )
    world.upload(district())
    world.send_mail()
    made = Website(world)
    made.cognito.users = {name: (PASSWORD, name) for name in ("ada", "bob")}
    return made


def at_the_page(web: Website, name: str) -> WebClient:
    return web.visitor().open(web.world.address_in_mail_to(f"{name}@lakeside.example"))


def linked(web: Website, name: str) -> WebClient:
    return log_in(at_the_page(web, name).press("Log into my existing account"), name).press("Link my accounts")


def change_places(web: Website) -> None:
    report = web.world.upload(district("b", "a", **{"id_map.csv": MAP}), name="places")
    assert (report["status"], report["id_changes"], report["rejects"]) == ("completed", 2, [])


def test_an_open_session_stays_with_its_account_and_its_classes(web: Website) -> None:
    homes = {name: linked(web, name) for name in ("ada", "bob")}
    change_places(web)
    for name, own, others in (("ada", "Algebra", "Biology"), ("bob", "Biology", "Algebra")):
        home = homes[name].open(f"{WEB}/home")
        assert own in home.text
        assert others not in home.text
    assert [link.user for link in web.world.links.of_account("ada")] == [key("b")]


def test_a_page_of_a_mail_that_is_open_goes_on_with_its_own_person(web: Website) -> None:
    page = at_the_page(web, "ada")
    change_places(web)
    page = page.open(f"{WEB}/activate")
    assert "Ada Lee" in page.text
    log_in(page.press("Log into my existing account"), "ada").press("Link my accounts")
    assert [link.user for link in web.world.links.of_account("ada")] == [key("b")]


def test_a_form_that_was_open_links_nobody_to_the_others_row(web: Website) -> None:
    form = log_in(at_the_page(web, "ada").press("Log into my existing account"), "ada")
    change_places(web)
    form.press("Link my accounts")
    assert [link.user for link in web.world.links.of_account("ada")] in ([], [key("b")])
    assert web.world.links.of_user(key("a")) is None


def test_notices_that_wait_go_to_those_whom_the_link_is_about(web: Website) -> None:
    linked(web, "ada")
    linked(web, "bob")
    change_places(web)
    before = len(web.world.ses.sent)
    web.world.notify_of_links()
    told = {(mail["To"], "Ada Lee" in text(mail), "Bob Roe" in text(mail)) for mail in web.world.ses.sent[before:]}
    assert told == {
        ("ada@lakeside.example", True, False),
        ("ada@mail.example", True, False),
        ("bob@lakeside.example", False, True),
        ("bob@mail.example", False, True),
    }


def test_an_export_that_waits_never_has_the_others_class(web: Website) -> None:
    linked(web, "ada")
    linked(web, "bob")
    world = web.world
    export = ClassExport("ada", "e1", (ExportedClass("c1", "lakeside"),), "en", world.now.isoformat())
    world.exports.ask(export, world.now)
    classes = "class,c1,c2\nclass,c2,c1\n"
    report = world.upload(district("b", "a", "c2", "c1", **{"id_map.csv": MAP + classes}), name="places")
    assert (report["status"], report["rejects"]) == ("completed", [])
    assert world.export_classes().make("ada", "e1") in (Outcome.FAILED, Outcome.MADE)
    made = [body for (bucket, _), body in world.s3.objects.items() if bucket == "exports"]
    assert not any(b"Biology" in body for body in made)


def test_a_session_that_began_at_a_district_login_is_nobody_elses(web: Website) -> None:
    google = {"sub": "g-ada", "email": "ada@lakeside.example", "email_verified": True, "hd": "lakeside.example"}
    page = web.visitor(**google).open(f"{WEB}/sso/lakeside").press("Continue with Google")
    assert page.path == "/welcome"
    change_places(web)
    page = page.open(f"{WEB}/welcome")
    assert "Bob" not in page.text
