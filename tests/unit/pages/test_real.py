"""What a mail's short code says: what that mail was, and where alone its button leads; never that a mail is real."""

from __future__ import annotations

import re
from datetime import date

import httpx
import pytest

from functions.pages import limits
from local.web_client import WebClient
from shared.mail.mail_codes import MailCodes
from shared.mail.rendering import Kind
from shared.runtime.tokens import mail_code, shown_code, typed_code
from shared.stores.mail_codes import CodedMails, MailCodeStore
from tests.builders import roster, user
from tests.harness import TOKEN_KEY, WEB, World
from tests.pages_harness import Website, lakeside

CODE = re.compile(r"Type the code ([0-9A-Z]{4}-[0-9A-Z]{4}) at:")


def code_of(mail: dict[str, object]) -> str:
    """The code in both parts of a mail."""
    parts = mail["Content"]["Simple"]["Body"]  # type: ignore[index]
    (in_text,), (in_html,) = CODE.findall(parts["Text"]["Data"]), CODE.findall(parts["Html"]["Data"])
    assert in_text == in_html
    return str(in_text)


@pytest.fixture(scope="module")
def web() -> Website:
    return lakeside()


@pytest.fixture
def page(web: Website) -> WebClient:
    return web.visitor()


@pytest.fixture(scope="module")
def code(web: Website) -> str:
    return code_of(next(mail for mail in web.world.ses.sent if mail["To"] == "t1@lakeside.example"))


def test_an_activation_mail_carries_a_code_and_where_to_type_it(web: Website, code: str) -> None:
    for part in web.world.ses.sent[0]["Content"]["Simple"]["Body"].values():
        assert f"Not sure? Type the code {code} at:" in part["Data"]
        assert f"{WEB}/real" in part["Data"]
    assert typed_code(code)


@pytest.mark.parametrize("typed", ["{}", "  {} ", "{l}", "{n}"], ids=["as is", "blanks", "small letters", "ungrouped"])
def test_the_page_says_what_a_code_stands_for_however_it_is_typed(page: WebClient, code: str, typed: str) -> None:
    page.open("/real").press("Look it up", code=typed.format(code, l=code.lower(), n=code.replace("-", "")))
    assert page.status == 200
    assert "We asked teachers to confirm their account." in page.text
    assert "September 1, 2026" in page.text
    assert "Lakeside Schools" in page.text
    assert f"{WEB}/activate/" in page.text


def test_it_names_nobody_and_never_says_that_a_mail_is_real(page: WebClient, code: str) -> None:
    page.open(f"/real?code={code}")
    assert "@" not in page.text
    assert "t1" not in page.text
    assert "Ada" not in page.text
    assert "This does not tell you that the email you have is real." in page.text


def test_in_spanish_the_code_stays(page: WebClient, code: str) -> None:
    page.open(f"/real?code={code}")
    (address,) = [a.attributes["href"] for a in page.page.css("footer a") if a.text() == "Español"]
    page.open(f"/real{address}")
    assert page.status == 200
    assert "Esto no le dice que el correo que tiene sea auténtico." in page.text
    assert f"{WEB}/activate/" in page.text


@pytest.mark.parametrize("typed", ["CDFG-2345", "hello", "x" * 2000, "<b>", "ÄÖÜ-1234", "\u0000"])
def test_an_unknown_code_is_told_kindly_and_what_to_do(page: WebClient, typed: str) -> None:
    page.open("/real").press("Look it up", code=typed)
    assert page.status == 404
    assert "We do not know this code. Check each letter and digit." in page.text
    assert "Log in with my district" in page.text


def test_a_mail_without_a_code_has_a_page_that_says_so(page: WebClient) -> None:
    """Those of an earlier version are out."""
    page.open("/real")
    assert page.status == 200
    assert "Our older emails have none." in page.text


def test_looking_codes_up_changes_nothing_and_is_limited(web: Website, code: str) -> None:
    before = {key: item for key, item in web.world.table.items.items() if not key[0].startswith("LIMIT#")}
    ask = httpx.Request("GET", f"{WEB}/real?code={code}")
    replies = [web.send(ask).status_code for _ in range(limits.MAIL_CODE.most + 1)]
    assert set(replies[:-40]) == {200}
    assert replies[-1] == 429
    assert {k: item for k, item in web.world.table.items.items() if not k[0].startswith("LIMIT#")} == before
    web.world.pass_time(hours=1)
    assert web.send(ask).status_code == 200


def test_reminders_have_a_code_of_their_own_and_their_own_day() -> None:
    world = World()
    world.register()
    world.upload(roster(user("t1", "teacher"), user("t2", "teacher")))
    world.send_mail()
    first, second = map(code_of, world.ses.sent)
    assert first == second, "a code is of a day's mails, not of a person"
    world.pass_time(days=8)
    world.queue_due_activations().run()
    world.send_mail()
    assert code_of(world.ses.sent[-1]) != first
    found = MailCodeStore(world.table).of(typed_code(code_of(world.ses.sent[-1])) or "")
    assert found == CodedMails("lakeside", Kind.REMINDER.value, date(2026, 9, 9))


def test_a_day_costs_one_write_however_many_mails_there_are() -> None:
    world = World()
    world.register()
    world.upload(roster(*(user(f"t{n}", "teacher") for n in range(20))))
    world.send_mail()
    assert len(world.ses.sent) == 20
    assert len([pk for pk, _ in world.table.items if pk.startswith("REAL#")]) == 1


def test_two_districts_never_have_one_code() -> None:
    """Where the letters are another's already, the next ones are taken."""
    world = World()
    world.register()
    day = world.now.date()
    taken = mail_code("lakeside", Kind.ACTIVATION.value, day, TOKEN_KEY)
    store = MailCodeStore(world.table)
    assert store.note(taken, CodedMails("elsewhere", Kind.ACTIVATION.value, day))
    codes = MailCodes(store, token_key=lambda: TOKEN_KEY, clock=world.clock)
    assert codes.of(world.districts.get("lakeside"), Kind.ACTIVATION) == shown_code(
        mail_code("lakeside", Kind.ACTIVATION.value, day, TOKEN_KEY, turn=1)
    )
    assert store.of(taken) == CodedMails("elsewhere", Kind.ACTIVATION.value, day)


def test_a_code_outlives_the_key_that_made_it(web: Website, code: str, page: WebClient) -> None:
    """It is looked up, not computed: no key is needed to read it."""
    assert MailCodeStore(web.world.table).of(typed_code(code) or "") is not None
    assert mail_code("lakeside", "activation", date(2026, 9, 1), b"another key") != typed_code(code)
    assert page.open(f"/real?code={code}").status == 200
