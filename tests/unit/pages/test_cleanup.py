"""Where a nudge leads (M17, B3, B4): download, tick, delete, keep, later, and back."""

from __future__ import annotations

import re
from typing import Any

import pytest

from local.web_client import NoSuchButton, WebClient
from shared.domain.link import Proof
from shared.domain.roster import RosterUserKey
from shared.stores.links import Consent
from tests.builders import account, enrolled, key, roster, user
from tests.harness import WEB, unzipped
from tests.pages_harness import PASSWORD, Website, lakeside, linked_teacher, log_in

KIDS = [f"k{n}" for n in range(1, 9)]


def grassroots(class_id: str, name: str, *students: str) -> dict[str, Any]:
    return {"class_id": class_id, "name": name, "student_account_ids": list(students)}


@pytest.fixture
def web() -> Website:
    """Ada's old classes: one went over into the district class Algebra, one half of it, one not at all."""
    made = lakeside()
    world = made.world
    world.feed(
        account(
            "ada", "ada@mail.example", google_sub="google-ada",
            classes=[grassroots("own", "Period 3", *KIDS),
                     grassroots("half", "Period 4", *KIDS[:3], *[f"o{n}" for n in range(1, 6)]),
                     grassroots("chess", "Chess club", *[f"o{n}" for n in range(1, 7)])],
        ),
        *({**account(kid, "", role="student"), "email": None} for kid in [*KIDS, *[f"o{n}" for n in range(1, 7)]]),
    )  # fmt: skip
    others = [f"o{n}" for n in range(1, 7)]
    world.upload(
        roster(
            user("t1", "teacher", given="Ada"), *(user(kid) for kid in [*KIDS, *others]),
            enrollments=enrolled("t1", "teacher") + "".join(map(enrolled, KIDS)),
        ), name="kids",
    )  # fmt: skip
    if world.states.started or world.latest()["status"] == "held":
        raise AssertionError("the roster with the kids is held")
    for kid in [*KIDS, *others]:
        consent = Consent(RosterUserKey("lakeside", kid), kid, Proof.DISTRICT_LOGIN_CLEVER)
        world.links.make(consent, event_id=world.new_id(), now=world.now)
    made.cognito.users |= {"k1": (PASSWORD, "k1")}
    return made


def post(person: WebClient, action: str, *class_ids: str) -> None:
    """A form with these ticks, sent by somebody whose page may have no such form."""
    person.http.post(f"{WEB}/cleaning/{action}", data={f"class-{class_id}": "on" for class_id in class_ids})


def test_each_class_is_shown_with_what_has_become_of_it(web: Website) -> None:
    page = linked_teacher(web).open("/cleaning")
    text = page.text
    assert "8 of the 8 students are in your district class Algebra." in text
    assert "3 of the 8 students are in your district class Algebra." in text
    assert (
        text.index("You may not need these anymore") < text.index("Period 3") < text.index("Do you still need these?")
    )
    assert text.index("Do you still need these?") < text.index("Period 4") < text.index("Your other old classes")
    assert text.index("Your other old classes") < text.index("Chess club")
    checked = [node.attributes["name"] for node in page.page.css("input[checked]")]
    assert checked == ["class-own"], "only what is obsolete is ticked beforehand"


def test_a_nudge_leads_to_the_page_of_its_classes_by_the_login(web: Website) -> None:
    linked_teacher(web)
    web.world.pass_time(days=16)
    assert web.world.send_nudge().run() == {"sent": 1}
    text = web.world.ses.sent[-1]["Content"]["Simple"]["Body"]["Text"]["Data"]
    assert "Period 3" in text
    assert "Chess" not in text
    address = next(word for word in text.split() if word.endswith("/cleaning"))

    fresh = web.visitor().open(address)
    assert fresh.path == "/login"
    teacher = log_in(fresh)
    assert teacher.path == "/cleaning", "after the login comes what the mail led to"
    assert teacher.open("/home").path == "/home", "and only once"


