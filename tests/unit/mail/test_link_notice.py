"""After a link was made or undone both sides hear of it: once, at stored addresses, teachers alone (B2, M12)."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from functions.link_notice import handler
from shared.domain.errors import OutcomeUnknown
from shared.domain.link_notice import Notice, Side, addresses
from shared.domain.roster import Role
from shared.mail.ses import MailRefused
from shared.stores.notices import ClaimResult, NoticeStore
from simulation.fault_injection import FaultInjector, FaultMode, Killed
from tests.builders import account, key
from tests.fakes.dynamodb import Effect, error
from tests.harness import OFFICIAL, OWN, World, text
from tests.pages_harness import Website, in_a_made_account, lakeside, linked_teacher

CONTEXT = SimpleNamespace(function_name="f", memory_limit_in_mb=128, invoked_function_arn="arn", aws_request_id="r")


@pytest.fixture
def web() -> Website:
    return lakeside()


class Refusing:
    """The gate: the next mails that ``which`` says are refused by SES."""

    def __init__(self, code: str, status: int = 429) -> None:
        self.which: list[bool] = []
        self._code = code
        self._status = status

    def __call__(self, _service: str, operation: str, _request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        if operation == "SendEmail" and self.which and self.which.pop(0):
            raise error(self._code, operation, ResponseMetadata={"HTTPStatusCode": self._status})
        return effect()


def record(message_id: str, fact: str, detail: dict[str, Any]) -> dict[str, Any]:
    """An event of the bus, as the queue hands it on."""
    body = json.dumps({"source": "account-linking", "detail-type": fact, "detail": detail})
    return {"messageId": message_id, "body": body, "eventSource": "aws:sqs", "attributes": {}}


def notices(world: World) -> list[dict[str, Any]]:
    """The notices that went out, in their order."""
    return [mail for mail in world.ses.sent if subject(mail).endswith(("were linked", "no longer linked"))]


def subject(mail: dict[str, Any]) -> str:
    return str(mail["Content"]["Simple"]["Subject"]["Data"])


def test_a_link_is_told_to_the_official_address_and_to_the_accounts_own(web: Website) -> None:
    linked_teacher(web)

    assert web.world.notify_of_links() == 2

    official, own = notices(web.world)
    assert {official["To"], own["To"]} == {OFFICIAL, OWN}
    for mail in (official, own):
        assert subject(mail) == "Your Khan Academy accounts were linked"
        for fact in (
            "District: Lakeside Schools",
            "From your school:\nAda Person\nt…@lakeside.example",
            "a…a@mail.example",
            "How we know it was you: You used the link in our email and logged in.",
            "When: September 1, 2026, 10:00",
            "for 30 days",
            "https://support.khanacademy.org",
        ):
            assert fact in text(mail), fact
        assert OFFICIAL not in text(mail)
        assert OWN not in text(mail)


def test_an_undo_is_told_to_both_too(web: Website) -> None:
    home = linked_teacher(web)
    web.world.notify_of_links()
    home.press("Undo the link with Lakeside Schools").press("Undo the link")

    assert web.world.notify_of_links() == 2

    later = notices(web.world)[2:]
    assert {mail["To"] for mail in later} == {OFFICIAL, OWN}
    assert {subject(mail) for mail in later} == {"Your Khan Academy accounts are no longer linked"}
    assert "How we know it was you" not in text(later[0])


def test_a_link_by_rule_says_so_and_one_address_on_both_sides_gets_one_mail(web: Website) -> None:
    web.world.feed(account("tom", "t2@lakeside.example"))
    tom = web.visitor(sub="tom-at-google", email="t2@lakeside.example", email_verified=True)

    tom.open("/sso/lakeside").press("Continue with Google")

    assert web.world.notify_of_links() == 1
    (mail,) = notices(web.world)
    assert mail["To"] == "t2@lakeside.example"
    assert "the same verified email or the same login" in text(mail)


def test_an_event_that_comes_again_tells_nobody(web: Website) -> None:
    linked_teacher(web)
    web.world.notify_of_links()

    assert web.world.notify_of_links() == 0

    assert len(notices(web.world)) == 2


def test_an_event_redriven_after_two_weeks_sends_no_notice(web: Website) -> None:
    linked_teacher(web)
    web.world.notify_of_links()
    web.world.pass_time(days=28)
    web.world.table.expire()

    assert web.world.notify_of_links() == 0


def test_a_student_never_gets_a_mail(web: Website) -> None:
    """M12."""
    before = len(web.world.ses.sent)
    in_a_made_account(web)

    assert web.world.notify_of_links() == 0

    assert len(web.world.ses.sent) == before


def test_an_unverified_address_is_not_written_to_an_own_one_whatever_the_roles(web: Website) -> None:
    linked_teacher(web)
    ada, teacher = web.world.accounts.get("ada"), web.world.users.get(key("t1"))
    assert ada is not None

    web.world.feed({**account("ada", OWN), "email_verified": False})
    unverified = web.world.accounts.get("ada")
    web.world.feed({**account("ada", OWN), "role": "student"})
    of_a_student = web.world.accounts.get("ada")

    assert teacher is not None
    student = replace(teacher, role=Role.STUDENT)
    assert addresses(teacher, ada) == addresses(teacher, of_a_student) == {Side.OFFICIAL: OFFICIAL, Side.OWN: OWN}
    assert addresses(teacher, unverified) == {Side.OFFICIAL: OFFICIAL}
    assert addresses(student, ada) == {Side.OWN: OWN}, "a student row for a teacher's account"
    assert addresses(student, replace(ada, email=OFFICIAL)) == {}, "a student is never mailed at school"


def test_a_link_undone_before_its_notice_went_out_is_told_as_undone_alone(web: Website) -> None:
    linked_teacher(web).press("Undo the link with Lakeside Schools").press("Undo the link")

    web.world.notify_of_links()

    assert {subject(mail) for mail in notices(web.world)} == {"Your Khan Academy accounts are no longer linked"}


def test_a_notice_that_ses_refused_goes_out_with_the_next_event_and_only_once() -> None:
    refusing = Refusing("TooManyRequestsException")
    web = lakeside(gate=refusing)
    linked_teacher(web)
    refusing.which = [False, True]

    with pytest.raises(MailRefused):
        web.world.notify_of_links()
    assert len(notices(web.world)) == 1
    assert web.world.notify_of_links() == 1

    assert [mail["To"] for mail in notices(web.world)] == [OFFICIAL, OWN]


def test_a_notice_of_unknown_delivery_is_sent_once_more_and_then_reported() -> None:
    refusing = Refusing("InternalFailure", status=500)
    web = lakeside(gate=refusing)
    linked_teacher(web)
    refusing.which = [True, False, True]

    with pytest.raises(OutcomeUnknown, match="delivery_unknown"):
        web.world.notify_of_links()
    assert [mail["To"] for mail in notices(web.world)] == [OWN], "the other side is told all the same"
    with pytest.raises(OutcomeUnknown, match="not known yet"):
        web.world.notify_of_links()
    web.world.pass_time(minutes=30)
    with pytest.raises(OutcomeUnknown, match="delivery_unknown"):
        web.world.notify_of_links()
    assert web.world.metrics == []
    web.world.pass_time(minutes=30)

    assert web.world.notify_of_links() == 0

    assert web.world.metrics == ["LinkNoticesUnanswered"]
    assert [mail["To"] for mail in notices(web.world)] == [OWN]


@pytest.mark.parametrize("dies", [FaultMode.DIES_BEFORE, FaultMode.DIES_AFTER, FaultMode.NO_REPLY])
def test_whatever_call_a_worker_dies_at_both_sides_hear_of_the_link(dies: FaultMode) -> None:
    """Twice at most, and never without a trace."""
    for call in range(30):
        injector = FaultInjector(plan={call: dies})
        web = lakeside(gate=injector)
        linked_teacher(web)
        injector.enabled = True
        for _delivery in range(3):
            with suppress(Killed, Exception):
                web.world.notify_of_links()
            web.world.pass_time(minutes=30)
        sent = Counter(mail["To"] for mail in notices(web.world))
        assert set(sent) == {OFFICIAL, OWN}, (call, sent)
        assert max(sent.values()) <= 2
        if not injector.faults:
            assert set(sent.values()) == {1}


def test_who_gives_a_notice_back_too_late_takes_it_from_nobody(web: Website) -> None:
    linked_teacher(web)
    store = NoticeStore(web.world.table)
    notice, lease, now = Notice("0" * 32, Side.OFFICIAL, key("t1"), "ada"), timedelta(minutes=10), web.world.now
    later = now + lease
    assert store.claim(notice, now=now, lease=lease, most_tries=2) is ClaimResult.CLAIMED
    assert store.claim(notice, now=later, lease=lease, most_tries=2) is ClaimResult.CLAIMED

    store.release(notice, claimed_at=now, lease=lease)

    assert store.claim(notice, now=later, lease=lease, most_tries=2) is ClaimResult.UNDER_WAY


def test_in_spanish_where_the_district_speaks_it(web: Website) -> None:
    linked_teacher(web)
    web.world.register(locale="es")

    web.world.notify_of_links()

    assert "se vincularon" in subject(web.world.ses.sent[-1])


def test_one_event_of_a_batch_that_fails_comes_again_alone(web: Website, monkeypatch: pytest.MonkeyPatch) -> None:
    linked_teacher(web)
    detail = next(
        json.loads(item["detail"])
        for (pk, _), item in web.world.table.items.items()
        if pk.startswith("OUTBOX#") and item["detail_type"] == "AccountLinked"
    )
    monkeypatch.setattr(handler, "notify_link_change", web.world.notify_link_change)
    event = {"Records": [record("good", "AccountLinked", detail), record("bad", "AccountLinked", {})]}

    answer = handler.lambda_handler(event, CONTEXT)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert len(notices(web.world)) == 2


def test_codes_and_added_logins_go_by_the_same_queue(monkeypatch: pytest.MonkeyPatch, web: Website) -> None:
    asked = list[str]()
    own = SimpleNamespace(
        mail_code=lambda detail: asked.append(detail["event_id"]),
        tell_of_added=lambda detail: asked.append(detail["event_id"]),
    )
    monkeypatch.setattr(handler, "mail_own_logins", lambda: own)
    event = {
        "Records": [
            record("one", "OwnCodeAsked", {"event_id": "c1"}), record("two", "OwnLoginAdded", {"event_id": "e1"})
        ]
    }  # fmt: skip

    assert handler.lambda_handler(event, CONTEXT) == {"batchItemFailures": []}
    assert asked == ["c1", "e1"]


def test_an_address_refused_for_good_does_not_keep_the_notice_from_the_other() -> None:
    refusing = Refusing("MessageRejected", status=400)
    web = lakeside(gate=refusing)
    linked_teacher(web)
    refusing.which = [True, False]

    assert web.world.notify_of_links() == 1

    assert [mail["To"] for mail in notices(web.world)] == [OWN]
    assert web.world.notify_of_links() == 0, "it is not tried again"


def test_a_side_that_is_put_off_comes_again_and_the_other_is_told_at_once() -> None:
    refusing = Refusing("TooManyRequestsException")
    web = lakeside(gate=refusing)
    linked_teacher(web)
    refusing.which = [True, False]

    with pytest.raises(MailRefused):
        web.world.notify_of_links()
    assert [mail["To"] for mail in notices(web.world)] == [OWN]

    web.world.notify_of_links()
    assert sorted(mail["To"] for mail in notices(web.world)) == sorted([OFFICIAL, OWN])
