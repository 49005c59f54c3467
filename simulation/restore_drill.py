"""``make restore-drill``: restore the table of each of a district's nights beside snapshots of the same or another one, and go on.

What a restore has to keep is looked at after two more nights: nobody is mailed twice, nobody is removed who did not leave, links
have both of their sides, and people and accounts are as where nothing was restored.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

from shared.domain.activation import ActivationState
from shared.domain.link import Proof
from shared.stores.links import Consent
from shared.stores.restored_table import RestoredTable
from tests.builders import account, enrolled, key, roster, user
from tests.harness import CONFIGURATION_SET, World, decide
from tests.restored import moment, restored

NIGHTS = 8
SNAPSHOTS = ("of the same moment", "as they are now", "of the night before", "gone")
"""Which snapshots lie beside the restored table."""
_NEXT = 2
"""Nights after a restore."""


@dataclass
class Drill:
    """What restores came to; ``wrong`` says what was not kept."""

    restores: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


@dataclass
class _Night:
    """What the district and the platform send in a night: people by whether they teach, and accounts."""

    people: dict[str, str]
    accounts: dict[str, str]


def _nights(seed: int) -> list[_Night]:
    """Nights of a district: people come and leave, and accounts come and change their names."""
    dice = Random(f"restore drill {seed}")
    people = {f"t{n}": "teacher" for n in range(4)} | {f"s{n}": "student" for n in range(30)}
    accounts = {f"a{n}": "Kim" for n in range(4)}
    nights = []
    for night in range(NIGHTS + _NEXT):
        people = {who: role for who, role in people.items() if role == "teacher" or dice.random() > 0.03}
        people |= {f"s{night}-new": "student"} | ({f"t{night}-new": "teacher"} if dice.random() < 0.5 else {})
        accounts = {who: dice.choice(("Kim", "Robin")) for who in [*accounts, f"a{night}-new"]}
        nights.append(_Night(people, accounts))
    return nights


def _pass(world: World, night: _Night) -> str:
    """A night and a school day. Return how its import ended."""
    world.pass_time(days=1)
    rows = [user(who, role) for who, role in night.people.items()]
    report = world.upload(
        roster(*rows, enrollments="".join(enrolled(who, role) for who, role in night.people.items())), name="night"
    )
    if report["status"] == "held":
        decide(world, report, "approve")
    world.feed(*(account(who, f"{who}@mail.example", display_name=name) for who, name in night.accounts.items()))
    for work in (world.queue_due_activations().run, world.send_mail, world.send_nudge().run):
        work()
    _deliver(world)
    world.notify_of_links()
    return str(report["status"])


def _deliver(world: World) -> None:
    for mail in world.ses.sent:
        tags = {tag["Name"]: [tag["Value"]] for tag in mail["EmailTags"]}
        tags["ses:configuration-set"] = [CONFIGURATION_SET]
        world.record_feedback().record(
            {"eventType": "Delivery", "mail": {"messageId": mail["MessageId"], "tags": tags}}
        )


def _link(world: World, number: int) -> None:
    """Let one who was mailed make a link."""
    teacher = key(f"t{number}")
    activation = world.activations.of_user(teacher)
    if activation and activation.state is ActivationState.DELIVERED and activation.used_at is None:
        consent = Consent(
            teacher, f"a{number}", Proof.ACTIVATION, activation=activation, nudge_at=world.now + timedelta(days=2)
        )
        world.links.make(consent, event_id=world.new_id(), now=world.now)


def carry_out(seeds: range, *, step: int = 1) -> dict[str, Drill]:
    """Restore each night of these seeds' districts, or each one in ``step``.

    Return what came of it, by which snapshots lay beside the table.
    """
    drills = {which: Drill() for which in SNAPSHOTS}
    for seed in seeds:
        nights = _nights(seed)
        world, moments = World(), list[World]()
        world.register()
        for number, night in enumerate(nights[:NIGHTS]):
            moments.append(moment(world))
            _pass(world, night)
            _link(world, number)
        never = moment(world)
        never.sqs.messages = list(world.sqs.messages)
        for night in nights[NIGHTS:]:
            _pass(never, night)
        for number in range(2, NIGHTS, step):
            for which, drill in drills.items():
                _restore(world, moments, number, which, nights, never, drill)
    return drills


def _restore(
    now: World, moments: list[World], number: int, which: str, nights: list[_Night], never: World, drill: Drill
) -> None:
    then = moments[number]
    beside = {SNAPSHOTS[0]: then, SNAPSHOTS[1]: now, SNAPSHOTS[2]: moments[number - 1]}.get(which, World())
    world = restored(now, table=then, snapshots=beside)
    result = RestoredTable(now.table, world.table).carry_over()
    stood, due = _active(world), set(nights[NIGHTS].people)
    mails = len(now.ses.sent)
    statuses = [_pass(world, nights[NIGHTS])]
    removed = stood - _active(world)
    statuses += [_pass(world, night) for night in nights[NIGHTS + 1 :]]
    drill.restores += 1
    drill.counts += Counter({"imports that waited for a person": statuses.count("held")})
    drill.counts += Counter({"mails that were brought over": result.done["activation mails that went out since"]})
    drill.counts += Counter({"mails of the nights after": len(world.ses.sent) - mails})
    checks: dict[str, Callable[[], Iterator[str]]] = {
        "mailed twice": lambda: _twice(world),
        "removed, but on the roster": lambda: iter(removed & due),
        "not removed": lambda: iter(() if "held" in statuses else (_active(world) - _active(never))),
        "missing": lambda: iter(_active(never) - _active(world)),
        "half a link": lambda: _half_links(world),
        "account is not as it would be": lambda: _differ(world, never),
    }
    drill.wrong += [f"night {number}, snapshots {which}: {what}: {who}" for what, of in checks.items() for who in of()]


def _active(world: World) -> set[str]:
    return {pk for (pk, sk), item in world.table.items.items() if sk == "ROSTER" and item["active"]}


def _twice(world: World) -> Iterator[str]:
    """Who got two activation mails, a second nudge of one date, or two notices of a link."""
    kinds = Counter[tuple[str, str]]()
    for mail in world.ses.sent:
        tags = {tag["Name"]: tag["Value"] for tag in mail["EmailTags"]}
        kind = "activation" if "activation_id" in tags else "notice" if "notice_of" in tags else ""
        kinds[mail["To"], kind] += bool(kind)
    yield from (f"{who} ({kind})" for (who, kind), number in kinds.items() if number > 1)


def _half_links(world: World) -> Iterator[str]:
    items = world.table.items
    for (pk, sk), item in items.items():
        if (
            sk == "LINK"
            and item["state"] == "linked"
            and (f"ACCOUNT#{item['account_id']}", "LINK#lakeside") not in items
        ):
            yield pk
        elif pk.startswith("ACCOUNT#") and sk == "LINK#lakeside":
            other: dict[str, Any] = items.get((f"USER#lakeside#{item['sourced_id']}", "LINK"), {})
            if other.get("account_id") != pk.removeprefix("ACCOUNT#"):
                yield pk


def _differ(world: World, never: World) -> Iterator[str]:
    def names(of: World) -> dict[str, str]:
        return {pk: item["display_name"] for (pk, sk), item in of.table.items.items() if sk == "ACCOUNT"}

    here, there = names(world), names(never)
    yield from (who for who in {*here, *there} if here.get(who) != there.get(who))


def main(seeds: int = 5) -> int:
    """Print what was kept, and return 1 where something was not."""
    drills = carry_out(range(seeds))
    for which, drill in drills.items():
        sys.stdout.write(f"table restored, snapshots {which}: {drill.restores} restores\n")
        for what, number in sorted(drill.counts.items()):
            sys.stdout.write(f"{number:>7,}  {what}\n")
        sys.stdout.write(
            f"{len(drill.wrong):>7,}  mailed twice, removed wrongly, missing, half linked or otherwise wrong\n"
        )
        for wrong in drill.wrong[:20]:
            sys.stdout.write(f"         {wrong}\n")
    return 1 if any(drill.wrong for drill in drills.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
