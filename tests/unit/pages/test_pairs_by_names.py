"""Old classes and district classes, paired by names before any student is linked (B13)."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.link import Proof
from shared.stores.links import Consent
from tests.builders import account, enrolled, key, roster, user
from tests.pages_harness import Counting, Website, lakeside, linked_teacher

NAMES = ("Robert", "Katherine", "William", "José", "Nadia", "Yusuf", "Zoë", "Elizabeth")
SHOWN = (
    "Bob Person",
    "kate person",
    "Person, Bill",
    "Jose P.",
    "Nadia Persno",
    "Yusuf Person",
    "Zoe Person",
    "Liz Person",
)


def old(class_id: str, name: str, *students: str, **more: Any) -> dict[str, Any]:
    return {"class_id": class_id, "name": name, "student_account_ids": list(students), **more}


def first_day(**gate: Any) -> Website:
    """Ada is linked, and none of her students is; eight of ten of Period 3, all of one family name, are in her district class."""
    made = lakeside(**gate)
    world = made.world
    kids = [f"k{n}" for n in range(10)]
    goal = {"goal_id": "g1", "title": "Fractions", "skill_ids": ["s1"]}
    world.feed(
        account(
            "ada", "ada@mail.example", google_sub="google-ada",
            classes=[old("own", "Period 3", *kids, goals=[goal]), old("chess", "Chess club", "x1", "x2", "x3", "x4", "x5")],
        ),
        *(account(kid, f"{kid}@home.example", role="student", display_name=name)
          for kid, name in zip(kids, (*SHOWN, "Uma Vance", "Theo Quint"), strict=True)),
        *(account(f"x{n}", f"x{n}@home.example", role="student", display_name=f"Stranger{n} Else") for n in range(1, 6)),
    )  # fmt: skip
    rows = [user(f"s{n}", given=given) for n, given in enumerate(NAMES)]
    members = "".join(enrolled(f"s{n}") for n in range(len(NAMES)))
    world.upload(
        roster(user("t1", "teacher", given="Ada"), *rows, enrollments=enrolled("t1", "teacher") + members), name="kids"
    )
    assert world.latest()["status"] == "completed"
    return made


@pytest.fixture
def web() -> Website:
    return first_day()


def test_the_reason_is_shown_and_nobody_is_linked(web: Website) -> None:
    links = {key for key in web.world.table.items if key[1].startswith("LINK")}
    page = linked_teacher(web).open("/cleaning")
    assert "8 of its 10 names are in your district class Algebra, too." in page.text
    asked = page.text.index("Do you still need these?")
    assert (
        asked < page.text.index("Period 3") < page.text.index("Your other old classes") < page.text.index("Chess club")
    )
    assert not page.page.css("input[checked]")
    since = {key for key in web.world.table.items if key[1].startswith("LINK")} - links
    assert all("#t1" in pk or "ada" in pk for pk, _ in since)


def test_once_five_students_are_linked_these_decide_and_names_no_more(web: Website) -> None:
    page = linked_teacher(web)
    for number in range(5):
        assert "names are in your district class" in page.open("/cleaning").text
        consent = Consent(key(f"s{number}"), f"k{number}", Proof.DISTRICT_LOGIN_CLEVER)
        web.world.links.make(consent, event_id=web.world.new_id(), now=web.world.now)
    text = page.open("/cleaning").text
    assert "5 of the 10 students are in your district class Algebra." in text
    assert "names are in your district class" not in text


def test_it_is_in_spanish_too(web: Website) -> None:
    page = linked_teacher(web).open("/cleaning?lang=es")
    assert "8 de sus 10 nombres están también en su clase del distrito Algebra." in page.text


def test_work_is_recreated_in_the_class_that_names_lead_to(web: Website) -> None:
    web.world.upload(
        roster(
            user("t1", "teacher", given="Ada"), *(user(f"s{n}", given=given) for n, given in enumerate(NAMES)),
            classes="c0,,,Aardvarks,k1,scheduled,o1,t1\nc1,,,Algebra,k1,scheduled,o1,t1\n",
            enrollments=enrolled("t1", "teacher") + enrolled("t1", "teacher", "c0")
            + "".join(enrolled(f"s{n}") for n in range(len(NAMES))),
        ), name="two",
    )  # fmt: skip
    page = linked_teacher(web).open("/classes/own")
    assert page.text.index("Recreate in Algebra") < page.text.index("Aardvarks")


def test_it_costs_two_reads_more_and_none_is_stored() -> None:
    gate = Counting()
    web = first_day(gate=gate)
    page = linked_teacher(web)
    gate.calls.clear()
    page.open("/cleaning")
    assert gate.calls["dynamodb BatchGetItem"] <= 8, gate.calls
    assert not [call for call in gate.calls if call.endswith(("PutItem", "UpdateItem", "TransactWriteItems"))]
