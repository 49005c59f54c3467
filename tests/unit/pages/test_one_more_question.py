"""A student whose school calls them nothing like the account does is asked once more before the link (B12)."""

from __future__ import annotations

import pytest

from local.web_client import WebClient
from shared.stores.vouching import VouchStore
from tests.builders import account, key, roster, user
from tests.pages_harness import CLEVER_DISTRICT, PASSWORD, Website, lakeside, log_in, post
from tests.rooms import CODE, TABLE, Room

QUESTION = "One more question: is this account yours?"
YES = "Yes, it is mine"


@pytest.fixture
def web() -> Website:
    made = lakeside()
    made.world.upload(roster(user("s1", given="Sam", ids="{Clever:cid-1}")), name="sam")
    return made


def at_link(web: Website, shown: str, *, number: str = "cid-1") -> WebClient:
    web.world.feed({**account("old", "old@mail.example"), "role": "student", "display_name": shown})
    web.cognito.users["old"] = (PASSWORD, "old")
    page = web.visitor(sub=number, district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")
    return log_in(page.press("Log into my existing account"), "old")


@pytest.mark.parametrize("shown", ["Zed Other", "cat lover", "田中 美咲"])
def test_a_child_at_a_device_of_another_is_asked_once_more(web: Website, shown: str) -> None:
    page = at_link(web, shown).press("Link my accounts")

    assert (page.status, page.path) == (409, "/link")
    assert QUESTION in page.text
    assert f"The account says “{shown}”. Your school says “Sam Person”." in page.text
    assert web.world.links.of_user(key("s1")) is None

    assert page.press(YES).path == "/home"
    link = web.world.links.of_user(key("s1"))
    assert link is not None
    assert link.is_linked


def test_whoever_says_no_is_not_linked_by_the_press(web: Website) -> None:
    page = at_link(web, "Zed Other").press("Link my accounts")
    assert page.status == 409
    page.press("This isn't me")
    assert web.world.links.of_user(key("s1")) is None


@pytest.mark.parametrize("shown", ["Sammy P.", "sam", "Person, S.", "Samantha Person", "s. persno", "Zed", ""])
def test_nobody_is_asked_where_anything_is_alike(web: Website, shown: str) -> None:
    assert at_link(web, shown).press("Link my accounts").path == "/home"


def test_it_is_asked_in_spanish(web: Website) -> None:
    page = at_link(web, "Zed Other").open("/link?lang=es")
    page = page.press(page.page.css_first("main button.main").text(strip=True))
    assert "Una pregunta más" in page.text


# With the code on the board


def renamed_after_the_word(room: Room) -> WebClient:
    room.teacher().open(TABLE).press("Same student: Kid Person").press("Show class code")
    room.world.table.items["ACCOUNT#kid", "ACCOUNT"]["display_name"] = "Zed Other"
    return room.student("cid-1")


def test_with_a_code_too_and_the_name_is_masked() -> None:
    room = Room()
    page = renamed_after_the_word(room).press("Join", class_code=CODE)

    assert QUESTION in page.text
    assert "The old account says “Z…r”." in page.text
    assert "Zed Other" not in page.text
    assert room.link("s1") is None
    assert page.press(YES).path == "/home"
    link = room.link("s1")
    assert link is not None
    assert (link.account_id, link.vouched_in) == ("kid", "c1")


def test_the_name_is_told_to_nobody_without_the_code() -> None:
    page = renamed_after_the_word(Room())
    for code in ("000000", ""):
        post(page, "/account/join", code=code, mine="yes")
        assert QUESTION not in page.press("Join", class_code="000000").text
        assert "Z…r" not in page.text


def test_the_answer_is_no_way_round_the_code() -> None:
    room = Room()
    page = renamed_after_the_word(room).press("Join", class_code=CODE)
    VouchStore(room.world.table).hide_code("lakeside", "c1")
    page.press(YES)
    assert room.link("s1") is None
