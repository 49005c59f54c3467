"""A district's contacts hear of an import that waits for them (M3)."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from selectolax.lexbor import LexborHTMLParser

from functions.held_import_mail.notify_held_import import NotifyHeldImport
from local.mail_gallery import sample
from shared.mail.rendering import Kind
from shared.mail.ses import MailRefused
from shared.runtime.settings import Brand
from shared.stores.imports import ImportNotices
from tests.builders import roster, user
from tests.fakes.dynamodb import Effect, error
from tests.harness import WEB, World

CONTACTS = ["pat@lakeside.example", "sam@lakeside.example"]


def notice(world: World) -> NotifyHeldImport:
    return NotifyHeldImport(world.districts, ImportNotices(world.table), world.mailer(), brand=Brand(web_url=WEB))


def held(world: World, **settings: Any) -> dict[str, Any]:
    world.register(contacts=CONTACTS, **settings)
    world.upload(roster(*(user(f"s{n}") for n in range(30))))
    return world.upload(roster(user("s0")), name="cut-off")


def test_each_contact_is_told_once_why_it_waits_and_how_to_decide() -> None:
    world = World()
    report = held(world)
    assert notice(world).notify("lakeside", report["import_id"]) == 2
    assert notice(world).notify("lakeside", report["import_id"]) == 0
    assert [mail["To"] for mail in world.ses.sent] == CONTACTS
    simple = world.ses.sent[0]["Content"]["Simple"]
    text = simple["Body"]["Text"]["Data"]
    assert simple["Subject"]["Data"] == "Action needed: your roster upload is on hold"
    assert report["reason"]["message"] in text
    assert "Who would be removed: 29 students" in text
    assert f"Review and decide:\n{WEB}/console/lakeside/imports/{report['import_id']}\n" in text
    assert "decisions/" not in text, "the button leads to where it is decided"


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("rosters/lakeside/monday.zip", "rosters/lakeside/monday.zip"),
        ("rosters/lakeside/Nightly 2026.11.24 (2).zip", "rosters/lakeside/Nightly 2026.11.24 (2).zip"),
        (
            "rosters/lakeside/fetched-20261124T031502.123Z/_complete",
            "rosters/lakeside/fetched-20261124T031502.123Z/_complete",
        ),
        ("rosters/lakeside/pay at evil.com/x.zip", "rosters/lakeside/…"),
        ("rosters/lakeside/ada@evil.example.zip", "rosters/lakeside/…"),
        ("rosters/lakeside/mon\u200bday.zip", "rosters/lakeside/…"),
    ],
)
def test_the_key_of_the_upload_has_nothing_in_it_that_is_not_seen(key: str, shown: str) -> None:
    mail = sample(Kind.HELD_IMPORT, "en", upload=key)
    (in_html,) = (
        td.text(deep=False).strip() for td in LexborHTMLParser(mail.html).css("td.fact") if "Upload" in td.text()
    )

    assert f"\nUpload: {shown}\n" in mail.text
    assert in_html == shown


def test_in_spanish_where_the_district_speaks_it() -> None:
    world = World()
    report = held(world, locale="es")
    notice(world).notify("lakeside", report["import_id"])
    simple = world.ses.sent[0]["Content"]["Simple"]
    assert simple["Subject"]["Data"] == "Se necesita su decisión: su lista está en espera"
    assert "Revisar y decidir:" in simple["Body"]["Text"]["Data"]
    assert "Se retiraría" in simple["Body"]["Text"]["Data"]
    assert "Nothing was written" not in simple["Body"]["Text"]["Data"]


def test_nobody_is_told_of_what_was_decided_meanwhile() -> None:
    world = World()
    report = held(world)
    world.put(f"decisions/lakeside/{report['import_id']}.json", b'{"action": "reject", "by": "k", "reason": "r"}')
    assert notice(world).notify("lakeside", report["import_id"]) == 0
    assert notice(world).notify("lakeside", "unknown") == 0
    assert notice(world).notify("nowhere", report["import_id"]) == 0


def test_when_ses_says_no_the_event_comes_again_and_nobody_hears_of_it_twice() -> None:
    refusals = iter([False, True, False, False])

    def gate(_service: str, operation: str, _request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        if operation == "SendEmail" and next(refusals):
            raise error("TooManyRequestsException", operation)
        return effect()

    world = World(gate=gate)
    report = held(world)
    with pytest.raises(MailRefused):
        notice(world).notify("lakeside", report["import_id"])
    assert notice(world).notify("lakeside", report["import_id"]) == 1
    assert [mail["To"] for mail in world.ses.sent] == CONTACTS


def test_an_odd_first_contact_keeps_nothing_from_the_others() -> None:
    world = World()
    report = held(world)
    refuse = world.ses.send_email

    def refusing(**request: Any) -> dict[str, Any]:
        if request["Destination"]["ToAddresses"] == [CONTACTS[0]]:
            raise error("BadRequestException", "SendEmail")
        return dict(refuse(**request))

    world.ses.send_email = refusing  # type: ignore[method-assign]
    assert notice(world).notify("lakeside", report["import_id"]) == 1
    assert [mail["To"] for mail in world.ses.sent] == CONTACTS[1:]


def test_a_mail_whose_delivery_is_unknown_is_not_sent_again() -> None:
    """One that may have come is enough; of one that went out for certain nothing else is noted."""

    def gate(_service: str, operation: str, _request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        answer = effect()
        if operation == "SendEmail":
            raise ReadTimeoutError(endpoint_url="https://email.example")
        return answer

    world = World(gate=gate)
    report = held(world)
    assert notice(world).notify("lakeside", report["import_id"]) == 2
    assert notice(world).notify("lakeside", report["import_id"]) == 0
    assert [mail["To"] for mail in world.ses.sent] == CONTACTS
