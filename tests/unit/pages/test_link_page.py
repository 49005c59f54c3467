"""The page with both sides: what differs and what cannot be linked is said before the press, and the press is near (M11)."""

from __future__ import annotations

import pytest

from tests.builders import account, key
from tests.pages_harness import CLEVER_DISTRICT, PASSWORD, Website, activated, lakeside, linked_teacher, log_in

LINK = "Link my accounts"
DIFFER = "The names differ"


@pytest.fixture
def web() -> Website:
    return lakeside()


def own_account(web: Website, name: str, **values: object) -> None:
    web.world.feed({**account("own-ada", "ada.own@mail.example"), "display_name": name, **values})
    web.cognito.users["own-ada"] = (PASSWORD, "own-ada")


@pytest.mark.parametrize(("name", "is_said"), [("Ada Person", False), ("Ms. Person", False), ("Zoe Quill", True)])
def test_names_that_differ_are_said_before_the_press(web: Website, name: str, is_said: bool) -> None:
    own_account(web, name)

    page = log_in(activated(web).press("Log into my existing account"), "own-ada")

    assert (DIFFER in page.text) is is_said
    assert page.press(LINK).path == "/home", "it is the person's word"


def test_a_students_account_on_a_teachers_other_side_is_said(web: Website) -> None:
    page = log_in(activated(web).press("Log into my existing account"), "kid")

    assert "This is a student's account" in page.text


def test_the_buttons_come_before_the_details(web: Website) -> None:
    page = log_in(activated(web).press("Log into my existing account"))

    assert page.text.index(LINK) < page.text.index("What happens when you link them")
    assert "Goals and assignments. You can recreate them." in page.text


def test_an_account_of_another_person_is_refused_before_the_press(web: Website) -> None:
    linked_teacher(web)

    page = log_in(activated(web, "t2").press("Log into my existing account"))

    assert page.status == 409
    assert "already linked to someone else" in page.text
    assert page.press("Try another account").path == "/login"
    assert web.world.links.of_user(key("t2")) is None


def test_a_students_choice_of_a_teaching_account_is_refused_before_the_press(web: Website) -> None:
    page = web.visitor(sub="cid-1", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")

    log_in(page.press("Log into my existing account"), "ada")

    assert page.status == 409
    assert "It stays with its teacher" in page.text


def test_after_the_link_home_says_what_is_kept_in_figures(web: Website) -> None:
    assert "You keep 1 goal and 1 class." in linked_teacher(web).text

    page = web.visitor(sub="cid-1", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")
    log_in(page.press("Log into my existing account"), "kid").press(LINK)

    assert "You keep 100 mastery points, 1 goal and 1 class." in page.text
