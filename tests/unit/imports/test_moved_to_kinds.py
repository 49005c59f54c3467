"""A district that an earlier version imported, when its numbers get kinds: nobody is mailed, removed, or loses anything.

``before_kinds.json.gz`` was recorded with that version: Lakeside by Clever CSV. Bob and Eli are linked teachers, Eli is off the
roster, and so is Ivy, who was mailed. Fay has her mail's page open, Cal's mail waits for its day, Dee's came back, and Kay's
is in the queue. Ana is in an account that was made at her login, Ben has logged in and has none, Cleo was matched, and Gus
is in the console.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import itsdangerous
import pytest

from functions.import_step.archive import RosterFile
from functions.import_step.formats.format import Format, Recognised, recognise
from functions.import_step.steps import ingest
from local.web_client import WebClient
from shared.domain.link import LinkState
from shared.domain.roster import RosterUserKey
from shared.stores.renumbering import Renumbering
from shared.use_cases.class_contents import ClassContents
from tests.builders import key
from tests.harness import World
from tests.pages_harness import PASSWORD, Website, log_in

RECORDED = Path(__file__).parent / "before_kinds.json.gz"
PEOPLE = [
    *(key(number, "teacher") for number in ("1", "2", "3", "4", "7")),
    *(key(number, "student") for number in ("101", "102", "103")),
    key("201", "staff"),
]


@cache
def recorded() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress(RECORDED.read_bytes()))
    return found


def value_of(value: Any) -> Any:
    """An item's value: numbers and sets are written with their kind."""
    match value:
        case {"N": number}:
            return Decimal(number)
        case {"SS": texts}:
            return set(texts)
        case dict():
            return {name: value_of(inner) for name, inner in value.items()}
        case list():
            return [value_of(inner) for inner in value]
    return value


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Website:
    """Lakeside as that version left it; cookies are as old as they were then."""
    found, world = recorded(), World()
    monkeypatch.setattr(itsdangerous.TimestampSigner, "get_timestamp", lambda _: found["sealed_at"])
    world.now, world._ids = datetime.fromisoformat(found["now"]), found["ids"]
    world._sequencers = found["sequencers"]
    world.s3.objects = {(bucket, name): base64.b64decode(body) for bucket, name, body in found["objects"]}
    world.sqs.messages, world.ses.sent = list(found["messages"]), list(found["sent"])
    for item in found["items"]:
        world.table.put_item(Item=value_of(item))
    web = Website(world)
    web.cognito.users = {name: (PASSWORD, name) for name in ("bob", "eli", "cleo")}
    return web


def moved(web: Website, *, again: int = 0) -> dict[str, Any]:
    """The same roster arrives once more, by this version."""
    report = web.world.upload(recorded()["upload"], name="after")
    for night in range(again):
        web.world.upload(recorded()["upload"], name=f"after-{night}")
    return report


def browser_of(web: Website, name: str) -> WebClient:
    """The browser of somebody who was here before the update."""
    visitor = web.visitor()
    for cookie, value in recorded()["cookies"][name].items():
        visitor.http.cookies.set(cookie, value, domain="link.example", path="/")
    return visitor


def upload_with(*teachers: tuple[str, str, str]) -> dict[str, str]:
    """The recorded roster with these teachers (number, given name, family name) besides."""
    rows = "".join(
        f"o1,{number},{number},{given.lower()}@lakeside.example,{given},{family},Ms,{given.lower()},x\n"
        for number, given, family in teachers
    )
    files: dict[str, str] = recorded()["upload"]
    return {**files, "teachers.csv": files["teachers.csv"] + rows}


def left_at_old_keys(web: Website, numbers: set[str]) -> list[tuple[str, str]]:
    """What there is of these people under a key without a kind, but for the note of where they are."""
    return [
        (pk, sk)
        for (pk, sk), item in web.world.table.items.items()
        if (pk.startswith("USER#lakeside#") and pk.rpartition("#")[2] in numbers and sk != "MOVED")
        or (pk.startswith(("STUCK#", "LEFT#")) and sk in numbers)
        or (pk.startswith(("EMAIL#", "CLEVER#")) and sk in {f"USER#lakeside#{number}" for number in numbers})
        or (sk.startswith("LINK#") and item["sourced_id"] in numbers and "kind" not in item)
        or (pk.startswith("ACTIVATION#") and item["sourced_id"] in numbers and "kind" not in item)
    ]


