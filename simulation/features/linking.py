"""Links: by the mail's button and a password, by a district login, undone and made again, and never half (M6–M12, B2)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from shared.domain.activation import ActivationState
from shared.domain.errors import RefusedTransition
from shared.domain.link import Link, LinkState, Proof
from shared.domain.matching import LoginProof
from shared.domain.nudge import first_nudge_at
from shared.domain.roster import RosterUserKey
from shared.stores.links import Consent
from simulation.simulator import DAY, Feature, Simulation, Worker
from tests.harness import CLEVER
from tests.pages_harness import Website
from tests.two_accounts import with_made_account

PASSWORD = "correct horse"
_SAYS_WHY = {"account_linked_elsewhere", "undone_by_person", "already_linked", "activation_dead", "account_joined"}
"""Refusals that a person takes for an answer."""
_MAILED = (ActivationState.SENT, ActivationState.DELIVERED, ActivationState.COMPLAINED)


def _scenario(sim: Simulation) -> None:
    web = Website(sim.world, gate=sim.injector)
    web.cognito.users = {"ada": (PASSWORD, "ada")}
    web.clever.takes_codes_again = True
    sim.facts["web"] = web
    sim.facts["events of links"] = Counter()
    sim.world.table.listeners.append(lambda before, after: _count_facts(sim, before, after))
    race = sim.people_race
    # A page takes as long as many calls: one run in four goes through the pages.
    browser = sim.seed % 4 == 0
    sim.send("visit", ("activates in a browser" if browser else "activates", "t1", "ada"), after=7_200)
    sim.send("visit", ("activates", "t2", "ada"), after=7_200 if race else DAY + 3_600)
    sim.send("visit", ("logs in", "t3", "tom"), after=7_300)
    sim.send("visit", ("logs in with clever" if browser else "logs in", "s1", "kid"), after=7_400)
    sim.send("visit", ("undoes", "t3", "tom"), after=7_310 if race else DAY + 13_600)
    sim.send("visit", ("logs in", "t3", "tom"), after=7_320 if race else 2 * DAY + 17_200)
    # An activation is good once: after an undo the same mail links nothing any more.
    sim.send("visit", ("activates", "t4", "max"), after=2 * DAY)
    sim.send("visit", ("undoes", "t4", "max"), after=2 * DAY + 10_000)
    sim.send("visit", ("activates", "t4", "max"), after=2 * DAY + 20_000)
    # The older account is found after the first district login made one; twice, parted, and joined again.
    sim.send("visit", ("starts anew", "s4", "made-s4"), after=7_400)
    for after in (DAY, DAY, 3 * DAY):
        sim.send("visit", ("joins", "s4", "joy"), after=after)
    sim.send("visit", ("parts", "s4", "joy"), after=DAY if race else 2 * DAY)
    for _ in range(2):
        sim.send("visit", ("chooses", "s2", "pat"), after=7_400)
    if race:
        # Two people, each of whom knows the other's password: nobody's account may lead back to itself.
        sim.send("visit", ("starts anew", "valley#s1", "made-v1"), after=7_400)
        sim.send("visit", ("joins", "s4", "made-v1"), after=DAY - 9_000)
        sim.send("visit", ("joins", "valley#s1", "made-s4"), after=DAY - 9_000)
        sim.send("visit", ("logs in", "t3", "tom"), after=7_300)
        sim.send("visit", ("undoes", "t3", "tom"), after=7_310)
        sim.send("visit", ("activates", "t1", "ada"), after=7_200)
        sim.send("visit", ("logs in", "t3", "ada"), after=7_200)


def _count_facts(sim: Simulation, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
    if after and before is None and after["PK"].startswith("OUTBOX#"):
        detail = json.loads(after["detail"])
        fact = (after["detail_type"], detail.get("account_id", ""), detail.get("sourced_id", ""))
        sim.facts["events of links"][fact] += 1


def _visits(sim: Simulation, visit: tuple[str, str, str]) -> None:
    action, sourced_id, account_id = visit
    district_id, _, sourced_id = sourced_id.rpartition("#")
    user = RosterUserKey(district_id or "lakeside", sourced_id)
    try:
        {
            "activates in a browser": _activates_in_a_browser,
            "activates": _activates,
            "logs in": _logs_in,
            "chooses": _chooses,
            "logs in with clever": _logs_in_with_clever,
            "undoes": _undoes,
            "starts anew": _starts_anew,
            "joins": _joins,
            "parts": _parts,
        }[action](sim, user, account_id)
    except RefusedTransition as refused:
        if refused.code not in _SAYS_WHY:
            raise


def _activates_in_a_browser(sim: Simulation, user: RosterUserKey, account_id: str) -> None:
    """The whole way through the pages: a scanner was there first."""
    if _is_linked(sim, user):
        return
    address = _to(sim, f"{user.sourced_id}@lakeside.example")
    web: Website = sim.facts["web"]
    web.visitor().open(address)
    visitor = web.visitor().open(address).press("Log into my existing account")
    visitor.press("Log in", username_or_email=account_id, password=PASSWORD).press("Link my accounts")
    if visitor.status != 200 or not (_is_linked(sim, user) or sim.people_race):
        raise RefusedTransition("not_linked", "The page did not lead to a link.")


def _activates(sim: Simulation, user: RosterUserKey, account_id: str) -> None:
    activation = sim.world.activations.of_user(user)
    if activation is None or activation.state not in _MAILED:
        raise RefusedTransition("not_yet", "The mail is not there yet.")
    _make(sim, Consent(user, account_id, Proof.ACTIVATION, False, activation, _nudge_at(sim)))


def _logs_in(sim: Simulation, user: RosterUserKey, account_id: str) -> None:
    """A district login that finds a match links without a question (M6)."""
    person = sim.world.users.get(user)
    if person is None:
        raise RefusedTransition("not_yet", "The roster is not there yet.")
    link = sim.world.links.of_user(user)
    if link and link.state in (LinkState.UNDONE, LinkState.LINKED):
        # Whoever is linked already is recognised; what a person undid, no rule makes again.
        return
    login = None
    if user.sourced_id.startswith("s"):
        login = LoginProof(CLEVER, person.clever_ids[0] if person.clever_ids else user.sourced_id)
    if sim.world.identifiers.find_match(person, ("lakeside.example",), login=login).account_id != account_id:
        raise RefusedTransition("already_linked" if sim.people_race else "not_yet", "There is no match.")
    activation = sim.world.activations.of_user(user)
    clever = user.sourced_id.startswith("s")
    by = Proof.DISTRICT_LOGIN_CLEVER if clever else Proof.DISTRICT_LOGIN_GOOGLE
    _make(sim, Consent(user, account_id, by, True, activation, None if clever else _nudge_at(sim)))


def _chooses(sim: Simulation, user: RosterUserKey, account_id: str) -> None:
    """At a first district login without a match: the person logs into the account, too (M12)."""
    if sim.world.users.get(user) is None:
        raise RefusedTransition("not_yet", "The roster is not there yet.")
    _make(sim, Consent(user, account_id, Proof.DISTRICT_LOGIN_GOOGLE))


def _logs_in_with_clever(sim: Simulation, user: RosterUserKey, _account_id: str) -> None:
    web: Website = sim.facts["web"]
    visitor = web.visitor(sub="c-1", district="clever-lakeside")
    visitor.open("/sso/lakeside").press("Continue with Clever")
    if visitor.status != 200 or not _is_linked(sim, user):
        raise RefusedTransition("not_linked", "The login did not lead to a link.")
    if web.again("GET /callback/clever").status_code < 400:
        sim.violations.append("one answer of an issuer counted twice")


def _undoes(sim: Simulation, user: RosterUserKey, _account_id: str) -> None:
    link = sim.world.links.of_user(user)
    if link and link.state is LinkState.UNDONE:
        return
    sim.world.links.undo(user, event_id=sim.world.new_id(), now=sim.world.now)


def _starts_anew(sim: Simulation, user: RosterUserKey, account_id: str) -> None:
    """A first district login of somebody who does not think of the older account."""
    if sim.world.users.get(user) is None:
        raise RefusedTransition("not_yet", "The roster is not there yet.")
    if sim.world.links.of_user(user) is None:
        with_made_account(sim.world, user, account_id)


def _joins(sim: Simulation, user: RosterUserKey, account_id: str) -> None:
    present = sim.world.links.of_user(user)
    if present is None or sim.world.accounts.get(account_id) is None:
        raise RefusedTransition("not_yet", "There is nothing to join yet.")
    _make(sim, Consent(user, account_id, Proof.DISTRICT_LOGIN_GOOGLE, joins=present.account_id), present)


def _parts(sim: Simulation, user: RosterUserKey, account_id: str) -> None:
    """As the page does: what is linked to the account that is logged in."""
    for link in sim.world.links.of_account(account_id):
        sim.world.links.undo(link.user, account_id=account_id, event_id=sim.world.new_id(), now=sim.world.now)


def _make(sim: Simulation, consent: Consent, present: Link | None = None) -> None:
    sim.world.links.make(consent, present=present, event_id=sim.world.new_id(), now=sim.world.now)


def _is_linked(sim: Simulation, user: RosterUserKey) -> bool:
    """As the person sees it, without a call of the product's."""
    item = sim.world.table.items.get((f"USER#{user.district_id}#{user.sourced_id}", "LINK"))
    return item is not None and item["state"] == "linked"


