"""The life of an activation: reminders, its end, another one on request, what SES tells (M8, B5)."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from shared.domain.activation import Activation, ActivationState
from shared.domain.errors import RefusedTransition
from shared.domain.roster import NumberKind, RosterUserKey
from shared.stores.due_items import FOLLOW_UP, UNSETTLED, DueStore
from shared.stores.keys import due_key
from shared.stores.send_state import SendStateStore
from shared.stores.stuck_people import StuckStore
from tests.builders import account, roster, user
from tests.fakes.aws import MemorySes
from tests.harness import CONFIGURATION_SET, WEB, World
from tests.pages_harness import Website, linked_teacher

TEACHER = RosterUserKey("lakeside", "t1")
SCHOOL = "t1@lakeside.example"
OURS = {"ses:configuration-set": [CONFIGURATION_SET]}


def mailed(**settings: Any) -> World:
    """One teacher, whose activation mail went out on a Tuesday at ten, district time."""
    world = World()
    world.register(**settings)
    world.feed(account("ada", "ada@mail.example"))
    world.upload(roster(user("t1", "teacher"), user("a1", "administrator")))
    world.send_mail()
    return world


def kinds(world: World) -> list[str]:
    """The kinds of the mails that SES accepted, in their order."""
    return [next(t["Value"] for t in mail["EmailTags"] if t["Name"] == "kind") for mail in world.ses.sent]


def pass_days(world: World, days: int) -> None:
    """Let days go by, on each of which the schedule fires in the morning and in the evening, each time twice."""
    for _ in range(days * 2):
        world.pass_time(hours=12)
        for _ in range(2):
            world.queue_due_activations().run()
        world.send_mail()


def state(world: World) -> ActivationState:
    activation = world.activations.of_user(TEACHER)
    assert activation is not None
    return activation.state


def report(world: World, kind: str, *, tag: str = "activation_id", **more: Any) -> bool:
    activation = world.activations.of_user(TEACHER)
    assert activation is not None
    mail = {"messageId": "m", "tags": {tag: [activation.activation_id], **OURS}}
    return world.record_feedback().record({"eventType": kind, "mail": mail, **more})


def stuck(world: World) -> list[tuple[str, str]]:
    return [(person.user.sourced_id, person.code.value) for person in StuckStore(world.table).of_district("lakeside")]


def test_a_teacher_who_does_nothing_gets_two_reminders_and_then_is_stuck() -> None:
    world = mailed()
    pass_days(world, 6)
    assert kinds(world) == ["activation"]
    pass_days(world, 2)
    assert kinds(world) == ["activation", "reminder"]
    pass_days(world, 14)
    assert kinds(world) == ["activation", "reminder", "reminder"]
    pass_days(world, 30)
    assert kinds(world) == ["activation", "reminder", "reminder"]
    assert state(world) is ActivationState.EXPIRED
    assert stuck(world) == [("t1", "expired")]
    assert not list(DueStore(world.table).due(FOLLOW_UP, world.now))


def test_a_reminder_leads_where_the_first_mail_leads_and_stops_in_one_click() -> None:
    world = mailed()
    first = world.address_in_mail_to(SCHOOL)
    pass_days(world, 8)
    assert world.address_in_mail_to(SCHOOL) == first
    headers = {h["Name"]: h["Value"] for h in world.ses.sent[-1]["Content"]["Simple"]["Headers"]}
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    stop = headers["List-Unsubscribe"].strip("<>")
    web = Website(world)
    assert "Reminders about your account" in web.visitor().open(stop).text
    pass_days(world, 1)
    web.visitor().http.post(stop)
    pass_days(world, 30)
    assert kinds(world) == ["activation", "reminder"]


def test_reminders_keep_to_the_hours_and_school_days_of_the_district() -> None:
    """Seven days after a Friday evening it is Friday evening again: the reminder comes on Monday at seven."""
    world = World()
    world.register()
    world.pass_time(days=3, hours=12)
    world.upload(roster(user("t1", "teacher")))
    world.send_mail()
    activation = world.activations.of_user(TEACHER)
    assert activation is not None
    assert activation.follow_up_at == "2026-09-14T12:00:00.000Z"


def test_a_district_may_want_no_reminders_and_another_time_to_expire() -> None:
    world = mailed(activations={"reminders_after_days": [], "valid_days": 5})
    pass_days(world, 4)
    assert state(world) is ActivationState.SENT
    pass_days(world, 2)
    assert (kinds(world), state(world)) == (["activation"], ActivationState.EXPIRED)


def test_nobody_is_reminded_who_is_linked_matched_or_could_not_be_reached() -> None:
    world = mailed()
    web = Website(world)
    web.cognito.users = {"ada": ("correct horse", "ada")}
    linked_teacher(web)
    pass_days(world, 40)
    assert kinds(world) == ["activation"]

    bounced = mailed()
    report(bounced, "Bounce", bounce={"bounceType": "Permanent"})
    pass_days(bounced, 40)
    assert (kinds(bounced), stuck(bounced)) == (["activation"], [("t1", "bounced")])

    matched = mailed()
    matched.feed(account("own", SCHOOL))
    pass_days(matched, 40)
    assert kinds(matched) == ["activation"]


def test_a_teacher_off_the_roster_is_not_reminded_and_the_link_works_on_return() -> None:
    world = mailed(removal_threshold_percent=100)
    address = world.address_in_mail_to(SCHOOL)
    world.upload(roster(user("a1", "administrator")), name="without")
    pass_days(world, 9)
    assert kinds(world) == ["activation"]
    page = Website(world).visitor().open(address)
    assert (page.status, "Your school's list does not have you right now" in page.text) == (410, True)
    world.upload(roster(user("t1", "teacher"), user("a1", "administrator")), name="again")
    world.send_mail()
    assert Website(world).visitor().open(address).status == 200
    assert kinds(world) == ["activation"]


def test_a_reminder_of_which_nobody_can_say_whether_it_went_out_counts_as_sent() -> None:
    world = mailed()
    world.ses = MemorySes(gate=_lost_reply)
    pass_days(world, 8)
    world.ses = MemorySes()
    pass_days(world, 1)
    activation = world.activations.of_user(TEACHER)
    assert activation is not None
    assert (activation.reminders, kinds(world)) == (1, [])


def _lost_reply(_service: str, _operation: str, _request: Any, effect: Any) -> Any:
    effect()
    raise ReadTimeoutError(endpoint_url="ses")


def test_an_expired_link_offers_a_new_one_to_the_school_address_alone() -> None:
    world = mailed()
    old = world.address_in_mail_to(SCHOOL)
    pass_days(world, 31)
    before = len(world.ses.sent)
    web = Website(world)
    visitor = web.visitor()
    page = visitor.open(old)
    assert page.status == 410
    page = page.press("Send me a new link", school_email="someone@else.example")
    assert "Check your email" in page.text
    world.send_mail()
    assert len(world.ses.sent) == before
    page = visitor.open(old).press("Send me a new link", school_email=SCHOOL.upper())
    assert "Check your email" in page.text
    world.send_mail()
    assert len(world.ses.sent) == before + 1
    assert visitor.open(old).status == 410
    assert visitor.open(world.address_in_mail_to(SCHOOL)).status == 200


def test_an_administrator_sees_who_is_stuck_and_sends_another_mail() -> None:
    world = mailed(clever_district_id="clever-district-1")
    report(world, "Bounce", bounce={"bounceType": "Permanent"})
    web = Website(world)
    admin = web.visitor(sub="boss", email="a1@lakeside.example", email_verified=True)
    page = admin.open(f"{WEB}/sso/lakeside").press("Continue with Google")
    page = admin.open(f"{WEB}/console/lakeside")
    assert "People who are stuck" in page.text
    page = page.press("Send another mail to Kim Person")
    assert "People who are stuck" not in page.text
    world.send_mail()
    assert kinds(world) == ["activation", "activation"]


def test_whoever_links_is_stuck_no_more() -> None:
    world = mailed()
    report(world, "Bounce", bounce={"bounceType": "Transient"})
    assert stuck(world) == [("t1", "soft_bounce")]
    web = Website(world)
    web.cognito.users = {"ada": ("correct horse", "ada")}
    linked_teacher(web)
    assert stuck(world) == []


def test_after_a_bounce_a_corrected_address_is_mailed_and_an_unchanged_one_not() -> None:
    world = mailed()
    report(world, "Bounce", bounce={"bounceType": "Permanent"})
    world.upload(roster(user("t1", "teacher", given="Other"), user("a1", "administrator")), name="unchanged address")
    world.send_mail()
    assert len(world.ses.sent) == 1
    world.upload(roster(user("t1", "teacher", email="right@lakeside.example"), user("a1", "administrator")), name="new")
    world.send_mail()
    assert [mail["To"] for mail in world.ses.sent] == [SCHOOL, "right@lakeside.example"]
    assert stuck(world) == []


def test_a_teacher_whose_match_is_gone_before_any_mail_is_mailed_after_all() -> None:
    world = World()
    world.register()
    world.upload(roster(user("t1", "teacher")))
    world.feed(account("own", SCHOOL))
    world.send_mail()
    assert state(world) is ActivationState.WITHDRAWN
    world.upload(roster(user("t1", "teacher", email="other@lakeside.example")), name="moved")
    world.send_mail()
    assert [mail["To"] for mail in world.ses.sent] == ["other@lakeside.example"]


def test_activations_keep_to_school_hours_where_the_district_says_so() -> None:
    world = World()
    world.register(activations={"in_school_hours": True})
    world.pass_time(hours=12)
    world.upload(roster(user("t1", "teacher")))
    world.send_mail()
    assert world.ses.sent == []
    pass_days(world, 1)
    assert kinds(world) == ["activation"]


@pytest.mark.parametrize(
    ("kind", "more", "ends", "who_is_stuck"),
    [
        ("Send", {}, "sent", []),
        ("Delivery", {}, "delivered", []),
        ("Bounce", {"bounce": {"bounceType": "Permanent"}}, "bounced", [("t1", "bounced")]),
        ("Bounce", {"bounce": {"bounceType": "Permanent", "bounceSubType": "OnAccountSuppressionList"}}, "bounced",
         [("t1", "bounced")]),
        ("Bounce", {"bounce": {"bounceType": "Transient"}}, "sent", [("t1", "soft_bounce")]),
        ("Bounce", {"bounce": {"bounceType": "Undetermined"}}, "sent", [("t1", "soft_bounce")]),
        ("Complaint", {}, "complained", [("t1", "complained")]),
        ("Reject", {}, "bounced", [("t1", "bounced")]),
        ("DeliveryDelay", {}, "sent", []),
        ("Open", {}, "sent", []),
        ("Click", {}, "sent", []),
        ("Subscription", {}, "sent", []),
    ],
)  # fmt: skip
def test_each_kind_of_feedback_ends_in_its_state(
    kind: str, more: dict[str, Any], ends: str, who_is_stuck: list[tuple[str, str]]
) -> None:
    world = mailed()
    report(world, kind, **more)
    report(world, kind, **more)
    assert (state(world).value, stuck(world)) == (ends, who_is_stuck)


_STRENGTH = ("Send", "Delivery", "Complaint")
_SOME_IN_ANY_ORDER = [order for number in range(4) for order in permutations(_STRENGTH, number)]


@pytest.mark.parametrize("order", _SOME_IN_ANY_ORDER, ids=lambda order: " ".join(order) or "none")
def test_of_events_that_are_lost_late_twice_and_unordered_the_strongest_counts(order: tuple[str, ...]) -> None:
    """SES to EventBridge is best effort: any of them may be missing (developer guide, "Monitoring with EventBridge")."""
    world = mailed()
    for kind in (*order, *order):
        report(world, kind)
        world.pass_time(minutes=7)
    ends = {"": "sent", "Send": "sent", "Delivery": "delivered", "Complaint": "complained"}
    assert state(world).value == ends[max(order, key=_STRENGTH.index, default="")]


def test_every_event_file_of_ses_is_understood() -> None:
    """The files are what ``sam local invoke`` feeds to the function."""
    for path in sorted(Path("events").glob("ses-*.json")):
        detail = json.loads(path.read_text())["detail"]
        world = mailed()
        activation = world.activations.of_user(TEACHER)
        assert activation is not None
        detail["mail"]["tags"] = {"activation_id": [activation.activation_id], **OURS}
        before = world.table.items["USER#lakeside#t1", "ACTIVATION"]
        world.record_feedback().record(detail)
        after = world.table.items["USER#lakeside#t1", "ACTIVATION"]
        assert (path.name == "ses-send.json") == (before == after), path.name


def test_a_complaint_about_a_reminder_counts_and_its_delivery_changes_nothing() -> None:
    world = mailed()
    assert report(world, "Delivery", tag="reminder_of") is False
    assert report(world, "Complaint", tag="reminder_of")
    assert state(world) is ActivationState.COMPLAINED


def test_bad_addresses_stop_a_districts_mail_until_a_person_resumes_it() -> None:
    """The suppression list costs no reputation; five bounces of a day's few mails do (``shared.domain.sender_reputation``)."""
    world = mailed()
    lakesides = {**OURS, "district": ["lakeside"]}
    for number in range(9):
        mail = {"messageId": f"s{number}", "tags": lakesides}
        bounce = {"bounceType": "Permanent", "bounceSubType": "OnAccountSuppressionList"}
        world.record_feedback().record({"eventType": "Bounce", "mail": mail, "bounce": bounce})
    assert SendStateStore(world.table).breaker("lakeside").has_stopped is False
    for number in range(5):
        mail = {"messageId": f"b{number}", "tags": {"kind": ["nudge"], **lakesides}}
        world.record_feedback().record({"eventType": "Bounce", "mail": mail, "bounce": {"bounceType": "Permanent"}})
    assert SendStateStore(world.table).breaker("lakeside").has_stopped
    world.upload(roster(user("t1", "teacher"), user("t2", "teacher"), user("a1", "administrator")), name="more")
    world.send_mail()
    pass_days(world, 8)
    assert kinds(world) == ["activation"]
    SendStateStore(world.table).resume("ann", "the list was corrected", world.now, "lakeside")
    pass_days(world, 2)
    assert sorted(kinds(world)) == ["activation", "activation", "reminder"]


