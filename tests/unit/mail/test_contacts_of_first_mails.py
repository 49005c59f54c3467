"""Contacts are told what mails come before they do, and that a first wave stopped: each once, whatever is cut off (M8)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from shared.stores.first_wave import ContactsStore
from tests.builders import roster, user
from tests.fakes.dynamodb import Effect, error
from tests.harness import WEB, World, text

CONTACTS = ["pat@lakeside.example", "sam@lakeside.example"]


def told(world: World) -> list[str]:
    return [mail["To"] for mail in world.ses.sent if mail["To"] in CONTACTS]


def test_each_contact_is_told_once_what_comes() -> None:
    world = World(is_metered=False)
    world.register(contacts=CONTACTS, activations_from="2026-09-15", first_wave=20)
    assert world.tell_contacts() == 1
    assert world.tell_contacts() == 0
    assert told(world) == CONTACTS
    simple = world.ses.sent[0]["Content"]["Simple"]
    assert simple["Subject"]["Data"] == "Soon your teachers get emails from Khan Academy"
    for said in (
        "Sender: no-reply@accounts.example.org",
        "Subject: Confirm your official Khan Academy account",
        "From September 15, 2026 on. 20 go first.",
        "Mail from accounts.example.org. Pages at link.example.",
        "link.example/activate/",
        f"{WEB}/console/lakeside/first-mails",
    ):
        assert said in text(world.ses.sent[0]), said
    # And settings that are loaded again tell nobody again
    world.register(contacts=CONTACTS)
    world.tell_contacts()
    assert told(world) == CONTACTS


def test_a_contact_who_is_named_later_is_told_before_the_first_mails() -> None:
    world = World(is_metered=False)
    world.register(activations_from="2026-09-15")
    assert world.tell_contacts() == 0
    world.register(contacts=CONTACTS[:1], activations_from="2026-09-15")
    world.tell_contacts()
    assert told(world) == CONTACTS[:1]


def test_a_district_in_mid_way_is_told_of_no_first_mails() -> None:
    """An earlier version loaded it; its mails are out."""
    world = World(is_metered=False)
    world.register()
    world.upload(roster(user("t1", "teacher")))
    world.register(contacts=CONTACTS)
    world.tell_contacts()
    assert told(world) == []
    # But where its day lies ahead, its first mails do, too
    other = World(is_metered=False)
    other.register(activations_from="2026-09-15")
    other.upload(roster(user("t1", "teacher")))
    other.register(contacts=CONTACTS, activations_from="2026-09-15")
    other.tell_contacts()
    assert told(other) == CONTACTS


def test_contacts_hear_once_that_a_wave_stopped() -> None:
    world = World(is_metered=False)
    world.register(contacts=CONTACTS, first_wave=1)
    world.tell_contacts()
    world.upload(roster(user("t1", "teacher"), user("t2", "teacher")))
    world.queue_due_activations().run()
    world.send_mail()
    world.pass_time(hours=25)
    for _ in range(3):
        world.queue_due_activations().run()
        world.tell_contacts()
    subjects = [mail["Content"]["Simple"]["Subject"]["Data"] for mail in world.ses.sent if mail["To"] in CONTACTS]
    assert subjects[2:] == ["Action needed: nobody opened the first emails"] * 2
    assert "first-mails" in text(world.ses.sent[-1])


def test_in_spanish_where_the_district_speaks_it() -> None:
    world = World(is_metered=False)
    world.register(contacts=CONTACTS, locale="es")
    world.tell_contacts()
    assert "Remitente: no-reply@accounts.example.org" in text(world.ses.sent[0])


def test_when_ses_says_no_it_is_due_again_and_nobody_hears_twice() -> None:
    refusals = iter([False, True, False, False])

    def gate(_service: str, operation: str, _request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        if operation == "SendEmail" and next(refusals):
            raise error("TooManyRequestsException", operation)
        return effect()

    world = World(gate=gate, is_metered=False)
    world.register(contacts=CONTACTS)
    assert world.tell_contacts() == 0
    world.pass_time(minutes=15)
    assert world.tell_contacts() == 1
    assert told(world) == CONTACTS


def test_a_mail_whose_delivery_is_unknown_is_not_sent_again() -> None:
    def gate(_service: str, operation: str, _request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        answer = effect()
        if operation == "SendEmail":
            raise ReadTimeoutError(endpoint_url="https://email.example")
        return answer

    world = World(gate=gate, is_metered=False)
    world.register(contacts=CONTACTS)
    for _ in range(2):
        world.tell_contacts()
    assert told(world) == CONTACTS


class Died(BaseException):
    """The worker is gone."""


class Cut:
    """The gate of a world whose worker dies at one call, before or after it."""

    def __init__(self, at: int, *, is_done: bool) -> None:
        self.left, self.is_done, self.is_on = at, is_done, False

    def __call__(self, _service: str, _operation: str, _request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        self.left -= self.is_on
        if self.is_on and self.left == -1:
            if self.is_done:
                effect()
            raise Died
        return effect()


@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
def test_a_worker_that_dies_at_any_call_tells_nobody_twice(is_done: bool) -> None:
    for fatal in range(25):
        cut = Cut(fatal, is_done=is_done)
        world = World(gate=cut, is_metered=False)
        world.register(contacts=CONTACTS)
        cut.is_on = True
        with suppress(Died):
            world.tell_contacts()
        cut.is_on = False
        world.tell_contacts()
        assert len(set(told(world))) == len(told(world)) >= len(CONTACTS) - 1
        assert ContactsStore(world.table).to_tell() == []
