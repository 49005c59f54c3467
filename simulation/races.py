"""People who act at the same moment: seeded interleavings, call by call. After each turn both sides of all links agree.

Each person is a worker that may let others go first before any call, as in the simulation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from greenlet import getcurrent, greenlet

from local.web_client import NoSuchButton, WebClient
from shared.domain.errors import AccountLinkingError
from shared.domain.link import Proof
from shared.stores.links import Consent
from simulation.fault_injection import FaultInjector
from tests.builders import enrolled, key, roster, user
from tests.harness import World
from tests.pages_harness import CLEVER_DISTRICT, Website, activated, log_in

PEOPLE = [user("t1", "teacher", given="Ada"), user("t2", "teacher"), user("s1", ids="{Clever:cid-1}", given="Kid"),
          user("s2", ids="{Clever:cid-2}"), user("s9", given="Zoe"), user("a1", "administrator")]  # fmt: skip


class Race:
    """A few workers on one world. The seed decides before each call who is next."""

    def __init__(self, seed: int, prepared: World) -> None:
        self.dice = Random(f"race {seed}")
        self.injector = FaultInjector(before_call=self._let_others_go_first, enabled=True)
        self.world = World(gate=self.injector, is_metered=False)
        self.world.begin_like(prepared)
        self.world.ses.sent = list(prepared.ses.sent)
        self.web = Website(self.world, gate=self.injector)
        self.web.cognito.users = {name: ("correct horse", name) for name in ("ada", "kid", "zoe")}
        self.facts: Counter[tuple[str, str]] = Counter()
        self.order: list[int] = []
        self._hub = getcurrent()
        self._ended: list[BaseException | None] = []
        self.world.table.listeners.append(self._count)

    def run(self, *workers: Callable[[], object]) -> Race:
        running = [greenlet(lambda do=do: self._work(do)) for do in workers]
        numbers = {id(worker): number for number, worker in enumerate(running)}
        while running:
            worker = self.dice.choice(running)
            self.order.append(numbers[id(worker)])
            worker.switch()
            check_agreement(self.world)
            if worker.dead:
                running.remove(worker)
        for failed in self._ended:
            if failed is not None:
                raise failed
        return self

    def _work(self, do: Callable[[], object]) -> None:
        """A refusal in the product's own words is expected; any other error is a defect."""
        try:
            do()
            self._ended.append(None)
        except (AccountLinkingError, NoSuchButton):
            self._ended.append(None)
        except Exception as failed:  # noqa: BLE001 - raised when all have ended
            self._ended.append(failed)

    def _let_others_go_first(self, _operation: str, _request: dict[str, Any]) -> None:
        if getcurrent() is not self._hub and self.dice.random() < 0.5:
            self._hub.switch()

    def _count(self, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
        if before is None and after and after["PK"].startswith("OUTBOX#"):
            self.facts[after["detail_type"], ""] += 1


def check_agreement(world: World) -> None:
    """Check the invariants of links and claims, read from the table itself."""
    items = world.table.items
    owners: dict[tuple[str, str], str] = {}
    for (pk, sk), item in items.items():
        if pk.startswith("USER#") and sk == "LINK" and item["state"] == "linked":
            _, district_id, sourced_id = pk.split("#", 2)
            place = (item["account_id"], district_id)
            assert place not in owners, f"{place} has two people: {owners.get(place)} and {sourced_id}"
            owners[place] = sourced_id
            other = items.get((f"ACCOUNT#{item['account_id']}", f"LINK#{district_id}"), {})
            assert (other.get("state"), other.get("sourced_id")) == ("linked", sourced_id), f"half a link: {pk}"
    for (pk, sk), item in items.items():
        if pk.startswith("ACCOUNT#") and sk.startswith("LINK#") and item["state"] == "linked":
            district_id = sk.removeprefix("LINK#")
            assert owners.get((pk.removeprefix("ACCOUNT#"), district_id)) == item["sourced_id"], f"half a link: {pk}"
    claims = Counter(pk for pk, sk in items if pk.startswith("CLEVER#") and sk.startswith("ACCOUNT#"))
    assert max(claims.values(), default=0) <= 1, f"a claim has two owners: {claims}"
    for (pk, sk), item in items.items():
        if pk.startswith("OIDC#") or (pk.startswith("CLEVER#") and sk.startswith("ACCOUNT#")):
            owner = item.get("account_id") or sk.removeprefix("ACCOUNT#")
            assert (f"ACCOUNT#{owner}", "ACCOUNT") in items, f"nobody owns {pk}"


def links_in(world: World) -> dict[str, tuple[str, str]]:
    return {
        pk.rpartition("#")[2]: (item["state"], item["account_id"])
        for (pk, sk), item in world.table.items.items()
        if sk == "LINK"
    }


def activates(race: Race, who: str, username: str = "ada", *, looks: int = 0) -> Callable[[], WebClient]:
    """Return a worker that goes from the mail to the link; ``looks`` is how often it reloads the page before it goes on."""

    def do() -> WebClient:
        page = activated(race.web, who)
        for _ in range(looks):
            page.open("/activate")
        page = page.press("Log into my existing account")
        return log_in(page, username).press("Link my accounts")

    return do


def two_people_race_for_one_account(race: Race) -> dict[str, tuple[str, str]]:
    """Both proved their school address, both know the password of the one account."""
    race.run(activates(race, "t1"), activates(race, "t2"))
    links = links_in(race.world)
    linked = [who for who in ("t1", "t2") if links.get(who) == ("linked", "ada")]
    assert len(linked) == 1, links
    assert race.facts["AccountLinked", ""] == 1
    return links


def one_person_is_on_two_devices(race: Race) -> dict[str, tuple[str, str]]:
    """The same mail twice, and the district's own login on the other device."""

    def at_the_district() -> None:
        visitor = race.web.visitor(sub="cid-2", district=CLEVER_DISTRICT).open("/sso/lakeside")
        visitor.press("Continue with Clever").press("I don't have an account yet")

    race.run(activates(race, "t1"), activates(race, "t1"), at_the_district, at_the_district)
    links = links_in(race.world)
    assert links["t1"] == ("linked", "ada")
    assert links["s2"][0] == "linked"
    assert race.facts["AccountLinked", ""] == 2
    assert race.facts["AccountCreated", ""] == 1, "the account that lost was not made"
    return links


def a_link_meets_its_undo(race: Race) -> dict[str, tuple[str, str]]:
    """A teacher is linked; one device undoes, one person of the same address links again, another wants the account."""
    world = race.world
    links = world.links
    activation = world.activations.of_user(key("t1"))
    links.make(Consent(key("t1"), "ada", Proof.ACTIVATION, False, activation), event_id="first", now=world.now)
    world.pass_time(seconds=1)
    proved = world.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def undo() -> None:
        links.undo(key("t1"), event_id=world.new_id(), now=world.now)

    def again() -> None:
        by = Proof.DISTRICT_LOGIN_GOOGLE
        consent = Consent(key("t1"), "ada", by, False, world.activations.of_user(key("t1")), None, proved)
        links.make(consent, event_id=world.new_id(), now=world.now)

    race.run(undo, again, undo, activates(race, "t2"))
    found = links_in(world)
    assert race.facts["AccountLinked", ""] - race.facts["LinkUndone", ""] == sum(
        s == "linked" for s, _ in found.values()
    )
    return found


def a_link_meets_an_import(race: Race) -> dict[str, tuple[str, str]]:
    """While a teacher links, the roster comes again: with another address, without the person, or with a match."""
    other = {
        0: [user("t1", "teacher", email="new@lakeside.example"), *PEOPLE[1:]],
        1: PEOPLE[1:],
        2: [user("t1", "teacher", given="Ada", email="zoe@lakeside.example"), *PEOPLE[1:]],
    }[race.dice.randrange(3)]

    def imports() -> None:
        race.world.upload(roster(*other, enrollments=enrolled("s1") + enrolled("s9")), name="again")

    race.run(activates(race, "t1", looks=race.dice.randrange(80)), imports)
    links = links_in(race.world)
    assert links.get("t1", ("linked", "ada")) == ("linked", "ada"), "no import touches a link that was made"
    return links