def _nudge_at(sim: Simulation) -> Any:
    return first_nudge_at(sim.world.districts.get("lakeside"), sim.world.now)


def _to(sim: Simulation, address: str) -> str:
    try:
        return sim.world.address_in_mail_to(address)
    except StopIteration:
        raise RefusedTransition("not_yet", "The mail is not there yet.") from None


def _safety(sim: Simulation) -> Iterator[str]:
    """Both sides of a link say the same, and nobody is linked whom no rule and no person linked."""
    items = sim.world.table.items
    for (pk, sk), item in sim.world.table.of_kind("LINK"):
        if item["state"] != "linked":
            continue
        if sk == "LINK":
            _, district_id, sourced_id = pk.split("#", 2)
            further = f"#{sourced_id}" if item.get("is_further") else ""
            other = items.get((f"ACCOUNT#{item['account_id']}", f"LINK#{district_id}{further}"), {})
            if (other.get("state"), other.get("sourced_id")) != ("linked", sourced_id):
                yield f"half a link: {pk}"
        else:
            district_id, _, further = sk.removeprefix("LINK#").partition("#")
            other = items.get((f"USER#{district_id}#{item['sourced_id']}", "LINK"), {})
            if (other.get("state"), other.get("account_id")) != ("linked", pk.removeprefix("ACCOUNT#")):
                yield f"half a link: {pk} {sk}"
            if other.get("is_further", False) != bool(further):
                yield f"a further number has the place of the first, or the reverse: {pk} {sk}"
            if further and items.get((pk, f"LINK#{district_id}"), {}).get("state") != "linked":
                yield f"a further number is linked, and the first is not: {pk} {sk}"
    for (pk, _), item in sim.world.table.of_kind("JOINED"):
        if "into" in item:
            into = items.get((f"ACCOUNT#{item['into']}", "JOINED"), {})
            if pk.removeprefix("ACCOUNT#") not in into.get("accounts", ()):
                yield f"half a join: {pk}"
            if _leads_back(items, pk):
                yield f"accounts are joined in a circle: {pk}"
    facts: Counter[tuple[str, ...]] = sim.facts["events of links"]
    for (kind, *pair), made in facts.items():
        if kind == "AccountLinked" and made - facts["LinkUndone", *pair] not in (0, 1):
            yield f"the platform was told {made} times of one link"
        if kind == "LinkUndone" and made > facts["AccountLinked", *pair]:
            yield "the platform was told twice that one link was undone"


def _leads_back(items: dict[tuple[str, str], dict[str, Any]], start: str) -> bool:
    """Whether an account was joined into one that was joined into it, over however many."""
    seen, at = {start}, start
    while into := items.get((at, "JOINED"), {}).get("into"):
        at = f"ACCOUNT#{into}"
        if at in seen:
            return True
        seen.add(at)
    return False


def _at_rest(sim: Simulation) -> dict[str, Any]:
    return {
        f"{pk} {sk}": (item["state"], item["account_id"], item.get("by"), item.get("by_rule"))
        for (pk, sk), item in sim.world.table.of_kind("LINK")
        if sk == "LINK"
    } | {
        pk: (item.get("into"), sorted(item.get("accounts", ()))) for (pk, _), item in sim.world.table.of_kind("JOINED")
    }


LINKING = Feature(
    "linking",
    workers={"visit": Worker(_visits, 10, 600, is_parked=False)},
    scenario=_scenario,
    safety=_safety,
    at_rest=_at_rest,
)
