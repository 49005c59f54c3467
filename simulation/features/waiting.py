"""What waits, and what changes under people: a mail domain, a class that ends, and deltas behind a held roster (M1, M5, B11)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from shared.stores.keys import user_of
from simulation.features.rosters import person, roster, upload
from simulation.simulator import DAY, Feature, Simulation, Worker
from tests.builders import USERS
from tests.harness import CONFIGURATION_SET, World, zipped

_PEOPLE = ("t1", "s1", "s2", "s3")
_CLASSES = {"c1": "c1,,,Algebra,k1,scheduled,o1,t1\n", "c2": "c2,,,Biology,k2,scheduled,o1,t1\n"}


def _whole(*people: str, moved: str = "", classes: tuple[str, ...] = ("c1",)) -> bytes:
    """``moved`` are those who have addresses in the new domain."""
    rows = [
        person(who, email=f"{who}@new.example" if who in moved.split() else f"{who}@meadow.example") for who in people
    ]
    of = "".join(_CLASSES[name] for name in classes)
    return roster(rows, enrolled=" ".join(people), classes=of, in_classes=classes)


def _delta(**people: str) -> bytes:
    """People by their given names; an empty one marks who is gone."""
    rows = [
        person(who, given=given or "Kim", email=f"{who}@new.example", status="active" if given else "tobedeleted")
        for who, given in people.items()
    ]
    manifest = "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.users,delta\n"
    return zipped({"manifest.csv": manifest, "users.csv": USERS + "".join(rows)})


def prepare(world: World) -> None:
    """Meadow, whose teacher has a mail."""
    world.register("meadow", email_domains=["meadow.example", "new.example"], removal_threshold_count=2)
    world.put("rosters/meadow/r.zip", _whole(*_PEOPLE, classes=("c1", "c2")))
    for message in map(json.loads, world.sqs.messages):
        if message["district_id"] == "meadow":
            world.send_activation().send(user_of(message), message["activation_id"])
    mail = world.ses.sent[-1]
    tags = {tag["Name"]: [tag["Value"]] for tag in mail["EmailTags"]} | {"ses:configuration-set": [CONFIGURATION_SET]}
    world.record_feedback().record(
        {"eventType": "Delivery", "mail": {"messageId": mail["MessageId"], "tags": tags}},
    )


def _scenario(sim: Simulation) -> None:
    """A new domain, and a class less; then a roster that is held, and behind it two deltas, told of in the other order."""
    upload(sim, "domain", _whole(*_PEOPLE, moved="t1 s1"), **_at(4))
    held = upload(sim, "held", _whole("t1", moved="t1"), **_at(5))
    upload(sim, "first", _delta(s1="First", s8="New"), **_at(5, 3_600), told=300)
    upload(sim, "second", _delta(s1="Second", s8=""), **_at(5, 3_660))
    sim.send("decision", ("held", held), after=5.5 * DAY)
    for number in range(6):
        sim.send("pauses", "meadow", after=6 * DAY + number * 7_200)


def _at(day: int, seconds: int = 0) -> dict[str, Any]:
    return {"district_id": "meadow", "after": day * DAY + seconds}


def _watches(sim: Simulation, _what: str) -> None:
    sim.world.watch_pauses().run()


def _safety(sim: Simulation) -> Iterator[str]:
    items = sim.world.table.items
    for who in _PEOPLE:
        if not items[f"USER#meadow#{who}", "ROSTER"]["active"]:
            yield f"meadow's {who} was removed by a held roster"
    seen = sim.facts.setdefault("meadow's mails", 0)
    for mail in sim.world.ses.sent[seen:]:
        is_first = any(tag["Name"] == "activation_id" for tag in mail["EmailTags"])
        if is_first and mail["To"].endswith(("@meadow.example", "@new.example")):
            yield "somebody was mailed again for a new domain"
    sim.facts["meadow's mails"] = len(sim.world.ses.sent)


def _at_rest(sim: Simulation) -> dict[str, Any]:
    """The later delta counts, and the class that is gone can still be read."""
    items = sim.world.table.items
    past = sorted(pk for pk, _ in items if pk.startswith("PAST_CLASS#meadow"))
    waits = sorted(pk for pk, sk in items if pk == "DISTRICT#meadow" and sk.startswith("PAUSED#"))
    given = {who: items.get((f"USER#meadow#{who}", "ROSTER"), {}).get("given_name") for who in ("s1", "s8")}
    activation = items["USER#meadow#t1", "ACTIVATION"]["email"]
    return {"meadow's past classes": past, "meadow waits": waits, "meadow's names": given, "meadow's t1": activation}


WAITING = Feature(
    "waiting", workers={"pauses": Worker(_watches, 6, 60)}, scenario=_scenario, safety=_safety, at_rest=_at_rest
)