def test_nobody_is_mailed_removed_or_changed(web: Website) -> None:
    """But for the principal, of whom the version before did not keep that the own schools alone are theirs."""
    messages, sent = list(web.world.sqs.messages), len(web.world.ses.sent)
    report = moved(web)
    assert report["status"] == "completed"
    assert {name: number for name, number in report["users"].items() if number} == {
        "read": 9,
        "unchanged": 8,
        "changed": 1,
    }
    assert {name: number for name, number in report["enrollments"].items() if number} == {"read": 4, "unchanged": 4}
    assert report["activations"] == {"queued": 0, "withheld": 0}
    assert (web.world.sqs.messages, len(web.world.ses.sent)) == (messages, sent)


def test_everybody_who_is_on_the_roster_has_the_key_of_the_kind(web: Website) -> None:
    moved(web)
    found = web.world.users.get_many(PEOPLE)
    assert sorted(user.sourced_id for user in found.values() if user.active) == sorted(k.sourced_id for k in PEOPLE)
    assert left_at_old_keys(web, {person.sourced_id for person in PEOPLE}) == []
    of_class = web.world.classes.get("lakeside", "c1")
    assert of_class
    assert of_class.student_keys == [key(number, "student") for number in ("101", "102", "103")]


def test_links_are_good_from_both_sides(web: Website) -> None:
    moved(web)
    bob, ana, cleo = (web.world.links.of_user(PEOPLE[i]) for i in (0, 5, 7))
    assert (bob and bob.state, ana and ana.state, cleo and cleo.state) == (
        LinkState.LINKED, LinkState.LINKED, LinkState.MATCHED,
    )  # fmt: skip
    assert [link.user for link in web.world.links.of_account("bob")] == [PEOPLE[0]]
    page = log_in(web.visitor().open("/login"), "bob")
    assert page.open("/classes/c1?district=lakeside").status == 200
    assert "New goal" in page.text


def test_a_session_from_before_goes_on(web: Website) -> None:
    moved(web)
    assert browser_of(web, "ana").open("/home").path == "/home"
    assert browser_of(web, "ben").open("/welcome").status == 200
    assert browser_of(web, "gus").open("/console/lakeside").status == 200
    bob = browser_of(web, "bob").open("/home")
    assert (bob.path, "Algebra" in bob.text) == ("/home", True)


def test_one_without_an_account_goes_on_to_one_after_the_move(web: Website) -> None:
    moved(web)
    page = browser_of(web, "ben").open("/welcome").press("I don't have an account yet")
    assert page.path == "/home"
    link = web.world.links.of_user(key("102", "student"))
    assert link
    assert link.is_linked
    assert left_at_old_keys(web, {"102"}) == []


def test_a_page_that_was_opened_from_a_mail_goes_on(web: Website) -> None:
    moved(web)
    page = browser_of(web, "fay").open("/activate")
    page = log_in(page.press("Log into my existing account"), "cleo").press("Link my accounts")
    link = web.world.links.of_user(key("2", "teacher"))
    assert (page.path, link and link.account_id) == ("/home", "cleo")


def test_the_link_of_a_mail_that_is_out_works(web: Website) -> None:
    moved(web, again=2)
    page = web.visitor().open(web.world.address_in_mail_to("fay@lakeside.example"))
    assert (page.path, page.status, "Fay Finn" in page.text) == ("/activate", 200, True)


def test_a_reminder_after_the_move_has_the_link_of_the_first_mail(web: Website) -> None:
    moved(web)
    first = web.world.address_in_mail_to("fay@lakeside.example")
    web.world.now = datetime.fromisoformat("2026-09-08T16:00:00+00:00")
    web.world.sqs.messages.clear()
    web.world.queue_due_activations().run()
    web.world.send_mail()
    mails = [mail for mail in web.world.ses.sent if mail["To"] == "fay@lakeside.example"]
    assert len(mails) == 2
    assert web.world.address_in_mail_to("fay@lakeside.example") == first