def test_classes_are_downloaded_then_deleted_and_one_is_restored(web: Website) -> None:
    teacher = linked_teacher(web)
    kid = log_in(web.visitor().open("/login"), "k1")
    assert "Period 3" in kid.open("/home").text

    teacher.open("/cleaning").press("Download class data", "Period 3", "Period 4")
    assert "Your file is being made" in teacher.text
    web.world.make_exports()
    assert teacher.response is not None
    teacher.open(str(teacher.response.url))
    assert teacher.text.count("Not downloaded yet") == 3
    teacher.open(teacher.links()["Save the file"])
    assert teacher.response is not None
    assert {name.split("/")[0] for name in unzipped(teacher.response.content)} == {"Period 3", "Period 4"}
    assert teacher.open("/cleaning").text.count("Downloaded September 1, 2026") == 2

    teacher.press("Delete classes", "Period 3", "Period 4")
    assert "Your students no longer see these classes" in teacher.text
    assert "Period 3" not in log_in(kid.open("/login"), "k1").open("/home").text
    events = [item["detail_type"] for (pk, _), item in web.world.table.items.items() if pk.startswith("OUTBOX#")]
    assert events.count("ClassDeleted") == 2
    assert "Deleted: Period 3, Period 4." in teacher.text
    assert "Period 3" not in teacher.text.partition("Check the classes")[2].partition("Deleted classes")[0]

    teacher.press("Restore classes", "Period 3")
    assert "Period 3" in kid.open("/home").text
    assert "Period 4" not in kid.text


def test_a_delete_is_undone_in_one_press_and_says_that_nothing_was_downloaded(web: Website) -> None:
    teacher = linked_teacher(web).open("/cleaning").press("Delete classes", "Period 4")
    assert "Their data was not downloaded" in teacher.text

    teacher.press("Undo")

    assert "Your students see these classes again" in teacher.text
    assert "Period 4" in teacher.open("/home").text
    assert "Deleted classes" not in teacher.text


def test_a_zip_is_named_by_class_and_date(web: Website, monkeypatch: pytest.MonkeyPatch) -> None:
    named: list[str] = []
    upload = web.world.s3.upload_file

    def noted(path: str, bucket: str, key: str, *, ExtraArgs: dict[str, str]) -> None:
        named.append(ExtraArgs["ContentDisposition"])
        upload(path, bucket, key)

    monkeypatch.setattr(web.world.s3, "upload_file", noted)
    linked_teacher(web).open("/classes/own/settings").press("Download class data")

    web.world.make_exports()

    assert named == ["attachment; filename=\"Period 3 2026-09-01.zip\"; filename*=UTF-8''Period%203%202026-09-01.zip"]


def test_a_nudge_ends_by_itself_when_what_it_named_is_deleted_or_kept(web: Website) -> None:
    teacher = linked_teacher(web)
    teacher.open("/cleaning").press("Delete classes")
    teacher.press("Keep these classes", "Period 4", "Chess club")
    assert "You keep these" in teacher.text
    assert "There is nothing left to clean up." in teacher.text
    web.world.pass_time(days=16)
    assert web.world.send_nudge().run() == {"not_needed": 1}


def test_later_means_a_month_later(web: Website) -> None:
    teacher = linked_teacher(web).open("/cleaning").press("Remind me in 30 days")
    web.world.pass_time(days=29)
    assert web.world.send_nudge().run() == {}
    web.world.pass_time(days=5)
    assert web.world.send_nudge().run() == {"sent": 1}
    web.world.nudges.stop(key("t1"))
    with pytest.raises(NoSuchButton):
        log_in(teacher.open("/login")).open("/cleaning").press("Remind me in 30 days")


def test_nothing_ticked_is_told_and_does_nothing(web: Website) -> None:
    teacher = linked_teacher(web)
    before = {k: v for k, v in web.world.table.items.items() if k[1].startswith("CLASS#")}
    for action in ("download", "delete", "keep", "restore"):
        post(teacher, action)
    assert teacher.open("/cleaning?done=nothing").page.css_first("[role=alert]") is not None
    assert {k: v for k, v in web.world.table.items.items() if k[1].startswith("CLASS#")} == before


def test_nobody_deletes_keeps_or_downloads_what_is_somebody_elses(web: Website) -> None:
    kid = log_in(web.visitor().open("/login"), "k1")
    stranger = web.visitor().open("/login")
    before = {k: dict(v) for k, v in web.world.table.items.items() if k[0] == "ACCOUNT#ada"}
    for person in (kid, stranger):
        for action in ("delete", "keep", "restore", "later", "download"):
            post(person, action, "own")
    web.world.make_exports()
    assert {k: v for k, v in web.world.table.items.items() if k[0] == "ACCOUNT#ada"} == before
    assert not [bucket for bucket, _ in web.world.s3.objects if bucket == "exports"]


def test_every_button_field_and_heading_has_its_own_name_in_both_languages(web: Website) -> None:
    teacher = linked_teacher(web)
    teacher.open("/cleaning").press("Delete classes", "Period 4").press("Keep these classes", "Chess club")
    for language in ("en", "es"):
        page = teacher.open(f"/cleaning?lang={language}").page
        names = [
            " ".join(node.text().split()) for node in page.css("main h1, main h2, main button, main a, main label")
        ]
        assert all(names)
        assert len(names) == len(set(names))
        assert not re.search(r"\b(undefined|None)\b", teacher.text)