def test_an_event_of_two_weeks_ago_counts_for_nothing() -> None:
    world = mailed()
    before = dict(world.table.items)
    old = {"messageId": "m", "tags": OURS, "timestamp": "2026-08-17T15:00:00.000Z"}
    for kind in ("Send", "Complaint"):
        world.record_feedback().record({"eventType": kind, "mail": old})
    assert dict(world.table.items) == before


def with_a_lost_reply() -> World:
    """A teacher's mail was handed to SES, and whether SES took it is not known."""
    world = World()
    world.register()
    world.upload(roster(user("t1", "teacher")))
    world.ses = MemorySes(gate=_lost_reply)
    with pytest.raises(Exception, match="delivery_unknown"):
        world.send_mail()
    return world


def test_the_event_settles_an_unknown_delivery_and_the_follow_up_is_kept() -> None:
    world = with_a_lost_reply()
    world.ses = MemorySes()
    assert report(world, "Send")
    pass_days(world, 8)
    assert kinds(world) == ["reminder"]


def test_an_unanswered_mail_is_shown_to_a_person() -> None:
    world = World()
    world.register()
    world.upload(roster(user("t1", "teacher")))
    message = world.sqs.messages[0]
    world.ses = MemorySes(gate=_lost_reply)
    with pytest.raises(Exception, match="delivery_unknown"):
        world.send_mail()
    world.ses = MemorySes()
    world.pass_time(minutes=11)
    world.sqs.messages.append(message)
    world.send_mail()
    assert stuck(world) == [("t1", "unanswered")]


