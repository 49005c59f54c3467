"""The activation mail: requests from the queue, what SES tells, and one accepted mail at most (B5, M8)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from shared.domain.errors import RefusedTransition
from shared.domain.roster import RosterUserKey
from shared.stores.activation_queue import ActivationQueue
from simulation.laboratory import DAY, Feature, Laboratory, Worker

_ENDS = ("bounced", "complained", "expired", "withdrawn")
LATER = 1_300 / DAY
"""When the lease of a reminder is over, in days."""


def _sends(lab: Laboratory, message: str) -> None:
    body = json.loads(message)
    user = RosterUserKey(body["district_id"], body["sourced_id"])
    link = lab.world.table.items.get((f"USER#{user.district_id}#{user.sourced_id}", "LINK"), {})
    needless = link.get("state") in ("matched", "linked")
    me, before = lab.chaos.worker, len(lab.chaos.calls)
    try:
        _send(lab, user, body)
    finally:
        # Another worker may have been between its look and its send when the match came: that mail is under way.
        if needless and any(c.operation == "SendEmail" and c.worker == me for c in lab.chaos.calls[before:]):
            lab.wrong.append("a mail to somebody who was matched already")


def _send(lab: Laboratory, user: RosterUserKey, body: dict[str, str]) -> None:
    if "follow_up" in body:
        if lab.world.following_up().look(user, body["follow_up"]) == "open":
            lab.unanswered.add("reminder")
        return
    if lab.world.sending().send(user, body["activation_id"]) == "unanswered":
        lab.unanswered.add(body["activation_id"])


def _is_told(lab: Laboratory, detail: dict[str, Any]) -> None:
    lab.world.feedback().take(detail)


def _collect(lab: Laboratory) -> None:
    """Messages of the queue become deliveries; of each accepted mail SES tells twice."""
    world = lab.world
    while world.sqs.messages:
        lab.send("sqs", world.sqs.messages.pop(0))
    told = lab.facts.setdefault("mails told", 0)
    for mail in world.ses.sent[told:]:
        tags = {t["Name"]: [t["Value"]] for t in mail["EmailTags"]}
        _check_pause(lab, tags)
        if "activation_id" in tags:
            _check_state(lab, tags["activation_id"][0])
            for kind, later in _comes_of(lab, mail["To"]):
                about = {"messageId": mail["MessageId"], "tags": tags}
                detail = {"eventType": kind, "mail": about, "bounce": {"bounceType": "Permanent"}}
                lab.send("ses", detail, after=lab.elapsed + later)
            if mail["To"] == "t6@lakeside.example" and not lab.facts["renewed"]:
                for _ in range(2):
                    lab.send("renewal", RosterUserKey("lakeside", "t6"), after=lab.elapsed + 5)
                    if lab.people_race:
                        lab.send("visit", ("activates", "t6", "pat"), after=lab.elapsed + 5)
    lab.facts["mails told"] = len(world.ses.sent)


def _check_pause(lab: Laboratory, tags: dict[str, list[str]]) -> None:
    """Between a mail and the next reminder lie seven days at least, but for the time that a delivery takes."""
    for activation_id in tags.get("reminder_of", tags.get("activation_id", ())):
        before = lab.facts.setdefault("invited", {})
        if lab.elapsed - before.get(activation_id, -7 * DAY) < 6 * DAY:
            lab.wrong.append("two reminders of one date")
        before[activation_id] = lab.elapsed


def _comes_of(lab: Laboratory, address: str) -> list[tuple[str, float]]:
    """What SES tells of a mail, and how many seconds after it.

    Lakeside's t2 complains of the mail, valley's when it has expired; the first one to t6 bounces.
    """
    if address == "t6@lakeside.example" and not lab.facts["renewed"] and not lab.people_race:
        return [("Send", 5), ("Bounce", 5)]
    complaint = {"t2@lakeside.example": 5.0, "t2@valley.example": 60 * DAY}.get(address)
    return [("Send", 5), ("Delivery", 5), *([("Complaint", complaint)] if complaint else [])]


def _wakes(lab: Laboratory, _what: str) -> None:
    lab.world.schedule().run()


def _renews(lab: Laboratory, user: RosterUserKey) -> None:
    """Somebody at the district asks for another mail; two do at the same moment."""
    activation = lab.world.activations.of_user(user)
    if activation is None:
        raise RefusedTransition("not_yet", "There is no activation yet.")
    if not lab.facts["renewed"]:
        activation = lab.world.activations.renew(
            activation,
            lab.world.new_id(),
            activation.official_email,
            now=lab.world.now,
            valid_for=timedelta(days=30),
        )
    ActivationQueue(lab.world.sqs, "queue").request([activation])


def _week(lab: Laboratory) -> None:
    lab.facts["renewed"] = 0
    lab.world.table.listeners.append(lambda before, after: _watch(lab, before, after))
    twice = (9, 10.2, 10.3)
    after_a_lease = (9 + LATER, 17 + LATER)
    for day in (0.075, 0.6, 1.03, *twice, 17, 25, 33, 41, 50, *after_a_lease):
        lab.send("wake", "activations", after=day * DAY)
    for day in twice:
        lab.send("wake", "activations", after=day * DAY + 1)


def _watch(lab: Laboratory, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
    """One activation goes forward only, and may be followed by another."""
    if not before or not after or after["SK"] != "ACTIVATION":
        return
    if before["activation_id"] != after["activation_id"]:
        lab.facts["renewed"] = after["activation_id"]
    elif before["state"] in _ENDS and after["state"] != before["state"]:
        lab.wrong.append(f"{after['PK']}: {before['state']}, and then {after['state']}")


def _check_state(lab: Laboratory, activation_id: str) -> None:
    mine = lab.world.table.of_kind("ACTIVATION")
    states = [item["state"] for _, item in mine if item["activation_id"] == activation_id]
    if not states:
        lab.wrong.append("a mail went out for an activation that was replaced")
    elif states[0] in ("pending", "withdrawn"):
        lab.wrong.append(f"a mail went out for an activation that is {states[0]}")


def _safety(lab: Laboratory) -> Iterator[str]:
    """Each person has one activation, but for the one who asked for another."""
    seen: set[str] = set()
    for mail in lab.world.ses.sent:
        tags = {t["Name"]: t["Value"] for t in mail["EmailTags"]}
        if "activation_id" not in tags:
            continue
        asked = tags["activation_id"] == lab.facts["renewed"]
        if tags["activation_id"] in seen or (mail["To"] in seen and not asked):
            yield "two activation mails to one person"
        seen |= {tags["activation_id"], mail["To"]}
    reminders = Counter(tag for m in lab.world.ses.sent for tag in _tag(m, "reminder_of"))
    if any(number > 2 for number in reminders.values()):
        yield "more reminders than the district wants"
    mailed = {m["MessageId"]: str(m["EmailTags"]) for m in lab.world.ses.sent}
    for (pk, _), item in lab.world.table.of_kind("ACTIVATION"):
        if item["activation_id"] not in mailed.get(item.get("message_id"), item["activation_id"]):
            yield f"{pk}: the feedback of another mail"
        if "used_at" not in item:
            link = lab.world.table.items.get((pk, "LINK"), {})
            if (link.get("state"), link.get("by")) == ("linked", "activation"):
                yield f"{pk}: linked by a mail that counts as unused"


def _tag(mail: dict[str, Any], name: str) -> list[str]:
    return [tag["Value"] for tag in mail["EmailTags"] if tag["Name"] == name]


def _at_rest(lab: Laboratory) -> dict[str, Any]:
    kept: dict[str, Any] = {
        f"{pk} {sk}": (item["state"], "used_at" in item) for (pk, sk), item in lab.world.table.of_kind("ACTIVATION")
    }
    kept["mailed"] = sorted(m["To"] for m in lab.world.ses.sent if _tag(m, "activation_id"))
    kept["reminded"] = sorted(m["To"] for m in lab.world.ses.sent if _tag(m, "reminder_of"))
    return kept


ACTIVATION = Feature(
    "activation",
    workers={
        "sqs": Worker(_sends, 6, 360, may_come_twice=True),
        "wake": Worker(_wakes, 6, 60),
        "renewal": Worker(_renews, 10, 600, is_parked=False),
        "ses": Worker(_is_told, 4, 60, may_come_twice=True),
    },
    week=_week,
    collect=_collect,
    safety=_safety,
    at_rest=_at_rest,
)
