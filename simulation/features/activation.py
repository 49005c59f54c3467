"""The activation mail: requests from the queue, what SES tells, and one accepted mail at most (B5, M8)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from functions.mail_feedback.record_feedback import CONFIGURATION_SET_TAG
from shared.domain.errors import RefusedTransition
from shared.domain.roster import RosterUserKey
from shared.stores.activation_queue import ActivationQueue
from simulation.simulator import DAY, Feature, Simulation, Worker
from tests.harness import CONFIGURATION_SET

_ENDS = ("bounced", "complained", "expired", "withdrawn")
LATER = 1_300 / DAY
"""When the lease of a reminder is over, in days."""


def _sends(sim: Simulation, message: str) -> None:
    body = json.loads(message)
    user = RosterUserKey(body["district_id"], body["sourced_id"])
    link = sim.world.table.items.get((f"USER#{user.district_id}#{user.sourced_id}", "LINK"), {})
    needless = link.get("state") in ("matched", "linked")
    me, before = sim.injector.worker, len(sim.injector.calls)
    try:
        _send(sim, user, body)
    finally:
        # Another worker may have been between its look and its send when the match came: that mail is under way.
        if needless and any(c.operation == "SendEmail" and c.worker == me for c in sim.injector.calls[before:]):
            sim.violations.append("a mail to somebody who was matched already")


def _send(sim: Simulation, user: RosterUserKey, body: dict[str, str]) -> None:
    if "follow_up" in body:
        if sim.world.send_reminder().send(user, body["follow_up"]) in ("unknown", "unanswered"):
            sim.unanswered.add("reminder")
        return
    if sim.world.send_activation().send(user, body["activation_id"]) == "unanswered":
        sim.unanswered.add(body["activation_id"])


def _is_told(sim: Simulation, detail: dict[str, Any]) -> None:
    sim.world.record_feedback().record(detail)


def _collect(sim: Simulation) -> None:
    """Messages of the queue become deliveries; of each accepted mail SES tells twice."""
    world = sim.world
    while world.sqs.messages:
        sim.send("sqs", world.sqs.messages.pop(0))
    reported = sim.facts.setdefault("mails reported", 0)
    for mail in world.ses.sent[reported:]:
        tags = {t["Name"]: [t["Value"]] for t in mail["EmailTags"]} | {CONFIGURATION_SET_TAG: [CONFIGURATION_SET]}
        _check_pause(sim, tags)
        if "activation_id" in tags:
            _check_state(sim, tags["activation_id"][0])
            for kind, later in _comes_of(sim, mail["To"]):
                about = {"messageId": mail["MessageId"], "tags": tags}
                detail = {"eventType": kind, "mail": about, "bounce": {"bounceType": "Permanent"}}
                sim.send("ses", detail, after=sim.elapsed + later)
            if mail["To"] == "t6@lakeside.example" and not sim.facts["renewed"]:
                for _ in range(2):
                    sim.send("renewal", RosterUserKey("lakeside", "t6"), after=sim.elapsed + 5)
                    if sim.people_race:
                        sim.send("visit", ("activates", "t6", "pat"), after=sim.elapsed + 5)
    sim.facts["mails reported"] = len(world.ses.sent)


def _check_pause(sim: Simulation, tags: dict[str, list[str]]) -> None:
    """Between a mail and the next reminder lie seven days at least, but for the time that a delivery takes."""
    for activation_id in tags.get("reminder_of", tags.get("activation_id", ())):
        before = sim.facts.setdefault("invited", {})
        if sim.elapsed - before.get(activation_id, -7 * DAY) < 6 * DAY:
            sim.violations.append("two reminders of one date")
        before[activation_id] = sim.elapsed


def _comes_of(sim: Simulation, address: str) -> list[tuple[str, float]]:
    """What SES tells of a mail, and how many seconds after it.

    Lakeside's t2 complains of the mail, valley's when it has expired; the first one to t6 bounces.
    """
    if address == "t6@lakeside.example" and not sim.facts["renewed"] and not sim.people_race:
        return [("Send", 5), ("Bounce", 5)]
    complaint = {"t2@lakeside.example": 5.0, "t2@valley.example": 60 * DAY}.get(address)
    return [("Send", 5), ("Delivery", 5), *([("Complaint", complaint)] if complaint else [])]


def _wakes(sim: Simulation, _what: str) -> None:
    sim.world.queue_due_activations().run()
    sim.world.note_unsettled_mails().run()


def _renews(sim: Simulation, user: RosterUserKey) -> None:
    """Somebody at the district asks for another mail; two do at the same moment."""
    activation = sim.world.activations.of_user(user)
    if activation is None:
        raise RefusedTransition("not_yet", "There is no activation yet.")
    if not sim.facts["renewed"]:
        activation = sim.world.activations.renew(
            activation,
            sim.world.new_id(),
            activation.official_email,
            now=sim.world.now,
            valid_for=timedelta(days=30),
        )
    ActivationQueue(sim.world.sqs, "queue").request([activation])


def _scenario(sim: Simulation) -> None:
    sim.facts["renewed"] = 0
    sim.world.table.listeners.append(lambda before, after: _watch(sim, before, after))
    twice = (9, 10.2, 10.3)
    after_a_lease = (9 + LATER, 17 + LATER)
    for day in (0.075, 0.6, 1.03, *twice, 17, 25, 33, 41, 50, *after_a_lease):
        sim.send("wake", "activations", after=day * DAY)
    for day in twice:
        sim.send("wake", "activations", after=day * DAY + 1)


def _watch(sim: Simulation, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
    """One activation goes forward only, and may be followed by another."""
    if not before or not after or after["SK"] != "ACTIVATION":
        return
    if before["activation_id"] != after["activation_id"]:
        sim.facts["renewed"] = after["activation_id"]
    elif before["state"] in _ENDS and after["state"] != before["state"]:
        sim.violations.append(f"{after['PK']}: {before['state']}, and then {after['state']}")


def _check_state(sim: Simulation, activation_id: str) -> None:
    mine = sim.world.table.of_kind("ACTIVATION")
    states = [item["state"] for _, item in mine if item["activation_id"] == activation_id]
    if not states:
        sim.violations.append("a mail went out for an activation that was replaced")
    elif states[0] in ("pending", "withdrawn"):
        sim.violations.append(f"a mail went out for an activation that is {states[0]}")


def _safety(sim: Simulation) -> Iterator[str]:
    """Each person has one activation, but for the one who asked for another."""
    seen: set[str] = set()
    for mail in sim.world.ses.sent:
        tags = {t["Name"]: t["Value"] for t in mail["EmailTags"]}
        if "activation_id" not in tags:
            continue
        asked = tags["activation_id"] == sim.facts["renewed"]
        if tags["activation_id"] in seen or (mail["To"] in seen and not asked):
            yield "two activation mails to one person"
        seen |= {tags["activation_id"], mail["To"]}
    reminders = Counter(tag for m in sim.world.ses.sent for tag in _tag(m, "reminder_of"))
    if any(number > 2 for number in reminders.values()):
        yield "more reminders than the district wants"
    mailed = {m["MessageId"]: str(m["EmailTags"]) for m in sim.world.ses.sent}
    for (pk, _), item in sim.world.table.of_kind("ACTIVATION"):
        if item["activation_id"] not in mailed.get(item.get("message_id"), item["activation_id"]):
            yield f"{pk}: the feedback of another mail"
        if "used_at" not in item:
            link = sim.world.table.items.get((pk, "LINK"), {})
            if (link.get("state"), link.get("by")) == ("linked", "activation"):
                yield f"{pk}: linked by a mail that counts as unused"


def _tag(mail: dict[str, Any], name: str) -> list[str]:
    return [tag["Value"] for tag in mail["EmailTags"] if tag["Name"] == name]


def _at_rest(sim: Simulation) -> dict[str, Any]:
    kept: dict[str, Any] = {
        f"{pk} {sk}": (item["state"], "used_at" in item) for (pk, sk), item in sim.world.table.of_kind("ACTIVATION")
    }
    kept["mailed"] = sorted(m["To"] for m in sim.world.ses.sent if _tag(m, "activation_id"))
    kept["reminded"] = sorted(m["To"] for m in sim.world.ses.sent if _tag(m, "reminder_of"))
    return kept


ACTIVATION = Feature(
    "activation",
    workers={
        "sqs": Worker(_sends, 6, 360, may_come_twice=True),
        "wake": Worker(_wakes, 6, 60),
        "renewal": Worker(_renews, 10, 600, is_parked=False),
        "ses": Worker(_is_told, 4, 60, may_come_twice=True),
    },
    scenario=_scenario,
    collect=_collect,
    safety=_safety,
    at_rest=_at_rest,
)
