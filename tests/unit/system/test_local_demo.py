"""The demo tells a story, and leaves people to be for whoever tries it."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO
from types import SimpleNamespace

import pytest
from rich.console import Console

from local.demo import show_what_is_left
from local.demo_steps import Journey
from local.local_pages import SentMail, mail_page
from local.sample_district import PASSWORD, make
from tests.browser.every_page import Riverbend

STACK = SimpleNamespace(
    web_url="http://127.0.0.1:1",
    mail_url="http://127.0.0.1:2",
    endpoint_url="http://127.0.0.1:3",
    client=lambda _name: None,
)


def printed() -> str:
    out = StringIO()
    show_what_is_left(Console(file=out, width=80), Journey(STACK, make()).left_to_try())
    return out.getvalue()


def test_who_is_left_to_try_is_printed_with_all_that_is_typed() -> None:
    sample = make()
    for word in (
        sample.teacher_to_try.name, sample.teacher_to_try.username, f"/?to={sample.teacher_to_try.official_email}",
        sample.student_to_try.name, sample.student_to_try.username, sample.student_to_try.clever_id, PASSWORD,
        sample.administrator.official_email, "/sso/riverbend", "/console/riverbend", "Ctrl-C ends it",
    ):  # fmt: skip
        assert str(word) in printed(), word


@pytest.fixture(scope="module")
def riverbend() -> Riverbend:
    return Riverbend()


def test_the_teacher_left_to_try_links_as_it_is_printed(riverbend: Riverbend) -> None:
    teacher = riverbend.sample.teacher_to_try
    at_login = riverbend.invited(teacher).press("Log into my existing account")
    home = at_login.press("Log in", username_or_email=teacher.username or "", password=PASSWORD).press(
        "Link my accounts"
    )
    assert home.path == "/home"
    assert "Biology, 2nd period" in home.text


def test_the_student_left_to_try_links_as_it_is_printed(riverbend: Riverbend) -> None:
    student = riverbend.sample.student_to_try
    at_login = riverbend.student(student).press("Log into my existing account")
    home = at_login.press("Log in", username_or_email=student.username or "", password=PASSWORD).press(
        "Link my accounts"
    )
    assert home.path == "/home"
    assert "Cells and energy: 50 %" in home.text


def test_the_mail_page_says_when_and_to_whom_each_mail_went() -> None:
    sent_at = datetime(2026, 11, 26, 14, 5, 9, tzinfo=UTC)
    mails = [SentMail(to, "Hello", "<p>Hello</p>", "Hello", sent_at) for to in ("ada@a.example", "bo@b.example")]
    assert mail_page(mails).count("November 26, 2026, 14:05:09") == 2
    assert "ada@a.example" not in mail_page(mails, to="bo@")
    assert "No mail to such an address" in mail_page(mails, to="nobody")
