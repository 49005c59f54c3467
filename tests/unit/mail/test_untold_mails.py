"""Reminders and nudges of which SES says nothing within a day are counted, once each; nothing is sent because of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.builders import roster, user
from tests.fakes.aws import MemorySes
from tests.harness import CONFIGURATION_SET, World
from tests.pages_harness import lakeside, linked_teacher


def reminded() -> World:
    """A teacher was mailed, and a week later reminded."""
    world = World()
    world.register()
    world.upload(roster(user("t1", "teacher")))
    world.send_mail()
    tells(world, "Delivery")
    world.pass_time(days=8)
    world.queue_due_activations().run()
    world.send_mail()
    return world


def nudged() -> World:
    web = lakeside()
    linked_teacher(web)
    web.world.pass_time(days=15)
    assert web.world.send_nudge().run() == {"sent": 1}
    return web.world


def tells(world: World, kind: str) -> None:
    """SES tells this of the newest mail."""
    mail = world.ses.sent[-1]
    tags = {tag["Name"]: [tag["Value"]] for tag in mail["EmailTags"]}
    about = {"messageId": mail["MessageId"], "tags": {**tags, "ses:configuration-set": [CONFIGURATION_SET]}}
    world.record_feedback().record({"eventType": kind, "mail": about, "bounce": {"bounceType": "Transient"}})


def counted(world: World) -> int:
    """How many the schedule counts within an hour; it looks at a part of them at each run."""
    found = 0
    for _ in range(60):
        world.pass_time(minutes=1)
        found += world.note_unsettled_mails().count_untold()
    return found


MAILS = pytest.mark.parametrize("mail", [reminded, nudged])


@MAILS
def test_a_mail_that_ses_says_nothing_of_for_a_day_is_counted_once(mail: Callable[[], World]) -> None:
    world = mail()
    tells(world, "Send")
    world.pass_time(hours=22)
    assert counted(world) == 0
    world.pass_time(hours=2)
    sent = len(world.ses.sent)
    assert [counted(world) for _ in range(2)] == [1, 0]
    assert len(world.ses.sent) == sent


@MAILS
@pytest.mark.parametrize("kind", ["Delivery", "Bounce", "Complaint", "Reject"])
def test_a_mail_of_which_ses_says_what_became_is_not(mail: Callable[[], World], kind: str) -> None:
    world = mail()
    tells(world, kind)
    world.pass_time(days=2)
    assert counted(world) == 0
    assert not [pk for pk, _ in world.table.items if pk.startswith("DUE#untold")]


def test_an_activation_mail_costs_nothing_of_it() -> None:
    world = World()
    world.register()
    world.upload(roster(user("t1", "teacher")))
    world.send_mail()
    tells(world, "Delivery")
    assert not [at for at in world.table.items if at[1] == "TOLD" or at[0].startswith("DUE#untold")]


def test_a_mail_whose_answer_is_lost_is_counted_as_unanswered_as_before() -> None:
    web = lakeside()
    linked_teacher(web)
    world: Any = web.world
    world.pass_time(days=15)
    world.ses = MemorySes()
    world.ses.silent_for = {"t1@lakeside.example"}
    assert world.send_nudge().run() == {"unknown": 1}
    world.pass_time(days=2)
    assert counted(world) == 0
    assert world.send_nudge().run()["unanswered"] == 1
