"""What is due goes to the queue: only activations that still wait for their mail, and each of them once."""

from __future__ import annotations

import json

from shared.stores.activation_queue import ActivationQueue
from shared.stores.due_items import PARKED, DueStore
from tests.builders import key, roster, user
from tests.harness import World


def test_only_what_still_waits_is_queued_and_nothing_stays_due() -> None:
    world = World()
    world.register()
    world.upload(roster(user("t1", "teacher"), user("t2", "teacher")))
    waiting = world.activations.of_user(key("t1"))
    sent = world.activations.of_user(key("t2"))
    assert waiting is not None
    assert sent is not None
    world.sqs.messages.clear()
    ActivationQueue(world.sqs, "queue").request([sent])
    world.send_mail()
    ids = {"t1": waiting.activation_id, "t2": sent.activation_id}
    due = DueStore(world.table)
    for person in ("t1", "t2", "has-no-activation"):
        due.add(PARKED, key(person), world.now, activation_id=ids.get(person, "none"))

    assert world.queue_due_activations().run() == 1
    assert [json.loads(message)["sourced_id"] for message in world.sqs.messages] == ["t1"]
    assert list(due.due(PARKED, world.now)) == []


def test_a_request_finds_who_has_another_number_since() -> None:
    # Given a mail that waits, and requests from before its person's number was another one
    world = World()
    world.register()
    world.upload(roster(user("t2", "teacher")))
    activation = world.activations.of_user(key("t2"))
    assert activation
    world.sqs.messages.clear()
    DueStore(world.table).add(PARKED, key("t1", "teacher"), world.now, activation_id=activation.activation_id)
    # When
    assert world.queue_due_activations().run() == 1
    world.send_activation().send(key("t1", "teacher"), activation.activation_id)
    world.send_mail()
    # Then
    assert [mail["To"] for mail in world.ses.sent] == ["t2@lakeside.example"]
