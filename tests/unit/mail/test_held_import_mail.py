"""A district's contacts hear of an import that waits for them (M3)."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from functions.held_import_mail.notify_held_import import NotifyHeldImport
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
    assert simple["Subject"]["Data"] == "A roster of Lakeside Schools waits for your decision"
    assert report["reason"]["message"] in text
    assert f"{WEB}/console/lakeside" in text
    assert f"decisions/lakeside/{report['import_id']}.json" in text
    assert report["upload"]["key"] in text, "a key that is copied has nothing in it that is not seen"


def test_in_spanish_where_the_district_speaks_it() -> None:
    world = World()
    report = held(world, locale="es")
    notice(world).notify("lakeside", report["import_id"])
    simple = world.ses.sent[0]["Content"]["Simple"]
    assert "espera" in simple["Subject"]["Data"]
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