def test_a_mail_that_was_in_the_queue_goes_out_once(web: Website) -> None:
    moved(web)
    web.world.send_mail()
    web.world.send_mail()
    assert [mail["To"] for mail in web.world.ses.sent].count("kay@lakeside.example") == 1
    page = web.visitor().open(web.world.address_in_mail_to("kay@lakeside.example"))
    assert "Kay King" in page.text


def test_a_mail_that_waits_for_its_day_goes_out_on_it(web: Website) -> None:
    moved(web)
    web.world.now = datetime.fromisoformat("2026-10-15T16:00:00+00:00")
    for _ in range(40):
        web.world.pass_time(minutes=15)
        web.world.queue_due_activations().run()
    web.world.send_mail()
    assert [mail["To"] for mail in web.world.ses.sent].count("cal@lakeside.example") == 1


def test_nudges_and_who_is_stuck_come_along(web: Website) -> None:
    moved(web)
    assert web.world.nudges.due_at(PEOPLE[0]) == "2026-09-15T15:00:02.004Z"
    due = [(pk, sk) for pk, sk in web.world.table.items if pk.startswith("DUE#nudge") and sk.endswith("\x7f1")]
    assert len(due) == 1
    assert ("STUCK#lakeside", key("4", "teacher").person_id) in web.world.table.items


def test_a_notice_that_is_under_way_finds_its_link(web: Website) -> None:
    moved(web)
    assert web.world.notify_of_links() > 0
    address = next(
        word
        for mail in web.world.ses.sent
        if mail["To"] == "bob@lakeside.example"
        for word in mail["Content"]["Simple"]["Body"]["Text"]["Data"].split()
        if "/notice/" in word
    )
    page = web.visitor().open(address)
    assert (page.path, page.status) == ("/notice", 200)


def test_a_notice_that_was_mailed_before_undoes_its_link(web: Website) -> None:
    assert web.world.notify_of_links() > 0
    address = next(
        word
        for mail in web.world.ses.sent
        if mail["To"] == "bob@lakeside.example"
        for word in mail["Content"]["Simple"]["Body"]["Text"]["Data"].split()
        if "/notice/" in word
    )
    moved(web)
    page = web.visitor().open(address)
    assert (page.path, page.status) == ("/notice", 200)


def test_who_was_off_the_roster_comes_back_with_link_and_mail(web: Website) -> None:
    moved(web)
    sent = len(web.world.ses.sent)
    web.world.sqs.messages.clear()
    report = web.world.upload(upload_with(("5", "Eli", "East"), ("6", "Ivy", "Ice")), name="back")
    web.world.send_mail()
    assert (report["users"]["created"], len(web.world.ses.sent)) == (2, sent)
    link, ivy = web.world.links.of_user(key("5", "teacher")), web.world.activations.of_user(key("6", "teacher"))
    assert (link and link.account_id, ivy and ivy.state) == ("eli", "sent")
    page = web.visitor().open(web.world.address_in_mail_to("ivy@lakeside.example"))
    assert "Ivy Ice" in page.text
    assert left_at_old_keys(web, {"5", "6"}) == []


def test_the_move_happens_once(web: Website) -> None:
    moved(web)
    after = dict(web.world.table.items)
    assert moved(web)["status"] == "unchanged"
    report = web.world.upload(upload_with(("8", "Liv", "Lund")), name="next")
    assert {name: number for name, number in report["users"].items() if number} == {
        "read": 10, "created": 1, "unchanged": 9,
    }  # fmt: skip
    same = {k: v for k, v in after.items() if k[1] in ("ROSTER", "LINK", "ACTIVATION", "MOVED")}
    assert {k: v for k, v in web.world.table.items.items() if k in same} == same


def test_a_move_that_broke_off_is_finished_by_running_it_again(web: Website) -> None:
    other = Website(World())
    other.world.begin_like(web.world)
    moved(other)
    Renumbering(web.world.table).move(PEOPLE[:4])
    moved(web)
    kept = ("ROSTER", "LINK", "ACTIVATION", "MOVED", "POINTER")
    first, second = ({k: v for k, v in world.table.items.items() if k[1] in kept} for world in (web.world, other.world))
    assert first == second


