"""The undo of a link by whoever is logged in (B2): asked once, and with a way back."""

from __future__ import annotations

import pytest

from shared.domain.link import LinkState
from tests.builders import account, key
from tests.harness import OFFICIAL, text
from tests.pages_harness import Website, account_of, in_a_made_account, lakeside, linked_teacher, log_in, state

ASK, UNDO = "Undo the link with Lakeside Schools", "Undo the link"


@pytest.fixture
def web() -> Website:
    return lakeside()


def test_an_undo_is_asked_once_and_the_question_changes_nothing(web: Website) -> None:
    home = linked_teacher(web)
    before = state(web)

    page = home.press(ASK)

    assert "Undo the link with Lakeside Schools?" in page.text
    assert page.links()["Keep the link"] == "/home"
    assert state(web) == before

    page.press(UNDO)

    assert "no longer linked" in page.text
    link = web.world.links.of_user(key("t1"))
    assert link
    assert link.state is LinkState.UNDONE


def test_a_student_is_asked_too(web: Website) -> None:
    home = in_a_made_account(web)

    home.press(ASK)

    assert web.world.links.of_account(account_of(web, "s1")), "not yet"


def test_after_an_undo_home_leads_back_at_once_and_at_a_later_visit(web: Website) -> None:
    page = linked_teacher(web).press(ASK).press(UNDO)
    assert page.links()["Link again"] == "/sso/lakeside"

    web.world.pass_time(days=2)
    again = log_in(web.visitor().open("/login"))

    assert again.path == "/home"
    assert again.links()["Link again"] == "/sso/lakeside"


def test_link_again_leads_to_the_link(web: Website) -> None:
    linked_teacher(web).press(ASK).press(UNDO)
    web.world.pass_time(minutes=1)
    school = web.visitor(sub="google-t1", email=OFFICIAL, email_verified=True)
    log_in(school.open("/login"))

    school.open(school.links()["Link again"]).press("Continue with Google")
    log_in(school.press("Log into my existing account")).press("Link my accounts")

    assert school.path == "/home"
    assert "Link again" not in school.text
    assert account_of(web, "t1") == "ada"


def test_home_offers_no_undo_once_it_is_too_late(web: Website) -> None:
    linked_teacher(web)
    web.world.pass_time(days=31)
    page = log_in(web.visitor().open("/login"))

    assert ASK not in page.text
    assert "30 days to undo this are over" in page.text
    assert page.open("/link/undo").status == 409, "a page left open says so before the press"


def test_the_question_is_for_who_is_logged_in_and_linked_alone(web: Website) -> None:
    assert web.visitor().open("/link/undo").path == "/login"
    assert log_in(web.visitor().open("/login")).open("/link/undo").path == "/home"


def test_the_mail_about_an_undo_names_the_way_back(web: Website) -> None:
    linked_teacher(web).press(ASK).press(UNDO)
    web.world.notify_of_links()

    mail = text(next(mail for mail in reversed(web.world.ses.sent) if mail["To"] == OFFICIAL))

    assert "https://link.example/sso/lakeside" in mail


def test_the_mail_about_a_made_account_says_that_it_was_made(web: Website) -> None:
    """Nobody logged into an account that did not exist before."""
    web.world.feed(account("other", "other@mail.example"))
    school = web.visitor(sub="google-t2", email="t2@lakeside.example", email_verified=True)
    school.open("/sso/lakeside").press("Continue with Google").press("I don't have an account yet")
    web.world.notify_of_links()

    mail = text(next(mail for mail in reversed(web.world.ses.sent) if mail["To"] == "t2@lakeside.example"))

    assert "this account was made for you" in mail