def test_a_mail_untold_for_a_day_is_shown_to_a_person_and_not_sent_again() -> None:
    world = mailed()
    world.pass_time(hours=23)
    assert (world.note_unsettled_mails().run(), stuck(world)) == (0, [])
    world.pass_time(hours=2)
    assert (world.note_unsettled_mails().run(), stuck(world)) == (1, [("t1", "untold")])
    assert world.note_unsettled_mails().run() == 0
    world.send_mail()
    assert kinds(world) == ["activation"]
    web = Website(world)
    admin = web.visitor(sub="boss", email="a1@lakeside.example", email_verified=True)
    admin.open(f"{WEB}/sso/lakeside").press("Continue with Google")
    page = admin.open(f"{WEB}/console/lakeside")
    assert "it is not known whether it arrived" in page.text
    page.press("Send another mail to Kim Person")
    world.send_mail()
    assert (kinds(world), stuck(world)) == (["activation", "activation"], [])


def test_a_word_of_ses_that_comes_at_the_moment_of_the_look_counts() -> None:
    world = mailed()
    world.pass_time(hours=25)
    ((user_key, due_at, _),) = DueStore(world.table).due(UNSETTLED, world.now)
    as_read = world.activations.of_user(user_key)
    assert as_read
    report(world, "Delivery")
    assert not world.activations.note_unsettled(as_read, due_key(UNSETTLED, user_key, due_at), now=world.now)
    assert (state(world).value, stuck(world)) == ("delivered", [])


