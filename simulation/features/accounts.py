"""The accounts feed: several files at once, deletions in the middle, accounts that come later (M7, M14, M16, M17)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shared.domain.errors import RefusedTransition
from shared.stores.outbox import event_item
from simulation.simulator import CANARY, DAY, Feature, Simulation, Worker


def account(account_id: str, email: str | None, **more: Any) -> dict[str, Any]:
    return {"account_id": account_id, "role": "teacher", "display_name": CANARY, "username": account_id, "email": email,
            "email_verified": email is not None, **more}  # fmt: skip


def _points(**points: int) -> dict[str, Any]:
    return {skill: {"points": n, "updated_at": "2026-05-01T00:00:00Z"} for skill, n in points.items()}


def _class(class_id: str, name: str = "Period 3") -> dict[str, Any]:
    return {"class_id": class_id, "name": name, "student_account_ids": ["kid"]}


KID: dict[str, Any] = {**account("kid", "kid@mail.example"), "role": "student", "clever_id": "c-1"}
FIRST = [
    account("ada", "ada@mail.example", classes=[_class("own"), _class("old")]),
    account("max", "max@mail.example"),
    account("pat", "pat@mail.example"),
    account("joy", "joy@mail.example"),
    account("tom", "t3@lakeside.example"),
    account("eve", "t2@lakeside.example", email_verified=False),
    account("sam", "shared@lakeside.example"),
    {**KID, "mastery": _points(a=60)},
]
AT_ONCE = (
    [{**KID, "mastery": _points(a=30, b=80)}, account("zed", "z2@mail.example")],
    [{**KID, "mastery": _points(c=90)}, account("zed", "z3@mail.example")],
    [account("ada", "ada@mail.example", classes=[_class("own"), _class("old", "renamed")])],
    [account("lou", "s5@lakeside.example"), account("yan", "y1@mail.example", mastery=_points(a=1))],
    [account("yan", "y2@mail.example", mastery=_points(b=1))],
)
LATER = [
    account("vic", "t1@valley.example"),
    account("ned", None, clever_id="c-1"),
    account("tom", "t3@lakeside.example", clever_id="c-9"),
]
"""One whose holder waits for a mail, one with the Clever id of somebody who is linked by now, one whose link a person has
undone."""


def _scenario(sim: Simulation) -> None:
    sim.facts["points"] = {}
    sim.world.table.listeners.append(lambda before, after: _watch(sim, before, after))
    sim.send("accounts", [*FIRST, account("zed", "z1@mail.example")], after=0)
    for lines in AT_ONCE:
        sim.send("accounts", lines, after=DAY + 3_600)
    # Where people race, an account comes at the moment when its holder's mail is due (activation.py).
    sim.send("accounts", LATER, after=10.2 * DAY if sim.people_race else 2 * DAY + 20_000)
    for class_id, after in (("old", DAY + 3_600), ("old", DAY + 3_600), ("unknown", DAY + 3_600), ("own", 45 * DAY)):
        sim.send("deletes", ("ada", class_id), after=after)


def _feeds(sim: Simulation, lines: list[dict[str, Any]]) -> None:
    sim.world.feed(*lines)


def _deletes(sim: Simulation, owned_class: tuple[str, str]) -> None:
    """A teacher deletes a class."""
    (owner, class_id), world = owned_class, sim.world
    event = event_item(world.new_id(), "ClassDeleted", {"class_id": class_id, "district_id": "lakeside"}, world.now)
    try:
        world.accounts.classes.delete(owner, class_id, event=event, now=world.now)
    except RefusedTransition:
        """The page says so: it was deleted already, or was never there."""


def _watch(sim: Simulation, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
    if after is None:
        if before and before["SK"] in ("ACCOUNT", "MASTERY"):
            sim.violations.append(f"{before['PK']} {before['SK']} was deleted")
    elif after["SK"] == "MASTERY":
        known = sim.facts["points"].setdefault(after["PK"], {})
        for skill, found in after["skills"].items():
            known[skill] = max(known.get(skill, 0), int(found["points"]))


def _safety(sim: Simulation) -> Iterator[str]:
    items = sim.world.table.items
    for pk, known in sim.facts["points"].items():
        skills = items.get((pk, "MASTERY"), {}).get("skills", {})
        for skill, points in known.items():
            if int(skills.get(skill, {"points": 0})["points"]) < points:
                yield f"{pk} went down in {skill}"
    deleted = [item for _, item in sim.world.table.of_kind("EVENT") if item["detail_type"] == "ClassDeleted"]
    if len(deleted) > (1 if sim.elapsed < 45 * DAY else 2):
        yield "a class was deleted twice"
    if ("ACCOUNT#ada", "CLASS#unknown") in items:
        yield "a class came from nowhere"


def _at_rest(sim: Simulation) -> dict[str, Any]:
    """Two of the accounts were written by two files at once: either may be the later one, but claims must be theirs."""
    items = sim.world.table.items
    kept: dict[str, Any] = {}
    stale = []
    for (pk, sk), item in items.items():
        raced = sk in ("ACCOUNT#zed", "ACCOUNT#yan") or pk in ("ACCOUNT#zed", "ACCOUNT#yan")
        if pk.startswith("EMAIL#") and sk.startswith("ACCOUNT#"):
            holder = items.get((sk, "ACCOUNT"), {})
            stale += [] if f"EMAIL#{holder.get('email')}" == pk else [pk]
        if sk == "MASTERY":
            kept[f"{pk} {sk}"] = repr(item["skills"])
        elif raced:
            continue
        elif pk.startswith(("EMAIL#", "CLEVER#", "OIDC#")):
            kept[f"{pk} {sk}"] = repr(sorted(item.items()))
        elif sk == "ACCOUNT":
            kept[f"{pk} {sk}"] = repr(sorted((k, v) for k, v in item.items() if k not in ("fingerprint", "version")))
        elif pk.startswith("ACCOUNT#") and sk.startswith("CLASS#"):
            kept[f"{pk} {sk}"] = (item["name"], "deleted_at" in item)
    return {**kept, "stale claims": stale}


ACCOUNTS = Feature(
    "accounts",
    workers={"accounts": Worker(_feeds, 3, 60), "deletes": Worker(_deletes, 8, 600, is_parked=False)},
    scenario=_scenario,
    safety=_safety,
    at_rest=_at_rest,
)
