"""The activation mail: requests from the queue, what SES tells, and one accepted mail at most (B5, M8)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from shared.roster import RosterUserKey
from tests.faults.laboratory import Feature, Laboratory, Worker


def _sends(lab: Laboratory, message: str) -> None:
    body = json.loads(message)
    user = RosterUserKey(body["district_id"], body["sourced_id"])
    link = lab.world.table.items.get((f"USER#{user.district_id}#{user.sourced_id}", "LINK"), {})
    needless = link.get("state") in ("matched", "linked")
    mails = len(lab.world.ses.sent)
    try:
        _send(lab, user, body)
    finally:
        if needless and any(body["activation_id"] in str(m["EmailTags"]) for m in lab.world.ses.sent[mails:]):
            lab.wrong.append("a mail to somebody who was matched already")


def _send(lab: Laboratory, user: RosterUserKey, body: dict[str, str]) -> None:
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
        if "activation_id" in tags:
            _check_state(lab, tags["activation_id"][0])
            complains = mail["To"].startswith("t2@")
            for kind in ("Send", "Delivery", "Complaint") if complains else ("Send", "Delivery"):
                detail = {"eventType": kind, "mail": {"messageId": mail["MessageId"], "tags": tags}}
                lab.send("ses", detail, after=lab.elapsed + 5)
    lab.facts["mails told"] = len(world.ses.sent)


def _check_state(lab: Laboratory, activation_id: str) -> None:
    items = lab.world.table.items.values()
    states = [i["state"] for i in items if i["SK"] == "ACTIVATION" and i["activation_id"] == activation_id]
    if states[0] in ("pending", "withdrawn"):
        lab.wrong.append(f"a mail went out for an activation that is {states[0]}")


def _safety(lab: Laboratory) -> Iterator[str]:
    seen: set[str] = set()
    for mail in lab.world.ses.sent:
        tags = {t["Name"]: t["Value"] for t in mail["EmailTags"]}
        if "activation_id" not in tags:
            continue
        if tags["activation_id"] in seen or mail["To"] in seen:
            yield "two activation mails to one person"
        seen |= {tags["activation_id"], mail["To"]}


def _at_rest(lab: Laboratory) -> dict[str, Any]:
    kept: dict[str, Any] = {
        f"{pk} {sk}": (item["state"], "used_at" in item)
        for (pk, sk), item in lab.world.table.items.items()
        if sk == "ACTIVATION"
    }
    kept["mailed"] = sorted(m["To"] for m in lab.world.ses.sent if "activation_id" in str(m["EmailTags"]))
    return kept


ACTIVATION = Feature(
    "activation",
    workers={
        "sqs": Worker(_sends, 6, 360, may_come_twice=True),
        "ses": Worker(_is_told, 4, 60, may_come_twice=True),
    },
    collect=_collect,
    safety=_safety,
    at_rest=_at_rest,
)