def test_a_mail_without_an_answer_is_found_though_its_request_is_lost() -> None:
    world = with_a_lost_reply()
    world.pass_time(hours=25)
    assert (world.note_unsettled_mails().run(), stuck(world)) == (1, [("t1", "unanswered")])


def test_an_unsettled_mail_is_found_whatever_kind_its_persons_number_has() -> None:
    world = World()
    for kind in NumberKind:
        activation = Activation(f"id-{kind}", RosterUserKey("lakeside", "1", kind), SCHOOL)
        world.activations.create_pending(activation)
        world.activations.claim(activation, now=world.now, lease=timedelta(minutes=10))
    world.pass_time(hours=25)
    assert world.note_unsettled_mails().run() == len(NumberKind)


def test_an_unsettled_mail_is_found_under_its_persons_new_number() -> None:
    world = mailed(removal_threshold_percent=100)
    files = roster(user("t1-new", "teacher", email=SCHOOL), user("a1", "administrator"))
    world.upload({**files, "id_map.csv": "kind,oldSourcedId,newSourcedId\nuser,t1,t1-new\n"}, name="renumbered")
    world.pass_time(hours=25)
    assert (world.note_unsettled_mails().run(), stuck(world)) == (1, [("t1-new", "untold")])


@pytest.mark.parametrize(
    ("kind", "more"),
    [("Delivery", {}), ("Complaint", {}), ("Reject", {}), ("Bounce", {"bounce": {"bounceType": "Permanent"}})],
)
def test_what_became_of_a_mail_takes_its_look_away(kind: str, more: dict[str, Any]) -> None:
    """A look costs what is unsettled, and nothing for the others."""
    world = mailed()
    assert list(DueStore(world.table).all_of(UNSETTLED))
    report(world, kind, **more)
    assert not list(DueStore(world.table).all_of(UNSETTLED))


