"""A restored table beside the one that it takes the place of: nobody is mailed twice, and what differs is told (B5)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.activation import ActivationState
from shared.domain.clock import to_iso
from shared.domain.link import Proof
from shared.stores.keys import account_key, activation_key, send_breaker_key, session_key
from shared.stores.links import Consent
from shared.stores.restored_table import CarriedOver, RestoredTable
from tests.builders import account, key, roster, user
from tests.harness import CONFIGURATION_SET, World
from tests.restored import moment, restored


def carried(old: World, world: World) -> CarriedOver:
    return RestoredTable(old.table, world.table).carry_over()


def after_a_restore(now: World, then: World) -> World:
    """The service goes on with the table of an earlier moment, into which was brought what was mailed since."""
    world = restored(now, table=then)
    carried(now, world)
    return world


def mails(world: World) -> list[str]:
    return sorted(mail["To"].partition("@")[0] for mail in world.ses.sent)


def a_night(world: World) -> None:
    """What the schedule does, and the nightly roster."""
    world.pass_time(days=1)
    world.upload(roster(user("t1", "teacher"), user("t2", "teacher"), user("t3", "teacher")))
    world.queue_due_activations().run()
    world.send_mail()


@pytest.fixture
def world() -> World:
    world = World()
    world.register()
    world.upload(roster(user("t1", "teacher"), user("t2", "teacher")))
    return world


def tells(world: World, kind: str) -> None:
    """SES tells what became of the last mail."""
    mail = world.ses.sent[-1]
    tags = {tag["Name"]: [tag["Value"]] for tag in mail["EmailTags"]} | {"ses:configuration-set": [CONFIGURATION_SET]}
    about = {"messageId": mail["MessageId"], "tags": tags}
    world.record_feedback().record({"eventType": kind, "mail": about, "bounce": {"bounceType": "Permanent"}})


def test_a_mail_that_went_out_since_does_not_go_out_again(world: World) -> None:
    # Given a moment at which two mails wait in the queue, and a third teacher is not there yet
    then = moment(world)
    waiting = list(world.sqs.messages)
    a_night(world)
    assert mails(world) == ["t1", "t2", "t3"]
    # When the table of that moment takes the place, and the queue has its messages once more
    world = after_a_restore(world, then)
    world.sqs.messages += waiting
    world.send_mail()
    a_night(world)
    # Then nobody was mailed twice
    assert mails(world) == ["t1", "t2", "t3"]


def test_without_it_they_would_be_mailed_again(world: World) -> None:
    then = moment(world)
    a_night(world)
    world = restored(world, table=then)
    a_night(world)
    assert mails(world).count("t3") == 2


def test_a_mail_that_did_not_go_out_yet_goes_out_once(world: World) -> None:
    then = moment(world)
    world = after_a_restore(world, then)
    world.send_mail()
    a_night(world)
    assert mails(world) == ["t1", "t2", "t3"]


def test_a_reminder_that_went_out_since_counts(world: World) -> None:
    world.send_mail()
    tells(world, "Delivery")
    then = moment(world)
    world.pass_time(days=8)
    world.queue_due_activations().run()
    world.send_mail()
    reminded = len(world.ses.sent)
    world = after_a_restore(world, then)
    world.queue_due_activations().run()
    world.send_mail()
    assert len(world.ses.sent) == reminded > 2
    # And the next one comes when it is due.
    world.pass_time(days=15)
    world.queue_due_activations().run()
    world.send_mail()
    assert len(world.ses.sent) > reminded


def test_whose_mail_came_back_since_is_stuck(world: World) -> None:
    then = moment(world)
    world.send_mail()
    tells(world, "Bounce")
    world = after_a_restore(world, then)
    (item,) = [item for _, item in world.table.items.items() if item["PK"] == "STUCK#lakeside"]
    assert item["code"] == "bounced"


def test_a_mail_that_ses_says_nothing_of_is_still_looked_at(world: World) -> None:
    then = moment(world)
    world.send_mail()
    world = after_a_restore(world, then)
    world.pass_time(days=2)
    assert world.note_unsettled_mails().run() == 2


def test_the_link_of_a_mail_works_again_where_what_it_made_is_gone(world: World) -> None:
    world.feed(account("ada", "ada@mail.example"))
    world.send_mail()
    then = moment(world)
    activation = world.activations.of_user(key("t1"))
    assert activation
    consent = Consent(key("t1"), "ada", Proof.ACTIVATION, activation=activation)
    world.links.make(consent, event_id="e", now=world.now)
    old, world = world, restored(world, table=then)
    result = carried(old, world)
    assert result.links_made == ["lakeside t1"]
    found = world.activations.of_user(key("t1"))
    assert found
    assert found.used_at is None
    a_night(world)
    assert mails(world).count("t1") == 1


def linked(world: World, *, nudge: bool = False) -> None:
    """The first teacher has made a link."""
    world.feed(account("ada", "ada@mail.example"))
    at = world.now if nudge else None
    world.links.make(Consent(key("t1"), "ada", Proof.ACTIVATION, nudge_at=at), event_id="e", now=world.now)


def test_a_nudge_that_went_out_since_counts(world: World) -> None:
    linked(world, nudge=True)
    then, due_at = moment(world), world.nudges.due_at(key("t1"))
    next_at = world.now + timedelta(days=14)
    world.nudges.move(key("t1"), due_at or "", next_at, sent_at=to_iso(world.now))
    world = after_a_restore(world, then)
    nudges = world.nudges.of_user(key("t1"))
    assert (nudges.sent, nudges.due_at) == (1, to_iso(next_at))
    due = [sk for pk, sk in world.table.items if pk.startswith("DUE#nudge")]
    assert due == [f"{to_iso(next_at)}#lakeside#t1"]


def test_a_notice_of_a_link_that_went_out_since_does_not_go_out_again(world: World) -> None:
    linked(world)
    then = moment(world)
    world.notify_of_links()
    told = len(world.ses.sent)
    world = after_a_restore(world, then)
    world.notify_of_links()
    assert len(world.ses.sent) == told > 0


def test_mail_that_was_stopped_since_stays_stopped(world: World) -> None:
    then = moment(world)
    world.table.put_item(Item={**send_breaker_key("lakeside"), "opened_at": "2026-09-01T00:00:00Z"})
    world = after_a_restore(world, then)
    assert ("SENDING", "BREAKER#lakeside") in world.table.items


def test_sessions_that_were_ended_since_do_not_live_again(world: World) -> None:
    world.table.put_item(Item={**session_key("secret"), "account_id": "ada", "ttl": 2_000_000_000})
    then = moment(world)
    world.table.delete_item(Key=session_key("secret"))
    world = after_a_restore(world, then)
    assert not [pk for pk, _ in world.table.items if pk.startswith("SESSION#")]


def test_who_has_to_be_looked_at_is_told(world: World) -> None:
    # Given a link that was undone since, and an account that was deleted since
    linked(world)
    then = moment(world)
    link = world.links.of_user(key("t1"))
    assert link
    world.links.end(link, event_id="e2", now=world.now)
    world.table.delete_item(Key=account_key("ada"))
    result = carried(world, restored(world, table=then))
    assert (result.links_ended, result.accounts_deleted) == (["lakeside t1"], ["ada"])


def test_a_mail_to_somebody_who_has_another_number_here_is_found(world: World) -> None:
    then = moment(world)
    world.send_mail()
    (item,) = [dict(i) for (pk, sk), i in world.table.items.items() if (pk, sk) == ("USER#lakeside#t1", "ACTIVATION")]
    world.table.delete_item(Key=activation_key(key("t1")))
    world.table.put_item(Item={**item, **activation_key(key("new1"))})
    world = after_a_restore(world, then)
    found = world.activations.of_user(key("t1"))
    assert found
    assert found.state is ActivationState.SENT
    assert ("USER#lakeside#new1", "ACTIVATION") not in world.table.items


def test_done_again_it_changes_nothing(world: World) -> None:
    linked(world, nudge=True)
    then = moment(world)
    a_night(world)
    old, world = world, after_a_restore(world, then)
    before = {at: dict(item) for at, item in world.table.items.items()}
    assert not +carried(old, world).done
    assert world.table.items == before
