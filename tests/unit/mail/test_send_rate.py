"""The send rate, the daily quota, and the breaker (M21, B5)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from benchmarks.send_rate import over_the_quota, steady
from functions.activation_email import handler
from shared.domain import send_rate
from shared.domain import sender_reputation as reputation
from shared.domain.activation import ActivationState
from shared.domain.errors import RefusedTransition
from shared.domain.roster import RosterUserKey
from shared.domain.send_rate import CAUTIOUS, SHARE, Held, HoldReason, Limits, SendRateState
from shared.domain.sender_reputation import Breaker, Counts, DeliveryEvent, stop_reason
from shared.mail.send_slots import Sending, limits_of
from shared.mail.ses import MailRefused
from shared.stores.send_state import SendStateStore
from tests.builders import roster, user
from tests.fakes.dynamodb import Effect, error
from tests.harness import World

NOW = datetime(2026, 9, 1, 15, 20, tzinfo=UTC)
SOON = timedelta(seconds=25)
TEACHER = RosterUserKey("lakeside", "t1")


def leased(
    state: SendRateState, number: int, now: datetime = NOW, **how: Any
) -> tuple[SendRateState, tuple[datetime, ...]]:
    found = send_rate.lease(state, now, number, within=SOON, **how)
    assert not isinstance(found, Held)
    return found


def held(state: SendRateState, now: datetime = NOW, **how: Any) -> Held:
    found = send_rate.lease(state, now, 1, within=SOON, **how)
    assert isinstance(found, Held)
    return found


def known(rate: float = 14, per_day: int | None = 50_000, sent: int = 0, *, may_send: bool = True) -> SendRateState:
    return send_rate.with_limits(SendRateState(), Limits(rate, per_day, sent, may_send), NOW)


# Slots.


def test_slots_follow_each_other_whoever_leases_them() -> None:
    state, first = leased(known(), 3)
    state, second = leased(state, 3)
    assert first[0] == NOW
    apart = [(after - before).total_seconds() for before, after in pairwise(first + second)]
    assert all(seconds == pytest.approx(1 / (14 * SHARE), abs=1e-5) for seconds in apart)


def test_time_in_which_nobody_sent_is_not_made_up_for() -> None:
    state, _ = leased(known(), 5)
    _, slots = leased(state, 2, NOW + timedelta(minutes=5))
    assert slots[0] == NOW + timedelta(minutes=5)
    assert slots[1] > slots[0] + timedelta(milliseconds=70)


def test_nobody_waits_for_longer_than_a_function_may_run() -> None:
    state = known(rate=1)
    state, slots = leased(state, 100)
    assert slots[-1] <= NOW + SOON
    assert held(state).reason is HoldReason.NO_SLOT_SOON
    assert held(state).until > NOW + SOON


def test_without_limits_the_most_cautious_ones_hold() -> None:
    state = send_rate.with_limits(SendRateState(), None, NOW)
    _, slots = leased(state, 2)
    assert state.limits == CAUTIOUS
    assert slots[1] - slots[0] >= timedelta(seconds=1)


def test_limits_that_cannot_be_read_again_go_on_holding() -> None:
    state = send_rate.with_limits(known(rate=14), None, NOW + timedelta(minutes=2))
    assert state.limits == Limits(14, 50_000)


def test_limits_count_for_a_minute() -> None:
    assert send_rate.wants_limits(SendRateState(), NOW)
    assert not send_rate.wants_limits(known(), NOW + timedelta(seconds=59))
    assert send_rate.wants_limits(known(), NOW + timedelta(seconds=60))


# The daily quota.


def test_the_quota_counts_what_others_sent_and_what_was_leased_since() -> None:
    state = known(per_day=1_000, sent=900)
    state, slots = leased(state, 200)
    assert len(slots) == 1_000 - 900 - 10
    assert held(state).reason is HoldReason.QUOTA_USED_UP


@pytest.mark.parametrize(
    "quota", [{}, {"MaxSendRate": 0.0, "Max24HourSend": 200.0}, {"MaxSendRate": -1.0, "Max24HourSend": 200.0}]
)
def test_a_response_without_a_rate_is_no_limit_that_makes_sense(quota: dict[str, float]) -> None:
    assert limits_of({"SendQuota": quota}) is None


def test_two_leases_of_one_hour_count_together() -> None:
    state, _ = leased(known(per_day=1_000), 30)
    state, _ = leased(state, 30)
    assert list(state.used.values()) == [60]


def test_the_last_hundredth_is_for_whoever_waits_for_a_mail() -> None:
    state = known(per_day=1_000, sent=990)
    assert held(state).reason is HoldReason.QUOTA_USED_UP
    _, slots = leased(state, 20, is_urgent=True)
    assert len(slots) == 10


def test_the_quota_frees_a_day_after_the_hour_in_which_it_was_used() -> None:
    state, _ = leased(known(per_day=100), 99)
    assert held(state).until == datetime(2026, 9, 2, 16, tzinfo=UTC)


def test_a_quota_that_others_used_up_is_looked_at_again_in_an_hour() -> None:
    assert held(known(per_day=100, sent=100)).until == NOW + timedelta(hours=1)


def test_slots_leased_ahead_still_count_when_limits_are_read_again() -> None:
    state, slots = leased(known(per_day=1_000), 100)
    later = slots[49]
    state = send_rate.with_limits(state, Limits(14, 1_000, sent=50), later)
    assert 50 <= state.since <= 52


def test_no_quota_is_no_limit() -> None:
    _, slots = leased(known(rate=1_000, per_day=None, sent=10**7), 100)
    assert len(slots) == 100


def test_a_paused_account_sends_nothing() -> None:
    assert held(known(may_send=False)).reason is HoldReason.ACCOUNT_PAUSED


# Slower.


def test_each_time_the_service_says_slower_slots_get_wider_until_it_is_calm() -> None:
    state = send_rate.slowed(known(), NOW)
    assert send_rate.wants_limits(state, NOW)
    _, slots = leased(state, 2)
    assert slots[0] == NOW + timedelta(seconds=1)
    assert (slots[1] - slots[0]).total_seconds() == pytest.approx(1 / (14 * SHARE * 0.8), abs=1e-5)
    state = send_rate.slowed(state, NOW + timedelta(seconds=2))
    later = NOW + timedelta(seconds=10)
    _, slots = leased(state, 2, later)
    assert (slots[1] - slots[0]).total_seconds() == pytest.approx(1 / (14 * SHARE * 0.64), abs=1e-5)
    _, slots = leased(state, 2, later + timedelta(minutes=6))
    assert (slots[1] - slots[0]).total_seconds() == pytest.approx(1 / (14 * SHARE), abs=1e-5)


def test_several_mails_refused_at_once_slow_down_once() -> None:
    state = send_rate.slowed(known(), NOW)
    assert send_rate.slowed(state, NOW + timedelta(milliseconds=300)).pauses == state.pauses


# What SES says of the account.


@pytest.mark.parametrize(
    ("answer", "limits"),
    [
        ({"SendQuota": {"MaxSendRate": 14.0, "Max24HourSend": 200.0, "SentLast24Hours": 1.0}}, Limits(14, 200, 1)),
        ({"SendQuota": {"MaxSendRate": 5.0, "Max24HourSend": -1.0, "SentLast24Hours": 1.0}}, Limits(5, None, 1)),
        ({"SendingEnabled": False, "SendQuota": {"MaxSendRate": 1, "Max24HourSend": 2}}, Limits(1, 2, 0, False)),
        (
            {"EnforcementStatus": "SHUTDOWN", "SendQuota": {"MaxSendRate": 1, "Max24HourSend": 2}},
            Limits(1, 2, 0, False),
        ),
        ({"SendQuota": {"MaxSendRate": 0.0, "Max24HourSend": 200.0}}, None),
        ({"SendQuota": {}}, None),
        ({}, None),
    ],
)
def test_what_the_service_says_is_read_or_not_understood(answer: dict[str, Any], limits: Limits | None) -> None:
    assert limits_of(answer) == limits


# The whole of it, on a simulated clock.


def test_a_backlog_uses_the_rate_and_no_call_is_throttled() -> None:
    sent = steady(2_000, seed=7)
    assert sent.mails == sent.people == 2_000
    assert sent.utilisation >= 0.95
    assert sent.refused.total() == 0
    assert sent.most_in_a_second <= 14
    assert sent.lease_writes <= 0.25 * sent.mails


def test_a_used_up_quota_parks_the_rest_until_it_frees_and_nobody_is_lost() -> None:
    sent = over_the_quota(1_000, per_day=600, seed=7)
    assert sent.mails == sent.people == 1_000
    assert 590 <= sent.by_day[0] <= 600
    assert sent.by_day[0] + sent.by_day[1] == 1_000
    assert sent.refused.total() == sent.dead_letters == 0
    assert sent.parked == 1_000 - sent.by_day[0]


# One activation at a time.


def waiting(*, gate: Callable[..., dict[str, Any]] | None = None, teachers: int = 1) -> World:
    """Lakeside with teachers whose mail is requested."""
    world = World(gate=gate) if gate else World()
    world.register()
    world.upload(roster(*(user(f"t{number}", "teacher") for number in range(1, teachers + 1))))
    return world


def state_of(world: World) -> ActivationState:
    found = world.activations.of_user(TEACHER)
    assert found
    return found.state


def stop(world: World, mails: int = 100, *, district_id: str = "lakeside") -> None:
    """So many addresses are bad that a district's mail stops."""
    state = SendStateStore(world.table)
    for number in range(mails):
        state.note(DeliveryEvent.ACCEPTED, f"{district_id}{number}", world.now, district_id)
    for number in range(reputation.FEWEST_BOUNCES):
        state.note(DeliveryEvent.BOUNCED, f"{district_id}{number}", world.now, district_id)