def test_a_class_has_its_students_between_the_move_of_people_and_of_classes(web: Website) -> None:
    world = web.world
    contents = ClassContents(world.accounts, world.links, world.users, world.classes, world.work)

    def names() -> list[str]:
        district_class = world.classes.get("lakeside", "c1")
        assert district_class is not None
        return sorted(member.name for member in contents.of_district(district_class, world.now.date()))

    before = names()
    assert before
    Renumbering(world.table).move(PEOPLE)
    assert names() == before
    moved(web)
    assert names() == before


def test_rolling_the_moving_import_back_keeps_the_kinds(web: Website) -> None:
    report = web.world.upload(upload_with(("8", "Liv", "Lund")), name="after")
    decision = {"action": "roll_back", "by": "dana", "reason": "a try"}
    web.world.put(f"decisions/lakeside/{report['import_id']}.json", json.dumps(decision).encode())
    found = web.world.users.get_many([*PEOPLE, key("8", "teacher")])
    assert {user.key for user in found.values() if user.active} == set(PEOPLE)
    assert web.world.users.get(RosterUserKey("lakeside", "1")) is None
    assert web.world.upload(upload_with(("8", "Liv", "Lund")), name="again")["users"]["created"] == 1


def test_a_number_that_a_teacher_gets_takes_nothing_of_the_student_who_has_it(web: Website) -> None:
    report = web.world.upload(upload_with(("101", "Otto", "Ash")), name="after")
    ana, otto = web.world.users.get(key("101", "student")), web.world.users.get(key("101", "teacher"))
    assert (ana and ana.given_name, otto and otto.given_name) == ("Ana", "Otto")
    assert web.world.links.of_user(key("101", "teacher")) is None
    assert web.world.links.of_user(key("101", "student"))
    assert report["users"]["created"] == 1


def test_rows_that_were_taken_for_one_person_become_two_again() -> None:
    """Ana and Otto Ash were one person, a teacher of the name Ana: what there is of it stays with her."""
    world = World()
    world.register()
    files = upload_with(("101", "Otto", "Ash"))
    as_before_kinds(world, files)
    both = world.users.get(RosterUserKey("lakeside", "101"))
    assert (both and both.given_name, both and both.role) == ("Ana", "teacher")
    link = {"state": "linked", "account_id": "ana", "version": 1, "linked_at": "2026-09-01T15:00:00.000Z"}
    world.table.put_item(Item={"PK": "USER#lakeside#101", "SK": "LINK", **link})
    world.upload(files, name="moved")
    ana, otto = world.users.get(key("101", "student")), world.users.get(key("101", "teacher"))
    assert (ana and ana.given_name, otto and otto.given_name) == ("Ana", "Otto")
    assert world.links.of_user(key("101", "student"))
    assert world.links.of_user(key("101", "teacher")) is None


STUDENTS = "School_id,Student_id,Student_number,Last_name,First_name,Grade,Student_email,Username,Password\n"


def without_kinds(files: list[RosterFile], formats: tuple[Format, ...]) -> tuple[Format, Recognised]:
    """The upload as the version before numbers had kinds took it."""
    form, upload = recognise(files, formats)
    return form, replace(upload, by_kind=False)


def as_before_kinds(world: World, files: Mapping[str, str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingest, "recognise", without_kinds)
        patch.setattr(ingest, "_reading", lambda _: "")
        world.upload(files)


def written(world: World) -> int:
    return sum(world.table.meter.write_units.values())


def test_the_move_costs_in_proportion_to_the_people_and_once() -> None:
    costs = []
    for people in (40, 80):
        world = World()
        world.register()
        numbers = range(people)
        rows = "".join(f"o1,{n},{n},Ash{n},Ana{n},7,a{n}@lakeside.example,a{n},x\n" for n in numbers)
        enrollments = "School_id,Section_id,Student_id\n" + "".join(f"o1,c1,{n}\n" for n in numbers)
        files = {**recorded()["upload"], "students.csv": STUDENTS + rows, "enrollments.csv": enrollments}
        as_before_kinds(world, files)
        assert world.users.get(RosterUserKey("lakeside", "7"))
        before = written(world)
        world.upload(files, name="moved")
        assert world.users.get(key("7", "student"))
        costs.append(written(world) - before)
        before = written(world)
        world.upload({**files, "schools.csv": "School_id,School_name\no1,Lakeside\n"}, name="night")
        assert written(world) - before < 40
    assert costs[1] - costs[0] <= 6 * 40
