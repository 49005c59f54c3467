"""The receipt of a link: for whose link it is alone, on a page and as data; what was there before, and is there now."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.builders import account
from tests.harness import WEB
from tests.pages_harness import Website, account_of, in_a_made_account, lakeside, linked_teacher, log_in
from tests.two_accounts import points, student

ADDRESS = "/receipt/lakeside"


@pytest.fixture
def web() -> Website:
    return lakeside()


def told(page: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(page.http.get(f"{WEB}{ADDRESS}.json").text)
    return found


def test_after_the_link_home_leads_to_a_receipt_that_says_nothing_is_missing(web: Website) -> None:
    home = linked_teacher(web)

    page = home.open(home.links()["See that nothing is missing"])

    assert page.path == ADDRESS
    assert "Nothing is missing." in page.text
    assert "Period 3" in page.text


def test_the_same_address_gives_data_to_who_asks_for_it(web: Website) -> None:
    page = linked_teacher(web)
    by_name = page.http.get(f"{WEB}{ADDRESS}.json")
    by_header = page.http.get(f"{WEB}{ADDRESS}", headers={"accept": "application/json"})

    assert by_name.headers["content-type"] == "application/json"
    assert by_name.text == by_header.text
    receipt = json.loads(by_name.text)
    assert (receipt["district_id"], receipt["nothing_lost"], receipt["lost"]) == ("lakeside", True, [])
    assert receipt["before"][0]["classes"] == receipt["now"]["classes"] == 1


@pytest.mark.parametrize("address", [ADDRESS, f"{ADDRESS}.json", "/receipt/elsewhere"])
def test_a_stranger_gets_nothing(web: Website, address: str) -> None:
    linked_teacher(web)

    assert web.visitor().open(address).path == "/login"
    assert log_in(web.visitor().open("/login"), "kid").open(address).status == 404


def test_work_that_goes_on_is_told_beside_what_was_before(web: Website) -> None:
    web.world.feed({**account("ada", "ada@mail.example"), "mastery": points(a=40)})
    page = linked_teacher(web)
    web.world.feed({**account("ada", "ada@mail.example"), "mastery": points(a=70, b=10)})

    receipt = told(page)

    assert (receipt["before"][0]["points"], receipt["now"]["points"]) == (40, 80)
    assert receipt["skills"] == [
        {"skill_id": "a", "before": [40], "now": 70},
        {"skill_id": "b", "before": [None], "now": 10},
    ]


def test_of_two_accounts_both_are_told_and_the_better_counts(web: Website) -> None:
    page = in_a_made_account(web)
    web.world.feed(student(account_of(web, "s1"), mastery=points(zz=80)))
    page.open("/home").press("I have an older account")
    log_in(page, "kid").press("Link my accounts")

    receipt = told(page)

    assert [each["points"] for each in receipt["before"]] == [100, 80]
    assert receipt["now"]["points"] == 180
    assert "the better one counts" in page.open(ADDRESS).text


def test_after_an_undo_the_receipt_says_so(web: Website) -> None:
    page = linked_teacher(web).press("Undo the link with Lakeside Schools").press("Undo the link")

    page.open(page.links()["What you kept with Lakeside Schools"])

    assert "The link with Lakeside Schools ended on" in page.text
    assert "Nothing is missing." in page.text


def test_a_link_of_an_earlier_version_shows_what_is_here_now(web: Website) -> None:
    page = linked_teacher(web)
    side = web.world.table.items["ACCOUNT#ada", "LINK#lakeside"]
    del side["receipt"]

    assert "Nobody counted before this link." in page.open(ADDRESS).text
    assert (told(page)["known_before"], told(page)["nothing_lost"]) == (False, None)


def test_what_is_lost_is_told(web: Website) -> None:
    page = linked_teacher(web)
    web.world.table.delete_item(Key={"PK": "ACCOUNT#ada", "SK": "CLASS#own"})

    assert "Something is missing." in page.open(ADDRESS).text
    assert told(page)["lost"] == [{"what": "class_gone", "id": "own"}]
