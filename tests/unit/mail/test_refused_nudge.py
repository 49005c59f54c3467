"""A nudge that may not go out now is due again: when sending makes sense again, else an hour later (M17)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.domain.clock import from_iso
from shared.mail.rendering import Message
from tests.fakes.dynamodb import Effect, error
from tests.pages_harness import Website, lakeside, linked_teacher


def with_a_due_nudge(web: Website) -> Website:
    linked_teacher(web)
    web.world.pass_time(days=15)
    return web


def due_at(web: Website) -> datetime:
    return from_iso(web.world.table.items["USER#lakeside#t1", "LINK"]["nudge_due_at"])


def test_where_ses_refuses_it_is_due_an_hour_later() -> None:
    def gate(_service: str, operation: str, _request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        if operation == "SendEmail" and is_refusing:
            raise error("TooManyRequestsException", "SendEmail")
        return effect()

    is_refusing = False
    web = with_a_due_nudge(lakeside(gate=gate))
    is_refusing = True
    assert web.world.send_nudge().run() == {"refused": 1}
    assert due_at(web) == web.world.now.replace(microsecond=1_000) + timedelta(hours=1)


def test_where_the_days_quota_is_used_up_it_is_due_when_the_quota_frees() -> None:
    web = with_a_due_nudge(lakeside())
    world = web.world
    world.mailer().send(Message("another@lakeside.example", "subject", "html", "text"))
    world.ses.account["SendQuota"]["SentLast24Hours"] = world.ses.account["SendQuota"]["Max24HourSend"]
    world.pass_time(minutes=5)
    assert world.send_nudge().run() == {"refused": 1}
    assert due_at(web) == datetime(2026, 9, 17, 16, tzinfo=UTC), "a day after the hour in which the mail went out"