@pytest.mark.parametrize("word", ["Delivery", "Complaint"])
def test_a_late_word_of_ses_ends_what_nobody_knew(word: str) -> None:
    world = mailed()
    world.pass_time(hours=25)
    world.note_unsettled_mails().run()
    report(world, word)
    assert stuck(world) == ([] if word == "Delivery" else [("t1", "complained")])


def test_who_used_the_link_or_has_another_mail_is_not_stuck_for_the_first() -> None:
    world = mailed()
    web = Website(world)
    web.cognito.users = {"ada": ("correct horse", "ada")}
    linked_teacher(web)
    again = mailed()
    pass_days(again, 31)
    again.resend_activation().resend(TEACHER)
    world.pass_time(hours=25)
    for each in (world, again):
        assert (each.note_unsettled_mails().run(), list(DueStore(each.table).due(UNSETTLED, each.now))) == (0, [])


def test_a_mail_that_was_refused_leaves_no_look_behind() -> None:
    world = World()
    world.register()
    world.upload(roster(user("t1", "teacher")))
    world.ses = MemorySes(gate=_too_fast)
    world.send_mail()
    assert state(world) is ActivationState.PENDING
    assert not list(DueStore(world.table).all_of(UNSETTLED))


def _too_fast(_service: str, operation: str, _request: Any, effect: Any) -> Any:
    if operation != "SendEmail":
        return effect()
    raise ClientError({"Error": {"Code": "TooManyRequestsException"}}, operation)


def test_no_second_mail_while_the_first_waits_or_for_somebody_off_the_roster() -> None:
    world = World()
    world.register(removal_threshold_percent=100)
    world.upload(roster(user("t1", "teacher"), user("a1", "administrator")))
    with pytest.raises(RefusedTransition, match="waits for its mail"):
        world.resend_activation().resend(TEACHER)
    world.send_mail()
    world.upload(roster(user("a1", "administrator")), name="without")
    with pytest.raises(RefusedTransition, match="not on the roster"):
        world.resend_activation().resend(TEACHER)


def test_the_page_of_a_new_link_is_limited() -> None:
    world = mailed()
    old = world.address_in_mail_to(SCHOOL)
    pass_days(world, 31)
    visitor = Website(world).visitor()
    pages = [visitor.open(old).press("Send me a new link", school_email="x@y.example").status for _ in range(6)]
    assert pages == [200] * 5 + [429]