@pytest.mark.parametrize(
    "code",
    [
        "TooManyRequestsException", "LimitExceededException", "SendingPausedException", "AccountSuspendedException",
        "MailFromDomainNotVerifiedException", "NotFoundException", "AccessDeniedException",
    ],
)  # fmt: skip
def test_a_mail_refused_for_pace_or_account_stays_pending_and_goes_out_later(code: str) -> None:
    refusals = iter([True])

    def gate(_service: str, operation: str, _request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        if operation == "SendEmail" and next(refusals, False):
            raise error(code, operation)
        return effect()

    world = waiting(gate=gate)
    world.send_mail()
    assert (state_of(world), world.ses.sent) == (ActivationState.PENDING, [])
    world.pass_time(minutes=10)
    world.queue_due_activations().run()
    world.send_mail()
    assert (state_of(world), len(world.ses.sent)) == (ActivationState.SENT, 1)


def test_a_mail_that_the_sandbox_refuses_goes_out_when_the_account_is_ready() -> None:
    """Developer guide of SES, "Request production access": only addresses that were verified get mail until then."""
    world = waiting()
    world.ses.sandbox = {"somebody.else@lakeside.example"}
    world.send_mail()
    assert (state_of(world), world.ses.sent, world.metrics) == (ActivationState.PENDING, [], ["MailAccountRefused"])
    world.ses.sandbox = None
    world.pass_time(minutes=10)
    world.queue_due_activations().run()
    world.send_mail()
    assert (state_of(world), len(world.ses.sent)) == (ActivationState.SENT, 1)


@pytest.mark.parametrize("code", ["MessageRejected", "BadRequestException"])
def test_a_mail_refused_for_itself_is_not_parked(code: str) -> None:
    def gate(_service: str, operation: str, _request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        if operation == "SendEmail":
            raise error(code, operation)
        return effect()

    world = waiting(gate=gate)
    with pytest.raises(MailRefused):
        world.send_mail()
    assert state_of(world) is ActivationState.PENDING
    world.pass_time(hours=2)
    assert world.queue_due_activations().run() == 0


def test_when_the_send_rate_cannot_be_read_no_mail_counts_as_perhaps_sent() -> None:
    fails = {"on": False}

    def gate(service: str, operation: str, request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        if fails["on"] and "SENDING" in str(request):
            raise error("ProvisionedThroughputExceededException", operation)
        return effect()

    world = waiting(gate=gate)
    fails["on"] = True
    world.send_mail()
    fails["on"] = False
    assert (state_of(world), world.ses.sent) == (ActivationState.PENDING, [])
    world.pass_time(minutes=10)
    world.queue_due_activations().run()
    world.send_mail()
    assert len(world.ses.sent) == 1


def test_a_used_up_quota_parks_the_mail_and_a_resend_still_goes_out() -> None:
    world = waiting()
    world.ses.account["SendQuota"] = {"MaxSendRate": 14.0, "Max24HourSend": 1_000.0, "SentLast24Hours": 995.0}
    world.send_mail()
    assert (state_of(world), world.ses.sent) == (ActivationState.PENDING, [])
    world.mailer().slot(Sending(is_urgent=True))
    world.ses.account["SendQuota"] = {**world.ses.account["SendQuota"], "SentLast24Hours": 0.0}
    world.pass_time(days=1, hours=1)
    world.queue_due_activations().run()
    world.send_mail()
    assert len(world.ses.sent) == 1


def test_a_turn_that_passed_in_the_meantime_is_exchanged() -> None:
    world = waiting()
    mailer = world.mailer()
    slot = mailer.slot()
    world.pass_time(seconds=3)
    before, _ = SendStateStore(world.table).read()
    world.ses.account["SendQuota"] = {"MaxSendRate": 1.0, "Max24HourSend": 1_000.0, "SentLast24Hours": 0.0}
    mailer._slots.wait(slot)
    after, _ = SendStateStore(world.table).read()
    assert after.version == before.version + 1


# The breaker.


def test_a_few_bounces_among_few_mails_stop_nothing() -> None:
    assert stop_reason({"2026-09-01T15": Counts(10, 4, 2)}, Breaker(), NOW) is None


@pytest.mark.parametrize(
    ("counts", "stops"),
    [
        (Counts(1_000, 39), False),
        (Counts(1_000, 40), True),
        (Counts(5, 5), True),
        (Counts(10_000, 0, 7), False),
        (Counts(10_000, 0, 8), True),
    ],
)
def test_sending_stops_at_4_in_100_bounces_or_8_in_10000_complaints(counts: Counts, stops: bool) -> None:
    assert bool(stop_reason({"2026-09-01T15": counts}, Breaker(), NOW)) is stops


def test_bounces_are_those_of_a_day_and_complaints_those_of_a_week() -> None:
    hours = {"2026-08-27T09": Counts(20_000, 0, 0), "2026-09-01T09": Counts(100, 5, 3)}
    assert stop_reason(hours, Breaker(), NOW) == "5 of 100 mails bounced in 24 hours"
    assert stop_reason({**hours, "2026-09-01T09": Counts(200, 5, 3)}, Breaker(), NOW) is None
    old = {"2026-08-31T09": Counts(1_000, 50, 0), "2026-09-01T09": Counts(1_000, 1, 0)}
    assert stop_reason(old, Breaker(), NOW) is None


def test_when_sending_stops_no_mail_of_any_kind_goes_out_and_all_stays_pending() -> None:
    world = waiting()
    stop(world)
    world.send_mail()
    assert (state_of(world), world.ses.sent) == (ActivationState.PENDING, [])
    for is_urgent in (False, True):
        with pytest.raises(MailRefused) as refused:
            world.mailer().slot(Sending("lakeside", is_urgent=is_urgent))
        assert refused.value.code == "sending_stopped"
    world.pass_time(days=3)
    world.queue_due_activations().run()
    world.send_mail()
    assert (state_of(world), world.ses.sent) == (ActivationState.PENDING, [])


def test_it_goes_on_only_by_hand_and_what_was_parked_goes_out() -> None:
    world = waiting()
    stop(world)
    world.send_mail()
    SendStateStore(world.table).resume("Kim", "the list was cleaned", world.now, "lakeside")
    world.pass_time(hours=1)
    world.queue_due_activations().run()
    world.send_mail()
    assert (state_of(world), len(world.ses.sent)) == (ActivationState.SENT, 1)
    kept = world.table.items["SENDING", "BREAKER#lakeside"]
    assert (kept["resumed_by"], kept["resume_reason"]) == ("Kim", "the list was cleaned")
    with pytest.raises(RefusedTransition):
        SendStateStore(world.table).resume("Kim", "again", world.now, "lakeside")


def test_after_it_was_resumed_counting_starts_anew() -> None:
    world = World()
    stop(world)
    state = SendStateStore(world.table)
    state.resume("Kim", "cleaned", world.now, "lakeside")
    for number in range(reputation.FEWEST_BOUNCES - 1):
        assert state.note(DeliveryEvent.BOUNCED, f"later{number}", world.now, "lakeside") == {}
    opened = state.note(DeliveryEvent.BOUNCED, "one more", world.now, "lakeside")
    assert opened["lakeside"].has_stopped


def test_a_bounce_counts_once_however_often_it_is_told() -> None:
    world = World()
    state = SendStateStore(world.table)
    for _ in range(3 * reputation.FEWEST_BOUNCES):
        assert state.note(DeliveryEvent.BOUNCED, "the same", world.now, "lakeside") == {}
    assert not state.breaker("lakeside").has_stopped


def test_who_opens_it_is_told_so_once() -> None:
    world = World()
    state = SendStateStore(world.table)
    breakers = [state.note(DeliveryEvent.BOUNCED, f"m{number}", world.now, "lakeside") for number in range(8)]
    assert ["lakeside" in opened for opened in breakers] == [False] * 4 + [True] + [False] * 3


def test_a_bounce_whose_event_broke_off_stops_sending_when_it_comes_again() -> None:
    world = World()
    state = SendStateStore(world.table)
    for number in range(4):
        state.note(DeliveryEvent.BOUNCED, f"m{number}", world.now, "lakeside")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state, "_look", lambda _now, _district_id: None)
        state.note(DeliveryEvent.BOUNCED, "m4", world.now, "lakeside")
    assert not state.breaker("lakeside").has_stopped
    state.note(DeliveryEvent.BOUNCED, "m4", world.now, "lakeside")
    assert state.breaker("lakeside").has_stopped


def test_the_bounces_of_one_district_stop_no_other_districts_mail() -> None:
    world = waiting()
    stop(world, district_id="valley")
    assert SendStateStore(world.table).breaker("valley").has_stopped
    world.send_mail()
    assert (state_of(world), len(world.ses.sent)) == (ActivationState.SENT, 1)
    mailer = world.mailer()
    mailer.expect(2, ["lakeside", "valley"])
    mailer.slot(Sending("lakeside"))
    with pytest.raises(MailRefused):
        mailer.slot(Sending("valley"))


def test_a_slot_that_was_leased_before_is_no_way_past_a_districts_breaker() -> None:
    world = waiting()
    mailer = world.mailer()
    mailer.expect(3)
    stop(world)
    with pytest.raises(MailRefused):
        mailer.slot(Sending("lakeside"))


def test_at_the_accounts_own_rates_the_mail_of_all_stops() -> None:
    world = waiting()
    state = SendStateStore(world.table)
    opened = {}
    for number in range(reputation.FEWEST_BOUNCES_OF_ALL):
        assert "" not in opened
        opened = state.note(DeliveryEvent.BOUNCED, f"m{number}", world.now, f"district-{number}")
    assert opened[""].has_stopped
    world.send_mail()
    assert world.ses.sent == []
    state.resume("Kim", "the lists were cleaned", world.now)
    assert not state.breaker().has_stopped


def test_a_security_notice_goes_out_whatever_has_stopped() -> None:
    world = waiting()
    stop(world)
    world.table.put_item(Item={"PK": "SENDING", "SK": "BREAKER", "is_open": True, "reason": "bounces"})
    assert world.mailer().slot(Sending("lakeside", is_security_notice=True))
    for sending in (Sending("lakeside", is_urgent=True), Sending("valley")):
        with pytest.raises(MailRefused):
            world.mailer().slot(sending)


@pytest.mark.parametrize(
    "tags", [{}, {"ses:configuration-set": ["newsletter"]}, {"ses:configuration-set": ["x", "mail"]}]
)
def test_the_mail_of_another_application_of_the_account_counts_nothing(tags: dict[str, list[str]]) -> None:
    world = waiting()
    for number in range(2 * reputation.FEWEST_BOUNCES_OF_ALL):
        mail = {"messageId": f"m{number}", "timestamp": world.now.isoformat(), "tags": tags}
        world.record_feedback().record({"eventType": "Bounce", "mail": mail, "bounce": {"bounceType": "Permanent"}})
    assert not [key for key in world.table.items if key[0].startswith("SENDING")]


def test_what_comes_back_of_a_mail_counts_for_its_district() -> None:
    world = waiting()
    world.send_mail()
    (sent,) = world.ses.sent
    tags = {tag["Name"]: [tag["Value"]] for tag in sent["EmailTags"]}
    mail = {"messageId": sent["MessageId"], "timestamp": world.now.isoformat()}
    mail["tags"] = {**tags, "ses:configuration-set": ["mail"]}  # type: ignore[assignment]
    world.record_feedback().record({"eventType": "Bounce", "mail": mail, "bounce": {"bounceType": "Permanent"}})
    counted = {sk for pk, sk in world.table.items if pk.startswith("SENDING#2")}
    assert counted == {"COUNTS", "COUNTS#lakeside"}


# The queue's batch.


def test_of_a_batch_only_failures_come_again_and_its_slots_are_leased_together() -> None:
    world = waiting(teachers=5)
    bodies = [json.loads(message) for message in world.sqs.messages]
    bodies[1]["activation_id"] = "another one"
    bodies[2] = {"sourced_id": "no district"}
    records = [{"messageId": f"m{at}", "body": json.dumps(body)} for at, body in enumerate(bodies)]
    context = SimpleNamespace(
        function_name="f", memory_limit_in_mb=128, invoked_function_arn="arn", aws_request_id="request"
    )
    cases = handler.UseCases(world.send_activation(), world.send_reminder())
    with (
        mock.patch.object(handler, "use_cases", return_value=cases),
        mock.patch.object(handler, "AT_ONCE", 1),
        mock.patch.object(handler, "metric"),
    ):
        answer = handler.lambda_handler({"Records": records}, context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m2"}]}
    assert len(world.ses.sent) == 3
    send_rate_state, _ = SendStateStore(world.table).read()
    assert (send_rate_state.version, sum(send_rate_state.used.values())) == (1, 4)


def test_parked_requests_are_acknowledged_so_that_waiting_costs_no_try() -> None:
    world = waiting()
    stop(world)
    (message,) = world.sqs.messages
    cases = handler.UseCases(world.send_activation(), world.send_reminder())
    context = SimpleNamespace(
        function_name="f", memory_limit_in_mb=128, invoked_function_arn="arn", aws_request_id="request"
    )
    with mock.patch.object(handler, "use_cases", return_value=cases), mock.patch.object(handler, "metric") as metric:
        answer = handler.lambda_handler({"Records": [{"messageId": "m", "body": message}]}, context)
    assert answer == {"batchItemFailures": []}
    metric.assert_called_once_with("ActivationRefused")


def test_of_two_workers_that_saw_the_same_free_slots_one_gets_them() -> None:
    state = SendStateStore(World().table)
    for _ in range(2):
        seen, _ = state.read()
        first, second = leased(seen, 3)[0], leased(seen, 5)[0]
        assert state.save(seen, first)
        assert not state.save(seen, second)
        assert sum(state.read()[0].used.values()) == sum(first.used.values())


def test_what_the_log_tells_of_a_defect_holds_nothing_of_the_person() -> None:
    """The text of an error may hold an address; where it happened does not."""
    record = mock.Mock()
    defect = mock.patch.object(handler, "record_handler", side_effect=KeyError("ada@lakeside.example"))
    with defect, mock.patch.object(handler, "logger") as logger:
        assert handler._fails(record)
    logger.exception.assert_not_called()
    ((_, logged),) = [(call.args, call.kwargs) for call in logger.error.call_args_list]
    assert logged["extra"]["error"] == "KeyError"
    assert "ada@lakeside.example" not in str(logged)
