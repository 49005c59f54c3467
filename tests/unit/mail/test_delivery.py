"""The protocol of every mail: slot, claim, send; then release, complete or unknown (B5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

import pytest

from shared.domain.errors import OutcomeUnknown
from shared.mail.delivery import Claim, Delivery, Outcome
from shared.mail.rendering import Message
from shared.mail.send_slots import Sending
from shared.mail.ses import Mailer, MailRefused

REFUSED = MailRefused("no_slot_soon", "Nothing may be sent at present.", may_try_later=True)
UNKNOWN = OutcomeUnknown("delivery_unknown", "SES did not answer.")
SLOT = datetime(2026, 9, 1, 15, tzinfo=UTC)


@dataclass
class Steps:
    """A mailer and a claim that note what is asked of them. ``replies`` are what SES answers, one after the other."""

    replies: list[Exception | str] = field(default_factory=lambda: ["m1"])
    no_slot: MailRefused | None = None
    taken_by_another: Outcome | None = None
    done: list[str] = field(default_factory=list)

    def slot(self, sending: Sending) -> datetime:
        self.done.append("urgent slot" if sending.is_urgent else "slot")
        if self.no_slot:
            raise self.no_slot
        return SLOT

    def wait(self, _slot: datetime, _sending: Sending) -> None:
        self.done.append("wait")

    def send(self, message: Message, _slot: datetime | None, _sending: Sending) -> str:
        self.done.append(f"send to {message.to}")
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def take(self) -> Outcome | None:
        self.done.append("claim")
        return self.taken_by_another

    def release(self, refused: MailRefused) -> None:
        self.done.append(f"release: {refused.code}")

    def complete(self, message_id: str = "", /) -> None:
        self.done.append(f"complete: {message_id}")

    def deliver(self, *, resend_unknown: bool = False, waits_first: bool = False, is_urgent: bool = False) -> Outcome:
        delivery = Delivery(cast(Mailer, self), resend_unknown=resend_unknown, waits_first=waits_first)
        return delivery.send(mail("ada"), cast(Claim, self), is_urgent=is_urgent)

    def deliver_to(self, *people: str) -> Outcome:
        delivery = Delivery(cast(Mailer, self), resend_unknown=False)
        return delivery.send_to_all([mail(person) for person in people], cast(Claim, self))


def mail(to: str) -> Message:
    return Message(to, "subject", "html", "text")


def test_a_mail_has_its_slot_before_its_claim_and_its_claim_before_it_is_sent() -> None:
    steps = Steps()
    assert steps.deliver() is Outcome.SENT
    assert steps.done == ["slot", "claim", "send to ada", "complete: m1"]


def test_a_mail_without_a_slot_is_released_and_never_claimed() -> None:
    steps = Steps(no_slot=REFUSED)
    assert steps.deliver() is Outcome.REFUSED
    assert steps.done == ["slot", "release: no_slot_soon"]


def test_a_mail_that_ses_refused_is_released() -> None:
    steps = Steps([REFUSED])
    assert steps.deliver() is Outcome.REFUSED
    assert steps.done == ["slot", "claim", "send to ada", "release: no_slot_soon"]


def test_an_unknown_delivery_is_neither_released_nor_completed() -> None:
    steps = Steps([UNKNOWN])
    assert steps.deliver() is Outcome.UNKNOWN
    assert steps.done == ["slot", "claim", "send to ada"]


@pytest.mark.parametrize("why_not", [Outcome.SETTLED, Outcome.UNDER_WAY, Outcome.UNANSWERED])
def test_what_another_worker_claimed_is_not_sent(why_not: Outcome) -> None:
    steps = Steps(taken_by_another=why_not)
    assert steps.deliver() is why_not
    assert steps.done == ["slot", "claim"]


def test_a_sender_may_wait_for_the_slot_before_it_claims() -> None:
    steps = Steps()
    steps.deliver(waits_first=True)
    assert steps.done[:3] == ["slot", "wait", "claim"]


def test_a_mail_that_somebody_waits_for_takes_an_urgent_slot() -> None:
    steps = Steps()
    steps.deliver(is_urgent=True)
    assert steps.done[0] == "urgent slot"


@pytest.mark.parametrize(("resend_unknown", "tries"), [(False, 1), (True, 2)])
def test_an_unknown_delivery_is_too_few_or_one_too_many(resend_unknown: bool, tries: int) -> None:
    assert Delivery(cast(Mailer, Steps()), resend_unknown=resend_unknown).most_tries == tries


def test_a_mail_to_several_people_is_claimed_once() -> None:
    steps = Steps(["m1", "m2"])
    assert steps.deliver_to("ada", "grace") is Outcome.SENT
    assert steps.done == ["slot", "claim", "send to ada", "send to grace", "complete: m2"]


@pytest.mark.parametrize(
    ("replies", "outcome", "last"),
    [
        ([REFUSED], Outcome.REFUSED, "release: no_slot_soon"),
        (["m1", REFUSED], Outcome.SENT, "complete: m1"),
        ([UNKNOWN, REFUSED], Outcome.SENT, "complete: "),
        ([UNKNOWN, "m2"], Outcome.SENT, "complete: m2"),
    ],
)
def test_a_mail_to_several_people_is_released_only_while_nobody_may_have_it(
    replies: list[Exception | str], outcome: Outcome, last: str
) -> None:
    steps = Steps(replies)
    assert steps.deliver_to("ada", "grace") is outcome
    assert steps.done[-1] == last


def test_a_release_may_raise_so_that_the_request_comes_again() -> None:
    steps = Steps([REFUSED])
    steps.release = cast("Callable[[MailRefused], None]", _raised)  # type: ignore[method-assign]
    with pytest.raises(MailRefused):
        steps.deliver()


def _raised(refused: MailRefused) -> None:
    raise refused
